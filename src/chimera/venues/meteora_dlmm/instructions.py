"""DLMM's swap instructions, byte for byte as the program's IDL 0.12.0 has them.

`swap2` and its siblings take either token program and a list of remaining accounts for transfer hooks; the older
three take the older token program only. Must not know prices or state beyond the pair's addresses.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from chimera.domain.chain import AccountMeta, InstructionCall
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_PROGRAM, Address
from chimera.domain.units import U64_MAX
from chimera.onchain.keys import address_bytes, associated_token_address, derived_address
from chimera.onchain.layouts import discriminator
from chimera.venues.meteora_dlmm.layout import PROGRAM, State

MEMO_PROGRAM = Address("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")

SWAP, SWAP2 = discriminator("global", "swap"), discriminator("global", "swap2")
SWAP_EXACT_OUT, SWAP_EXACT_OUT2 = (discriminator("global", f"swap_exact_out{two}") for two in ("", "2"))
SWAP_WITH_PRICE_IMPACT, SWAP_WITH_PRICE_IMPACT2 = (
    discriminator("global", f"swap_with_price_impact{two}") for two in ("", "2")
)

ACCOUNTS_OF = {
    SWAP: 15,
    SWAP_EXACT_OUT: 15,
    SWAP_WITH_PRICE_IMPACT: 15,
    SWAP2: 16,
    SWAP_EXACT_OUT2: 16,
    SWAP_WITH_PRICE_IMPACT2: 16,
}
"""Each swap's accounts before the bin arrays: the newer ones pass the memo program too."""
POOL_AT, USER_INPUT_AT, USER_OUTPUT_AT, MINT_X_AT, MINT_Y_AT, USER_AT, PROGRAM_X_AT = 0, 4, 5, 6, 7, 10, 11

NO_HOOK_ACCOUNTS = (2).to_bytes(4, "little") + bytes((0, 0)) + bytes((1, 0))
"""RemainingAccountsInfo: no accounts for the hooks of x (0) and of y (1), as the SDK writes it."""


class Trader(msgspec.Struct, frozen=True):
    user: Address
    input_account: Address
    output_account: Address


def exact_in(amount: int, out_min: int) -> bytes:
    return SWAP2 + _u64(amount) + _u64(out_min) + NO_HOOK_ACCOUNTS


def exact_out(amount: int, in_max: int) -> bytes:
    """The limit comes first here."""
    return SWAP_EXACT_OUT2 + _u64(in_max) + _u64(amount) + NO_HOOK_ACCOUNTS


def within_impact(amount: int, *, active_id: int | None, impact_bps_max: int) -> bytes:
    """Exact in, but stopped by the price instead of by the output."""
    start = b"\0" if active_id is None else b"\x01" + active_id.to_bytes(4, "little", signed=True)
    limit = impact_bps_max.to_bytes(2, "little")
    return SWAP_WITH_PRICE_IMPACT2 + _u64(amount) + start + limit + NO_HOOK_ACCOUNTS


def call(
    pool: Address,
    state: State,
    data: bytes,
    trader: Trader,
    *,
    extension: Address | None,
    bin_arrays: Sequence[Address],
) -> InstructionCall:
    """The instruction of `data`; without a host that shares the fee. The program's own address stands for "none"."""
    accounts = [
        _writable(pool),
        _readonly(PROGRAM) if extension is None else _writable(extension),
        _writable(state.reserve_x),
        _writable(state.reserve_y),
        _writable(trader.input_account),
        _writable(trader.output_account),
        _readonly(state.mint_x),
        _readonly(state.mint_y),
        _writable(state.oracle),
        _readonly(PROGRAM),
        AccountMeta(trader.user, is_signer=True, is_writable=False),
        _readonly(state.program_x),
        _readonly(state.program_y),
    ]
    if ACCOUNTS_OF[data[:8]] == ACCOUNTS_OF[SWAP2]:
        accounts.append(_readonly(MEMO_PROGRAM))
    elif (state.program_x, state.program_y) != (TOKEN_PROGRAM, TOKEN_PROGRAM):
        raise ValueError(f"{pool} has a Token-2022 mint, which the older instructions do not take")
    accounts += [_readonly(derived_address(PROGRAM, b"__event_authority")), _readonly(PROGRAM)]
    accounts += [_writable(address) for address in bin_arrays]
    return InstructionCall(program=PROGRAM, accounts=tuple(accounts), data=data)


def call_of_case(ix: str, inputs: Mapping[str, Any], pool: Address, state: State) -> InstructionCall:
    """The instruction of a row: amounts, user, and the bin arrays in their order; token accounts are the user's ATAs.

    Raises DecodeError, KeyError, TypeError or ValueError for a row that cannot be read.
    """
    programs = {state.mint_x: state.program_x, state.mint_y: state.program_y}
    given = (inputs.get("mint_x_owner", state.program_x), inputs.get("mint_y_owner", state.program_y))
    if given != (state.program_x, state.program_y):
        raise DecodeError(f"{pool} knows other token programs than {given}")
    if inputs["direction"] not in ("x_to_y", "y_to_x"):
        raise DecodeError(f"unknown direction {inputs['direction']!r}")
    ends = (state.mint_x, state.mint_y)
    user = _address(inputs["user"])
    held = [
        associated_token_address(user, mint, programs[mint])
        for mint in (ends if inputs["direction"] == "x_to_y" else ends[::-1])
    ]
    extension = inputs.get("bitmap_extension")
    return call(
        pool,
        state,
        _data_of_case(ix, inputs, state),
        Trader(user, *held),
        extension=None if extension is None else _address(extension),
        bin_arrays=[_address(address) for address in inputs["bin_arrays"]],
    )


def _data_of_case(ix: str, inputs: Mapping[str, Any], state: State) -> bytes:
    amount, limit = int(inputs["amount"]), int(inputs["limit"])
    match ix:
        case "swap":
            return SWAP + _u64(amount) + _u64(limit)
        case "swap2":
            return exact_in(amount, limit)
        case "swap_exact_out":
            return SWAP_EXACT_OUT + _u64(limit) + _u64(amount)
        case "swap_exact_out2":
            return exact_out(amount, limit)
        case "swap_with_price_impact2":
            return within_impact(amount, active_id=state.active_id, impact_bps_max=limit)
        case "swap_with_price_impact":
            data = within_impact(amount, active_id=state.active_id, impact_bps_max=limit)
            return SWAP_WITH_PRICE_IMPACT + data[8 : -len(NO_HOOK_ACCOUNTS)]
        case _:
            raise DecodeError(f"unknown instruction {ix!r}")


def _address(text: Any) -> Address:
    address = Address(str(text))
    address_bytes(address)  # raises for what is none
    return address


def _u64(value: int) -> bytes:
    if not 0 <= value <= U64_MAX:
        raise ValueError(f"{value} is no u64")
    return value.to_bytes(8, "little")


def _readonly(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


def _writable(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)
