"""A backtest's speed with full gates and fills, beside the bare folding of the same records and a bare loop.

The records of one world are made once and kept in memory, so that neither world nor disk is measured. Rounds
interleaved, medians, in processor time, so that a busy machine says nearly the same. The sniper stands for a strategy
that looks at all and hardly ever decides.

NautilusTrader and hftbacktest want other versions of numpy than we do, so they live in an environment of their own;
given its interpreter, the same world's trades are replayed by them (`benchmarks/peers.py`, which says what they do):

    python benchmarks/backtest.py [--seed 7] [--minutes 10] [--rounds 3] [--peers PYTHON]
    uv venv peers && uv pip install --python peers/bin/python nautilus_trader hftbacktest

With `--day 10000000` that many market events are streamed through one backtest, and what memory it takes is printed
on the way: the world's records over and over, each time later, with slots and signatures of their own.

    python benchmarks/backtest.py --day 10000000 [--minutes 10] [--strategy momentum]
"""

import argparse
import os
import platform
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np

from chimera.domain.chain import AccountUpdate, SlotUpdate, TransactionUpdate
from chimera.domain.ids import USDC, WSOL
from chimera.domain.market import Trade
from chimera.domain.recording import Recorded
from chimera.localnet.stepped import TICK_S, SteppedWorld
from chimera.localnet.world_feed import WorldFeed
from chimera.market.replay import MarketReplay
from chimera.plugins import venues
from chimera.wiring import backtest as wiring
from chimera.wiring.backtest import Wish, backtest

STRATEGIES = (
    ("sniper",),
    ("copy_trade",),
    ("momentum",),
    ("arbitrage",),
    ("copy_trade", "momentum", "reentry", "arbitrage"),
)
LIVE = {"arbitrage.live": "true"}
TICKS = 100_000  # that the peers replay


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--peers", metavar="PYTHON", help="an interpreter that has them")
    options.add_argument("--day", type=int, default=0, metavar="EVENTS")
    options.add_argument("--strategy", default="momentum", help="of the day")
    given = options.parse_args()
    if given.day:
        day(given.seed, given.minutes, given.day, given.strategy)
        return
    records = list(made(given.seed, given.minutes))
    print(f"backtest, {given.rounds} rounds, {platform.machine()}, Python {platform.python_version()}")
    print(f"{len(records):,} records of {given.minutes:g} minutes of world {given.seed}")
    wiring._records = lambda *_: iter(records)
    data = f"world:{given.seed}:{given.minutes:g}"

    def folded() -> int:
        replay = MarketReplay(venues(), keep_raw=True)
        return sum(len(replay.process(one.item, one.at_ms)) for one in records)  # type: ignore[arg-type,misc]

    def run(names: tuple[str, ...]) -> Callable[[], int]:
        changed = LIVE if "arbitrage" in names else {}
        return lambda: backtest(Wish(strategies=names, data=data, changed=changed))[0].counts.events

    kinds: dict[str, Callable[[], int]] = {"folding alone": folded}
    kinds |= {" + ".join(names): run(names) for names in STRATEGIES}
    took: dict[str, list[float]] = {name: [] for name in kinds}
    events: dict[str, int] = {}
    for _ in range(given.rounds):
        for name, kind in kinds.items():
            began = time.process_time()
            events[name] = kind()
            took[name].append(time.process_time() - began)
    floor = median(took["folding alone"])
    for name, times in took.items():
        seconds = median(times)
        print(
            f"{name:45} {seconds:6.2f} s  {len(records) / seconds:9,.0f} records/s  "
            f"{events[name] / seconds:8,.0f} events/s  {seconds / floor:5.2f}x folding"
            f"  {given.minutes * 60 / seconds:5.0f}x real time"
        )
    print(f"largest memory of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if given.peers:
        fastest = max(events[name] / median(took[name]) for name in kinds if name != "folding alone")
        compared(records, given.peers, given.rounds, fastest)
    else:
        print("NautilusTrader, hftbacktest: not compared; --peers names an interpreter that has them")


def compared(records: list[Recorded], python: str, rounds: int, ours: float) -> None:
    """The peers' ticks a second over the same trades, many times over, and what that is to our events a second."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trades.npy"
        np.save(file, trades(records))
        took: dict[str, list[float]] = {}
        for _ in range(rounds):
            told = subprocess.run(
                [python, Path(__file__).with_name("peers.py"), file],
                capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": ""},
            ).stdout  # fmt: skip
            for name, count, seconds in (line.split("\t") for line in told.splitlines() if "\t" in line):
                if int(count):
                    took.setdefault(name, []).append(int(count) / float(seconds))
                else:
                    print(f"{name}: {seconds}")
    for name, rates in took.items():
        print(
            f"{name:45} {median(rates):,.0f} trades/s; our fastest above is {ours / median(rates):.2f}x of it"
        )


def trades(records: list[Recorded]) -> "np.ndarray[Any, Any]":
    """Those of the world, so often that a run takes seconds."""
    folding, tokens, rows = MarketReplay(venues()), dict[str, int](), list[tuple[Any, ...]]()
    for one in records:
        for event in folding.process(one.item, one.at_ms):  # type: ignore[arg-type]
            if isinstance(event, Trade):
                swap = event.swap
                bought = swap.output_mint not in {WSOL, USDC}
                mint = swap.output_mint if bought else swap.input_mint
                quote, amount = (
                    (swap.amount_in, swap.amount_out) if bought else (swap.amount_out, swap.amount_in)
                )
                price = quote / max(amount, 1) / 1_000
                rows.append(
                    (event.at_ms * 10**6, tokens.setdefault(mint, len(tokens)), price, amount / 1e6, bought)
                )
    fields = [("at_ns", "<i8"), ("token", "<i4"), ("price", "<f8"), ("size", "<f8"), ("bought", "?")]
    once = np.array(rows, dtype=fields)
    span = once["at_ns"][-1] - once["at_ns"][0] + 10**9
    whole = np.tile(once, -(-TICKS // len(once)))
    whole["at_ns"] += np.arange(len(whole)) // len(once) * span
    return whole


def made(seed: int, minutes: float) -> Iterator[Recorded]:
    replay = MarketReplay(venues())
    feed = WorldFeed(SteppedWorld(seed))
    ticks = round(minutes * 60 / TICK_S)
    for seq, one in enumerate(feed.observed(ticks, wanted=lambda: replay.view.wanted), start=1):
        replay.process(one.item, one.at_ms)
        yield Recorded(seq, one.at_ms, one.item)


def day(seed: int, minutes: float, events: int, strategy: str) -> None:
    """Streams that many market events through a backtest; prints the process's memory ten times on the way."""
    records = list(made(seed, minutes))
    folding = MarketReplay(venues())
    each = sum(len(folding.process(one.item, one.at_ms)) for one in records)  # type: ignore[arg-type,misc]
    passes = -(-events // each)
    print(
        f"{passes} times {minutes:g} minutes of world {seed}: {passes * len(records):,} records, {strategy}"
    )
    began, done = time.perf_counter(), 0

    def told() -> Iterator[Recorded]:
        nonlocal done
        for number in range(passes):
            if number % max(1, passes // 10) == 0:
                print(
                    f"{done:>12,} records  {rss_mb():6.0f} MB  {time.perf_counter() - began:7.1f} s",
                    flush=True,
                )
            for record in later(records, number):
                done += 1
                yield record

    wiring._records = lambda *_: told()
    result, _ = backtest(Wish(strategies=(strategy,), data=f"world:{seed}:{minutes:g}"))
    took = time.perf_counter() - began
    print(f"{done:>12,} records  {rss_mb():6.0f} MB  {took:7.1f} s")
    counts = result.counts
    print(
        f"{counts.events:,} market events, {counts.emitted:,} intents, {counts.landed:,} legs landed, "
        f"{counts.events / took:,.0f} events/s; largest memory of the process "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
    )


def later(records: list[Recorded], number: int) -> Iterator[Recorded]:
    """The records once more, as many times their length later."""
    if not number:
        yield from records
        return
    slots = max(one.item.slot for one in records if isinstance(one.item, SlotUpdate)) * number
    span_ms = (records[-1].at_ms - records[0].at_ms + 400) * number
    for record in records:
        item, replace = record.item, msgspec.structs.replace
        if isinstance(item, AccountUpdate | TransactionUpdate) and item.slot and item.signature:
            item = replace(item, slot=item.slot + slots, signature=f"{number} {item.signature}")
        elif isinstance(item, SlotUpdate):
            parent = None if item.parent is None else item.parent + slots
            item = replace(item, slot=item.slot + slots, parent=parent)
        else:
            continue  # what a node was asked at the very beginning
        yield Recorded(record.seq, record.at_ms + span_ms, item)


def rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
