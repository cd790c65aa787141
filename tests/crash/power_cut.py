"""Cuts the power under journal and tables, again and again, and looks whether everything acknowledged is there.

    python tests/crash/power_cut.py [--cuts 10] [--seed 7] [--unsynced]

kill -9 proves nothing about durability: the kernel's page cache survives it. So the disk is a file here: ext4 on a
loop device with direct I/O. The writer is stopped in the middle of things, the file is copied as it is at that moment,
and the copy is mounted and recovered. Needs root and loop devices; `possible()` says why not.

--unsynced writes without fdatasync; then acknowledged entries must be missing, or the test itself is blind.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess  # mounting is done by the system's own tools
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chimera.adapters.clocks import WallClock
from chimera.adapters.journal_file import JournalFile
from chimera.adapters.journal_segments import verify
from chimera.adapters.store import SqlTables, catch_up
from chimera.adapters.store_engine import open_engine
from chimera.testing.stories import entries

IMAGE_BYTES = 96 * 1024 * 1024
SEGMENT_BYTES = 256 * 1024  # many new files, whose names must last too
GROUP = 20  # entries between two acknowledgements
TRADES = 600  # more than can be written before the cut
ALIVE_S = (0.5, 3.0)
TOOLS = ("mkfs.ext4", "losetup", "mount", "umount")


def possible() -> str:
    """Why power cannot be cut here; empty where it can."""
    if os.geteuid() != 0:
        return "mounting a loop device needs root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"there is no {', '.join(missing)}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            with mounted(_new_disk(Path(folder)), Path(folder) / "try"):
                return ""
        except subprocess.CalledProcessError as error:
            return f"no loop device can be mounted: {error.stderr or error}"


def cut(folder: Path, *, seed: int, unsynced: bool = False) -> dict[str, Any]:
    """What one cut did: how much was acknowledged, how much of it was there afterwards, and what else is wrong."""
    disk, after = _new_disk(folder), folder / "after.img"
    with mounted(disk, folder / "before") as before:
        command = [sys.executable, __file__, "--write", str(before / "data"), "--seed", str(seed)]
        with subprocess.Popen(
            command + ["--unsynced"] * unsynced, stdout=subprocess.PIPE, env=_environment()
        ) as writer:
            said = writer.stdout
            assert said is not None
            assert said.readline() == b"ready\n"
            time.sleep(random.Random(seed).uniform(*ALIVE_S))
            os.kill(writer.pid, signal.SIGSTOP)
            os.set_blocking(said.fileno(), False)
            acknowledged = said.read() or b""
            shutil.copyfile(disk, after)
            os.kill(writer.pid, signal.SIGKILL)
    told = [json.loads(line) for line in acknowledged.splitlines() if line.endswith(b"}")]
    journal_ack = next((one for one in reversed(told) if "hash" in one), {"seq": 0, "hash": ""})
    tables_ack = next((one["tables"] for one in reversed(told) if "tables" in one), 0)
    with mounted(after, folder / "recovered") as recovered:
        return _inspect(recovered / "data", journal_ack, tables_ack)


def _inspect(data: Path, journal_ack: dict[str, Any], tables_ack: int) -> dict[str, Any]:
    journal, repair = JournalFile.open(data / "journal", clock=WallClock(), run_id="after")
    held = list(journal.read())
    last = held[-1].seq if held else 0
    same = journal_ack["seq"] == 0 or journal.hash_at(journal_ack["seq"]) == journal_ack["hash"]
    with contextlib.closing(sqlite3.connect(data / "chimera.db")) as database:
        healthy = database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    tables = SqlTables(open_engine(data / "chimera.db"))
    there = tables.last_seq()
    catch_up(tables, journal)
    caught_up = tables.last_seq() == last
    tables.close()
    journal.close()
    return {
        "acknowledged": journal_ack["seq"],
        "there": last,
        "lost": max(journal_ack["seq"] - last, 0) if same else journal_ack["seq"],
        "segments": len(list((data / "journal").glob("*.jsonl"))),
        "torn_bytes_cut": repair.bytes_cut if repair is not None else 0,
        "journal_ok": verify(data / "journal").ok,
        "tables_acknowledged": tables_ack,
        "tables_there": there,
        "tables_ok": healthy and caught_up and there >= tables_ack,
    }


def held(verdict: dict[str, Any]) -> bool:
    """Whether the promise held; a cut before anything was acknowledged shows nothing and does not count as held."""
    kept = not verdict["lost"] and verdict["journal_ok"] and verdict["tables_ok"]
    return bool(kept and verdict["acknowledged"] and verdict["tables_acknowledged"])


# the disk


def _new_disk(folder: Path) -> Path:
    disk = folder / "disk.img"
    with disk.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    _run("mkfs.ext4", "-q", "-F", str(disk))
    return disk


@contextlib.contextmanager
def mounted(disk: Path, at: Path) -> Iterator[Path]:
    """The disk, mounted; direct I/O keeps our own kernel from holding back what the file has not got yet."""
    at.mkdir()
    device = _run("losetup", "--find", "--show", "--direct-io=on", str(disk))
    try:
        _run("mount", device, str(at))
        try:
            yield at
        finally:
            _run("umount", "--lazy", str(at))  # also where somebody failed with a file of it open
    finally:
        _run("losetup", "--detach", device)


def _run(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _environment() -> dict[str, str]:
    root = Path(__file__).parents[2]
    return {**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}


# the writer, in a process of its own


async def write(data: Path, *, seed: int, unsynced: bool) -> None:
    """Writes stories into journal and tables until it dies, and says what is durable, only once it is."""
    if unsynced:
        os.fdatasync = lambda _descriptor: None  # type: ignore[assignment]
    journal, _ = JournalFile.open(
        data / "journal", clock=WallClock(), run_id="before", segment_bytes=SEGMENT_BYTES
    )
    tables = SqlTables(open_engine(data / "chimera.db"))
    _say("ready")
    facts = [entry.fact for entry in entries(seed, trades=TRADES)]
    for start in range(0, len(facts), GROUP):
        group = [journal.append(fact) for fact in facts[start : start + GROUP]]
        await journal.durable(group[-1].seq)
        _say(json.dumps({"seq": group[-1].seq, "hash": journal.hash_at(group[-1].seq)}))
        tables.fold(group)
        _say(json.dumps({"tables": group[-1].seq}))
    raise RuntimeError("the story ended before the power was cut")


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--cuts", type=int, default=10)
    arguments.add_argument("--seed", type=int, default=7)
    arguments.add_argument("--unsynced", action="store_true")
    arguments.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.write is not None:
        asyncio.run(write(chosen.write, seed=chosen.seed, unsynced=chosen.unsynced))
    if why := possible():
        print(f"power cut: not here: {why}", file=sys.stderr)
        return 2
    kept = 0
    for number in range(chosen.cuts):
        with tempfile.TemporaryDirectory(prefix="power-cut-") as folder:
            verdict = cut(Path(folder), seed=chosen.seed + number, unsynced=chosen.unsynced)
        kept += held(verdict)
        print(json.dumps({"cut": number + 1, "held": held(verdict), **verdict}))
    print(f"power cut: {kept} of {chosen.cuts} cuts lost nothing that was acknowledged")
    return 0 if kept == chosen.cuts else 1


if __name__ == "__main__":
    sys.exit(main())
