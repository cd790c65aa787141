"""What the house measures of itself, read from its own metrics: queues, latencies, what failed, which loops run.

Reads the registry that /metrics shows, so that the screen and the graphs cannot disagree. Quantiles are
interpolated within a histogram's bucket, as Prometheus does.
"""

from collections.abc import Iterable

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

PREFIX, LATENCY = "chimera_", "_latency_ms"
QUANTILES = (0.5, 0.95, 0.99)


class Queue(msgspec.Struct, frozen=True):
    name: str
    waiting: int
    dropped: int


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds since this process started."""

    name: str
    of: str
    """What of it: an endpoint, a method, a side."""
    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


class Failures(msgspec.Struct, frozen=True):
    what: str
    count: int


class Telemetry(msgspec.Struct, frozen=True):
    loops: list[str]
    """Of this process, by name; the house stops with the first that ends."""
    queues: list[Queue]
    latencies: list[Latency]
    failures: list[Failures]
    """What roles caught that nobody expected, and calls of nodes that failed."""


def telemetry(registry: CollectorRegistry, loops: Iterable[str]) -> Telemetry:
    metrics = {metric.name: metric for metric in registry.collect()}
    return Telemetry(
        loops=sorted(loops),
        queues=_queues(metrics),
        latencies=[
            latency for name, metric in sorted(metrics.items()) for latency in _latencies(name, metric)
        ],
        failures=[
            *_failures("role", metrics.get("chimera_errors")),
            *_failures("node", metrics.get("chimera_rpc_errors")),
        ],
    )


def _queues(metrics: dict[str, Metric]) -> list[Queue]:
    """The bus's topics by how many messages wait and were dropped, after the queue of signals."""
    depth, dropped = metrics.get("chimera_bus_depth"), metrics.get("chimera_bus_dropped")
    lost = {
        sample.labels["topic"]: int(sample.value)
        for sample in (dropped.samples if dropped else ())
        if sample.name.endswith("_total")
    }
    signals = metrics.get("chimera_queue_depth")
    waiting = int(signals.samples[0].value) if signals and signals.samples else 0
    topics = sorted(
        (sample.labels["topic"], int(sample.value)) for sample in (depth.samples if depth else ())
    )
    return [
        Queue("signals", waiting, 0),
        *(Queue(topic, count, lost.get(topic, 0)) for topic, count in topics),
    ]


def _latencies(name: str, metric: Metric) -> Iterable[Latency]:
    if metric.type != "histogram" or not name.endswith(LATENCY):
        return
    lines: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for sample in metric.samples:
        if sample.name.endswith("_bucket"):
            labels = tuple(sorted((key, value) for key, value in sample.labels.items() if key != "le"))
            lines.setdefault(labels, []).append((float(sample.labels["le"]), sample.value))
    for labels, buckets in sorted(lines.items()):
        count = int(max((total for _, total in buckets), default=0))
        if count:
            p50, p95, p99 = (_quantile(sorted(buckets), share) for share in QUANTILES)
            yield Latency(
                name.removeprefix(PREFIX).removesuffix(LATENCY),
                " ".join(value for _, value in labels),
                count,
                p50,
                p95,
                p99,
            )


def _quantile(buckets: list[tuple[float, float]], share: float) -> float:
    """Of cumulative (upper bound, count): linear within the bucket; the last finite bound above all of them."""
    wanted = share * buckets[-1][1]
    below, start = 0.0, 0.0
    for bound, total in buckets:
        if total >= wanted:
            if bound == float("inf"):
                return round(start, 3)
            inside = (wanted - below) / (total - below) if total > below else 1.0
            return round(start + (bound - start) * inside, 3)
        below, start = total, bound
    return round(start, 3)


def _failures(what: str, metric: Metric | None) -> list[Failures]:
    return [
        Failures(f"{what}: {' '.join(sample.labels.values())}", int(sample.value))
        for sample in (metric.samples if metric else ())
        if sample.name.endswith("_total") and sample.value
    ]
