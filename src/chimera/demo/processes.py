"""The demo's three processes: started, listened to for their first line, and stopped in order."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chimera.domain.errors import ConfigError

PR_SET_PDEATHSIG = 1  # linux/prctl.h
FIRST_LINE_WITHIN_S = 40.0
STOPS_WITHIN_S = 40.0  # the desk lets its last legs land, for up to 20 s


def _end_with_parent() -> None:
    """Has the kernel send SIGTERM when the parent is gone, however it went: a killed demo leaves nobody behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """`python -m chimera ...` with its log in a file; it ends when we do (killed by `kill -9`: on Linux only)."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name, self.log = name, log
        self._process = process

    @classmethod
    async def start(
        cls, name: str, arguments: Sequence[str], *, log: Path, environ: Mapping[str, str]
    ) -> "Child":
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "chimera",
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env=dict(environ),
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop them in order
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def first_line(self) -> dict[str, Any]:
        """What it says once it is up; raises ConfigError with its own last words where it is not."""
        if self._process.stdout is None:
            raise ConfigError(f"{self.name} has no output")
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), FIRST_LINE_WITHIN_S)
        except TimeoutError:
            line = b""
        try:
            said = json.loads(line)
        except ValueError:
            raise ConfigError(f"{self.name} did not start: {self.last_words()}") from None
        if not isinstance(said, dict):
            raise ConfigError(f"{self.name} said {line!r} instead of its endpoints")
        return said

    def last_words(self) -> str:
        lines = self.log.read_text("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"it said nothing; see {self.log}"

    async def wait(self) -> int:
        return await self._process.wait()

    async def stop(self) -> None:
        """Asks it to end, and ends it when it does not."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.kill(self._process.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), STOPS_WITHIN_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
