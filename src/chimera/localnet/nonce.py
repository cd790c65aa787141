"""Durable nonces: transactions that name a nonce account's value instead of a recent blockhash."""

from collections.abc import Callable

from solders.account import Account
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

_NONCE_SIZE = 80  # version u32, state u32, authority 32, durable nonce 32, fee 8
_INITIALIZED = 1


def uses_current_nonce(
    transaction: VersionedTransaction, account: Callable[[Pubkey], Account | None]
) -> bool:
    """Whether it advances a nonce account whose value is the "blockhash" that it names."""
    if not transaction.uses_durable_nonce():
        return False
    message = transaction.message
    places = message.instructions[0].accounts
    if not places or places[0] >= len(message.account_keys):
        return False
    held = account(message.account_keys[places[0]])
    if held is None or held.owner != Pubkey.default() or len(held.data) != _NONCE_SIZE:
        return False
    state = int.from_bytes(held.data[4:8], "little")
    return state == _INITIALIZED and held.data[40:72] == bytes(message.recent_blockhash)
