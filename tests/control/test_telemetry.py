"""Queues, latencies and failures, as the metrics have them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from chimera.adapters.resources import MachineResources
from chimera.control.telemetry import telemetry
from chimera.ports.screens import SecretSeen


def test_quantiles_are_interpolated_within_a_bucket() -> None:
    registry = CollectorRegistry()
    histogram = Histogram(
        "chimera_rpc_latency_ms", "x", ["method"], registry=registry, buckets=(10, 20, float("inf"))
    )
    for value in (1,) * 50 + (15,) * 45 + (500,) * 5:
        histogram.labels("getSlot").observe(value)
    (told,) = telemetry(registry, ()).latencies
    assert (told.name, told.of, told.count) == ("rpc", "getSlot", 100)
    assert (told.p50_ms, told.p95_ms) == (10.0, 20.0)
    assert told.p99_ms == 20.0  # beyond the last bound nobody knows how far


def test_trades_are_told_by_their_median_and_both_tails() -> None:
    """Signal accepted to leg confirmed, as the observer measures it."""
    registry = CollectorRegistry()
    histogram = Histogram("chimera_trade_latency_ms", "x", registry=registry, buckets=(100, 200, 400))
    for value in (50,) * 50 + (150,) * 45 + (300,) * 5:
        histogram.observe(value)
    (told,) = telemetry(registry, ()).latencies
    assert (told.name, told.count) == ("trade", 100)
    assert (told.p50_ms, told.p95_ms) == (100.0, 200.0)
    assert 200.0 < told.p99_ms <= 400.0


def test_what_was_never_measured_is_left_out() -> None:
    registry = CollectorRegistry()
    Histogram("chimera_rpc_latency_ms", "x", ["method"], registry=registry).labels("getSlot")
    assert telemetry(registry, ()).latencies == []


def test_queues_tell_what_waits_and_what_was_dropped() -> None:
    registry = CollectorRegistry()
    Gauge("chimera_queue_depth", "x", registry=registry).set(3)
    Gauge("chimera_bus_depth", "x", ["topic"], registry=registry).labels("live").set(7)
    Counter("chimera_bus_dropped", "x", ["topic"], registry=registry).labels("live").inc(2)
    queues = telemetry(registry, ()).queues
    assert [(one.name, one.waiting, one.dropped) for one in queues] == [("signals", 3, 0), ("live", 7, 2)]


class Ages:
    """One secret, told by hand."""

    def look(self) -> tuple[SecretSeen, ...]:
        return (SecretSeen(name="vault", kept="file", at_ms=5),)


@pytest.fixture
async def watched(house_type: type, tmp_path: Path) -> AsyncIterator[Any]:
    house = house_type(tmp_path)
    server = await house.start(resources=MachineResources(tmp_path), secrets=Ages())
    yield house
    await house.stop(server)


async def test_the_loops_of_the_house_are_named_and_requests_are_not(watched: Any) -> None:
    told = (await watched.get("/api/v1/operations/telemetry", key="readonly-key")).json()
    assert "live stream" in told["loops"]
    assert not [name for name in told["loops"] if name.startswith("Task-")]


@pytest.mark.parametrize("path", ["telemetry", "secrets"])
async def test_strangers_learn_nothing_of_the_machine(watched: Any, path: str) -> None:
    assert (await watched.get(f"/api/v1/operations/{path}", key=None)).status_code == 401


async def test_secrets_are_told_by_age_alone(watched: Any) -> None:
    told = await watched.get("/api/v1/operations/secrets", key="readonly-key")
    assert told.json() == {"items": [{"name": "vault", "kept": "file", "at_ms": 5}]}
