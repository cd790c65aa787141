"""What can be said of a token from its trades: bars, windows, holders. Integers throughout.

A price is in lamports for 10^12 base units of the token, rounded down: fine enough for a coin of which a SOL buys
billions, and an integer. Trades against USDC count with what USDC was worth in SOL then.
"""

from enum import StrEnum

import msgspec

from chimera.domain.ids import Address, Slot

PRICE_UNITS = 10**12
"""Base units that a price is for."""


class BarKind(StrEnum):
    TIME = "time"
    """Of so many milliseconds."""
    TRADES = "trades"
    """Of so many trades."""
    VOLUME = "volume"
    """Of at least so many lamports."""


class Bar(msgspec.Struct, frozen=True):
    """Open, high, low, close of prices, and what was traded."""

    start_ms: int
    end_ms: int
    """Time bars: when it closed, not part of it. Others: time of the last trade, part of it."""
    open: int
    high: int
    low: int
    close: int
    lamports: int
    """Traded, both sides together."""
    buy_lamports: int
    tokens: int
    trades: int


class Window(msgspec.Struct, frozen=True):
    """What happened to a token in the last so many milliseconds."""

    span_ms: int
    trades: int
    buys: int
    buy_lamports: int
    sell_lamports: int
    buyers: int
    """Different wallets that bought."""
    traders: int
    largest_lamports: int
    """What the wallet traded that traded most."""
    small_trades: int
    """Below the extractor's `small_lamports`."""
    repeaters: int
    """Wallets that traded at least four times."""
    high: int
    low: int
    first_price: int
    last_price: int
    whole: bool = True
    """False where the token traded so much that older trades of this window had to be forgotten."""

    @property
    def net_lamports(self) -> int:
        """Inflow: bought less sold."""
        return self.buy_lamports - self.sell_lamports

    @property
    def lamports(self) -> int:
        return self.buy_lamports + self.sell_lamports

    @property
    def buy_bps(self) -> int:
        """Share of the trades that bought, rounded down; 0 where there was none."""
        return self.buys * 10_000 // self.trades if self.trades else 0

    @property
    def rise_bps(self) -> int:
        """From the first price of the window to the last, rounded down."""
        return (self.last_price - self.first_price) * 10_000 // self.first_price if self.first_price else 0


class TokenSeen(msgspec.Struct, frozen=True):
    """A token's life as far as its trades told of it."""

    mint: Address
    first_ms: int
    first_slot: Slot
    """Of the first trade or pool that was seen."""
    trades: int
    price: int
    """Of the last trade."""
    last_ms: int
    creator: Address | None
    """Who bought first, in the slot in which its first pool appeared; None where that was not seen."""
    creator_bought: int
    """Base units."""
    creator_sold: int
    holders: int
    """Wallets that were seen to buy and have not sold it all."""
    holdings_top: tuple[int, ...]
    """Shares, in bps of all that was bought and not sold, of the largest wallets seen; up to three, rounded up."""
