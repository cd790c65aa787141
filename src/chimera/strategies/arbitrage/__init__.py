"""Closes gaps between pools: SOL through two or three of them and back to SOL in one transaction (type A).

Driven by the market alone: a pool changes, and the circles through it are looked at. What may pay is sized and quoted
exactly, all costs counted; what pays enough becomes one intent that is carried out whole or not at all. In the
shadow, which is the default, it says what it would have done and asks for nothing. It holds nothing, ever.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from chimera.domain.ids import WSOL, Address, IntentId, TradeId, derived_id
from chimera.domain.intent import Origin, Side, Style, TradeIntent
from chimera.domain.market import PoolUpdated, SlotAdvanced
from chimera.domain.messages import StrategyDecided, TradeMoved
from chimera.domain.pool import PoolHeader, QuoteRequest, SwapKind
from chimera.domain.risk import Refusal
from chimera.domain.sizing import best_amount
from chimera.domain.trade import Position, TradeState
from chimera.domain.units import BPS, mul_div_floor, sol_text
from chimera.parameters.arbitrage import ArbitrageParams as Params
from chimera.ports.strategy import Context, Listing, StrategyEvent, StrategyOutput
from chimera.strategies.arbitrage.rates import Circle, Rates

K = TypeVar("K")
V = TypeVar("V")

NAME = "arbitrage"
LOOKED_AT_MAX = 3  # circles sized with exact quotes for one change, the best by rate
REMEMBERED_MAX = 4_096  # circles, tokens and trades; the oldest are forgotten
AGAIN_BPS = 10  # a circle that did not pay is sized again once its rate is so much better
AGAIN_MAX = 16  # pools looked at again in one slot
PASSING = frozenset({"cooldown", "in_flight", "slot_delta_exceeded"})
"""Reasons that pass without the pool changing."""
OVER = frozenset({TradeState.CLOSED, TradeState.FAILED, TradeState.DEAD_LETTER})


class Found(msgspec.Struct, frozen=True):
    """A circle with its exact figures."""

    circle: Circle
    amount: int
    profit_lamports: int
    """After the expected costs."""

    @property
    def roi_bps(self) -> int:
        return mul_div_floor(self.profit_lamports, BPS, self.amount)


class Arbitrage:
    name = NAME
    params_type = Params
    """What `arbitrage` in the settings is read as."""

    def __init__(self, params: Params) -> None:
        self.params = params
        self._rates = Rates(params.probe_lamports)
        self._not_before: OrderedDict[Address, int] = OrderedDict()
        """Cooldowns by token."""
        self._poor: OrderedDict[tuple[Address, ...], tuple[int, float]] = OrderedDict()
        """Circles that did not pay: until when, unless their rate beats this."""
        self._under_way: OrderedDict[TradeId, tuple[Address, ...]] = OrderedDict()
        self._again: OrderedDict[Address, tuple[PoolHeader, int]] = OrderedDict()
        """Pools with a circle that had to wait, and until when: a gap does not go away by itself."""

    def on_event(self, event: StrategyEvent, context: Context) -> Sequence[StrategyOutput]:
        match event:
            case PoolUpdated():
                return list(self._look(event.pool, event.slot, context))
            case SlotAdvanced() if self._again:
                return list(self._looked_at_again(event, context))
            case TradeMoved(trade_id, after=after) if after in OVER:
                self._under_way.pop(trade_id, None)
                return []
            case _:
                return []

    def levels(self, position: Position) -> tuple[int | None, int | None]:  # noqa: ARG002 - it holds nothing
        return None, None

    # a change of one pool

    def _looked_at_again(self, event: SlotAdvanced, context: Context) -> Iterator[StrategyOutput]:
        due = [header for header, until in self._again.values() if context.now_ms >= until]
        for header in due[:AGAIN_MAX]:
            del self._again[header.address]
            yield from self._look(header, event.slot, context)

    def _look(self, header: PoolHeader, slot: int, context: Context) -> Iterator[StrategyOutput]:
        """What to do about the circles through a pool, of which something was heard in `slot`."""
        listed = context.market.pools_between(header.mint_a, header.mint_b)
        pool = next((one for one in listed if one.header.address == header.address), None)
        if pool is None:
            return
        self._rates.update(pool, context.market.moment())
        params = self.params
        promising = self._rates.circles(
            pool, short=1 + params.spread_bps_min / BPS, long=1 + params.spread_bps_min_long / BPS
        )
        promising.sort(key=lambda circle: -circle.rate)
        best: Found | None = None
        for circle in promising[:LOOKED_AT_MAX]:
            outcome = self._sized(circle, slot, context)
            if isinstance(outcome, StrategyDecided):
                if outcome.code in PASSING:
                    _remember(self._again, header.address, (header, self._rested_ms(circle)))
                yield outcome
            elif outcome is not None and (best is None or outcome.profit_lamports > best.profit_lamports):
                best = outcome
        if best is not None:
            yield self._taken(best, context)

    def _rested_ms(self, circle: Circle) -> int:
        return self._not_before.get(circle.token, 0)

    def _sized(self, circle: Circle, heard: int, context: Context) -> Found | StrategyDecided | None:
        """The circle with its exact figures, why it is passed over, or None where that was just said."""
        params, now = self.params, context.now_ms
        poor = self._poor.get(circle.pools)
        if poor is not None and now < poor[0] and circle.rate * BPS < poor[1] * (BPS + AGAIN_BPS):
            return None
        waits = self._waits(circle, now)
        if waits is not None:
            return self._decided("WAIT", *waits, circle, context)
        listings = self._listings(circle, context)
        wrong = self._unusable(circle, listings, heard, context)
        if wrong is not None or listings is None:
            return None if wrong is None else self._decided("REJECT", *wrong, circle, context)
        moment = context.market.moment()

        def out(amount: int) -> int | None:
            mint = WSOL
            for pool in listings:
                quote = pool.quote(QuoteRequest(mint, SwapKind.EXACT_IN, amount), moment)
                if isinstance(quote, Refusal):
                    return None
                mint, amount = quote.output_mint, quote.amount_out
            return amount

        sized = best_amount(out, params.probe_lamports, max(params.size_lamports_max, params.probe_lamports))
        profit = None if sized is None else sized[1] - params.costs_lamports - params.tip_lamports
        if sized is None or profit is None or profit < params.profit_lamports_min:
            _remember(self._poor, circle.pools, (now + params.reconsider_ms, circle.rate))
            told = "no amount passes" if profit is None else f"{sol_text(profit)} SOL after costs"
            least = sol_text(params.profit_lamports_min)
            return self._decided(
                "REJECT", "round_trip_unprofitable", f"{told}, at least {least} SOL wanted", circle, context
            )
        found = Found(circle, sized[0], profit)
        if found.roi_bps > params.roi_bps_max:
            told = f"{found.roi_bps} bps, at most {params.roi_bps_max} are believed"
            return self._decided("REJECT", "roi_out_of_bounds", told, circle, context)
        return found

    def _waits(self, circle: Circle, now_ms: int) -> tuple[str, str] | None:
        until = self._rested_ms(circle)
        if now_ms < until:
            return "cooldown", f"{until - now_ms} ms since its last circle are left"
        for pools in self._under_way.values():
            if not set(pools).isdisjoint(circle.pools):
                return "in_flight", "a circle of ours is under way through one of its pools"
        return None

    def _listings(self, circle: Circle, context: Context) -> list[Listing] | None:
        stops = (WSOL, *circle.mints, WSOL)
        found: list[Listing] = []
        for place, address in enumerate(circle.pools):
            pools = context.market.pools_between(stops[place], stops[place + 1])
            pool = next((one for one in pools if one.header.address == address), None)
            if pool is None:
                return None
            found.append(pool)
        return found

    def _unusable(
        self, circle: Circle, listings: list[Listing] | None, heard: int, context: Context
    ) -> tuple[str, str] | None:
        """Why its quotes must not be compared (AR-07); None where they may."""
        params, slot = self.params, context.market.slot
        if listings is None or any(pool.doubtful is not None for pool in listings):
            return (
                "incompatible_quote_kind",
                "a pool of it does not quote from a state that is surely its own",
            )
        oldest = max(slot - pool.slot for pool in listings)
        if oldest > params.quote_age_slots_max:
            told = f"a pool was written {oldest} slots ago, at most {params.quote_age_slots_max}"
            return "quote_stale", told
        behind = slot - heard
        if behind > params.slot_delta_max:
            return "slot_delta_exceeded", f"the change is {behind} slots old, at most {params.slot_delta_max}"
        if circle.rate > params.rate_max:
            return (
                "rate_out_of_bounds",
                f"{circle.rate:.2f} SOL for one, at most {params.rate_max} are believed",
            )
        return None

    # what becomes of it

    def _taken(self, found: Found, context: Context) -> StrategyOutput:
        params, now, circle = self.params, context.now_ms, found.circle
        _remember(self._not_before, circle.token, now + params.cooldown_ms)
        told = (
            f"{sol_text(found.amount)} SOL through {len(circle.pools)} pools should leave "
            f"{sol_text(found.profit_lamports)} SOL after costs, {found.roi_bps} bps"
        )
        if not params.live:
            return self._decided("SHADOW", "profitable", told, circle, context, found)
        trade_id = TradeId(derived_id(NAME, *circle.pools, str(context.market.slot), str(now)))
        _remember(self._under_way, trade_id, circle.pools)
        return TradeIntent(
            id=IntentId(derived_id(NAME, "circle", trade_id)),
            trade_id=trade_id,
            signal_id=None,
            source=NAME,
            origin=Origin.STRATEGY_A,
            style=Style.SPEAR,
            side=Side.CYCLE,
            mint=circle.token,
            symbol="",
            amount=found.amount,
            slippage_bps_max=params.slippage_bps_max,
            created_at_ms=now,
            ttl_ms=params.intent_ttl_ms,
            reason=told,
            expected_edge_bps=found.roi_bps,
            expected_profit_lamports=found.profit_lamports,
            urgency=2,
            pools=circle.pools,
            profit_lamports_min=params.profit_lamports_min,
        )

    def _decided(
        self,
        verdict: str,
        code: str,
        detail: str,
        circle: Circle,
        context: Context,
        found: Found | None = None,
    ) -> StrategyDecided:
        figures: dict[str, object] = {"pools": list(circle.pools), "rate_bps": int(circle.rate * BPS) - BPS}
        if found is not None:
            figures |= {
                "amount_lamports": str(found.amount),
                "profit_lamports": str(found.profit_lamports),
                "roi_bps": found.roi_bps,
            }
        return StrategyDecided(
            NAME, circle.token, verdict, code, detail, slot=context.market.slot, data=figures
        )


def _remember(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > REMEMBERED_MAX:
        kept.popitem(last=False)


STRATEGY = Arbitrage
