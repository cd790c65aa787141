"""What each fact says in one sentence, the same in the tables, the API, the terminal and `chimera why`.

It sees one fact and what is known about its subject; it looks nothing up.
"""

from typing import assert_never

import msgspec

from chimera.domain.ids import Address, TradeId
from chimera.domain.intent import Side
from chimera.domain.messages import (
    BreakerMoved,
    CapitalMoved,
    ConfigChanged,
    DeadLetterHandled,
    DiscrepancyResolved,
    ExitRecovered,
    Fact,
    FillValued,
    IntentApproved,
    IntentEmitted,
    IntentRefused,
    KillSwitchMoved,
    LegDropped,
    LegExpired,
    LegFinalized,
    LegLanded,
    LegPlanned,
    LegRebooked,
    LegReverted,
    LegSent,
    LegSigned,
    LegSimulated,
    LegStuck,
    LegUndone,
    LevelsSet,
    Noted,
    PortfolioChanged,
    PositionsReconciled,
    Reconciled,
    RunStarted,
    SignalAccepted,
    SignalDropped,
    SignalRefused,
    StrategyDecided,
    StrategyMoved,
    TokenChecked,
    TradeMoved,
    UpkeepDropped,
    UpkeepExpired,
    UpkeepLanded,
    UpkeepPlanned,
    UpkeepSigned,
    WalletChanged,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Fill, Levels, TradeState
from chimera.domain.units import MICRO_USD, sol_text


class About(msgspec.Struct, frozen=True, kw_only=True):
    """Whom and what a fact concerns; empty where that is not known."""

    trade_id: TradeId | None = None
    signal_id: str | None = None
    intent_id: str | None = None
    leg_id: str | None = None
    signature: str | None = None
    mint: str = ""
    symbol: str = ""
    wallet: str = ""
    """The copied one."""
    strategy: str = ""
    side: str = ""
    realised_lamports: int | None = None
    """Of the round trip, up to and with this fact."""
    decimals: int | None = None
    """Of the token, once a fill has told them."""
    paid: "About | None" = None
    """Of a swap: the token that it pays with."""

    def amount(self, base_units: int) -> str:
        """1234567 with 5 decimals -> "12.34567"; base units by that name where the decimals are not known."""
        if self.decimals is None:
            return f"{base_units} base units of"
        whole, part = divmod(base_units, 10**self.decimals)
        digits = f"{part:0{self.decimals}d}".rstrip("0") if self.decimals else ""
        return f"{whole:,}" + (f".{digits}" if digits else "")

    @property
    def token(self) -> str:
        return self.symbol or short(self.mint) or "a token"


NOTHING = About()

WORDS = {
    Reason.BAD_SIGNATURE: "the signature does not fit the body",
    Reason.MISSING_SIGNATURE: "there is no signature",
    Reason.STALE_TIMESTAMP: "the timestamp is outside of the replay window",
    Reason.RATE_LIMITED: "too many requests",
    Reason.QUEUE_FULL: "the queue is full",
    Reason.LOAD_SHED: "the queue is long, and SPEAR yields first",
    Reason.PARSE_ERROR: "the payload cannot be read",
    Reason.VALIDATION_FAILED: "the payload is not valid",
    Reason.DUPLICATE_SIGNAL: "it was accepted before",
    Reason.UNKNOWN_TOKEN: "the token is not known",
    Reason.UNKNOWN_WALLET: "the wallet is not known",
    Reason.WALLET_NOT_ACTIVE: "the wallet is not ACTIVE",
    Reason.DEFERRED: "it waits until its position is open",
    Reason.NO_ACTIVE_POSITION: "there is no open position to sell",
    Reason.POSITION_OPEN: "a position in it is open already",
    Reason.POSITION_SIZE_ZERO: "the copy would be too small",
    Reason.STRATEGY_HEAT_LIMIT: "the strategy's share of the capital is used up",
    Reason.STRATEGY_DISABLED: "the strategy is switched off",
    Reason.SIGNAL_QUALITY: "the signal is not good enough",
    Reason.UNPROVEN_WALLET: "the wallet's gains may be chance, and nobody else buys it",
    Reason.KILL_SWITCH: "the kill switch is on",
    Reason.NOT_READY: "the desk is not ready",
    Reason.BREAKER_OPEN: "the loss breaker is open",
    Reason.SLIPPAGE_BREAKER: "prices slipped too far too often lately",
    Reason.SIGNING_BREAKER: "signing failed too often lately",
    Reason.TRADE_FAILURE_BREAKER: "too many trades came to nothing lately",
    Reason.CONFIRMATION_BREAKER: "too many transactions went unconfirmed lately",
    Reason.NETWORK_BREAKER: "the last node that is left failed too often lately",
    Reason.TTL_EXPIRED: "it came too late",
    Reason.DUPLICATE_INTENT: "the same intent was seen before",
    Reason.CAPITAL_CONFLICT: "the capital is promised to another trade",
    Reason.RESOURCE_CONFLICT: "another trade in the same token was under way",
    Reason.STARVED: "others went first until its time was over",
    Reason.MAX_POSITION: "the position would be too large",
    Reason.MAX_OPEN_POSITIONS: "too many positions are open",
    Reason.DAILY_LOSS: "the day's losses reached their limit",
    Reason.CORRELATED: "too much would lie in tokens that move together",
    Reason.INSUFFICIENT_BALANCE: "the balance does not suffice",
    Reason.STALE_DATA: "market data are too old",
    Reason.TOKEN_UNSAFE: "the token is not safe",
    Reason.FREEZE_AUTHORITY: "somebody can freeze the token",
    Reason.MINT_AUTHORITY: "somebody can mint more of the token",
    Reason.HONEYPOT: "the token cannot be sold",
    Reason.LIQUIDITY: "its pools hold too little",
    Reason.SLIPPAGE: "the price would slip too far",
    Reason.POOL_NOT_FOUND: "there is no pool for it",
    Reason.QUOTE_UNAVAILABLE: "no pool gives a quote",
    Reason.POOL_DISABLED: "the pool is switched off",
    Reason.AMOUNT_OUT_OF_RANGE: "the amount is out of range",
    Reason.FEES_ABOVE_LIMIT: "the fees are above their limit",
    Reason.TRANSACTION_TOO_LARGE: "the transaction would be too large",
    Reason.UNPROFITABLE: "it would not pay after all costs",
    Reason.BUNDLE_REQUIRED: "it may go as a bundle alone, and no block engine takes one",
    Reason.SIMULATION_FAILED: "its simulation failed",
    Reason.SIMULATION_UNAVAILABLE: "it could not be simulated",
}


def sentence(fact: Fact, about: About = NOTHING) -> str:
    """The fact in one sentence for people; amounts in SOL, tokens in whole ones where their decimals are known."""
    match fact:
        case SignalAccepted() | SignalRefused() | SignalDropped():
            return _signal(fact, about)
        case IntentEmitted() | IntentRefused() | IntentApproved():
            return _intent(fact, about)
        case LegPlanned() | LegSimulated() | LegDropped() | LegSigned() | LegSent():
            return _leg_under_way(fact, about)
        case LegLanded(fill=fill):
            return _landed(fill, about)
        case LegReverted():
            return (
                f"The {_swap(about)} was put on chain in slot {fact.slot} but failed there ({fact.error}); "
                f"only its fee of {sol_text(-fact.lamports_delta)} SOL is gone."
            )
        case LegExpired():
            return (
                f"The {_swap(about)} expired: block height {fact.block_height} passed and the chain "
                "does not know it. Nothing was spent."
            )
        case LegStuck() | LegFinalized() | LegUndone() | LegRebooked() | ExitRecovered():
            return _afterwards(fact, about)
        case TradeMoved():
            return _moved(fact, about)
        case StrategyDecided():
            detail = f": {fact.detail.rstrip('.')}" if fact.detail else ""
            return f"{fact.strategy} decided {fact.verdict} {fact.code} on {about.token}{detail}."
        case TokenChecked(report):
            if report.refusal is not None:
                return f"{about.token} must not be bought: {_why_not(report.refusal)}."
            return (
                f"{about.token} can be sold: a simulated {sol_text(report.probe_lamports)} SOL buy and sell "
                f"gave {sol_text(report.returned_lamports)} SOL back."
            )
        case UpkeepPlanned() | UpkeepDropped() | UpkeepSigned() | UpkeepLanded() | UpkeepExpired():
            return _upkeep(fact)
        case PositionsReconciled() | DiscrepancyResolved() | DeadLetterHandled():
            return _review(fact)
        case LevelsSet():
            return f"{fact.by} set {levels_text(fact.levels)} for {about.token}: {fact.cause}."
        case _:
            return _house(fact)


def _signal(fact: SignalAccepted | SignalRefused | SignalDropped, about: About) -> str:
    match fact:
        case SignalAccepted(signal):
            whom = "" if str(signal.source) == "operator" else f", copying {short(signal.wallet)}"
            if signal.side is Side.BUY:
                what = f"BUY {sol_text(signal.amount_lamports)} SOL of {about.token} ({signal.strategy})"
            elif signal.fraction_bps < 10_000:
                what = f"SELL {signal.fraction_bps / 100:g} % of {about.token}"
            else:
                what = f"SELL all {about.token}"
            return f"Signal from the {signal.source} accepted: {what}{whom}."
        case SignalRefused():
            return f"Signal from the {fact.source} refused: {_why_not(fact.refusal)}."
        case SignalDropped():
            return (
                f"{about.strategy or 'The strategy'} declined the {_swap(about)}: {_why_not(fact.refusal)}."
            )


def _intent(fact: IntentEmitted | IntentRefused | IntentApproved, about: About) -> str:
    match fact:
        case IntentEmitted(intent):
            if intent.side is Side.CYCLE:
                circle = f"send {sol_text(intent.amount)} SOL through {len(intent.pools)} pools and back"
                bound = f"for at least {sol_text(intent.profit_lamports_min)} SOL after all costs"
                return f"{intent.source} wants to {circle}, {bound}: {intent.reason.rstrip('.')}."
            paid = about.paid or NOTHING
            swap = f"swap {paid.amount(intent.amount)} {paid.token} for {about.token}"
            what = (
                f"buy {about.token} for {sol_text(intent.amount)} SOL"
                if intent.side is Side.BUY
                else swap
                if intent.side is Side.SWAP
                else f"sell {about.amount(intent.amount)} {about.token}"
            )
            bound = f"at most {intent.slippage_bps_max / 100:g} % slippage"
            return f"{intent.source} wants to {what}, {bound}: {intent.reason.rstrip('.')}."
        case IntentRefused():
            return f"The gate refused the {_swap(about)}: {_why_not(fact.refusal)}."
        case IntentApproved():
            passed = f": it passed all {len(fact.checks)} checks" if fact.checks else ""
            return f"The gate approved the {_swap(about)}{passed}."


def _leg_under_way(fact: LegPlanned | LegSimulated | LegDropped | LegSigned | LegSent, about: About) -> str:
    match fact:
        case LegPlanned():
            route = " then ".join(f"{hop.venue} {short(hop.pool)}" for hop in fact.hops)
            tip = f", tip {sol_text(fact.tip_lamports)} SOL" if fact.tip_lamports else ""
            return (
                f"Planned over {route or 'no pool'}: {fact.amount_in} in, {fact.expected_out} out expected, "
                f"{fact.minimum_out} at least, quoted at slot {fact.slot}{tip}."
            )
        case LegSimulated():
            if fact.error is not None:
                return f"The simulation of the {_swap(about)} failed at slot {fact.slot}: {fact.error}."
            return f"The simulation succeeded at slot {fact.slot} with {fact.compute_units} compute units."
        case LegDropped():
            return f"The {_swap(about)} was given up before signing: {_why_not(fact.refusal)}."
        case LegSigned():
            return (
                f"Signed and written down as {short(fact.signature)}; "
                f"valid until block height {fact.last_valid_block_height}."
            )
        case LegSent():
            again = f", attempt {fact.attempt}" if fact.attempt > 1 else ""
            return f"Sent by {fact.lane}{again}."


def _landed(fill: Fill, about: About) -> str:
    costs = f"fee {sol_text(fill.fee_lamports)}"
    costs += f", tip {sol_text(fill.tip_lamports)}" if fill.tip_lamports else ""
    if fill.rent_lamports:
        costs += f", rent {'back ' if fill.rent_lamports < 0 else ''}{sol_text(abs(fill.rent_lamports))}"
    if fill.side is Side.CYCLE:
        what = f"The circle through {about.token} gave {sol_text(fill.swap_lamports)} SOL before costs"
    elif fill.side is Side.BUY:
        what = f"Bought {about.amount(fill.token_delta)} {about.token} for {sol_text(fill.swap_lamports)} SOL"
    elif fill.side is Side.SWAP:
        paid = about.paid or NOTHING
        given = -dict(fill.other_tokens).get(Address(paid.mint), 0)
        got = f"{about.amount(fill.token_delta)} {about.token}"
        what = f"Swapped {paid.amount(given)} {paid.token} for {got}"
    else:
        what = f"Sold {about.amount(-fill.token_delta)} {about.token} for {sol_text(fill.swap_lamports)} SOL"
    return f"{what} ({costs} SOL), confirmed in slot {fill.slot}."


def _afterwards(fact: LegStuck | LegFinalized | LegUndone | LegRebooked | ExitRecovered, about: About) -> str:
    match fact:
        case LegStuck():
            return (
                f"Nobody has said for {fact.waited_ms // 1_000} s what became of the {_swap(about)} "
                f"({short(fact.signature)}); it is sent and asked about on, and nothing is signed in its place."
            )
        case LegFinalized():
            return f"The {_swap(about)} is final in slot {fact.slot}."
        case LegUndone():
            return (
                f"A fork undid the {_swap(about)} that was booked in slot {fact.slot} ({fact.cause}); the books "
                "took it back, and the same transaction is followed again."
            )
        case LegRebooked(fill=fill):
            return f"A fork moved the {_swap(about)} to slot {fill.slot}; it is booked as it is there."
        case ExitRecovered():
            return (
                f"The sale of {about.token} hung for {fact.waited_ms // 1_000} s; by the chain it is "
                f"{fact.after}: {fact.cause.rstrip('.')}."
            )


def _moved(fact: TradeMoved, about: About) -> str:
    cause = f": {fact.cause.rstrip('.')}" if fact.cause else ""
    if fact.after is TradeState.CLOSED and about.realised_lamports is not None:
        if about.side == Side.SWAP:
            return f"The swap into {about.token} is done; it cost {sol_text(-about.realised_lamports)} SOL{cause}."
        sign = "+" if about.realised_lamports > 0 else ""
        return (
            f"{about.token} closed with {sign}{sol_text(about.realised_lamports)} SOL, all costs paid{cause}."
        )
    if fact.after is fact.before:
        return f"The trade in {about.token} stays {fact.after}{cause}."
    if fact.after is TradeState.DEAD_LETTER:
        return f"The trade in {about.token} was given up after {fact.retry} retries{cause}."
    return f"The trade in {about.token} went from {fact.before} to {fact.after}{cause}."


def _house(
    fact: RunStarted
    | CapitalMoved
    | BreakerMoved
    | StrategyMoved
    | KillSwitchMoved
    | WalletChanged
    | PortfolioChanged
    | FillValued
    | ConfigChanged
    | Reconciled
    | Noted,
) -> str:
    match fact:
        case RunStarted():
            return f"Chimera {fact.build} started, trading with {short(fact.wallet)}."
        case CapitalMoved():
            way = "came in" if fact.lamports >= 0 else "went out"
            tokens = "".join(f" and {change:+d} base units of {short(mint)}" for mint, change in fact.tokens)
            return f"{sol_text(abs(fact.lamports))} SOL{tokens} {way} by no trade of ours: {fact.cause}."
        case BreakerMoved():
            return f"{fact.by} moved the {fact.breaker} breaker from {fact.before} to {fact.after}: {fact.cause}."
        case StrategyMoved():
            what = "parked" if fact.after == "PARKED" else "let go on with"
            return f"{fact.by} {what} the strategy {fact.strategy}: {fact.cause.rstrip('.')}."
        case KillSwitchMoved():
            what = f"on ({fact.scope})" if fact.active else "off"
            return f"{fact.by} switched the kill switch {what}: {fact.cause}."
        case WalletChanged(wallet):
            return f"{fact.by} set wallet {short(wallet.address)} to {wallet.status}: {fact.cause}."
        case FillValued():
            worth = f"{fact.sol_micro_usd / MICRO_USD:.2f}"
            return f"A SOL was worth {worth} USD ({fact.source}) when {short(fact.signature)} landed."
        case PortfolioChanged(portfolio):
            what = "closed" if portfolio.closed else "set"
            return f"{fact.by} {what} a portfolio of {portfolio.owner}: {fact.cause}."
        case ConfigChanged():
            return f"{fact.by} changed {fact.key} from {fact.old or 'nothing'} to {fact.new}: {fact.cause}."
        case Reconciled():
            return _reconciled(fact)
        case Noted():
            return f"Noted: {fact.what}."
        case _:
            assert_never(fact)


def _reconciled(fact: Reconciled) -> str:
    off = fact.actual_lamports - fact.expected_lamports
    if not off and not fact.token_differences:
        return f"Books and chain agree at slot {fact.slot}: {sol_text(fact.actual_lamports)} SOL."
    tokens = "".join(
        f"; {short(mint)}: {expected} expected, {actual} there"
        for mint, expected, actual in fact.token_differences
    )
    return f"Books and chain differ at slot {fact.slot} by {sol_text(off)} SOL{tokens}."


def _review(fact: PositionsReconciled | DiscrepancyResolved | DeadLetterHandled) -> str:
    match fact:
        case PositionsReconciled():
            counts: dict[str, int] = {}
            for found in fact.found:
                what = f"{found.kind}, {found.rule}" if found.rule else f"{found.kind}, to be looked at"
                counts[what] = counts.get(what, 0) + 1
            told = "; ".join(f"{count} x {what}" for what, count in counts.items()) or "nothing new"
            known = f"; {fact.still_open} found before" if fact.still_open else ""
            return f"Reconciled {fact.positions} open positions with the chain ({fact.cause}): {told}{known}."
        case DiscrepancyResolved():
            return f"{fact.by} resolved discrepancy {fact.entry}-{fact.part}: {fact.note}."
        case DeadLetterHandled():
            became = f" as signal {fact.signal_id}" if fact.signal_id else ""
            return f"Dead letter {fact.letter} was {fact.outcome}{became} for {fact.by}: {fact.cause}."


def _upkeep(fact: UpkeepPlanned | UpkeepDropped | UpkeepSigned | UpkeepLanded | UpkeepExpired) -> str:
    match fact:
        case UpkeepPlanned(upkeep):
            return f"Upkeep, to {upkeep.chore}: {upkeep.reason}."
        case UpkeepDropped():
            return f"The upkeep was let go: {_why_not(fact.refusal)}."
        case UpkeepSigned():
            return f"The upkeep was signed as {short(fact.signature)}."
        case UpkeepLanded() if fact.error is not None:
            return f"The upkeep failed on chain ({fact.error}); its fee of {sol_text(fact.fee_lamports)} SOL is gone."
        case UpkeepLanded():
            back = (
                f", {sol_text(-fact.rent_lamports)} SOL of rent came back" if fact.rent_lamports < 0 else ""
            )
            return f"The upkeep is done in slot {fact.slot}: fee {sol_text(fact.fee_lamports)} SOL{back}."
        case UpkeepExpired():
            return f"The upkeep expired: block height {fact.block_height} passed. Nothing was spent."


def _why_not(refusal: Refusal) -> str:
    told = ", ".join(
        f"{name} {value}"
        for name, value in (("limit", refusal.limit), ("observed", refusal.observed))
        if value
    )
    return WORDS[refusal.reason] + (f" ({told})" if told else "")


def levels_text(levels: Levels | None) -> str:
    """A stop and a target as people read them."""
    if levels is None:
        return "the strategy's own rules"
    stop, target = levels.stop_bps, levels.target_bps
    return (
        ("no stop" if stop is None else f"a stop at {stop / 100:+g} %")
        + " and "
        + ("no target" if target is None else f"a target at {target / 100:+g} %")
    )


def _swap(about: About) -> str:
    if about.side == Side.CYCLE:
        return f"circle through {about.token}"
    if about.side == Side.SWAP:
        return f"swap into {about.token}"
    return f"{'sale' if about.side == Side.SELL else 'purchase'} of {about.token}"


def short(address: Address | str) -> str:
    """An address as people compare it: its first and last four characters."""
    return address if len(address) <= 10 else f"{address[:4]}…{address[-4:]}"
