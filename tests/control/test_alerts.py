"""Alerts over the stream, the API and Prometheus; the business's numbers beside the machine's."""

import asyncio
import json
from typing import Any

from websockets.asyncio.client import connect

from chimera.domain.ids import Slot
from chimera.domain.messages import BreakerMoved, CapitalMoved, KillSwitchMoved, StrategyMoved


async def alerts(house: Any, query: str = "") -> dict[str, Any]:
    told = await house.get(f"/api/v1/incidents/alerts{query}")
    assert told.status_code == 200, told.text
    return told.json()


def three(house: Any) -> None:
    house.journal.append(KillSwitchMoved(active=True, scope="halt_buys", cause="drill", by="ops"))
    house.journal.append(StrategyMoved("momentum", "RUNNING", "PARKED", "ValueError", "engine"))
    house.journal.append(BreakerMoved("loss", "OPEN", "HALF_OPEN", "cooled down", "house"))


async def settled(house: Any, count: int) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while (found := await alerts(house))["total"] < count:
            await asyncio.sleep(0.01)
    return found


async def test_alerts_come_in_three_classes_newest_first_and_page_by_page(house: Any) -> None:
    three(house)
    found = await settled(house, 3)
    assert [one["severity"] for one in found["items"]] == ["info", "warning", "critical"]
    assert [one["number"] for one in found["items"]] == [3, 2, 1]
    (critical,) = (await alerts(house, "?severity=critical"))["items"]
    assert (critical["component"], critical["seq"]) == ("kill switch", 1)
    assert "drill" in critical["message"]
    second = await alerts(house, "?limit=1&offset=1")
    assert (second["total"], [one["number"] for one in second["items"]]) == (3, [2])
    wrong = await house.get("/api/v1/incidents/alerts?severity=loud")
    assert wrong.status_code == 400
    assert (await house.get("/api/v1/incidents/alerts", key=None)).status_code == 401


async def test_an_alert_is_pushed_and_can_be_asked_for_alone(house: Any) -> None:
    url = f"{house.url.replace('http', 'ws')}/api/v1/ws?token=readonly-key&topics=alerts"
    async with connect(url) as client, asyncio.timeout(10):
        assert json.loads(await client.recv())["data"] == {}
        three(house)
        heard = [json.loads(await client.recv()) for _ in range(3)]
    assert [one["type"] for one in heard] == ["alert"] * 3
    assert [one["data"]["severity"] for one in heard] == ["critical", "warning", "info"]
    assert set(heard[0]["data"]) >= {"severity", "component", "message"}


async def test_metrics_tell_of_application_machine_and_business(house: Any) -> None:
    house.journal.append(CapitalMoved(lamports=7_500_000_000, slot=Slot(1), cause="opening balance"))
    three(house)
    await settled(house, 3)
    text = (await house.get("/metrics", key=None)).text
    assert 'chimera_alerts_total{severity="critical"} 1.0' in text
    assert "chimera_balance_sol 7.5" in text and "chimera_equity_sol 7.5" in text
    assert 'chimera_round_trips_closed_total{outcome="win"} 0.0' in text
    assert "chimera_sol_usd" not in text, "what is not known is left out"
    assert "process_resident_memory_bytes" in text and "process_cpu_seconds_total" in text
    assert "chimera_api_latency_ms" in text
