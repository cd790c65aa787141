"""Ten simulated minutes of ten worlds, one after the other: `python -m tests.localnet.ten_worlds [--seeds N]`.

Says of each what it brought, and ends with 1 where one of them lacks something that strategies are tested on.
"""

import argparse
import time

from tests.localnet.season import FEES, Season

from chimera.localnet.coins import SEASON_TICKS, Nature, coins
from chimera.localnet.tokens import SECONDS
from chimera.localnet.traders import Role


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=10, help="how many worlds, from seed 1 on")
    seeds = range(1, parser.parse_args().seeds + 1)
    wrong = 0
    for seed in seeds:
        began = time.perf_counter()
        season = Season(seed)
        took = time.perf_counter() - began
        print(f"seed {seed:>2}: {took:4.1f} s; {told(season)}", flush=True)
        for fault in season.wrong():
            wrong += 1
            print(f"         WRONG: {fault}", flush=True)
    print(f"{len(seeds)} worlds of {SEASON_TICKS * 0.4 / 60:.0f} minutes, {wrong} things wrong")
    return 1 if wrong else 0


def told(season: Season) -> str:
    made = coins(season.world.seed, 0)
    sent = sum(one.record is not None for one in season.done)
    traps = [coin for coin in made if coin.nature.trap]
    lost = -sum(season.gained(coin, Role.CROWD) for coin in traps) / 10**9
    graduates = sum(coin.nature in (Nature.GRADUATING, Nature.CASHED_OUT) for coin in made)
    rises = " ".join(
        f"{trend.symbol} x{max(season.prices[trend.symbol]):.2f}"
        for trend in season.world.world.trends(SEASON_TICKS)
    )
    gaps = [gap for second in SECONDS for gap in season.gaps(second.symbol)]
    apart = sum(gap > FEES for gap in gaps) / len(gaps)
    return (
        f"{sent} transactions; {len(made)} coins, {graduates} graduates, {len(traps)} traps that took "
        f"{lost:.0f} SOL; {rises}; second venues apart {apart:.0%} of the time"
    )


if __name__ == "__main__":
    raise SystemExit(main())
