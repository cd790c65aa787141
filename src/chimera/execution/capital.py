"""What a transaction that is none of ours did to our wallet: a gift, a withdrawal, or somebody with our key.

Pure. Must not know how the transaction was found; it is given only confirmed ones.
"""

import msgspec

from chimera.domain.chain import TransactionUpdate
from chimera.domain.ids import Address, Signature, Slot
from chimera.domain.messages import CapitalMoved, Entry, LegLanded, LegSigned, Reconciled, UpkeepSigned
from chimera.execution.outcomes import lamports_delta, token_changes


class Stranger(msgspec.Struct, frozen=True):
    """A transaction that the journal does not know, judged."""

    moved: CapitalMoved
    misused: bool
    """It needed our key: somebody else has it."""


class Known:
    """Which transactions the books account for, and up to which slot the wallet's history is complete; folded."""

    FOLDS = frozenset({CapitalMoved, LegLanded, LegSigned, Reconciled, UpkeepSigned})
    """What it folds; of other facts it need not be told."""

    def __init__(self) -> None:
        self.since_slot: int | None = None
        """Everything in this slot and before it is in the books; None while they are not open."""
        self._signatures: set[Signature] = set()

    def __contains__(self, signature: Signature) -> bool:
        return signature in self._signatures

    def apply(self, entry: Entry) -> None:
        match entry.fact:
            case LegSigned(signature=signature) | UpkeepSigned(signature=signature):
                self._signatures.add(signature)
            case LegLanded(fill=fill):
                self._signatures.add(fill.signature)
            case CapitalMoved(slot=slot, signature=None):
                self._complete(slot)  # the opening balance: the past before it is in it
            case CapitalMoved(signature=str() as signature):
                self._signatures.add(signature)
            case Reconciled(slot, expected, actual, differences) if expected == actual and not differences:
                self._complete(slot)
            case _:
                pass

    def _complete(self, slot: Slot) -> None:
        self.since_slot = max(self.since_slot or 0, slot)


def judge(transaction: TransactionUpdate, *, wallet: Address) -> Stranger | None:
    """What a confirmed transaction that the journal does not know means; None where it moved nothing of ours.

    Native lamports leave an account only with its signature, so that whoever took some has our key, whether or
    not it was our key that paid the fee. Tokens may also leave by a delegate or by their issuer's power.
    """
    lamports = lamports_delta(transaction, wallet)
    _, changes = token_changes(transaction, wallet)
    tokens = tuple(sorted((mint, change) for mint, change in changes.items() if change))
    paid = transaction.fee_payer == wallet
    if not lamports and not tokens and not paid:
        return None
    cause = "signed with our key, but not by this house" if paid or lamports < 0 else "sent by somebody else"
    return Stranger(
        moved=CapitalMoved(
            lamports=lamports,
            slot=transaction.slot,
            cause=cause,
            signature=transaction.signature,
            tokens=tokens,
        ),
        misused=paid or lamports < 0,
    )
