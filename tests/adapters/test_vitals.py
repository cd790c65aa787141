"""A process without screens says how it is: metrics, health by name of what is wrong, and that its loop hangs."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter
from tests.nats_server import free_port

from chimera.adapters import vitals as module
from chimera.adapters.vitals import Vitals
from chimera.config import Settings
from chimera.domain.errors import ConfigError
from chimera.wiring.apart import OFFSETS


@pytest.fixture
def vitals() -> Iterator[Vitals]:
    registry = CollectorRegistry()
    Counter("chimera_tried", "Tries.", registry=registry).inc()
    made = Vitals(component="market-data", registry=registry)
    yield made
    made.close()


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def test_metrics_and_health_answer_and_nothing_else(vitals: Vitals) -> None:
    port = vitals.open(0)
    status, text = ask(port, "/metrics")
    assert (status, "chimera_tried_total 1.0" in text) == (200, True)
    assert ask(port, "/health") == (503, '{"component": "market-data", "status": "starting", "troubles": {}}')
    vitals.started = True
    assert ask(port, "/health?x=1")[0] == 200
    assert ask(port, "/other")[0] == 404


def test_what_is_wrong_is_said_by_name(vitals: Vitals, monkeypatch: pytest.MonkeyPatch) -> None:
    vitals.started = True
    vitals.checks["bus"] = lambda: "NATS does not answer"
    vitals.checks["stream"] = lambda: ""
    status, text = ask(vitals.open(0), "/health")
    assert status == 503
    assert json.loads(text)["troubles"] == {"bus": "NATS does not answer"}
    vitals.checks["bus"] = lambda: ""
    monkeypatch.setattr(module, "LOOP_SILENT_S", -1.0)
    assert list(vitals.health()["troubles"]) == ["loop"]
    monkeypatch.undo()
    vitals.beat()
    assert vitals.health()["status"] == "healthy"


def test_a_second_process_of_a_role_takes_the_next_port_and_a_third_is_told(vitals: Vitals) -> None:
    base = free_port()
    second = Vitals(component="arbitrage", registry=CollectorRegistry())
    third = Vitals(component="third", registry=CollectorRegistry())
    try:
        assert vitals.open(base, base + 1) == base
        assert second.open(base, base + 1) == base + 1
        with pytest.raises(ConfigError, match=f"{base} nor {base + 1} cannot be used"):
            third.open(base, base + 1)
    finally:
        second.close()
        third.close()


def test_the_documented_ports_are_the_defaults() -> None:
    base = Settings().nats.metrics_port
    found = {role: [base + offset for offset in offsets] for role, offsets in OFFSETS.items()}
    assert found == {"market": [9801], "strategy": [9802, 9803], "execution": [9804]}
