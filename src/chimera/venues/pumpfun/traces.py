"""What a trade leaves behind in a curve, and how that is written into its account.

For replays of a market with trades that were not there. Knows reserves and bytes; no fees' recipients, no time.
"""

from typing import Final

import msgspec

from chimera.domain.chain import Account
from chimera.domain.units import U64_MAX
from chimera.venues.pumpfun.curve import Reserves, Trade

RESERVES: Final = slice(8, 40)
"""Of the curve's account: virtual tokens, virtual quote, real tokens, real quote, each a u64."""


def after(reserves: Reserves, trade: Trade, *, buys: bool) -> Reserves:
    """Fees are paid beside the curve and stay out of it."""
    tokens, quote = (-trade.tokens, trade.quote) if buys else (trade.tokens, -trade.quote)
    return Reserves(
        reserves.virtual_tokens + tokens,
        reserves.virtual_quote + quote,
        reserves.real_tokens + tokens,
        reserves.real_quote + quote,
    )


def shifted(reserves: Reserves, *, by: Reserves, than: Reserves) -> Reserves | None:
    """None where a side that prices would be empty; of the real ones there is never less than nothing."""
    moved = [
        one + other - third
        for one, other, third in zip(
            *(msgspec.structs.astuple(known) for known in (reserves, by, than)), strict=True
        )
    ]
    if min(moved[:2]) <= 0 or max(moved) > U64_MAX:
        return None
    return Reserves(moved[0], moved[1], max(moved[2], 0), max(moved[3], 0))


def written(account: Account, reserves: Reserves) -> Account:
    data = bytearray(account.data)
    data[RESERVES] = b"".join(value.to_bytes(8, "little") for value in msgspec.structs.astuple(reserves))
    return msgspec.structs.replace(account, data=bytes(data))
