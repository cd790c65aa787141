"""Circles at the desk: a bundle or nothing, one fill that opens and closes, never tried twice, taken back by a fork."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from tests.execution.test_desk import FINE, WALLET, House

from chimera.domain.chain import Blockhash, TransactionUpdate
from chimera.domain.ids import WSOL, Address, IntentId, Signature, Slot, TradeId
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.domain.messages import IntentRefused, LegDropped, LegPlanned, LegUndone, TradeMoved
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Hop, TradeState
from chimera.execution.desk import DeskLimits
from chimera.execution.effects import Arrived, HandedOver, ReadTransaction, Simulated, Ticked, TransactionSeen
from chimera.execution.fees import Fees
from chimera.execution.planner import Plan
from chimera.risk.gate import Approved, Gate
from chimera.testing.builders import address, intent

POOLS = (address("one pool"), address("another pool"))
TRADE = TradeId("a circle")
PROFIT = 12_000_000


def circle(**changes: Any) -> TradeIntent:
    wanted = intent(
        id=IntentId("circle"), trade_id=TRADE, signal_id=None, source="arbitrage", side=Side.CYCLE, style=Style.SPEAR,
        amount=10**9, pools=POOLS, profit_lamports_min=10_000_000, wallet=None,
    )  # fmt: skip
    return msgspec.structs.replace(wanted, **changes)


class FakeCycles:
    def __init__(self) -> None:
        self.bundles: list[bool] = []

    def plan(
        self, approved: Approved, *, blockhash: Blockhash, bundle: bool, held: Mapping[Address, int]
    ) -> Plan | Refusal:
        self.bundles.append(bundle)
        mint = approved.intent.mint
        hops = (
            Hop("v", approved.intent.pools[0], WSOL, mint, 10**9, 500),
            Hop("w", approved.intent.pools[1], mint, WSOL, 500, 10**9),
        )
        return Plan(
            message=b"circle", last_valid_block_height=blockhash.last_valid_block_height, hops=hops, amount_in=10**9,
            expected_out=10**9 + PROFIT, minimum_out=10**9, slot=5, made_at_slot=5, fees=Fees(200_000, 1, 0),
        )  # fmt: skip


def house_of(*, bundles: bool = True, standard: bool = False) -> House:
    house = House()
    house.desk._cycles = FakeCycles()  # type: ignore[assignment]
    if bundles:
        house.desk._limits = DeskLimits(bundled=frozenset({Style.SPEAR}))
    if standard:
        gate = house.desk._gate
        house.desk._gate = Gate(msgspec.structs.replace(gate.limits, cycles_in_standard_lane=True))
    return house


def closed(signature: str, *, lamports: int, error: str | None = None) -> TransactionUpdate:
    return TransactionUpdate(
        signature=Signature(signature), slot=Slot(9), index=0, accounts=(WALLET,), instructions=(), fee_lamports=5_000,
        pre_lamports=(10**10,), post_lamports=(10**10 + lamports,), pre_tokens=(), post_tokens=(), logs=(),
        compute_units=50_000, error=error,
    )  # fmt: skip


def land(house: House, lamports: int = PROFIT) -> None:
    send = house.to_signed(circle())
    house.effects(HandedOver(send.leg_id, "bundle", 1))
    (read,) = house.seen("sig1")
    assert isinstance(read, ReadTransaction)
    assert house.effects(TransactionSeen(read.leg_id, closed("sig1", lamports=lamports))) == []


def refusals(house: House) -> list[Reason]:
    return [fact.refusal.reason for fact in house.facts(IntentRefused)]


def test_a_circle_goes_as_a_bundle_that_no_node_gets_by_itself() -> None:
    house = house_of()
    send = house.to_signed(circle())
    assert (send.bundle, send.atomic) == (True, True)
    house.effects(HandedOver(send.leg_id, "bundle", 1, "timed out"))
    house.now += 1_200
    (again,) = house.effects(Ticked())
    assert again.atomic, "nor does silence send it there"


def test_one_fill_opens_and_closes_it_with_its_true_profit() -> None:
    house = house_of()
    land(house)
    ledger = house.books.ledger
    assert ledger.states[TRADE] is TradeState.CLOSED
    assert ledger.realised_lamports == PROFIT
    assert ledger.lamports == 10**10 + PROFIT
    assert ledger.open_positions == []
    assert (ledger.reserved_lamports, ledger.engaged_lamports(Style.SPEAR)) == (0, 0)
    position = ledger.positions[TRADE]
    assert (position.cost_lamports, position.received_lamports) == (10**9 + 5_000, 10**9 + PROFIT + 5_000)


def test_while_it_is_under_way_its_capital_is_promised() -> None:
    house = house_of()
    house.to_signed(circle())
    assert house.books.ledger.reserved_lamports == 10**9


def test_a_circle_that_reverts_costs_its_fee_and_is_not_tried_again() -> None:
    house = house_of()
    house.to_signed(circle())
    (read,) = house.seen("sig1", error="InstructionError(4)")
    house.effects(TransactionSeen(read.leg_id, closed("sig1", lamports=-5_000, error="InstructionError(4)")))
    ledger = house.books.ledger
    assert ledger.states[TRADE] is TradeState.FAILED
    assert ledger.realised_lamports == -5_000
    house.now += 10_000
    assert house.effects(Ticked()) == []


def test_a_simulation_that_fails_ends_it_without_a_signature() -> None:
    house = house_of()
    (simulate,) = house.effects(Arrived(circle()))
    failed = msgspec.structs.replace(FINE, error="InstructionError(7, Custom(6005))")
    assert house.effects(Simulated(simulate.leg_id, failed)) == []
    assert [fact.refusal.reason for fact in house.facts(LegDropped)] == [Reason.SIMULATION_FAILED]
    assert house.books.ledger.states[TRADE] is TradeState.FAILED


def test_what_a_fork_undid_is_followed_again_and_may_land_again() -> None:
    house = house_of()
    land(house)
    for height in (100, 110):
        house.now += 2_000
        house.effects(Ticked())
        house.unknown("sig1", height)
    ledger = house.books.ledger
    assert len(house.facts(LegUndone)) == 1
    assert (ledger.lamports, ledger.realised_lamports) == (10**10, 0)
    assert ledger.states[TRADE] is TradeState.EXECUTING
    (read,) = house.seen("sig1")
    house.effects(TransactionSeen(read.leg_id, closed("sig1", lamports=PROFIT)))
    assert ledger.states[TRADE] is TradeState.CLOSED
    assert (ledger.lamports, ledger.realised_lamports) == (10**10 + PROFIT, PROFIT)


@pytest.mark.parametrize(
    ("house", "wanted", "reason"),
    [
        ({"bundles": False}, {}, Reason.BUNDLE_REQUIRED),
        ({}, {"pools": POOLS[:1]}, Reason.POOL_NOT_FOUND),
        ({}, {"pools": (*POOLS, POOLS[0])}, Reason.POOL_NOT_FOUND),
        ({}, {"profit_lamports_min": 0}, Reason.UNPROFITABLE),
        ({}, {"amount": 3 * 10**9}, Reason.MAX_POSITION),
        ({}, {"created_at_ms": 0}, Reason.TTL_EXPIRED),
    ],
)
def test_the_gate_asks_a_circle_questions_of_its_own(
    house: dict[str, bool], wanted: dict[str, Any], reason: Reason
) -> None:
    desk = house_of(**house)
    assert desk.effects(Arrived(circle(**wanted))) == []
    assert refusals(desk) == [reason]
    assert desk.books.ledger.states[TRADE] is TradeState.FAILED


def test_without_a_block_engine_it_goes_by_the_node_only_where_settings_say_so() -> None:
    house = house_of(bundles=False, standard=True)
    send = house.to_signed(circle())
    assert (send.bundle, send.atomic) == (False, False)


def test_a_halt_of_buys_halts_circles_too() -> None:
    house = house_of()
    house.books.kill_switch.active, house.books.kill_switch.scope = True, "halt_buys"
    house.effects(Arrived(circle()))
    assert refusals(house) == [Reason.KILL_SWITCH]


def test_two_circles_over_one_pool_go_one_after_the_other() -> None:
    house = house_of()
    send = house.to_signed(circle())
    other = circle(
        id=IntentId("second"),
        trade_id=TradeId("second"),
        mint=address("another token"),
        pools=(POOLS[1], address("third pool")),
    )
    assert house.effects(Arrived(other)) == [], "it waits"
    assert refusals(house) == []
    house.seen("sig1")
    effects = house.effects(TransactionSeen(send.leg_id, closed("sig1", lamports=PROFIT)))
    assert [effect.leg_id for effect in effects] == ["second.1"]


def test_a_circle_that_waits_too_long_for_a_pool_is_refused_by_name() -> None:
    house = house_of()
    house.to_signed(circle())
    house.effects(
        Arrived(circle(id=IntentId("second"), trade_id=TradeId("second"), mint=address("another token")))
    )
    house.now += 5_001
    house.effects(Ticked())
    assert refusals(house) == [Reason.RESOURCE_CONFLICT]


def test_a_restart_settles_a_circle_whose_last_step_was_not_written_down() -> None:
    house = house_of()
    land(house)
    kept = [
        e for e in house.entries if not (isinstance(e.fact, TradeMoved) and e.fact.after is TradeState.CLOSED)
    ]
    again = House(kept)
    again.desk.resume(again.now)
    assert again.books.ledger.states[TRADE] is TradeState.CLOSED
    assert again.books.ledger.realised_lamports == PROFIT


def test_a_restart_offers_a_signed_circle_to_the_block_engine_alone() -> None:
    house = house_of()
    house.to_signed(circle())
    again = House(house.entries)
    (send,) = again.desk.resume(again.now)
    assert send.atomic


def test_a_desk_without_circles_says_so() -> None:
    house = house_of()
    house.desk._cycles = None
    house.effects(Arrived(circle()))
    assert refusals(house) == [Reason.STRATEGY_DISABLED]
    assert house.facts(LegPlanned) == []
