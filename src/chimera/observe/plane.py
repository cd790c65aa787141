"""What happens on the market plane and on the bus: log lines and metrics of its own.

The plane counts for itself, on its hot path; here its counts are followed once a second.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from chimera.domain.live import MarketSeen
from chimera.observe.log import Log


class PlaneObserver:
    def __init__(self, log: Log, registry: CollectorRegistry) -> None:
        self._log = log
        self._gaps_closed = _counter(registry, "feed_gaps_closed", "Gaps that were filled, or not", "outcome")
        self._feed_items = _counter(
            registry, "feed_items", "Items of the stream by what became of them", "fate"
        )
        self._feed_received = _counter(
            registry, "feed_items_received", "Items of the stream; the sum of all fates"
        )
        self._feed_late = _counter(
            registry, "feed_items_late", "Transactions that came after a later slot had begun"
        )
        self._unread = _counter(registry, "feed_unread", "What gave no trade or state, by cause", "cause")
        self._decoded = _counter(registry, "feed_trades", "Trades read from transactions")
        self._reads = _counter(registry, "feed_rpc_reads", "Times the market plane asked a node for accounts")
        self._pools = _gauge(registry, "pools", "Pools by state", "state")
        self._drift_seen = _counter(
            registry, "layout_drift", "Layouts that could not be read", "venue", "role"
        )
        self._stubborn = _gauge(registry, "pools_stubborn", "Pools that could not be read anew", "venue")
        self._bus_dropped = _counter(
            registry, "bus_dropped", "Messages lost at a slow subscriber's limit", "topic"
        )
        self._bus_depth = _gauge(registry, "bus_depth", "Messages waiting for subscribers", "topic")
        self._counted: dict[tuple[str, ...], int] = {}

    def gap_closed(self, *, first_slot: int, last_slot: int, filled: bool) -> None:
        self._gaps_closed.labels("filled" if filled else "lost").inc()
        tell = self._log.info if filled else self._log.error
        tell("feed gap closed", first_slot=first_slot, last_slot=last_slot, filled=filled)

    def layout_drifted(self, *, venue: str, pool: str, role: str, cause: str, quarantined: bool) -> None:
        """Bytes of a known venue that are not what they should be; buys on the pool stop until they are."""
        if quarantined:
            self._drift_seen.labels(venue, role).inc()
            self._log.error("pool quarantined", venue=venue, pool=pool, role=role, cause=cause)
        else:
            self._log.warning("pool released", venue=venue, pool=pool, role=role)

    def pool_stubborn(self, *, venue: str, pool: str, stubborn: bool) -> None:
        """A pool that a node's accounts do not make anew after a gap or a fork; buys on it wait until they do."""
        if stubborn:
            self._stubborn.labels(venue).inc()
            self._log.error("pool stays in doubt", venue=venue, pool=pool)
        else:
            self._stubborn.labels(venue).dec()
            self._log.warning("pool trusted again", venue=venue, pool=pool)

    def account_absent(self, *, address: str) -> None:
        self._log.warning("account not on chain", address=address)

    def counted(self, seen: MarketSeen, *, late: int, calls: int) -> None:
        """The market plane's own counts since its start, told every second: counters follow them."""
        self._follow(self._feed_received, seen.received, "received")
        self._follow(self._feed_late, late, "late")
        self._follow(self._decoded, seen.trades, "trades")
        self._follow(self._reads, calls, "reads")
        for fate, count in {"passed": seen.passed, **seen.dropped}.items():
            self._follow(self._feed_items.labels(fate), count, "fate", fate)
        for cause, count in seen.unread.items():
            self._follow(self._unread.labels(cause), count, "unread", cause)
        self._pools.labels("known").set(seen.pools)
        self._pools.labels("usable").set(seen.pools_fresh)
        self._pools.labels("quarantined").set(seen.pools_quarantined)

    def bus_counted(self, depths: Mapping[str, tuple[int, int]]) -> None:
        """(waiting, dropped so far) by topic."""
        for topic, (waiting, dropped) in depths.items():
            self._bus_depth.labels(topic).set(waiting)
            self._follow(self._bus_dropped.labels(topic), dropped, "bus", topic)

    def _follow(self, counter: Counter, count: int, *name: str) -> None:
        """Raises a counter to a count that is kept elsewhere."""
        counter.inc(max(0, count - self._counted.get(name, 0)))
        self._counted[name] = count


def _counter(registry: CollectorRegistry, name: str, text: str, *labels: str) -> Counter:
    return Counter(f"chimera_{name}", text, labels, registry=registry)


def _gauge(registry: CollectorRegistry, name: str, text: str, *labels: str) -> Gauge:
    return Gauge(f"chimera_{name}", text, labels, registry=registry)
