"""Names of things: addresses, signatures and our own ids.

Addresses and signatures are base58 text here, since they are read far more often than computed with;
`onchain.keys` turns them into bytes (cached).
"""

import hashlib
from typing import NewType

Address = NewType("Address", str)
"""A base58 public key."""
Signature = NewType("Signature", str)
"""A base58 transaction signature; a Jito bundle id is never one."""
Slot = NewType("Slot", int)

SignalId = NewType("SignalId", str)
IntentId = NewType("IntentId", str)
TradeId = NewType("TradeId", str)
"""UUID text of a round trip; equals the id of the signal that opened it (`trade_uuid`)."""

WSOL = Address("So11111111111111111111111111111111111111112")
USDC = Address("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
TOKEN_PROGRAM = Address("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022_PROGRAM = Address("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ATA_PROGRAM = Address("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
SYSTEM_PROGRAM = Address("11111111111111111111111111111111")
COMPUTE_BUDGET_PROGRAM = Address("ComputeBudget111111111111111111111111111111")


VARIANT = {digit: "89ab"[int(digit, 16) & 0b11] for digit in "0123456789abcdef"}
"""RFC 9562: the two highest bits of the ninth byte are 10."""


def derived_id(*parts: str) -> str:
    """A UUID that depends on the parts alone: SHA-256, first 16 bytes, version and variant bits set (v8).

    The same facts always give the same id, which is what makes a repeated delivery a duplicate.
    """
    # written by hand, as uuid.UUID would write it: two of these stand in the way of every signal
    digits = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    variant = VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
