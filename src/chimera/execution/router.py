"""The best way through the known pools: one pool, or two by way of wSOL or USDC."""

from collections.abc import Iterator
from itertools import product

import msgspec

from chimera.domain.ids import USDC, WSOL, Address
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind
from chimera.domain.risk import Reason, Refusal
from chimera.market.view import MarketView, Pool

BRIDGES = (WSOL, USDC)


class Route(msgspec.Struct, frozen=True):
    """Quotes in order; each spends what the one before gave."""

    quotes: tuple[Quote, ...]

    @property
    def amount_out(self) -> int:
        return self.quotes[-1].amount_out

    @property
    def slot(self) -> int:
        """The oldest that any quote rests on."""
        return min(quote.slot for quote in self.quotes)

    @property
    def price_impact_bps(self) -> int:
        return sum(quote.price_impact_bps for quote in self.quotes)


def best_route(
    view: MarketView, *, input_mint: Address, output_mint: Address, amount: int, doubtful: bool
) -> Route | Refusal:
    """The route that gives most for exactly `amount`; pools in doubt only where `doubtful` (exits).

    Returns the last pool's refusal where none quotes.
    """
    refusal = Refusal(Reason.POOL_NOT_FOUND, observed=f"no pool for {output_mint} from {input_mint}")
    best: Route | None = None
    for way in _ways(view, input_mint, output_mint, doubtful=doubtful):
        route = _quoted(way, input_mint, amount, view.moment())
        if isinstance(route, Refusal):
            refusal = route
        else:
            best = _better(best, route)
    return best if best is not None else refusal


def _ways(
    view: MarketView, input_mint: Address, output_mint: Address, *, doubtful: bool
) -> Iterator[tuple[Pool, ...]]:
    """One pool between the two, or two that meet at a bridge."""

    def between(one: Address, other: Address) -> list[Pool]:
        return [
            pool
            for pool in view.pools_between(one, other)
            if (doubtful or pool.doubtful is None) and not _native(pool)
        ]

    yield from ((pool,) for pool in between(input_mint, output_mint))
    for bridge in BRIDGES:
        if bridge not in (input_mint, output_mint):
            yield from product(between(input_mint, bridge), between(bridge, output_mint))


def _native(pool: Pool) -> bool:
    """Whether it moves native lamports, as bonding curves do; plans wrap, so they cannot trade there yet."""
    pays_lamports = getattr(pool.venue, "pays_lamports", None)
    return bool(pays_lamports and pays_lamports(pool.state))


def _quoted(way: tuple[Pool, ...], input_mint: Address, amount: int, moment: Moment) -> Route | Refusal:
    quotes: list[Quote] = []
    for pool in way:
        quote = pool.quote(QuoteRequest(input_mint, SwapKind.EXACT_IN, amount), moment)
        if isinstance(quote, Refusal):
            return quote
        quotes.append(quote)
        input_mint, amount = quote.output_mint, quote.amount_out
    return Route(tuple(quotes))


def _better(best: Route | None, other: Route) -> Route:
    return other if best is None or other.amount_out > best.amount_out else best
