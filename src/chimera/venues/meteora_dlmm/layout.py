"""DLMM's accounts, read. Raises DecodeError for whatever is not what it claims to be.

Facts: the program's IDL, version 0.12.0 (`idls/dlmm.json` in MeteoraAg/dlmm-sdk), and accounts of the real program.
All of them are C structs behind Anchor's eight bytes; offsets below count from the account's first byte.
"""

import struct
from typing import Final

import msgspec

from chimera.domain.chain import Account
from chimera.domain.errors import DecodeError
from chimera.domain.ids import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address
from chimera.onchain.keys import address_bytes, derived_address
from chimera.onchain.layouts import (
    TransferFees,
    address_at,
    discriminator,
    extensions,
    is_mint,
    read_token_account,
    read_transfer_fees,
    u16_at,
    u64_at,
)
from chimera.venues.meteora_dlmm.prices import BIN_ID_MAX, BPS, bin_price

PROGRAM: Final = Address("LBUZKhRxPF3XUpBCjp4YzTKgLccjZhTSDM9YuVaPwxo")
LB_PAIR = discriminator("account", "LbPair")
BIN_ARRAY = discriminator("account", "BinArray")
BITMAP_EXTENSION = discriminator("account", "BinArrayBitmapExtension")

LB_PAIR_BYTES_MIN = 904
BIN_ARRAY_BYTES_MIN = 10_136
EXTENSION_BYTES_MIN = 1_576

BINS_PER_ARRAY = 70
BITMAP_HALF = 512  # the pair's own bitmap knows arrays -512 to 511
EXTENSION_BITS = 12 * 512  # and the extension twelve times as many on either side
LOWEST_AND_HIGHEST_ARRAY = -BITMAP_HALF - EXTENSION_BITS, BITMAP_HALF + EXTENSION_BITS - 1

TOKEN_PROGRAMS = (TOKEN_PROGRAM, TOKEN_2022_PROGRAM)  # by the pair's flag
TRANSFER_HOOK = 14  # Token-2022's extension: authority, then the program that every transfer calls

# the highest values that this version of the program knows
STATUS_MAX, PAIR_TYPE_MAX, ACTIVATION_TYPE_MAX, FUNCTION_TYPE_MAX, COLLECT_FEE_MODE_MAX = 1, 3, 1, 2, 1

UNDETERMINED, LIQUIDITY_MINING, LIMIT_ORDER = 0, 1, 2  # function types
FEE_ON_Y = 1  # the collect_fee_mode that is not "on the input"

PRICE_CLOSENESS_BITS = 30  # how many bits of two neighbours' prices must agree with the step between them

_BINS_AT = 56
_BIN = struct.Struct("<QQQQ80xQ8xQ4xB3x")
"""amount_x, amount_y, price (two halves), open_order_amount, processed_order_remaining_amount, limit_order_ask_side."""


class State(msgspec.Struct, frozen=True):
    """The pair's own account."""

    slot: int
    base_factor: int
    filter_period: int
    decay_period: int
    reduction_factor: int
    variable_fee_control: int
    max_volatility_accumulator: int
    base_fee_power_factor: int
    function_type: int
    collect_fee_mode: int
    volatility_accumulator: int
    volatility_reference: int
    index_reference: int
    last_update_timestamp: int
    pair_type: int
    active_id: int
    bin_step: int
    status: int
    activation_type: int
    mint_x: Address
    mint_y: Address
    reserve_x: Address
    reserve_y: Address
    has_rewards: bool
    """Whether a farming reward is set up: then a pair of undetermined function fills no limit orders."""
    oracle: Address
    bitmap: int
    """Bit i says that array i - 512 has liquidity."""
    activation_point: int
    program_x: Address
    program_y: Address

    @property
    def fills_orders(self) -> bool:
        """Whether swaps fill limit orders beside the market makers' liquidity."""
        if self.function_type == UNDETERMINED:
            return not self.has_rewards
        return self.function_type == LIMIT_ORDER


class Bin(msgspec.Struct, frozen=True):
    """One price and what lies there."""

    bin_id: int
    price: int
    """Base units of Y for one of X, times 2**64."""
    x: int
    y: int
    """Market makers' liquidity, fees apart."""
    processed: int
    """What is left of limit orders that began to be filled."""
    waiting: int
    """Limit orders that have not."""
    orders_sell_x: bool
    """Whether the limit orders sell X; else they sell Y."""


class BinArray(msgspec.Struct, frozen=True):
    slot: int
    index: int
    bins: tuple[Bin, ...]
    """Those that hold anything, in rising order."""


class Extension(msgspec.Struct, frozen=True):
    """The bitmaps of the arrays that the pair's own has no room for."""

    slot: int
    exists: bool
    """Most pairs have none: nobody put liquidity that far away."""
    above: int
    """Bit i says that array 512 + i has liquidity."""
    below: int
    """Bit i says that array -6656 + i has liquidity; on the chain these bits run the other way."""


class Vault(msgspec.Struct, frozen=True):
    slot: int
    amount: int
    frozen: bool


class Mint(msgspec.Struct, frozen=True):
    slot: int
    transfer_fees: TransferFees
    has_hook: bool
    """Whether transfers call a program of the mint's, which wants accounts that only it knows."""


def array_index(bin_id: int) -> int:
    return bin_id // BINS_PER_ARRAY


def bin_array_address(pool: Address, index: int) -> Address:
    seed = index.to_bytes(8, "little", signed=True)
    return derived_address(PROGRAM, b"bin_array", address_bytes(pool), seed)


def extension_address(pool: Address) -> Address:
    return derived_address(PROGRAM, b"bitmap", address_bytes(pool))


def read_state(account: Account, *, slot: int) -> State:
    data = account.data
    if account.owner != PROGRAM or data[:8] != LB_PAIR or len(data) < LB_PAIR_BYTES_MIN:
        raise DecodeError(f"{account.address} is no DLMM pair: owner {account.owner}, {len(data)} bytes")
    for what, at, known in (
        ("function type", 35, FUNCTION_TYPE_MAX),
        ("collect fee mode", 36, COLLECT_FEE_MODE_MAX),
        ("pair type", 75, PAIR_TYPE_MAX),
        ("status", 82, STATUS_MAX),
        ("activation type", 86, ACTIVATION_TYPE_MAX),
        ("token program of x", 880, 1),
        ("token program of y", 881, 1),
    ):
        if data[at] > known:
            raise DecodeError(f"{account.address}: unknown {what} {data[at]}")
    state = State(
        slot=slot,
        base_factor=u16_at(data, 8),
        filter_period=u16_at(data, 10),
        decay_period=u16_at(data, 12),
        reduction_factor=u16_at(data, 14),
        variable_fee_control=_u32_at(data, 16),
        max_volatility_accumulator=_u32_at(data, 20),
        base_fee_power_factor=data[34],
        function_type=data[35],
        collect_fee_mode=data[36],
        volatility_accumulator=_u32_at(data, 40),
        volatility_reference=_u32_at(data, 44),
        index_reference=_i32_at(data, 48),
        last_update_timestamp=int.from_bytes(data[56:64], "little", signed=True),
        pair_type=data[75],
        active_id=_i32_at(data, 76),
        bin_step=u16_at(data, 80),
        status=data[82],
        activation_type=data[86],
        mint_x=address_at(data, 88),
        mint_y=address_at(data, 120),
        reserve_x=address_at(data, 152),
        reserve_y=address_at(data, 184),
        has_rewards=any(data[264:296]) or any(data[408:440]),
        oracle=address_at(data, 552),
        bitmap=int.from_bytes(data[584:712], "little"),
        activation_point=u64_at(data, 816),
        program_x=TOKEN_PROGRAMS[data[880]],
        program_y=TOKEN_PROGRAMS[data[881]],
    )
    itself = state.mint_x == state.mint_y or state.reserve_x == state.reserve_y
    if abs(state.active_id) > BIN_ID_MAX or state.bin_step == 0 or itself:
        raise DecodeError(f"{account.address}: bin {state.active_id} of step {state.bin_step} cannot be")
    return state


def read_bin_array(account: Account, *, slot: int, pool: Address, index: int) -> BinArray:
    data = account.data
    if account.owner != PROGRAM or data[:8] != BIN_ARRAY or len(data) < BIN_ARRAY_BYTES_MIN:
        raise DecodeError(f"{account.address} is no bin array: owner {account.owner}, {len(data)} bytes")
    told = int.from_bytes(data[8:16], "little", signed=True)
    if told != index or data[24:56] != address_bytes(pool):
        raise DecodeError(f"{account.address} is array {told}, not {index} of {pool}")
    bins = []
    first = index * BINS_PER_ARRAY
    rows = _BIN.iter_unpack(data[_BINS_AT : _BINS_AT + BINS_PER_ARRAY * _BIN.size])
    for bin_id, (x, y, price_low, price_high, waiting, processed, ask) in enumerate(rows, first):
        if x or y or waiting or processed:
            price = price_high << 64 | price_low
            if price == 0:  # whoever adds liquidity or an order sets it; the program would divide by it
                raise DecodeError(f"{account.address}: bin {bin_id} holds tokens and has no price")
            bins.append(Bin(bin_id, price, x, y, processed, waiting, ask == 1))
    return BinArray(slot=slot, index=index, bins=tuple(bins))


def check_prices(array: BinArray, *, bin_step: int) -> None:
    """Raises DecodeError where a bin's stored price is not its number's: a swap there would pay out nonsense.

    All bins of recorded pools have the exact one. Neighbours are held against each other first, since that costs a
    tenth of raising a power, and one wrong price is off from both.
    """
    before, rising = Bin(0, 0, 0, 0, 0, 0, orders_sell_x=False), BPS + bin_step
    for found in array.bins:
        expected = before.price * rising
        near = abs(found.price * BPS - expected) << PRICE_CLOSENESS_BITS <= expected
        if not (near and found.bin_id == before.bin_id + 1) and found.price != bin_price(
            found.bin_id, bin_step
        ):
            raise DecodeError(f"array {array.index}: bin {found.bin_id} has a price of {found.price}")
        before = found


def read_extension(account: Account, *, slot: int, pool: Address) -> Extension:
    """The bitmaps; empty ones where the account is not there."""
    data = account.data
    if not data and account.owner == SYSTEM_PROGRAM:
        return Extension(slot=slot, exists=False, above=0, below=0)
    if account.owner != PROGRAM or data[:8] != BITMAP_EXTENSION or len(data) < EXTENSION_BYTES_MIN:
        raise DecodeError(f"{account.address} is no bitmap extension")
    if data[8:40] != address_bytes(pool):
        raise DecodeError(f"{account.address} is another pair's bitmap extension")
    half = EXTENSION_BITS // 8
    return Extension(
        slot=slot,
        exists=True,
        above=int.from_bytes(data[40 : 40 + half], "little"),
        below=_mirrored(int.from_bytes(data[40 + half : 40 + 2 * half], "little"), EXTENSION_BITS),
    )


def read_vault(account: Account, *, slot: int, mint: Address) -> Vault:
    vault = read_token_account(account)
    if vault.mint != mint:
        raise DecodeError(f"{account.address} holds {vault.mint}, not {mint}")
    return Vault(slot=slot, amount=vault.amount, frozen=vault.frozen)


def read_mint(account: Account, *, slot: int, program: Address) -> Mint:
    if account.owner != program or not is_mint(account):
        raise DecodeError(f"{account.address} is no mint of {program}")
    hook = extensions(account).get(TRANSFER_HOOK, b"")
    return Mint(slot=slot, transfer_fees=read_transfer_fees(account), has_hook=any(hook[32:64]))


def _mirrored(bits: int, width: int) -> int:
    return int(f"{bits:0{width}b}"[::-1], 2)


def _u32_at(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _i32_at(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little", signed=True)
