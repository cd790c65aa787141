"""The workers: who reacts to which parent, and who stays off because nothing here lets him work.

Parents come from the journal (our own legs) and from the stream (trades that have happened). One reaction a pool
and pause, whoever asks for it. Must not know who carries the intents on.
"""

from collections import OrderedDict
from collections.abc import Iterator
from enum import StrEnum
from typing import TypeVar

import msgspec

from chimera.domain.ids import WSOL, Address, IntentId, Signature, TradeId, derived_id
from chimera.domain.intent import Origin, Side, Style, TradeIntent
from chimera.domain.market import MarketEvent, PoolUpdated, Trade
from chimera.domain.messages import Entry, LegDropped, LegExpired, LegLanded, LegPlanned, LegReverted
from chimera.domain.units import BPS, mul_div_floor, sol_text
from chimera.execution.mev.search import CircleSearch
from chimera.market.view import MarketView

LEGS_REMEMBERED = 1_000
PARENTS_REMEMBERED = 1_000

K = TypeVar("K")
V = TypeVar("V")


class Kind(StrEnum):
    EXECUTION_ARB = "execution_arb"
    """Closes the gap that a leg of our own has opened."""
    BACKRUN = "backrun"
    """Closes the gap that somebody's trade has opened, after it and never before."""
    RE_ARB = "re_arb"
    """Looks again where a circle of our own came too late or failed."""
    LIQUIDATION = "liquidation"
    JIT_LIQUIDITY = "jit_liquidity"


UNAVAILABLE = {
    Kind.LIQUIDATION: "no lending market is among the venues, so there is nothing to liquidate",
    Kind.JIT_LIQUIDITY: "no venue here adds liquidity, and nothing is ever placed before somebody's trade",
}
"""Workers that are known and cannot work here, with the reason: switched on, they say so and stay off."""


class MevLimits(msgspec.Struct, frozen=True):
    on: frozenset[Kind] = frozenset()
    profit_lamports_min: int = 5_000_000
    """After all costs."""
    size_lamports_max: int = 1_000_000_000
    probe_lamports: int = 50_000_000
    costs_lamports: int = 1_050_000
    """Fee and tip that a reaction is expected to cost."""
    ttl_ms: int = 800
    pause_ms: int = 1_000
    """Between two reactions over one pool."""
    parent_lamports_min: int = 1_000_000_000
    """A stranger's trade below is not worth a look."""


class Parent(msgspec.Struct, frozen=True):
    kind: Kind
    signature: Signature
    pools: tuple[Address, ...]
    told: str


class MevWorkers:
    def __init__(self, view: MarketView, limits: MevLimits) -> None:
        self._view, self.limits = view, limits
        self._search = CircleSearch(
            view, probe_lamports=limits.probe_lamports, size_lamports_max=limits.size_lamports_max
        )
        self._planned: OrderedDict[str, tuple[Address, ...]] = OrderedDict()
        """Pools of our legs under way."""
        self._circles: OrderedDict[str, None] = OrderedDict()
        """Those of them that are circles."""
        self._seen: OrderedDict[Address, Parent] = OrderedDict()
        """Strangers' trades whose pool has not been written since, as far as we know."""
        self._rests: OrderedDict[Address, int] = OrderedDict()

    @property
    def working(self) -> frozenset[Kind]:
        return self.limits.on - UNAVAILABLE.keys()

    @property
    def refused(self) -> dict[Kind, str]:
        """Workers that were switched on and cannot work here."""
        return {kind: why for kind, why in UNAVAILABLE.items() if kind in self.limits.on}

    def on_entry(self, entry: Entry, now_ms: int) -> list[TradeIntent]:
        """What our own legs make worth doing; folds them whether or not anything is switched on."""
        parent = self._own(entry)
        return [] if parent is None or parent.kind not in self.working else list(self._react(parent, now_ms))

    def on_market(self, event: MarketEvent, now_ms: int) -> list[TradeIntent]:
        """What strangers' trades make worth doing, once the pool that they went through is known as they left it."""
        if Kind.BACKRUN not in self.working:
            return []
        match event:
            case Trade(swap) if self._large(swap.input_mint, swap.amount_in) or self._large(
                swap.output_mint, swap.amount_out
            ):
                told = f"{sol_text(self._worth(swap.input_mint, swap.amount_in))} SOL traded on {swap.venue}"
                parent = Parent(Kind.BACKRUN, swap.signature, (swap.pool,), told)
                _remember(self._seen, swap.pool, parent, PARENTS_REMEMBERED)
                return list(self._react(parent, now_ms))
            case PoolUpdated(pool=header) if (seen := self._seen.pop(header.address, None)) is not None:
                return list(self._react(seen, now_ms))
            case _:
                return []

    def _own(self, entry: Entry) -> Parent | None:
        match entry.fact:
            case LegPlanned(leg, hops):
                _remember(self._planned, leg.leg_id, tuple(hop.pool for hop in hops), LEGS_REMEMBERED)
                if hops and hops[0].input_mint == hops[-1].output_mint == WSOL:
                    _remember(self._circles, leg.leg_id, None, LEGS_REMEMBERED)
            case LegLanded(leg, fill):
                pools, circle = self._ended(leg.leg_id)
                if not circle:
                    return Parent(Kind.EXECUTION_ARB, fill.signature, pools, "our own trade moved its pools")
            case LegReverted(leg, signature) | LegExpired(leg, signature):
                pools, circle = self._ended(leg.leg_id)
                if circle:
                    return Parent(Kind.RE_ARB, signature, pools, "a circle of ours came to nothing")
            case LegDropped(leg):
                self._ended(leg.leg_id)
            case _:
                pass
        return None

    def _ended(self, leg_id: str) -> tuple[tuple[Address, ...], bool]:
        """(pools of the leg, whether it was a circle); forgets it."""
        pools, circle = self._planned.pop(leg_id, ()), leg_id in self._circles
        self._circles.pop(leg_id, None)
        return pools, circle

    def _react(self, parent: Parent, now_ms: int) -> Iterator[TradeIntent]:
        """At most one circle a parent, through the first of its pools that pays."""
        limits = self.limits
        for pool in parent.pools:
            if now_ms < self._rests.get(pool, 0):
                continue
            circle = self._search.best(pool)
            profit = 0 if circle is None else circle.gain - limits.costs_lamports
            if circle is None or profit < limits.profit_lamports_min:
                continue
            for touched in circle.pools:
                _remember(self._rests, touched, now_ms + limits.pause_ms, PARENTS_REMEMBERED)
            self._seen.pop(pool, None)
            trade_id = TradeId(derived_id("mev", parent.kind, parent.signature, *circle.pools))
            yield TradeIntent(
                id=IntentId(derived_id("mev", "circle", trade_id)),
                trade_id=trade_id,
                signal_id=None,
                source=f"mev.{parent.kind}",
                origin=Origin.EXECUTION_MEV_B,
                style=Style.SPEAR,
                side=Side.CYCLE,
                mint=circle.mint,
                symbol="",
                amount=circle.amount,
                slippage_bps_max=100,
                created_at_ms=now_ms,
                ttl_ms=limits.ttl_ms,
                reason=f"after {parent.signature}: {parent.told}",
                expected_edge_bps=mul_div_floor(profit, BPS, circle.amount),
                expected_profit_lamports=profit,
                urgency=2,
                pools=circle.pools,
                profit_lamports_min=limits.profit_lamports_min,
                parent=parent.signature,
            )
            return

    def _large(self, mint: Address, amount: int) -> bool:
        return self._worth(mint, amount) >= self.limits.parent_lamports_min

    def _worth(self, mint: Address, amount: int) -> int:
        return self._view.worth_lamports(mint, amount) or 0


def _remember(kept: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)
