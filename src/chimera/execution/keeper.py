"""Sees to the wallet's chores: decides, plans, and follows one transaction at a time until its fate is known.

The desk's own walls, for what trades nothing: simulated before it is signed, its signature on disk before it is
sent, no second transaction before the first one can never land, start-up is recovery. It speaks the desk's words
(`effects`), so that the same loop performs both. While trading is halted in any way it begins nothing.
"""

from collections.abc import Callable, Sequence

import msgspec

from chimera.domain.chain import Account, Blockhash
from chimera.domain.errors import InvariantBroken
from chimera.domain.ids import WSOL, Address
from chimera.domain.intent import Side
from chimera.domain.messages import (
    Entry,
    Fact,
    UpkeepDropped,
    UpkeepExpired,
    UpkeepPlanned,
    UpkeepSigned,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import LegState
from chimera.domain.upkeep import Chore, Upkeep
from chimera.execution.books import Books
from chimera.execution.effects import (
    Effect,
    HandedOver,
    Message,
    NotSigned,
    ReadTransaction,
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
from chimera.execution.janitor import Held, Janitor, JanitorLimits, held_of
from chimera.execution.outcomes import failed_instruction
from chimera.execution.sales import DustSales
from chimera.execution.upkeep import UpkeepPlan, landed_of, plan_upkeep
from chimera.execution.watch import LegWatch, Verdict, WatchLimits
from chimera.execution.wsol import SWEEP, WsolLimits, review_wsol
from chimera.portfolio import Leg

AFTER_FAILURE_MS = 600_000


class KeeperLimits(msgspec.Struct, frozen=True):
    wsol: WsolLimits = SWEEP
    janitor: JanitorLimits = JanitorLimits()
    watch: WatchLimits = WatchLimits()


class Keeper:
    FOLDS = Janitor.FOLDS
    """What it folds; of other facts it need not be told."""

    def __init__(
        self,
        *,
        books: Books,
        limits: KeeperLimits,
        wallet: Address,
        decimals: Callable[[Address], int | None],
        record: Callable[[Fact], Entry],
        sales: DustSales | None = None,
    ) -> None:
        """Without `sales` dust stays where it is."""
        self._books, self._ledger = books, books.ledger
        self._limits, self._wallet, self._decimals, self._record = limits, wallet, decimals, record
        self._sales = sales
        self._janitor = Janitor(limits.janitor)
        self._watch = LegWatch(limits.watch)
        self._plans: dict[str, UpkeepPlan] = {}
        self._wsol_again_ms = 0
        """Not before: after a failed simulation, which would fail again in half a minute."""

    def fold(self, entry: Entry) -> None:
        """In the journal's order, each entry once, those of former runs included."""
        self._janitor.apply(entry)

    @property
    def under_way(self) -> int:
        return len(self._ledger.upkeep)

    def watched(self) -> list[Watched]:
        """Signed chores whose fate is unknown."""
        return [
            Watched(chore.ref.leg_id, chore.signature, chore.last_valid_block_height)
            for chore in self._ledger.upkeep.values()
            if chore.signature is not None
        ]

    def resume(self, now_ms: int) -> list[Effect]:
        """Takes up what a former run left: signed ones are sent again, byte for byte; the others are dropped."""
        effects: list[Effect] = []
        for chore in list(self._ledger.upkeep.values()):
            if chore.signature is None:
                self._drop(
                    chore, Refusal(Reason.NOT_READY, observed="the process ended before it was signed")
                )
            else:
                self._watch.begin(chore.ref.leg_id)
                effects += self._send(chore, now_ms)
        return effects

    def consider(
        self, accounts: Sequence[Account], *, native_lamports: int, blockhash: Blockhash | None, now_ms: int
    ) -> list[Effect]:
        """Begins the chore that is due, given all our token accounts; nothing while anything is under way."""
        held = held_of(accounts, self._wallet)
        due = self._janitor.review(held, self._ledger, now_ms)  # it counts time, so it is asked every time
        halted = self._books.kill_switch.review(Side.BUY) is not None
        if self._ledger.upkeep or self._ledger.legs or blockhash is None or halted:
            return []
        upkeep = self._wsol(held, native_lamports, now_ms) or due or self._sale(held, now_ms)
        if upkeep is None:
            return []
        plan = self._plan(upkeep, held, blockhash)
        if isinstance(plan, Refusal):
            for address in upkeep.accounts:
                self._janitor.shun(address, now_ms)
            return []
        self._record(UpkeepPlanned(plan.upkeep))
        self._plans[upkeep.id] = plan
        self._watch.begin(upkeep.id)
        return [Simulate(upkeep.id, plan.message)]

    def _plan(self, upkeep: Upkeep, held: Sequence[Held], blockhash: Blockhash) -> UpkeepPlan | Refusal:
        if upkeep.chore is Chore.SELL and self._sales is not None:
            return self._sales.plan(upkeep, blockhash=blockhash)
        known = {one.account.address: one for one in held}
        merged = [known[address].account.mint for address in upkeep.accounts if upkeep.chore is Chore.MERGE]
        return plan_upkeep(
            upkeep,
            known,
            wallet=self._wallet,
            decimals=self._decimals(merged[0]) if merged else None,
            blockhash=blockhash,
        )

    def _sale(self, held: Sequence[Held], now_ms: int) -> Upkeep | None:
        if self._sales is None:
            return None
        return self._janitor.sale(held, self._ledger, worth=self._sales.worth, now_ms=now_ms)

    def _wsol(self, held: Sequence[Held], native_lamports: int, now_ms: int) -> Upkeep | None:
        if now_ms < self._wsol_again_ms:
            return None
        wrapped = sum(one.account.amount for one in held if one.account.mint == WSOL and one.associated)
        return review_wsol(
            self._limits.wsol,
            native_lamports=native_lamports,
            promised_lamports=self._ledger.reserved_lamports,
            wrapped_lamports=wrapped,
            last_ms=self._janitor.last_ms(Chore.WRAP, Chore.UNWRAP),
            now_ms=now_ms,
        )

    # one chore's way

    def owns(self, message: Message) -> bool:
        """Whether it is about a chore; of what is for everybody (`StatusesRead`, `Ticked`) it takes its part too."""
        return getattr(message, "leg_id", "") in self._ledger.upkeep

    def process(self, message: Message, now_ms: int) -> list[Effect]:
        """Everything that must be done now; facts are already recorded when it returns."""
        match message:
            case StatusesRead():
                return self._statuses(message)
            case Ticked():
                silent = self._watch.silent(list(self._ledger.upkeep.values()), now_ms)
                return [effect for chore in silent for effect in self._send(chore, now_ms)]
            case Simulated() | SignedBytes() | NotSigned() | TransactionSeen() | HandedOver():
                chore = self._ledger.upkeep.get(message.leg_id)
                return [] if chore is None else self._step(chore, message, now_ms)
            case _:
                return []

    def _step(
        self,
        chore: Leg,
        message: Simulated | SignedBytes | NotSigned | TransactionSeen | HandedOver,
        now_ms: int,
    ) -> list[Effect]:
        plan = self._plans.get(chore.ref.leg_id)
        waiting = chore.state is LegState.PLANNED and plan is not None
        match message:
            case Simulated() if waiting and plan is not None:
                return self._simulated(chore, plan, message, now_ms)
            case SignedBytes() if waiting and plan is not None:
                signed = UpkeepSigned(
                    chore.ref.leg_id, message.signature, message.transaction, plan.last_valid_block_height
                )
                self._record(signed)
                return self._send(chore, now_ms)
            case NotSigned() if waiting:
                self._drop(chore, Refusal(Reason.NOT_READY, observed=f"signer: {message.cause}"))
            case TransactionSeen() if self._watch.answered(chore.ref.leg_id):
                if message.transaction is not None:
                    self._record(landed_of(chore.ref.leg_id, message.transaction, wallet=self._wallet))
                    self._forget(chore)
            case _:
                pass  # a late answer, or that a node took the bytes: whether they land is read off the chain
        return []

    def _simulated(self, chore: Leg, plan: UpkeepPlan, message: Simulated, now_ms: int) -> list[Effect]:
        if message.simulation is None:
            self._drop(chore, Refusal(Reason.SIMULATION_UNAVAILABLE, observed=message.cause))
            return []
        error = message.simulation.error
        if error is not None:
            # one account that cannot be closed must not keep the others open: the next try is without it
            place = failed_instruction(error)
            named = plan.accounts_at[place] if place is not None and place < len(plan.accounts_at) else None
            for address in plan.upkeep.accounts if named is None else (named,):
                self._janitor.shun(address, now_ms)
            if plan.upkeep.chore in {Chore.WRAP, Chore.UNWRAP}:
                self._wsol_again_ms = now_ms + AFTER_FAILURE_MS
            self._drop(chore, Refusal(Reason.SIMULATION_FAILED, observed=error))
            return []
        killed = self._books.kill_switch.review(Side.BUY)
        if killed is not None:
            self._drop(chore, killed)
            return []
        return [Sign(chore.ref.leg_id, plan.message)]

    def _send(self, chore: Leg, now_ms: int) -> list[Effect]:
        if chore.signature is None or chore.transaction is None:
            raise InvariantBroken(f"{chore.ref.leg_id} was to be sent unsigned")
        self._watch.sent(chore.ref.leg_id, now_ms)
        chore.sends += 1
        return [
            Send(
                leg_id=chore.ref.leg_id,
                signature=chore.signature,
                transaction=chore.transaction,
                durable_seq=chore.signed_seq,
                attempt=chore.sends,
                bundle=False,
            )
        ]

    def _statuses(self, message: StatusesRead) -> list[Effect]:
        effects: list[Effect] = []
        for watched in self.watched():
            if watched.signature not in message.statuses:
                continue
            chore = self._ledger.upkeep[watched.leg_id]
            match self._watch.judge(chore, message.statuses[watched.signature], message.block_height):
                case Verdict.READ:
                    effects.append(ReadTransaction(watched.leg_id, watched.signature))
                case Verdict.EXPIRED:
                    self._record(UpkeepExpired(watched.leg_id, watched.signature, message.block_height))
                    self._forget(chore)
                case Verdict.WAIT:
                    pass
        return effects

    def _drop(self, chore: Leg, refusal: Refusal) -> None:
        self._record(UpkeepDropped(chore.ref.leg_id, refusal))
        self._forget(chore)

    def _forget(self, chore: Leg) -> None:
        self._watch.end(chore.ref.leg_id)
        self._plans.pop(chore.ref.leg_id, None)
