"""Roles in processes of their own, as users start them: they trade, are steered, and outlive each other."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import nats
import pytest
from tests.flow.apart import ApartHouse, apart_house, soon
from tests.flow.running_desk import RunningDesk, payload

from chimera.demo.processes import Child
from chimera.demo.summary import summarise
from chimera.domain.errors import ConfigError
from chimera.domain.messages import KillSwitchMoved, LegLanded, RunStarted, SignalAccepted, TradeMoved
from chimera.domain.trade import TradeState


def closed(house: ApartHouse) -> bool:
    return any(fact.after is TradeState.CLOSED for fact in house.facts(TradeMoved))


async def as_the_chain(house: ApartHouse) -> bool:
    lamports, tokens = await house.stage.holdings()
    summary = summarise(
        house.journal(), began_ms=0, dashboard="", chain_lamports=lamports, chain_tokens=tokens
    )
    return summary.ledger_matches_chain


async def by_webhook(house: ApartHouse, **fields: Any) -> tuple[int, dict[str, Any]]:
    body = payload(**fields)
    signed = RunningDesk(house.stage, next(iter(house.children.values())), "").signed(body)
    return await house.ask("POST", "/api/v1/webhook", data=body, headers=signed)


async def text_of(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.text()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_four_processes_trade_are_steered_and_outlive_each_other(tmp_path: Path) -> None:
    async with apart_house(tmp_path, seed=7) as house:
        await soon(lambda: closed(house), why="a copied trade was bought and sold", within_s=90)
        for role in ("market", "execution", "strategy"):
            assert await house.health(role) == {
                "component": house.said[role]["component"], "status": "healthy", "troubles": {},
            }  # fmt: skip
            assert "# HELP chimera_" in await text_of(house.said[role]["metrics"])
        status, health = await house.ask("GET", "/api/v1/health")
        assert (status, health["status"], health["market"]["feed"]) == (200, "healthy", "connected")
        _, overview = await house.ask("GET", "/api/v1/overview")
        assert overview["wallet"] == house.stage.wallet
        assert overview["closed_trades"] > 0
        _, pools = await house.ask("GET", "/api/v1/markets?limit=5")
        assert pools["total"] > 10, pools

        # a signal by the control plane's door; the second of two equal ones is a duplicate there too
        before = len(house.facts(SignalAccepted))
        status, said = await by_webhook(house, amount_sol=0.07)
        assert status in {200, 422}, said
        if status == 200:
            assert len(house.facts(SignalAccepted)) > before, "durable before it was answered"
            assert (await by_webhook(house, amount_sol=0.07))[0] in {200, 409, 422}

        # an operator's command goes over the bus and comes back done
        status, said = await house.ask("POST", "/api/v1/kill", json={"mode": "halt_buys", "reason": "test"})
        assert (status, said["active"]) == (200, True)
        assert house.facts(KillSwitchMoved)[-1].by == "demo"
        status, _ = await house.ask("POST", "/api/v1/kill/reset", json={"reason": "test"})
        assert status == 200

        # each alone is killed; the others live, and what was lost is made good
        for role in ("strategy", "control", "market"):
            await house.kill(role)
            others = [one for one in ("market", "execution", "strategy") if one in house.children]
            for other in others:
                assert house.children[other].running
            if role == "control":  # nobody watches, and trading goes on
                before = len(house.facts(LegLanded))
                await soon(lambda: len(house.facts(LegLanded)) > before, why="it trades on", within_s=90)  # noqa: B023
            await house.start(role)
            assert len(house.facts(RunStarted)) == 1, "the desk did not notice"
        landed = len(house.facts(LegLanded))
        await soon(lambda: len(house.facts(LegLanded)) > landed, why="it trades on", within_s=90)
        await house.kill("execution")
        status, said = await house.ask("POST", "/api/v1/kill", json={"mode": "halt_all", "reason": "nobody"})
        assert (status, said["error"]) == (503, "UNREACHABLE")
        await house.start("execution")
        landed = len(house.facts(LegLanded))
        await soon(lambda: len(house.facts(LegLanded)) > landed, why="it trades on", within_s=90)
        house.nats.kill()
        await asyncio.sleep(1)
        await house.nats.start()
        landed = len(house.facts(LegLanded))
        await soon(
            lambda: len(house.facts(LegLanded)) > landed, why="and without the bus for a second", within_s=90
        )
        await soon(lambda: healthy(house), why="everybody is well again")
        await house.stop()
        assert await as_the_chain(house)


async def healthy(house: ApartHouse) -> bool:
    for role in ("market", "execution", "strategy"):
        if (await house.health(role))["status"] != "healthy":
            return False
    return (await house.ask("GET", "/api/v1/health"))[1]["status"] == "healthy"


@pytest.mark.slow
@pytest.mark.timeout(200)
async def test_two_processes_share_four_roles_and_old_tools_may_stop_them(tmp_path: Path) -> None:
    async with apart_house(tmp_path, seed=7, roles=("market,strategy", "execution,control")) as house:
        await soon(lambda: house.facts(LegLanded), why="something was bought", within_s=90)
        client = await nats.connect(house.nats.url)
        await client.publish("ironcrab.control.commands", b'{"command": "resume", "by": "somebody"}')
        await client.publish("ironcrab.control.kill", b'{"reason": "by an old tool", "by": "somebody"}')
        await soon(lambda: house.facts(KillSwitchMoved), why="the legacy subject halts")
        (moved,) = house.facts(KillSwitchMoved)
        assert (moved.active, moved.scope, moved.cause) == (True, "halt_all", "by an old tool")
        assert moved.by == "bus: somebody"
        settings = (house.folder / "config.yaml").read_text()
        (house.folder / "config.yaml").write_text(settings + "\nrisk: {open_positions_max: 3}\n")
        await client.publish("ironcrab.control.config.reload", b"")

        async def shown() -> bool:
            _, found = await house.ask("GET", "/api/v1/config")
            return bool(found["limits"]["open_positions_max"] == 3)

        await soon(shown, why="the settings were read again")
        await client.close()
        await house.stop()
        assert await as_the_chain(house)


@pytest.mark.slow
@pytest.mark.timeout(200)
async def test_the_six_documented_components_run_separately(tmp_path: Path) -> None:
    async with apart_house(tmp_path, seed=7, roles=("market", "execution", "control")) as house:
        with (house.folder / "config.yaml").open("a") as settings:
            settings.write("\nmomentum: {enabled: true}\narbitrage: {enabled: true}\n")
        await house.start("strategy", "--strategies", "momentum", name="momentum")
        await house.start("strategy", "--strategies", "arbitrage,copy_trade", name="arbitrage")
        await house.start("trades")
        found = {name: said.get("component", name) for name, said in house.said.items()}
        assert found == {
            "market": "market-data",
            "execution": "execution-engine",
            "control": "control-plane",
            "momentum": "momentum",
            "arbitrage": "arbitrage-copy_trade",
            "trades": found["trades"],
        }
        # the process that does not take a signal does not speak for the one that does
        await soon(lambda: house.facts(LegLanded), why="a copied buy landed", within_s=90)
        for name in ("market", "execution", "momentum", "arbitrage"):
            assert (await house.health(name))["status"] == "healthy"
        assert (
            len({house.said[name]["metrics"] for name in ("market", "execution", "momentum", "arbitrage")})
            == 4
        )

        async def served() -> bool:
            return '"' in await text_of(house.said["trades"]["trades"])

        await soon(served, why="the flat files' server shows the trade")
        await house.stop()
        assert await as_the_chain(house)


@pytest.mark.parametrize("roles", ["strategy", "control", "market", "market,strategy"])
async def test_who_does_not_sign_refuses_to_start_with_a_key(roles: str, tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin", "CHIMERA_NATS__URL": "nats://127.0.0.1:1",
               "CHIMERA_DATA_DIR": str(tmp_path), "CHIMERA_SECURITY__VAULT_PASSPHRASE": "a passphrase"}  # fmt: skip
    child = await Child.start(roles, ["run", "--roles", roles], log=tmp_path / "log", environ=environ)
    with pytest.raises(ConfigError, match="this process signs nothing"):
        await child.first_line()
    assert await child.wait() == 2


async def test_roles_that_there_are_not_and_roles_without_a_bus_are_told(tmp_path: Path) -> None:
    for roles, what in (("market,nonsense", "--roles"), ("strategy", "nats.url")):
        environ = {"PATH": "/usr/bin", "CHIMERA_DATA_DIR": str(tmp_path)}
        child = await Child.start(roles, ["run", "--roles", roles], log=tmp_path / "log", environ=environ)
        with pytest.raises(ConfigError, match=what):
            await child.first_line()
        assert await child.wait() == 2
