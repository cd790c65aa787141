"""What momentum makes of a token: its regime, and whether to wait, to pass or to buy. Pure functions of a picture.

Two policies look at the same picture. EARLY asks everything that ESTABLISHED asks about manipulation, and more.
Must not know positions, prices to sell at, or how a picture is taken.
"""

from enum import StrEnum

import msgspec

from chimera.domain.features import Window
from chimera.domain.units import BPS, sol_text
from chimera.parameters.momentum import MomentumParams as Params


class Regime(StrEnum):
    EARLY = "EARLY"
    """Thin data, and a high chance of being played."""
    ESTABLISHED = "ESTABLISHED"


class Code(StrEnum):
    """Every reason that momentum gives."""

    WAIT_WARMING_UP = "WAIT_WARMING_UP"
    WAIT_DATA = "WAIT_DATA"
    WAIT_AGE = "WAIT_AGE"
    WAIT_LIQUIDITY = "WAIT_LIQUIDITY"
    WAIT_BUYERS = "WAIT_BUYERS"
    WAIT_HOLDERS = "WAIT_HOLDERS"
    WAIT_TRADES = "WAIT_TRADES"
    WAIT_INFLOW = "WAIT_INFLOW"
    WAIT_CREATOR_SELLING = "WAIT_CREATOR_SELLING"
    WAIT_DUMP_RECOVERY = "WAIT_DUMP_RECOVERY"
    WAIT_MOMENTUM = "WAIT_MOMENTUM"
    WAIT_BREAKOUT = "WAIT_BREAKOUT"
    WAIT_VOLUME = "WAIT_VOLUME"
    WAIT_POSITIONS = "WAIT_POSITIONS"
    REJECT_TOP_HOLDER = "REJECT_TOP_HOLDER"
    REJECT_TOP_HOLDERS = "REJECT_TOP_HOLDERS"
    REJECT_REPEATERS = "REJECT_REPEATERS"
    REJECT_DOMINANCE = "REJECT_DOMINANCE"
    REJECT_SMALL_TRADES = "REJECT_SMALL_TRADES"
    REJECT_CREATOR_SOLD = "REJECT_CREATOR_SOLD"
    REJECT_LIQUIDITY_PULLED = "REJECT_LIQUIDITY_PULLED"
    REJECT_GRADUATING = "REJECT_GRADUATING"
    REJECT_POOL_DOUBTFUL = "REJECT_POOL_DOUBTFUL"
    EXIT_STOP = "EXIT_STOP"
    EXIT_TRAILING = "EXIT_TRAILING"
    EXIT_TAKE_PROFIT = "EXIT_TAKE_PROFIT"
    EXIT_TIME = "EXIT_TIME"
    EXIT_BUY_RATIO = "EXIT_BUY_RATIO"
    EXIT_GRADUATING = "EXIT_GRADUATING"
    EXIT_LIQUIDITY_PULLED = "EXIT_LIQUIDITY_PULLED"

    @property
    def verdict(self) -> str:
        """WAIT, REJECT or EXIT."""
        return self.value.partition("_")[0]


class Picture(msgspec.Struct, frozen=True):
    """All that both policies look at."""

    age_ms: int
    age_slots: int
    progress_bps: int | None
    """Of its bonding curve; None where it trades in pools alone."""
    doubtful: str
    liquidity_lamports: int
    pulled_bps: int
    last_30_s: Window
    last_60_s: Window
    last_120_s: Window
    last_dump: Window
    """Of `dump_window_s`."""
    creator_window: Window
    """Of `creator_window_s`."""
    dump_age_ms: int | None
    """Since the last dump; None where there was none."""
    creator_sold_bps: int | None
    """Of what its creator bought; None where nobody knows him or he bought nothing."""
    holders: int
    holdings_top: tuple[int, ...]
    bars_high: int | None
    """Highest price of the `breakout_bars` bars of 15 s before; None while there are fewer."""
    bars_lamports: int
    """Mean volume of those bars."""
    last_15_s: Window


class Word(msgspec.Struct, frozen=True):
    """Why not, with what was seen."""

    code: Code
    detail: str


def regime(picture: Picture, params: Params) -> Regime:
    """The same picture always has the same regime."""
    if picture.progress_bps is not None or picture.age_slots < params.boundary_slots:
        return Regime.EARLY
    return Regime.ESTABLISHED


def judge(picture: Picture, params: Params) -> Word | None:
    """None: buy. Manipulation is looked for before the signal, since manipulation makes signals."""
    which = regime(picture, params)
    early = which is Regime.EARLY
    return (
        _fit(picture, params, early=early)
        or (_early_safety(picture, params) if early else None)
        or _activity(picture, params)
        or _manipulation(picture, params)
        or (_early_holders(picture, params) if early else None)
        or (_surge(picture, params) if early else _breakout(picture, params))
    )


def _fit(picture: Picture, params: Params, *, early: bool) -> Word | None:
    """What holds in both regimes before anything is looked at closely."""
    if picture.doubtful:
        return Word(Code.REJECT_POOL_DOUBTFUL, picture.doubtful)
    if not picture.last_120_s.whole:
        return Word(Code.WAIT_DATA, "it trades more than can be remembered")
    if picture.age_ms < params.token_age_s_min * 1_000:
        return Word(Code.WAIT_AGE, f"{picture.age_ms // 1_000} s old, at least {params.token_age_s_min}")
    if picture.pulled_bps > params.pull_bps_max:
        return Word(
            Code.REJECT_LIQUIDITY_PULLED,
            f"{picture.pulled_bps} bps of its SOL were taken out, at most {params.pull_bps_max}",
        )
    least = params.early_liquidity_lamports_min if early else params.liquidity_lamports_min
    if picture.liquidity_lamports < least:
        return Word(
            Code.WAIT_LIQUIDITY,
            f"{sol_text(picture.liquidity_lamports)} SOL deep, at least {sol_text(least)}",
        )
    return None


def _early_safety(picture: Picture, params: Params) -> Word | None:
    """What only a young token is asked: its curve, its creator, its first dump."""
    if picture.progress_bps is not None and picture.progress_bps >= params.progress_bps_max:
        return Word(Code.REJECT_GRADUATING, f"its curve is {picture.progress_bps} bps full")
    sold = picture.creator_sold_bps
    if sold is not None and sold >= params.creator_sold_bps:
        if not params.community_takeover:
            return Word(Code.REJECT_CREATOR_SOLD, f"its creator sold {sold} bps of what he bought")
    elif sold and picture.age_ms < params.creator_window_s * 1_000:
        return Word(Code.WAIT_CREATOR_SELLING, f"its creator is at it: {sold} bps sold")
    if picture.dump_age_ms is None:
        return None
    window = picture.last_dump
    recovered = (
        picture.dump_age_ms >= params.dump_wait_s * 1_000
        and window.buy_bps >= params.dump_buy_bps_min
        and window.net_lamports >= params.dump_inflow_lamports_min
    )
    if recovered:
        return None
    since = f"{window.buy_bps} bps buys and {sol_text(window.net_lamports)} SOL lately"
    return Word(Code.WAIT_DUMP_RECOVERY, f"dumped {picture.dump_age_ms // 1_000} s ago, {since}")


def _activity(picture: Picture, params: Params) -> Word | None:
    two_minutes, minute = picture.last_120_s, picture.last_60_s
    if two_minutes.buyers < params.buyers_min:
        return Word(Code.WAIT_BUYERS, f"{two_minutes.buyers} wallets bought, at least {params.buyers_min}")
    if two_minutes.trades * 100 < params.trades_per_100_s_min * 120:
        return Word(Code.WAIT_TRADES, f"{two_minutes.trades} trades in 120 s")
    if minute.net_lamports < params.inflow_lamports_min:
        return Word(
            Code.WAIT_INFLOW,
            f"{sol_text(minute.net_lamports)} SOL came in, at least {sol_text(params.inflow_lamports_min)}",
        )
    return None


def _manipulation(picture: Picture, params: Params) -> Word | None:
    """Asked in both regimes: volume that few make, dust that looks like a crowd."""
    window = picture.last_120_s
    share = window.largest_lamports * BPS // window.lamports if window.lamports else 0
    if share > params.dominance_bps_max:
        return Word(
            Code.REJECT_DOMINANCE,
            f"one wallet makes {share} bps of the volume, at most {params.dominance_bps_max}",
        )
    small = window.small_trades * BPS // window.trades if window.trades else 0
    if small > params.small_trades_bps_max:
        return Word(
            Code.REJECT_SMALL_TRADES,
            f"{small} bps of its trades are dust, at most {params.small_trades_bps_max}",
        )
    if window.traders >= params.repeaters_traders_min:
        repeaters = window.repeaters * BPS // window.traders
        if repeaters > params.repeaters_bps_max:
            return Word(Code.REJECT_REPEATERS, f"{repeaters} bps of its wallets trade again and again")
    return None


def _early_holders(picture: Picture, params: Params) -> Word | None:
    if picture.holders < params.holders_min:
        return Word(Code.WAIT_HOLDERS, f"{picture.holders} wallets hold it, at least {params.holders_min}")
    top = picture.holdings_top
    if top and top[0] > params.top_holder_bps_max:
        return Word(
            Code.REJECT_TOP_HOLDER, f"one wallet holds {top[0]} bps, at most {params.top_holder_bps_max}"
        )
    if sum(top) > params.top_holders_bps_max:
        return Word(
            Code.REJECT_TOP_HOLDERS,
            f"three wallets hold {sum(top)} bps, at most {params.top_holders_bps_max}",
        )
    return None


def _surge(picture: Picture, params: Params) -> Word | None:
    """EARLY: buyers outweigh sellers and the price follows."""
    buys, rise = picture.last_60_s.buy_bps, picture.last_30_s.rise_bps
    if buys < params.early_buy_bps_min or rise < params.early_rise_bps_min:
        return Word(
            Code.WAIT_MOMENTUM,
            f"{buys} bps buys and {rise} bps up in 30 s, at least {params.early_buy_bps_min} and "
            f"{params.early_rise_bps_min}",
        )
    return None


def _breakout(picture: Picture, params: Params) -> Word | None:
    """ESTABLISHED: above the highest price of the bars before, on more volume than theirs."""
    if picture.bars_high is None:
        return Word(Code.WAIT_DATA, f"fewer than {params.breakout_bars} bars")
    price, line = picture.last_15_s.last_price, picture.bars_high * (BPS + params.breakout_bps_min) // BPS
    if price <= line:
        return Word(Code.WAIT_BREAKOUT, f"at {price}, to break {line}")
    if picture.last_15_s.lamports * 100 < picture.bars_lamports * params.volume_factor_percent:
        return Word(
            Code.WAIT_VOLUME,
            f"{sol_text(picture.last_15_s.lamports)} SOL in 15 s, at least {params.volume_factor_percent} % of "
            f"{sol_text(picture.bars_lamports)}",
        )
    return None
