"""The dashboard's files: what the web build left, the same page for every address inside it, and a clear word
where nothing was built.
"""

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

FOREVER = "public, max-age=31536000, immutable"  # names under assets/ contain a hash of what is in them
UNBUILT = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Chimera: dashboard not built</title></head>
<body>
<h1>The dashboard is not built</h1>
<p>The API runs: see <a href="/docs">/docs</a> and <a href="/api/v1/health">/api/v1/health</a>.</p>
<p>To build the dashboard, run <code>make setup</code> in the repository with a network connection, then reload.</p>
</body>
</html>
"""


class Dashboard(StaticFiles):
    """Serves a folder that may not be there yet, to whatever no route takes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, check_dir=False)
        self.config_checked = True  # Starlette would refuse every request while the folder is missing
        self._index = folder / "index.html"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": ""})  # before accept: HTTP 403
            return
        await super().__call__(scope, receive, send)

    async def get_response(self, path: str, scope: Scope) -> Response:
        if scope["method"] not in {"GET", "HEAD"} or path.startswith("api/"):
            raise HTTPException(404)
        if not self._index.is_file():
            return HTMLResponse(UNBUILT, status_code=503 if path in {"", "."} else 404)
        try:
            answer = await super().get_response(path, scope)
        except HTTPException as missing:
            if missing.status_code != 404 or "." in Path(path).name:
                raise  # a file that is not there is missing; an address inside the dashboard is not
            answer = self._page()
        if path in {"", "."}:
            answer = self._page()
        if path.startswith("assets/"):
            answer.headers["cache-control"] = FOREVER
        elif path in {"sw.js", "manifest.webmanifest"}:
            answer.headers["cache-control"] = "no-cache"  # an old one would keep an old page alive
        return answer

    def _page(self) -> Response:
        return FileResponse(self._index, headers={"cache-control": "no-cache"})
