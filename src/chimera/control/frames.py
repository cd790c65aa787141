"""A WebSocket message as the bytes of its frame, made once for all who get it, and the way to put them on the wire.

A server's frames carry no mask, so that the same bytes serve every client. Writing them is a plain call: no task
wakes up for each client and each message. What a client has not read yet is his transport's to hold, and is bounded
by whoever writes (`control.stream`). Knows no message and no client's name.
"""

import struct
from typing import Any, Protocol, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

EXTENSION = "chimera.frames"
"""Where an ASGI scope holds its `Wire`."""
TEXT_FINAL = 0x81  # RFC 6455 5.2: FIN and the opcode of text
ONE_BYTE_MAX, TWO_BYTES_MAX = 125, 65_535


class Wire(Protocol):
    def write(self, frames: bytes) -> None:
        """Whole frames, one or several; at once, and nothing where the connection is ending."""
        ...

    @property
    def unread_bytes(self) -> int:
        """Written and not taken by the network yet."""
        ...


def text_frame(message: bytes) -> bytes:
    """The frame of a text message in UTF-8."""
    size = len(message)
    if size <= ONE_BYTE_MAX:
        return struct.pack("!BB", TEXT_FINAL, size) + message
    if size <= TWO_BYTES_MAX:
        return struct.pack("!BBH", TEXT_FINAL, 126, size) + message
    return struct.pack("!BBQ", TEXT_FINAL, 127, size) + message


def wire_of(scope: Any) -> Wire:
    """Of a WebSocket that `FrameProtocol` serves; KeyError with any other server."""
    return cast(Wire, scope["extensions"][EXTENSION])


class FrameProtocol(WebSocketsSansIOProtocol):
    """Uvicorn's own, and a `Wire` in the scope of each connection. Its frames and ours do not mix: both are whole."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:  # the application's task runs later, so it finds it there
            extensions = cast(dict[str, Any], self.scope["extensions"])
            extensions[EXTENSION] = self

    def write(self, frames: bytes) -> None:
        if not (self.close_sent or self.disconnected or self.transport.is_closing()):
            self.transport.write(frames)

    @property
    def unread_bytes(self) -> int:
        return self.transport.get_write_buffer_size()
