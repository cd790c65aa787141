"""How the house is, in one answer: what the planes last said of themselves, judged by age."""

from collections.abc import Callable

from chimera.control.replica import Replica
from chimera.control.schemas import (
    BreakerHealth,
    DatabaseHealth,
    Health,
    JournalHealth,
    KillHealth,
    MarketHealth,
    RpcHealth,
)

SILENT_MS = 5_000  # a plane reports every second; five missed reports are a silence
SLOT_AGE_MS_MAX = 5_000  # a dozen slots
BEHIND_MAX = 1_000


class Judge:
    """Puts the health together. The database's part is told by whoever asks it, now and then."""

    def __init__(
        self,
        replica: Replica,
        *,
        label: str,
        dev: bool,
        started_ms: int,
        journal_trouble: Callable[[], str | None],
    ) -> None:
        self._replica, self._label, self._dev, self._started_ms = replica, label, dev, started_ms
        self.database = DatabaseHealth(status="unknown", message="not asked yet", behind_records=0)
        self._journal_trouble = journal_trouble
        self.blind = ""
        """Which of the control plane's own loops has failed."""

    def health(self, now_ms: int) -> Health:
        desk, market = self._replica.desk, self._replica.market
        breaker, kill = self._breaker(now_ms), self._kill()
        rpc = RpcHealth(status="unknown", latency_ms=None, endpoint="primary")
        if desk is not None:
            latency_ms = None if desk.rpc_latency_us is None else desk.rpc_latency_us / 1_000
            rpc = RpcHealth(status=desk.rpc_status, latency_ms=latency_ms, endpoint=desk.rpc_endpoint)
        market_health = MarketHealth(slot=0, slot_age_ms=None, feed="down", gaps=0, pools=0, pools_fresh=0)
        if market is not None:
            market_health = MarketHealth(
                slot=market.slot,
                slot_age_ms=max(0, now_ms - market.slot_at_ms),
                feed=market.feed,
                gaps=market.gaps,
                pools=market.pools,
                pools_fresh=market.pools_fresh,
                pools_quarantined=market.pools_quarantined,
                quarantine_reasons=market.quarantine_reasons,
                received=market.received,
                passed=market.passed,
                held=market.held,
                dropped=market.dropped,
                unread=market.unread,
            )
        return Health(
            status=self._status(now_ms, breaker, kill, rpc, market_health),
            label=self._label,
            dev_mode=self._dev,
            uptime_seconds=max(0, now_ms - self._started_ms) // 1_000,
            queue_depth=desk.queue_depth if desk else 0,
            circuit_breaker=breaker,
            breakers_open=self._replica.breakers.open(desk),
            kill_switch=kill,
            rpc=rpc,
            database=self.database,
            market=market_health,
            journal=JournalHealth(
                seq=self._replica.seq, status="unhealthy" if self._journal_trouble() else "healthy"
            ),
            last_trade_at=self._replica.trips.last_trade_at_ms,
        )

    def _status(
        self, now_ms: int, breaker: BreakerHealth, kill: KillHealth, rpc: RpcHealth, market: MarketHealth
    ) -> str:
        desk, seen = self._replica.desk, self._replica.market
        silent = desk is None or seen is None or now_ms - min(desk.at_ms, seen.at_ms) > SILENT_MS
        if (
            silent
            or self.blind
            or self._journal_trouble()
            or market.feed == "down"
            or self.database.status == "unhealthy"
        ):
            return "unhealthy"
        stale = market.slot_age_ms is None or market.slot_age_ms > SLOT_AGE_MS_MAX
        halted = breaker.state != "CLOSED" or kill.active or bool(self._replica.breakers.open(desk))
        away = market.feed != "connected" or rpc.status != "healthy" or rpc.endpoint != "primary"
        behind = self.database.behind_records > BEHIND_MAX
        return "degraded" if stale or halted or away or behind else "healthy"

    def _breaker(self, now_ms: int) -> BreakerHealth:
        """The journal's word comes before the desk's report, which may be a second older."""
        desk, moved = self._replica.desk, self._replica.breaker
        state = moved.after if moved else desk.breaker_state if desk else "CLOSED"
        cause = moved.cause if moved else desk.breaker_cause if desk else None
        until_ms = desk.breaker_until_ms if desk else None
        return BreakerHealth(
            state=state,
            trading_allowed=state != "OPEN"
            and not self._kill().active
            and not self._replica.breakers.stops_buys(desk),
            trip_reason=(cause or None) if state != "CLOSED" else None,
            cooldown_remaining_secs=max(0, -(-(until_ms - now_ms) // 1_000)) if until_ms else 0,
        )

    def _kill(self) -> KillHealth:
        """The journal's word: it is older than no report of the desk."""
        kill = self._replica.kill
        if kill is None or not kill.active:
            return KillHealth(active=False, scope=None, reason=None)
        return KillHealth(active=True, scope=kill.scope, reason=kill.cause)
