"""Booked legs until their slot is finalized: a fork that undoes one is noticed, and its leg is followed again.

What undoes a booking is a clean "not found" of every node in service over several blocks, or the same signature in
another slot. What may not be taken back safely (something later of the round trip stands, or it landed too long
ago for a node's silence to mean a fork) is left to a person, by name. Age is counted in blocks, since our own clock
may jump. Must not know plans, lanes or prices.
"""

from collections.abc import Callable

from chimera.domain.chain import Commitment, SignatureStatus
from chimera.domain.discrepancy import Discrepancy, Mismatch
from chimera.domain.ids import Slot
from chimera.domain.intent import Side
from chimera.domain.messages import Entry, Fact, LegFinalized, LegUndone, PositionsReconciled
from chimera.execution.effects import StatusesRead, Watched
from chimera.portfolio import Booked, Ledger

ASK_EVERY_MS = 2_000  # finality takes some 13 s; unknown legs are asked about five times a second
MISSING_BLOCKS = 8  # one lagging node behind a balancer is a few blocks late, not this many
UNDO_WITHIN_BLOCKS = (
    600  # beyond its last valid one, some four minutes; later, silence may be a node that keeps no history
)
GIVE_UP_BLOCKS = 1_350


class Settling:
    def __init__(self, ledger: Ledger, record: Callable[[Fact], Entry]) -> None:
        self._ledger, self._record = ledger, record
        self._ask_at_ms = 0
        self._due = False
        self._missing_since: dict[str, int] = {}
        """Block height at which nobody knew it any more, by leg."""

    def tick(self, now_ms: int) -> None:
        if now_ms >= self._ask_at_ms:
            self._ask_at_ms, self._due = now_ms + ASK_EVERY_MS, True

    def watched(self) -> list[Watched]:
        """Signatures to ask about; none while it is too early to ask again."""
        if not self._due:
            return []
        return [
            Watched(leg_id, booked.signature, booked.leg.last_valid_block_height)
            for leg_id, booked in self._ledger.settling.items()
        ]

    def judge(self, message: StatusesRead) -> tuple[list[Booked], list[Booked]]:
        """(legs that were taken back by this answer, the latest first: recorded, and unknown again; legs that stand
        in another slot now, with an outcome that must be read).
        """
        undone, moved = [], []
        for leg_id, booked in reversed(list(self._ledger.settling.items())):
            if booked.signature not in message.statuses:
                continue
            self._due = False
            if self._elsewhere(booked, message.statuses[booked.signature]):
                moved.append(booked)
                continue
            cause = self._gone(leg_id, booked, message.statuses[booked.signature], message.block_height)
            # it landed at its last valid block at the latest
            age = message.block_height - booked.leg.last_valid_block_height
            if not cause:
                continue
            if age > GIVE_UP_BLOCKS:
                self._hand_over(booked)
            elif age <= UNDO_WITHIN_BLOCKS and not self._stands_on(leg_id, booked):
                self._record(LegUndone(booked.leg.ref, booked.signature, Slot(booked.slot), cause))
                undone.append(booked)
        return undone, moved

    def _elsewhere(self, booked: Booked, status: SignatureStatus | None) -> bool:
        """Whether it succeeded there as here: what is different can be booked, whatever came after it."""
        if status is None or booked.fill is None or booked.leg.side.at_once:
            return False
        settled = status.commitment is not Commitment.PROCESSED and status.error is None
        return settled and status.slot != booked.slot

    def _gone(self, leg_id: str, booked: Booked, status: SignatureStatus | None, height: int) -> str:
        """Why it is where it was no longer; empty while it is, or while that is too early to say."""
        if status is None:
            since = self._missing_since.setdefault(leg_id, height)
            return "no node knows it any more" if height - since >= MISSING_BLOCKS else ""
        self._missing_since.pop(leg_id, None)
        failed = status.error is not None
        if status.slot == booked.slot and failed is (booked.fill is None):
            if status.commitment is Commitment.FINALIZED:
                self._record(LegFinalized(booked.leg.ref, booked.signature, status.slot))
            return ""
        # in another slot it may have another outcome; that must be deep enough itself before it is believed
        if status.commitment is Commitment.PROCESSED:
            return ""
        return f"it is in slot {status.slot} now" + (f", with an error: {status.error}" if failed else "")

    def _stands_on(self, leg_id: str, booked: Booked) -> bool:
        """Whether something of the round trip came after it and would have to be taken back first."""
        trade_id = booked.leg.ref.trade_id
        if self._ledger.busy(trade_id) or booked.fill is None:
            return self._ledger.busy(trade_id)  # what reverted moved nothing that others could stand on
        later = list(self._ledger.settling)
        return any(
            one.leg.ref.trade_id == trade_id and one.fill is not None
            for one in map(self._ledger.settling.__getitem__, later[later.index(leg_id) + 1 :])
        )

    def _hand_over(self, booked: Booked) -> None:
        leg, fill = booked.leg, booked.fill
        found = Discrepancy(
            kind=Mismatch.MISSING,
            trade_id=leg.ref.trade_id,
            mint=None,
            expected_state=("BOUGHT" if leg.side is Side.BUY else "SOLD") if fill is not None else "REVERTED",
            actual_state="UNKNOWN",
            expected=abs(fill.lamports_delta) if fill is not None else booked.lost,
            actual=0,
            signature=booked.signature,
        )
        cause = "a booked transaction is no longer where it was"
        self._record(PositionsReconciled(Slot(booked.slot), positions=0, found=(found,), cause=cause))
