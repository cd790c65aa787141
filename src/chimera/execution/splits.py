"""One stage of a route over several pools of its pair: how much goes through each.

The output of every pool grows ever more slowly with what is put in, so equal parts are given one after another
to the pool that pays most for the next one; among divisions into so many parts none gives more. The amounts are
then quoted whole: what is returned is exact. Must not know of other stages.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from chimera.domain.pool import Quote
from chimera.domain.units import BPS, mul_div_ceil

PARTS = 16  # what is lost against a perfect division falls with the square of it
GAIN_BPS_MIN = 5  # a further swap costs compute units and a further chance to fail; less gain is not worth it

P = TypeVar("P")
Ask = Callable[[P, int], Quote | None]
"""A pool's quote for an amount; None where it refuses."""


def split(
    pools: Sequence[P], amount: int, ask: Ask[P], *, alone: int, pools_max: int
) -> tuple[Quote, ...] | None:
    """The best division of `amount` over at most `pools_max` of these pools, the first of them never empty.

    None where that does not beat `alone`, which the best of them gives for all of it (0 where none takes all).
    Asks at most PARTS + 2 x pools quotes.
    """
    part, rest = divmod(amount, PARTS)
    if min(len(pools), pools_max) < 2 or not part:
        return None
    first = [(quote, pool) for pool in pools if (quote := ask(pool, part + rest)) is not None]
    if len(first) < 2:
        return None
    first.sort(key=lambda pair: -pair[0].amount_out)  # by what they pay for a little: their price
    chosen = [pool for _, pool in first[:pools_max]]
    # what dividing leaves of the amount goes to the best, with its first part; the others start with a bare one
    ahead = [first[0][0], *(ask(pool, part) for pool in chosen[1:])]
    taken = [0] * len(chosen)
    standing: list[Quote | None] = [None] * len(chosen)
    for _ in range(PARTS):
        best = max(range(len(chosen)), key=lambda place: _gain(standing[place], ahead[place]), default=-1)
        if best < 0 or ahead[best] is None:
            return None  # they do not take all of it together
        standing[best], taken[best] = ahead[best], taken[best] + 1
        ahead[best] = ask(chosen[best], part * (taken[best] + 1) + (0 if best else rest))
    shares = tuple(quote for quote in standing if quote is not None)
    if len(shares) < 2 or standing[0] is None:
        return None
    together = sum(quote.amount_out for quote in shares)
    return shares if together >= worth_dividing(alone) else None


def worth_dividing(alone: int) -> int:
    """What a division must give at the least where one pool gives `alone`; rounded up."""
    return mul_div_ceil(alone, BPS + GAIN_BPS_MIN, BPS)


def _gain(now: Quote | None, then: Quote | None) -> int:
    """What one part more brings; less than nothing where the pool takes no more."""
    if then is None:
        return -1
    return then.amount_out - (0 if now is None else now.amount_out)
