"""The best circle through a pool that was just written, from exact quotes alone.

Bounded: so many pools a pair, so many mints in the middle, QUOTES_MAX in all. Must not know why it is asked.
"""

from collections.abc import Iterator
from itertools import islice

import msgspec

from chimera.domain.ids import USDC, WSOL, Address
from chimera.domain.pool import Moment, QuoteRequest, SwapKind
from chimera.domain.risk import Refusal
from chimera.domain.sizing import best_amount
from chimera.market.view import MarketView, Pool

POOLS_A_PAIR_MAX = 4
BETWEEN_MAX = 8
SIZED_MAX = 2  # circles whose amount is searched for, the best at the probe's size
QUOTES_MAX = 512

Way = tuple[Pool, ...]


class Circle(msgspec.Struct, frozen=True):
    pools: tuple[Address, ...]
    mint: Address
    """What it is about; dollars are a bridge, unless there is nothing else."""
    amount: int
    gain: int
    """What comes back beyond it, costs not counted."""


class CircleSearch:
    def __init__(self, view: MarketView, *, probe_lamports: int, size_lamports_max: int) -> None:
        self._view, self._probe, self._most = view, probe_lamports, size_lamports_max
        self.asked = 0
        """Quotes of the last search."""

    def best(self, address: Address) -> Circle | None:
        """The circle through this pool that leaves most; None where none leaves anything."""
        pool = self._view.pools.get(address)
        if pool is None or not _usable(pool):
            return None
        self.asked = 0
        moment = self._view.moment()
        probed = [(back, way) for way in self._ways(pool) if (back := self._back(way, self._probe, moment))]
        probed.sort(key=lambda pair: -pair[0])
        found: Circle | None = None
        for back, way in probed[:SIZED_MAX]:
            if back <= self._probe:
                break
            sized = best_amount(
                lambda amount, way=way: self._back(way, amount, moment),  # type: ignore[misc]
                self._probe,
                max(self._most, self._probe),
            )
            if sized is not None and sized[1] > (found.gain if found is not None else 0):
                between = {m for p in way for m in (p.header.mint_a, p.header.mint_b)} - {WSOL}
                mint = min(between - {USDC}, default=USDC)
                found = Circle(tuple(p.header.address for p in way), mint, *sized)
        return found

    def _ways(self, pool: Pool) -> Iterator[Way]:
        """Every circle over two or three pools with this one in it, both ways round."""
        one, other = pool.header.mint_a, pool.header.mint_b
        if WSOL in (one, other):
            token = other if one == WSOL else one
            for second in self._between(WSOL, token):
                if second is not pool:
                    yield from _both((pool, second))
            for middle in self._middles(token):
                for onward in self._between(token, middle):
                    for home in self._between(middle, WSOL):
                        yield from _both((pool, onward, home))
            return
        for first in self._between(WSOL, one):
            for home in self._between(other, WSOL):
                yield from _both((first, pool, home))

    def _between(self, one: Address, other: Address) -> list[Pool]:
        pools = (pool for pool in self._view.pools_between(one, other) if _usable(pool))
        return list(islice(pools, POOLS_A_PAIR_MAX))

    def _middles(self, token: Address) -> list[Address]:
        """Mints that lead from the token home to SOL, dollars first."""
        beside = self._view.beside(token)
        ordered = [mint for mint in (USDC,) if mint in beside]
        ordered += islice((mint for mint in beside if mint not in (USDC, WSOL)), BETWEEN_MAX)
        return [mint for mint in ordered if mint in self._view.beside(WSOL)][:BETWEEN_MAX]

    def _back(self, way: Way, amount: int, moment: Moment) -> int | None:
        mint = WSOL
        for pool in way:
            if self.asked >= QUOTES_MAX:
                return None
            self.asked += 1
            quote = pool.quote(QuoteRequest(mint, SwapKind.EXACT_IN, amount), moment)
            if isinstance(quote, Refusal):
                return None
            mint, amount = quote.output_mint, quote.amount_out
        return amount


def _both(way: Way) -> tuple[Way, Way]:
    return way, way[::-1]


def _usable(pool: Pool) -> bool:
    """Neither in doubt nor a bonding curve, whose SOL is not wrapped."""
    pays_lamports = getattr(pool.venue, "pays_lamports", None)
    return pool.complete and pool.doubtful is None and not (pays_lamports and pays_lamports(pool.state))
