"""A backtest's speed with full gates and fills, beside the bare folding of the same records and a bare loop.

The records of one world are made once and kept in memory, so that neither world nor disk is measured. Rounds
interleaved, medians. NautilusTrader and hftbacktest replay order books and know no pools; where they are installed
their own event loop is driven with as many trade ticks, which is less than what ours does with each event.

    python benchmarks/backtest.py [--seed 7] [--minutes 10] [--rounds 3]
"""

import argparse
import platform
import resource
import time
from collections.abc import Callable, Iterator
from statistics import median

from chimera.domain.recording import Recorded
from chimera.localnet.stepped import TICK_S, SteppedWorld
from chimera.localnet.world_feed import WorldFeed
from chimera.market.replay import MarketReplay
from chimera.plugins import venues
from chimera.wiring import backtest as wiring
from chimera.wiring.backtest import Wish, backtest

STRATEGIES = (
    ("copy_trade",),
    ("momentum",),
    ("arbitrage",),
    ("copy_trade", "momentum", "reentry", "arbitrage"),
)
LIVE = {"arbitrage.live": "true"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    records = list(made(given.seed, given.minutes))
    print(f"backtest, {given.rounds} rounds, {platform.machine()}, Python {platform.python_version()}")
    print(f"{len(records):,} records of {given.minutes:g} minutes of world {given.seed}")
    wiring._records = lambda *_: iter(records)  # type: ignore[assignment]
    data = f"world:{given.seed}:{given.minutes:g}"

    def folded() -> int:
        replay = MarketReplay(venues(), keep_raw=True)
        return sum(len(replay.process(one.item, one.at_ms)) for one in records)  # type: ignore[arg-type]

    def run(names: tuple[str, ...]) -> Callable[[], int]:
        changed = LIVE if "arbitrage" in names else {}
        return lambda: backtest(Wish(strategies=names, data=data, changed=changed))[0].counts.events

    kinds: dict[str, Callable[[], int]] = {"folding alone": folded}
    kinds |= {" + ".join(names): run(names) for names in STRATEGIES}
    took: dict[str, list[float]] = {name: [] for name in kinds}
    events: dict[str, int] = {}
    for _ in range(given.rounds):
        for name, kind in kinds.items():
            began = time.perf_counter()
            events[name] = kind()
            took[name].append(time.perf_counter() - began)
    floor = median(took["folding alone"])
    for name, times in took.items():
        seconds = median(times)
        print(
            f"{name:45} {seconds:6.2f} s  {len(records) / seconds:9,.0f} records/s  "
            f"{events[name] / seconds:8,.0f} events/s  {seconds / floor:5.2f}x folding"
            f"  {given.minutes * 60 / seconds:5.0f}x real time"
        )
    print(f"largest memory of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    for module in ("nautilus_trader", "hftbacktest"):
        print(f"{module}: {'installed' if _there(module) else 'not installed here, so not compared'}")


def made(seed: int, minutes: float) -> Iterator[Recorded]:
    replay = MarketReplay(venues())
    feed = WorldFeed(SteppedWorld(seed))
    ticks = round(minutes * 60 / TICK_S)
    for seq, one in enumerate(feed.observed(ticks, wanted=lambda: replay.view.wanted), start=1):
        replay.process(one.item, one.at_ms)
        yield Recorded(seq, one.at_ms, one.item)


def _there(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


if __name__ == "__main__":
    main()
