"""Entries turned into decision rows: what kind of step it was, how it came out, whom it concerned.

It remembers what later facts only name by id, through the same books that everyone folds. It is told every
entry of a round trip, or every entry there is; which others it is told in between changes nothing.
"""

import msgspec

from chimera.audit.reconcile import agrees
from chimera.audit.sentences import About, sentence
from chimera.domain.ids import USDC, SignalId, TradeId
from chimera.domain.intent import Side, Signal, TradeIntent
from chimera.domain.messages import (
    BreakerMoved,
    ConfigChanged,
    DeadLetterHandled,
    DiscrepancyResolved,
    Entry,
    ExitRecovered,
    Fact,
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
    PositionsReconciled,
    Reconciled,
    SignalAccepted,
    SignalDropped,
    SignalRefused,
    StrategyDecided,
    StrategyMoved,
    TokenChecked,
    TradeMoved,
    UpkeepDropped,
    WalletChanged,
)
from chimera.domain.risk import Refusal
from chimera.domain.trade import TradeState
from chimera.portfolio import Ledger
from chimera.ports.store import DecisionRow

SHOWN = frozenset({"signal", "intent", "trade", "risk"})
"""Kinds that are decisions; "leg" (steps of a transaction) and "system" rows are detail."""

LegFact = (
    LegPlanned
    | LegSimulated
    | LegDropped
    | LegSigned
    | LegSent
    | LegLanded
    | LegReverted
    | LegExpired
    | LegStuck
    | LegFinalized
    | LegUndone
    | LegRebooked
)


class Narrator:
    def __init__(self) -> None:
        self.books = Ledger()
        self._signals: dict[SignalId, Signal] = {}
        self._openings: dict[TradeId, TradeIntent] = {}
        self._symbols: dict[str, str] = {USDC: "USDC"}
        self._digits: dict[str, int] = {USDC: 6}

    def name(self, *, mint: str, symbol: str) -> None:
        """Says what a mint is called; the first name stays."""
        if mint and symbol:
            self._symbols.setdefault(mint, symbol)

    def opening(self, trade_id: TradeId) -> TradeIntent | None:
        """The intent that opened a round trip."""
        return self._openings.get(trade_id)

    def tell(self, entry: Entry) -> DecisionRow:
        """The row of an entry, which is folded into the memory by that."""
        fact = entry.fact
        match fact:
            case SignalAccepted(signal):
                self._signals[signal.id] = signal
                self.name(mint=signal.mint, symbol=signal.symbol)
            case IntentEmitted(intent):
                self._openings.setdefault(intent.trade_id, intent)
                self.name(mint=intent.mint, symbol=intent.symbol)
            case LegLanded(fill=fill) if fill.decimals is not None:
                self._digits[fill.mint] = fill.decimals
        self.books.apply(entry)
        about = self.about(fact)
        kind, outcome = _kind(fact), _outcome(fact)
        refusal = _refusal(fact)
        return DecisionRow(
            seq=entry.seq,
            at_ms=entry.at_ms,
            kind=kind,
            id=_id(fact, about),
            trade_uuid=about.trade_id,
            outcome=outcome,
            reason=None if refusal is None else str(refusal.reason),
            limit="" if refusal is None else refusal.limit,
            observed="" if refusal is None else refusal.observed,
            token_symbol=about.symbol,
            token_address=about.mint,
            wallet_address=about.wallet,
            strategy=about.strategy,
            side=about.side,
            text=sentence(fact, about),
        )

    def about(self, fact: Fact) -> About:
        """Whom and what a fact concerns, as far as it was told."""
        match fact:
            case SignalAccepted(signal):
                return self._of_signal(signal)
            case SignalRefused():
                return About(
                    signal_id=fact.signal_id,
                    mint=fact.mint,
                    symbol=fact.symbol,
                    wallet=fact.wallet,
                    strategy=fact.strategy,
                    side=fact.side,
                )
            case SignalDropped(signal_id):
                known = self._signals.get(signal_id)
                return About(signal_id=signal_id) if known is None else self._of_signal(known)
            case IntentEmitted(intent):
                return self._of_intent(intent)
            case IntentRefused() | IntentApproved():
                known_intent = self.books.intents.get(fact.intent_id)
                if known_intent is None:
                    return About(trade_id=fact.trade_id, intent_id=fact.intent_id)
                return self._of_intent(known_intent)
            case TradeMoved() | LevelsSet() | ExitRecovered():
                return self._of_trade(fact.trade_id)
            case StrategyDecided(mint=mint):
                return About(mint=mint, symbol=self._symbols.get(mint, ""))
            case TokenChecked(report):
                return About(mint=report.mint, symbol=self._symbols.get(report.mint, ""))
            case WalletChanged(wallet):
                return About(wallet=wallet.address, strategy=str(wallet.strategy))
            case _:
                return self._of_leg(fact) if isinstance(fact, LegFact) else About()

    def _of_signal(self, signal: Signal) -> About:
        opens = str(signal.side) == "BUY"
        return About(
            trade_id=TradeId(signal.id) if opens else None,
            signal_id=signal.id,
            mint=signal.mint,
            symbol=signal.symbol,
            wallet=signal.wallet,
            strategy=str(signal.strategy),
            side=str(signal.side),
        )

    def _of_intent(self, intent: TradeIntent) -> About:
        return About(
            trade_id=intent.trade_id,
            signal_id=intent.signal_id,
            intent_id=intent.id,
            mint=intent.mint,
            symbol=intent.symbol,
            wallet=intent.wallet or "",
            strategy=str(intent.style),
            side=str(intent.side),
            paid=self._paid_of(intent),
            realised_lamports=self._realised(intent.trade_id),
            decimals=self._digits.get(intent.mint),
        )

    def _paid_of(self, intent: TradeIntent) -> About | None:
        """What a swap pays with."""
        if (mint := intent.pay_mint) is None:
            return None
        return About(mint=mint, symbol=self._symbols.get(mint, ""), decimals=self._digits.get(mint))

    def _of_leg(self, fact: LegFact) -> About:
        intent = self.books.intents.get(fact.leg.intent_id)
        known = About(trade_id=fact.leg.trade_id) if intent is None else self._of_intent(intent)
        signature = (
            fact.fill.signature
            if isinstance(fact, LegLanded | LegRebooked)
            else getattr(fact, "signature", None)
        )
        return msgspec.structs.replace(known, leg_id=fact.leg.leg_id, signature=signature)

    def _of_trade(self, trade_id: TradeId) -> About:
        position = self.books.positions.get(trade_id)
        if position is not None:
            return About(
                trade_id=trade_id,
                mint=position.mint,
                symbol=position.symbol,
                wallet=position.wallet or "",
                strategy=str(position.style),
                side=str(Side.SWAP) if self.books.swapped(trade_id) else "",
                realised_lamports=position.realised_lamports,
            )
        if (intent := self._openings.get(trade_id)) is not None:
            return msgspec.structs.replace(self._of_intent(intent), intent_id=None, side="")
        signal = self._signals.get(SignalId(trade_id))
        return About(trade_id=trade_id) if signal is None else self._of_signal(signal)

    def _realised(self, trade_id: TradeId) -> int | None:
        position = self.books.positions.get(trade_id)
        return None if position is None else position.realised_lamports


def _kind(fact: Fact) -> str:
    match fact:
        case SignalAccepted() | SignalRefused() | SignalDropped():
            return "signal"
        case IntentEmitted() | IntentApproved() | IntentRefused() | StrategyDecided():
            return "intent"
        case LegDropped() | LegLanded() | LegReverted() | LegExpired():
            return "trade"
        case LegUndone() | LegRebooked() | LegStuck() | ExitRecovered():
            return "trade"
        case LegPlanned() | LegSimulated() | LegSigned() | LegSent() | LegFinalized():
            return "leg"
        case TradeMoved():
            return "trade" if fact.after in {TradeState.CLOSED, TradeState.DEAD_LETTER} else "leg"
        case TokenChecked() | BreakerMoved() | KillSwitchMoved() | WalletChanged() | ConfigChanged():
            return "risk"
        case StrategyMoved():
            return "risk"
        case Reconciled():
            return "system" if agrees(fact) else "risk"
        case PositionsReconciled():
            return "risk" if fact.found else "system"
        case DiscrepancyResolved() | DeadLetterHandled() | LevelsSet():
            return "risk"
        case _:
            return "system"


def _outcome(fact: Fact) -> str:
    match fact:
        case SignalAccepted():
            return "accepted"
        case SignalRefused() | SignalDropped() | IntentRefused() | LegDropped():
            return "refused"
        case IntentApproved():
            return "approved"
        case LegLanded():
            return "confirmed"
        case LegReverted() | LegExpired() | LegUndone():
            return "failed"
        case TradeMoved(after=TradeState.CLOSED):
            return "closed"
        case TradeMoved(after=TradeState.DEAD_LETTER):
            return "failed"
        case TokenChecked(report):
            return "approved" if report.refusal is None else "refused"
        case Reconciled():
            return "info" if agrees(fact) else "failed"
        case PositionsReconciled():
            return "info" if all(found.rule for found in fact.found) else "failed"
        case LegSimulated():
            return "info" if fact.error is None else "failed"
        case _:
            return "info"


def _refusal(fact: Fact) -> Refusal | None:
    match fact:
        case SignalRefused() | SignalDropped() | IntentRefused() | LegDropped() | UpkeepDropped():
            return fact.refusal
        case TokenChecked(report):
            return report.refusal
        case _:
            return None


def _id(fact: Fact, about: About) -> str:
    match fact:
        case BreakerMoved():
            return fact.breaker
        case StrategyMoved():
            return fact.strategy
        case ConfigChanged():
            return fact.key
        case WalletChanged(wallet):
            return wallet.address
        case TokenChecked(report):
            return report.mint
        case TradeMoved() | LevelsSet() | ExitRecovered():
            return fact.trade_id
        case _:
            return about.leg_id or about.intent_id or about.signal_id or ""
