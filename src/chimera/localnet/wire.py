"""Transactions from bytes, under the limits that a node puts on them before anything runs."""

from solders.message import MessageV1
from solders.transaction import SanitizeError, VersionedTransaction

TRANSACTION_BYTES_MAX = 1232  # IPv6's minimum MTU of 1280 less 48 bytes of headers (PACKET_DATA_SIZE)

_TYPE = "solana_transaction::versioned::VersionedTransaction"  # as a node names it in its answers


class WireError(ValueError):
    """Bytes that a node refuses to look at; says why, in the node's words."""


def parse_transaction(wire: bytes) -> VersionedTransaction:
    """The transaction. Raises WireError when it is too long, garbled, followed by anything, or inconsistent."""
    if len(wire) > TRANSACTION_BYTES_MAX:
        raise WireError(f"decoded {_TYPE} too large: {len(wire)} bytes (max: {TRANSACTION_BYTES_MAX} bytes)")
    try:
        transaction = VersionedTransaction.from_bytes(wire)
    except ValueError as error:
        raise WireError(f"failed to deserialize {_TYPE}: {error}") from None
    if bytes(transaction) != wire:
        raise WireError(f"failed to deserialize {_TYPE}: trailing bytes")
    if isinstance(transaction.message, MessageV1):
        raise WireError(f"failed to deserialize {_TYPE}: version 1 is not active on this chain")
    try:
        transaction.sanitize()
    except SanitizeError as error:
        raise WireError(f"invalid transaction: {error}") from None
    return transaction
