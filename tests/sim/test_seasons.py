"""One world's ten minutes, a slice of what `make seasons` does with ten."""

import msgspec
from tests.sim.seasons import natures, season, wrong
from tests.sim.test_report import result

from chimera.localnet.coins import SEASON_TICKS, Nature
from chimera.localnet.world import World

SEED = 1


def test_arbitrage_closes_gaps_at_a_profit_after_all_costs() -> None:
    found = season("arbitrage", SEED)
    assert not wrong("arbitrage", found, SEED)
    assert len(found.closed) > 20 and found.end_lamports > found.start_lamports
    assert sum(trip.profit_lamports > 0 for trip in found.closed) > len(found.closed) * 0.95


def test_momentum_finds_what_trends_and_buys_no_trap() -> None:
    found = season("momentum", SEED)
    assert not wrong("momentum", found, SEED)
    assert natures(found, SEED)[Nature.TRENDING] > 0


def test_a_strategy_that_buys_a_trap_is_told() -> None:
    known = World(SEED).natures(SEASON_TICKS)
    trap = next(mint for mint, kind in known.items() if kind is Nature.PULLED)
    honest = next(mint for mint, kind in known.items() if kind is Nature.HONEST)
    bought = result([1, 2])
    for mint, faults in ((trap, 1), (honest, 0)):
        trips = (msgspec.structs.replace(bought.trips[0], mint=mint),)
        assert len(wrong("momentum", msgspec.structs.replace(bought, trips=trips), SEED)) == faults
