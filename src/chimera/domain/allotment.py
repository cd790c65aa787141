"""Portfolios: whose the results of the one wallet are, by strategy or by copied wallet, in hundredths of a percent.

A portfolio holds no money of its own and steers no trade. A round trip belongs to portfolios by what was allotted at
the moment it was opened, and stays theirs; what is allotted to nobody is the house's own.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from chimera.domain.ids import Address
from chimera.domain.units import BPS, mul_div_ceil, mul_div_floor

NAME_LENGTH_MAX = 80
ALLOTMENTS_MAX = 50  # of one portfolio: more is another portfolio
PORTFOLIOS_MAX = 500  # open ones of a house


class AllottedBy(StrEnum):
    STRATEGY = "strategy"
    WALLET = "wallet"
    """Of round trips that copy it; goes before what is allotted of their strategy."""


class Allotment(msgspec.Struct, frozen=True):
    by: AllottedBy
    of: str
    """The strategy's name, or the wallet's address."""
    share_bps: int
    """Of every round trip's result: 1 to 10,000."""


class Portfolio(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    owner: str
    """Identifier of the person, as API keys and logins name him."""
    name: str
    allotments: tuple[Allotment, ...]
    closed: bool = False
    """Nothing new comes in; what it was given stays its own."""


def shares_of(
    portfolios: Iterable[Portfolio], *, strategy: str, wallet: Address | None
) -> tuple[tuple[str, int], ...]:
    """(portfolio, share in bps) of a round trip that is opened now; sums to 10,000 or less, the rest is the house's."""
    by_wallet: dict[str, int] = {}
    by_strategy: dict[str, int] = {}
    for portfolio in portfolios:
        if portfolio.closed:
            continue
        for one in portfolio.allotments:
            if one.by is AllottedBy.WALLET and one.of == wallet:
                by_wallet[portfolio.id] = one.share_bps
            elif one.by is AllottedBy.STRATEGY and one.of == strategy:
                by_strategy[portfolio.id] = one.share_bps
    return tuple((by_wallet or by_strategy).items())


def free_bps(portfolios: Iterable[Portfolio], *, by: AllottedBy, of: str) -> int:
    """What is left to allot of a strategy or a wallet."""
    return BPS - sum(
        one.share_bps
        for portfolio in portfolios
        if not portfolio.closed
        for one in portfolio.allotments
        if (one.by, one.of) == (by, of)
    )


def part_of(amount: int, share_bps: int) -> int:
    """A share of a profit or of what came back, rounded down, of a loss too: parts never sum to more than the whole."""
    return mul_div_floor(amount, share_bps, BPS)


def cost_part_of(amount: int, share_bps: int) -> int:
    """A share of what was paid, rounded up."""
    return mul_div_ceil(amount, share_bps, BPS)
