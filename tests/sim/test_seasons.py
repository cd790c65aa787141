"""One world's ten minutes, a slice of what `make seasons` does with ten."""

import msgspec
from tests.sim.seasons import Season, natures, season, table, wrong, wrong_together
from tests.sim.test_report import result

from chimera.localnet.coins import SEASON_TICKS, Nature
from chimera.localnet.traders import Role, with_role
from chimera.localnet.world import World

SEED = 1


def test_arbitrage_closes_gaps_at_a_profit_after_all_costs() -> None:
    found = season("arbitrage", SEED).result
    assert not wrong("arbitrage", found, SEED)
    assert len(found.closed) > 10 and found.end_lamports > found.start_lamports
    assert sum(trip.profit_lamports > 0 for trip in found.closed) > len(found.closed) * 0.9


def test_momentum_and_re_entry_find_what_trends_and_buy_no_trap() -> None:
    found = season("momentum", SEED, "reentry").result
    for strategy in ("momentum", "reentry"):
        assert not wrong(strategy, found, SEED)
        assert natures(found, SEED, strategy)[Nature.TRENDING] > 0, strategy


def test_a_strategy_that_buys_a_trap_is_told() -> None:
    known = World(SEED).natures(SEASON_TICKS)
    trap = next(mint for mint, kind in known.items() if kind is Nature.PULLED)
    honest = next(mint for mint, kind in known.items() if kind is Nature.HONEST)
    bought = result([1, 2])
    for mint, faults in ((trap, 1), (honest, 0)):
        trips = (msgspec.structs.replace(bought.trips[0], mint=mint, strategy="momentum"),)
        assert len(wrong("momentum", msgspec.structs.replace(bought, trips=trips), SEED)) == faults


def test_what_all_worlds_together_must_show_is_missed_where_it_is_missing() -> None:
    lucky = with_role(SEED, Role.LUCKY)[0].address
    made = result([1, 2])
    trips = tuple(msgspec.structs.replace(trip, entry=f"{lucky} bought it") for trip in made.trips)
    copy = Season("copy_trade", SEED, msgspec.structs.replace(made, trips=trips))
    assert wrong_together([Season("reentry", SEED, made)]) == [
        "reentry traded no trending token in any world"
    ]
    assert wrong_together([copy]) == ["copy_trade dropped no lucky wallet in any world"]
    dropped = msgspec.structs.replace(copy, dropped={Role.LUCKY: 1})
    assert not wrong_together([dropped])
    assert wrong_together([msgspec.structs.replace(copy, dropped={Role.FORESIGHT: 1, Role.LUCKY: 1})])
    assert "| lucky | 2, 2 |" in table([dropped])
