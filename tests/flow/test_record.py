"""`chimera record` and a recording desk as users start them: killed, started again, read, and shown to Grafana."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import nbformat
import pytest
from nbclient import NotebookClient
from tests.flow.running_desk import running_desk, soon
from tests.nats_server import NatsServer

from chimera import frames
from chimera.adapters.recording_folder import RecordingFolder, segments, verify_segment
from chimera.domain.messages import IntentApproved, LegLanded
from chimera.domain.recording import RecordingBroken
from chimera.domain.snapshot import PoolSnapshot
from chimera.localnet.genesis import genesis
from chimera.localnet.node import Node, NodeOptions
from chimera.localnet.world_runner import run_world
from chimera.market.replay import MarketReplay
from chimera.plugins import venues
from chimera.ports.recording import Wanted
from chimera.ports.venue import MintTeller

SEED = 7
NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "market-and-desk.ipynb"
WITHIN_S = 40.0


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    options = NodeOptions(slot_ms=50, rpc_port=0, ws_port=0, geyser_port=0, jito_port=0, admin_port=0)
    async with Node(options, genesis=genesis(SEED).accounts) as running:
        tasks = [
            asyncio.create_task(running.clock.run()),
            asyncio.create_task(run_world(SEED, running.endpoints["rpc"], tick_ms=50)),
        ]
        yield running
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def chimera(
    *arguments: str, folder: Path, **settings: str
) -> AsyncIterator[tuple[Any, dict[str, Any]]]:
    """(process, what it said first); killed at the end where it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chimera", *arguments,
        env={"PATH": os.environ["PATH"], "CHIMERA_DATA_DIR": str(folder), **settings}, cwd=folder,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        line = await asyncio.wait_for(process.stdout.readline(), WITHIN_S)
        assert line, f"it ended with {await process.wait()}"
        yield process, json.loads(line)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def until(met: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not met():
        assert time.monotonic() < deadline, f"not within {WITHIN_S} s: {what}"
        await asyncio.sleep(0.05)


def trades(folder: Path) -> int:
    return frames.trades(folder).height if segments(folder) else 0


async def test_a_killed_recorder_goes_on_where_it_was_and_says_what_it_missed(
    tmp_path: Path, node: Node
) -> None:
    settings = {
        "CHIMERA_RPC__PRIMARY_URL": node.endpoints["rpc"],
        "CHIMERA_RPC__RATE_PER_S": "1000",
        "CHIMERA_GEYSER__URL": node.endpoints["geyser"],
        "CHIMERA_RECORDING__SEGMENT_RECORDS": "1000",
    }
    out = tmp_path / "recording"
    arguments = ("record", "--out", str(out))
    async with chimera(*arguments, folder=tmp_path, **settings) as (process, said):
        assert said == {"recording": str(out), "pools": said["pools"]} and said["pools"] > 5
        await until(lambda: trades(out) > 30, "trades are recorded")
        process.kill()
    before = RecordingFolder(out).info()
    assert any(path.suffix == ".open" for path in segments(out)), "it died with a segment open"
    async with chimera(*arguments, folder=tmp_path, **settings) as (process, _):
        known = trades(out)
        await until(lambda: trades(out) > known + 30, "it records again")
        process.terminate()
        assert await asyncio.wait_for(process.wait(), WITHIN_S) == 0
    assert all(path.suffix == ".parquet" for path in segments(out)), "all was sealed, the killed one's too"
    info = RecordingFolder(out).info()
    assert sum(part.records for part in map(verify_segment, segments(out)) if part) == info.records
    assert info.last_seq == info.records, "no number is missing"
    records = list(RecordingFolder(out).read(wanted=Wanted.RAW))
    broken = [record.seq for record in records if isinstance(record.item, RecordingBroken)]
    assert broken == [before.last_seq + 1]
    replay = MarketReplay(venues())
    for record in records:
        replay.process(record.item, record.at_ms)  # type: ignore[arg-type]
    assert replay.in_step
    anew = {
        record.item.pool
        for record in records
        if isinstance(record.item, PoolSnapshot) and record.seq > broken[0]
    }
    assert len(anew) > 5
    pools = replay.view.pools
    assert all(pools[where].complete and pools[where].doubtful is None for where in anew)
    # a curve whose mint no transaction has told the second run is known from the first, and not to be bought from
    unsure = [pool for where, pool in pools.items() if where not in anew and pool.doubtful is not None]
    assert all(isinstance(pool.venue, MintTeller) for pool in unsure)


@pytest.mark.slow
async def test_a_desk_records_beside_its_work_and_grafana_sees_its_trades(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHIMERA_RECORDING__ENABLED", "true")
    async with running_desk(tmp_path, seed=SEED) as desk:
        await soon(lambda: len(desk.facts(LegLanded)) >= 2)
        async with (
            chimera("run", "--roles", "trades", folder=desk.folder, CHIMERA_TRADE_LOGS__PORT="0") as (
                _,
                said,
            ),
            aiohttp.ClientSession() as session,
        ):
            assert said["component"] == "trades-server"

            async def rows(path: str) -> list[dict[str, Any]]:
                async with session.get(said["trades"].replace("/trades", path)) as answer:
                    assert answer.status == 200
                    found: list[dict[str, Any]] = await answer.json()
                    return found

            landed = [fact.fill.signature for fact in desk.facts(LegLanded)]
            deadline = time.monotonic() + WITHIN_S
            while True:
                shown = [
                    row["signature"]
                    for row in await rows("/trades?limit=10000")
                    if row["outcome"] == "landed"
                ]
                if set(landed) <= set(shown):
                    break
                assert time.monotonic() < deadline, "the flat files fell behind"
                await asyncio.sleep(0.1)
            decided = [row["intent_id"] for row in await rows("/decisions?mode=run")]
            approved = desk.facts(IntentApproved)[0].intent_id
            assert approved in decided
        child = desk.child
        await child.stop()
        recording = desk.folder / "recording"
        info = RecordingFolder(recording).info()
        assert info.whole and info.snapshots
        assert all(path.suffix == ".parquet" for path in segments(recording))
        market = set(frames.trades(recording)["signature"])
        ours = {fact.fill.signature for fact in desk.facts(LegLanded)}
        assert ours <= market, "our own trades are market events like all others"
        fills = frames.fills(desk.folder)
        assert set(fills["signature"]) == ours
        assert frames.decisions(desk.folder).filter(decision="approved").height >= len(ours)
        monkeypatch.setenv("CHIMERA_NOTEBOOK_DATA", str(desk.folder))
        executed = await asyncio.to_thread(_execute, NOTEBOOK)
        told = [cell for cell in executed.cells if cell.cell_type == "code"]
        assert all(cell.outputs for cell in told), "every cell shows something"
        (fills_shown,) = [
            cell.outputs[-1].data["text/plain"] for cell in told if "frames.fills" in cell.source
        ]
        assert f"shape: ({len(ours)}, 7)" in fills_shown


def _execute(path: Path) -> Any:
    """The notebook with its outputs; raises what a cell raises."""
    notebook = nbformat.read(path, as_version=4)
    return NotebookClient(notebook, timeout=60, kernel_name="python3").execute()


async def test_a_market_process_apart_records_beside_the_bus(tmp_path: Path, node: Node) -> None:
    server = NatsServer(tmp_path)
    await server.start()
    settings = {
        "CHIMERA_NATS__URL": server.url,
        "CHIMERA_NATS__METRICS_PORT": "0",
        "CHIMERA_RPC__PRIMARY_URL": node.endpoints["rpc"],
        "CHIMERA_RPC__RATE_PER_S": "1000",
        "CHIMERA_GEYSER__URL": node.endpoints["geyser"],
        "CHIMERA_RECORDING__ENABLED": "true",
    }
    data = tmp_path / "data"
    data.mkdir()
    try:
        async with (
            chimera("run", "--roles", "market", folder=data, **settings) as (process, said),
            aiohttp.ClientSession() as session,
        ):
            await until(lambda: trades(data / "recording") > 10, "trades are recorded")
            async with session.get(said["metrics"]) as answer:
                assert "chimera_recording_records_total" in await answer.text()
            process.terminate()
            assert await asyncio.wait_for(process.wait(), WITHIN_S) == 0
    finally:
        server.kill()
    info = RecordingFolder(data / "recording").info()
    assert info.whole and info.snapshots
    assert [path.suffix for path in segments(data / "recording")] == [".parquet"]
