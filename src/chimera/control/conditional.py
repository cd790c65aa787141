"""ETags: who has the same answer already is told so instead of being sent it again.

Only whole JSON answers of reads; what said `no-store` itself is left alone. Wraps the routes inside gzip, so a tag
is a weak one: it stands for the content, not for its bytes on the wire.
"""

from hashlib import blake2b

from chimera.control.envelope import App, Message, Receive, Scope, Send

REVALIDATED = (b"cache-control", b"private, no-cache")
"""A browser may keep it for itself, and asks before it shows it again."""


class Conditional:
    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        begun: list[Message] = []

        async def tagged(message: Message) -> None:
            if message["type"] == "http.response.start" and _may_be_tagged(message):
                begun.append(message)
                return
            if not begun or message["type"] != "http.response.body":
                await send(message)
                return
            start = begun.pop()
            if message.get("more_body"):
                await send(start)
                await send(message)
                return
            body = message.get("body", b"")
            tag = b'W/"%s"' % blake2b(body, digest_size=12).hexdigest().encode()
            headers = [*start["headers"], (b"etag", tag), REVALIDATED]
            if _known(scope, tag):
                kept = [pair for pair in headers if pair[0] not in {b"content-length", b"content-type"}]
                await send({**start, "status": 304, "headers": kept})
                await send({"type": "http.response.body", "body": b""})
                return
            await send({**start, "headers": headers})
            await send(message)

        await self._app(scope, receive, tagged)


def _may_be_tagged(start: Message) -> bool:
    if start["status"] != 200:
        return False
    headers = dict(start["headers"])
    return b"cache-control" not in headers and b"etag" not in headers


def _known(scope: Scope, tag: bytes) -> bool:
    """RFC 9110, 13.1.2: weak comparison; `*` stands for any."""
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            given = [one.strip().removeprefix(b"W/") for one in value.split(b",")]
            if b"*" in given or tag.removeprefix(b"W/") in given:
                return True
    return False
