"""What a leg keeps others from: under way its mint (a swap: both; a cycle: its pools), reverted whatever repeats it.

Locks are read off the books and kept nowhere: they end with the leg, or with its slot's finality, restarts or not.
"""

from collections.abc import Iterable

from chimera.domain.ids import WSOL
from chimera.domain.intent import Side, TradeIntent
from chimera.portfolio import Booked, Ledger, Leg


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


def repeated(intent: TradeIntent, ledger: Ledger) -> str:
    """Which reverted leg it would repeat, as words, while a fork could still undo the revert; empty where none.

    Undone, the reverted transaction may land after all; its replacement must not be on its way by then. An exit that
    the wallet cannot carry out twice goes at once: what lands first leaves too few tokens for the other, as long as
    nobody buys of them meanwhile.
    """
    for booked in ledger.settling.values():
        if booked.fill is None and _repeats(intent, booked, ledger):
            return f"{booked.leg.ref.leg_id} failed in slot {booked.slot}, which is not final"
    return ""


def _repeats(intent: TradeIntent, failed: Booked, ledger: Ledger) -> bool:
    leg = failed.leg
    match leg.side:
        case Side.CYCLE:
            return False  # one that is wanted again is another one, with a profit of its own
        case Side.BUY:
            return leg.ref.intent_id == intent.id
        case Side.SWAP:
            return intent.side is Side.SWAP and intent.pay_mint == leg.pay_mint
        case Side.SELL if leg.mint != intent.mint:
            return False
        case Side.SELL if intent.side is not Side.SELL:
            return True
        case Side.SELL:
            same = leg.ref.trade_id == intent.trade_id
            return same and leg.amount + intent.amount <= ledger.tokens.get(leg.mint, 0)
