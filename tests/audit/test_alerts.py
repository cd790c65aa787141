"""Alerts: each kind in its class, once a minute, and the same whether heard or folded again."""

import pytest

from chimera.audit.alerts import DRAIN_LAMPORTS, DRAIN_MS, KEPT_MAX, REPEATED_MS, Alerts, Severity
from chimera.domain.discrepancy import Discrepancy, Mismatch
from chimera.domain.ids import Address, IntentId, SignalId, Signature, Slot, TradeId
from chimera.domain.live import DeskSeen, MarketSeen
from chimera.domain.messages import (
    BreakerMoved,
    CapitalMoved,
    Entry,
    Fact,
    KillSwitchMoved,
    LegStuck,
    Noted,
    PositionsReconciled,
    Reconciled,
    RunStarted,
    SignalRefused,
    StrategyMoved,
    TradeMoved,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import LegRef, TradeState

AT_MS = 1_790_000_000_000
GONE = Signature("gone")


def entry(fact: Fact, seq: int = 1, at_ms: int = AT_MS) -> Entry:
    return Entry(seq=seq, at_ms=at_ms, run_id="run", fact=fact)


def found(rule: str) -> PositionsReconciled:
    one = Discrepancy(
        kind=Mismatch.MISSING, trade_id=TradeId("t"), mint=None, expected_state="ACTIVE", actual_state="NONE",
        expected=1, actual=0, rule=rule,
    )  # fmt: skip
    return PositionsReconciled(Slot(1), 1, (one,), "daily")


CASES: dict[Severity, tuple[Fact, ...]] = {
    Severity.CRITICAL: (
        KillSwitchMoved(active=True, scope="halt_all", cause="x", by="ops"),
        BreakerMoved("loss", "CLOSED", "OPEN", "5 losses", "house"),
        BreakerMoved("slippage", "HALF_OPEN", "OPEN", "again", "house"),
        Reconciled(Slot(1), 10, 9),
        CapitalMoved(-DRAIN_LAMPORTS - 1, Slot(1), "transfer", GONE),
    ),
    Severity.WARNING: (
        found(""),
        StrategyMoved("momentum", "RUNNING", "PARKED", "ValueError", "engine"),
        TradeMoved(TradeId("t"), TradeState.FAILED, TradeState.DEAD_LETTER, "no retries left"),
        LegStuck(LegRef("l", IntentId("i"), TradeId("t")), GONE, 61_000),
        SignalRefused(SignalId("s"), Refusal(Reason.QUEUE_FULL), "{}", "webhook", dead_letter=True),
        CapitalMoved(-1, Slot(1), "transfer", GONE),
    ),
    Severity.INFO: (
        KillSwitchMoved(active=False, scope="", cause="x", by="ops"),
        BreakerMoved("loss", "OPEN", "HALF_OPEN", "cooled down", "house"),
        StrategyMoved("momentum", "RUNNING", "PARKED", "odd", "ann"),
        CapitalMoved(1, Slot(1), "deposit", GONE),
        RunStarted("run", "1", Address("w")),
    ),
}
SILENT: tuple[Fact, ...] = (
    Noted("late answer"),
    Reconciled(Slot(1), 10, 10),
    found("auto:absolute"),
    CapitalMoved(10**10, Slot(1), "opening"),
    SignalRefused(SignalId("s"), Refusal(Reason.DUPLICATE_SIGNAL), "{}", "webhook"),
    TradeMoved(TradeId("t"), TradeState.EXITING, TradeState.CLOSED, "sold"),
)


@pytest.mark.parametrize(
    ("severity", "fact"), [(severity, fact) for severity, facts in CASES.items() for fact in facts]
)
def test_each_is_told_in_its_class_with_its_sentence(severity: Severity, fact: Fact) -> None:
    alerts = Alerts()
    told = alerts.heard(entry(fact, seq=9), "what happened.")
    assert told is not None
    assert (told.severity, told.message, told.seq, told.at_ms) == (severity, "what happened.", 9, AT_MS)
    assert alerts.newest() == (told,)
    assert alerts.counts[severity] == 1 == sum(alerts.counts.values())


@pytest.mark.parametrize("fact", SILENT)
def test_what_is_ordinary_alarms_nobody(fact: Fact) -> None:
    assert Alerts().heard(entry(fact), "x") is None


def test_a_flood_is_one_alert_that_counts_and_after_a_quiet_minute_another() -> None:
    alerts, full = Alerts(), SignalRefused(None, Refusal(Reason.QUEUE_FULL), "{}", "webhook")
    for number in range(1_000):
        told = alerts.heard(entry(full, number, AT_MS + number), f"the {number}th")
        assert (told is None) is (number > 0)
    (only,) = alerts.newest()
    assert (only.repeated, only.message) == (999, "the 999th")
    later = alerts.heard(entry(full, 2_000, AT_MS + 999 + REPEATED_MS), "again")
    assert later is not None and len(alerts.newest()) == 2
    assert alerts.counts[Severity.WARNING] == 1_001


def test_a_drain_in_small_sips_is_critical_and_old_sips_are_forgotten() -> None:
    alerts, sip = Alerts(), CapitalMoved(-DRAIN_LAMPORTS // 4, Slot(1), "transfer", GONE)
    severities = []
    for number in range(6):
        told = alerts.heard(entry(sip, number, AT_MS + number * REPEATED_MS), "less")
        severities.append(told and told.severity)
    assert severities == [Severity.WARNING] * 4 + [Severity.CRITICAL] * 2
    calm = alerts.heard(entry(sip, 9, AT_MS + DRAIN_MS + 7 * REPEATED_MS), "less")
    assert calm is not None and calm.severity is Severity.WARNING


def desk(endpoint: str, status: str, at_ms: int) -> DeskSeen:
    return DeskSeen(
        queue_depth=0, in_flight=0, rpc_status=status, rpc_latency_us=1, rpc_endpoint=endpoint,
        breaker_state="CLOSED", breaker_cause=None, breaker_until_ms=None, kill_active=False, kill_scope="",
        kill_cause="", at_ms=at_ms,
    )  # fmt: skip


def test_a_change_of_node_is_told_once_each_way_and_the_first_sight_is_no_news() -> None:
    alerts, step = Alerts(), REPEATED_MS
    seen = [
        alerts.desk_seen(desk(*one))
        for one in (
            ("primary", "healthy", AT_MS),
            ("fallback", "healthy", AT_MS + step),
            ("fallback", "healthy", AT_MS + 2 * step),
            ("fallback", "down", AT_MS + 3 * step),
            ("primary", "healthy", AT_MS + 4 * step),
        )
    ]
    assert [one and one.severity for one in seen] == [
        None, Severity.WARNING, None, Severity.CRITICAL, Severity.INFO,
    ]  # fmt: skip


def test_a_feed_that_goes_down_is_critical_and_its_return_is_told() -> None:
    alerts = Alerts()
    told = []
    for number, feed in enumerate(("connected", "connected", "reconnecting", "down", "connected")):
        seen = MarketSeen(
            slot=Slot(1), slot_at_ms=1, feed=feed, gaps=0, pools=0, pools_fresh=0,
            at_ms=AT_MS + number * REPEATED_MS,
        )  # fmt: skip
        told.append(alerts.market_seen(seen))
    assert [one and one.severity for one in told] == [
        None, None, Severity.WARNING, Severity.CRITICAL, Severity.INFO,
    ]  # fmt: skip


def test_only_so_many_are_kept() -> None:
    alerts = Alerts()
    for number in range(KEPT_MAX + 10):
        alerts.heard(
            entry(RunStarted(str(number), "1", Address("w")), number, AT_MS + number * REPEATED_MS), "x"
        )
    assert len(alerts.newest()) == KEPT_MAX
    assert alerts.newest()[0].number == KEPT_MAX + 10
