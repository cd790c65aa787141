"""Breakers: what opens one, how it comes back, and which facts it hears."""

import msgspec
import pytest

from chimera.domain.failure import Failure
from chimera.domain.ids import IntentId, Signature, Slot, TradeId
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.domain.messages import (
    BreakerMoved,
    Entry,
    Fact,
    IntentRefused,
    LegDropped,
    LegExpired,
    LegLanded,
    LegPlanned,
    LegReverted,
    LegSigned,
    LegStuck,
    UpkeepDropped,
    UpkeepSigned,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import LegRef
from chimera.risk.breakers import BreakerKind, BreakerPolicy
from chimera.risk.failures import DEFAULTS, Breakers
from chimera.risk.loss_breaker import BreakerState
from chimera.testing.builders import AT_MS, fill, intent

MINUTE = 60_000
SLIPPED = Refusal(Reason.SIMULATION_FAILED, observed="Custom(6005)")
SPEAR = BreakerPolicy(
    failures_max=0, window_ms=1_440 * MINUTE, in_row_max=4, recovery_ms=30 * MINUTE, trials=1, successes=1
)
SLIPPAGE = BreakerKind.SLIPPAGE


class Past:
    """Breakers that hear a journal; every due move is written down at once, as the desk does each tick."""

    def __init__(self, *kinds: BreakerKind, side: Side = Side.BUY) -> None:
        policies = {kind: DEFAULTS.get(kind, SPEAR) for kind in kinds or (SLIPPAGE,)}
        self.policies, self.now, self.side = policies, AT_MS, side
        self.breakers, self.entries, self.moves = Breakers(policies), list[Entry](), list[BreakerMoved]()

    def leg(self) -> LegRef:
        """Of a trade of its own."""
        number = len(self.entries)
        return LegRef(f"leg{number}", IntentId(f"i{number}"), TradeId(f"t{number}"))

    def known(self, _: IntentId) -> TradeIntent:
        return intent(side=self.side)

    def tell(self, fact: Fact) -> None:
        self.entries.append(Entry(len(self.entries) + 1, self.now, "run", fact))
        self.breakers.apply(self.entries[-1], self.known)
        if not isinstance(fact, BreakerMoved):
            self.tick()

    def tick(self) -> None:
        for moved in list(self.breakers.due(self.now)):
            self.moves.append(moved)
            self.tell(moved)

    def slip(self, times: int = 1, *, apart_ms: int = 0) -> None:
        for _ in range(times):
            self.tell(LegDropped(self.leg(), SLIPPED, Failure.SLIPPAGE))
            self.now += apart_ms

    def land(self, times: int = 1) -> None:
        for _ in range(times):
            self.tell(LegLanded(self.leg(), fill()))

    def state(self, kind: BreakerKind = SLIPPAGE) -> BreakerState:
        breaker = self.breakers.get(kind)
        assert breaker is not None
        return breaker.state


def opened() -> Past:
    past = Past()
    past.slip(4)
    assert past.state() is BreakerState.OPEN
    return past


def on_trial() -> Past:
    past = opened()
    past.now += 45 * MINUTE
    past.tick()
    assert past.state() is BreakerState.HALF_OPEN
    return past


def test_four_violations_in_a_row_open_the_slippage_breaker_and_a_fill_in_between_does_not() -> None:
    past = Past()
    past.slip(3)
    past.land()
    past.slip(3)
    assert past.state() is BreakerState.CLOSED
    past.slip()
    assert past.moves[-1].cause == "4 failures in a row, limit 4"
    assert past.breakers.review() == Refusal(Reason.SLIPPAGE_BREAKER, observed="4 failures in a row, limit 4")


def test_eight_violations_in_fifteen_minutes_open_it_and_older_ones_are_forgotten() -> None:
    past = Past()
    for _ in range(7):
        past.slip()
        past.land()
    past.now += 15 * MINUTE
    past.slip()
    assert past.state() is BreakerState.CLOSED
    for _ in range(7):
        past.land(2)
        past.slip()
    assert past.moves[-1].cause == "8 failures in 15 min, limit 8"


def test_more_than_seventy_percent_of_the_window_open_it_once_the_window_says_enough() -> None:
    past = Past()
    past.land()
    past.slip(3)
    past.land()
    past.slip(2)
    assert past.state() is BreakerState.CLOSED, "5 of 7, yet too few to call it a share"
    past.slip()
    assert past.moves[-1].cause == "6 of 8 in 15 min failed, limit 70 %"


def test_one_trade_that_slips_again_and_again_counts_once() -> None:
    past = Past()
    one = LegRef("leg", IntentId("i"), TradeId("one"))
    for _ in range(20):
        past.tell(LegDropped(one, SLIPPED, Failure.SLIPPAGE))
    assert past.state() is BreakerState.CLOSED


def test_after_its_time_it_tries_and_three_of_five_that_go_well_close_it() -> None:
    past = opened()
    past.now += 45 * MINUTE - 1
    past.tick()
    assert past.state() is BreakerState.OPEN
    past.now += 1
    past.tick()
    past.land()
    past.slip()
    past.land()
    past.slip()
    assert past.state() is BreakerState.HALF_OPEN
    past.land()
    assert past.state() is BreakerState.CLOSED
    assert [moved.after for moved in past.moves] == ["OPEN", "HALF_OPEN", "CLOSED"]
    past.slip(3)
    assert past.state() is BreakerState.CLOSED, "what had opened it is forgiven"


def test_once_too_few_trials_are_left_it_opens_again() -> None:
    past = on_trial()
    past.land(2)
    past.slip(3)
    assert past.state() is BreakerState.OPEN
    assert past.moves[-1].cause == "3 on trial went wrong"


def test_on_trial_no_more_than_five_buys_are_under_way_and_exits_take_no_place() -> None:
    past = on_trial()
    legs = [past.leg() for _ in range(1)]
    for number in range(5):
        assert past.breakers.review() is None
        leg = LegRef(f"trial{number}", IntentId("i"), TradeId(f"trial{number}"))
        legs.append(leg)
        past.tell(LegPlanned(leg, (), 1, 1, 1, Slot(1), 1, 1, 0))
    assert past.breakers.review() == Refusal(Reason.SLIPPAGE_BREAKER, observed="5 on trial, at most 5")
    past.tell(LegDropped(legs[-1], Refusal(Reason.STALE_DATA), Failure.STALE))
    assert past.breakers.review() is None, "what came to nothing for another reason gives its place back"
    past.side = Side.SELL
    past.tell(LegPlanned(LegRef("exit", IntentId("x"), TradeId("x")), (), 1, 1, 1, Slot(1), 1, 1, 0))
    assert past.breakers.review() is None


def test_a_restart_finds_it_as_the_journal_left_it() -> None:
    past = opened()
    again = Breakers(past.policies)
    for entry in past.entries:
        again.apply(entry, past.known)
    assert again.seen(past.now) == past.breakers.seen(past.now)
    assert again.review() == past.breakers.review() is not None


def test_a_state_that_nobody_knows_stops_buys_until_its_time_is_over() -> None:
    past = Past()
    past.tell(BreakerMoved("slippage", "CLOSED", "MELTED", "newer than we are", "slippage_breaker"))
    refused = past.breakers.review()
    assert refused is not None and refused.observed == "the journal says MELTED: newer than we are"
    past.now += 45 * MINUTE
    past.tick()
    assert past.state() is BreakerState.HALF_OPEN


def test_one_that_is_switched_off_says_nothing_and_never_moves() -> None:
    past = Past()
    past.breakers.tune(
        {SLIPPAGE: BreakerPolicy(enabled=False, failures_max=1, window_ms=1, in_row_max=1, recovery_ms=1)}
    )
    past.slip(20)
    assert past.moves == [] and past.breakers.review() is None


def wrong(kind: BreakerKind, leg: LegRef) -> Fact:
    match kind:
        case BreakerKind.SLIPPAGE:
            return LegReverted(leg, Signature("s"), Slot(1), "Custom(6005)", -1, Failure.SLIPPAGE)
        case BreakerKind.TRADE_FAILURE:
            return LegReverted(leg, Signature("s"), Slot(1), "Custom(1)", -1, Failure.TRANSACTION)
        case BreakerKind.SIGNING:
            return LegDropped(leg, Refusal(Reason.NOT_READY), Failure.SIGNING)
        case _:
            return LegExpired(leg, Signature("s"), 1)


@pytest.mark.parametrize(
    ("kind", "count", "reason"),
    [
        (BreakerKind.SLIPPAGE, 4, Reason.SLIPPAGE_BREAKER),
        (BreakerKind.TRADE_FAILURE, 3, Reason.TRADE_FAILURE_BREAKER),
        (BreakerKind.SIGNING, 2, Reason.SIGNING_BREAKER),
        (BreakerKind.CONFIRMATION, 3, Reason.CONFIRMATION_BREAKER),
    ],
)
def test_each_breaker_opens_at_its_own_limit_with_its_own_reason_and_closes_again(
    kind: BreakerKind, count: int, reason: Reason
) -> None:
    past = Past(kind)
    for number in range(count):
        assert past.breakers.review() is None, number
        past.tell(wrong(kind, past.leg()))
    refused = past.breakers.review()
    assert refused is not None and refused.reason is reason
    past.now += past.policies[kind].recovery_ms
    past.tick()
    for _ in range(3):
        past.tell(LegSigned(past.leg(), Signature("s"), b"", 1))
        past.land()
    assert past.state(kind) is BreakerState.CLOSED


@pytest.mark.parametrize(
    ("fact", "heard"),
    [
        (IntentRefused(IntentId("i"), TradeId("t"), Refusal(Reason.SLIPPAGE)), {"slippage"}),
        (IntentRefused(IntentId("i"), TradeId("t"), Refusal(Reason.LIQUIDITY)), set()),
        (LegStuck(LegRef("l", IntentId("i"), TradeId("t")), Signature("s"), 1), {"confirmation"}),
        (UpkeepDropped("u", Refusal(Reason.NOT_READY, observed="signer: gone")), {"signing"}),
        (UpkeepDropped("u", Refusal(Reason.NOT_READY, observed="its decimals are not known")), set()),
        (UpkeepSigned("u", Signature("s"), b"", 1), set()),
        (
            LegDropped(
                LegRef("l", IntentId("i"), TradeId("t")), Refusal(Reason.KILL_SWITCH), Failure.BREAKER
            ),
            set(),
        ),
    ],
)
def test_each_fact_tells_whom_it_concerns(fact: Fact, heard: set[str]) -> None:
    past = Past(*DEFAULTS)
    past.tell(fact)
    assert {seen.name for seen in past.breakers.seen(past.now) if seen.failures} == heard


def test_the_network_breaker_hears_calls_and_closes_after_three_that_were_answered() -> None:
    past = Past(BreakerKind.NETWORK)
    past.breakers.hear_call(well=False, at_ms=past.now)
    past.tick()
    assert past.moves == [], "off by default, and deaf"
    past.policies[BreakerKind.NETWORK] = msgspec.structs.replace(
        past.policies[BreakerKind.NETWORK], enabled=True
    )
    past.breakers.tune(past.policies)
    for well in (True, True, True, False, False):
        assert past.breakers.review() is None
        past.breakers.hear_call(well=well, at_ms=past.now)
        past.tick()
    refused = past.breakers.review()
    assert refused is not None and refused.reason is Reason.NETWORK_BREAKER
    past.now += 15 * MINUTE
    past.tick()
    for _ in range(3):
        past.breakers.hear_call(well=True, at_ms=past.now)
    past.tick()
    assert past.state(BreakerKind.NETWORK) is BreakerState.CLOSED


def test_a_strategy_that_asks_for_more_than_it_may_says_nothing_of_the_market() -> None:
    past = Past()
    seen = object()
    for number in range(9):
        refused = IntentRefused(IntentId("i"), TradeId(f"t{number}"), Refusal(Reason.SLIPPAGE), seen)  # type: ignore[arg-type]
        past.tell(refused)
    assert past.state() is BreakerState.CLOSED


def test_circles_that_come_too_late_are_no_failures() -> None:
    past = Past(BreakerKind.TRADE_FAILURE, SLIPPAGE, side=Side.CYCLE)
    past.slip(20)
    assert past.moves == []


def lost(past: Past, profit: int, style: Style = Style.SPEAR) -> None:
    past.now += 1
    past.breakers.see_closed(style, profit, trade_id=str(past.now), at_ms=past.now)
    past.tick()


def test_consecutive_losses_of_spear_switch_spear_alone_off_until_a_gain_on_trial() -> None:
    past = Past(BreakerKind.SPEAR_LOSSES)
    for profit, style in [(-1, Style.SPEAR), (-1, Style.SHIELD), (-1, Style.SPEAR), (0, Style.SPEAR)]:
        lost(past, profit, style)
    lost(past, 5)
    for _ in range(3):
        lost(past, -1)
    assert past.breakers.spear_disabled == ""
    lost(past, 9, Style.SHIELD)
    lost(past, -1)
    assert past.breakers.spear_disabled == "Spear's losses: 4 losses in a row, limit 4"
    assert past.breakers.review() is None, "Shield buys on"
    past.now += 30 * MINUTE
    past.tick()
    assert past.breakers.spear_disabled == ""
    lost(past, -1)
    assert past.breakers.spear_disabled
    past.now += 30 * MINUTE
    past.tick()
    lost(past, 1)
    assert past.state(BreakerKind.SPEAR_LOSSES) is BreakerState.CLOSED
