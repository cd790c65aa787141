"""The demo's three processes: started, listened to for their first line, and stopped in order."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chimera.domain.errors import ConfigError

FIRST_LINE_WITHIN_S = 40.0
STOPS_WITHIN_S = 40.0  # the desk lets its last legs land, for up to 20 s


class Child:
    """`python -m chimera ...` with its log in a file; it dies with us."""

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
