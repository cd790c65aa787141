"""What happened, as functions: each is one log line and its metrics, so that wording and names live in one place.

Whatever is journalled is observed by `Observer.heard` (give it to the journal as a listener, once); the other
methods are for what is not journalled. Nothing happens on import: log and registry are passed in.
No secret gets out: keys named like one and values registered as one are cut from every line (`log`).
"""

from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from chimera.domain.failure import Failure
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.messages import (
    BreakerMoved,
    CapitalMoved,
    ConfigChanged,
    DeadLetterHandled,
    DiscrepancyResolved,
    Entry,
    ExitRecovered,
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
    StrategyMoved,
    TokenChecked,
    TradeMoved,
    UpkeepDropped,
    UpkeepExpired,
    UpkeepLanded,
    WalletChanged,
)
from chimera.domain.risk import Refusal
from chimera.domain.trade import TradeState
from chimera.domain.units import sol_text
from chimera.observe.later import Later
from chimera.observe.log import CUT, LEVELS, Log, Redactor, bind, make_log
from chimera.observe.plane import PlaneObserver

__all__ = ["CUT", "LEVELS", "Log", "Observer", "PlaneObserver", "Redactor", "bind", "make_log"]


MS_BUCKETS = (0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000)
BREAKER_STATES = {"CLOSED": 0, "HALF_OPEN": 1, "OPEN": 2}
TRADES_TIMED = 10_000  # trades whose start is remembered for their latency; older ones go untimed


class Observer:
    """One for a process; give it to every loop."""

    def __init__(self, log: Log, registry: CollectorRegistry) -> None:
        self._log, self.registry = log, registry
        self.plane = PlaneObserver(log, registry)
        """What happens on the market plane and on the bus."""
        self.heard_later = Later(self.heard)
        """The journal's listener where it must be quick; drain it at the end."""
        self._started_ms: OrderedDict[str, int] = OrderedDict()
        self._open: set[str] = set()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"chimera_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"chimera_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(f"chimera_{name}", text, labels, registry=registry, buckets=MS_BUCKETS)

        self._signals = counter("signals", "Signals by source and outcome", "source", "outcome")
        self._rejections = counter("webhook_rejections", "Webhook requests refused", "reason")
        self._webhook_ms = histogram("webhook_latency_ms", "First byte of a webhook to its answer", "outcome")
        self._intents = counter("intents", "Intents by outcome", "outcome")
        self._intent_refusals = counter("intents_refused", "Intents refused by reason", "reason")
        self._legs = counter("legs", "Legs by side and what became of them", "side", "outcome")
        self._failures = counter(
            "leg_failures", "Legs that came to nothing, by class of their error", "failure"
        )
        self._trade_ms = histogram("trade_latency_ms", "Signal accepted to leg confirmed", "side")
        self._trades = counter("total_trades", "Round trips that reached a state", "state")
        self._positions = gauge("active_positions", "Open positions")
        self._queue_depth = gauge("queue_depth", "Signals waiting")
        self._breaker = gauge("circuit_breaker_state", "0 closed, 1 half open, 2 open", "breaker")
        self._trips = counter("circuit_breaker_trips", "Breaker openings", "breaker")
        self._parked = gauge("strategy_parked", "1 while a strategy is left out for its faults", "strategy")
        self._kill = gauge("kill_switch_active", "1 while trading is halted by hand or rule")
        self._drift = gauge("reconciliation_drift_lamports", "Chain less books")
        self._reconciled = counter("reconciliation", "Comparisons of books and chain", "outcome")
        self._discrepancies = counter(
            "reconciliation_discrepancies", "Found by kind and rule", "kind", "rule"
        )
        self._unresolved = gauge("reconciliation_unresolved", "Discrepancies that wait for a person")
        self._reconciled_at = gauge(
            "reconciliation_last_run_timestamp_seconds", "When positions were last compared"
        )
        self._strangers = counter("capital_moves", "Lamports that came or went by no trade of ours", "way")
        self._misused = counter(
            "key_misused", "Transactions signed with our key that the journal does not know"
        )
        self._upkeep = counter("upkeep", "Chores of the wallet by outcome", "outcome")
        self._letters = counter("dead_letters_handled", "Dead letters that a person dealt with", "outcome")
        self._backed_up_at = gauge(
            "backup_last_timestamp_seconds", "When the newest copy of the books was made"
        )
        self._backups_failed = counter("backup_failures", "Copies of the books that could not be made")
        self._gaps = counter("feed_gaps", "Stretches of slots of which something may be missing")
        self._rpc_ms = histogram("rpc_latency_ms", "Calls of a node", "endpoint", "method")
        self._rpc_health = gauge("rpc_health", "1 while the endpoint answers", "endpoint")
        self._api_ms = histogram("api_latency_ms", "HTTP answers", "route", "status")
        self._clients = gauge("stream_clients", "WebSocket clients")
        self._errors = counter("errors", "Errors by type and where", "type", "endpoint")

    # what the journal holds

    def heard(self, entry: Entry) -> None:
        """Observes a journal entry; a listener, so it must not raise for any fact."""
        match entry.fact:
            case RunStarted(run_id, build, wallet):
                self._log.info("run started", run_id=run_id, build=build, wallet=wallet, seq=entry.seq)
            case SignalAccepted() as fact:
                self._signal_accepted(fact, entry.at_ms)
            case SignalRefused() as fact:
                self.signal_refused(fact)
            case SignalDropped(signal_id, refusal):
                self._signals.labels("strategy", "dropped").inc()
                self._log.info("signal declined", signal_id=signal_id, **_why(refusal))
            case IntentEmitted(intent):
                self._intent_emitted(intent, entry.at_ms)
            case IntentRefused(intent_id, trade_id, refusal):
                self._intents.labels("refused").inc()
                self._intent_refusals.labels(str(refusal.reason)).inc()
                self._log.warning("intent refused", intent_id=intent_id, trade_uuid=trade_id, **_why(refusal))
            case IntentApproved(intent_id, trade_id):
                self._intents.labels("approved").inc()
                self._log.info("intent approved", intent_id=intent_id, trade_uuid=trade_id)
            case LegPlanned() | LegSimulated() | LegSigned() | LegSent() | LegFinalized():
                self._log.debug(_named(entry.fact), leg_id=entry.fact.leg.leg_id, seq=entry.seq)
            case LegLanded() | LegReverted() | LegExpired() | LegDropped():
                self._leg_ended(entry.fact, entry.at_ms)
            case LegStuck(leg, signature, waited_ms):
                self._legs.labels("", "stuck").inc()
                self._log.warning(
                    "leg stuck", leg_id=leg.leg_id, trade_uuid=leg.trade_id, signature=signature, ms=waited_ms
                )
            case LegRebooked(leg, fill):
                self._legs.labels(fill.side, "rebooked").inc()
                self._log.warning("leg rebooked", leg_id=leg.leg_id, signature=fill.signature, slot=fill.slot)
            case LegUndone(leg, signature, slot, cause):
                self._legs.labels("", "undone").inc()
                self._log.warning(
                    "leg undone", leg_id=leg.leg_id, signature=signature, slot=slot, cause=cause
                )
            case ExitRecovered(trade_id, after, waited_ms, cause):
                self._log.warning(
                    "exit recovered", trade_uuid=trade_id, after=after, ms=waited_ms, cause=cause
                )
            case TradeMoved() as fact:
                self._trade_moved(fact)
            case TokenChecked(report):
                self._log.info(
                    "token checked", mint=report.mint, **(_why(report.refusal) if report.refusal else {})
                )
            case BreakerMoved() as fact:
                self._breaker_moved(fact)
            case StrategyMoved(strategy, _, after, cause, by):
                self._parked.labels(strategy).set(int(after == "PARKED"))
                tell = self._log.error if after == "PARKED" else self._log.warning
                tell("strategy moved", strategy=strategy, after=after, cause=cause, by=by)
            case KillSwitchMoved(active, scope, cause, by):
                self._kill.set(int(active))
                self._log.warning("kill switch moved", active=active, scope=scope, cause=cause, by=by)
            case WalletChanged(wallet, cause, by):
                self._log.info(
                    "wallet changed", address=wallet.address, status=wallet.status, cause=cause, by=by
                )
            case PortfolioChanged(portfolio, cause, by):
                self._log.info("portfolio changed", portfolio=portfolio.id, cause=cause, by=by)
            case ConfigChanged(key, _, _, cause, by):
                self._log.info("configuration changed", key=key, cause=cause, by=by)
            case Reconciled() as fact:
                self._books_compared(fact)
            case PositionsReconciled() as fact:
                self._positions_compared(fact, entry)
            case DiscrepancyResolved(found, part, note, by):
                self._unresolved.dec()
                self._log.info("discrepancy resolved", id=f"{found}-{part}", note=note, by=by)
            case DeadLetterHandled(letter, outcome, cause, by, signal_id):
                self._letters.labels(outcome).inc()
                self._log.info(
                    "dead letter handled", id=letter, outcome=outcome, cause=cause, by=by, signal_id=signal_id
                )
            case LevelsSet(trade_id, _, cause, by):
                self._log.info("levels set", trade_uuid=trade_id, cause=cause, by=by)
            case CapitalMoved(lamports, slot, cause, signature):
                self._strangers.labels("in" if lamports >= 0 else "out").inc()
                self._log.warning(
                    "capital moved", lamports=lamports, slot=slot, cause=cause, signature=signature
                )
            case UpkeepLanded(_, signature, _, delta, error=error):
                self._upkeep.labels("reverted" if error else "landed").inc()
                self._log.info("upkeep landed", signature=signature, lamports=delta, error=error)
            case UpkeepDropped(upkeep_id, refusal):
                self._upkeep.labels("dropped").inc()
                self._log.warning("upkeep dropped", id=upkeep_id, **_why(refusal))
            case UpkeepExpired(upkeep_id, signature):
                self._upkeep.labels("expired").inc()
                self._log.warning("upkeep expired", id=upkeep_id, signature=signature)
            case Noted(what):
                self._log.info("noted", what=what, seq=entry.seq)
            case _:
                pass

    def _signal_accepted(self, fact: SignalAccepted, at_ms: int) -> None:
        signal = fact.signal
        self._signals.labels(signal.source, "accepted").inc()
        self._log.info(
            "signal accepted",
            signal_id=signal.id,
            source=signal.source,
            strategy=signal.strategy,
            side=signal.side,
            token=signal.symbol,
            amount_sol=sol_text(signal.amount_lamports),
            wallet=signal.wallet,
            request_id=fact.request_id,
            at_ms=at_ms,
        )

    def _intent_emitted(self, intent: TradeIntent, at_ms: int) -> None:
        self._intents.labels("emitted").inc()
        self._started_ms[intent.id] = at_ms
        if len(self._started_ms) > TRADES_TIMED:
            self._started_ms.popitem(last=False)
        self._log.info(
            "intent emitted",
            intent_id=intent.id,
            trade_uuid=intent.trade_id,
            side=intent.side,
            token=intent.symbol,
            amount=intent.amount,
            reason=intent.reason,
        )

    def _leg_ended(self, fact: LegLanded | LegReverted | LegExpired | LegDropped, at_ms: int) -> None:
        side = fact.fill.side if isinstance(fact, LegLanded) else ""
        self._legs.labels(side, _named(fact).removeprefix("leg ")).inc()
        if not isinstance(fact, LegLanded):
            self._failures.labels(Failure.TIMEOUT if isinstance(fact, LegExpired) else fact.failure).inc()
        fields: dict[str, Any] = {"leg_id": fact.leg.leg_id, "trade_uuid": fact.leg.trade_id}
        match fact:
            case LegLanded(_, fill):
                started = self._started_ms.pop(fact.leg.intent_id, None)
                if started is not None:
                    fields["latency_ms"] = at_ms - started
                    self._trade_ms.labels(side).observe(at_ms - started)
                if fill.side is Side.BUY:
                    self._open.add(fact.leg.trade_id)
                    self._positions.set(len(self._open))
                self._log.info("leg landed", signature=fill.signature, side=side, slot=fill.slot, **fields)
            case LegReverted(_, signature, slot, error):
                self._log.warning("leg reverted", signature=signature, slot=slot, error=error, **fields)
            case LegExpired(_, signature):
                self._log.warning("leg expired", signature=signature, **fields)
            case LegDropped(_, refusal):
                self._log.warning("leg dropped", **_why(refusal), **fields)

    def _trade_moved(self, fact: TradeMoved) -> None:
        self._trades.labels(fact.after).inc()
        if fact.after in {TradeState.CLOSED, TradeState.DEAD_LETTER}:
            self._open.discard(fact.trade_id)
            self._positions.set(len(self._open))
        event = "trade closed" if fact.after is TradeState.CLOSED else "trade moved"
        self._log.info(
            event, trade_uuid=fact.trade_id, before=fact.before, after=fact.after, cause=fact.cause
        )

    def _breaker_moved(self, fact: BreakerMoved) -> None:
        self._breaker.labels(fact.breaker).set(BREAKER_STATES.get(fact.after, 2))
        if fact.after == "OPEN":
            self._trips.labels(fact.breaker).inc()
        # an opened one is an error, which is what alerts look for
        tell = self._log.error if fact.after == "OPEN" else self._log.warning
        tell(
            "breaker moved",
            breaker=fact.breaker,
            before=fact.before,
            after=fact.after,
            cause=fact.cause,
            by=fact.by,
        )

    def breakers(self, states: Mapping[str, str]) -> None:
        """How they stand at the start, as the journal left them."""
        for name, state in states.items():
            self._breaker.labels(name).set(BREAKER_STATES.get(state, 2))

    def _books_compared(self, fact: Reconciled) -> None:
        drift = fact.actual_lamports - fact.expected_lamports
        agree = drift == 0 and not fact.token_differences
        self._drift.set(drift)
        self._reconciled.labels("equal" if agree else "different").inc()
        tell = self._log.debug if agree else self._log.error
        tell("books compared", drift_lamports=drift, tokens=len(fact.token_differences), slot=fact.slot)

    def _positions_compared(self, fact: PositionsReconciled, entry: Entry) -> None:
        """Each discrepancy is a line; one that no rule lets pass is an error, which is what alerts look for."""
        self._reconciled_at.set(entry.at_ms / 1_000)
        waiting = [found for found in fact.found if not found.rule]
        self._unresolved.set(fact.still_open + len(waiting))
        for part, found in enumerate(fact.found):
            self._discrepancies.labels(found.kind, found.rule or "manual").inc()
            tell = self._log.info if found.rule else self._log.error
            tell(
                "discrepancy",
                id=f"{entry.seq}-{part}",
                kind=found.kind,
                trade_uuid=found.trade_id,
                mint=found.mint,
                expected=f"{found.expected_state} {found.expected}",
                actual=f"{found.actual_state} {found.actual}",
                signature=found.signature,
                rule=found.rule,
            )
        self._log.info(
            "positions reconciled",
            positions=fact.positions,
            found=len(fact.found),
            unresolved=fact.still_open + len(waiting),
            cause=fact.cause,
        )

    # what is not journalled

    def key_misused(self, *, signature: str, lamports: int) -> None:
        """Somebody else signs with our key: the loudest line there is."""
        self._misused.inc()
        self._log.error("the trading key was used by somebody else", signature=signature, lamports=lamports)

    def signal_refused(self, fact: SignalRefused) -> None:
        """Refusals of strangers beyond a few a second come here without having been journalled."""
        reason = str(fact.refusal.reason)
        self._signals.labels(fact.source, "refused").inc()
        if fact.source == "webhook":
            self._rejections.labels(reason).inc()
        self._log.info(
            "signal refused",
            signal_id=fact.signal_id,
            source=fact.source,
            token=fact.symbol,
            wallet=fact.wallet,
            source_ip=fact.source_ip,
            dead_letter=fact.dead_letter,
            **_why(fact.refusal),
        )

    def webhook_answered(self, *, outcome: str, took_us: int) -> None:
        self._webhook_ms.labels(outcome).observe(took_us / 1_000)

    def request_served(self, *, method: str, route: str, status: int, took_us: int, request_id: str) -> None:
        """`route` is the template, never the path: paths are without end."""
        self._api_ms.labels(route, str(status)).observe(took_us / 1_000)
        if status >= 500:
            self._errors.labels(str(status), route).inc()
        self._log.debug(
            "request served",
            method=method,
            route=route,
            status=status,
            latency_ms=took_us / 1_000,
            request_id=request_id,
        )

    def queue_depth(self, depth: int) -> None:
        self._queue_depth.set(depth)

    def feed_gap(self, *, first_slot: int, last_slot: int, cause: str) -> None:
        self._gaps.inc()
        self._log.warning("feed gap", first_slot=first_slot, last_slot=last_slot, cause=cause)

    def feed_moved(self, *, state: str, cause: str = "") -> None:
        self._log.info("feed moved", state=state, cause=cause)

    def rpc_answered(self, *, endpoint: str, method: str, took_us: int) -> None:
        self._rpc_ms.labels(endpoint, method).observe(took_us / 1_000)
        self._rpc_health.labels(endpoint).set(1)

    def rpc_failed(self, *, endpoint: str, method: str, error: str) -> None:
        self._rpc_health.labels(endpoint).set(0)
        self._errors.labels("rpc", endpoint).inc()
        self._log.warning("rpc failed", endpoint=endpoint, method=method, error=error)

    def clients_counted(self, clients: int) -> None:
        self._clients.set(clients)

    def client_dropped(self, *, cause: str, identifier: str) -> None:
        self._log.info("stream client dropped", cause=cause, identifier=identifier)

    def command_performed(self, *, command: str, by: str, ok: bool, code: str) -> None:
        self._log.warning("command performed", command=command, by=by, ok=ok, code=code)

    def backup_known(self, *, at_ms: int) -> None:
        self._backed_up_at.set(at_ms / 1_000)

    def backup_failed(self, *, error: str) -> None:
        self._backups_failed.inc()
        self._log.error("backup failed", error=error)

    def role_failed(self, *, role: str, error: BaseException) -> None:
        """The top of a loop caught what nobody expected: with its trace, for the log alone."""
        self._errors.labels(type(error).__name__, role).inc()
        self._log.error("role failed", role=role, error=str(error), exc_info=error)

    def told(self, event: str, **fields: Any) -> None:
        """What has no metric: starts, stops, repairs."""
        self._log.info(event, **fields)


def _named(fact: object) -> str:
    """LegPlanned -> 'leg planned'."""
    return _spaced(type(fact).__name__)


@cache
def _spaced(name: str) -> str:
    return "".join(f" {char.lower()}" if char.isupper() else char for char in name).strip()


def _why(refusal: Refusal) -> dict[str, str]:
    return {"reason": str(refusal.reason), "limit": refusal.limit, "observed": refusal.observed}
