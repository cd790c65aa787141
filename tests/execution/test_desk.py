"""The desk's promises: simulate before send, durable before send, never a second signature in doubt, resume."""

from typing import Any

import msgspec
import pytest

from chimera.domain.chain import (
    Blockhash,
    Commitment,
    SignatureStatus,
    Simulation,
    TokenBalance,
    TransactionUpdate,
)
from chimera.domain.ids import TOKEN_PROGRAM, Address, IntentId, Signature, Slot, TradeId
from chimera.domain.intent import Side, Style
from chimera.domain.messages import (
    CapitalMoved,
    Entry,
    Fact,
    IntentRefused,
    LegDropped,
    LegExpired,
    LegLanded,
    LegReverted,
    LegSigned,
    Noted,
    TokenChecked,
    TradeMoved,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.token import TokenInfo
from chimera.domain.trade import TradeState
from chimera.execution.arbiter import ArbiterLimits
from chimera.execution.books import Books
from chimera.execution.desk import Desk, DeskLimits
from chimera.execution.effects import (
    Arrived,
    HandedOver,
    Probed,
    ProbeToken,
    ReadTransaction,
    Send,
    Sign,
    SignedBytes,
    Simulate,
    Simulated,
    StatusesRead,
    Ticked,
    TransactionSeen,
)
from chimera.execution.fees import Fees
from chimera.execution.planner import Plan, Probe
from chimera.execution.watch import WatchLimits
from chimera.market.view import MarketView
from chimera.risk.checks import RiskLimits
from chimera.risk.gate import Approved, Gate
from chimera.risk.loss_breaker import LossLimits
from chimera.risk.token_safety import TokenLimits
from chimera.testing.builders import AT_MS, BONK, address, intent

WALLET = address("desk")
OURS = address("our token account")
FINE = Simulation(Slot(5), None, (), 50_000)
VALID_UNTIL = 200
MARGIN = WatchLimits().expiry_margin_blocks


class View(MarketView):
    """A market in which BONK is a sound and liquid token."""

    def __init__(self) -> None:
        super().__init__({})
        self.mints[BONK] = TokenInfo(BONK, TOKEN_PROGRAM, 5, 10**15, None, None, Slot(1))
        self.see_slot(Slot(5), AT_MS)

    def liquidity_micro_usd(self, mint: Address) -> int | None:
        return 10**12


class FakePlanner:
    """Plans that are only told apart by their number."""

    def __init__(self) -> None:
        self.plans = 0
        self.learnt: list[str] = []
        self.refusal: Refusal | None = None

    def plan(self, approved: Approved, *, blockhash: Blockhash, bundle: bool, close: bool) -> Plan | Refusal:
        if self.refusal is not None:
            return self.refusal
        self.plans += 1
        return Plan(
            message=b"message %d" % self.plans, last_valid_block_height=blockhash.last_valid_block_height,
            hops=(), amount_in=approved.intent.amount, expected_out=1_000, minimum_out=900, slot=5, made_at_slot=5,
            fees=Fees(200_000, 1, 0),
        )  # fmt: skip

    def learn(self, plan: Plan, error: str) -> None:
        self.learnt.append(error)

    def probe(self, mint: Address, *, lamports: int, blockhash: Blockhash) -> Probe | Refusal:
        return Probe(b"probe", mint, lamports, OURS, 4)


class House:
    """A desk with its books; `facts` is what the journal holds."""

    def __init__(self, entries: list[Entry] | None = None, *, probed: bool = True) -> None:
        self.now = AT_MS
        self.entries: list[Entry] = []
        self.books = Books(loss=LossLimits(), tokens=TokenLimits())
        self.planner = FakePlanner()
        for entry in entries or []:
            self.entries.append(entry)
            self.books.fold(entry)
        view = View()
        self.desk = Desk(
            gate=Gate(RiskLimits()), planner=self.planner, books=self.books, view=view, limits=DeskLimits(),  # type: ignore[arg-type]
            wallet=WALLET, tip_accounts=frozenset(), record=self.record,
        )  # fmt: skip
        self.books.kill_switch.ready = True
        self.desk.blockhash = Blockhash("h", VALID_UNTIL, 5)
        if not entries:
            self.record(CapitalMoved(10**10, Slot(1), "opening balance"))
            if probed:
                self.effects(Arrived(intent(id=IntentId("probe"), amount=1)))
                self.answer_probe(9_900_000)
                self.entries.clear()
                self.__init__(
                    [
                        Entry(1, AT_MS, "r", CapitalMoved(10**10, Slot(1), "o")),
                        Entry(2, AT_MS, "r", self.report),
                    ]
                )  # type: ignore[misc]

    report: TokenChecked

    def record(self, fact: Fact) -> Entry:
        entry = Entry(len(self.entries) + 1, self.now, "run", fact)
        self.entries.append(entry)
        self.books.fold(entry)
        if isinstance(fact, TokenChecked):
            self.report = fact
        return entry

    def effects(self, message: Any) -> list[Any]:
        return self.desk.process(message, self.now)

    def answer_probe(self, returned: int, error: str | None = None) -> list[Any]:
        probe = Probe(b"probe", BONK, 10_000_000, OURS, 4)
        return self.effects(Probed(probe, msgspec.structs.replace(FINE, error=error), returned))

    def facts(self, kind: type) -> list[Any]:
        return [entry.fact for entry in self.entries if isinstance(entry.fact, kind)]

    def state(self) -> TradeState:
        return self.books.ledger.states[intent().trade_id]

    def to_signed(self, wanted: Any = None, signature: str = "sig1") -> Send:
        """An intent on its way up to the bytes that are to be sent."""
        (simulate,) = self.effects(Arrived(wanted or intent()))
        assert isinstance(simulate, Simulate)
        (sign,) = self.effects(Simulated(simulate.leg_id, FINE))
        assert isinstance(sign, Sign)
        (send,) = self.effects(SignedBytes(sign.leg_id, Signature(signature), b"signed " + sign.message))
        assert isinstance(send, Send)
        return send

    def seen(self, signature: str, *, error: str | None = None, height: int = 100) -> list[Any]:
        status = SignatureStatus(Slot(9), Commitment.CONFIRMED, error)
        return self.effects(StatusesRead(height, {Signature(signature): status}))

    def unknown(self, signature: str, height: int) -> list[Any]:
        return self.effects(StatusesRead(height, {Signature(signature): None}))


def landed(
    side: Side, signature: str, *, lamports: int, tokens: int, error: str | None = None
) -> TransactionUpdate:
    before, after = (0, tokens) if side is Side.BUY else (tokens, 0)
    return TransactionUpdate(
        signature=Signature(signature), slot=Slot(9), index=0, accounts=(WALLET, OURS), instructions=(),
        fee_lamports=5_000, pre_lamports=(10**10, 2_039_280), post_lamports=(10**10 + lamports, 2_039_280),
        pre_tokens=(TokenBalance(OURS, BONK, WALLET, before, 5),),
        post_tokens=(TokenBalance(OURS, BONK, WALLET, after, 5),),
        logs=(), compute_units=50_000, error=error,
    )  # fmt: skip


def bought(house: House, signature: str = "sig1") -> None:
    send = house.to_signed(signature=signature)
    house.effects(HandedOver(send.leg_id, "primary", 1))
    (read,) = house.seen(signature)
    assert isinstance(read, ReadTransaction)
    transaction = landed(Side.BUY, signature, lamports=-100_005_000, tokens=1_000)
    assert house.effects(TransactionSeen(read.leg_id, transaction)) == []


def test_a_buy_goes_all_the_way_and_the_books_know_what_it_cost() -> None:
    house = House()
    bought(house)
    position = house.books.ledger.positions[intent().trade_id]
    assert (position.tokens, position.cost_lamports, position.swapped_lamports) == (
        1_000,
        100_005_000,
        100_000_000,
    )
    assert house.state() is TradeState.ACTIVE
    assert house.desk.in_flight == 0


def test_an_exit_closes_the_round_trip_with_its_true_profit() -> None:
    house = House()
    bought(house)
    sell = intent(id=IntentId("x"), side=Side.SELL, style=Style.EXIT, amount=1_000)
    send = house.to_signed(sell, "sig2")
    assert house.state() is TradeState.EXITING
    house.seen("sig2")
    house.effects(TransactionSeen(send.leg_id, landed(Side.SELL, "sig2", lamports=120_000_000, tokens=1_000)))
    assert house.state() is TradeState.CLOSED
    assert house.books.ledger.realised_lamports == 120_000_000 - 100_005_000


def more(house: House, signature: str = "sig2") -> Any:
    """A second buy of the open round trip, up to its bytes."""
    return house.to_signed(intent(id=IntentId("more"), amount=50_000_000), signature)


def test_a_second_buy_of_an_open_round_trip_adds_to_its_position() -> None:
    house = House()
    bought(house)
    send = more(house)
    assert house.state() is TradeState.ACTIVE, "what is held may be sold again as soon as the mint is free"
    house.seen("sig2")
    house.effects(TransactionSeen(send.leg_id, landed(Side.BUY, "sig2", lamports=-50_005_000, tokens=400)))
    position = house.books.ledger.positions[intent().trade_id]
    assert (position.tokens, position.tokens_bought) == (1_400, 1_400)
    assert (position.cost_lamports, position.swapped_lamports) == (150_010_000, 150_000_000)
    assert house.facts(TradeMoved)[-1].cause.startswith("landed")
    assert house.state() is TradeState.ACTIVE
    assert not house.facts(Noted)
    sell = intent(id=IntentId("x"), side=Side.SELL, style=Style.EXIT, amount=1_400)
    send = house.to_signed(sell, "sig3")
    house.seen("sig3")
    house.effects(TransactionSeen(send.leg_id, landed(Side.SELL, "sig3", lamports=160_000_000, tokens=1_400)))
    assert house.state() is TradeState.CLOSED
    assert house.books.ledger.realised_lamports == 160_000_000 - 150_010_000


def test_adding_that_comes_to_nothing_leaves_the_position_open_and_is_not_tried_again() -> None:
    house = House()
    bought(house)
    (simulate,) = house.effects(Arrived(intent(id=IntentId("more"), amount=50_000_000)))
    assert house.effects(Simulated(simulate.leg_id, msgspec.structs.replace(FINE, error="slippage"))) == []
    assert house.state() is TradeState.ACTIVE
    house.now += 60_000
    assert not any(isinstance(effect, Simulate) for effect in house.effects(Ticked()))
    assert house.books.ledger.positions[intent().trade_id].tokens == 1_000
    assert house.desk.in_flight == 0
    assert not house.facts(Noted)


def test_nothing_is_added_beyond_the_limit_of_a_position_nor_to_one_that_is_closed() -> None:
    house = House()
    bought(house)
    house.effects(Arrived(intent(id=IntentId("much"), amount=1_950_000_000)))
    assert house.facts(IntentRefused)[-1].refusal.reason is Reason.MAX_POSITION
    assert house.state() is TradeState.ACTIVE
    sell = intent(id=IntentId("x"), side=Side.SELL, style=Style.EXIT, amount=1_000)
    send = house.to_signed(sell, "sig2")
    house.effects(Arrived(intent(id=IntentId("more"), amount=50_000_000)))
    house.seen("sig2")
    house.effects(TransactionSeen(send.leg_id, landed(Side.SELL, "sig2", lamports=120_000_000, tokens=1_000)))
    assert house.state() is TradeState.CLOSED
    assert house.facts(IntentRefused)[-1].refusal.reason is Reason.NO_ACTIVE_POSITION
    assert not house.books.ledger.legs


def test_a_failed_simulation_is_never_signed_nor_sent() -> None:
    house = House()
    (simulate,) = house.effects(Arrived(intent()))
    failed = msgspec.structs.replace(FINE, error="InstructionError(5, Custom(6005))")
    assert house.effects(Simulated(simulate.leg_id, failed)) == []
    assert [fact.refusal.reason for fact in house.facts(LegDropped)] == [Reason.SIMULATION_FAILED]
    assert house.facts(LegSigned) == []


def test_no_answer_of_the_simulation_is_no_reason_to_send() -> None:
    house = House()
    (simulate,) = house.effects(Arrived(intent()))
    assert house.effects(Simulated(simulate.leg_id, None, "timed out")) == []
    assert house.facts(LegSigned) == []


def test_a_plan_that_grew_old_while_it_was_simulated_is_not_signed() -> None:
    house = House()
    (simulate,) = house.effects(Arrived(intent()))
    house.desk._view.see_slot(Slot(14), AT_MS)
    assert house.effects(Simulated(simulate.leg_id, FINE)) == []
    assert house.facts(LegDropped)[-1].refusal.reason is Reason.STALE_DATA


def test_a_kill_between_simulation_and_signature_stops_the_leg() -> None:
    house = House()
    (simulate,) = house.effects(Arrived(intent()))
    house.books.kill_switch.active, house.books.kill_switch.scope = True, "halt_all"
    assert house.effects(Simulated(simulate.leg_id, FINE)) == []
    assert house.facts(LegSigned) == []


def test_the_signature_is_recorded_before_the_bytes_may_go_out() -> None:
    house = House()
    send = house.to_signed()
    (entry,) = [entry for entry in house.entries if isinstance(entry.fact, LegSigned)]
    assert send.durable_seq == entry.seq
    assert send.transaction == entry.fact.transaction


def test_the_same_intent_twice_is_one_trade() -> None:
    house = House()
    house.to_signed()
    assert house.effects(Arrived(intent())) == []
    assert house.planner.plans == 1
    assert house.facts(Noted)[-1].what == "duplicate intent"


def test_silence_sends_the_same_bytes_again_and_never_signs_anew() -> None:
    house = House()
    send = house.to_signed()
    house.effects(HandedOver(send.leg_id, "primary", 1, "timed out"))
    house.now += 1_200
    (again,) = house.effects(Ticked())
    assert (again.transaction, again.attempt) == (send.transaction, 2)
    assert house.planner.plans == 1


@pytest.mark.parametrize("height", [VALID_UNTIL, VALID_UNTIL + MARGIN])
def test_not_found_before_the_margin_says_nothing(height: int) -> None:
    house = House()
    house.to_signed()
    for _ in range(5):
        house.unknown("sig1", height)
    assert house.facts(LegExpired) == []


def test_expiry_needs_the_margin_and_two_clean_answers() -> None:
    house = House()
    house.to_signed()
    house.unknown("sig1", VALID_UNTIL + MARGIN + 1)
    assert house.facts(LegExpired) == []
    house.unknown("sig1", VALID_UNTIL + MARGIN + 1)
    assert len(house.facts(LegExpired)) == 1
    assert house.state() is TradeState.FAILED


def test_a_status_in_between_starts_the_count_anew() -> None:
    house = House()
    house.to_signed()
    house.unknown("sig1", VALID_UNTIL + MARGIN + 1)
    processed = SignatureStatus(Slot(9), Commitment.PROCESSED, None)
    house.effects(StatusesRead(VALID_UNTIL + MARGIN + 1, {Signature("sig1"): processed}))
    house.unknown("sig1", VALID_UNTIL + MARGIN + 1)
    assert house.facts(LegExpired) == []


def test_a_processed_error_is_not_believed_and_a_confirmed_one_costs_its_fee() -> None:
    house = House()
    send = house.to_signed()
    processed = SignatureStatus(Slot(9), Commitment.PROCESSED, "failed")
    assert house.effects(StatusesRead(100, {Signature("sig1"): processed})) == []
    (read,) = house.seen("sig1", error="failed")
    reverted = landed(Side.BUY, "sig1", lamports=-5_000, tokens=0, error="InstructionError(3)")
    house.effects(TransactionSeen(read.leg_id, reverted))
    assert house.facts(LegReverted)[0].lamports_delta == -5_000
    assert house.books.ledger.realised_lamports == -5_000
    assert send.leg_id not in house.books.ledger.legs
    assert house.state() is TradeState.FAILED


def test_a_lost_entry_is_retried_up_to_its_limit_and_then_a_dead_letter() -> None:
    house = House()
    (simulate,) = house.effects(Arrived(intent(ttl_ms=60_000)))
    failed = msgspec.structs.replace(FINE, error="InstructionError(5)")
    for wait_ms in (400, 800, 1_600):
        house.effects(Simulated(simulate.leg_id, failed))
        assert house.state() is TradeState.FAILED
        house.now += wait_ms - 1
        assert house.effects(Ticked()) == []
        house.now += 1
        (simulate,) = house.effects(Ticked())
        assert house.state() is TradeState.EXECUTING
    house.effects(Simulated(simulate.leg_id, failed))
    assert house.state() is TradeState.DEAD_LETTER


def test_a_lost_exit_goes_back_to_active() -> None:
    house = House()
    bought(house)
    sell = intent(id=IntentId("x"), side=Side.SELL, style=Style.EXIT, amount=1_000)
    (simulate,) = house.effects(Arrived(sell))
    house.effects(Simulated(simulate.leg_id, None, "node away"))
    assert house.state() is TradeState.ACTIVE


def test_two_exits_at_once_wait_for_each_other_and_the_second_finds_nothing_left() -> None:
    house = House()
    bought(house)
    send = house.to_signed(intent(id=IntentId("x"), side=Side.SELL, style=Style.EXIT, amount=1_000), "sig2")
    assert (
        house.effects(Arrived(intent(id=IntentId("y"), side=Side.SELL, style=Style.EXIT, amount=1_000))) == []
    )
    assert house.facts(IntentRefused) == []
    house.seen("sig2")
    house.effects(TransactionSeen(send.leg_id, landed(Side.SELL, "sig2", lamports=120_000_000, tokens=1_000)))
    assert house.facts(IntentRefused)[-1].refusal.reason is Reason.NO_ACTIVE_POSITION


def test_an_intent_that_waits_too_long_for_its_mint_is_refused_by_name() -> None:
    house = House()
    house.to_signed()
    house.effects(Arrived(intent(id=IntentId("y"), trade_id=TradeId("other"))))
    house.now += 5_000
    house.effects(Ticked())
    assert house.facts(IntentRefused)[-1].refusal.reason is Reason.RESOURCE_CONFLICT


def test_an_intent_that_waits_too_long_behind_others_is_refused_as_starved() -> None:
    house = House()
    house.desk._arbiter._limits = ArbiterLimits(concurrency=1)
    house.to_signed()
    house.effects(Arrived(intent(id=IntentId("y"), trade_id=TradeId("other"), mint=address("another mint"))))
    house.now += 5_000
    house.effects(Ticked())
    assert house.facts(IntentRefused)[-1].refusal.reason is Reason.STARVED


def test_a_token_is_probed_before_its_first_buy_and_only_then() -> None:
    house = House(probed=False)
    (effect,) = house.effects(Arrived(intent()))
    assert isinstance(effect, ProbeToken)
    (simulate,) = house.answer_probe(9_900_000)
    assert isinstance(simulate, Simulate)


@pytest.mark.parametrize(
    ("returned", "error"),
    [(0, "InstructionError(4, Custom(37))"), (7_999_999, None)],
)
def test_a_token_that_cannot_be_sold_back_is_refused(returned: int, error: str | None) -> None:
    house = House(probed=False)
    house.effects(Arrived(intent()))
    assert house.answer_probe(returned, error) == []
    assert house.facts(IntentRefused)[-1].refusal.reason is Reason.HONEYPOT
    assert house.state() is TradeState.FAILED


def test_a_probe_without_an_answer_is_no_verdict_on_the_token() -> None:
    house = House(probed=False)
    house.effects(Arrived(intent()))
    house.effects(Probed(Probe(b"probe", BONK, 10_000_000, OURS, 4), None, 0, "429"))
    assert house.facts(IntentRefused)[-1].refusal.reason is Reason.SIMULATION_UNAVAILABLE
    assert house.facts(TokenChecked) == []
    (effect,) = house.effects(Arrived(intent(id=IntentId("later"), trade_id=TradeId("later"))))
    assert isinstance(effect, ProbeToken)


def test_late_answers_are_noted_and_not_obeyed() -> None:
    house = House()
    send = house.to_signed()
    assert house.effects(Simulated(send.leg_id, FINE)) == []
    assert house.effects(SignedBytes(send.leg_id, Signature("other"), b"other")) == []
    assert len(house.facts(LegSigned)) == 1
    assert house.effects(TransactionSeen("nobody", None)) == []


def story() -> list[Entry]:
    """A buy and a sell, all facts."""
    house = House()
    bought(house)
    sell = intent(id=IntentId("x"), side=Side.SELL, style=Style.EXIT, amount=1_000)
    send = house.to_signed(sell, "sig2")
    house.effects(HandedOver(send.leg_id, "primary", 1))
    house.seen("sig2")
    house.effects(TransactionSeen(send.leg_id, landed(Side.SELL, "sig2", lamports=120_000_000, tokens=1_000)))
    assert house.state() is TradeState.CLOSED
    return house.entries


@pytest.mark.parametrize("cut", range(1, len(story()) + 1))
def test_a_kill_after_any_fact_neither_buys_twice_nor_leaves_an_orphan(cut: int) -> None:
    """Whatever had been written when the process died: the chain has what was signed, and the books find it."""
    entries = story()[:cut]
    signed = {fact.signature for fact in (entry.fact for entry in entries) if isinstance(fact, LegSigned)}
    house = House(entries)
    effects = house.desk.resume(house.now)
    for _ in range(20):
        house.now += 500
        done, effects = effects, house.effects(Ticked())
        for effect in done:
            match effect:
                case Simulate(leg_id):
                    effects += house.effects(Simulated(leg_id, FINE))
                case Sign(leg_id, message):
                    new = Signature("sig1" if house.books.ledger.legs[leg_id].side is Side.BUY else "sig2")
                    assert new not in signed, "a second signature for what may have landed"
                    signed.add(new)
                    effects += house.effects(SignedBytes(leg_id, new, b"signed " + message))
                case Send():
                    effects += house.seen(effect.signature)
                case ReadTransaction(leg_id, signature):
                    side = Side.BUY if signature == "sig1" else Side.SELL
                    lamports = -100_005_000 if side is Side.BUY else 120_000_000
                    transaction = landed(side, signature, lamports=lamports, tokens=1_000)
                    effects += house.effects(TransactionSeen(leg_id, transaction))
    landings = house.facts(LegLanded)
    assert len([fact for fact in landings if fact.fill.side is Side.BUY]) <= 1
    assert house.desk.in_flight == 0
    for trade_id, position in house.books.ledger.positions.items():
        state = house.books.ledger.states[trade_id]
        assert state is (TradeState.ACTIVE if position.open else TradeState.CLOSED)
    held = house.books.ledger.tokens.get(BONK, 0)
    assert held == sum(position.tokens for position in house.books.ledger.positions.values())
