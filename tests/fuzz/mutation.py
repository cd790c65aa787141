"""Accounts and transactions, damaged: bits, words, ends, owners and order, all decided by the generator passed in."""

from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Sequence
from random import Random

import msgspec

from chimera.domain.chain import Account, Instruction, TransactionUpdate
from chimera.domain.ids import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM

EXTREMES = tuple(
    number.to_bytes(size, "little")
    for size in (1, 2, 4, 8, 16)
    for number in (0, 1, 2 ** (8 * size - 1) - 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1)
)
OWNERS = (SYSTEM_PROGRAM, TOKEN_PROGRAM, TOKEN_2022_PROGRAM)


def damaged(data: bytes, chance: Random, donors: Sequence[bytes]) -> bytes:
    """One to four wounds; half of the time in the first part, where the fields lie and not the long tables."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        size = len(made)
        if size < 2:
            return bytes(made) + chance.randbytes(chance.randrange(40))
        at = chance.randrange(min(size, 400) if chance.random() < 0.5 else size)
        match chance.randrange(10):
            case 0 | 1 | 2:
                made[at] ^= 1 << chance.randrange(8)
            case 3:
                made[at] = chance.randrange(256)
            case 4 | 5 | 6:
                word = chance.choice(EXTREMES)
                at = min(at, max(0, size - len(word)))
                made[at : at + len(word)] = word[: size - at]
            case 7:
                # What lies elsewhere in another account of the same kind: believable and wrong.
                donor, length = chance.choice(donors), chance.choice((1, 2, 8, 16, 32))
                other = chance.randrange(max(1, len(donor) - length))
                piece = donor[other : other + length][: size - at]
                made[at : at + len(piece)] = piece
            case 8 if chance.random() < 0.4:
                del made[at:]
            case 9 if chance.random() < 0.4:
                made += chance.randbytes(chance.randrange(1, 64))
            case _:
                made[at : at + 8] = chance.randbytes(min(8, size - at))
    return bytes(made)


def damaged_account(
    account: Account, chance: Random, donors: Sequence[bytes], names: Sequence[bytes]
) -> Account:
    """`names`: addresses that may lie in it, to be put in each other's places."""
    if chance.random() < 0.05:
        old, new = chance.choice(names), chance.choice(names)
        return Account(account.address, account.owner, account.lamports, account.data.replace(old, new))
    owner = chance.choice(OWNERS) if chance.random() < 0.02 else account.owner
    data = chance.randbytes(chance.randrange(300)) if chance.random() < 0.01 else account.data
    if chance.random() < 0.01:  # a pool of noise behind a right beginning
        data = data[:8] + chance.randbytes(max(0, len(data) - 8))
    return Account(account.address, owner, account.lamports, damaged(data, chance, donors))


def damaged_transaction(
    transaction: TransactionUpdate, chance: Random, donors: Sequence[bytes]
) -> TransactionUpdate:
    calls, lines = list(transaction.instructions), list(transaction.logs)
    balances = transaction.pre_tokens, transaction.post_tokens
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randrange(len(calls)) if calls else -1
        match chance.randrange(9):
            case 0 | 1 if calls:
                calls[at] = _with(calls[at], data=damaged(calls[at].data, chance, donors))
            case 2 if calls and calls[at].accounts:
                accounts = calls[at].accounts
                calls[at] = _with(calls[at], accounts=accounts[: chance.randrange(len(accounts))])
            case 3 if calls and calls[at].accounts:
                accounts = list(calls[at].accounts)
                accounts[chance.randrange(len(accounts))] = chance.choice(accounts)
                calls[at] = _with(calls[at], accounts=tuple(accounts))
            case 4 if calls:
                calls[at] = _with(calls[at], depth=chance.randrange(5))
            case 5 if calls:
                del calls[at]
            case 6 if calls:
                calls.insert(chance.randrange(len(calls) + 1), calls[at])
            case 7 if lines:
                _damage_line(lines, chance, donors)
            case _:
                balances = tuple(
                    tuple(
                        msgspec.structs.replace(known, amount=chance.choice((0, 1, 2**64 - 1, known.amount)))
                        for known in told
                        if chance.random() < 0.8
                    )
                    for told in balances
                )
    return msgspec.structs.replace(
        transaction, instructions=tuple(calls), logs=tuple(lines), pre_tokens=balances[0],
        post_tokens=balances[1],
    )  # fmt: skip


def _with(call: Instruction, **changes: object) -> Instruction:
    return msgspec.structs.replace(call, **changes)


def _damage_line(lines: list[str], chance: Random, donors: Sequence[bytes]) -> None:
    at = chance.randrange(len(lines))
    said, mark, data = lines[at].partition("Program data: ")
    match chance.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines.insert(chance.randrange(len(lines) + 1), lines[at])
        case 2:
            lines[at] = lines[at][: chance.randrange(len(lines[at]) + 1)]
        case 3:
            lines.insert(at, chance.choice(("Log truncated", "Program data: ", "Program é invoke [x]", "")))
        case _ if mark:
            try:
                raw = b64decode(data)
            except (NoBase64, ValueError):
                return
            lines[at] = said + mark + b64encode(damaged(raw, chance, donors)).decode()
