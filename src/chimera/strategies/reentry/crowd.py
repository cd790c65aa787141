"""Whether a crowd stands behind a move, or a few who make it look so. Pure functions of what the trades told.

A chart alone cannot tell a token that many want from one whose maker trades with himself, nor a break from the push
of one large swap that is traded back at once. Must not know bars nor positions.
"""

from chimera.domain.features import TokenSeen, Window
from chimera.domain.units import BPS
from chimera.parameters.reentry import ReentryParams as Params
from chimera.strategies.reentry.setups import Code, Word


def doubt(window: Window, seen: TokenSeen | None, now_ms: int, params: Params) -> Word | None:
    """Why not to follow; None where a crowd buys. `window` is of `demand_window_s`."""
    if seen is None or not window.whole:
        return Word(Code.WAIT_BUYERS, "it trades more than can be remembered")
    age_ms = now_ms - seen.first_ms
    if age_ms < params.token_age_s_min * 1_000:
        return Word(Code.WAIT_AGE, f"{age_ms // 1_000} s old, at least {params.token_age_s_min}")
    return _few(seen, window, params) or _demand(window, params)


def _few(seen: TokenSeen, window: Window, params: Params) -> Word | None:
    """What is seen of holdings counts, whoever bought before we looked apart."""
    top = seen.holdings_top
    if top and top[0] > params.top_holder_bps_max:
        limit = params.top_holder_bps_max
        return Word(Code.REJECT_TOP_HOLDERS, f"one wallet holds {top[0]} bps, at most {limit}")
    if sum(top) > params.top_holders_bps_max:
        limit = params.top_holders_bps_max
        return Word(Code.REJECT_TOP_HOLDERS, f"three wallets hold {sum(top)} bps, at most {limit}")
    if window.traders >= params.repeaters_traders_min:
        share = window.repeaters * BPS // window.traders
        if share > params.repeaters_bps_max:
            told = f"{share} bps of its wallets trade again and again, at most {params.repeaters_bps_max}"
            return Word(Code.REJECT_REPEATERS, told)
    return None


def _demand(window: Window, params: Params) -> Word | None:
    if window.buyers < params.buyers_min:
        return Word(Code.WAIT_BUYERS, f"{window.buyers} wallets bought, at least {params.buyers_min}")
    if window.buy_bps < params.demand_bps_min:
        return Word(
            Code.WAIT_DEMAND, f"{window.buy_bps} bps of its trades are buys, at least {params.demand_bps_min}"
        )
    return None
