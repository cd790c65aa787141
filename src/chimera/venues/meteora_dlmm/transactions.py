"""DLMM's swaps in executed transactions: the program's own event for each call, direct or by an aggregator.

An event tells what left the user and what the pool paid; a Token-2022 mint's fee on the way out is in no event, so
it is read from the balances. Source: IDL 0.12.0, events `Swap` and `Swap2Evt`. Must not know pools' states.
"""

from collections.abc import Sequence

import msgspec

from chimera.domain.chain import Instruction, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_2022_PROGRAM, Address
from chimera.domain.pool import Swap
from chimera.onchain.anchor_events import event_of_each
from chimera.onchain.layouts import address_at, discriminator, u64_at
from chimera.onchain.swaps import believable
from chimera.onchain.token_transfers import TokenTransfer, read_transfer
from chimera.venues.meteora_dlmm.instructions import (
    ACCOUNTS_OF,
    MINT_X_AT,
    MINT_Y_AT,
    POOL_AT,
    PROGRAM_X_AT,
    USER_AT,
    USER_OUTPUT_AT,
)
from chimera.venues.meteora_dlmm.layout import PROGRAM

SWAP_EVENT, SWAP2_EVENT = discriminator("event", "Swap"), discriminator("event", "Swap2Evt")
CALL_BYTES_MIN = 19  # of the shortest: an amount, no bin to start at, and how far the price may move
SWAP_EVENT_BYTES_MIN, SWAP2_EVENT_BYTES_MIN = 97, 121  # up to the last field read here


class Told(msgspec.Struct, frozen=True):
    """What the program says of a swap."""

    pool: Address
    x_to_y: bool
    sent: int
    """By the user, a transfer fee on the way included."""
    paid: int
    """By the pool; a transfer fee comes off on the way."""


def read_swaps(transaction: TransactionUpdate, venue: str) -> tuple[Swap, ...]:
    """The swaps in it; a failed transaction has none. Raises DecodeError for a call or event that cannot be read."""
    if transaction.error is not None:
        return ()
    places = [at for at, call in enumerate(transaction.instructions) if is_swap(call)]
    if not places:
        return ()
    events = _events(transaction, places)
    return tuple(_swap(transaction, at, event, venue) for at, event in zip(places, events, strict=True))


def is_swap(call: Instruction) -> bool:
    return call.program == PROGRAM and call.data[:8] in ACCOUNTS_OF


def read_event(event: bytes) -> Told:
    if event[:8] == SWAP_EVENT and len(event) >= SWAP_EVENT_BYTES_MIN:
        sent_at, paid_at, way_at = 80, 88, 96
    elif event[:8] == SWAP2_EVENT and len(event) >= SWAP2_EVENT_BYTES_MIN:
        sent_at, paid_at, way_at = 97, 113, 80
    else:
        raise DecodeError(f"no DLMM swap event: {event[:160].hex()}")
    if event[way_at] > 1:
        raise DecodeError(f"a swap event with direction {event[way_at]}")
    return Told(address_at(event, 8), event[way_at] == 1, u64_at(event, sent_at), u64_at(event, paid_at))


def _events(transaction: TransactionUpdate, places: Sequence[int]) -> list[bytes]:
    """One event a swap. Programs before 0.12 emit only the first kind, later ones may stop emitting it."""
    try:
        return event_of_each(transaction, places, PROGRAM, lambda event: event[:8] == SWAP_EVENT)
    except DecodeError:
        return event_of_each(transaction, places, PROGRAM, lambda event: event[:8] == SWAP2_EVENT)


def _swap(transaction: TransactionUpdate, at: int, event: bytes, venue: str) -> Swap:
    call, told = transaction.instructions[at], read_event(event)
    accounts = call.accounts
    if len(accounts) < ACCOUNTS_OF[call.data[:8]] or len(call.data) < CALL_BYTES_MIN:
        raise DecodeError(f"{transaction.signature}: {len(accounts)} accounts, {call.data.hex()} is no swap")
    if accounts[POOL_AT] != told.pool:
        raise DecodeError(f"{transaction.signature}: the event at instruction {at} is of {told.pool}")
    mints = accounts[MINT_X_AT], accounts[MINT_Y_AT]
    input_mint, output_mint = mints if told.x_to_y else mints[::-1]
    output_program = accounts[PROGRAM_X_AT + told.x_to_y]
    received = told.paid
    if output_program == TOKEN_2022_PROGRAM:
        received = min(received, _arrived(transaction, accounts[USER_OUTPUT_AT], told.paid))
    return believable(
        Swap(
            venue=venue,
            pool=told.pool,
            user=accounts[USER_AT],
            input_mint=input_mint,
            output_mint=output_mint,
            amount_in=told.sent,
            amount_out=received,
            signature=transaction.signature,
            slot=transaction.slot,
            position=at,
        )
    )


def _arrived(transaction: TransactionUpdate, account: Address, paid: int) -> int:
    """What of a payment reached the account, by its balances: exact where nothing else came in, else `paid`."""
    incoming, outgoing = _moves(transaction, account)
    after = [balance.amount for balance in transaction.post_tokens if balance.account == account]
    if len(incoming) != 1 or incoming[0].amount != paid or not after:
        return paid
    before = sum(balance.amount for balance in transaction.pre_tokens if balance.account == account)
    arrived = after[0] - before + sum(transfer.amount for transfer in outgoing)
    return arrived if 0 <= arrived <= paid else paid


def _moves(
    transaction: TransactionUpdate, account: Address
) -> tuple[list[TokenTransfer], list[TokenTransfer]]:
    """(incoming, outgoing) transfers of the account."""
    transfers = [read_transfer(call) for call in transaction.instructions]
    incoming = [transfer for transfer in transfers if transfer is not None and transfer.target == account]
    outgoing = [transfer for transfer in transfers if transfer is not None and transfer.source == account]
    return incoming, outgoing
