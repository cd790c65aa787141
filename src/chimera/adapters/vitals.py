"""How a process without a control plane is: its metrics and its health over HTTP, to this machine alone.

In a thread of its own, so that it answers while the loop is busy, and can say that the loop is.
"""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from chimera.domain.errors import ConfigError

LOOP_SILENT_S = 5.0  # no step of the loop for so long: it hangs


class Vitals:
    """`checks` say what is wrong, or nothing; `beat` is called by the loop now and then."""

    def __init__(self, *, component: str, registry: CollectorRegistry) -> None:
        self.component = component
        self.checks: dict[str, Callable[[], str]] = {}
        self.started = False
        """Until then the answer is `starting`."""
        self._registry = registry
        self._beat_at = time.monotonic()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def beat(self) -> None:
        self._beat_at = time.monotonic()

    def health(self) -> dict[str, Any]:
        """`status` is healthy, starting or unhealthy; `troubles` names each check that fails."""
        troubles = {name: trouble for name, check in list(self.checks.items()) if (trouble := check())}
        silent_s = time.monotonic() - self._beat_at
        if silent_s > LOOP_SILENT_S:
            troubles["loop"] = f"no step for {silent_s:.0f} s"
        status = "starting" if not self.started else "unhealthy" if troubles else "healthy"
        return {"component": self.component, "status": status, "troubles": troubles}

    def open(self, *ports: int) -> int:
        """Serves on the first of these ports that is free; raises ConfigError where none is."""
        for port in ports:
            try:
                self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
            except OSError as error:
                why = error.strerror
                continue
            self._server.daemon_threads = True
            self._thread = threading.Thread(target=self._server.serve_forever, name="vitals", daemon=True)
            self._thread.start()
            return int(self._server.server_address[1])
        shown = " nor ".join(map(str, ports))
        raise ConfigError(f"nats.metrics_port: {shown} cannot be used for {self.component}: {why}")

    def close(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        vitals = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/metrics":
                    self._say(200, generate_latest(vitals._registry), CONTENT_TYPE_LATEST)
                elif path == "/health":
                    health = vitals.health()
                    status = 200 if health["status"] == "healthy" else 503
                    self._say(status, json.dumps(health).encode(), "application/json")
                else:
                    self._say(404, b'{"error":"NOT_FOUND"}', "application/json")

            def _say(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
                """Scrapes are not news."""

        return Handler
