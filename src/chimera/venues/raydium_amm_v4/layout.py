"""AMM V4's accounts, read. Raises DecodeError for whatever is not what it claims to be.

Facts: the published source of raydium-amm (`state.rs`: AmmInfo, packed, all numbers u64), and accounts of the real
program. The pool has no discriminator: owner and exact length tell it, and the program itself takes no other length.
"""

from typing import Final

import msgspec

from chimera.domain.chain import Account
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_PROGRAM, Address
from chimera.onchain.layouts import address_at, read_token_account, u64_at

PROGRAM: Final = Address("675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8")
AUTHORITY: Final = Address("5Q544fKrFoe6tsEbD7S8EmxGTJYAKtTVhAW5Q5pge4j1")
"""The PDA of `amm authority`: one owner for every pool's vaults."""

POOL_BYTES = 752

STATUS_NAMES = (
    "uninitialized", "initialized", "disabled", "withdraw only", "liquidity only", "order book only", "swap only",
    "waiting for its open time",
)  # fmt: skip
"""AmmStatus by number; the program panics on a higher one."""


class State(msgspec.Struct, frozen=True):
    """The pool's own account. `coin` and `pc` are the program's words for base and quote."""

    slot: int
    status: int
    fee_numerator: int
    fee_denominator: int
    coin_owed: int
    """Profit of the protocol that still lies in the vault and is no one's to trade against (need_take_pnl_coin)."""
    pc_owed: int
    open_time: int
    """Unix seconds; only looked at while the pool waits for it."""
    coin_vault: Address
    pc_vault: Address
    coin_mint: Address
    pc_mint: Address
    lp_mint: Address
    open_orders: Address
    market: Address
    market_program: Address
    target_orders: Address


class Vault(msgspec.Struct, frozen=True):
    slot: int
    amount: int
    frozen: bool


def is_pool(account: Account) -> bool:
    return account.owner == PROGRAM and len(account.data) == POOL_BYTES


def read_state(account: Account, *, slot: int) -> State:
    data = account.data
    if not is_pool(account):
        raise DecodeError(f"{account.address} is no AMM V4 pool: owner {account.owner}, {len(data)} bytes")
    state = State(
        slot=slot,
        status=u64_at(data, 0),
        fee_numerator=u64_at(data, 176),
        fee_denominator=u64_at(data, 184),
        coin_owed=u64_at(data, 192),
        pc_owed=u64_at(data, 200),
        open_time=u64_at(data, 224),
        coin_vault=address_at(data, 336),
        pc_vault=address_at(data, 368),
        coin_mint=address_at(data, 400),
        pc_mint=address_at(data, 432),
        lp_mint=address_at(data, 464),
        open_orders=address_at(data, 496),
        market=address_at(data, 528),
        market_program=address_at(data, 560),
        target_orders=address_at(data, 592),
    )
    if state.status >= len(STATUS_NAMES):
        raise DecodeError(f"{account.address}: unknown status {state.status}")
    if state.coin_mint == state.pc_mint or state.coin_vault == state.pc_vault:
        raise DecodeError(f"{account.address} trades {state.coin_mint} against itself")
    return state


def read_vault(account: Account, *, slot: int, mint: Address) -> Vault:
    vault = read_token_account(account)
    if vault.program != TOKEN_PROGRAM:
        raise DecodeError(
            f"{account.address} is of {vault.program}: AMM V4 knows the older token program only"
        )
    if vault.mint != mint:
        raise DecodeError(f"{account.address} holds {vault.mint}, not {mint}")
    return Vault(slot=slot, amount=vault.amount, frozen=vault.frozen)
