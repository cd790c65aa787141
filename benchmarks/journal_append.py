"""What a durable fact costs: `append` + `durable` beside a bare write + fdatasync of the same bytes.

Span: from the call of `append` to the return of `durable`, one caller, uvloop; rounds interleaved.
Run: .venv/bin/python benchmarks/journal_append.py [folder on the disk to measure]
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import uvloop

from chimera.adapters import journal_file
from chimera.adapters.clocks import WallClock
from chimera.adapters.journal_file import JournalFile
from chimera.audit.journal import GENESIS, seal
from chimera.domain.ids import Address, SignalId
from chimera.domain.intent import Side, Signal, Source, Style
from chimera.domain.messages import Entry, SignalAccepted

ROUNDS, EACH = 7, 300
MINT = Address("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263")
FACT = SignalAccepted(
    signal=Signal(
        id=SignalId("0197f5ac-6a1b-8c4d-8e2f-0123456789ab"),
        source=Source.WEBHOOK,
        strategy=Style.SHIELD,
        side=Side.BUY,
        mint=MINT,
        symbol="BONK",
        amount_lamports=100_000_000,
        wallet=Address("7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"),
        at_ms=1_790_000_000_000,
    )
)


def bare(path: Path) -> list[float]:
    line = seal(GENESIS, Entry(seq=123_456, at_ms=1_790_000_000_000, run_id="bench", fact=FACT))[1]
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    taken = []
    for _ in range(EACH):
        started = time.perf_counter()
        os.write(descriptor, line)
        os.fdatasync(descriptor)
        taken.append(time.perf_counter() - started)
    os.close(descriptor)
    return taken


async def one_caller(journal: JournalFile) -> list[float]:
    taken = []
    for _ in range(EACH):
        started = time.perf_counter()
        await journal.durable(journal.append(FACT).seq)
        taken.append(time.perf_counter() - started)
    return taken


async def in_thread(journal: JournalFile) -> list[float]:
    limit, journal_file.SLOW_SYNC_S = journal_file.SLOW_SYNC_S, 0.0
    journal._quick_syncs = 0
    try:
        return await one_caller(journal)
    finally:
        journal_file.SLOW_SYNC_S, journal._quick_syncs = limit, journal_file.INLINE_AFTER


def buffered(journal: JournalFile) -> list[float]:
    taken = []
    for _ in range(EACH):
        started = time.perf_counter()
        journal.append(FACT)
        taken.append(time.perf_counter() - started)
    journal.sync()
    return taken


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1e6


async def main(folder: Path) -> None:
    journal, _ = JournalFile.open(folder / "journal", clock=WallClock(), run_id="bench")
    rows: dict[str, list[list[float]]] = {
        "bare write + fdatasync": [],
        "durable": [],
        "in a thread": [],
        "append": [],
    }
    for _ in range(ROUNDS):
        rows["bare write + fdatasync"].append(bare(folder / "bare"))
        rows["durable"].append(await one_caller(journal))
        rows["in a thread"].append(await in_thread(journal))
        rows["append"].append(buffered(journal))
    journal.close()
    floor = median(quantile(values, 0.5) for values in rows["bare write + fdatasync"])
    for name, rounds in rows.items():
        p50, p95, p99 = (median(quantile(values, share) for values in rounds) for share in (0.5, 0.95, 0.99))
        print(f"{name:24} p50 {p50:7.1f}  p95 {p95:7.1f}  p99 {p99:7.1f} µs   {p50 / floor:5.2f}x the floor")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".") as made:
        uvloop.run(main(Path(made)))
