"""Serves the control plane: a socket of its own, bound before anything starts, so that a busy port is a clear word."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from chimera.control.envelope import App
from chimera.control.frames import FrameProtocol
from chimera.control.patience import PatientProtocol
from chimera.domain.errors import ConfigError

PING_S = 20
CONNECTIONS_MAX = 1_000  # then 503 at once, so that a flood does not eat the house's memory
WS_MESSAGE_BYTES_MAX = 4_096  # clients say nothing but their key


def bind(host: str, port: int, *, setting: str = "api.port") -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises ConfigError where that cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except (OSError, OverflowError) as error:
        listener.close()
        told = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"{setting}: cannot listen on {host}:{port}: {told}; choose another port with {setting}"
            + " or --port" * (setting == "api.port")
        ) from None
    listener.setblocking(False)
    return listener


class ControlServer:
    """`async with ControlServer(app, bind(host, port)) as server:` serves until the block ends."""

    def __init__(self, app: App, listener: socket.socket, *, tls: tuple[Path, Path] | None = None) -> None:
        """`tls`: certificate (with its chain) and key, as PEM files; None: plain HTTP. Raises ConfigError."""
        self._listener = listener
        if tls is not None:
            _check_tls(*tls)
        host, self.port = listener.getsockname()[:2]
        self.url = f"http{'s' * (tls is not None)}://{f'[{host}]' if ':' in host else host}:{self.port}"
        self._server = _Server(
            uvicorn.Config(
                app,
                http=PatientProtocol,
                ws=FrameProtocol,
                loop="none",
                lifespan="on",
                log_config=None,
                log_level="critical",  # every request and every failure is observed by the application itself
                access_log=False,
                server_header=False,
                proxy_headers=False,  # nobody in front of us is trusted to name another address
                limit_concurrency=CONNECTIONS_MAX,
                timeout_keep_alive=65,
                timeout_graceful_shutdown=5,
                ws_ping_interval=PING_S,
                ws_ping_timeout=PING_S,
                ws_per_message_deflate=False,  # a copy for each client would have to be squeezed anew
                ws_max_size=WS_MESSAGE_BYTES_MAX,
                ssl_certfile=None if tls is None else tls[0],
                ssl_keyfile=None if tls is None else tls[1],
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        while not self._server.started:
            if self._serving.done():
                await self._serving
                raise ConfigError("api: the control plane could not start; the log says why")
            await asyncio.sleep(0.005)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving

    async def serve_forever(self) -> None:
        """Returns when the server has ended."""
        if self._serving is not None:
            await asyncio.shield(self._serving)


def _check_tls(certificate: Path, key: Path) -> None:
    """Raises ConfigError where a server could not prove who it is by these."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:  # the second is a kind of the first, with another way to say it
        told = getattr(error, "reason", None) or error.strerror or str(error)
        raise ConfigError(
            f"api.tls_certificate, api.tls_key: {certificate} and {key} are no pair of PEM files: {told}"
        ) from None


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the house."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
