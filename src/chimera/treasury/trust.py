"""How far a trader can be trusted, 0 to 10,000, from his own daily figures (SPEC RB-06). Floats, which only suggest.

The documented formula, 0.40 Sharpe + 0.15 ROI - 0.45 drawdown on figures between 0 and 1, ends at 0.55, while the
documented thresholds begin at 0.70: it is divided by 0.55, so that the best of all figures makes 10,000.
"""

import math
from collections.abc import Sequence

import msgspec

from chimera.domain.allocation import Profile, RankedTrader, Ranking
from chimera.domain.ids import Address

DAYS = 90
TRADES_MIN = 50
SPIKE = 0.5  # more on one day is luck, or not his own
SHARPE, ROI, DRAWDOWN = 0.40, 0.15, 0.45
WHOLE = 10_000

THRESHOLDS = {Profile.CONSERVATIVE: 9_500, Profile.BALANCED: 9_000, Profile.AGGRESSIVE: 8_500}
"""Trust must be above it."""


class Figures(msgspec.Struct, frozen=True):
    """One trader's record."""

    trader: Address
    daily: tuple[float, ...]
    """Return of each day, oldest first: 0.01 is one percent."""
    trades: int
    weights_bps: dict[Address, int]


def eligible(one: Figures) -> str | None:
    """Why he is not ranked, or None."""
    if len(one.daily) < DAYS:
        return f"{len(one.daily)} days of history, at least {DAYS}"
    if one.trades < TRADES_MIN:
        return f"{one.trades} trades, at least {TRADES_MIN}"
    if not all(math.isfinite(day) and day > -1 for day in one.daily):
        return "a day that lost everything, or is no number"
    spike = max(abs(day) for day in one.daily[-DAYS:])
    if spike > SPIKE:
        return f"a day of {spike:.0%}, at most {SPIKE:.0%}"
    return None


def ranked(figures: Sequence[Figures], *, at_ms: int) -> Ranking:
    """Those who can be ranked, the most trusted first; each measured against all the others."""
    able = [one for one in figures if eligible(one) is None]
    sharpes = _normalised([sharpe(one.daily[-DAYS:]) for one in able])
    rois = _normalised([roi(one.daily[-DAYS:]) for one in able])
    drawdowns = _normalised([drawdown(one.daily[-DAYS:]) for one in able])
    scored = [
        RankedTrader(one.trader, score(sharpes[place], rois[place], drawdowns[place]), one.weights_bps)
        for place, one in enumerate(able)
    ]
    return Ranking(at_ms, tuple(sorted(scored, key=lambda one: (-one.trust, one.trader))))


def score(sharpe_share: float, roi_share: float, drawdown_share: float) -> int:
    """Each between 0 and 1; rounded down."""
    raw = SHARPE * sharpe_share + ROI * roi_share - DRAWDOWN * drawdown_share
    return int(max(0.0, raw) / (SHARPE + ROI) * WHOLE + 1e-9)  # a whole number stays one


def sharpe(daily: Sequence[float]) -> float:
    """Mean over deviation, a year's; 0 where nothing ever moved."""
    mean = sum(daily) / len(daily)
    deviation = math.sqrt(sum((day - mean) ** 2 for day in daily) / len(daily))
    return mean / deviation * math.sqrt(365) if deviation > 1e-12 else 0.0


def roi(daily: Sequence[float]) -> float:
    return math.prod(1 + day for day in daily) - 1


def drawdown(daily: Sequence[float]) -> float:
    """The deepest fall from a height, as a share of it."""
    worth = height = 1.0
    deepest = 0.0
    for day in daily:
        worth *= 1 + day
        height = max(height, worth)
        deepest = max(deepest, 1 - worth / height)
    return deepest


def chosen(ranking: Ranking, profile: Profile) -> RankedTrader | None:
    """The most trusted, if he is trusted enough; the ranking's own order is not believed."""
    above = [one for one in ranking.traders if one.trust > THRESHOLDS[profile]]
    return min(above, key=lambda one: (-one.trust, one.trader), default=None)


def _normalised(values: Sequence[float]) -> list[float]:
    """Between the least and the most of them; where all are alike, all are 0: nobody stands out."""
    if not values:
        return []
    low, high = min(values), max(values)
    return [(value - low) / (high - low) if high > low else 0.0 for value in values]
