"""Ten simulated minutes of ten worlds, each strategy by itself: `python -m tests.sim.seasons [--seeds N]`.

Says what each earned and on which kinds of token, and ends with 1 where one of them did what it must not.
"""

import argparse
from collections import Counter
from pathlib import Path

from chimera.localnet.coins import SEASON_TICKS, TRAPS, Nature
from chimera.localnet.genesis import genesis
from chimera.localnet.world import World
from chimera.plugins import strategies
from chimera.sim.result import Result
from chimera.wiring.backtest import Wish, backtest

SWITCHED_ON = {"arbitrage": {"arbitrage.live": "true"}}
"""What a strategy needs to trade that watches only, by its defaults."""
FILES = (Path(__file__).parents[2] / "config" / "young-tokens.yaml",)
"""Settings for worlds in which tokens live minutes; docs/reentry.md says where they come from."""
SEASON_MINUTES = SEASON_TICKS * 0.4 / 60
FORBIDDEN = TRAPS - {Nature.CASHED_OUT}
"""What momentum and the sniper must not buy. Who is sold out only after graduating shows nothing before it."""


def season(strategy: str, seed: int) -> Result:
    result, _ = backtest(
        Wish(
            strategies=(strategy,),
            data=f"world:{seed}:{SEASON_MINUTES:g}",
            changed=SWITCHED_ON.get(strategy, {}),
            name=f"{strategy}, world {seed}",
        ),
        files=FILES,
    )
    return result


def natures(result: Result, seed: int) -> Counter[Nature]:
    """How often each kind of token was traded; of cycles it is the first token on the way."""
    known = World(seed).natures(SEASON_TICKS)
    for token in genesis(seed).tokens:
        if known.get(token.mint) is Nature.TAXED:
            del known[token.mint]  # its tax of 1 % is within the house's limit of 5 %: no trap, a cost
    return Counter(known[trip.mint] for trip in result.trips if trip.mint in known)  # type: ignore[index]


def wrong(strategy: str, result: Result, seed: int) -> list[str]:
    """What a season shows that must not be."""
    faults = []
    profit = result.end_lamports - result.start_lamports
    if strategy in ("arbitrage", "copy_trade") and profit <= 0:
        faults.append(f"{strategy} lost {-profit} lamports")
    if strategy in ("momentum", "reentry", "sniper"):
        traps = {kind: count for kind, count in natures(result, seed).items() if kind in FORBIDDEN}
        if traps:
            faults.append(f"{strategy} bought {traps}")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=10, help="how many worlds, from seed 1 on")
    parser.add_argument("--strategy", action="append", help="only this one; may be given again")
    given = parser.parse_args()
    faults = 0
    for strategy in given.strategy or sorted(set(strategies()) - {"rebalancer"}):
        for seed in range(1, given.seeds + 1):
            result = season(strategy, seed)
            profit = (result.end_lamports - result.start_lamports) / 1e9
            won = sum(trip.profit_lamports > 0 for trip in result.closed)
            kinds = ", ".join(f"{count} {kind}" for kind, count in natures(result, seed).most_common())
            print(
                f"{strategy:<10} seed {seed:>2}: {profit:+9.4f} SOL, {len(result.closed):>3} closed, {won:>3} won"
                f"; {kinds or 'nothing traded'}",
                flush=True,
            )
            for fault in wrong(strategy, result, seed):
                faults += 1
                print(f"           WRONG: {fault}", flush=True)
    print(f"{faults} things wrong")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
