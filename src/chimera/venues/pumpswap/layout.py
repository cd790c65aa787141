"""PumpSwap's accounts and events, read. Raises DecodeError for whatever is not what it claims to be.

Accounts only ever grew: a shorter one of a known length reads as if zeros followed, and a longer one's tail is ignored.
Source: the published IDL of pump-amm (`idl/pump_amm.json`) and accounts of mainnet.
"""

from functools import lru_cache
from typing import Final

import msgspec

from chimera.domain.chain import Account
from chimera.domain.errors import DecodeError
from chimera.domain.ids import SYSTEM_PROGRAM, Address
from chimera.onchain.keys import address_bytes, derived_address
from chimera.onchain.layouts import (
    address_at,
    discriminator,
    extensions,
    is_mint,
    read_token_account,
    u64_at,
)
from chimera.onchain.pump_fees import fee_config_address

PROGRAM: Final = Address("pAMMBay6oceH9fJKBRHGP5D4bD4sWpmSwMn52FMfXEA")
CURVE_PROGRAM: Final = Address("6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P")
"""Whose pool authority creates the canonical pools: the ones that a bonding curve migrated into."""
GLOBAL_CONFIG: Final = derived_address(PROGRAM, b"global_config")
FEE_CONFIG_ADDRESS: Final = fee_config_address(PROGRAM)

POOL: Final = discriminator("account", "Pool")
GLOBAL_CONFIG_STATE: Final = discriminator("account", "GlobalConfig")
BUY_EVENT: Final = discriminator("event", "BuyEvent")
SELL_EVENT: Final = discriminator("event", "SellEvent")

POOL_BYTES: Final = 270
POOL_LENGTHS: Final = frozenset({211, 243, 244, 245, 261})
"""What older programs wrote; from 270 on every length is taken, since `extend_account` made 300 and more of it."""
GLOBAL_CONFIG_BYTES, GLOBAL_CONFIG_BYTES_MIN = 949, 313  # the first version ended with the fee recipients
EVENT_BYTES_MIN = 184  # up to and with the user; all that came later came behind

TRANSFER_FEE_AMOUNT: Final = 2
"""The extension that a token account has whose mint may take a fee of transfers."""


class State(msgspec.Struct, frozen=True):
    """The pool's own account."""

    slot: int
    creator: Address
    base_mint: Address
    quote_mint: Address
    base_vault: Address
    quote_vault: Address
    coin_creator: Address
    """The zero key (the system program's address) where there is none: then nobody takes a creator's fee."""
    mayhem: bool
    cashback: bool
    virtual_quote: int
    """Added to the quote vault to price a trade; may be negative."""
    creator_fee_bps: int
    """The coin's own rate, which holds while GlobalConfig allows it; 0 is none."""
    canonical: bool
    """Whether a bonding curve migrated into it: only then do the tiers hold."""


class GlobalConfig(msgspec.Struct, frozen=True):
    disable_flags: int
    """Bits that forbid: 1 create_pool, 2 deposit, 4 withdraw, 8 buy, 16 sell."""
    fee_recipients: tuple[Address, ...]
    mayhem_fee_recipients: tuple[Address, ...]
    buyback_fee_recipients: tuple[Address, ...]
    creator_fee_configurable: bool


class Vault(msgspec.Struct, frozen=True):
    slot: int
    program: Address
    amount: int
    frozen: bool
    takes_fee: bool
    """Whether the mint may take a fee of transfers, which PumpSwap's arithmetic does not know."""


class Mint(msgspec.Struct, frozen=True):
    slot: int
    supply: int


class SwapEvent(msgspec.Struct, frozen=True):
    """What the program says of a buy or a sale; the quote is the user's own, fees included or taken off."""

    pool: Address
    user: Address
    is_buy: bool
    base: int
    quote: int


def is_pool(account: Account) -> bool:
    return account.owner == PROGRAM and account.data[:8] == POOL


def read_state(account: Account, *, slot: int) -> State:
    size = len(account.data)
    if not is_pool(account) or size < POOL_BYTES and size not in POOL_LENGTHS:
        raise DecodeError(f"{account.address} is no PumpSwap pool: owner {account.owner}, {size} bytes")
    data = account.data.ljust(POOL_BYTES, b"\0")
    creator, base_mint = address_at(data, 11), address_at(data, 43)
    if data[43:75] == data[75:107] or data[139:171] == data[171:203]:
        raise DecodeError(f"{account.address} trades {base_mint} against itself")
    return State(
        slot=slot,
        creator=creator,
        base_mint=base_mint,
        quote_mint=address_at(data, 75),
        base_vault=address_at(data, 139),
        quote_vault=address_at(data, 171),
        coin_creator=address_at(data, 211),
        mayhem=_flag(account.address, data[243]),
        cashback=_flag(account.address, data[244]),
        virtual_quote=int.from_bytes(data[245:261], "little", signed=True),
        creator_fee_bps=u64_at(data, 261),
        canonical=creator == derived_address(CURVE_PROGRAM, b"pool-authority", address_bytes(base_mint)),
    )


def read_global_config(account: Account) -> GlobalConfig:
    """Every pool follows this one account: equal bytes give one and the same object."""
    if account.owner != PROGRAM:
        raise DecodeError(f"{account.address} is not PumpSwap's configuration: owner {account.owner}")
    return _global_config(account.data)


@lru_cache(8)
def _global_config(data: bytes) -> GlobalConfig:
    if data[:8] != GLOBAL_CONFIG_STATE or len(data) < GLOBAL_CONFIG_BYTES_MIN:
        raise DecodeError(f"not PumpSwap's configuration: {len(data)} bytes, {data[:8].hex()}")
    data = data.ljust(GLOBAL_CONFIG_BYTES, b"\0")
    return GlobalConfig(
        disable_flags=data[56],
        fee_recipients=_addresses(data, range(57, 313, 32)),
        mayhem_fee_recipients=_addresses(data, (385, *range(418, 642, 32))),
        buyback_fee_recipients=_addresses(data, range(643, 899, 32)),
        creator_fee_configurable=_flag("GlobalConfig", data[940]),
    )


def read_vault(account: Account, *, slot: int, mint: Address) -> Vault:
    vault = read_token_account(account)
    if vault.mint != mint:
        raise DecodeError(f"{account.address} holds {vault.mint}, not {mint}")
    return Vault(
        slot=slot,
        program=vault.program,
        amount=vault.amount,
        frozen=vault.frozen,
        takes_fee=TRANSFER_FEE_AMOUNT in extensions(account),
    )


def read_mint(account: Account, *, slot: int) -> Mint:
    if not is_mint(account):
        raise DecodeError(f"{account.address} is no mint")
    return Mint(slot=slot, supply=u64_at(account.data, 36))


def is_swap_event(event: bytes) -> bool:
    return event[:8] in (BUY_EVENT, SELL_EVENT)


def read_swap_event(event: bytes) -> SwapEvent:
    """Both kinds have the same shape as far as we read them."""
    if not is_swap_event(event) or len(event) < EVENT_BYTES_MIN:
        raise DecodeError(f"no swap event of PumpSwap's: {event[:184].hex()}")
    return SwapEvent(
        pool=address_at(event, 120),
        user=address_at(event, 152),
        is_buy=event[:8] == BUY_EVENT,
        base=u64_at(event, 16),
        quote=u64_at(event, 112),
    )


def _addresses(data: bytes, places: tuple[int, ...] | range) -> tuple[Address, ...]:
    """Without empty places: nobody may be paid there."""
    found = (address_at(data, at) for at in places)
    return tuple(address for address in found if address != SYSTEM_PROGRAM)


def _flag(whose: str, value: int) -> bool:
    if value > 1:
        raise DecodeError(f"{whose}: a flag of {value}")
    return value == 1
