"""Swaps at the desk: paid with what is no round trip's, one fill in two tokens, never twice, whoever dies in between."""

from typing import Any

import msgspec
import pytest
from tests.execution.test_desk import FINE, WALLET, FakePlanner, House, bought

from chimera.audit.projections import trade_rows
from chimera.domain.chain import Simulation, TokenBalance, TransactionUpdate
from chimera.domain.ids import TOKEN_PROGRAM, USDC, WSOL, IntentId, Signature, Slot, TradeId
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.domain.messages import (
    BreakerMoved,
    CapitalMoved,
    Entry,
    IntentRefused,
    LegLanded,
    LegPlanned,
    LegSigned,
    LegUndone,
    TradeMoved,
)
from chimera.domain.risk import Reason
from chimera.domain.token import TokenInfo
from chimera.domain.trade import Hop, TradeState
from chimera.execution.effects import (
    Arrived,
    HandedOver,
    Probed,
    ProbeToken,
    ReadTransaction,
    SignedBytes,
    Simulated,
    Ticked,
    TransactionSeen,
)
from chimera.execution.planner import Plan
from chimera.testing.builders import BONK, address, intent

TRADE = TradeId("a swap")
HELD = 250_000_000
GOT = 4_000_000
RENT = 2_039_280
LAMPORTS = 5  # a micro-dollar: a SOL is 200 dollars


class DollarPlanner(FakePlanner):
    """Plans over one pool."""

    def plan(self, approved: Any, **known: Any) -> Any:
        plan = super().plan(approved, **known)
        assert isinstance(plan, Plan)
        wanted: TradeIntent = approved.intent
        hop = Hop("v", address("pool"), wanted.pay_mint or WSOL, wanted.mint, wanted.amount, GOT)
        return msgspec.structs.replace(plan, hops=(hop,), expected_out=GOT, minimum_out=GOT)


def house_of(entries: list[Entry] | None = None, *, held: int = HELD) -> House:
    house = House(entries)
    house.desk._planner = DollarPlanner()  # type: ignore[assignment]
    house.desk._view.worth_lamports = lambda mint, amount: amount * LAMPORTS if mint == USDC else None  # type: ignore[method-assign]
    house.desk._view.mints[USDC] = TokenInfo(USDC, TOKEN_PROGRAM, 6, 10**15, USDC, USDC, Slot(1))
    if entries is None:
        house.record(CapitalMoved(0, Slot(1), "sent by somebody", tokens=((USDC, held),)))
    return house


def swap(**changes: Any) -> TradeIntent:
    wanted = intent(
        id=IntentId("swap"), trade_id=TRADE, signal_id=None, source="rebalancer", side=Side.SWAP, style=Style.SHIELD,
        mint=BONK, pay_mint=USDC, amount=HELD, wallet=None,
    )  # fmt: skip
    return msgspec.structs.replace(wanted, **changes)


def landed(signature: str, *, left: int = 0, dust: int = 0, error: str | None = None) -> TransactionUpdate:
    """All of the dollars into BONK, whose account is opened; a pool in between may leave lamports over."""
    dollars, bonk = address("our dollars"), address("our BONK")
    delta = -5_000 if error else dust - 5_000 - RENT
    before = (TokenBalance(dollars, USDC, WALLET, HELD, 6),)
    after = (TokenBalance(dollars, USDC, WALLET, left, 6), TokenBalance(bonk, BONK, WALLET, GOT, 5))
    return TransactionUpdate(
        signature=Signature(signature), slot=Slot(9), index=0, accounts=(WALLET, dollars, bonk), instructions=(),
        fee_lamports=5_000, pre_lamports=(10**10, RENT, 0),
        post_lamports=(10**10 + delta, RENT, 0 if error else RENT), pre_tokens=before,
        post_tokens=before if error else after, logs=(), compute_units=50_000, error=error,
    )  # fmt: skip


def land(house: House, **changes: Any) -> None:
    send = house.to_signed(swap())
    house.effects(HandedOver(send.leg_id, "rpc", 1))
    (read,) = house.seen("sig1")
    assert isinstance(read, ReadTransaction)
    assert house.effects(TransactionSeen(read.leg_id, landed("sig1", **changes))) == []


def refusals(house: House) -> list[Reason]:
    return [fact.refusal.reason for fact in house.facts(IntentRefused)]


def test_one_fill_moves_both_tokens_and_costs_what_it_costs() -> None:
    house = house_of()
    land(house)
    ledger = house.books.ledger
    assert ledger.states[TRADE] is TradeState.CLOSED
    assert (ledger.tokens[USDC], ledger.tokens[BONK]) == (0, GOT)
    assert (ledger.free_tokens(USDC), ledger.free_tokens(BONK)) == (0, GOT)
    assert ledger.lamports == 10**10 - 5_000 - RENT
    assert ledger.realised_lamports == -5_000 - RENT
    assert ledger.open_positions == []
    (fill,) = [fact.fill for fact in house.facts(LegLanded)]
    assert (fill.swap_lamports, fill.token_delta, fill.other_tokens) == (0, GOT, ((USDC, -HELD),))


def test_lamports_that_a_pool_in_between_left_over_are_no_profit() -> None:
    house = house_of()
    land(house, dust=70_000)
    ledger = house.books.ledger
    assert ledger.lamports == 10**10 + 70_000 - 5_000 - RENT
    assert ledger.realised_lamports == -5_000 - RENT


def test_its_rows_say_what_was_paid_what_was_got_and_what_that_was_worth() -> None:
    house = house_of()
    land(house)
    rows = trade_rows([one for one in house.entries if "CapitalMoved" not in str(type(one.fact))])
    assert rows is not None
    (fill,) = rows.fills
    assert (fill.input_mint, fill.amount_in, fill.output_mint, fill.amount_out) == (USDC, HELD, BONK, GOT)
    assert (rows.trade.side, rows.trade.status) == (Side.SWAP, TradeState.CLOSED)
    assert rows.trade.amount_lamports == HELD * LAMPORTS


def test_a_swap_is_no_losing_round_trip_for_the_loss_breaker() -> None:
    house = house_of()
    land(house)
    assert (house.books.breaker.losses_in_row, house.books.breaker.lost_lamports) == (0, 0)


def test_while_it_is_under_way_no_sol_is_promised_and_both_its_tokens_are_taken() -> None:
    house = house_of()
    house.to_signed(swap())
    assert house.books.ledger.reserved_lamports == 0
    for number, other in enumerate(
        (
            swap(id=IntentId("again"), trade_id=TradeId("again"), amount=1),
            intent(id=IntentId("buy"), trade_id=TradeId("buy")),
            swap(id=IntentId("out"), trade_id=TradeId("out"), mint=address("third"), amount=1),
        )
    ):
        assert house.effects(Arrived(other)) == [], number
    assert refusals(house) == [], "they wait"


def test_two_that_pay_with_the_same_go_one_after_the_other_though_both_were_probed_at_once() -> None:
    house = house_of()
    probes = []
    for label in ("one", "two"):
        mint = address(label)
        house.desk._view.mints[mint] = TokenInfo(mint, TOKEN_PROGRAM, 5, 10**15, None, None, Slot(1))
        wanted = swap(id=IntentId(label), trade_id=TradeId(label), mint=mint, amount=HELD // 2)
        probes += house.effects(Arrived(wanted))
    assert [type(effect) for effect in probes] == [ProbeToken, ProbeToken]
    (simulate,) = house.effects(
        Probed(msgspec.structs.replace(probes[0].probe, mint=address("one")), FINE, 9_900_000)
    )
    assert house.effects(Probed(probes[1].probe, FINE, 9_900_000)) == [], "the dollars are taken"
    failed = msgspec.structs.replace(FINE, error="InstructionError(7, Custom(6005))")
    (second,) = house.effects(Simulated(simulate.leg_id, failed))
    assert (simulate.leg_id, second.leg_id) == ("one.1", "two.1")


def test_one_that_reverts_costs_its_fee_and_is_not_tried_again() -> None:
    house = house_of()
    house.to_signed(swap())
    (read,) = house.seen("sig1", error="InstructionError(4)")
    house.effects(TransactionSeen(read.leg_id, landed("sig1", error="InstructionError(4)")))
    ledger = house.books.ledger
    assert ledger.states[TRADE] is TradeState.FAILED
    assert (ledger.tokens[USDC], ledger.realised_lamports) == (HELD, -5_000)
    house.now += 10_000
    assert house.effects(Ticked()) == []


def test_what_a_fork_undid_is_taken_back_in_both_tokens_and_may_land_again() -> None:
    house = house_of()
    land(house)
    for height in (100, 110):
        house.now += 2_000
        house.effects(Ticked())
        house.unknown("sig1", height)
    ledger = house.books.ledger
    assert len(house.facts(LegUndone)) == 1
    assert (ledger.tokens[USDC], ledger.tokens[BONK], ledger.lamports) == (HELD, 0, 10**10)
    assert ledger.states[TRADE] is TradeState.EXECUTING
    (read,) = house.seen("sig1")
    house.effects(TransactionSeen(read.leg_id, landed("sig1")))
    assert ledger.states[TRADE] is TradeState.CLOSED
    assert (ledger.tokens[USDC], ledger.tokens[BONK]) == (0, GOT)


def test_the_same_intent_is_never_done_twice() -> None:
    house = house_of()
    land(house)
    assert house.effects(Arrived(swap())) == []
    assert len(house.facts(LegSigned)) == 1


def test_wherever_the_process_dies_the_next_one_signs_no_second_swap_beside_a_signed_one() -> None:
    whole = house_of()
    land(whole)
    entries = list(whole.entries)
    ends = []
    for length in range(2, len(entries) + 1):
        house = house_of(entries[:length])
        signed = len(house.facts(LegSigned))
        house.desk.resume(house.now)
        # the strategy asks again, as one would that had forgotten: the same cycle has the same id
        house.effects(Arrived(swap()))
        for leg in list(house.books.ledger.legs.values()):
            if leg.signature is None:
                house.effects(Simulated(leg.ref.leg_id, FINE))
                house.effects(SignedBytes(leg.ref.leg_id, Signature("sig1"), b"raw"))
        for leg in list(house.books.ledger.legs.values()):
            assert leg.signature == "sig1"
            (read,) = house.seen("sig1")
            house.effects(TransactionSeen(read.leg_id, landed("sig1")))
        assert len(house.facts(LegSigned)) <= 1
        assert signed <= len(house.facts(LegSigned))
        assert house.books.ledger.tokens.get(USDC, HELD) in {0, HELD}
        ends.append(house.books.ledger.tokens.get(BONK, 0))
    assert ends.count(GOT) > len(ends) // 2


def test_an_open_round_trip_s_tokens_are_not_its_to_pay_with() -> None:
    house = house_of(held=0)
    bought(house)
    house.effects(Arrived(swap(pay_mint=BONK, mint=USDC, amount=1)))
    assert refusals(house) == [Reason.INSUFFICIENT_BALANCE]


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"amount": HELD + 1}, Reason.INSUFFICIENT_BALANCE),
        ({"amount": 0}, Reason.INSUFFICIENT_BALANCE),
        ({"pay_mint": None}, Reason.VALIDATION_FAILED),
        ({"pay_mint": WSOL}, Reason.VALIDATION_FAILED),
        ({"mint": WSOL}, Reason.VALIDATION_FAILED),
        ({"pay_mint": BONK}, Reason.VALIDATION_FAILED),
        ({"slippage_bps_max": 501}, Reason.SLIPPAGE),
        ({"created_at_ms": 0}, Reason.TTL_EXPIRED),
        ({"mint": address("unheard of")}, Reason.UNKNOWN_TOKEN),
    ],
)
def test_the_gate_asks_a_swap_questions_of_its_own(wanted: dict[str, Any], reason: Reason) -> None:
    house = house_of()
    assert house.effects(Arrived(swap(**wanted))) == []
    assert refusals(house) == [reason]
    assert house.books.ledger.states[TRADE] is TradeState.FAILED


def test_a_swap_worth_more_than_the_house_allows_is_refused_but_not_into_dollars() -> None:
    house = house_of(held=10**13)
    house.effects(Arrived(swap(amount=4_000_000_001)))
    assert refusals(house) == [Reason.MAX_POSITION]
    house.record(CapitalMoved(0, Slot(1), "sent", tokens=((BONK, 10**13),)))
    house.desk._view.value_lamports = lambda mint, tokens: 10**12  # type: ignore[method-assign]
    out = swap(id=IntentId("out"), trade_id=TradeId("out"), pay_mint=BONK, mint=USDC, amount=10**13)
    assert len(house.effects(Arrived(out))) == 1, "it leaves a risk"


def test_a_payment_whose_worth_nobody_knows_is_refused() -> None:
    house = house_of()
    house.record(CapitalMoved(0, Slot(1), "sent", tokens=((address("odd"), 7),)))
    house.effects(Arrived(swap(pay_mint=address("odd"), amount=7)))
    assert refusals(house) == [Reason.QUOTE_UNAVAILABLE]


def test_halts_and_breakers_stop_swaps_except_those_into_dollars() -> None:
    house = house_of()
    house.record(CapitalMoved(0, Slot(1), "sent", tokens=((BONK, 50),)))
    house.desk._view.value_lamports = lambda mint, tokens: 10**9  # type: ignore[method-assign]
    house.record(BreakerMoved(breaker="loss", before="CLOSED", after="OPEN", cause="losses", by="a test"))
    house.effects(Arrived(swap()))
    assert refusals(house) == [Reason.BREAKER_OPEN]
    out = swap(id=IntentId("out"), trade_id=TradeId("out"), pay_mint=BONK, mint=USDC, amount=50)
    (simulate,) = house.effects(Arrived(out))
    # halted meanwhile: an exit goes on, and so does this
    house.books.kill_switch.active, house.books.kill_switch.scope = True, "halt_buys"
    assert len(house.effects(Simulated(simulate.leg_id, FINE))) == 1


def test_a_halt_of_buys_halts_a_swap_into_anything_but_dollars() -> None:
    house = house_of()
    house.books.kill_switch.active, house.books.kill_switch.scope = True, "halt_buys"
    house.effects(Arrived(swap()))
    assert refusals(house) == [Reason.KILL_SWITCH]


def test_what_it_is_worth_decides_how_deep_it_must_lie() -> None:
    house = house_of()
    house.to_signed(swap())
    (leg,) = house.books.ledger.legs.values()
    assert (leg.worth_lamports, leg.pay_mint) == (HELD * LAMPORTS, USDC)
    assert house.desk._fates._worth_lamports(leg) == HELD * LAMPORTS
    (planned,) = house.facts(LegPlanned)
    assert planned.worth_lamports == HELD * LAMPORTS


def test_a_simulation_that_fails_ends_it_without_a_signature_and_without_another_try() -> None:
    house = house_of()
    (simulate,) = house.effects(Arrived(swap()))
    failed: Simulation = msgspec.structs.replace(FINE, error="InstructionError(7, Custom(6005))")
    house.effects(Simulated(simulate.leg_id, failed))
    house.now += 4_000
    assert house.effects(Ticked()) == []
    assert [moved.after for moved in house.facts(TradeMoved)][-1] is TradeState.FAILED
