"""CPMM's accounts and events, read. Raises DecodeError for whatever is not what it claims to be.

Facts: the published source of raydium-cp-swap (`states/`), and accounts of the real program.
"""

from typing import Final

import msgspec

from chimera.domain.chain import Account
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address
from chimera.onchain.layouts import (
    TransferFees,
    address_at,
    discriminator,
    is_mint,
    read_token_account,
    read_transfer_fees,
    u64_at,
)

PROGRAM: Final = Address("CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C")
AUTHORITY: Final = Address("GpMZbSM2GgvTKHJirzeGfMFoaZ8UR2X7F4v8vHTvxFbL")
"""The PDA of `vault_and_lp_mint_auth_seed`: one owner for every pool's vaults."""

POOL_STATE = discriminator("account", "PoolState")
AMM_CONFIG = discriminator("account", "AmmConfig")
SWAP_EVENT = discriminator("event", "SwapEvent")

POOL_BYTES_MIN = 637  # longer ones have been seen: later versions grow at the end
CONFIG_BYTES_MIN = 116  # up to and with the creator's rate; the rest is padding
EVENT_BYTES_MIN = 153  # up to and with the output mint; newer programs append their fees


class State(msgspec.Struct, frozen=True):
    """The pool's own account. Fields with `_0` and `_1` come in pairs, as on the chain."""

    slot: int
    amm_config: Address
    vault_0: Address
    vault_1: Address
    mint_0: Address
    mint_1: Address
    program_0: Address
    program_1: Address
    observation: Address
    status: int
    """Bits that forbid: 1 deposit, 2 withdraw, 4 swap."""
    uncollected_0: tuple[int, int, int]
    """Protocol's, fund's and creator's fees that still lie in the vault."""
    uncollected_1: tuple[int, int, int]
    open_time: int
    creator_fee_on: int
    """0 on the input, 1 on token 0, 2 on token 1."""
    creator_fee_enabled: bool


class Config(msgspec.Struct, frozen=True):
    """AmmConfig's rates, in millionths: the trade's of the amount, protocol's and fund's of the trade's fee."""

    slot: int
    trade_rate: int
    protocol_rate: int
    fund_rate: int
    creator_rate: int


class Vault(msgspec.Struct, frozen=True):
    slot: int
    amount: int
    frozen: bool


class Mint(msgspec.Struct, frozen=True):
    slot: int
    transfer_fees: TransferFees


class SwapEvent(msgspec.Struct, frozen=True):
    """What the program says of a swap; amounts as the user's accounts saw them."""

    pool: Address
    input_mint: Address
    output_mint: Address
    sent: int
    received: int


def read_state(account: Account, *, slot: int) -> State:
    data = account.data
    if account.owner != PROGRAM or data[:8] != POOL_STATE or len(data) < POOL_BYTES_MIN:
        raise DecodeError(f"{account.address} is no CPMM pool: owner {account.owner}, {len(data)} bytes")
    state = State(
        slot=slot,
        amm_config=address_at(data, 8),
        vault_0=address_at(data, 72),
        vault_1=address_at(data, 104),
        mint_0=address_at(data, 168),
        mint_1=address_at(data, 200),
        program_0=address_at(data, 232),
        program_1=address_at(data, 264),
        observation=address_at(data, 296),
        status=data[329],
        uncollected_0=(u64_at(data, 341), u64_at(data, 357), u64_at(data, 397)),
        uncollected_1=(u64_at(data, 349), u64_at(data, 365), u64_at(data, 405)),
        open_time=u64_at(data, 373),
        creator_fee_on=data[389],
        creator_fee_enabled=data[390] != 0,
    )
    for program in (state.program_0, state.program_1):
        if program not in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM):
            raise DecodeError(f"{account.address}: unknown token program {program}")
    if state.mint_0 == state.mint_1 or state.vault_0 == state.vault_1:
        raise DecodeError(f"{account.address} trades {state.mint_0} against itself")
    return state


def read_config(account: Account, *, slot: int) -> Config:
    data = account.data
    if account.owner != PROGRAM or data[:8] != AMM_CONFIG or len(data) < CONFIG_BYTES_MIN:
        raise DecodeError(f"{account.address} is no CPMM configuration")
    return Config(
        slot=slot,
        trade_rate=u64_at(data, 12),
        protocol_rate=u64_at(data, 20),
        fund_rate=u64_at(data, 28),
        creator_rate=u64_at(data, 108),
    )


def read_vault(account: Account, *, slot: int, mint: Address) -> Vault:
    vault = read_token_account(account)
    if vault.mint != mint:
        raise DecodeError(f"{account.address} holds {vault.mint}, not {mint}")
    return Vault(slot=slot, amount=vault.amount, frozen=vault.frozen)


def read_mint(account: Account, *, slot: int, program: Address) -> Mint:
    if account.owner != program or not is_mint(account):
        raise DecodeError(f"{account.address} is no mint of {program}")
    return Mint(slot=slot, transfer_fees=read_transfer_fees(account))


def read_swap_event(event: bytes) -> SwapEvent:
    """Transfer fees lie between what the vaults and what the user saw: added on the way in, taken on the way out."""
    if event[:8] != SWAP_EVENT or len(event) < EVENT_BYTES_MIN:
        raise DecodeError(f"no CPMM swap event: {event[:160].hex()}")
    return SwapEvent(
        pool=address_at(event, 8),
        input_mint=address_at(event, 89),
        output_mint=address_at(event, 121),
        sent=u64_at(event, 56) + u64_at(event, 72),
        received=u64_at(event, 64) - u64_at(event, 80),
    )
