"""What a reconciliation may find: something that the books say and the chain does not."""

from enum import StrEnum

import msgspec

from chimera.domain.ids import Address, Signature, TradeId


class Mismatch(StrEnum):
    """The four documented kinds (SPEC RC-02)."""

    SIGNATURE = "SIGNATURE_MISMATCH"
    """The transaction that the books name is there, but is not what they say: it failed, or is somebody else's."""
    MISSING = "MISSING_TRANSACTION"
    """The chain does not know the transaction that the books rest on."""
    AMOUNT = "AMOUNT_MISMATCH"
    STATE = "STATE_MISMATCH"
    """Held by the books and gone on chain, or leaving by the books with nothing under way."""


ALIASES = {"MISSING_TX": Mismatch.MISSING}  # an older name of the same (SPEC 16, line 16)


def read_mismatch(name: str) -> Mismatch | None:
    """The kind of a name or of its alias; None for any other text."""
    if name in ALIASES:
        return ALIASES[name]
    return Mismatch(name) if name in Mismatch.__members__.values() else None


class Discrepancy(msgspec.Struct, frozen=True, kw_only=True):
    kind: Mismatch
    trade_id: TradeId
    mint: Address | None
    """What the amounts are of, in base units; None: lamports."""
    expected_state: str
    actual_state: str
    expected: int
    actual: int
    signature: Signature | None = None
    """The transaction that it is about."""
    rule: str = ""
    """Which rule let it pass by itself (auto:absolute, auto:relative), or empty: a person must look."""

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for what is the same discrepancy found again."""
        return (self.kind, self.trade_id, self.mint, self.expected, self.actual, self.signature)
