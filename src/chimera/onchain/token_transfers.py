"""Token transfers that a program made inside one of its instructions: what really moved, whatever the logs say.

Logs can be cut off and events can change; the inner transfers of an executed instruction cannot lie.
Must not know any venue.
"""

from collections.abc import Iterator, Sequence

import msgspec

from chimera.domain.chain import Instruction
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address
from chimera.onchain.layouts import u64_at

# TokenInstruction's tags (spl-token `instruction.rs`), and where the target stands among the accounts
TRANSFER, TRANSFER_CHECKED = 3, 12
TRANSFER_FEE_EXTENSION = 26  # Token-2022: its second byte 1 is TransferCheckedWithFee
WITH_FEE = 1

TOKEN_PROGRAMS = (TOKEN_PROGRAM, TOKEN_2022_PROGRAM)


class TokenTransfer(msgspec.Struct, frozen=True):
    """One transfer. On Token-2022 less than `amount` may arrive: the mint's transfer fee stays behind."""

    program: Address
    source: Address
    target: Address
    amount: int
    mint: Address | None
    """None where the instruction does not say it (the older, unchecked transfer)."""


def transfers_after(instructions: Sequence[Instruction], at: int) -> Iterator[TokenTransfer]:
    """Transfers that the instruction at `at` called for, in order; raises DecodeError for a torn one.

    Nodes leave the depth out of old transactions, so a token program's next call counts as an inner one at any
    depth: take as many as the instruction makes, and check whose accounts they touch.
    """
    depth = instructions[at].depth
    for inner in instructions[at + 1 :]:
        if inner.depth <= depth and inner.program not in TOKEN_PROGRAMS:
            return
        transfer = read_transfer(inner)
        if transfer is not None:
            yield transfer


def read_transfer(call: Instruction) -> TokenTransfer | None:
    """The transfer that an instruction is, or None where it is something else; raises DecodeError for a torn one."""
    if call.program not in TOKEN_PROGRAMS or not call.data:
        return None
    data, tag = call.data, call.data[0]
    if tag == TRANSFER:
        amount_at, target_at = 1, 1
    elif tag == TRANSFER_CHECKED:
        amount_at, target_at = 1, 2
    elif tag == TRANSFER_FEE_EXTENSION and data[1:2] == bytes((WITH_FEE,)):
        amount_at, target_at = 2, 2
    else:
        return None
    if len(data) < amount_at + 8 or len(call.accounts) <= target_at:
        raise DecodeError(f"a torn token transfer: {data.hex()}, {len(call.accounts)} accounts")
    return TokenTransfer(
        program=call.program,
        source=call.accounts[0],
        target=call.accounts[target_at],
        amount=u64_at(data, amount_at),
        mint=call.accounts[1] if target_at == 2 else None,
    )
