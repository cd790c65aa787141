"""What a leg under way keeps others from: its mint (a swap: both), and where a cycle takes part, the pools.

Locks are read off the legs that are under way and kept nowhere: they end with the leg, whatever becomes of it.
"""

from collections.abc import Iterable

from chimera.domain.ids import WSOL
from chimera.domain.intent import Side, TradeIntent
from chimera.portfolio import Leg


def conflict(intent: TradeIntent, legs: Iterable[Leg]) -> str:
    """Which leg stands in its way, as words; empty where none does.

    A mint's account of ours is opened, filled and closed by one leg at a time. A cycle earns what its pools give at
    one state of theirs, so that of two legs over one pool, one of them a cycle, the second waits.
    """
    for leg in legs:
        if not {leg.mint, leg.pay_mint}.isdisjoint({intent.mint, intent.pay_mint} - {None}):
            return "a leg of its mint is under way"
        if Side.CYCLE not in (leg.side, intent.side):
            continue
        if any(hop.pool in intent.pools for hop in leg.hops):
            return "a leg over one of its pools is under way"
        through = {mint for hop in leg.hops for mint in (hop.input_mint, hop.output_mint) if mint != WSOL}
        if leg.side is Side.CYCLE and not through.isdisjoint({intent.mint, intent.pay_mint}):
            return "a cycle through its mint is under way"
    return ""
