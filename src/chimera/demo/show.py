"""The demo's course: set the stage, run the desk, watch it, stop it, and hold its books against the chain."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from chimera.adapters.journal_segments import read_folder
from chimera.demo.desk_client import DeskClient
from chimera.demo.processes import Child
from chimera.demo.stage import FUNDS_LAMPORTS, Stage
from chimera.demo.summary import Summary, summarise
from chimera.demo.view import Lines, LiveView, Look
from chimera.domain.errors import ConfigError, OutsideError
from chimera.domain.units import sol_text

LOOK_EVERY_S = 0.5


class Wishes(msgspec.Struct, frozen=True):
    seed: int
    for_s: float | None
    headless: bool
    port: int
    data_dir: Path


async def show(wishes: Wishes, *, environ: Mapping[str, str], stop: asyncio.Event) -> Summary:
    """Runs until `stop` or the time is up; returns what happened. Raises ConfigError where it cannot start."""
    began_ms = _now_ms()
    view = Lines() if wishes.headless else LiveView()
    stage = Stage(seed=wishes.seed, port=wishes.port, data_dir=wishes.data_dir, environ=environ)
    view.say(f"a run of its own in {stage.folder}")
    async with stage:
        view.say(f"embedded chain: RPC {stage.endpoints['rpc']}, Geyser {stage.endpoints['geyser']}")
        view.say(
            f"a new key in {stage.folder / 'vault.json'}, {sol_text(FUNDS_LAMPORTS)} SOL from the faucet"
        )
        desk, url = await stage.desk()
        dashboard = f"{url}#key={stage.key}"
        view.up(dashboard, secret_file=stage.secret_file, url=url)
        async with DeskClient(url, stage.key) as client:
            await _watch(client, desk, view, wishes, began_ms, stop)
        view.down()
        await desk.stop()
        lamports, tokens = await stage.holdings()
    summary = summarise(
        read_folder(stage.folder / "journal"),
        began_ms=began_ms,
        dashboard=dashboard,
        chain_lamports=lamports,
        chain_tokens=tokens,
    )
    view.end(summary, stage.folder)
    return summary


async def _watch(
    client: DeskClient, desk: Child, view: Lines, wishes: Wishes, began_ms: int, stop: asyncio.Event
) -> None:
    """Looks at the desk's API, as the dashboard does, until it is time to end."""
    ends_ms = began_ms + int(wishes.for_s * 1000) if wishes.for_s is not None else None
    while not stop.is_set() and (ends_ms is None or _now_ms() < ends_ms):
        if not desk.running:
            raise ConfigError(f"the desk ended: {desk.last_words()}")
        with contextlib.suppress(OutsideError):
            overview = await client.get("/api/v1/overview")
            positions = await client.get("/api/v1/positions?limit=20")
            decisions = await client.get("/api/v1/decisions?limit=50")
            health = await client.get("/api/v1/health")
            view.show(Look(overview, positions["items"], decisions["items"], health))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_EVERY_S)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
