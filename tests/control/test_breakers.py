"""Breakers as people see them: how each stands, how it came there, and closing one by its name."""

import asyncio
from typing import Any

import msgspec
from tests.control.test_api import desk_seen, market_seen

from chimera.domain.commands import ResetBreaker
from chimera.domain.correlation import Correlations
from chimera.domain.ids import WSOL, Address
from chimera.domain.live import BreakerSeen
from chimera.domain.messages import BreakerMoved

SEEN = BreakerSeen(
    name="slippage", enabled=True, state="OPEN", cause="4 in a row", until_ms=99, failures=4, outcomes=5, in_row=4,
    failures_max=8, in_row_max=4, percent_max=70, window_ms=900_000, recovery_ms=2_700_000, trials_good=0,
    trials_bad=0, trials=5, successes=3,
)  # fmt: skip
OPENED = BreakerMoved("slippage", "CLOSED", "OPEN", "4 in a row", "slippage_breaker")


async def eventually(house: Any, name: str, state: str) -> Any:
    """The breakers, once that one stands so."""
    for _ in range(500):
        told = (await house.get("/api/v1/risk/breakers")).json()
        if any((one["name"], one["state"]) == (name, state) for one in told["items"]):
            return told
        await asyncio.sleep(0.02)
    raise AssertionError(told)


async def test_an_open_breaker_is_shown_with_what_it_counted_and_its_history(house: Any) -> None:
    now = house.clock.now_ms()
    house.stream.queue.put_nowait(market_seen(now))
    house.stream.queue.put_nowait(msgspec.structs.replace(desk_seen(now), breakers=(SEEN,)))
    house.journal.append(OPENED)
    told = await eventually(house, "slippage", "OPEN")
    loss, slippage = told["items"]
    assert (loss["name"], loss["state"], loss["counts"]) == ("loss", "CLOSED", None)
    assert (slippage["stops"], slippage["cause"], slippage["until_ms"]) == ("buys", "4 in a row", 99)
    assert (slippage["counts"]["failures"], slippage["counts"]["failures_max"]) == (4, 8)
    assert [(move["breaker"], move["after"]) for move in told["history"]] == [("slippage", "OPEN")]
    health = (await house.get("/api/v1/health")).json()
    assert health["breakers_open"] == ["slippage"]
    assert health["circuit_breaker"]["state"] == "CLOSED", "that one is about losses"
    assert health["circuit_breaker"]["trading_allowed"] is False
    assert health["status"] == "degraded"


async def test_correlations_are_told_pair_by_pair_the_strongest_first(house: Any) -> None:
    path = "/api/v1/risk/correlation"
    assert (await house.get(path)).json()["at_ms"] is None, "nothing is known yet"
    one, other = Address("one"), Address("two")
    seen = Correlations(
        mints=(one, other, WSOL), bps=((10_000, None, 4_200), (None, 10_000, 9_100), (4_200, 9_100, 10_000)),
        returns=(60, 40, 60), bar_ms=15_000, window_bars=60, returns_min=20, at_ms=5,
    )  # fmt: skip
    house.stream.queue.put_nowait(seen)
    for _ in range(500):
        told = (await house.get(path)).json()
        if told["at_ms"] == 5:
            break
        await asyncio.sleep(0.02)
    assert [(pair["one"], pair["other"], pair["correlation"]) for pair in told["pairs"]] == [
        ("two", "SOL", 0.91),
        ("one", "SOL", 0.42),
        ("one", "two", None),
    ]
    assert told["returns"] == {"one": 60, "two": 40, "SOL": 60}


async def test_spear_being_off_leaves_trading_allowed(house: Any) -> None:
    now = house.clock.now_ms()
    seen = msgspec.structs.replace(SEEN, name="spear_losses")
    house.stream.queue.put_nowait(msgspec.structs.replace(desk_seen(now), breakers=(seen,)))
    told = await eventually(house, "spear_losses", "OPEN")
    assert told["items"][1]["stops"] == "spear"
    health = (await house.get("/api/v1/health")).json()
    assert health["circuit_breaker"]["trading_allowed"] is True


async def test_a_breaker_is_closed_by_its_name_and_the_loss_breaker_without_one(house: Any) -> None:
    path = "/api/v1/config/circuit-breaker/reset"
    await house.post(path, {"reason": "seen", "breaker": "slippage"})
    await house.post(path, {"reason": "seen"})
    asked = [command for command in house.commands.asked if isinstance(command, ResetBreaker)]
    assert [command.breaker for command in asked] == ["slippage", "loss"]
