"""What becomes of signed legs: read off the chain, booked, watched until final, taken back by a fork, or hung.

The desk's other half. It never sends, signs or plans; it decides what a node's answer means, by walls 4 and 5: a
time-out is unknown, and only a clean "not found" past the last valid block ends a leg that did not land.
"""

from collections.abc import Callable
from typing import Protocol

from chimera.domain.chain import TransactionUpdate
from chimera.domain.failure import Failure, of_error
from chimera.domain.ids import Address, TradeId
from chimera.domain.intent import Side
from chimera.domain.messages import (
    Entry,
    Fact,
    LegDropped,
    LegExpired,
    LegLanded,
    LegRebooked,
    LegReverted,
    LegStuck,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Fill, LegState, TradeState
from chimera.domain.units import mul_div_floor
from chimera.execution.books import Books
from chimera.execution.depth import DepthTier, tier_of
from chimera.execution.effects import Effect, ReadTransaction, StatusesRead, TransactionSeen, Watched
from chimera.execution.exits import STUCK_MS
from chimera.execution.lifecycle import Happened
from chimera.execution.outcomes import fill_of, lamports_delta
from chimera.execution.settling import Settling
from chimera.execution.watch import LegWatch, Verdict
from chimera.market.view import MarketView
from chimera.portfolio import Booked, Leg

UNKNOWN = frozenset({LegState.SIGNED, LegState.SENT})
UNDONE = {
    Side.BUY: Happened.ENTRY_UNDONE,
    Side.SELL: Happened.EXIT_UNDONE,
    Side.CYCLE: Happened.CYCLE_UNDONE,
    Side.SWAP: Happened.SWAP_UNDONE,
}
LANDED = {
    Side.BUY: Happened.ENTRY_LANDED,
    Side.CYCLE: Happened.CYCLE_LANDED,
    Side.SWAP: Happened.SWAP_LANDED,
}
"""A sale's depends on what is left."""


class Move(Protocol):
    def __call__(self, trade_id: TradeId, happened: Happened, cause: str) -> None: ...


class Fates:
    def __init__(
        self,
        *,
        books: Books,
        view: MarketView,
        watch: LegWatch,
        depths: tuple[DepthTier, ...],
        wallet: Address,
        tip_accounts: frozenset[Address],
        record: Callable[[Fact], Entry],
        move: Move,
        lost: Callable[[Leg, str, Failure, int], None],
        revived: Callable[[Leg], None],
    ) -> None:
        """`lost` says what follows from a leg that ended without a fill, `revived` from one that is unknown again."""
        self._books, self._ledger, self._view, self._watch = books, books.ledger, view, watch
        self._depths, self._wallet, self._tip_accounts = depths, wallet, tip_accounts
        self._stuck_ms_min = min(tier.within_ms for tier in depths)
        self._record, self._move, self._lost, self._revived = record, move, lost, revived
        self._settling = Settling(books.ledger, record)

    def watched(self) -> list[Watched]:
        """What to ask a node about, the unknown first."""
        unknown = [
            Watched(leg.ref.leg_id, leg.signature, leg.last_valid_block_height)
            for leg in self._ledger.legs.values()
            if leg.signature is not None and leg.state in UNKNOWN
        ]
        return unknown + self._settling.watched()

    def statuses(self, message: StatusesRead, now_ms: int) -> list[Effect]:
        effects: list[Effect] = []
        for leg in list(self._ledger.legs.values()):
            if leg.signature is None or leg.state not in UNKNOWN or leg.signature not in message.statuses:
                continue
            status = message.statuses[leg.signature]
            match self._watch.judge(leg, status, message.block_height, self._depth(leg)):
                case Verdict.READ:
                    effects.append(ReadTransaction(leg.ref.leg_id, leg.signature))
                case Verdict.EXPIRED:
                    self._record(LegExpired(leg.ref, leg.signature, message.block_height))
                    self._lost(leg, "expired without landing", Failure.TIMEOUT, now_ms)
                case Verdict.WAIT:
                    pass
        undone, moved = self._settling.judge(message)
        for booked in undone:
            self._undone(booked)
        return effects + [ReadTransaction(booked.leg.ref.leg_id, booked.signature) for booked in moved]

    def transaction(self, message: TransactionSeen, now_ms: int) -> list[Effect]:
        leg = self._ledger.legs.get(message.leg_id)
        if leg is None and message.leg_id in self._ledger.settling:
            return self._rebook(self._ledger.settling[message.leg_id], message.transaction, now_ms)
        if not self._watch.answered(message.leg_id) or leg is None:
            return []
        transaction = message.transaction
        if transaction is None:
            return []  # not readable yet; the next status asks again
        if transaction.error is not None:
            return self._reverted(leg, transaction, now_ms)
        fill = self._fill(leg, transaction, now_ms)
        self._record(LegLanded(leg.ref, fill))
        self._watch.end(leg.ref.leg_id)
        if leg.side in LANDED:
            # a fork brought back what had been added to it before it was closed
            closed = self._ledger.states.get(leg.ref.trade_id) is TradeState.CLOSED
            happened = Happened.REOPENED if closed else LANDED[leg.side]
            self._move(leg.ref.trade_id, happened, f"landed in slot {fill.slot}")
        else:
            left = self._ledger.positions[leg.ref.trade_id].tokens
            happened = Happened.PART_LANDED if left else Happened.EXIT_LANDED
            self._move(leg.ref.trade_id, happened, self._ledger.intents[leg.ref.intent_id].reason)
        return []

    def _rebook(self, booked: Booked, transaction: TransactionUpdate | None, now_ms: int) -> list[Effect]:
        """It stands in another slot than was booked, where it may have come out differently."""
        if transaction is None or transaction.error is not None or transaction.slot == booked.slot:
            return []
        leg = booked.leg
        self._record(LegRebooked(leg.ref, self._fill(leg, transaction, now_ms)))
        left = self._ledger.positions[leg.ref.trade_id]
        if left.open and self._ledger.states.get(leg.ref.trade_id) is TradeState.CLOSED:
            self._move(
                leg.ref.trade_id, Happened.REOPENED, f"slot {transaction.slot} left {left.tokens} tokens"
            )
        return []

    def _fill(self, leg: Leg, transaction: TransactionUpdate, now_ms: int) -> Fill:
        return fill_of(
            transaction,
            wallet=self._wallet,
            mint=leg.mint,
            side=leg.side,
            tip_accounts=self._tip_accounts,
            at_ms=now_ms,
        )

    def ticked(self, now_ms: int) -> None:
        """Tells of what has been unknown for too long, and resolves exits that hang with nothing under way."""
        self._settling.tick(now_ms)
        for leg in self._ledger.legs.values():
            if leg.signature is None or leg.stuck or not leg.signed_at_ms:
                continue
            waited_ms = now_ms - leg.signed_at_ms
            if waited_ms >= self._stuck_ms_min and waited_ms >= self._depth(leg).within_ms:
                self._record(LegStuck(leg.ref, leg.signature, waited_ms))
        for trade_id in self._books.exits.hanging(now_ms):
            self._unhang(trade_id, now_ms)
        for recovered in self._books.exits.recovered():
            self._record(recovered)

    def _unhang(self, trade_id: TradeId, now_ms: int) -> None:
        """A signed leg's fate is asked of the chain anyway; what was never signed is let go."""
        legs = [leg for leg in self._ledger.legs.values() if leg.ref.trade_id == trade_id]
        for leg in legs:
            if leg.signature is None:
                refusal = Refusal(
                    Reason.SIMULATION_UNAVAILABLE, limit=f"{STUCK_MS // 1_000} s", observed="no answer"
                )
                self._record(LegDropped(leg.ref, refusal, Failure.CONNECTION))
                self._lost(leg, str(refusal), Failure.CONNECTION, now_ms)
        if not legs:
            position = self._ledger.positions.get(trade_id)
            held = position is not None and position.open
            happened = Happened.EXIT_LOST if held else Happened.EXIT_LANDED
            self._move(trade_id, happened, "nothing of it was under way")

    def _reverted(self, leg: Leg, transaction: TransactionUpdate, now_ms: int) -> list[Effect]:
        failure = of_error(transaction.error or "", self.slippage_errors(leg))
        self._record(
            LegReverted(
                leg=leg.ref,
                signature=transaction.signature,
                slot=transaction.slot,
                error=transaction.error or "",
                lamports_delta=lamports_delta(transaction, self._wallet),
                failure=failure,
            )
        )
        self._lost(leg, f"reverted: {transaction.error}", failure, now_ms)
        return []

    def slippage_errors(self, leg: Leg) -> frozenset[int]:
        """By which codes the venues of its route say that the price had moved; none known for a leg of a former run."""
        plan = self._watch.plan(leg.ref.leg_id)
        known = [self._view.pools.get(hop.pool) for hop in plan.hops] if plan is not None else []
        codes: frozenset[int] = frozenset()
        return codes.union(
            *(getattr(pool.venue, "slippage_errors", ()) for pool in known if pool is not None)
        )

    def _undone(self, booked: Booked) -> None:
        leg = booked.leg
        self._watch.begin(leg.ref.leg_id)
        self._revived(leg)
        added = leg.side is Side.BUY and booked.before is not None
        happened = Happened.ADD_UNDONE if added else UNDONE[leg.side]
        self._move(leg.ref.trade_id, happened, f"a fork undid slot {booked.slot}")

    def _depth(self, leg: Leg) -> DepthTier:
        return tier_of(self._depths, self._worth_lamports(leg), self._view.sol_micro_usd())

    def _worth_lamports(self, leg: Leg) -> int:
        """Of a sale: its share of what the position cost. Of a swap: what its payment would have fetched."""
        if leg.side is Side.SWAP:
            return leg.worth_lamports
        if leg.side is Side.BUY:
            return leg.amount
        position = self._ledger.positions.get(leg.ref.trade_id)
        if position is None or not position.tokens_bought:
            return leg.amount
        return mul_div_floor(position.cost_lamports, leg.amount, position.tokens_bought)
