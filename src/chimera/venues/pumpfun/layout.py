"""The curve's accounts and its trade event, read. Raises DecodeError for whatever is not what it claims to be.

Accounts only ever grew: a shorter one of a known length reads as if zeros followed, and a longer one's tail is ignored.
Source: the published IDL of the pump program (`idl/pump.json`) and accounts of mainnet.
"""

from functools import lru_cache
from typing import Final

import msgspec

from chimera.domain.chain import Account
from chimera.domain.errors import DecodeError
from chimera.domain.ids import SYSTEM_PROGRAM, WSOL, Address
from chimera.onchain.keys import address_bytes, derived_address
from chimera.onchain.layouts import address_at, discriminator, is_mint, u64_at
from chimera.onchain.pump_fees import fee_config_address
from chimera.venues.pumpfun.curve import Reserves

PROGRAM: Final = Address("6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P")
GLOBAL: Final = derived_address(PROGRAM, b"global")
FEE_CONFIG_ADDRESS: Final = fee_config_address(PROGRAM)

BONDING_CURVE: Final = discriminator("account", "BondingCurve")
GLOBAL_STATE: Final = discriminator("account", "Global")
TRADE_EVENT: Final = discriminator("event", "TradeEvent")

CURVE_BYTES: Final = 125
CURVE_LENGTHS: Final = frozenset({49, 81, 82, 83, 115, 124})
"""What older programs wrote; from 125 on every length is taken, since `extend_account` made 151 of it."""
GLOBAL_BYTES, GLOBAL_BYTES_MIN = 1087, 113  # the first version ended with the fee
EVENT_BYTES_MIN = 225  # up to and with the creator's fee; before creators had one, no known event exists
EVENT_NAME_AT = 258
SHAREHOLDER_BYTES = 34


class Curve(msgspec.Struct, frozen=True):
    """BondingCurve."""

    slot: int
    reserves: Reserves
    complete: bool
    creator: Address
    """The zero key (the system program's address) where there is none: then nobody takes a creator's fee."""
    mayhem: bool
    cashback: bool
    quote_mint: Address
    """wSOL also for curves that trade native SOL, whose account says the zero key."""
    creator_fee_bps: int
    """The coin's own rate, which holds while Global allows it; 0 is none."""


class Global(msgspec.Struct, frozen=True):
    fee_recipients: tuple[Address, ...]
    mayhem_fee_recipients: tuple[Address, ...]
    buyback_fee_recipients: tuple[Address, ...]
    creator_fee_configurable: bool


class Mint(msgspec.Struct, frozen=True):
    slot: int
    program: Address
    supply: int


class TradeEvent(msgspec.Struct, frozen=True):
    """What the program says of a trade."""

    mint: Address
    user: Address
    is_buy: bool
    tokens: int
    quote: int
    """What the curve took or gave, before fees."""
    fees: int


def curve_address(mint: Address) -> Address:
    """Where the curve of a mint lives. There is no way back from the curve to its mint."""
    return derived_address(PROGRAM, b"bonding-curve", address_bytes(mint))


def is_curve(account: Account) -> bool:
    return account.owner == PROGRAM and account.data[:8] == BONDING_CURVE


def read_curve(account: Account, *, slot: int) -> Curve:
    size = len(account.data)
    if not is_curve(account) or size < CURVE_BYTES and size not in CURVE_LENGTHS:
        raise DecodeError(f"{account.address} is no bonding curve: owner {account.owner}, {size} bytes")
    data = account.data.ljust(CURVE_BYTES, b"\0")
    quote_mint = address_at(data, 83)
    return Curve(
        slot=slot,
        reserves=Reserves(u64_at(data, 8), u64_at(data, 16), u64_at(data, 24), u64_at(data, 32)),
        complete=_flag(account.address, data[48]),
        creator=address_at(data, 49),
        mayhem=_flag(account.address, data[81]),
        cashback=_flag(account.address, data[82]),
        quote_mint=WSOL if quote_mint == SYSTEM_PROGRAM else quote_mint,
        creator_fee_bps=u64_at(data, 115),
    )


def read_global(account: Account) -> Global:
    """Every curve follows this one account: equal bytes give one and the same object."""
    if account.owner != PROGRAM:
        raise DecodeError(f"{account.address} is not pump's Global: owner {account.owner}")
    return _global(account.data)


@lru_cache(8)
def _global(data: bytes) -> Global:
    if data[:8] != GLOBAL_STATE or len(data) < GLOBAL_BYTES_MIN:
        raise DecodeError(f"not pump's Global: {len(data)} bytes, {data[:8].hex()}")
    data = data.ljust(GLOBAL_BYTES, b"\0")
    return Global(
        fee_recipients=_addresses(data, 41, *range(162, 386, 32)),
        mayhem_fee_recipients=_addresses(data, 483, *range(516, 740, 32)),
        buyback_fee_recipients=_addresses(data, *range(741, 997, 32)),
        creator_fee_configurable=_flag("Global", data[1045]),
    )


def read_mint(account: Account, *, slot: int) -> Mint:
    if not is_mint(account):
        raise DecodeError(f"{account.address} is no mint")
    return Mint(slot=slot, program=account.owner, supply=u64_at(account.data, 36))


def is_trade_event(event: bytes) -> bool:
    return event[:8] == TRADE_EVENT


def read_trade_event(event: bytes) -> TradeEvent:
    """The trade. Its fees are the larger of what was paid and what cashback gave in place of it."""
    if not is_trade_event(event) or len(event) < EVENT_BYTES_MIN or event[56] > 1:
        raise DecodeError(f"no trade event of pump's: {event[:160].hex()}")
    creator_fee, cashback, quote = u64_at(event, 217), 0, u64_at(event, 40)
    if len(event) >= EVENT_NAME_AT + 4:
        # The tail is of later programs: the instruction's name, cashback, buyback, shareholders, quote.
        at = EVENT_NAME_AT + 4 + int.from_bytes(event[EVENT_NAME_AT : EVENT_NAME_AT + 4], "little")
        cashback = u64_at(event, at + 9)
        at += 33
        if len(event) >= at + 4:
            at += 4 + int.from_bytes(event[at : at + 4], "little") * SHAREHOLDER_BYTES
        if len(event) >= at + 40 and address_at(event, at) not in (SYSTEM_PROGRAM, WSOL):
            quote = u64_at(event, at + 32)
    return TradeEvent(
        mint=address_at(event, 8),
        user=address_at(event, 57),
        is_buy=event[56] == 1,
        tokens=u64_at(event, 48),
        quote=quote,
        fees=u64_at(event, 169) + max(creator_fee, cashback),
    )


def _addresses(data: bytes, *places: int) -> tuple[Address, ...]:
    """Without empty places: nobody may be paid there."""
    found = (address_at(data, at) for at in places)
    return tuple(address for address in found if address != SYSTEM_PROGRAM)


def _flag(whose: str, value: int) -> bool:
    if value > 1:
        raise DecodeError(f"{whose}: a flag of {value}")
    return value == 1
