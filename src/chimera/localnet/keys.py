"""Which accounts a message names, address lookup tables resolved, and which of them it may write."""

from collections.abc import Callable

import msgspec
from solders.account import Account
from solders.message import Message, MessageV0, MessageV1
from solders.pubkey import Pubkey

AnyMessage = Message | MessageV0 | MessageV1

_LOOKUP_TABLE_HEADER = 56  # address-lookup-table state: addresses follow a fixed 56-byte meta


class MessageKeys(msgspec.Struct, frozen=True):
    all: tuple[Pubkey, ...]
    """Static keys, then the loaded writable, then the loaded read-only ones."""
    writable: tuple[int, ...]
    """Places in `all` that the message marks writable."""
    signers: int
    static: int
    loaded_writable: tuple[Pubkey, ...] = ()
    loaded_readonly: tuple[Pubkey, ...] = ()


def message_keys(message: AnyMessage, account: Callable[[Pubkey], Account | None]) -> MessageKeys:
    """The message's accounts. Lookups into a missing or too short table are left out (execution refuses them)."""
    static = message.account_keys
    header = message.header
    signers = header.num_required_signatures
    writable_signers = signers - header.num_readonly_signed_accounts
    writable_others = len(static) - header.num_readonly_unsigned_accounts
    writable = [*range(writable_signers), *range(signers, writable_others)]
    if not isinstance(message, MessageV0) or not message.address_table_lookups:
        return MessageKeys(tuple(static), tuple(writable), signers, len(static))
    loaded_writable: list[Pubkey] = []
    loaded_readonly: list[Pubkey] = []
    for lookup in message.address_table_lookups:
        table = account(lookup.account_key)
        data = table.data if table is not None else b""
        loaded_writable += _addresses(data, lookup.writable_indexes)
        loaded_readonly += _addresses(data, lookup.readonly_indexes)
    writable += range(len(static), len(static) + len(loaded_writable))
    return MessageKeys(
        all=(*static, *loaded_writable, *loaded_readonly),
        writable=tuple(writable),
        signers=signers,
        static=len(static),
        loaded_writable=tuple(loaded_writable),
        loaded_readonly=tuple(loaded_readonly),
    )


def _addresses(table: bytes, indexes: bytes) -> list[Pubkey]:
    starts = [_LOOKUP_TABLE_HEADER + 32 * index for index in indexes]
    return [Pubkey.from_bytes(table[start : start + 32]) for start in starts if start + 32 <= len(table)]
