"""The desk: takes intents, asks the gate, plans, and follows each leg until its fate is known.

Messages in, effects out, facts recorded on the way; no I/O, no clock. The rules it keeps (walls 3 to 5):
nothing is sent whose simulation failed; nothing is sent before its signature is on disk; a second transaction
for a leg exists only after the first one's last valid block has passed by a margin and a node twice said,
cleanly, that it does not know it. A time-out is unknown, never failed. Start-up is recovery: `resume`.
"""

from collections.abc import Callable

import msgspec

from chimera.domain.chain import Blockhash
from chimera.domain.circumstances import Circumstances
from chimera.domain.errors import InvariantBroken
from chimera.domain.failure import Failure, of_refusal
from chimera.domain.ids import Address, IntentId, Slot, TradeId
from chimera.domain.intent import Side, Style, TradeIntent, judged_as
from chimera.domain.messages import (
    Entry,
    Fact,
    IntentApproved,
    IntentEmitted,
    IntentRefused,
    LegDropped,
    LegPlanned,
    LegSent,
    LegSigned,
    LegSimulated,
    Noted,
    TokenChecked,
    TradeMoved,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import LegRef, LegState, TradeState
from chimera.execution.arbiter import Arbiter, ArbiterLimits
from chimera.execution.books import Books
from chimera.execution.circumstances import circumstances
from chimera.execution.cycles import CyclePlanner
from chimera.execution.depth import TIERS, DepthTier
from chimera.execution.effects import (
    Arrived,
    Effect,
    HandedOver,
    Message,
    NotSigned,
    Probed,
    ProbeToken,
    Send,
    Sign,
    SignedBytes,
    Simulate,
    Simulated,
    StatusesRead,
    Ticked,
    TransactionSeen,
    Watched,
)
from chimera.execution.fates import Fates
from chimera.execution.lifecycle import Happened, advance, of_a_buy
from chimera.execution.locks import conflict, repeated
from chimera.execution.planner import Plan, Planner
from chimera.execution.probing import judged
from chimera.execution.recovery import unanswered, unsettled
from chimera.execution.watch import LegWatch, WatchLimits
from chimera.market.view import MarketView
from chimera.portfolio import Leg
from chimera.risk.gate import Approved, Gate

Recorder = Callable[[Fact], Entry]
"""Appends a fact to the journal and folds it into the books, at once and in order."""


class DeskLimits(msgspec.Struct, frozen=True):
    arbiter: ArbiterLimits = ArbiterLimits()
    watch: WatchLimits = WatchLimits()
    entry_retries_max: int = 3
    retry_after_ms: int = 400
    """Before the first retry; twice as long before each further one."""
    probe_lamports: int = 10_000_000
    plan_slots_max: int = 8
    """A plan whose simulation took longer than some three seconds is made anew."""
    depths: tuple[DepthTier, ...] = TIERS
    bundled: frozenset[Style] = frozenset()
    """Styles whose legs go as bundles with a tip, while the block engine is there."""

    def retry_ms(self, retries: int) -> int:
        return self.retry_after_ms << min(retries, 10)


class Desk:
    def __init__(
        self,
        *,
        gate: Gate,
        planner: Planner,
        books: Books,
        view: MarketView,
        limits: DeskLimits,
        wallet: Address,
        tip_accounts: frozenset[Address],
        record: Recorder,
        cycles: CyclePlanner | None = None,
    ) -> None:
        self.ledger = books.ledger
        self._cycles = cycles
        self._gate, self._planner, self._view, self._books = gate, planner, view, books
        self._limits, self._record = limits, record
        self.blockhash: Blockhash | None = None
        """The newest confirmed one; the loop keeps it fresh."""
        self.spear_disabled = ""
        self.standard_lane = False
        """Whether legs planned from now on go without the block engine; those under way keep their lane."""
        self._arbiter = Arbiter(limits.arbiter)
        self._watch = LegWatch(limits.watch)
        self._fates = Fates(
            books=books,
            view=view,
            watch=self._watch,
            depths=limits.depths,
            wallet=wallet,
            tip_accounts=tip_accounts,
            record=record,
            move=self._move,
            lost=self._lost,
            revived=self._revived,
        )
        self._probing: dict[Address, IntentId] = {}
        self._retry_at_ms: dict[IntentId, int] = {}

    # what the loop asks

    def process(self, message: Message, now_ms: int) -> list[Effect]:
        """Everything that must be done now; facts are already recorded when it returns."""
        effects = self._step(message, now_ms)
        return effects + self._dispatch(now_ms)

    def _step(self, message: Message, now_ms: int) -> list[Effect]:
        match message:
            case Arrived(intent):
                self._arrived(intent)
                return []
            case Probed():
                return self._probed(message, now_ms)
            case Simulated():
                return self._simulated(message, now_ms)
            case SignedBytes():
                return self._signed(message, now_ms)
            case NotSigned():
                return self._not_signed(message, now_ms)
            case HandedOver():
                return self._handed_over(message)
            case StatusesRead():
                return self._fates.statuses(message, now_ms)
            case TransactionSeen():
                return self._fates.transaction(message, now_ms)
            case Ticked():
                return self._ticked(now_ms)

    def watched(self) -> list[Watched]:
        """Signed legs whose fate is unknown, and now and then those that are not final yet: what to ask about."""
        return self._fates.watched()

    @property
    def under_way(self) -> int:
        """Legs and probes."""
        return len(self.ledger.legs) + len(self._probing)

    @property
    def in_flight(self) -> int:
        """Everything that has no outcome yet, waiting intents included."""
        return self.under_way + len(self._arbiter) + len(self._retry_at_ms)

    def resume(self, now_ms: int) -> list[Effect]:
        """Takes up what a former run left, from the books alone.

        Signed legs are sent again, byte for byte, and watched; unsigned ones are dropped by name; intents
        without an outcome are reviewed anew; round trips whose last step was not written down are settled.
        """
        effects: list[Effect] = []
        for leg in list(self.ledger.legs.values()):
            if leg.signature is None:
                self._drop(
                    leg, Refusal(Reason.NOT_READY, observed="the process ended before it was signed"), now_ms
                )
            else:
                self._watch.begin(leg.ref.leg_id)
                effects += self._send(leg, now_ms)
        for trade_id, happened in unsettled(self.ledger):
            self._move(trade_id, happened, "settled at start")
        for intent, move in unanswered(self.ledger):
            if move is not None:
                self._move(intent.trade_id, move, "taken up at start", retry=move is Happened.RETRIED)
            self._arbiter.enter(intent)
        return effects + self._dispatch(now_ms)

    # entry

    def _arrived(self, intent: TradeIntent) -> None:
        if intent.id in self.ledger.intents:
            self._record(Noted("duplicate intent", {"intent_id": intent.id}))
            return
        self._record(IntentEmitted(intent))
        if intent.side is not Side.SELL:
            self._move(intent.trade_id, Happened.VALIDATED, intent.reason)
        if not self._arbiter.enter(intent):
            self._refuse(intent, Refusal(Reason.QUEUE_FULL, observed=f"{len(self._arbiter)} intents wait"))

    def _dispatch(self, now_ms: int) -> list[Effect]:
        """Reviews what may go ahead now, best first; the mint of a leg under way is locked."""
        effects: list[Effect] = []
        while len(self._arbiter):
            intent = self._arbiter.take(now_ms, under_way=self.under_way, free=self._free)
            if intent is None:
                break
            effects += self._review(intent, now_ms)
        return effects

    def _free(self, intent: TradeIntent) -> bool:
        """Whether nothing that it needs is taken."""
        return intent.mint not in self._probing and not self._taken(intent)

    def _taken(self, intent: TradeIntent) -> str:
        return conflict(intent, self.ledger.legs.values()) or repeated(intent, self.ledger)

    def _review(self, intent: TradeIntent, now_ms: int) -> list[Effect]:
        seen = circumstances(
            intent,
            self._books,
            self._view,
            now_ms=now_ms,
            spear_disabled=self.spear_disabled,
            bundles=self._bundles,
        )
        outcome = self._gate.review(intent, seen)
        if not isinstance(outcome, Refusal):
            return self._plan(outcome, seen)
        if outcome.reason is Reason.SIMULATION_UNAVAILABLE:
            return self._probe(intent)
        return self._refuse(intent, outcome, seen)

    def _probe(self, intent: TradeIntent) -> list[Effect]:
        if self.blockhash is None:
            return self._refuse(intent, Refusal(Reason.NOT_READY, observed="no blockhash yet"))
        lamports = self._limits.probe_lamports
        if intent.side is not Side.SWAP:  # which pays with tokens
            lamports = min(lamports, intent.amount)
        probe = self._planner.probe(intent.mint, lamports=lamports, blockhash=self.blockhash)
        if isinstance(probe, Refusal):
            return self._refuse(intent, probe)
        self._probing[intent.mint] = intent.id
        return [ProbeToken(probe)]

    def _probed(self, message: Probed, now_ms: int) -> list[Effect]:
        probe = message.probe
        waiting = self._probing.pop(probe.mint, None)
        if waiting is None:
            self._record(Noted("late answer: probed", {"mint": probe.mint}))
            return []
        intent = self.ledger.intents[waiting]
        found = judged(message, self._gate.limits.tokens, now_ms)
        if isinstance(found, Refusal):
            return self._refuse(intent, found)
        self._record(TokenChecked(found))
        if self._free(intent):
            return self._review(intent, now_ms)
        # what it pays with was taken meanwhile: another token was probed for the same
        return [] if self._arbiter.enter(intent) else self._refuse(intent, Refusal(Reason.QUEUE_FULL))

    def _refuse(
        self, intent: TradeIntent, refusal: Refusal, seen: Circumstances | None = None
    ) -> list[Effect]:
        """`seen` where the gate refused: then the decision can be made again from its record."""
        self._record(IntentRefused(intent.id, intent.trade_id, refusal, seen))
        if intent.side is not Side.SELL:
            self._move(intent.trade_id, Happened.REFUSED, str(refusal))
        return []

    def _plan(self, approved: Approved, seen: Circumstances) -> list[Effect]:
        intent = approved.intent
        if self.blockhash is None:
            return self._refuse(intent, Refusal(Reason.NOT_READY, observed="no blockhash yet"))
        bundle = self._bundles and (intent.style in self._limits.bundled or intent.side is Side.CYCLE)
        plan = self._planned(approved, blockhash=self.blockhash, bundle=bundle)
        if isinstance(plan, Refusal):
            return self._refuse(intent, plan)
        self._record(IntentApproved(intent.id, intent.trade_id, approved.checks, seen))
        happened = Happened.EXIT_APPROVED if intent.side is Side.SELL else Happened.APPROVED
        self._move(intent.trade_id, happened, intent.reason)
        attempt = self.ledger.attempts.get(intent.id, 0) + 1
        leg = LegRef(leg_id=f"{intent.id}.{attempt}", intent_id=intent.id, trade_id=intent.trade_id)
        self._record(
            LegPlanned(
                leg=leg,
                hops=plan.hops,
                amount_in=plan.amount_in,
                expected_out=plan.expected_out,
                minimum_out=plan.minimum_out,
                slot=Slot(plan.slot),
                compute_units=plan.fees.compute_units,
                cu_price_micro_lamports=plan.fees.cu_price_micro_lamports,
                tip_lamports=plan.fees.tip_lamports,
                price_impact_bps=plan.price_impact_bps,
                worth_lamports=seen.worth_lamports or 0,
            )
        )
        self._watch.begin(leg.leg_id, plan, bundle=bundle)
        return [Simulate(leg.leg_id, plan.message)]

    def _planned(self, approved: Approved, *, blockhash: Blockhash, bundle: bool) -> Plan | Refusal:
        if approved.intent.side is not Side.CYCLE:
            close = self._closes(approved.intent)
            return self._planner.plan(approved, blockhash=blockhash, bundle=bundle, close=close)
        if self._cycles is None:
            return Refusal(Reason.STRATEGY_DISABLED, observed="this desk trades no cycles")
        return self._cycles.plan(approved, blockhash=blockhash, bundle=bundle, held=self.ledger.tokens)

    @property
    def _bundles(self) -> bool:
        """Whether there is a block engine, and legs planned now may go through it."""
        return bool(self._limits.bundled) and not self.standard_lane

    def _closes(self, intent: TradeIntent) -> bool:
        """Whether the sold-out account can be closed: nothing else of the mint is ours, no fees are withheld in it."""
        token = self._view.mints.get(intent.mint)
        withheld = token is None or token.transfer_fee_bps > 0 or "transfer_fee" in token.extensions
        return (
            intent.side is Side.SELL
            and not withheld
            and self.ledger.tokens.get(intent.mint, 0) == intent.amount
        )

    # one leg's way

    def _simulated(self, message: Simulated, now_ms: int) -> list[Effect]:
        leg, plan = self._known(message.leg_id, LegState.PLANNED, "simulated")
        if leg is None or plan is None:
            return []
        simulation = message.simulation
        if simulation is None:
            refusal = Refusal(Reason.SIMULATION_UNAVAILABLE, observed=message.cause)
            return self._drop(leg, refusal, now_ms)
        self._record(LegSimulated(leg.ref, simulation.error, simulation.compute_units, simulation.slot))
        if simulation.error is not None:
            return self._drop(leg, Refusal(Reason.SIMULATION_FAILED, observed=simulation.error), now_ms)
        side = judged_as(leg.side, leg.mint)
        stopped = self._books.kill_switch.review(side) or self._outdated(plan)
        if stopped is not None:
            return self._drop(leg, stopped, now_ms)
        return [Sign(message.leg_id, plan.message)]

    def _outdated(self, plan: Plan) -> Refusal | None:
        age = self._view.slot - plan.made_at_slot
        if age <= self._limits.plan_slots_max:
            return None
        return Refusal(
            Reason.STALE_DATA,
            limit=f"{self._limits.plan_slots_max} slots",
            observed=f"plan of {age} slots ago",
        )

    def _signed(self, message: SignedBytes, now_ms: int) -> list[Effect]:
        leg, plan = self._known(message.leg_id, LegState.SIMULATED, "signed")
        if leg is None or plan is None:
            return []
        self._record(LegSigned(leg.ref, message.signature, message.transaction, plan.last_valid_block_height))
        return self._send(leg, now_ms)

    def _not_signed(self, message: NotSigned, now_ms: int) -> list[Effect]:
        leg, _ = self._known(message.leg_id, LegState.SIMULATED, "not signed")
        if leg is None:
            return []
        return self._drop(leg, Refusal(Reason.NOT_READY, observed=f"signer: {message.cause}"), now_ms)

    def _send(self, leg: Leg, now_ms: int) -> list[Effect]:
        """The bytes, first or again. The journal's own count of entries says how far it must be durable."""
        if leg.signature is None or leg.transaction is None:
            raise InvariantBroken(f"{leg.ref.leg_id} was to be sent unsigned")
        bundle = self._watch.sent(leg.ref.leg_id, now_ms)
        leg.sends += 1
        return [
            Send(
                leg_id=leg.ref.leg_id,
                signature=leg.signature,
                transaction=leg.transaction,
                durable_seq=leg.signed_seq,
                attempt=leg.sends,
                bundle=bundle,
                # what a restart forgot is decided by the settings: in doubt, no node gets it by itself
                atomic=leg.side is Side.CYCLE and not self._gate.limits.cycles_in_standard_lane,
            )
        ]

    def _handed_over(self, message: HandedOver) -> list[Effect]:
        leg = self.ledger.legs.get(message.leg_id)
        if leg is None or leg.signature is None:
            return []
        if message.cause:
            self._record(
                Noted(
                    "not handed over",
                    {"leg_id": message.leg_id, "lane": message.lane, "cause": message.cause},
                )
            )
        elif message.attempt == 1 or leg.state is LegState.SIGNED:
            self._record(LegSent(leg.ref, leg.signature, message.lane, message.attempt))
        return []

    def _drop(self, leg: Leg, refusal: Refusal, now_ms: int) -> list[Effect]:
        failure = of_refusal(refusal, self._fates.slippage_errors(leg))
        self._record(LegDropped(leg.ref, refusal, failure))
        self._lost(leg, str(refusal), failure, now_ms)
        return []

    def _lost(self, leg: Leg, cause: str, failure: Failure, now_ms: int) -> None:
        """The leg is final without a fill. An entry may be tried again; an exit is asked for anew by its strategy."""
        plan = self._watch.plan(leg.ref.leg_id)
        if plan is not None:
            self._planner.learn(plan, cause)
        self._watch.end(leg.ref.leg_id)
        trade_id, intent = leg.ref.trade_id, self.ledger.intents[leg.ref.intent_id]
        if leg.side is Side.SELL:
            self._move(trade_id, Happened.EXIT_LOST, cause)
            return
        self._move(trade_id, Happened.ENTRY_LOST, cause)
        if leg.side.at_once or trade_id in self.ledger.positions:
            return  # what it was after is gone, or more was wanted of what is held: whoever sees it again asks again
        retries = self.ledger.retries.get(trade_id, 0)
        if not failure.worth_retrying:
            self._move(trade_id, Happened.EXHAUSTED, f"not tried again ({failure}): {cause}")
            return
        after_ms = self._limits.retry_ms(retries)
        if intent.expired(now_ms + after_ms):
            return
        if retries >= self._limits.entry_retries_max:
            self._move(trade_id, Happened.EXHAUSTED, f"after {retries} retries: {cause}")
            return
        self._retry_at_ms[intent.id] = now_ms + after_ms

    def _revived(self, leg: Leg) -> None:
        """A fork made it unknown again: what was to replace it waits no longer."""
        self._retry_at_ms.pop(leg.ref.intent_id, None)
        self._arbiter.leave(leg.ref.intent_id)

    # time

    def _ticked(self, now_ms: int) -> list[Effect]:
        effects: list[Effect] = []
        for moved in self._books.breaker_moves(now_ms, self._view.sol_micro_usd()):
            self._record(moved)
        self._fates.ticked(now_ms)
        for leg in self._watch.silent(list(self.ledger.legs.values()), now_ms):
            effects += self._send(leg, now_ms)
        for intent_id, due in list(self._retry_at_ms.items()):
            if now_ms >= due:
                del self._retry_at_ms[intent_id]
                intent = self.ledger.intents[intent_id]
                self._move(intent.trade_id, Happened.RETRIED, "again", retry=True)
                self._arbiter.enter(intent)
        for intent in self._arbiter.expired(now_ms):
            self._refuse(intent, self._too_late(intent))
        return effects

    def _too_late(self, intent: TradeIntent) -> Refusal:
        """Why an intent waited beyond its time: something it needed was taken, or others came first."""
        if not self._free(intent):
            taken = self._taken(intent) or "a probe of its mint is under way"
            return Refusal(Reason.RESOURCE_CONFLICT, limit="one leg a mint, one cycle a pool", observed=taken)
        return Refusal(
            Reason.STARVED, limit=f"{intent.ttl_ms} ms", observed=f"{self.under_way} legs were under way"
        )

    # bookkeeping

    def _move(self, trade_id: TradeId, happened: Happened, cause: str, *, retry: bool = False) -> None:
        before = self.ledger.states.get(trade_id, TradeState.PENDING)
        meant = of_a_buy(before, happened)
        if meant is None:
            return
        after = advance(before, meant)
        if after is None:
            self._record(
                Noted("unlisted transition", {"trade_id": trade_id, "state": before, "happened": happened})
            )
            return
        retries = self.ledger.retries.get(trade_id, 0) + (1 if retry else 0)
        self._record(TradeMoved(trade_id, before, after, cause, retries))

    def _known(self, leg_id: str, expected: LegState, what: str) -> tuple[Leg | None, Plan | None]:
        """The leg and its plan, if it waits for exactly this; a late answer is noted and not obeyed."""
        leg = self.ledger.legs.get(leg_id)
        if leg is None or leg.state is not expected:
            self._record(Noted(f"late answer: {what}", {"leg_id": leg_id}))
            return None, None
        return leg, self._watch.plan(leg_id)
