"""PumpSwap's transactions, read: swaps of every instruction that it has.

The event knows what the user paid and got, fees included; the instruction knows the mints.
Source: the published IDL, and `docs/instructions/PUMP_SWAP_TRADE_V2.md` for the shorter family.
"""

from collections.abc import Mapping
from typing import Final

from chimera.domain.chain import TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.pool import Swap
from chimera.onchain.anchor_events import event_of_each
from chimera.onchain.layouts import discriminator
from chimera.onchain.swaps import believable
from chimera.venues.pumpswap.layout import PROGRAM, is_swap_event, read_swap_event

POOL_AT, USER_AT, BASE_AT, QUOTE_AT = 0, 1, 3, 4  # the same in all of them

ACCOUNTS_MIN: Final[Mapping[bytes, int]] = {
    discriminator("global", name): count
    for name, count in (
        ("buy", 17),  # before coin creators
        ("sell", 17),
        ("buy_exact_quote_in", 21),
        ("buy_v2", 17),
        ("buy_exact_quote_in_v2", 17),
        ("sell_v2", 17),
    )
}


def read_swaps(transaction: TransactionUpdate, *, venue: str) -> tuple[Swap, ...]:
    """The swaps; raises DecodeError where one of them cannot be read.

    Also where an event tells of one that no known instruction did: better a hole that is named than one that is not.
    """
    if transaction.error is not None:
        return ()
    calls = [
        at
        for at, call in enumerate(transaction.instructions)
        if call.program == PROGRAM and call.data[:8] in ACCOUNTS_MIN
    ]
    events = event_of_each(transaction, calls, PROGRAM, is_swap_event)
    return tuple(_swap(transaction, at, event, venue) for at, event in zip(calls, events, strict=True))


def _swap(transaction: TransactionUpdate, at: int, event: bytes, venue: str) -> Swap:
    told = read_swap_event(event)
    call = transaction.instructions[at]
    if len(call.accounts) < ACCOUNTS_MIN[call.data[:8]] or call.accounts[POOL_AT] != told.pool:
        raise DecodeError(f"{transaction.signature}: the event at instruction {at} is of {told.pool}")
    base = (call.accounts[BASE_AT], told.base)
    quote = (call.accounts[QUOTE_AT], told.quote)
    (input_mint, amount_in), (output_mint, amount_out) = (quote, base) if told.is_buy else (base, quote)
    return believable(
        Swap(
            venue=venue,
            pool=told.pool,
            user=told.user,
            input_mint=input_mint,
            output_mint=output_mint,
            amount_in=amount_in,
            amount_out=amount_out,
            signature=transaction.signature,
            slot=transaction.slot,
            position=at,
        )
    )
