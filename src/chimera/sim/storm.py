"""The real desk, journal, gate and lifecycle in a storm: virtual time, seeded faults, what must hold after every step.

Deterministic: a seed is a whole day of bad luck, and the same seed is the same day. Kills lose what was not durable;
the next desk has the journal alone. Some seconds of computing are hours here.
"""

import heapq
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from chimera.domain.chain import Simulation
from chimera.domain.errors import InvariantBroken
from chimera.domain.ids import (
    Address,
    IntentId,
    SignalId,
    Signature,
    Slot,
    TradeId,
    derived_id,
)
from chimera.domain.intent import Origin, Side, Style, TradeIntent
from chimera.domain.messages import (
    CapitalMoved,
    Entry,
    Fact,
    KillSwitchMoved,
    LegSigned,
    LegUndone,
    TokenChecked,
)
from chimera.domain.token import TokenReport
from chimera.domain.trade import TradeState
from chimera.execution.books import Books
from chimera.execution.desk import Desk, DeskLimits
from chimera.execution.effects import (
    Arrived,
    Effect,
    HandedOver,
    Message,
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
from chimera.risk.checks import RiskLimits
from chimera.risk.gate import Gate
from chimera.risk.loss_breaker import LossLimits
from chimera.risk.token_safety import TokenLimits
from chimera.sim.dice import Dice
from chimera.sim.storm_chain import CONFIRMED_LAG, SLOT_MS, TOKENS_A_LAMPORT, Faults, Order, StormChain
from chimera.sim.storm_climate import MINTS, Planner, View, faults_of

START_MS = 1_790_000_000_000
STEP_MS = 100
CALM_WITHIN_S = 300
"""After the last fault everything has ended: a blockhash's minute, retries, an exit and its finality."""
ASK_AGAIN_MS = 3_000
OPENING_LAMPORTS = 20 * 10**9
WALLET = Address(f"{'DESK':1<44}")


class Found(msgspec.Struct, frozen=True):
    """What one seed's day was like."""

    seed: int
    broken: str
    """What did not hold, and when; empty where all did."""
    kills: int
    intents: int
    landed: int
    undone: int
    stuck: int
    virtual_s: int


def storm(
    seed: int, *, desk_type: type[Desk] = Desk, limits: DeskLimits | None = None, **changed: Any
) -> Found:
    """One day. `desk_type`, `limits` and `changed` faults are for showing that planted bugs are found."""
    day = _Day(seed, desk_type, limits or DeskLimits(), changed)
    try:
        day.run()
    except InvariantBroken as error:
        return day.found(f"at {day.now_ms - START_MS} ms: {error}")
    return day.found("")


class _Day:
    def __init__(self, seed: int, desk_type: type[Desk], limits: DeskLimits, changed: dict[str, Any]) -> None:
        self.seed, self.rng = seed, Dice(seed)
        self._desk_type, self._limits = desk_type, limits
        faults = msgspec.structs.replace(faults_of(self.rng), **changed)
        self.chain = StormChain(self.rng, faults, wallet=WALLET, lamports=OPENING_LAMPORTS)
        self.now_ms = START_MS
        self.skew_ms = 0
        """How far the desk's clock has jumped ahead."""
        self.view, self.numbers = View(), 0
        self.entries: list[Entry] = []
        self.durable = 0
        self._due: list[tuple[int, int, int, Callable[[], None]]] = []
        """(when, order, run, what); of another run than the present one nothing is heard any more."""
        self._order = self.run_number = self.kills = 0
        self._simulated: dict[bytes, bool] = {}
        self._undone: set[str] = set()
        self.storm_s = self.rng.randint(40, 120)
        self.wanted = self.rng.randint(3, 12)
        deep = faults.fork_blocks_max > CONFIRMED_LAG
        self.mints = MINTS if deep or self.rng.random() < 0.6 else MINTS[:2]
        """On some days round trips share a token, and so an account; not where a fork may part sale and purchase."""
        self.adds = self.rng.choice((0.0, 0.0, 0.3))
        self.asked = 0
        self._asked_ms: dict[TradeId, int] = {}
        self._held: tuple[Signature, ...] = ()
        """What had landed when it was last looked whether all holds."""
        self._open()
        self.record(CapitalMoved(OPENING_LAMPORTS, Slot(1), "opening balance"))
        for mint in MINTS:
            self.record(TokenChecked(TokenReport(mint, Slot(1), self.clock_ms, None, 10**7, 10**7 - 1)))
        self.durable = len(self.entries)

    # the day

    @property
    def clock_ms(self) -> int:
        return self.now_ms + self.skew_ms

    def run(self) -> None:
        calm_at = START_MS + self.storm_s * 1_000
        ends = calm_at + CALM_WITHIN_S * 1_000
        while self.now_ms < ends:
            self.now_ms += STEP_MS
            if self.now_ms >= calm_at:
                self.chain.faults = Faults()
            self._step()
            self._hold()
            if self.now_ms > calm_at and self.asked >= self.wanted and self._quiet():
                break
        self._ended()

    def _step(self) -> None:
        faults, rng = self.chain.faults, self.rng
        if self.now_ms % SLOT_MS == 0:
            self.chain.advance(self.now_ms)
            self.view.see_slot(Slot(self.chain.slot), self.clock_ms)
        while self._due and self._due[0][0] <= self.now_ms:
            _, _, run, work = heapq.heappop(self._due)
            if run in (0, self.run_number):
                work()
                if rng.random() < faults.killed:
                    self._kill()
        if self.now_ms % 200 == 0:
            self._ask()
            self.tell(Ticked())
        if self.now_ms % 2_000 == 0 and rng.random() >= faults.node_silent:
            self.desk.blockhash = self.chain.blockhash()
        if self.now_ms % 500 == 0:
            self._strategies()
        if rng.random() < faults.clock_jumps:
            self.skew_ms += rng.randint(1_000, 60_000)
        if rng.random() < faults.killed / 10:
            self._kill()
        halted = self.books.kill_switch.active
        if rng.random() < (faults.halted if not halted else 0.02 if faults.halted else 1.0):
            self._halt(on=not halted)

    def _strategies(self) -> None:
        """Buys now and then; wants out of whatever is held, again and again until it is sold."""
        ledger, rng = self.books.ledger, self.rng
        if self.asked < self.wanted and (rng.random() < 0.2 or not self.chain.faults.killed):
            self.asked += 1
            trade = TradeId(derived_id("storm", str(self.seed), str(self.asked)))
            mint = self.mints[self.asked % len(self.mints)]
            if ledger.open_positions and rng.random() < self.adds:
                held = rng.choice(ledger.open_positions)
                trade, mint = held.trade_id, held.mint
            self.tell(Arrived(self._intent(Side.BUY, trade, mint, rng.randint(10, 400) * 10**6)))
        for position in ledger.open_positions:
            # a person presses the button again while the sale is under way
            pushed = rng.random() < 0.02 and bool(self.chain.faults.killed)
            resting = pushed or ledger.states.get(position.trade_id) is TradeState.ACTIVE
            waits = self.now_ms - self._asked_ms.get(position.trade_id, 0) < ASK_AGAIN_MS
            calm = not waits and not ledger.busy(position.trade_id) and rng.random() < 0.15
            if resting and (pushed or calm):
                self._asked_ms[position.trade_id] = self.now_ms
                whole = rng.random() < 0.7 or not self.chain.faults.killed
                part = position.tokens if whole else max(position.tokens // 3, 1)
                self.tell(Arrived(self._intent(Side.SELL, position.trade_id, position.mint, part)))

    def _number(self) -> int:
        self.numbers += 1
        return self.numbers

    def _intent(self, side: Side, trade: TradeId, mint: Address, amount: int) -> TradeIntent:
        name = derived_id("storm", str(self.seed), str(self._number()), str(side))
        return TradeIntent(
            id=IntentId(name),
            trade_id=trade,
            signal_id=SignalId(name),
            source="storm",
            origin=Origin.STRATEGY_A,
            style=Style.SHIELD if side is Side.BUY else Style.EXIT,
            side=side,
            mint=mint,
            symbol="",
            amount=amount,
            slippage_bps_max=300,
            created_at_ms=self.clock_ms,
            ttl_ms=self.rng.choice((5_000, 120_000)),
            reason="the storm's own",
        )

    # effects

    def tell(self, message: Message) -> None:
        self._perform(self.desk.process(message, self.clock_ms))

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Simulate(leg_id, message):
                    self._later(partial(self._simulate, leg_id, message))
                case Sign(leg_id, message):
                    signature = Signature(f"sig of {self.numbers} {leg_id} {len(self.entries)}")
                    self.tell(SignedBytes(leg_id, signature, message))
                case Send():
                    self._later(partial(self._send, effect))
                case ReadTransaction(leg_id, signature):
                    self._later(partial(self._read, leg_id, signature))
                case _:
                    raise InvariantBroken(f"the storm cannot do {type(effect).__name__}")

    def _simulate(self, leg_id: str, message: bytes) -> None:
        faults = self.chain.faults
        if self.rng.random() < faults.simulation_lost:
            self.tell(Simulated(leg_id, None, "no answer"))
            return
        failed = self.rng.random() < faults.simulation_failed
        self._simulated[message] = not failed
        error = "InstructionError(3, Custom(6000))" if failed else None
        self.tell(Simulated(leg_id, Simulation(Slot(self.chain.slot), error, (), 50_000)))

    def _send(self, send: Send) -> None:
        self.durable = len(self.entries)  # the loop waits for the disk first
        self.hand_over(send)

    def hand_over(self, send: Send) -> None:
        """The bytes leave the house."""
        if send.durable_seq > self.durable or not self._written(send.signature):
            raise InvariantBroken(f"{send.signature} was sent and is not on disk")
        if not self._simulated.get(send.transaction, False):
            raise InvariantBroken(
                f"{send.signature} was sent though its simulation had failed, or was not made"
            )
        faults, order = self.chain.faults, msgspec.json.decode(send.transaction, type=Order)
        if self.rng.random() >= faults.send_lost:
            for _ in range(2 if self.rng.random() < faults.duplicated else 1):
                self._at(
                    self.rng.randint(0, 300), lambda: self.chain.take(send.signature, order, self.now_ms), 0
                )
        cause = "timed out" if self.rng.random() < faults.send_answer_lost else ""
        self._later(lambda: self.tell(HandedOver(send.leg_id, "primary", send.attempt, cause)))

    def _read(self, leg_id: str, signature: Signature) -> None:
        lost = self.rng.random() < self.chain.faults.node_silent
        self.tell(TransactionSeen(leg_id, None if lost else self.chain.transaction(signature)))

    def _ask(self) -> None:
        wanted = [one.signature for one in self.desk.watched()]
        answer = self.chain.statuses(wanted) if wanted else None
        if answer is not None:
            height, statuses = answer
            self._later(lambda: self.tell(StatusesRead(height, statuses)))

    def _later(self, work: Callable[[], None]) -> None:
        self._at(self.rng.randint(0, 400), work, self.run_number)

    def _at(self, after_ms: int, work: Callable[[], None], run: int) -> None:
        self._order += 1
        heapq.heappush(self._due, (self.now_ms + after_ms, self._order, run, work))

    # runs

    def _open(self) -> None:
        self.run_number += 1
        self.books = Books(
            loss=LossLimits(drawdown_bps_max=10_000, losses_in_row_max=10**6), tokens=TokenLimits()
        )
        for entry in self.entries:
            self.books.fold(entry)
        self.desk = self._desk_type(
            gate=Gate(RiskLimits(shield_bps=10_000, slot_age_ms_max=10**9)),
            planner=Planner(self.view, self._number),  # type: ignore[arg-type]
            books=self.books,
            view=self.view,
            limits=self._limits,
            wallet=WALLET,
            tip_accounts=frozenset(),
            record=self.record,
        )
        self.books.kill_switch.ready = True
        self.desk.blockhash = self.chain.blockhash()

    def _kill(self) -> None:
        """What was not durable may or may not be there; the network keeps what left the house."""
        self.kills += 1
        kept = self.rng.randint(self.durable, len(self.entries))
        del self.entries[kept:]
        self.durable = kept
        self._open()
        self._perform(self.desk.resume(self.clock_ms))

    def record(self, fact: Fact) -> Entry:
        if isinstance(fact, LegSigned) and self.books.kill_switch.review(Side.SELL) is not None:
            raise InvariantBroken(f"{fact.signature} was signed after trading had been halted")
        if isinstance(fact, LegUndone):
            self._undone.add(fact.leg.leg_id)
        entry = Entry(len(self.entries) + 1, self.clock_ms, f"run{self.run_number}", fact)
        self.entries.append(entry)
        self.books.fold(entry)
        if len(self.entries) - self.durable > 40:
            self.durable = len(self.entries)
        return entry

    def _halt(self, *, on: bool) -> None:
        """Everything, at once, or no more; answered when it is on disk."""
        self.record(KillSwitchMoved(on, "halt_all" if on else "", "the storm", "storm"))
        self.durable = len(self.entries)

    def _written(self, signature: Signature) -> bool:
        return any(
            isinstance(entry.fact, LegSigned) and entry.fact.signature == signature
            for entry in reversed(self.entries[: self.durable])
        )

    # what must hold

    def _hold(self) -> None:
        """After every step; what has not changed still holds."""
        succeeded = self.chain.succeeded()
        if succeeded is not self._held:
            self._once(succeeded)
            self._held = succeeded
        ledger = self.books.ledger
        # what a fork made unknown again is no new leg, and may meet one
        undone = self._undone
        mints = [leg.mint for name, leg in ledger.legs.items() if name not in undone]
        if len(mints) != len(set(mints)):
            raise InvariantBroken("two legs of one mint are under way")
        if ledger.reserved_lamports > max(ledger.lamports, 0):
            raise InvariantBroken(f"{ledger.reserved_lamports} are promised, {ledger.lamports} are there")

    def _once(self, succeeded: tuple[Signature, ...]) -> None:
        """Nothing is on the chain twice, by whatever way it got there."""
        bought, sold, paid = dict[str, Signature](), dict[str, int](), dict[str, int]()
        for signature in succeeded:
            order = self.chain.orders[signature]
            if order.intent in bought:
                raise InvariantBroken(f"{order.intent} landed twice: {bought[order.intent]} and {signature}")
            bought[order.intent] = signature
            sold[order.trade] = sold.get(order.trade, 0) + (order.amount if order.side is Side.SELL else 0)
            paid[order.trade] = paid.get(order.trade, 0) + (order.amount if order.side is Side.BUY else 0)
        for trade, tokens in sold.items():
            # a fork may move a purchase to another price, which is not the desk's doing
            if tokens > paid[trade] * TOKENS_A_LAMPORT * 5 // 4:
                raise InvariantBroken(f"{tokens} tokens of {trade} were sold, for {paid[trade]} were bought")

    def _quiet(self) -> bool:
        ledger = self.books.ledger
        resting = not ledger.legs and not ledger.settling and not self.desk.in_flight
        return resting and not ledger.open_positions

    def _ended(self) -> None:
        """When the storm is over and everybody had time."""
        ledger = self.books.ledger
        if not self._quiet():
            open_ = [str(ledger.states.get(one.trade_id)) for one in ledger.open_positions]
            legs = {leg.ref.leg_id: str(leg.state) for leg in ledger.legs.values()}
            raise InvariantBroken(
                f"it did not end: legs {legs}, settling {list(ledger.settling)}, open {open_}"
            )
        lamports, tokens = self.chain.balances()
        held = {mint: count for mint, count in ledger.tokens.items() if count}
        if (ledger.lamports, held) != (lamports, tokens):
            raise InvariantBroken(f"books {ledger.lamports} {held}, chain {lamports} {tokens}")
        unanswered = [one for one in ledger.intents if one not in ledger.outcome_of]
        if unanswered:
            raise InvariantBroken(f"intents without an outcome: {unanswered}")

    def found(self, broken: str) -> Found:
        kinds = [type(entry.fact).__name__ for entry in self.entries]
        return Found(
            seed=self.seed,
            broken=broken,
            kills=self.kills,
            intents=kinds.count("IntentEmitted"),
            landed=kinds.count("LegLanded"),
            undone=kinds.count("LegUndone"),
            stuck=kinds.count("LegStuck"),
            virtual_s=(self.now_ms - START_MS) // 1_000,
        )
