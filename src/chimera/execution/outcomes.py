"""What a transaction of ours really did, from its metadata alone. Must not know what had been planned."""

import re

from chimera.domain.chain import Commitment, SignatureStatus, TransactionUpdate
from chimera.domain.errors import InvariantBroken
from chimera.domain.ids import SYSTEM_PROGRAM, WSOL, Address
from chimera.domain.intent import Side
from chimera.domain.trade import Fill

CREATE_ACCOUNT, TRANSFER = 0, 2  # System Program instruction indexes, u32 little-endian, then u64 lamports
BARE_ACCOUNT_LAMPORTS = 890_880
"""What an account without data must hold to stand: rent for its 128 bytes of metadata, at 3,480 a byte and year."""


def fill_of(
    transaction: TransactionUpdate,
    *,
    wallet: Address,
    mint: Address,
    side: Side,
    tip_accounts: frozenset[Address],
    at_ms: int,
) -> Fill:
    """The fill of a landed swap of `mint`; of two tokens, that is the one that was swapped for.

    Raises InvariantBroken where the wallet did not pay for it.
    """
    if transaction.fee_payer != wallet:
        raise InvariantBroken(f"{transaction.signature} was paid by {transaction.fee_payer}, not by {wallet}")
    delta = lamports_delta(transaction, wallet)
    tip = _tips(transaction, wallet, tip_accounts)
    rent, changes = token_changes(transaction, wallet)
    rent += rent_for_others(transaction, wallet, tip_accounts)
    balances = (*transaction.pre_tokens, *transaction.post_tokens)
    token_delta = changes.pop(mint, 0)
    # wSOL that lay in our account before, or stays behind in it, is no price: it was or is ours all the same
    swapped = delta + transaction.fee_lamports + tip + rent + changes.get(WSOL, 0)
    return Fill(
        signature=transaction.signature,
        slot=transaction.slot,
        side=side,
        mint=mint,
        token_delta=token_delta,
        lamports_delta=delta,
        swap_lamports=-swapped if side is Side.BUY else swapped,
        fee_lamports=transaction.fee_lamports,
        tip_lamports=tip,
        rent_lamports=rent,
        at_ms=at_ms,
        decimals=next((balance.decimals for balance in balances if balance.mint == mint), None),
        other_tokens=tuple(sorted((other, change) for other, change in changes.items() if change)),
    )


def final_enough(status: SignatureStatus) -> bool:
    """Confirmed or deeper; an error counts no earlier, since a fork may still undo it."""
    return status.commitment is not Commitment.PROCESSED


def failed_instruction(error: str | None) -> int | None:
    """The index in an InstructionError's text, as nodes write it; None where the error is of another kind."""
    found = re.search(r"InstructionError\D{0,5}(\d+)", error or "")
    return int(found.group(1)) if found else None


def program_error(error: str | None) -> int | None:
    """The code of a program's own error in an InstructionError's text; None where it is none."""
    found = re.search(r"InstructionError.*Custom\D{0,5}(\d+)", error or "")
    return int(found.group(1)) if found else None


def lamports_delta(transaction: TransactionUpdate, wallet: Address) -> int:
    """Change of an account's own lamports; 0 where the transaction does not touch it."""
    try:
        index = transaction.accounts.index(wallet)
    except ValueError:
        return 0
    return transaction.post_lamports[index] - transaction.pre_lamports[index]


def _tips(transaction: TransactionUpdate, wallet: Address, tip_accounts: frozenset[Address]) -> int:
    total = 0
    for instruction in transaction.instructions:
        if instruction.program != SYSTEM_PROGRAM or len(instruction.data) != 12:
            continue
        if int.from_bytes(instruction.data[:4], "little") != TRANSFER:
            continue
        source, target = instruction.accounts[:2]
        if source == wallet and target in tip_accounts:
            total += int.from_bytes(instruction.data[4:], "little")
    return total


def rent_for_others(
    transaction: TransactionUpdate, wallet: Address, tip_accounts: frozenset[Address] = frozenset()
) -> int:
    """Rent that we paid for new accounts which are no token accounts of ours, as venues let their traders do.

    An accumulator of volume, a creator's vault that nobody had paid into before. It does not come back to us.
    """
    owned = {balance.account for balance in transaction.post_tokens if balance.owner == wallet}
    places = {address: place for place, address in enumerate(transaction.accounts)}
    paid: dict[Address, int] = {}
    for instruction in transaction.instructions:
        if instruction.program != SYSTEM_PROGRAM or len(instruction.data) < 12:
            continue
        kind = int.from_bytes(instruction.data[:4], "little")
        if kind not in (CREATE_ACCOUNT, TRANSFER) or instruction.accounts[0] != wallet:
            continue
        target, lamports = instruction.accounts[1], int.from_bytes(instruction.data[4:12], "little")
        if target in owned or target in tip_accounts or transaction.pre_lamports[places[target]]:
            continue
        rent = lamports if kind == CREATE_ACCOUNT else min(lamports, BARE_ACCOUNT_LAMPORTS)
        paid[target] = paid.get(target, 0) + rent
    # what was closed again within the transaction locks nothing up
    return sum(min(rent, transaction.post_lamports[places[target]]) for target, rent in paid.items())


def token_changes(transaction: TransactionUpdate, wallet: Address) -> tuple[int, dict[Address, int]]:
    """(rent locked up, change by mint) over our token accounts; of wSOL accounts rent is what is not wSOL."""
    before = {balance.account: balance for balance in transaction.pre_tokens if balance.owner == wallet}
    after = {balance.account: balance for balance in transaction.post_tokens if balance.owner == wallet}
    rent = 0
    changes: dict[Address, int] = {}
    for account in before.keys() | after.keys():
        known = after.get(account) or before[account]
        amount_before = before[account].amount if account in before else 0
        amount_after = after[account].amount if account in after else 0
        change = amount_after - amount_before
        changes[known.mint] = changes.get(known.mint, 0) + change
        locked = lamports_delta(transaction, account)
        rent += locked - change if known.mint == WSOL else locked
    return rent, changes
