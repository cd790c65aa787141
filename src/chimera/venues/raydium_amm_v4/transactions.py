"""AMM V4's swaps in executed transactions, called directly or by an aggregator.

Amounts are those of the two token transfers that follow each swap; the program's own log would say the same, but
logs may be cut off. Mints come from the transaction's token balances: no swap instruction names them.
"""

from itertools import chain, islice

from chimera.domain.chain import Instruction, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import Address
from chimera.domain.pool import Swap
from chimera.onchain.swaps import believable
from chimera.onchain.token_transfers import transfers_after
from chimera.venues.raydium_amm_v4.instructions import LONG, LONG_ACCOUNTS, SHORT, SHORT_ACCOUNTS
from chimera.venues.raydium_amm_v4.layout import PROGRAM

DATA_BYTES_MIN = 17


def read_swaps(transaction: TransactionUpdate, venue: str) -> tuple[Swap, ...]:
    """In order of execution. Raises DecodeError where one cannot be read."""
    if transaction.error is not None:
        return ()
    return tuple(
        _swap(transaction, at, call, venue)
        for at, call in enumerate(transaction.instructions)
        if call.program == PROGRAM and call.data and call.data[0] in SHORT | LONG
    )


def _swap(transaction: TransactionUpdate, at: int, call: Instruction, venue: str) -> Swap:
    pool, vaults, user = _accounts(transaction, at, call)
    paid, given = (*islice(transfers_after(transaction.instructions, at), 2), None, None)[:2]
    if paid is None or given is None or {paid.target, given.source} != vaults:
        raise DecodeError(
            f"{transaction.signature}: the swap at instruction {at} moves no tokens that it should"
        )
    return believable(
        Swap(
            venue=venue,
            pool=pool,
            user=user,
            input_mint=_mint(transaction, paid.target),
            output_mint=_mint(transaction, given.source),
            amount_in=paid.amount,
            amount_out=given.amount,
            signature=transaction.signature,
            slot=transaction.slot,
            position=at,
        )
    )


def _accounts(
    transaction: TransactionUpdate, at: int, call: Instruction
) -> tuple[Address, set[Address], Address]:
    """(pool, its two vaults, user)"""
    accounts, count = call.accounts, len(call.accounts)
    if len(call.data) < DATA_BYTES_MIN:
        raise DecodeError(f"{transaction.signature}: a swap of {len(call.data)} bytes at instruction {at}")
    if call.data[0] in SHORT:
        if count < SHORT_ACCOUNTS:
            raise DecodeError(f"{transaction.signature}: a swap of {count} accounts at instruction {at}")
        return accounts[1], set(accounts[3:5]), accounts[7]
    if count not in LONG_ACCOUNTS:
        raise DecodeError(f"{transaction.signature}: a swap of {count} accounts at instruction {at}")
    vault_at = 4 if count == LONG_ACCOUNTS[0] else 5
    return accounts[1], set(accounts[vault_at : vault_at + 2]), accounts[-1]


def _mint(transaction: TransactionUpdate, account: Address) -> Address:
    for balance in chain(transaction.post_tokens, transaction.pre_tokens):
        if balance.account == account:
            return balance.mint
    raise DecodeError(f"{transaction.signature}: no balance tells the mint of {account}")
