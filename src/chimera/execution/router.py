"""The best way through the known pools: one to three pools in a row, side by side where that gives more.

The way is searched by mints first, which costs no quote, and then quoted stage by stage: more into a pool is
never less out of it, so the best of every stage makes the best of the whole way. Bridges are wSOL, USDC and
whatever else the token's own pools trade against. The work is bounded: QUOTES_MAX, and the rest is not looked at.
"""

from collections.abc import Iterator
from itertools import chain, islice, pairwise

from chimera.domain.ids import USDC, WSOL, Address
from chimera.domain.pool import Quote, QuoteRequest, SwapKind
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import BPS
from chimera.execution.route import Route, Stage
from chimera.execution.splits import split, worth_dividing
from chimera.market.view import MarketView, Pool

__all__ = ["BRIDGES", "Route", "best_route"]

BRIDGES = (WSOL, USDC)
SWAPS_MAX = 4  # more do not fit into a transaction
POOLS_A_PAIR_MAX = 16  # the newest written first: what nobody trades on is not priced well
BRIDGES_MAX = 8  # from one mint
LOOKED_AT_MAX = 256  # of the mints beside one that is traded against everything
WAYS_MAX = 24
SPLIT_WAYS_MAX = 3  # ways that are divided over several pools, the best first
SPLIT_POOLS_MAX = 3
QUOTES_MAX = 512  # some two milliseconds


def best_route(
    view: MarketView,
    *,
    input_mint: Address,
    output_mint: Address,
    amount: int,
    doubtful: bool,
    swaps_max: int = SWAPS_MAX,
    dear_bps: int = 0,
    avoid: frozenset[Address] = frozenset(),
) -> Route | Refusal:
    """The route that gives most for exactly `amount` in at most `swaps_max` swaps.

    Pools in doubt only where `doubtful` (exits), those to `avoid` never. Three pools in a row are looked for only
    where the best shorter way moves its prices by `dear_bps` or more. Returns the last pool's refusal where none
    quotes.
    """
    search = _Search(view, doubtful=doubtful, native=WSOL in (input_mint, output_mint), avoid=avoid)
    found: list[Route] = []
    for way in islice(_short(search, input_mint, output_mint, stages_max=swaps_max), WAYS_MAX):
        if (route := search.route(way, amount, swaps_max=swaps_max)) is not None:
            found.append(route)
    if swaps_max > 2 and (not found or max(found, key=_given).price_impact_bps >= dear_bps):
        for way in islice(_long(search, input_mint, output_mint, amount), WAYS_MAX - len(found)):
            if (route := search.route(way, amount, swaps_max=swaps_max)) is not None:
                found.append(route)
    if not found:
        return search.refusal or Refusal(
            Reason.POOL_NOT_FOUND, observed=f"no pool for {output_mint} from {input_mint}"
        )
    if len(found) > 1:  # of equals the first, which has the fewer stages
        found.sort(key=_given, reverse=True)
    best = found[0]
    for route in found[:SPLIT_WAYS_MAX]:
        if search.gains(route, swaps_max=swaps_max):
            wider = search.widened(route, swaps_max=swaps_max)
            if wider.amount_out > best.amount_out:
                best = wider
    return best


def _given(route: Route) -> int:
    return route.amount_out


def _paid(quote: Quote) -> int:
    return quote.amount_out


class _Search:
    """One search: its pools, its memory of quotes, and how many it may still ask for."""

    def __init__(
        self, view: MarketView, *, doubtful: bool, native: bool, avoid: frozenset[Address] = frozenset()
    ) -> None:
        """`native`: pools that move lamports are looked at; they can end a way, and not stand within one."""
        self._view, self._doubtful, self._moment = view, doubtful, view.moment()
        self._native, self._avoid = native, avoid
        self._stages: dict[tuple[Address, Address, int], tuple[Quote, ...]] = {}
        self._pools: dict[tuple[Address, Address], list[Pool]] = {}
        self.asked = 0
        self.refusal: Refusal | None = None

    def between(self, one: Address, other: Address) -> list[Pool]:
        key = (one, other) if one < other else (other, one)
        known = self._pools.get(key)
        if known is None:
            known = self._view.pools_between(one, other)
            if not (self._doubtful and self._native):
                known = [
                    pool
                    for pool in known
                    if (self._doubtful or pool.doubtful is None) and (self._native or not pool.native)
                ]
            if self._avoid:
                known = [pool for pool in known if pool.header.address not in self._avoid]
            if len(known) > POOLS_A_PAIR_MAX:
                known = sorted(known, key=lambda pool: -pool.slot)[:POOLS_A_PAIR_MAX]
            self._pools[key] = known
        return known

    def meeting(self, one: Address, other: Address) -> Iterator[Address]:
        """Mints that have pools with both, the bridges first; looked for at the end that has fewer of them."""
        few, many = self._view.beside(one), self._view.beside(other)
        if len(few) > len(many):
            few, many = many, few
        for mint in BRIDGES:
            if mint in few and mint in many and self.between(one, mint) and self.between(mint, other):
                yield mint
        for mint in few if len(few) <= LOOKED_AT_MAX else islice(few, LOOKED_AT_MAX):
            if mint in many and mint not in BRIDGES and self.between(one, mint) and self.between(mint, other):
                yield mint

    def gains(self, route: Route, *, swaps_max: int) -> bool:
        """Whether dividing the route may be worth it: another pool of a stage could pay more for a part of it.

        A pool pays for no part more than its price before the trade; where no price is far enough above what the
        best gives for all of it, no division gains enough. Pools that refused the whole may take a part.
        """
        if len(route.quotes) >= swaps_max:
            return False
        for stage in route.stages:
            source, target = stage[0].input_mint, stage[0].output_mint
            pools = self.between(source, target)
            if len(pools) < 2:
                continue
            asked = self._alone(source, target, sum(quote.amount_in for quote in stage))
            if len(asked) < len(pools):
                return True
            wanted = worth_dividing(asked[0].amount_out)
            if any((one.amount_out + 1) * BPS >= wanted * (BPS - one.price_impact_bps) for one in asked):
                return True
        return False

    def reached(self, way: tuple[Address, ...], amount: int) -> int:
        """How much of the way's last mint it gives; 0 where a stage has no pool that takes all."""
        for source, target in pairwise(way):
            quotes = self._alone(source, target, amount)
            if not quotes:
                return 0
            amount = quotes[0].amount_out
        return amount

    def ends(self, source: Address, target: Address) -> tuple[bool, Address, Address]:
        """(whether it is the target, the end that is traded against fewer mints, the other end)."""
        backwards = len(self._view.beside(target)) <= len(self._view.beside(source))
        return (True, target, source) if backwards else (False, source, target)

    def next_to(self, near: Address, far: Address) -> Iterator[Address]:
        """Mints that have a pool with `near`, the bridges first."""
        beside = self._view.beside(near)
        found = chain((b for b in BRIDGES if b in beside), (m for m in beside if m not in BRIDGES))
        return islice((m for m in found if m != far and self.between(near, m)), BRIDGES_MAX)

    def route(self, way: tuple[Address, ...], amount: int, *, swaps_max: int) -> Route | None:
        """The best pool of every stage, several only where none takes all; None where that does not work."""
        stages: list[Stage] = []
        left = swaps_max - (len(way) - 1)
        for source, target in pairwise(way):
            alone = self._alone(source, target, amount)
            if alone:
                stages.append(alone[:1])
                amount = alone[0].amount_out
                continue
            stage = self._shared(source, target, amount, pools_max=min(left, SPLIT_POOLS_MAX - 1) + 1)
            if not stage:
                return None
            stages.append(stage)
            left -= len(stage) - 1
            amount = sum(quote.amount_out for quote in stage)
        return Route(tuple(stages))

    def widened(self, route: Route, *, swaps_max: int) -> Route:
        """The same way over more pools where that pays; each stage spends what the one before gives by then."""
        amount, left = route.amount_in, swaps_max - len(route.stages)
        stages: list[Stage] = []
        for narrow in route.stages:
            source, target = narrow[0].input_mint, narrow[0].output_mint
            wide = self._shared(source, target, amount, pools_max=min(left, SPLIT_POOLS_MAX - 1) + 1)
            stage = wide or self._alone(source, target, amount)[:1]
            if not stage:
                return route
            stages.append(stage)
            left -= len(stage) - 1
            amount = sum(quote.amount_out for quote in stage)
        return Route(tuple(stages))

    def _alone(self, source: Address, target: Address, amount: int) -> tuple[Quote, ...]:
        """Every pool's quote for all of it, the best first."""
        key = (source, target, amount)
        known = self._stages.get(key)
        if known is None:
            found: list[Quote] = []
            request = QuoteRequest(source, SwapKind.EXACT_IN, amount)
            for pool in self.between(source, target):
                if (quote := self._ask(pool, request)) is not None:
                    found.append(quote)
            if len(found) > 1:
                found.sort(key=_paid, reverse=True)
            known = self._stages[key] = tuple(found)
        return known

    def _shared(self, source: Address, target: Address, amount: int, *, pools_max: int) -> Stage:
        """Over several pools; empty where that is impossible or does not pay."""
        alone = self._alone(source, target, amount)
        return (
            split(
                self.between(source, target),
                amount,
                lambda pool, part: self._ask(pool, QuoteRequest(source, SwapKind.EXACT_IN, part)),
                alone=alone[0].amount_out if alone else 0,
                pools_max=pools_max,
            )
            or ()
        )

    def _ask(self, pool: Pool, request: QuoteRequest) -> Quote | None:
        if self.asked >= QUOTES_MAX:
            return None
        self.asked += 1
        quote = pool.quote(request, self._moment)
        if isinstance(quote, Refusal):
            self.refusal = quote
            return None
        return quote


def _short(
    search: _Search, source: Address, target: Address, *, stages_max: int
) -> Iterator[tuple[Address, ...]]:
    """Ways over one pool and over two, as mints in order; only such as have a pool for every stage."""
    if search.between(source, target):
        yield source, target
    if stages_max > 1:
        for mint in islice(search.meeting(source, target), BRIDGES_MAX):
            yield source, mint, target


def _long(search: _Search, source: Address, target: Address, amount: int) -> Iterator[tuple[Address, ...]]:
    """Ways over three pools."""
    backwards, near, far = search.ends(source, target)
    for mint in search.next_to(near, far):
        others = [other for other in islice(search.meeting(mint, far), BRIDGES_MAX) if other != near]
        if not backwards:
            yield from ((source, mint, other, target) for other in others)
        elif others:
            # of all ways to the last mint but one, only the one that brings most of it is worth going on from
            best = max(others, key=lambda other: search.reached((source, other, mint), amount))
            yield source, best, mint, target
