"""Raydium CPMM from the side of those who make pools: what genesis holds, and initialize, deposit, withdraw.

Traders' instructions are the venue's business; these are for the world that the embedded chain plays.
Source: the account structs of raydium-cp-swap (`instructions/initialize.rs`, `deposit.rs`, `withdraw.rs`).
"""

import msgspec

from chimera.domain.chain import Account, AccountMeta, InstructionCall
from chimera.domain.ids import (
    ATA_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    WSOL,
    Address,
)
from chimera.onchain.keys import (
    address_bytes,
    associated_token_address,
    derived_address,
    find_program_address,
)
from chimera.onchain.layouts import discriminator

PROGRAM = Address("CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C")
AUTHORITY = Address("GpMZbSM2GgvTKHJirzeGfMFoaZ8UR2X7F4v8vHTvxFbL")
FEE_RECEIVER = Address("DNXgeM9EiiaAbaWvwjHj9fQQLAX5ZsfHyvmYUNRAdNC8")
"""A wSOL account that gets the fee for each new pool; the program wants it there even where the fee is 0."""
RENT_SYSVAR = Address("SysvarRent111111111111111111111111111111111")
MEMO_PROGRAM = Address("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")

LAMPORTS_PER_BYTE = 6_960  # rent-exempt: 3,480 a byte and year, two years
LP_LOCKED = 100  # LP units that exist in a pool's supply but were given to nobody


class Rates(msgspec.Struct, frozen=True):
    """Millionths. The defaults are mainnet's configuration 0 and its creation fee of nothing."""

    trade: int = 2_500
    protocol: int = 120_000
    fund: int = 40_000
    creator: int = 0
    create_pool_lamports: int = 0


class PoolAccounts(msgspec.Struct, frozen=True):
    """Every address that a new pool brings along; mint 0 sorts before mint 1 by its bytes."""

    pool: Address
    amm_config: Address
    mint_0: Address
    mint_1: Address
    program_0: Address
    program_1: Address

    @property
    def lp_mint(self) -> Address:
        return derived_address(PROGRAM, b"pool_lp_mint", address_bytes(self.pool))

    @property
    def vault_0(self) -> Address:
        return derived_address(PROGRAM, b"pool_vault", address_bytes(self.pool), address_bytes(self.mint_0))

    @property
    def vault_1(self) -> Address:
        return derived_address(PROGRAM, b"pool_vault", address_bytes(self.pool), address_bytes(self.mint_1))

    @property
    def observation(self) -> Address:
        return derived_address(PROGRAM, b"observation", address_bytes(self.pool))


def pool_accounts(
    amm_config: Address,
    *,
    mint: Address,
    token_program: Address = TOKEN_PROGRAM,
    quote_mint: Address = WSOL,
    quote_program: Address = TOKEN_PROGRAM,
) -> PoolAccounts:
    """The canonical pool of two mints under a configuration, whichever way round they are given."""
    ends = [(mint, token_program), (quote_mint, quote_program)]
    (mint_0, program_0), (mint_1, program_1) = sorted(ends, key=lambda end: address_bytes(end[0]))
    keys = (address_bytes(amm_config), address_bytes(mint_0), address_bytes(mint_1))
    pool = derived_address(PROGRAM, b"pool", *keys)
    return PoolAccounts(pool, amm_config, mint_0, mint_1, program_0, program_1)


def genesis_accounts(rates: Rates, *, index: int = 0, owner: Address = AUTHORITY) -> tuple[Account, ...]:
    """(configuration, fee receiver): what only Raydium's admin could create, so it is there before the first block."""
    config_address, bump = find_program_address((b"amm_config", index.to_bytes(2, "big")), PROGRAM)
    numbers = (rates.trade, rates.protocol, rates.fund, rates.create_pool_lamports)
    config = b"".join(
        (
            discriminator("account", "AmmConfig"),
            bytes((bump, 0)),  # 0: creating pools is not disabled
            index.to_bytes(2, "little"),
            *(number.to_bytes(8, "little") for number in numbers),
            address_bytes(owner) * 2,
            rates.creator.to_bytes(8, "little"),
            bytes(8 * 15),
        )
    )
    held = (128 + 165) * LAMPORTS_PER_BYTE
    receiver = b"".join(
        (
            address_bytes(WSOL) + address_bytes(owner),
            bytes(8 + 36),  # no tokens, no delegate
            b"\x01",  # initialised
            (1).to_bytes(4, "little") + held.to_bytes(8, "little"),  # native: its rent is not its balance
            bytes(8 + 36),
        )
    )
    return (
        Account(config_address, PROGRAM, (128 + len(config)) * LAMPORTS_PER_BYTE, config),
        Account(FEE_RECEIVER, TOKEN_PROGRAM, held, receiver),
    )


def initialize(
    accounts: PoolAccounts, *, creator: Address, amount_0: int, amount_1: int, open_time: int = 0
) -> InstructionCall:
    """Creates the pool with its first liquidity out of the creator's associated accounts.

    He gets sqrt(amount_0 * amount_1) LP units less `LP_LOCKED`. Swaps open one second after the block at the earliest.
    """
    metas = (
        AccountMeta(creator, is_signer=True, is_writable=True),
        _read(accounts.amm_config),
        _read(AUTHORITY),
        _write(accounts.pool),
        _read(accounts.mint_0),
        _read(accounts.mint_1),
        _write(accounts.lp_mint),
        _write(_held(creator, accounts.mint_0, accounts.program_0)),
        _write(_held(creator, accounts.mint_1, accounts.program_1)),
        _write(_held(creator, accounts.lp_mint, TOKEN_PROGRAM)),
        _write(accounts.vault_0),
        _write(accounts.vault_1),
        _write(FEE_RECEIVER),
        _write(accounts.observation),
        _read(TOKEN_PROGRAM),
        _read(accounts.program_0),
        _read(accounts.program_1),
        _read(ATA_PROGRAM),
        _read(SYSTEM_PROGRAM),
        _read(RENT_SYSVAR),
    )
    return InstructionCall(PROGRAM, metas, _data("initialize", amount_0, amount_1, open_time))


def deposit(
    accounts: PoolAccounts, *, owner: Address, lp_amount: int, amount_0_max: int, amount_1_max: int
) -> InstructionCall:
    """Adds liquidity for exactly `lp_amount` LP units."""
    return _liquidity("deposit", accounts, owner, (lp_amount, amount_0_max, amount_1_max))


def withdraw(
    accounts: PoolAccounts, *, owner: Address, lp_amount: int, amount_0_min: int = 0, amount_1_min: int = 0
) -> InstructionCall:
    """Takes the share of exactly `lp_amount` LP units out."""
    return _liquidity("withdraw", accounts, owner, (lp_amount, amount_0_min, amount_1_min))


def _liquidity(
    name: str, accounts: PoolAccounts, owner: Address, numbers: tuple[int, int, int]
) -> InstructionCall:
    metas: tuple[AccountMeta, ...] = (
        AccountMeta(owner, is_signer=True, is_writable=False),
        _read(AUTHORITY),
        _write(accounts.pool),
        _write(_held(owner, accounts.lp_mint, TOKEN_PROGRAM)),
        _write(_held(owner, accounts.mint_0, accounts.program_0)),
        _write(_held(owner, accounts.mint_1, accounts.program_1)),
        _write(accounts.vault_0),
        _write(accounts.vault_1),
        _read(TOKEN_PROGRAM),
        _read(TOKEN_2022_PROGRAM),
        _read(accounts.mint_0),
        _read(accounts.mint_1),
        _write(accounts.lp_mint),
    )
    if name == "withdraw":
        metas += (_read(MEMO_PROGRAM),)
    return InstructionCall(PROGRAM, metas, _data(name, *numbers))


def _data(name: str, *numbers: int) -> bytes:
    return discriminator("global", name) + b"".join(number.to_bytes(8, "little") for number in numbers)


def _held(owner: Address, mint: Address, program: Address) -> Address:
    return associated_token_address(owner=owner, mint=mint, token_program=program)


def _read(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


def _write(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)
