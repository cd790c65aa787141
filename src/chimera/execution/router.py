"""The best way through the known pools: one pool, or two by way of wSOL or USDC."""

import msgspec

from chimera.domain.ids import USDC, WSOL, Address
from chimera.domain.pool import Quote, QuoteRequest, SwapKind
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
    moment = view.moment()
    for first_pool in _usable(view, input_mint, doubtful=doubtful):
        request = QuoteRequest(input_mint, SwapKind.EXACT_IN, amount)
        bridge = _other(first_pool, input_mint)
        if bridge != output_mint and bridge not in BRIDGES:
            continue
        first = first_pool.quote(request, moment)
        if isinstance(first, Refusal):
            refusal = first
            continue
        if bridge == output_mint:
            best = _better(best, Route((first,)))
            continue
        for second_pool in _usable(view, bridge, doubtful=doubtful):
            if _other(second_pool, bridge) != output_mint or second_pool is first_pool:
                continue
            second = second_pool.quote(QuoteRequest(bridge, SwapKind.EXACT_IN, first.amount_out), moment)
            if isinstance(second, Refusal):
                refusal = second
                continue
            best = _better(best, Route((first, second)))
    return best if best is not None else refusal


def _usable(view: MarketView, mint: Address, *, doubtful: bool) -> list[Pool]:
    return [pool for pool in view.pools_of(mint) if doubtful or pool.doubtful is None]


def _other(pool: Pool, mint: Address) -> Address:
    return pool.header.mint_b if pool.header.mint_a == mint else pool.header.mint_a


def _better(best: Route | None, other: Route) -> Route:
    return other if best is None or other.amount_out > best.amount_out else best
