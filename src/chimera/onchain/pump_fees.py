"""The fee schedule that the pump.fun curve and PumpSwap share: an account of a third program, and how it is read.

Both charge what pump-fees says: market-cap tiers for canonical coins quoted in SOL, other tiers for USDC, one flat
schedule for other quotes, and the plain flat fees for pools that no curve migrated into. Must not know either venue.
Source: the published IDL of pump-fees, and the pump SDKs' tests of its lengths.
"""

from functools import lru_cache
from typing import Final

import msgspec

from chimera.domain.chain import Account
from chimera.domain.errors import DecodeError
from chimera.domain.ids import SYSTEM_PROGRAM, USDC, WSOL, Address
from chimera.onchain.keys import address_bytes, derived_address
from chimera.onchain.layouts import discriminator, u64_at, u128_at

PROGRAM: Final = Address("pfeeUxB6jkeY1Hxd7CsFCAjcbHA9rWtchMGdZ6VojVZ")
FEE_CONFIG: Final = discriminator("account", "FeeConfig")

NATIVE_MINT_2022: Final = Address("9pan9bMn5HatX4EJdBwg9VgCa7Uz5HL8N1m5D3NdXejP")
SOL_LIKE: Final = frozenset({SYSTEM_PROGRAM, WSOL, NATIVE_MINT_2022})
"""Quote mints of the SOL tiers; curves write the zero key for SOL, which is the system program's address."""
STABLE: Final = frozenset({USDC})
"""Quote mints of the stable tiers: hard-coded in the program too."""

FIRST_LAYOUT, WITH_STABLE, WITH_EXOTIC = 2512, 4073, 4097  # bytes; the length alone tells the version
FLAT_AT, TIERS_AT = 41, 65
FEES_BYTES, TIER_BYTES = 24, 40
TIERS_MAX = 50  # the program never writes more


class Fees(msgspec.Struct, frozen=True):
    """Hundredths of a percent, each rounded up on its own."""

    lp_bps: int
    protocol_bps: int
    creator_bps: int

    @property
    def total_bps(self) -> int:
        return self.lp_bps + self.protocol_bps + self.creator_bps


class Tier(msgspec.Struct, frozen=True):
    market_cap_min: int
    """In the quote's base units."""
    fees: Fees


class FeeConfig(msgspec.Struct, frozen=True):
    flat: Fees
    tiers: tuple[Tier, ...]
    stable_tiers: tuple[Tier, ...]
    """Empty in layouts that lack them: such an account charges the SOL tiers."""
    exotic: Fees
    """All zero where unset: then the flat fees hold."""

    def fees(self, *, canonical: bool, quote_mint: Address, market_cap: int) -> Fees | None:
        """What a trade pays; None where the schedule that it would need is empty.

        Canonical: on a curve, or in the pool that a curve migrated into.
        """
        if not canonical:
            return self.flat
        if quote_mint in SOL_LIKE:
            return _tier(self.tiers, market_cap)
        if quote_mint in STABLE:
            return _tier(self.stable_tiers or self.tiers, market_cap)
        return self.exotic if self.exotic != NO_FEES else self.flat


NO_FEES: Final = Fees(0, 0, 0)


def fee_config_address(program: Address) -> Address:
    """The schedule of one program: each has its own account, of the same shape."""
    return derived_address(PROGRAM, b"fee_config", address_bytes(program))


def read_fee_config(account: Account) -> FeeConfig:
    """The schedule; raises DecodeError for what the fee program could not have written.

    Thousands of pools follow one account: equal bytes give one and the same object.
    """
    if account.owner != PROGRAM:
        raise DecodeError(f"{account.address} is no fee schedule: owner {account.owner}")
    return _parse(account.data)


@lru_cache(8)
def _parse(data: bytes) -> FeeConfig:
    if data[:8] != FEE_CONFIG or len(data) < FIRST_LAYOUT:
        raise DecodeError(f"no fee schedule: {len(data)} bytes, {data[:8].hex()}")
    tiers, end = _tiers(data, TIERS_AT)
    stable: tuple[Tier, ...] = ()
    if len(data) >= WITH_STABLE:
        stable, end = _tiers(data, end)
    return FeeConfig(
        flat=_fees(data, FLAT_AT),
        tiers=tiers,
        stable_tiers=stable,
        exotic=_fees(data, end) if len(data) >= WITH_EXOTIC else NO_FEES,
    )


def _tiers(data: bytes, at: int) -> tuple[tuple[Tier, ...], int]:
    """A vector of tiers, and where it ends."""
    count = int.from_bytes(data[at : at + 4], "little")
    start, end = at + 4, at + 4 + count * TIER_BYTES
    if count > TIERS_MAX or end + FEES_BYTES > len(data):
        raise DecodeError(f"a fee schedule with {count} tiers in {len(data)} bytes")
    places = range(start, end, TIER_BYTES)
    return tuple(Tier(u128_at(data, place), _fees(data, place + 16)) for place in places), end


def _fees(data: bytes, at: int) -> Fees:
    return Fees(u64_at(data, at), u64_at(data, at + 8), u64_at(data, at + 16))


def _tier(tiers: tuple[Tier, ...], market_cap: int) -> Fees | None:
    """The last tier that the market cap reaches, else the first: the program searches from the end."""
    for tier in reversed(tiers):
        if market_cap >= tier.market_cap_min:
            return tier.fees
    return tiers[0].fees if tiers else None
