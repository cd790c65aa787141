"""Whirlpool's accounts, read. Raises DecodeError for whatever is not what it claims to be.

Facts: the published source of whirlpools (`state/`), and accounts of the real program.
"""

from functools import lru_cache
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
    u128_at,
)
from chimera.venues.orca_whirlpool.adaptive import FeeMemory, FeeRules
from chimera.venues.orca_whirlpool.path import TICKS_AN_ARRAY, Ticks, is_start
from chimera.venues.orca_whirlpool.ticks import MAX_SQRT_PRICE, MAX_TICK, MIN_SQRT_PRICE, MIN_TICK

PROGRAM: Final = Address("whirLbMiicVdio4qvUfM5KAg6Ct8VwpYzGff3uctyCc")

WHIRLPOOL = discriminator("account", "Whirlpool")
FIXED_TICKS = discriminator("account", "TickArray")
DYNAMIC_TICKS = discriminator("account", "DynamicTickArray")
ORACLE = discriminator("account", "Oracle")

POOL_BYTES_MIN = 653
FIXED_BYTES_MIN, FIXED_TICK_BYTES = 9_988, 113
DYNAMIC_TICKS_AT, DYNAMIC_TICK_BYTES = 60, 112  # a tick is a byte that says whether these follow
ORACLE_BYTES_MIN = 126  # up to and with the accumulator; the rest is reserved

# Token-2022 extensions that can keep a transfer from happening
NON_TRANSFERABLE, TRANSFER_HOOK, PAUSABLE = 9, 14, 26


class State(msgspec.Struct, frozen=True):
    """The pool's own account."""

    slot: int
    spacing: int
    """Ticks between two that liquidity may begin or end at."""
    adaptive: bool
    """Its fee tier's number is not its spacing: there is an Oracle that the fee depends on."""
    fee_rate: int
    """Millionths of the input."""
    liquidity: int
    sqrt_price: int
    tick: int
    mint_a: Address
    vault_a: Address
    mint_b: Address
    vault_b: Address
    rewards_at: int
    """Unix seconds of the last update; the program refuses to go back behind it."""


class TickArray(msgspec.Struct, frozen=True):
    slot: int
    ticks: Ticks
    """None of them where the account does not exist."""


class Oracle(msgspec.Struct, frozen=True):
    """What an adaptive pool's fee depends on; without `rules` the account does not exist and the fee is fixed."""

    slot: int
    enabled_at: int = 0
    rules: FeeRules | None = None
    memory: FeeMemory | None = None


class Vault(msgspec.Struct, frozen=True):
    slot: int
    amount: int
    frozen: bool


class Mint(msgspec.Struct, frozen=True):
    slot: int
    program: Address
    transfer_fees: TransferFees
    blocked: str
    """Why its transfers need more than we can give, for people; empty where they do not."""


def is_pool(account: Account) -> bool:
    return account.owner == PROGRAM and account.data[:8] == WHIRLPOOL


def is_absent(account: Account) -> bool:
    """Whether this is how a node shows an account that does not exist."""
    return account.owner == SYSTEM_PROGRAM and not account.data


@lru_cache(65_536)
def tick_array_address(pool: Address, start: int) -> Address:
    return derived_address(PROGRAM, b"tick_array", address_bytes(pool), str(start).encode())


def oracle_address(pool: Address) -> Address:
    return derived_address(PROGRAM, b"oracle", address_bytes(pool))


def read_state(account: Account, *, slot: int) -> State:
    data = account.data
    if not is_pool(account) or len(data) < POOL_BYTES_MIN:
        raise DecodeError(f"{account.address} is no Whirlpool: owner {account.owner}, {len(data)} bytes")
    state = State(
        slot=slot,
        spacing=u16_at(data, 41),
        adaptive=data[41:43] != data[43:45],
        fee_rate=u16_at(data, 45),
        liquidity=u128_at(data, 49),
        sqrt_price=u128_at(data, 65),
        tick=_i32_at(data, 81),
        mint_a=address_at(data, 101),
        vault_a=address_at(data, 133),
        mint_b=address_at(data, 181),
        vault_b=address_at(data, 213),
        rewards_at=u64_at(data, 261),
    )
    if state.spacing == 0:
        raise DecodeError(f"{account.address}: a tick spacing of 0")
    if state.mint_a == state.mint_b or state.vault_a == state.vault_b:
        raise DecodeError(f"{account.address} trades {state.mint_a} against itself")
    # One below the lowest tick is where a swap down to the lowest price leaves the pool.
    if not MIN_TICK - 1 <= state.tick <= MAX_TICK or not MIN_SQRT_PRICE <= state.sqrt_price <= MAX_SQRT_PRICE:
        raise DecodeError(f"{account.address}: no such price: {state.sqrt_price} at tick {state.tick}")
    return state


def read_tick_array(account: Account, *, slot: int, pool: Address, start: int, spacing: int) -> TickArray:
    data = account.data
    if is_absent(account):
        return TickArray(slot, ())
    if account.owner != PROGRAM:
        raise DecodeError(f"{account.address} is no tick array: owner {account.owner}")
    if data[:8] == FIXED_TICKS and len(data) >= FIXED_BYTES_MIN:
        of_pool, ticks = address_at(data, 12 + TICKS_AN_ARRAY * FIXED_TICK_BYTES), _fixed_ticks(data)
    elif data[:8] == DYNAMIC_TICKS and len(data) >= DYNAMIC_TICKS_AT + TICKS_AN_ARRAY:
        of_pool, ticks = address_at(data, 12), _dynamic_ticks(account)
    else:
        raise DecodeError(f"{account.address} is no tick array: {data[:8].hex()}, {len(data)} bytes")
    if of_pool != pool or _i32_at(data, 8) != start or not is_start(start, spacing):
        raise DecodeError(
            f"{account.address} is the tick array {_i32_at(data, 8)} of {of_pool}, not {start} of {pool}"
        )
    placed = tuple((start + place * spacing, net) for place, net in ticks)
    if placed and not MIN_TICK <= placed[0][0] <= placed[-1][0] <= MAX_TICK:
        raise DecodeError(f"{account.address} has ticks beyond {MIN_TICK} and {MAX_TICK}")
    return TickArray(slot, placed)


def read_oracle(account: Account, *, slot: int, pool: Address) -> Oracle:
    data = account.data
    if is_absent(account):
        return Oracle(slot)
    if account.owner != PROGRAM or data[:8] != ORACLE or len(data) < ORACLE_BYTES_MIN:
        raise DecodeError(f"{account.address} is no oracle: owner {account.owner}, {len(data)} bytes")
    if address_at(data, 8) != pool:
        raise DecodeError(f"{account.address} is the oracle of {address_at(data, 8)}, not of {pool}")
    rules = FeeRules(
        filter_period_s=u16_at(data, 48),
        decay_period_s=u16_at(data, 50),
        reduction=u16_at(data, 52),
        control=_u32_at(data, 54),
        accumulator_max=_u32_at(data, 58),
        group_size=u16_at(data, 62),
    )
    memory = FeeMemory(
        reference_at=u64_at(data, 82),
        major_swap_at=u64_at(data, 90),
        reference=_u32_at(data, 98),
        group_reference=_i32_at(data, 102),
        accumulator=_u32_at(data, 106),
    )
    # What the program itself demands when it makes an oracle; anything else it could not compute with.
    if rules.group_size == 0 or rules.accumulator_max * rules.group_size >= 2**32:
        raise DecodeError(f"{account.address}: no such adaptive fee: {rules}")
    return Oracle(slot, u64_at(data, 40), rules, memory)


def read_vault(account: Account, *, slot: int, mint: Address) -> Vault:
    vault = read_token_account(account)
    if vault.mint != mint:
        raise DecodeError(f"{account.address} holds {vault.mint}, not {mint}")
    return Vault(slot=slot, amount=vault.amount, frozen=vault.frozen)


def read_mint(account: Account, *, slot: int) -> Mint:
    if account.owner not in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM) or not is_mint(account):
        raise DecodeError(f"{account.address} is no mint")
    return Mint(slot, account.owner, read_transfer_fees(account), _blocked(extensions(account)))


def _blocked(known: dict[int, bytes]) -> str:
    if any(known.get(TRANSFER_HOOK, b"")[32:64]):
        return "its transfers call a hook, whose accounts we do not know"
    if known.get(PAUSABLE, b"")[32:33] == b"\x01":
        return "its transfers are paused"
    return "it cannot be transferred" if NON_TRANSFERABLE in known else ""


def _fixed_ticks(data: bytes) -> Ticks:
    """(place, net liquidity) of the initialized ticks."""
    end = 12 + TICKS_AN_ARRAY * FIXED_TICK_BYTES
    flags = data[12:end:FIXED_TICK_BYTES]
    return tuple(
        (place, _i128_at(data, 13 + place * FIXED_TICK_BYTES)) for place, flag in enumerate(flags) if flag
    )


def _dynamic_ticks(account: Account) -> Ticks:
    """As `_fixed_ticks`; a tick takes one byte or 113, and a bitmap says the same as the first bytes."""
    data, at, found = account.data, DYNAMIC_TICKS_AT, []
    bitmap = u128_at(data, 44)
    for place in range(TICKS_AN_ARRAY):
        flag = data[at] if at < len(data) else 2
        if flag > 1 or flag != bitmap >> place & 1:
            raise DecodeError(f"{account.address}: tick {place} of a dynamic array contradicts its bitmap")
        if flag:
            if at + 1 + DYNAMIC_TICK_BYTES > len(data):
                raise DecodeError(f"{account.address} ends within tick {place}")
            found.append((place, _i128_at(data, at + 1)))
        at += 1 + flag * DYNAMIC_TICK_BYTES
    return tuple(found)


def _u32_at(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _i32_at(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little", signed=True)


def _i128_at(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 16], "little", signed=True)
