"""What a start costs after a long life: the journal checked, read and folded into a desk, beside what its bytes cost.

A made-up life of round trips as the tests tell them, eight at a time. The floor reads the same files and follows
their hashes, and decodes nothing. The desk is built in a process of its own, whose memory is told.

    python benchmarks/start.py [--entries 100000]
"""

import argparse
import asyncio
import io
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from random import Random

from prometheus_client import CollectorRegistry

from chimera.adapters.bus_local import LocalBus
from chimera.adapters.clocks import WallClock
from chimera.adapters.journal_segments import read_folder, segment_name, segments
from chimera.adapters.signers.vault import VaultSigner, create
from chimera.audit.journal import GENESIS, HASH_LENGTH, seal
from chimera.config import load
from chimera.domain.ids import Slot
from chimera.domain.messages import CapitalMoved, Entry, Fact, RunStarted
from chimera.market.view import MarketView
from chimera.observe import Observer, Redactor, make_log
from chimera.plugins import venues
from chimera.testing import stories
from chimera.testing.builders import address
from chimera.wiring.desk import build_desk

PASSPHRASE = "a passphrase for the bench"
AT_ONCE = 8  # round trips under way
SEGMENT_ENTRIES = 100_000
EVERY_MS = 10_000  # a million entries are four months then


def life() -> Iterator[Fact]:
    """Round trips without end."""
    chance = Random(7)
    stories.address = address  # theirs only look like some, and a desk reads them
    day, number = stories._Day(chance), 0
    yield RunStarted("run", "bench", address("ours"))
    yield CapitalMoved(10**15, Slot(1), "opening")
    running: list[Iterator[Fact]] = []
    while True:
        while len(running) < AT_ONCE:
            running.append(day.trade(number))
            number += 1
        chosen = chance.choice(running)
        fact = next(chosen, None)
        if fact is None:
            running.remove(chosen)
        else:
            yield fact


def write(folder: Path, wanted: int) -> None:
    folder.mkdir(parents=True)
    previous = GENESIS
    file = (folder / segment_name(1)).open("wb")
    for seq, fact in enumerate(life(), 1):
        if seq > wanted:
            break
        if seq > 1 and seq % SEGMENT_ENTRIES == 1:
            file.close()
            file = (folder / segment_name(seq)).open("wb")
        previous, line = seal(previous, Entry(seq, stories.START_MS + seq * EVERY_MS, "run", fact))
        file.write(line)
    file.close()


def bytes_alone(folder: Path) -> float:
    """Seconds to read every line and to follow the hashes."""
    began, previous = time.perf_counter(), GENESIS.encode()
    for path in segments(folder):
        with path.open("rb") as file:
            for line in file:
                digest = sha256(previous + line[HASH_LENGTH + 1 : -1]).hexdigest().encode()
                if digest != line[:HASH_LENGTH]:
                    raise SystemExit("the journal is not what was written")
                previous = digest
    return time.perf_counter() - began


def decoded(folder: Path) -> float:
    began = time.perf_counter()
    for _ in read_folder(folder):
        pass
    return time.perf_counter() - began


def most_kib() -> int:
    """The most memory that this process ever had; getrusage tells of the one that it was forked from."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


async def built(data: Path) -> None:
    """Builds the desk once and tells the seconds and the most memory that it took."""
    settings = load([], {"CHIMERA_SECURITY__WEBHOOK_SECRET": "5f" * 32, "CHIMERA_DATA_DIR": str(data)})
    signer = VaultSigner.open(data / "vault.json", PASSPHRASE)
    log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
    Path("/proc/self/clear_refs").write_text("5")  # the most so far was the key's derivation
    before = most_kib()
    began = time.perf_counter()
    desk = build_desk(
        settings, signer, bus=LocalBus(), view=MarketView(venues()), clock=WallClock(),
        observer=Observer(log, CollectorRegistry()),
    )  # fmt: skip
    took = time.perf_counter() - began
    print(took, (most_kib() - before) / 1024)
    desk.journal.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.build is not None:
        asyncio.run(built(chosen.build))
        return
    with tempfile.TemporaryDirectory(dir=os.environ.get("CHIMERA_BENCH_DIR")) as name:
        data = Path(name)
        create(data / "vault.json", PASSPHRASE)
        write(data / "journal", chosen.entries)
        size = sum(path.stat().st_size for path in segments(data / "journal"))
        floor, reading = bytes_alone(data / "journal"), decoded(data / "journal")
        told = subprocess.run(
            [sys.executable, __file__, "--build", name], check=True, stdout=subprocess.PIPE, text=True
        ).stdout.split()
        took, memory = float(told[0]), float(told[1])
    print(f"start, {chosen.entries:,} entries of {size / chosen.entries:.0f} bytes, {platform.machine()}, "
          f"Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}")  # fmt: skip
    print(f"bytes read, hashes followed {floor:8.2f} s")
    print(f"and decoded                 {reading:8.2f} s   {reading / floor:5.1f} times that")
    print(f"a desk built                {took:8.2f} s   {took / floor:5.1f} times that, {memory:.0f} MB, "
          f"{took / chosen.entries * 1e6:.0f} us and {memory * 1024 / chosen.entries:.1f} KiB an entry")  # fmt: skip


if __name__ == "__main__":
    main()
