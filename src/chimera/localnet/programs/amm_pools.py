"""Raydium AMM V4 pools as they lie at genesis: the pool, its vaults, its LP mint and the orders that it no longer has.

Nobody makes such pools on the embedded chain; the world starts with them, and may take its liquidity out again.
Traders' instructions are the venue's business. Must not know the chain that holds the accounts.
Source: raydium-amm `state.rs` (AmmInfo and TargetOrders, with what `initialize` writes), its seeds, `instruction.rs`.
"""

from math import isqrt

import msgspec

from chimera.domain.chain import Account, AccountMeta, InstructionCall
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Address
from chimera.onchain.keys import address_bytes, associated_token_address, derived_address

PROGRAM = Address("675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8")
AUTHORITY = Address("5Q544fKrFoe6tsEbD7S8EmxGTJYAKtTVhAW5Q5pge4j1")
AUTHORITY_NONCE = 254
MARKET_PROGRAM = Address("srmqPvymJeFKQ4zGQed1GFppgkRHL9kaELCbyksJtPX")

LAMPORTS_PER_BYTE = 6_960  # rent-exempt: 3,480 a byte and year, two years
POOL_BYTES, ORDERS_BYTES = 752, 2_208
WITHDRAW_ONLY, SWAP_ONLY, WAITING_TRADE = 3, 6, 7
WITHDRAW = 4  # the instruction's tag
IDLE = 1


class Side(msgspec.Struct, frozen=True):
    mint: Address
    decimals: int
    amount: int
    """In the vault."""


class PoolAccounts(msgspec.Struct, frozen=True):
    """Every address that a pool brings along; all follow from its market."""

    market: Address

    def _derived(self, seed: bytes) -> Address:
        return derived_address(PROGRAM, address_bytes(PROGRAM), address_bytes(self.market), seed)

    @property
    def pool(self) -> Address:
        return self._derived(b"amm_associated_seed")

    @property
    def coin_vault(self) -> Address:
        return self._derived(b"coin_vault_associated_seed")

    @property
    def pc_vault(self) -> Address:
        return self._derived(b"pc_vault_associated_seed")

    @property
    def lp_mint(self) -> Address:
        return self._derived(b"lp_mint_associated_seed")

    @property
    def open_orders(self) -> Address:
        return self._derived(b"open_order_associated_seed")

    @property
    def target_orders(self) -> Address:
        return self._derived(b"target_associated_seed")


def lp_units(coin: Side, pc: Side) -> int:
    """LP units of a new pool; the mint's supply lacks one whole token of them, which nobody gets."""
    return isqrt(coin.amount * pc.amount)


def genesis_accounts(
    accounts: PoolAccounts,
    *,
    coin: Side,
    pc: Side,
    fee: tuple[int, int] = (25, 10_000),
    status: int = SWAP_ONLY,
    open_time: int = 0,
) -> tuple[Account, ...]:
    """Pool, vaults, LP mint and target orders, as `initialize2` leaves them. The LP units are for genesis to give."""
    unit = 10 ** max(coin.decimals, pc.decimals)
    pool = _numbers(
        status, AUTHORITY_NONCE, 7, 3, coin.decimals, pc.decimals, IDLE, 1, 0, 500, unit * 5 // 1_000, 0, 0, 1,
        1_000_000_000, unit,
    )  # fmt: skip
    pool += _numbers(5, 10_000, 25, 10_000, 12, 100, *fee)
    pool += _numbers(0, 0, 0, 0, open_time).ljust(336 - 192, b"\0")
    pool += b"".join(
        map(
            address_bytes,
            (
                accounts.coin_vault, accounts.pc_vault, coin.mint, pc.mint, accounts.lp_mint, accounts.open_orders,
                accounts.market, MARKET_PROGRAM, accounts.target_orders,
            ),
        )
    )  # fmt: skip
    pool += bytes(64) + address_bytes(AUTHORITY) + _numbers(lp_units(coin, pc), 0, 0, 0)
    pnl = (side.amount * unit // 10**side.decimals for side in (pc, coin))
    orders = address_bytes(accounts.pool).ljust(1_024, b"\0") + b"".join(
        n.to_bytes(16, "little") for n in pnl
    )
    orders = orders.ljust(ORDERS_BYTES - 16, b"\0") + b"\xff" * 16
    locked = 10**coin.decimals
    lp = _lp_mint(max(lp_units(coin, pc) - locked, 0), coin.decimals)
    return (
        Account(accounts.pool, PROGRAM, _rent(POOL_BYTES), pool),
        _vault(accounts.coin_vault, coin),
        _vault(accounts.pc_vault, pc),
        Account(accounts.lp_mint, TOKEN_PROGRAM, _rent(len(lp)), lp),
        Account(accounts.target_orders, PROGRAM, _rent(ORDERS_BYTES), orders),
    )


def withdraw(
    accounts: PoolAccounts,
    *,
    owner: Address,
    coin_mint: Address,
    pc_mint: Address,
    lp_amount: int,
    coin_min: int = 0,
    pc_min: int = 0,
) -> InstructionCall:
    """Takes the share of exactly `lp_amount` LP units out, into the owner's associated accounts."""
    metas = (
        AccountMeta(TOKEN_PROGRAM, is_signer=False, is_writable=False),
        _write(accounts.pool),
        AccountMeta(AUTHORITY, is_signer=False, is_writable=False),
        _write(accounts.target_orders),
        _write(accounts.lp_mint),
        _write(accounts.coin_vault),
        _write(accounts.pc_vault),
        *(_write(associated_token_address(owner, mint)) for mint in (accounts.lp_mint, coin_mint, pc_mint)),
        AccountMeta(owner, is_signer=True, is_writable=False),
    )
    return InstructionCall(PROGRAM, metas, bytes((WITHDRAW,)) + _numbers(lp_amount, coin_min, pc_min))


def _write(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)


def _vault(address: Address, side: Side) -> Account:
    native = side.mint == WSOL
    data = b"".join(
        (
            address_bytes(side.mint) + address_bytes(AUTHORITY) + _numbers(side.amount),
            bytes(36),  # no delegate
            b"\x01",  # initialised
            (1).to_bytes(4, "little") + _numbers(_rent(165)) if native else bytes(12),
            bytes(8 + 36),
        )
    )
    return Account(address, TOKEN_PROGRAM, _rent(165) + side.amount * native, data)


def _lp_mint(supply: int, decimals: int) -> bytes:
    authority = (1).to_bytes(4, "little") + address_bytes(AUTHORITY)
    return authority + _numbers(supply) + bytes((decimals, 1)) + bytes(36)


def _numbers(*values: int) -> bytes:
    return b"".join(value.to_bytes(8, "little") for value in values)


def _rent(size: int) -> int:
    return (128 + size) * LAMPORTS_PER_BYTE
