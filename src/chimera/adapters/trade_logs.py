"""Flat files folded from the journal: `intents`, `decisions` and `executions`, one JSON line a record, one file a day.

A day is UTC's and the entry's own, so files can be written again from the journal and come out the same. Every line
has the documented header (`domain.record`). Old days go. Whoever writes here is behind the journal, never before it.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from chimera.audit.results import Results
from chimera.domain.errors import Unreachable
from chimera.domain.messages import (
    Entry,
    IntentApproved,
    IntentEmitted,
    IntentRefused,
    LegDropped,
    SignalDropped,
    SignalRefused,
)
from chimera.domain.record import Maker, record
from chimera.ports.store import History
from chimera.ports.trade_logs import STREAMS

WHO = "trade logs"
DAY_MS = 86_400_000
BLOCK = 65_536
LINE_BYTES_MAX = 1 << 20
DECISIONS = IntentApproved | IntentRefused | LegDropped | SignalDropped | SignalRefused


class TradeLogFiles:
    """`ports.store.Tables` whose tables are files: give it to a recorder of its own."""

    def __init__(self, folder: Path, *, component: str, build: str, keep_days: int, journal: History) -> None:
        """Takes back lines of entries that a crash took from the journal."""
        self._folder, self._component, self._build, self._keep_days = folder, component, build, keep_days
        self._encoder = msgspec.json.Encoder()
        self._results = Results()
        self._seq, self._newest_day = 0, ""
        self._written = {stream: _last_true(folder / stream, journal) for stream in STREAMS}
        """The last entry that each stream has told of."""

    def last_seq(self) -> int:
        """Zero after a start: profit is folded from the first entry on, and what is written already is passed over."""
        return self._seq

    def fold(self, entries: Sequence[Entry]) -> None:
        """Raises Unreachable for what the disk says; the same entries may then come again."""
        lines: dict[tuple[str, str], list[bytes]] = {}
        written = dict(self._written)
        for entry in entries:
            if entry.seq <= self._seq:
                continue
            told = self._told(entry)
            self._seq = entry.seq
            if told is None or entry.seq <= written[told[0]]:
                continue
            stream, payload = told
            maker = Maker(self._component, self._build, entry.run_id)
            line = self._encoder.encode(record(payload, maker, at_ms=entry.at_ms)) + b"\n"
            lines.setdefault((stream, _day(entry.at_ms)), []).append(line)
            written[stream] = entry.seq
        try:
            for (stream, day), told_lines in lines.items():
                _append(self._folder / stream, f"{stream}-{day}.jsonl", b"".join(told_lines))
            self._written = written
            self._retain(max((day for _, day in lines), default=""))
        except OSError as error:
            self._results, self._seq = Results(), 0  # begin again: what was written is known by its number
            self._written = {stream: _last(self._folder / stream)[0] for stream in STREAMS}
            raise Unreachable(WHO, f"{self._folder}: {error.strerror}") from None

    def _told(self, entry: Entry) -> tuple[str, Any] | None:
        result = self._results.fold(entry)
        if isinstance(entry.fact, DECISIONS):
            return "decisions", entry
        if result is not None:
            return "executions", result
        return ("intents", entry) if isinstance(entry.fact, IntentEmitted) else None

    def _retain(self, day: str) -> None:
        """Once a day; by the names of the files."""
        if not self._keep_days or day <= self._newest_day:
            return
        self._newest_day = day
        now = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).timestamp() * 1_000
        oldest = _day(int(now) - self._keep_days * DAY_MS)
        for stream in STREAMS:
            for path in _files(self._folder / stream):
                if _day_of(path) < oldest:
                    path.unlink(missing_ok=True)


class TradeLogReader:
    """`ports.trade_logs.TradeLogs` over a folder, also while it is being written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self, stream: str) -> Iterator[dict[str, Any]]:
        for path in reversed(_files(self._folder / stream)):
            for line in _lines_backwards(path):
                try:
                    found = msgspec.json.decode(line)
                except msgspec.DecodeError:
                    continue  # the one that is being written
                if isinstance(found, dict) and isinstance(found.get("payload"), dict):
                    yield found


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*-[0-9]*.jsonl"))


def _day_of(path: Path) -> str:
    return path.stem.rpartition("-")[2]


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y%m%d")


def _append(folder: Path, name: str, lines: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(folder / name, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        left = memoryview(lines)
        while left:
            left = left[os.write(file, left) :]
    finally:
        os.close(file)


def _last(folder: Path) -> tuple[int, int]:
    """(number, time) of the last whole line's entry, (0, 0) where there is none; what is torn behind it is cut."""
    for path in reversed(_files(folder)):
        size = path.stat().st_size
        for line in _lines_backwards(path):
            try:
                found = msgspec.json.decode(line)
                return int(found["payload"]["seq"]), int(found["ts_unix_ms"])
            except (msgspec.DecodeError, KeyError, TypeError, ValueError):
                size -= len(line)
                os.truncate(path, size)
    return 0, 0


def _last_true(folder: Path, journal: History) -> int:
    """The number of the last line that the journal knows; lines behind it are cut."""
    while True:
        seq, at_ms = _last(folder)
        if not seq:
            return 0
        known = next(iter(journal.read(seq)), None)
        if known is not None and (known.seq, known.at_ms) == (seq, at_ms):
            return seq
        path = _files(folder)[-1]
        line = next(_lines_backwards(path), b"")
        os.truncate(path, path.stat().st_size - len(line))
        if not path.stat().st_size:
            path.unlink()


def _lines_backwards(path: Path) -> Iterator[bytes]:
    """Lines with their ends, the last first; the last one may have none."""
    with path.open("rb") as file:
        left, rest = file.seek(0, os.SEEK_END), b""
        while left:
            size = min(BLOCK, left)
            left -= size
            file.seek(left)
            rest = file.read(size) + rest
            lines = rest.splitlines(keepends=True)
            rest = lines.pop(0) if left else b""
            yield from reversed(lines)
            if len(rest) > LINE_BYTES_MAX:
                return  # no line of ours
