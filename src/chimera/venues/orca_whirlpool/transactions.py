"""Whirlpool's swaps in executed transactions: four instructions, called directly or by an aggregator.

The program's Traded events know the transfer fees, so they speak where all of them are there. Where logs were cut
off, the token transfers say the same, unless Token-2022 may have withheld something. Mints come from the accounts
or, for the older instructions, from the transaction's token balances.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from chimera.domain.chain import Instruction, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_PROGRAM, Address
from chimera.domain.pool import Swap
from chimera.onchain import logs
from chimera.onchain.layouts import address_at, discriminator, u64_at
from chimera.onchain.swaps import believable
from chimera.onchain.token_transfers import TokenTransfer, transfers_after
from chimera.venues.orca_whirlpool.instructions import SWAP, SWAP_V2, TWO_HOP_SWAP, TWO_HOP_SWAP_V2
from chimera.venues.orca_whirlpool.layout import PROGRAM

TRADED = discriminator("event", "Traded")
TRADED_BYTES_MIN = 105  # up to and with the output's transfer fee; the pool's own fees follow

A_TO_B_AT = 41  # one hop: discriminator, amount, threshold, price limit, exact side
HOPS_A_TO_B_AT = (25, 26)  # two hops: the price limits come last


class Hop(NamedTuple):
    """One pool's part in an instruction."""

    position: int
    pool: Address
    user: Address
    vault_in: Address
    vault_out: Address
    mint_in: Address | None
    mint_out: Address | None


def read_swaps(transaction: TransactionUpdate, venue: str) -> tuple[Swap, ...]:
    """In order of execution; two for a swap of two hops. Raises DecodeError where one cannot be read."""
    if transaction.error is not None:
        return ()
    hops = [hop for at, call in enumerate(transaction.instructions) for hop in _hops(transaction, at, call)]
    if not hops:
        return ()
    events = [event for event in logs.events(transaction.logs, PROGRAM) if event[:8] == TRADED]
    told = len(events) == len(hops) and all(
        len(event) >= TRADED_BYTES_MIN and address_at(event, 8) == hop.pool and _of_event(event)[1] >= 0
        for event, hop in zip(events, hops, strict=True)
    )
    swaps = []
    for number, hop in enumerate(hops):
        amounts = _of_event(events[number]) if told else _of_transfers(transaction, hop)
        swaps.append(
            Swap(
                venue=venue,
                pool=hop.pool,
                user=hop.user,
                input_mint=hop.mint_in or _mint(transaction, hop.vault_in),
                output_mint=hop.mint_out or _mint(transaction, hop.vault_out),
                amount_in=amounts[0],
                amount_out=amounts[1],
                signature=transaction.signature,
                slot=transaction.slot,
                position=hop.position,
            )
        )
    return tuple(map(believable, swaps))


def _hops(transaction: TransactionUpdate, at: int, call: Instruction) -> Iterator[Hop]:
    if call.program != PROGRAM:
        return
    kind, who = call.data[:8], call.accounts
    try:
        if kind == SWAP:
            a_to_b = _direction(call.data, A_TO_B_AT)
            yield _hop(at, who[2], who[1], (who[4], who[6]), None, a_to_b=a_to_b)
        elif kind == SWAP_V2:
            a_to_b = _direction(call.data, A_TO_B_AT)
            yield _hop(at, who[4], who[3], (who[8], who[10]), (who[5], who[6]), a_to_b=a_to_b)
        elif kind == TWO_HOP_SWAP:
            one, two = (_direction(call.data, place) for place in HOPS_A_TO_B_AT)
            yield _hop(at, who[2], who[1], (who[5], who[7]), None, a_to_b=one)
            yield _hop(at, who[3], who[1], (who[9], who[11]), None, a_to_b=two)
        elif kind == TWO_HOP_SWAP_V2:
            yield Hop(at, who[0], who[14], who[9], who[10], who[2], who[3])
            yield Hop(at, who[1], who[14], who[11], who[12], who[3], who[4])
    except IndexError:
        raise DecodeError(
            f"{transaction.signature}: a swap of {len(who)} accounts and {len(call.data)} bytes at instruction {at}"
        ) from None


def _hop(
    at: int,
    pool: Address,
    user: Address,
    vaults: Sequence[Address],
    mints: Sequence[Address] | None,
    *,
    a_to_b: bool,
) -> Hop:
    way = 1 if a_to_b else -1
    vault_in, vault_out = vaults[::way]
    mint_in, mint_out = mints[::way] if mints is not None else (None, None)
    return Hop(at, pool, user, vault_in, vault_out, mint_in, mint_out)


def _direction(data: bytes, at: int) -> bool:
    return data[at] != 0


def _of_event(event: bytes) -> tuple[int, int]:
    """(what left the user, what reached him)"""
    return u64_at(event, 73), u64_at(event, 81) - u64_at(event, 97)


def _of_transfers(transaction: TransactionUpdate, hop: Hop) -> tuple[int, int]:
    """The same from what moved in and out of the vaults, where no transfer fee can hide in it."""
    paid: TokenTransfer | None = None
    for transfer in transfers_after(transaction.instructions, hop.position):
        if paid is None and transfer.target == hop.vault_in:
            paid = transfer
        if transfer.source == hop.vault_out and paid is not None:
            if {paid.program, transfer.program} != {TOKEN_PROGRAM}:
                break
            return paid.amount, transfer.amount
    raise DecodeError(
        f"{transaction.signature}: neither events nor transfers tell the swap at instruction {hop.position}"
    )


def _mint(transaction: TransactionUpdate, account: Address) -> Address:
    for balance in chain(transaction.post_tokens, transaction.pre_tokens):
        if balance.account == account:
            return balance.mint
    raise DecodeError(f"{transaction.signature}: no balance tells the mint of {account}")
