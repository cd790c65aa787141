"""A house whose roles are processes of their own, really started: chain, world, NATS and the roles, each killable."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
from tests.nats_server import NatsServer

from chimera.adapters.journal_segments import read_folder
from chimera.demo.processes import Child
from chimera.demo.stage import (
    KEYS_VARIABLE,
    PASSPHRASE_VARIABLE,
    SECRET_VARIABLE,
    Stage,
)
from chimera.domain.errors import ConfigError
from chimera.domain.messages import Entry

ROLES = ("market", "execution", "strategy", "control")
WITHIN_S = 60.0
STARTS_MAX = 5


class ApartHouse:
    """`roles` are the processes, each with the roles that it holds: ("market", "strategy,execution", "control")."""

    def __init__(self, stage: Stage, nats: NatsServer) -> None:
        self.stage, self.nats = stage, nats
        self.children: dict[str, Child] = {}
        self.said: dict[str, dict[str, Any]] = {}
        self.refused = 0
        """Starts that failed and were tried again."""

    @property
    def folder(self) -> Path:
        return self.stage.folder

    def environ(self, roles: str) -> dict[str, str]:
        """Only what each role needs: the passphrase for the signer alone."""
        found = {
            **self.stage._environ,
            "CHIMERA_NATS__URL": self.nats.url,
            "CHIMERA_NATS__METRICS_PORT": "0",
            "CHIMERA_TRADE_LOGS__PORT": "0",
        }
        if "execution" in roles:
            found |= {SECRET_VARIABLE: self.stage._secret, PASSPHRASE_VARIABLE: self.stage._passphrase}
        if "control" in roles:
            found[KEYS_VARIABLE] = json.dumps(
                [{"identifier": "demo", "role": "admin", "key": self.stage.key}]
            )
        return found

    async def start(self, roles: str, *more: str, name: str = "") -> Child:
        """Running, as its first line says; a start that a fault prevented is tried again, as a supervisor would.

        `name` is for two processes of the same roles.
        """
        name = name or roles
        arguments = ["run", "--roles", roles, "-c", str(self.folder / "config.yaml"), *more]
        for attempt in range(STARTS_MAX):
            log = self.folder / f"{name}.log"
            child = await Child.start(name, arguments, log=log, environ=self.environ(roles))
            self.stage._stack.push_async_callback(child.stop)
            try:
                self.said[name] = await child.first_line()
            except ConfigError:
                if attempt == STARTS_MAX - 1:
                    raise
                await child.stop()
                self.refused += 1
                continue
            self.children[name] = child
            return child
        raise AssertionError("not reached")

    async def kill(self, roles: str) -> None:
        """`kill -9`."""
        child = self.children.pop(roles)
        os.kill(child.pid, signal.SIGKILL)
        await child.wait()

    async def wake_the_world(self) -> None:
        world = ["world", "--rpc-url", self.stage.endpoints["rpc"], "--seed", str(self.stage.seed)]
        await self.stage._child("world", world, self.stage._environ)

    async def stop(self) -> None:
        """In the order in which a careful person would: who signs last."""
        for roles in sorted(self.children, key=lambda name: "execution" in name):
            await self.children[roles].stop()

    async def ask(self, method: str, path: str, **sent: Any) -> tuple[int, dict[str, Any]]:
        control = next(said["dashboard"] for said in self.said.values() if "dashboard" in said)
        headers = {"Authorization": f"Bearer {self.stage.key}", **sent.pop("headers", {})}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, control.rstrip("/") + path, headers=headers, **sent) as response,
        ):
            return response.status, await response.json()

    async def health(self, roles: str) -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.get(self.said[roles]["health"]) as response:
            found: dict[str, Any] = await response.json()
            return found

    def journal(self) -> list[Entry]:
        folder = self.folder / "journal"
        return list(read_folder(folder)) if folder.exists() else []

    def facts(self, kind: Any) -> list[Any]:
        return [entry.fact for entry in self.journal() if isinstance(entry.fact, kind)]


@contextlib.asynccontextmanager
async def apart_house(
    folder: Path, *, seed: int, roles: tuple[str, ...] = ROLES
) -> AsyncIterator[ApartHouse]:
    (folder / "nats").mkdir(parents=True)
    nats = NatsServer(folder / "nats")
    await nats.start()
    try:
        async with Stage(seed=seed, port=0, data_dir=folder, environ=os.environ) as stage:
            house = ApartHouse(stage, nats)
            for each in roles:
                await house.start(each)
            await house.wake_the_world()
            yield house
    finally:
        nats.kill()


async def soon(what: Callable[[], Any], *, why: str, within_s: float = WITHIN_S) -> Any:
    """The first true answer; fails by name when time is up."""
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        found = what()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(f"not within {within_s} s: {why}")
