"""Alerts: what somebody should be told of without looking, in three classes; folded from facts and live health.

critical: money or control is at stake now, or trading stopped by itself. warning: somebody should look today.
info: good to know, and the end of what was told before. What repeats itself within a minute is counted, not told again.
"""

from collections import deque
from enum import StrEnum

import msgspec

from chimera.audit.reconcile import agrees
from chimera.domain.live import DeskSeen, MarketSeen
from chimera.domain.messages import (
    BreakerMoved,
    CapitalMoved,
    Entry,
    ExitRecovered,
    Fact,
    KillSwitchMoved,
    LegStuck,
    LegUndone,
    PositionsReconciled,
    Reconciled,
    RunStarted,
    SignalRefused,
    StrategyMoved,
    TradeMoved,
)
from chimera.domain.risk import Reason
from chimera.domain.trade import TradeState
from chimera.domain.units import LAMPORTS_PER_SOL

KEPT_MAX = 500
REPEATED_MS = 60_000
DRAIN_LAMPORTS = 5 * LAMPORTS_PER_SOL  # SPEC GD-06: more than that within an hour
DRAIN_MS = 3_600_000
CROWDED = frozenset({Reason.QUEUE_FULL, Reason.LOAD_SHED})


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    """Counts from 1 with each start of who folds."""
    severity: Severity
    component: str
    message: str
    at_ms: int
    seq: int
    """Of the journal entry; 0 where health alone told it."""
    repeated: int = 0
    """How often the same came again within a minute of the last time."""


class Alerts:
    """Give it every entry with its sentence, and live health, in order."""

    def __init__(self) -> None:
        self._kept: deque[Alert] = deque(maxlen=KEPT_MAX)
        self._last: dict[tuple[Severity, str], int] = {}
        """When the last one of this kind came, repeated ones too."""
        self._left: deque[tuple[int, int]] = deque()
        """(when, lamports) that left the wallet by no trade of ours."""
        self._number = 0
        self._endpoint = self._rpc = self._feed = ""
        self.counts = dict.fromkeys(Severity, 0)
        """All of them since the beginning, repeated ones too."""

    def newest(self) -> tuple[Alert, ...]:
        """Newest first, as many as are kept."""
        return tuple(reversed(self._kept))

    def heard(self, entry: Entry, text: str) -> Alert | None:
        """The alert to tell now, or None. `text` is the entry's sentence."""
        found = self._drained(entry) or _of(entry.fact)
        if found is None:
            return None
        severity, component = found
        return self._tell(severity, component, text, at_ms=entry.at_ms, seq=entry.seq)

    def desk_seen(self, seen: DeskSeen) -> Alert | None:
        """Told where the node that is asked, or whether it answers, has changed."""
        before = (self._endpoint, self._rpc)
        self._endpoint, self._rpc = seen.rpc_endpoint, seen.rpc_status
        if before[0] in ("", self._endpoint) and before[1] in ("", self._rpc):
            return None
        if self._rpc == "down":
            return self._tell(Severity.CRITICAL, "rpc", "No node answers.", at_ms=seen.at_ms)
        if self._endpoint != "primary":
            text = f"The desk asks the {self._endpoint} node now ({self._rpc})."
            return self._tell(Severity.WARNING, "rpc", text, at_ms=seen.at_ms)
        text = f"The primary node is {self._rpc}."
        good = self._rpc == "healthy"
        return self._tell(Severity.INFO if good else Severity.WARNING, "rpc", text, at_ms=seen.at_ms)

    def market_seen(self, seen: MarketSeen) -> Alert | None:
        before, self._feed = self._feed, seen.feed
        if before in ("", seen.feed):
            return None
        severity = {"connected": Severity.INFO, "down": Severity.CRITICAL}.get(seen.feed, Severity.WARNING)
        return self._tell(severity, "market data", f"The feed is {seen.feed}.", at_ms=seen.at_ms)

    def _drained(self, entry: Entry) -> tuple[Severity, str] | None:
        """Where lamports left by no trade of ours: how bad that is with all that left within the hour."""
        fact = entry.fact
        if not isinstance(fact, CapitalMoved) or fact.signature is None or fact.lamports >= 0:
            return None
        self._left.append((entry.at_ms, -fact.lamports))
        while self._left and self._left[0][0] <= entry.at_ms - DRAIN_MS:
            self._left.popleft()
        drained = sum(lamports for _, lamports in self._left) > DRAIN_LAMPORTS
        return (Severity.CRITICAL if drained else Severity.WARNING, "wallet")

    def _tell(
        self, severity: Severity, component: str, message: str, *, at_ms: int, seq: int = 0
    ) -> Alert | None:
        self.counts[severity] += 1
        kind = (severity, component)
        last, self._last[kind] = self._last.get(kind), at_ms
        if last is not None and at_ms - last < REPEATED_MS:
            self._count_again(severity, component, message)
            return None
        self._number += 1
        alert = Alert(
            number=self._number,
            severity=severity,
            component=component,
            message=message,
            at_ms=at_ms,
            seq=seq,
        )
        self._kept.append(alert)
        return alert

    def _count_again(self, severity: Severity, component: str, message: str) -> None:
        """On the one that was told, with the newest words."""
        for place in range(len(self._kept) - 1, -1, -1):
            one = self._kept[place]
            if (one.severity, one.component) == (severity, component):
                repeated = one.repeated + 1
                self._kept[place] = msgspec.structs.replace(one, message=message, repeated=repeated)
                return


def _of(fact: Fact) -> tuple[Severity, str] | None:
    match fact:
        case KillSwitchMoved(active):
            return (Severity.CRITICAL if active else Severity.INFO, "kill switch")
        case BreakerMoved(breaker, _, after):
            return (Severity.CRITICAL if after == "OPEN" else Severity.INFO, f"breaker {breaker}")
        case Reconciled() if not agrees(fact):
            return (Severity.CRITICAL, "reconciliation")
        case PositionsReconciled(found=found) if any(not one.rule for one in found):
            return (Severity.WARNING, "reconciliation")
        case StrategyMoved(strategy, _, after, _, by):
            failed = after == "PARKED" and by == "engine"
            return (Severity.WARNING if failed else Severity.INFO, f"strategy {strategy}")
        case TradeMoved(after=TradeState.DEAD_LETTER) | LegStuck() | LegUndone() | ExitRecovered():
            return (Severity.WARNING, "execution")
        case SignalRefused(refusal=refusal) if refusal.reason in CROWDED:
            return (Severity.WARNING, "queue")
        case CapitalMoved(lamports, signature=signature) if signature is not None and lamports > 0:
            return (Severity.INFO, "wallet")
        case RunStarted():
            return (Severity.INFO, "house")
        case _:
            return None
