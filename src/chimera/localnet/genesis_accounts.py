"""Accounts as the real programs lay them out: SPL mints and token accounts, Token-2022 extensions, CPMM pools.

Bytes only; which tokens and pools there are is `genesis`' business. Layouts: spl-token and spl-token-2022
state.rs; raydium-cp-swap states (PoolState 637 bytes, AmmConfig 236, ObservationState 4,075).
Own code rather than the venue's, so that a mistake there is found here and not mirrored.
"""

import hashlib
from math import isqrt

import msgspec

from chimera.domain.ids import (
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    WSOL,
    Address,
)
from chimera.localnet.bank import GenesisAccount
from chimera.onchain.keys import address_bytes, associated_token_address, find_program_address

CPMM = Address("CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C")
LAMPORTS_PER_BYTE = 6_960  # rent exemption: 3,480 a byte and year, two years
ACCOUNT_OVERHEAD_BYTES = 128
LP_LOCKED = 100  # LP tokens that the program counts and never mints
LP_DECIMALS = 9

# AmmConfig 0 of the real program (rates in millionths).
TRADE_FEE_RATE = 2_500
PROTOCOL_FEE_RATE = 120_000
FUND_FEE_RATE = 40_000
CREATE_POOL_FEE = 150_000_000
CREATOR_FEE_RATE = 500

_NO_KEY = bytes(36)
_EXTENSION_TRANSFER_FEE_CONFIG = 1
_EXTENSION_TRANSFER_FEE_AMOUNT = 2
_EXTENSION_IMMUTABLE_OWNER = 7
_EXTENSION_MEMO_TRANSFER = 8
_IS_MINT, _IS_TOKEN_ACCOUNT = b"\x01", b"\x02"


class PoolMint(msgspec.Struct, frozen=True):
    """One side of a pool."""

    mint: Address
    program: Address
    decimals: int
    amount: int
    """In the vault at genesis."""
    extensions: bytes = b""
    """Of the vault."""


class PoolAddresses(msgspec.Struct, frozen=True):
    """Where a pool's accounts are, as the program derives them; sides in the order of their mints."""

    config: Address
    authority: Address
    pool: Address
    vaults: tuple[Address, Address]
    lp_mint: Address
    observation: Address
    mints: tuple[Address, Address]
    programs: tuple[Address, Address]


def rent(size: int) -> int:
    """Lamports that keep an account of that size forever."""
    return (size + ACCOUNT_OVERHEAD_BYTES) * LAMPORTS_PER_BYTE


def purse(address: Address, lamports: int) -> GenesisAccount:
    return GenesisAccount(address, lamports, SYSTEM_PROGRAM)


def mint(
    address: Address,
    *,
    supply: int,
    decimals: int,
    mint_authority: Address | None = None,
    freeze_authority: Address | None = None,
    program: Address = TOKEN_PROGRAM,
    extensions: bytes = b"",
) -> GenesisAccount:
    data = (
        _optional_key(mint_authority)
        + supply.to_bytes(8, "little")
        + bytes((decimals, 1))
        + _optional_key(freeze_authority)
    )
    if extensions:
        data = data.ljust(165, b"\0") + _IS_MINT + extensions
    return GenesisAccount(address, rent(len(data)), program, data)


def token_account(
    address: Address,
    *,
    mint: Address,
    owner: Address,
    amount: int,
    program: Address = TOKEN_PROGRAM,
    extensions: bytes = b"",
) -> GenesisAccount:
    """A token account; one of wSOL holds its amount in lamports too."""
    size = 165 + (1 + len(extensions) if extensions else 0)
    native = mint == WSOL
    data = (
        address_bytes(mint)
        + address_bytes(owner)
        + amount.to_bytes(8, "little")
        + _NO_KEY
        + b"\x01"
        + ((1).to_bytes(4, "little") + rent(size).to_bytes(8, "little") if native else bytes(12))
        + bytes(8)
        + _NO_KEY
    )
    if extensions:
        data += _IS_TOKEN_ACCOUNT + extensions
    return GenesisAccount(address, rent(size) + (amount if native else 0), program, data)


def associated(
    owner: Address, *, mint: Address, amount: int, program: Address, extensions: bytes = b""
) -> GenesisAccount:
    """The owner's associated token account, which for Token-2022 can never change its owner."""
    if program == TOKEN_2022_PROGRAM:
        extensions = _extension(_EXTENSION_IMMUTABLE_OWNER, b"") + extensions
    address = associated_token_address(owner, mint, program)
    return token_account(
        address, mint=mint, owner=owner, amount=amount, program=program, extensions=extensions
    )


def transfer_fee_config(authority: Address, *, bps: int, maximum: int) -> bytes:
    """Mint extension: the same fee in the older and the newer record, so it holds from the first epoch on."""
    record = bytes(8) + maximum.to_bytes(8, "little") + bps.to_bytes(2, "little")
    key = address_bytes(authority)
    return _extension(_EXTENSION_TRANSFER_FEE_CONFIG, key + key + bytes(8) + record + record)


def transfer_fee_amount() -> bytes:
    """Token account extension: what is withheld in it, nothing yet."""
    return _extension(_EXTENSION_TRANSFER_FEE_AMOUNT, bytes(8))


def memo_required() -> bytes:
    """Token account extension: transfers in must follow a memo instruction."""
    return _extension(_EXTENSION_MEMO_TRANSFER, b"\x01")


def amm_config(index: int = 0) -> GenesisAccount:
    """The fee tier; its address is the real one's."""
    address, bump = find_program_address((b"amm_config", index.to_bytes(2, "big")), CPMM)
    rates = (TRADE_FEE_RATE, PROTOCOL_FEE_RATE, FUND_FEE_RATE, CREATE_POOL_FEE)
    owner = address_bytes(_authority()[0])
    data = (
        _discriminator("AmmConfig")
        + bytes((bump, 0))
        + index.to_bytes(2, "little")
        + b"".join(rate.to_bytes(8, "little") for rate in rates)
        + owner
        + owner
        + CREATOR_FEE_RATE.to_bytes(8, "little")
    )
    data = data.ljust(236, b"\0")
    return GenesisAccount(address, rent(len(data)), CPMM, data)


def pool_addresses(one: PoolMint, other: PoolMint) -> PoolAddresses:
    """Where the pool of these two mints is, whichever comes first."""
    first, second = sorted((one, other), key=lambda side: address_bytes(side.mint))
    config = amm_config().address
    mints = (first.mint, second.mint)
    keys = [address_bytes(key) for key in (config, *mints)]
    pool = find_program_address((b"pool", *keys), CPMM)[0]
    key = address_bytes(pool)

    def vault(of: Address) -> Address:
        return find_program_address((b"pool_vault", key, address_bytes(of)), CPMM)[0]

    return PoolAddresses(
        config=config,
        authority=_authority()[0],
        pool=pool,
        vaults=(vault(mints[0]), vault(mints[1])),
        lp_mint=find_program_address((b"pool_lp_mint", key), CPMM)[0],
        observation=find_program_address((b"observation", key), CPMM)[0],
        mints=mints,
        programs=(first.program, second.program),
    )


def pool_accounts(
    one: PoolMint, other: PoolMint, *, creator: Address, burnt: bool = False
) -> list[GenesisAccount]:
    """A pool as `initialize` leaves it behind: state, vaults, LP mint, observation, the creator's LP tokens.

    `burnt`: the creator has burnt these, so nobody can take the liquidity out again.
    """
    sides = sorted((one, other), key=lambda side: address_bytes(side.mint))
    at = pool_addresses(one, other)
    liquidity = isqrt(sides[0].amount * sides[1].amount)
    keys = (at.config, creator, *at.vaults, at.lp_mint, *at.mints, *at.programs, at.observation)
    state = (
        _discriminator("PoolState")
        + b"".join(map(address_bytes, keys))
        + bytes((_authority()[1], 0, LP_DECIMALS, sides[0].decimals, sides[1].decimals))
        + liquidity.to_bytes(8, "little")
    ).ljust(637, b"\0")
    observation = (_discriminator("ObservationState") + bytes(3) + address_bytes(at.pool)).ljust(4_075, b"\0")
    minted = 0 if burnt else liquidity - LP_LOCKED
    return [
        GenesisAccount(at.pool, rent(len(state)), CPMM, state),
        GenesisAccount(at.observation, rent(len(observation)), CPMM, observation),
        mint(at.lp_mint, supply=minted, decimals=LP_DECIMALS, mint_authority=at.authority),
        associated(creator, mint=at.lp_mint, amount=minted, program=TOKEN_PROGRAM),
        *(
            token_account(
                vault,
                mint=side.mint,
                owner=at.authority,
                amount=side.amount,
                program=side.program,
                extensions=side.extensions,
            )
            for vault, side in zip(at.vaults, sides, strict=True)
        ),
    ]


def _authority() -> tuple[Address, int]:
    return find_program_address((b"vault_and_lp_mint_auth_seed",), CPMM)


def _discriminator(name: str) -> bytes:
    """Anchor: the first eight bytes of SHA-256 over `account:Name`."""
    return hashlib.sha256(f"account:{name}".encode()).digest()[:8]


def _extension(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value


def _optional_key(key: Address | None) -> bytes:
    return _NO_KEY if key is None else (1).to_bytes(4, "little") + address_bytes(key)
