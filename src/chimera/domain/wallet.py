"""Wallets of others that may be copied."""

from enum import StrEnum

import msgspec

from chimera.domain.ids import Address
from chimera.domain.intent import Style


class WalletStatus(StrEnum):
    ACTIVE = "ACTIVE"
    CANDIDATE = "CANDIDATE"
    REJECTED = "REJECTED"


class Wallet(msgspec.Struct, frozen=True):
    address: Address
    status: WalletStatus
    strategy: Style = Style.SHIELD
    """How its trades are copied when they are seen on the stream."""
    wqs_score: int | None = None
    """0-100."""
    notes: str = ""
    active_until_ms: int | None = None
    """When an ACTIVE wallet becomes a CANDIDATE by itself; None: never."""
