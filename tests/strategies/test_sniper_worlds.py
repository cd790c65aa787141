"""Sniper in whole generated worlds, through gate and desk: every trap refused, what is in earnest bought in time."""

from functools import cache

import pytest

from chimera.adapters.journal_memory import ChainedMemoryJournal
from chimera.domain.ids import Address
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.messages import IntentEmitted, StrategyDecided
from chimera.localnet.coins import Nature, natures
from chimera.sim.result import Result
from chimera.strategies.sniper import PASSED_CODE
from chimera.strategies.sniper.analysis import Code
from chimera.wiring.backtest import Wish, backtest

SEEDS = (7, 8)
WORLD_CODES = {
    Nature.FREEZABLE: {Code.REJECT_FREEZE_AUTHORITY},
    Nature.MINTABLE: {Code.REJECT_MINT_AUTHORITY},
    Nature.TAXED: {Code.REJECT_TRANSFER_FEE},
    Nature.UNSELLABLE: {Code.REJECT_SOURCE},
    Nature.PULLED: {Code.REJECT_SOURCE},
    Nature.DUMPED: {Code.REJECT_SOURCE},
    Nature.CASHED_OUT: {Code.REJECT_TOP_HOLDER, Code.REJECT_TOP_HOLDERS, Code.REJECT_CREATOR_HISTORY},
    Nature.BUNDLED: {Code.REJECT_BUNDLE, Code.REJECT_CREATOR_HISTORY},
    Nature.DEV_HEAVY: {Code.REJECT_CREATOR_SHARE, Code.REJECT_CREATOR_HISTORY},
    Nature.SERIAL: {Code.REJECT_CREATOR_HISTORY},
}


@cache
def world(seed: int) -> tuple[Result, ChainedMemoryJournal]:
    return backtest(Wish(strategies=("sniper",), data=f"world:{seed}:10"))


def told(seed: int, nature: Nature) -> dict[Address, list[StrategyDecided | TradeIntent]]:
    """What was said of each token of that nature."""
    found: dict[Address, list[StrategyDecided | TradeIntent]] = {
        mint: [] for mint, one in natures(seed, 1_500).items() if one is nature
    }
    for entry in world(seed)[1].read():
        fact = entry.fact.intent if isinstance(entry.fact, IntentEmitted) else entry.fact
        if isinstance(fact, StrategyDecided | TradeIntent) and fact.mint in found:
            found[fact.mint].append(fact)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("nature", sorted(WORLD_CODES))
def test_every_planted_trap_is_refused_for_what_it_is(nature: Nature) -> None:
    assert set(WORLD_CODES) == {one for one in Nature if one.trap}
    found = [said for seed in SEEDS for said in told(seed, nature).values()]
    assert found
    for said in found:
        refused = {one.code for one in said if isinstance(one, StrategyDecided) and one.verdict == "REJECT"}
        assert refused & WORLD_CODES[nature]
        assert not [one for one in said if isinstance(one, TradeIntent)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_it_trades_what_is_launched_in_earnest_at_a_profit_after_costs(seed: int) -> None:
    result, _ = world(seed)
    known = natures(seed, 1_500)
    assert len(result.closed) >= 3
    assert {known[trip.mint] for trip in result.trips} <= {Nature.HONEST, Nature.GRADUATING}
    assert result.end_lamports > result.start_lamports


@pytest.mark.slow
def test_launches_in_the_world_have_their_verdict_within_two_seconds_and_buying_takes_no_longer() -> None:
    _, journal = world(SEEDS[0])
    ages: dict[Address, int] = {}
    passed: dict[Address, int] = {}
    for entry in journal.read():
        match entry.fact:
            case StrategyDecided(mint=mint, code=code, data={"age_ms": age}) if code != Code.WAIT_ANALYSIS:
                ages.setdefault(mint, age)
                if code == PASSED_CODE:
                    passed[mint] = entry.at_ms
            case IntentEmitted(TradeIntent(side=Side.BUY) as intent):
                assert intent.created_at_ms == passed[intent.mint]
    curves = {mint for mint, one in natures(SEEDS[0], 1_500).items() if one.on_curve}
    assert len(curves & ages.keys()) > 8
    assert max(ages[mint] for mint in curves & ages.keys()) <= 2_000
