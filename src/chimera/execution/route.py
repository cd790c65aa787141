"""A route as quoted, and the swaps that it becomes: stages one after another, pools side by side within a stage.

Must not know how it was found, nor how a swap is written into a transaction.
"""

from collections.abc import Iterator

import msgspec

from chimera.domain.pool import Quote
from chimera.domain.trade import Hop
from chimera.domain.units import BPS, mul_div_floor

Stage = tuple[Quote, ...]
"""Quotes of one pair that trade side by side, each its own share."""


class Route(msgspec.Struct, frozen=True):
    """Each stage spends what the one before gave."""

    stages: tuple[Stage, ...]

    @property
    def quotes(self) -> tuple[Quote, ...]:
        """In the order in which they are carried out."""
        if len(self.stages) == 1:
            return self.stages[0]
        return tuple(quote for stage in self.stages for quote in stage)

    @property
    def amount_in(self) -> int:
        return sum(quote.amount_in for quote in self.stages[0])

    @property
    def amount_out(self) -> int:
        last = self.stages[-1]
        return last[0].amount_out if len(last) == 1 else sum(quote.amount_out for quote in last)

    @property
    def slot(self) -> int:
        """The oldest that any quote rests on."""
        return min(quote.slot for quote in self.quotes)

    @property
    def price_impact_bps(self) -> int:
        """Of stages that trade side by side the worst counts."""
        return sum(max(quote.price_impact_bps for quote in stage) for stage in self.stages)


class Order(msgspec.Struct, frozen=True):
    """One swap to be written: what goes in and the least that must come out."""

    quote: Quote
    amount: int
    limit: int


def orders(route: Route, *, minimum_out: int, inner_slippage_bps: int) -> Iterator[Order]:
    """The route's swaps in order; their last limits add up to `minimum_out`.

    A stage spends what the one before surely gives, `inner_slippage_bps` below its quote; what it gave beyond
    that stays behind in the account between them. Every division rounds down, and what the rounding leaves goes
    to the first of a stage, so that amounts and limits add up exactly.
    """
    amount = route.amount_in
    for place, stage in enumerate(route.stages):
        given = stage[0].amount_out if len(stage) == 1 else sum(quote.amount_out for quote in stage)
        last = place == len(route.stages) - 1
        sure = minimum_out if last else mul_div_floor(given, BPS - inner_slippage_bps, BPS)
        if len(stage) == 1:
            yield Order(stage[0], amount, sure)
            amount = sure
            continue
        amounts = _shared(amount, [quote.amount_in for quote in stage])
        limits = _shared(sure, [quote.amount_out for quote in stage])
        for quote, spent, limit in zip(stage, amounts, limits, strict=True):
            yield Order(quote, spent, limit)
        amount = sure


def hop_of(quote: Quote) -> Hop:
    """What the journal keeps of it."""
    return Hop(
        venue=quote.venue,
        pool=quote.pool,
        input_mint=quote.input_mint,
        output_mint=quote.output_mint,
        amount_in=quote.amount_in,
        amount_out=quote.amount_out,
    )


def _shared(total: int, by: list[int]) -> list[int]:
    """`total` divided in the proportions of `by`."""
    whole = sum(by)
    shares = [mul_div_floor(total, part, whole) if whole else 0 for part in by]
    shares[0] += total - sum(shares)
    return shares
