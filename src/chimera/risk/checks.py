"""The gate's questions, one function each: a Refusal, or what was seen in a few words.

All of them are pure over `Circumstances`. Sells are asked far less: an exit must stay possible.
"""

from collections.abc import Callable

import msgspec

from chimera.domain.circumstances import Circumstances
from chimera.domain.ids import WSOL
from chimera.domain.intent import Origin, Side, Style, TradeIntent
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import TradeState
from chimera.domain.units import BPS, sol_text
from chimera.risk.token_safety import TRUSTED, TokenLimits, review_token

CYCLE_POOLS_MAX = 4  # more do not fit into a transaction
SLIPPAGE_BPS_ABSOLUTE = 500  # SPEC GD-05: 5 %, for whatever is bought, whoever sets which limit


class RiskLimits(msgspec.Struct, frozen=True):
    """What no strategy can raise."""

    position_lamports_max: int = 2_000_000_000
    open_positions_max: int = 12
    slippage_bps_max: int = 500
    exit_slippage_bps_max: int = 1_500
    slot_age_ms_max: int = 5_000
    """How long the stream may be silent before prices count as unknown."""
    balance_reserve_lamports: int = 50_000_000
    """Never spent: pays for exits."""
    trade_costs_lamports_max: int = 10_000_000
    """Fees, tip and rent of one leg, at the worst."""
    shield_bps: int = 7_000
    spear_bps: int = 3_000
    daily_loss_lamports_max: int = 5_000_000_000
    tokens: TokenLimits = TokenLimits()
    strategy_bps: dict[str, int] = {}
    """Share of the equity that a strategy may hold, by name; the others are bound by their style alone."""
    cluster_bps: int = BPS
    """Share of the equity that may lie in tokens that move together; all of it: they are not asked about."""
    correlation_bps_min: int = 7_000
    """From here on two tokens count as moving together."""
    token_bps: int = BPS
    """Share of the equity that may lie in one token, over all strategies."""
    cycle_profit_lamports_min: int = 100_000
    """The least that a cycle may ask for, after all costs: below it, chance decides."""
    cycles_in_standard_lane: bool = False
    """Whether a cycle may go without a bundle; if it fails there, its fee is lost."""
    paused: tuple[str, ...] = ()
    """Strategies that may sell and not buy, by name."""
    swap_lamports_max: int = 20_000_000_000
    """What one swap between two tokens may pay, worth in SOL; into dollars it may pay more."""

    @property
    def correlates(self) -> bool:
        """Whether anybody asks how far tokens move together."""
        return self.cluster_bps < BPS


ENTERABLE = frozenset({TradeState.PENDING, TradeState.QUEUED, TradeState.RETRY})
ADDABLE = frozenset({TradeState.ACTIVE})

Check = Callable[[TradeIntent, Circumstances, RiskLimits], "Refusal | str"]


def not_killed(_intent: TradeIntent, seen: Circumstances, _: RiskLimits) -> Refusal | str:
    return seen.kill_refusal or "kill switch off"


def not_expired(intent: TradeIntent, seen: Circumstances, _: RiskLimits) -> Refusal | str:
    age = seen.now_ms - intent.created_at_ms
    if intent.expired(seen.now_ms):
        return Refusal(Reason.TTL_EXPIRED, limit=f"{intent.ttl_ms} ms", observed=f"{age} ms")
    return f"{age} ms old"


def breaker_closed(intent: TradeIntent, seen: Circumstances, _: RiskLimits) -> Refusal | str:
    if intent.leaves:
        return "exits pass every breaker"
    return seen.breaker_refusal or "every breaker lets it pass"


def style_enabled(intent: TradeIntent, seen: Circumstances, limits: RiskLimits) -> Refusal | str:
    if not intent.leaves and intent.source in limits.paused:
        return Refusal(Reason.STRATEGY_DISABLED, observed=f"{intent.source} is paused")
    if intent.side is not Side.SELL and intent.style is Style.SPEAR and seen.spear_disabled:
        return Refusal(Reason.STRATEGY_DISABLED, observed=seen.spear_disabled)
    return f"{intent.style} enabled"


def holding(intent: TradeIntent, seen: Circumstances, _: RiskLimits) -> Refusal | str:
    if intent.side is Side.SWAP:
        return _payment(intent, seen)
    if intent.side is not Side.SELL:
        return "a buy needs no holding"
    if not 0 < intent.amount <= seen.held_tokens:
        return Refusal(Reason.NO_ACTIVE_POSITION, limit=str(seen.held_tokens), observed=str(intent.amount))
    return f"{seen.held_tokens} tokens held"


def _payment(intent: TradeIntent, seen: Circumstances) -> Refusal | str:
    """Of a swap: two tokens, neither of them SOL, and enough of the first that is no round trip's."""
    if intent.pay_mint in (None, WSOL, intent.mint) or intent.mint == WSOL:
        observed = f"{intent.pay_mint} into {intent.mint}"
        return Refusal(Reason.VALIDATION_FAILED, limit="two tokens, neither of them SOL", observed=observed)
    if not 0 < intent.amount <= seen.held_tokens:
        limit = f"{max(seen.held_tokens, 0)} held of no round trip"
        return Refusal(Reason.INSUFFICIENT_BALANCE, limit=limit, observed=str(intent.amount))
    return f"{seen.held_tokens} held of no round trip"


def round_trip(intent: TradeIntent, seen: Circumstances, _: RiskLimits) -> Refusal | str:
    """A round trip is entered once, and added to only while it is open."""
    if intent.side is Side.SELL or seen.trade_state is None:
        return "nothing to enter"
    fit = ADDABLE if seen.position_lamports else ENTERABLE
    if seen.trade_state not in fit:
        return Refusal(
            Reason.NO_ACTIVE_POSITION, limit=" or ".join(sorted(fit)), observed=f"it is {seen.trade_state}"
        )
    return f"the round trip is {seen.trade_state}"


def size(intent: TradeIntent, seen: Circumstances, limits: RiskLimits) -> Refusal | str:
    if intent.side is Side.SELL:
        return "a sell reduces risk"
    if intent.amount <= 0:
        return Refusal(Reason.POSITION_SIZE_ZERO, observed=str(intent.amount))
    if intent.side is Side.SWAP:
        return _swap_size(intent, seen, limits)
    whole = intent.amount + seen.position_lamports
    if whole > limits.position_lamports_max:
        return Refusal(
            Reason.MAX_POSITION,
            limit=f"{sol_text(limits.position_lamports_max)} SOL",
            observed=f"{sol_text(whole)} SOL",
        )
    opens = intent.side is Side.BUY and not seen.position_lamports
    if opens and seen.open_positions >= limits.open_positions_max:
        return Refusal(
            Reason.MAX_OPEN_POSITIONS, limit=str(limits.open_positions_max), observed=str(seen.open_positions)
        )
    return f"{sol_text(intent.amount)} SOL, {seen.open_positions} positions open"


def _swap_size(intent: TradeIntent, seen: Circumstances, limits: RiskLimits) -> Refusal | str:
    """What it pays with, in SOL; leaving a risk is never too much."""
    if seen.worth_lamports is None:
        if intent.leaves:
            return "nobody knows what it is worth; it leaves a risk"
        return Refusal(Reason.QUOTE_UNAVAILABLE, observed=f"nobody knows what {intent.pay_mint} is worth")
    if not intent.leaves and seen.worth_lamports > limits.swap_lamports_max:
        return Refusal(
            Reason.MAX_POSITION,
            limit=f"{sol_text(limits.swap_lamports_max)} SOL a swap",
            observed=f"{sol_text(seen.worth_lamports)} SOL",
        )
    return f"worth {sol_text(seen.worth_lamports)} SOL"


def daily_loss(intent: TradeIntent, seen: Circumstances, limits: RiskLimits) -> Refusal | str:
    if not intent.leaves and seen.lost_today_lamports > limits.daily_loss_lamports_max:
        return Refusal(
            Reason.DAILY_LOSS,
            limit=f"{sol_text(limits.daily_loss_lamports_max)} SOL",
            observed=f"{sol_text(seen.lost_today_lamports)} SOL",
        )
    return f"lost today {sol_text(max(seen.lost_today_lamports, 0))} SOL"


def capital(intent: TradeIntent, seen: Circumstances, limits: RiskLimits) -> Refusal | str:
    if intent.side is Side.SELL:
        return "a sell brings capital"
    free = seen.lamports - seen.reserved_lamports - limits.balance_reserve_lamports
    # a swap pays with tokens: of SOL it needs what it costs
    paid = 0 if intent.side is Side.SWAP else intent.amount
    needed = paid + limits.trade_costs_lamports_max
    if needed > free:
        # what other legs hold back comes free again; what is not there does not
        held_back = needed <= free + seen.reserved_lamports
        return Refusal(
            Reason.CAPITAL_CONFLICT if held_back else Reason.INSUFFICIENT_BALANCE,
            limit=f"{sol_text(max(free, 0))} SOL free",
            observed=f"{sol_text(needed)} SOL needed",
        )
    return f"{sol_text(free)} SOL free"


def allocation(intent: TradeIntent, seen: Circumstances, limits: RiskLimits) -> Refusal | str:
    if intent.side is Side.SELL:
        return "a sell frees its allocation"
    if intent.side is Side.CYCLE:
        return "a cycle holds nothing between transactions"
    if intent.side is Side.SWAP:
        return "a swap spends no SOL"
    share = limits.spear_bps if intent.style is Style.SPEAR else limits.shield_bps
    ceiling = seen.equity_lamports * share // BPS
    wanted = seen.engaged_lamports + intent.amount
    if wanted > ceiling:
        return Refusal(
            Reason.STRATEGY_HEAT_LIMIT,
            limit=f"{sol_text(ceiling)} SOL for {intent.style}",
            observed=f"{sol_text(wanted)} SOL",
        )
    return f"{sol_text(wanted)} of {sol_text(ceiling)} SOL for {intent.style}"


def budget(intent: TradeIntent, seen: Circumstances, limits: RiskLimits) -> Refusal | str:
    """The strategy's own share, and what may lie in one token whoever wants it."""
    if intent.side is Side.SELL:
        return "a sell frees its budget"
    if intent.side is Side.SWAP:
        return "a swap takes none of the round trips' budgets"
    for whose, share, engaged in (
        (intent.source, limits.strategy_bps.get(intent.source, BPS), seen.strategy_engaged_lamports),
        ("one token", limits.token_bps, seen.token_engaged_lamports),
    ):
        ceiling, wanted = seen.equity_lamports * share // BPS, engaged + intent.amount
        if share < BPS and wanted > ceiling:
            return Refusal(
                Reason.STRATEGY_HEAT_LIMIT,
                limit=f"{sol_text(ceiling)} SOL for {whose}",
                observed=f"{sol_text(wanted)} SOL",
            )
    return "within the budgets of strategy and token"


def correlation(intent: TradeIntent, seen: Circumstances, limits: RiskLimits) -> Refusal | str:
    """What lies in the token and in every held one that moves with it; unknown ones do not count."""
    if intent.side is not Side.BUY or limits.cluster_bps >= BPS:
        return "not asked about"
    beside = [lamports for bps, lamports in seen.correlated_lamports if bps >= limits.correlation_bps_min]
    wanted = sum(beside) + seen.token_engaged_lamports + intent.amount
    ceiling = seen.equity_lamports * limits.cluster_bps // BPS
    if beside and wanted > ceiling:
        return Refusal(
            Reason.CORRELATED,
            limit=f"{sol_text(ceiling)} SOL in tokens that move together",
            observed=f"{sol_text(wanted)} SOL with {len(beside)} held that do",
        )
    return f"{len(beside)} held tokens move with it"


def fresh_data(intent: TradeIntent, seen: Circumstances, limits: RiskLimits) -> Refusal | str:
    age = seen.now_ms - seen.slot_at_ms
    if intent.side is Side.SELL:
        return f"last slot {age} ms ago"
    if age > limits.slot_age_ms_max:
        return Refusal(Reason.STALE_DATA, limit=f"{limits.slot_age_ms_max} ms", observed=f"{age} ms")
    if seen.pool_doubt is not None:
        return Refusal(Reason.STALE_DATA, limit="a pool without doubt", observed=seen.pool_doubt)
    return f"last slot {age} ms ago"


def slippage(intent: TradeIntent, _: Circumstances, limits: RiskLimits) -> Refusal | str:
    most = (
        min(limits.slippage_bps_max, SLIPPAGE_BPS_ABSOLUTE)
        if intent.side is not Side.SELL
        else limits.exit_slippage_bps_max
    )
    if intent.slippage_bps_max > most:
        return Refusal(Reason.SLIPPAGE, limit=f"{most} bps", observed=f"{intent.slippage_bps_max} bps")
    return f"slippage at most {intent.slippage_bps_max} bps"


def token_safe(intent: TradeIntent, seen: Circumstances, limits: RiskLimits) -> Refusal | str:
    if intent.side is Side.SELL:
        return "a sell leaves the token"
    if intent.side is Side.CYCLE:
        return "a cycle keeps no token"
    refusal = review_token(intent.style, seen.token, seen.liquidity_micro_usd, limits.tokens)
    if refusal is not None:
        return refusal
    return "no authorities, liquid enough"


def token_sellable(intent: TradeIntent, seen: Circumstances, _: RiskLimits) -> Refusal | str:
    """The slow path's verdict; the desk makes the probe first where there is none."""
    if intent.side not in (Side.BUY, Side.SWAP) or intent.mint in TRUSTED:
        return "needs no probe"
    if seen.report is None:
        return Refusal(Reason.SIMULATION_UNAVAILABLE, observed="no probe of this token yet")
    return (
        seen.report.refusal or f"a probe of {seen.report.probe_lamports} gave {seen.report.returned_lamports}"
    )


def atomic(intent: TradeIntent, seen: Circumstances, limits: RiskLimits) -> Refusal | str:
    """A cycle names its pools and its least profit, and goes as a bundle unless settings allow otherwise."""
    reacts = intent.origin is Origin.EXECUTION_MEV_B
    if reacts != (intent.parent is not None) or (reacts and intent.side is not Side.CYCLE):
        # a reaction exists only relative to a transaction, and nothing else names one
        return Refusal(
            Reason.VALIDATION_FAILED, limit="a circle with its parent", observed=f"parent {intent.parent}"
        )
    if intent.side is not Side.CYCLE:
        return "no cycle"
    if not 2 <= len(set(intent.pools)) == len(intent.pools) <= CYCLE_POOLS_MAX:
        return Refusal(
            Reason.POOL_NOT_FOUND,
            limit=f"2 to {CYCLE_POOLS_MAX} pools, each once",
            observed=f"{len(intent.pools)} pools",
        )
    if intent.profit_lamports_min < limits.cycle_profit_lamports_min:
        return Refusal(
            Reason.UNPROFITABLE,
            limit=f"a bound of at least {sol_text(limits.cycle_profit_lamports_min)} SOL",
            observed=f"{sol_text(intent.profit_lamports_min)} SOL",
        )
    if not seen.bundles and not limits.cycles_in_standard_lane:
        return Refusal(Reason.BUNDLE_REQUIRED, limit="a bundle or nothing", observed="no block engine now")
    return f"at least {sol_text(intent.profit_lamports_min)} SOL over {len(intent.pools)} pools"


CHECKS: tuple[Check, ...] = (
    not_killed,
    breaker_closed,
    not_expired,
    style_enabled,
    holding,
    round_trip,
    atomic,
    size,
    daily_loss,
    capital,
    allocation,
    budget,
    correlation,
    fresh_data,
    slippage,
    token_safe,
    token_sellable,
)
"""In the order in which they are asked; the first no ends it."""
