"""Pools on which sales keep failing: how many, for how long, what does not count, and who ends it."""

import pytest

from chimera.domain.failure import Failure
from chimera.domain.ids import USDC, WSOL, Address, IntentId, Signature, Slot, TradeId
from chimera.domain.messages import (
    Entry,
    Fact,
    LegDropped,
    LegExpired,
    LegLanded,
    LegPlanned,
    LegReverted,
    Noted,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Hop, LegRef
from chimera.risk.exclusion import RELEASED, PoolExclusions
from chimera.testing.builders import AT_MS, BONK, address, fill

POOL, SECOND, BESIDE = address("pool"), address("second"), address("beside")
SIMULATED = Refusal(Reason.SIMULATION_FAILED, observed="InstructionError(3, Custom(1))")


class Past:
    def __init__(self) -> None:
        self.exclusions, self.now, self.seq = PoolExclusions(), AT_MS, 0

    def tell(self, fact: Fact) -> None:
        self.seq += 1
        self.exclusions.apply(Entry(self.seq, self.now, "run", fact))

    def planned(self, *hops: Hop) -> LegRef:
        leg = LegRef(f"leg{self.seq}", IntentId("i"), TradeId("t"))
        self.tell(LegPlanned(leg, hops or (hop(POOL),), 1, 1, 1, Slot(1), 1, 1, 0))
        return leg

    def fail(self, times: int = 1, failure: Failure = Failure.TRANSACTION) -> None:
        for _ in range(times):
            self.tell(LegReverted(self.planned(), Signature("s"), Slot(1), "Custom(1)", -1, failure))

    @property
    def left_out(self) -> frozenset[Address]:
        return self.exclusions.now(self.now)


def hop(pool: Address, source: Address = BONK, target: Address = WSOL) -> Hop:
    return Hop("x", pool, source, target, 1, 1)


def test_three_failed_sales_within_two_minutes_leave_a_pool_out_until_they_are_old() -> None:
    past = Past()
    past.fail(2)
    past.now += 119_999
    assert past.left_out == frozenset()
    past.fail()
    assert past.left_out == {POOL}
    assert past.exclusions.why(POOL, past.now) == "3 sales failed on it within 120 s"
    past.now += 1
    assert past.left_out == frozenset(), "the first two lie two minutes back"


def test_a_sale_that_goes_through_forgives_what_was_before() -> None:
    past = Past()
    past.fail(3)
    past.tell(LegLanded(past.planned(), fill()))
    assert past.left_out == frozenset()
    past.fail(2)
    assert past.left_out == frozenset()


def test_a_simulation_that_the_program_refuses_counts_as_well() -> None:
    past = Past()
    for _ in range(3):
        past.tell(LegDropped(past.planned(), SIMULATED, Failure.TRANSACTION))
    assert past.left_out == {POOL}


@pytest.mark.parametrize("failure", [Failure.SLIPPAGE, Failure.CONNECTION, Failure.FUNDS, Failure.TIMEOUT])
def test_what_says_nothing_of_the_pool_does_not_count(failure: Failure) -> None:
    past = Past()
    past.fail(9, failure)
    assert past.left_out == frozenset()


def test_legs_that_expire_or_were_let_go_and_buys_do_not_count() -> None:
    past = Past()
    for _ in range(5):
        past.tell(LegExpired(past.planned(), Signature("s"), 1))
        past.tell(LegDropped(past.planned(), Refusal(Reason.STALE_DATA), Failure.VALIDATION))
        buy = past.planned(hop(POOL, WSOL, BONK))
        past.tell(LegReverted(buy, Signature("s"), Slot(1), "Custom(1)", -1, Failure.TRANSACTION))
    assert past.left_out == frozenset()


def test_of_a_long_way_the_pools_that_take_the_token_are_blamed() -> None:
    past = Past()
    for _ in range(3):
        leg = past.planned(hop(POOL, target=USDC), hop(BESIDE, target=USDC), hop(SECOND, source=USDC))
        past.tell(LegReverted(leg, Signature("s"), Slot(1), "Custom(1)", -1, Failure.TRANSACTION))
    assert past.left_out == {POOL, BESIDE}


def test_a_person_lets_it_trade_again() -> None:
    past = Past()
    past.fail(3)
    past.tell(Noted(RELEASED, {"pool": POOL, "by": "ann", "cause": "it sells"}))
    assert past.left_out == frozenset()
