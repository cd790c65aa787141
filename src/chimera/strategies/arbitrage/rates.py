"""Which circles may pay: what a little of one mint buys of another, pool by pool, kept up with every change.

Floats, which only suggest: a circle is exact only once its pools have quoted it whole. A change of one pool asks that
pool twice and looks at the circles through it, and at nothing else.
"""

from collections.abc import Iterator

import msgspec

from chimera.domain.ids import USDC, WSOL, Address
from chimera.domain.pool import Moment, QuoteRequest, SwapKind
from chimera.domain.risk import Refusal
from chimera.ports.strategy import Listing

BETWEEN_MAX = 64  # mints tried for the middle of a circle over three pools
DRIFT = 2  # a probe worth twice or half of what it was is measured anew

Edge = tuple[Address, float]
"""A pool, and what one unit in gives out at the probe's size, fees paid."""


class Circle(msgspec.Struct, frozen=True):
    """SOL through these pools in order and back to SOL."""

    pools: tuple[Address, ...]
    mints: tuple[Address, ...]
    """Between them; one fewer than pools."""
    rate: float
    """SOL out for one SOL in, at the probe's size."""

    @property
    def token(self) -> Address:
        """What it is about: dollars are a bridge, unless there is nothing else."""
        return next((mint for mint in self.mints if mint != USDC), self.mints[0])


class Rates:
    def __init__(self, probe_lamports: int) -> None:
        self._probes: dict[Address, int] = {WSOL: probe_lamports}
        """Base units of each mint that are worth about the probe."""
        self._edges: dict[Address, dict[Address, dict[Address, float]]] = {}
        """Rates by what goes in, what comes out and pool."""
        self._unpriced: dict[Address, dict[Address, Listing]] = {}
        """Pools that could not be asked for want of a probe, by mint."""

    def update(self, pool: Listing, moment: Moment) -> None:
        """Asks a changed pool what it pays now; one in doubt, or that refuses, is forgotten.

        Pools that waited for the probe of a mint are asked as soon as it is known.
        """
        waiting = [pool]
        while waiting:
            asked = waiting.pop()
            known = len(self._probes)
            self._ask(asked, moment)
            if len(self._probes) > known:
                for mint in (asked.header.mint_a, asked.header.mint_b):
                    waiting += self._unpriced.pop(mint, {}).values()

    def circles(self, pool: Listing) -> Iterator[Circle]:
        """The best circle of each shape through the pool, whatever it pays: over two pools and over three."""
        address, one, other = pool.header.address, pool.header.mint_a, pool.header.mint_b
        for source, target in ((one, other), (other, one)):
            rate = self._edges.get(source, {}).get(target, {}).get(address)
            if rate is None:
                continue
            edge = address, rate
            if source == WSOL:
                yield from self._closed(((edge, target), (self._best(target, WSOL, without=address), WSOL)))
                for between in self._beyond(target, WSOL):
                    onward, home = self._best(target, between), self._best(between, WSOL)
                    yield from self._closed(((edge, target), (onward, between), (home, WSOL)))
            elif target == WSOL:
                yield from self._closed(((self._best(WSOL, source, without=address), source), (edge, WSOL)))
                for between in self._beyond(source, WSOL):
                    out, onward = self._best(WSOL, between), self._best(between, source)
                    yield from self._closed(((out, between), (onward, source), (edge, WSOL)))
            else:
                out, home = self._best(WSOL, source), self._best(target, WSOL)
                yield from self._closed(((out, source), (edge, target), (home, WSOL)))

    def _ask(self, pool: Listing, moment: Moment) -> None:
        header = pool.header
        # wSOL's side first, so that the other side's probe is known for the way back
        one, other = header.mint_a, header.mint_b
        if other == WSOL or (one not in self._probes and other in self._probes):
            one, other = other, one
        for source, target in ((one, other), (other, one)):
            rate = 0.0 if pool.doubtful is not None else self._rate(pool, source, target, moment)
            edges = self._edges.setdefault(source, {}).setdefault(target, {})
            if rate > 0:
                edges[header.address] = rate
            else:
                edges.pop(header.address, None)

    def _rate(self, pool: Listing, source: Address, target: Address, moment: Moment) -> float:
        probe = self._probes.get(source)
        if probe is None:
            self._unpriced.setdefault(source, {})[pool.header.address] = pool
            return 0.0
        quote = pool.quote(QuoteRequest(source, SwapKind.EXACT_IN, probe), moment)
        if isinstance(quote, Refusal):
            return 0.0
        known = self._probes.get(target)
        drifted = known is not None and not known // DRIFT <= quote.amount_out <= known * DRIFT
        if known is None or (drifted and source == WSOL):
            self._probes[target] = quote.amount_out
        return quote.amount_out / probe

    def _best(self, source: Address, target: Address, without: Address | None = None) -> Edge | None:
        edges = self._edges.get(source, {}).get(target)
        if not edges:
            return None
        best = max((rate, pool) for pool, rate in edges.items() if pool != without or len(edges) == 1)
        return None if best[1] == without else (best[1], best[0])

    def _beyond(self, mint: Address, without: Address) -> list[Address]:
        """Mints that lead on from `mint` and home to SOL."""
        onward = self._edges.get(mint, {})
        return [m for m in onward if m != without and self._edges.get(m, {}).get(WSOL)][:BETWEEN_MAX]

    def _closed(self, steps: tuple[tuple[Edge | None, Address], ...]) -> Iterator[Circle]:
        rate = 1.0
        pools: list[Address] = []
        for edge, _ in steps:
            if edge is None:
                return
            pools.append(edge[0])
            rate *= edge[1]
        yield Circle(tuple(pools), tuple(mint for _, mint in steps[:-1]), rate)
