"""Pump's transactions, read: trades of every instruction it has had, and which curve belongs to which mint.

The curve's own event says what was paid; the instruction says which accounts it went between.
Source: the published IDL, and `docs/instructions/TRADE_V3.md` for the shortest family.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from chimera.domain.chain import Instruction, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import WSOL, Address
from chimera.domain.pool import Swap
from chimera.onchain.anchor_events import event_of_each
from chimera.onchain.layouts import discriminator
from chimera.onchain.swaps import believable
from chimera.venues.pumpfun.layout import (
    PROGRAM,
    curve_address,
    is_trade_event,
    read_trade_event,
)


class Places(msgspec.Struct, frozen=True):
    """Where an instruction has what interests us, and how many accounts it has at least."""

    accounts: int
    mint: int
    curve: int
    quote_mint: int | None = None
    """None for native SOL."""


_OLDER_SELL, _OLDER_BUY = Places(12, mint=2, curve=3), Places(12, mint=2, curve=3)
_UNIFIED_SELL, _UNIFIED_BUY = (Places(count, mint=1, curve=10, quote_mint=2) for count in (26, 27))
_SWEPT = Places(17, mint=1, curve=5, quote_mint=2)

TRADES: Final[Mapping[bytes, Places]] = {
    discriminator("global", name): places
    for name, places in (
        ("buy", _OLDER_BUY),
        ("buy_exact_sol_in", _OLDER_BUY),
        ("sell", _OLDER_SELL),
        ("buy_v2", _UNIFIED_BUY),
        ("buy_exact_quote_in_v2", _UNIFIED_BUY),
        ("sell_v2", _UNIFIED_SELL),
        ("buy_v3", _SWEPT),
        ("buy_exact_quote_in_v3", _SWEPT),
        ("sell_v3", _SWEPT),
    )
}
CREATIONS: Final[Mapping[bytes, Places]] = {
    discriminator("global", "create"): Places(14, mint=0, curve=2),
    discriminator("global", "create_v2"): Places(16, mint=0, curve=2),
}
NAMING: Final[Mapping[bytes, Places]] = {**TRADES, **CREATIONS}
"""Every instruction that names a curve beside its mint."""


def read_swaps(transaction: TransactionUpdate, *, venue: str) -> tuple[Swap, ...]:
    """The trades; raises DecodeError where one of them cannot be read.

    Also where an event tells of one that no known instruction did: better a hole that is named than one that is not.
    """
    if transaction.error is not None:
        return ()
    calls = [
        at
        for at, call in enumerate(transaction.instructions)
        if call.program == PROGRAM and call.data[:8] in TRADES
    ]
    events = event_of_each(transaction, calls, PROGRAM, is_trade_event)
    return tuple(_swap(transaction, at, event, venue) for at, event in zip(calls, events, strict=True))


def read_mints(transaction: TransactionUpdate) -> dict[Address, Address]:
    """Mint by curve, of every curve that a creation or trade names; what does not belong together is left out."""
    found: dict[Address, Address] = {}
    if transaction.error is not None:
        return found
    for call in transaction.instructions:
        places = NAMING.get(call.data[:8]) if call.program == PROGRAM else None
        if places is not None and len(call.accounts) >= places.accounts:
            mint, curve = call.accounts[places.mint], call.accounts[places.curve]
            if curve_address(mint) == curve:
                found[curve] = mint
    return found


def _swap(transaction: TransactionUpdate, at: int, event: bytes, venue: str) -> Swap:
    told = read_trade_event(event)
    call: Instruction = transaction.instructions[at]
    places = TRADES[call.data[:8]]
    if len(call.accounts) < places.accounts:
        raise DecodeError(
            f"{transaction.signature}: {len(call.accounts)} accounts for a trade at instruction {at}"
        )
    mint, curve = call.accounts[places.mint], call.accounts[places.curve]
    if told.mint != mint or curve_address(mint) != curve:
        raise DecodeError(f"{transaction.signature}: the event at instruction {at} is of {told.mint}")
    quote_mint = WSOL if places.quote_mint is None else call.accounts[places.quote_mint]
    if told.is_buy:
        ends, amounts = (quote_mint, mint), (told.quote + told.fees, told.tokens)
    else:
        ends, amounts = (mint, quote_mint), (told.tokens, max(0, told.quote - told.fees))
    return believable(
        Swap(
            venue=venue,
            pool=curve,
            user=told.user,
            input_mint=ends[0],
            output_mint=ends[1],
            amount_in=amounts[0],
            amount_out=amounts[1],
            signature=transaction.signature,
            slot=transaction.slot,
            position=at,
        )
    )
