"""What a list of round trips proves, and how sure that is. Must not know where they come from.

Floats throughout: statistics suggest, they never decide about money. Every figure that rests on chance comes with
an interval, and too few round trips give no figure at all. Chance is passed in, so two runs say the same.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist, fmean, stdev

import msgspec

from chimera.ports.runtime import Rng

TRADES_MIN = 30
"""Below this many a mean's error is itself unknown, so nothing is claimed (the t distribution's rule of thumb)."""
ROUNDS = 1_000
CONFIDENCE = 0.90
EULER_GAMMA = 0.5772156649015329

_NORMAL = NormalDist()


class Interval(msgspec.Struct, frozen=True):
    """A figure and the range that holds it with `confidence`."""

    low: float
    value: float
    high: float
    confidence: float = CONFIDENCE


class DrawdownRisk(msgspec.Struct, frozen=True):
    """How deep the same round trips would have fallen in other orders, lamports, as positive numbers."""

    seen: int
    median: int
    worst_of_20: int
    """19 orders of 20 fall less."""


class Evidence(msgspec.Struct, frozen=True):
    """Everything below `trades` is None where there are fewer than `TRADES_MIN`: not enough data."""

    trades: int
    trials: int
    """Parameter sets that were tried before this one was shown; each one more makes luck likelier."""
    profit_mean_lamports: Interval | None = None
    win_rate: Interval | None = None
    sharpe: Interval | None = None
    """Mean by deviation of a round trip's profit; not annualised, since round trips are no days."""
    deflated_sharpe: float | None = None
    """Probability that the true Sharpe ratio is above what the best of `trials` lucky ones would show."""
    chance_of_luck: float | None = None
    """Share of random signs of the same profits that earn at least as much."""
    drawdown: DrawdownRisk | None = None


def evidence(
    profits: Sequence[int],
    rng: Rng,
    *,
    trials: int = 1,
    trials_deviation: float | None = None,
    rounds: int = ROUNDS,
) -> Evidence:
    """What the profits of round trips (lamports, in order of closing) prove after `trials` parameter sets.

    `trials_deviation` is the standard deviation of the Sharpe ratios of all that were tried; unknown, it is the
    one that chance alone gives: 1 / sqrt(trades - 1).
    """
    count = len(profits)
    if count < TRADES_MIN:
        return Evidence(trades=count, trials=trials)
    return Evidence(
        trades=count,
        trials=trials,
        profit_mean_lamports=bootstrap(profits, fmean, rng, rounds=rounds),
        win_rate=bootstrap([float(profit > 0) for profit in profits], fmean, rng, rounds=rounds),
        sharpe=bootstrap(profits, sharpe, rng, rounds=rounds),
        deflated_sharpe=deflated_sharpe(profits, trials=trials, trials_deviation=trials_deviation),
        chance_of_luck=chance_of_luck(profits, rng, rounds=rounds),
        drawdown=drawdown_risk(profits, rng, rounds=rounds),
    )


def sharpe(profits: Sequence[float]) -> float:
    """Mean by standard deviation; 0 where nothing varies, since then nothing was risked."""
    deviation = stdev(profits)
    return fmean(profits) / deviation if deviation > 0 else 0.0


def bootstrap(
    values: Sequence[float],
    figure: Callable[[Sequence[float]], float],
    rng: Rng,
    *,
    rounds: int = ROUNDS,
    confidence: float = CONFIDENCE,
) -> Interval:
    """`figure` of `values` with the percentile interval of resamples with replacement (Efron 1979)."""
    count = len(values)
    figures = sorted(figure([values[at] for at in _drawn(rng, count, count)]) for _ in range(rounds))
    tail = (1 - confidence) / 2
    return Interval(_quantile(figures, tail), figure(values), _quantile(figures, 1 - tail), confidence)


def deflated_sharpe(
    profits: Sequence[float], *, trials: int = 1, trials_deviation: float | None = None
) -> float:
    """Probability that the Sharpe ratio is real after `trials`, skew and fat tails taken into account.

    Source: Bailey and López de Prado, The Deflated Sharpe Ratio (2014), equations 1 and 2.
    """
    count = len(profits)
    mean, deviation = fmean(profits), stdev(profits)
    if deviation == 0:
        return 0.5 if mean == 0 else float(mean > 0)
    ratio = mean / deviation
    skew = fmean(((profit - mean) / deviation) ** 3 for profit in profits)
    kurtosis = fmean(((profit - mean) / deviation) ** 4 for profit in profits)
    # of so many lucky ones the best is expected to show this much
    spread = trials_deviation if trials_deviation is not None else 1 / math.sqrt(count - 1)
    lucky = 0.0
    if trials > 1:
        lucky = spread * (
            (1 - EULER_GAMMA) * _NORMAL.inv_cdf(1 - 1 / trials)
            + EULER_GAMMA * _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
        )
    error = math.sqrt(max(1e-12, 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2))
    return _NORMAL.cdf((ratio - lucky) * math.sqrt(count - 1) / error)


def chance_of_luck(profits: Sequence[int], rng: Rng, *, rounds: int = ROUNDS) -> float:
    """Share of rounds in which the same profits, each with a coin's sign, add up to at least as much.

    The round that was seen counts as one of them, so it is never 0.
    """
    total, count = sum(profits), len(profits)
    as_good = sum(
        sum(
            profit if heads else -profit for profit, heads in zip(profits, _drawn(rng, 2, count), strict=True)
        )
        >= total
        for _ in range(rounds)
    )
    return (as_good + 1) / (rounds + 1)


def drawdown_risk(profits: Sequence[int], rng: Rng, *, rounds: int = ROUNDS) -> DrawdownRisk:
    """The deepest fall of the running total, in the order seen and in `rounds` shuffled ones."""
    falls = []
    order, below = list(profits), _below(rng)
    for _ in range(rounds):
        for place in range(len(order) - 1, 0, -1):
            other = below(place + 1)
            order[place], order[other] = order[other], order[place]
        falls.append(drawdown(order))
    falls.sort()
    return DrawdownRisk(
        seen=drawdown(profits), median=falls[len(falls) // 2], worst_of_20=falls[int(len(falls) * 0.95)]
    )


def drawdown(profits: Sequence[int]) -> int:
    """How far the running total fell from its highest point, at worst; lamports, 0 where it never fell."""
    total = best = deepest = 0
    for profit in profits:
        total += profit
        if total > best:
            best = total
        elif best - total > deepest:
            deepest = best - total
    return deepest


def _drawn(rng: Rng, stop: int, count: int) -> list[int]:
    """So many whole numbers below `stop`, as `rng.randrange` gives them."""
    below = _below(rng)
    return [below(stop) for _ in range(count)]


def _below(rng: Rng) -> Callable[[int], int]:
    """`rng.randrange`; of Python's own generator the part that draws, without looking at the arguments again."""
    bits: Callable[[int], int] | None = getattr(rng, "getrandbits", None)
    if bits is None:
        return rng.randrange

    def below(stop: int) -> int:
        width = stop.bit_length()
        drawn = bits(width)
        while drawn >= stop:
            drawn = bits(width)
        return drawn

    return below


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, max(0, round(share * (len(ordered) - 1))))]
