"""A market plane recorded on a real embedded chain: folded again, the recording gives the same events and pools."""

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from chimera.adapters.bus_local import LocalBus
from chimera.adapters.clocks import WallClock
from chimera.adapters.geyser import GeyserFeed
from chimera.adapters.recording_folder import RecordingFolder, segments, verify_segment
from chimera.adapters.recording_writer import RecordingLimits, RecordingWriter
from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.domain.errors import Unreachable
from chimera.domain.ids import Slot
from chimera.domain.market import MarketEvent, PoolUpdated, SlotAdvanced, Trade, WalletBalance
from chimera.domain.record import Maker
from chimera.domain.recording import Observed, RawItem, Recorded, RecordingBroken
from chimera.domain.snapshot import PoolSnapshot
from chimera.localnet.faults import FaultKind, FaultWish
from chimera.localnet.genesis import genesis
from chimera.localnet.node import Node, NodeOptions
from chimera.localnet.world_runner import run_world
from chimera.market.replay import MarketReplay
from chimera.market.view import MarketView
from chimera.observe import Observer, Redactor, make_log
from chimera.observe.recording import RecordingObserver
from chimera.plugins import venues
from chimera.ports.recording import RecordingReader, Wanted, Written, by_slot
from chimera.roles.market import MarketRole
from chimera.roles.recording import RecordingRole
from chimera.roles.topics import MARKET
from chimera.testing.builders import address

SEED = 7
SLOT_MS = 50
WITHIN_S = 30.0
MAKER = Maker(component="market-data", build="t", run_id="r")
LIMITS = RecordingLimits(
    segment_records=2_000, segment_bytes=1 << 30, segment_ms=1 << 40, keep_bytes=0, keep_days=0
)


class Plane:
    """A node with its world, a market role on it, and a recorder beside it."""

    def __init__(
        self, node: Node, rpc: RpcChain, folder: Path, *, capacity: int, snapshot_every_s: float
    ) -> None:
        self.node, self.bus, self.clock, self.folder = node, LocalBus(), WallClock(), folder
        self.view = MarketView(venues(), keep_raw=True)
        self.events = self.bus.subscribe(MARKET, capacity=1_000_000)
        log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
        self.observer = Observer(log, CollectorRegistry())
        self.recorder = RecordingRole(
            sink=RecordingWriter(folder, maker=MAKER, limits=LIMITS),
            view=self.view,
            bus=self.bus,
            clock=self.clock,
            observer=RecordingObserver(self.observer),
            capacity=capacity,
            snapshot_every_s=snapshot_every_s,
        )
        self.role = MarketRole(
            feed=GeyserFeed(node.endpoints["geyser"]),
            chain=rpc,
            view=self.view,
            bus=self.bus,
            clock=self.clock,
            observer=self.observer,
            wallet=address("nobody"),
            keep=self.recorder.keep,
        )

    def told(self) -> list[MarketEvent]:
        return [event for event in self.events._waiting if not isinstance(event, WalletBalance)]

    def trades(self) -> int:
        return sum(isinstance(event, Trade) for event in self.events._waiting)

    async def until(self, met: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not met():
            assert time.monotonic() < deadline, f"not within {WITHIN_S} s: {what}"
            await asyncio.sleep(0.02)


@asynccontextmanager
async def recording(
    folder: Path, *, capacity: int = 1_000_000, snapshot_every_s: float = 1.0
) -> AsyncIterator[Plane]:
    """On leaving, everything stands still and the recording is closed."""
    options = NodeOptions(slot_ms=SLOT_MS, rpc_port=0, ws_port=0, geyser_port=0, jito_port=0, admin_port=0)
    async with contextlib.AsyncExitStack() as stack:
        node = await stack.enter_async_context(Node(options, genesis=genesis(SEED).accounts))
        rpc = await stack.enter_async_context(
            RpcChain(node.endpoints["rpc"], who="chain", options=RpcOptions(requests_per_second_max=10_000))
        )
        plane = Plane(node, rpc, folder, capacity=capacity, snapshot_every_s=snapshot_every_s)
        tasks = [
            asyncio.create_task(node.clock.run()),
            asyncio.create_task(plane.recorder.run(plane.role.ready)),
            asyncio.create_task(plane.role.run()),
        ]
        stack.push_async_callback(plane.recorder.close)
        stack.push_async_callback(_stop, tasks)
        async with asyncio.timeout(WITHIN_S):
            await plane.role.ready.wait()
        tasks.append(asyncio.create_task(run_world(SEED, node.endpoints["rpc"], tick_ms=SLOT_MS)))
        yield plane


async def _stop(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def folded(records: list[Recorded]) -> tuple[MarketReplay, list[MarketEvent]]:
    replay, events = MarketReplay(venues()), []
    for record in records:
        assert isinstance(record.item, RawItem)
        events += replay.process(record.item, record.at_ms)
    return replay, events


def states(view: MarketView) -> dict[str, tuple[Any, int, str | None]]:
    """What every complete pool is quoted from."""
    return {
        where: (pool.state, pool.slot, pool.doubtful) for where, pool in view.pools.items() if pool.complete
    }


def timeless(events: list[MarketEvent]) -> list[MarketEvent]:
    return [msgspec.structs.replace(event, at_ms=0) for event in events]


async def test_a_recording_folded_again_gives_the_same_events_and_the_same_pools(tmp_path: Path) -> None:
    async with recording(tmp_path) as plane:
        await plane.until(lambda: plane.trades() > 40, "some trades")
        faults = plane.node.faults
        faults.add(FaultWish(kind=FaultKind.GEYSER_DISCONNECT, rate=0.25, times=5))
        faults.add(FaultWish(kind=FaultKind.FORK, rate=0.2, times=3, slots=3))
        await plane.until(lambda: faults.counts[FaultKind.FORK] >= 3, "forks")
        so_far = plane.trades()
        await plane.until(lambda: plane.trades() > so_far + 40, "more trades")
    folder = RecordingFolder(tmp_path)
    raw = list(folder.read(wanted=Wanted.RAW))
    replay, events = folded(raw)
    live = plane.told()
    kept = [
        record.item
        for record in folder.read(wanted=Wanted.EVENTS)
        if not isinstance(record.item, WalletBalance)
    ]
    assert kept == live, "every published event is in it, in its order"
    assert timeless(events) == timeless(live)
    assert replay.in_step
    assert states(replay.view) == states(plane.view)
    assert replay.view.mints == plane.view.mints
    assert any(isinstance(record.item, PoolSnapshot) for record in raw)

    # beginning in the middle, at a snapshot, it arrives at the same pools
    snapshots = folder.info().snapshots
    assert len(snapshots) >= 2
    middle = snapshots[len(snapshots) // 2]
    later = list(folder.read(wanted=Wanted.RAW, from_ms=middle.to_ms))
    assert later[0].seq == middle.first_seq > 1
    resumed, _ = folded(later)
    assert resumed.in_step
    assert states(resumed.view) == states(plane.view)

    told = [event.slot for event in live if isinstance(event, SlotAdvanced)]
    cut = list(by_slot(folder.read()))
    advanced = [
        record.item.slot for part in cut for record in part.records if isinstance(record.item, SlotAdvanced)
    ]
    assert advanced == told[: len(advanced)] and len(advanced) >= len(told) - 1
    assert all(
        info.last_seq - info.first_seq + 1 == info.records
        for info in map(verify_segment, segments(tmp_path))
        if info
    )
    assert {path.suffix for path in segments(tmp_path)} == {".parquet"}


async def test_a_recorder_that_cannot_keep_up_says_where_and_a_snapshot_makes_it_good(tmp_path: Path) -> None:
    async with recording(tmp_path, capacity=200, snapshot_every_s=600) as plane:
        await plane.until(lambda: plane.trades() > 20, "some trades")
        updates = [event for event in plane.events._waiting if isinstance(event, PoolUpdated)]
        for number in range(500):  # a burst between two breaths
            plane.bus.publish(MARKET, msgspec.structs.replace(updates[0], at_ms=number))
        so_far = plane.trades()
        await plane.until(lambda: plane.trades() > so_far + 40, "more trades")
        await asyncio.sleep(0)
        reader: RecordingReader = RecordingFolder(tmp_path)
        await plane.until(lambda: _whole_since_break(reader), "a snapshot after the break")
        metrics = generate_latest(plane.observer.registry).decode()
    lost = [r.item.lost for r in RecordingFolder(tmp_path).read() if isinstance(r.item, RecordingBroken)]
    assert lost and all(lost)
    assert f'chimera_recording_lost_total{{cause="slow"}} {float(sum(lost))}' in metrics
    replay, _ = folded(list(RecordingFolder(tmp_path).read(wanted=Wanted.RAW)))
    assert replay.in_step
    assert states(replay.view) == states(plane.view)


def _whole_since_break(reader: RecordingReader) -> bool:
    broken = [r.seq for r in reader.read(wanted=Wanted.RAW) if isinstance(r.item, RecordingBroken)]
    return bool(broken) and any(s.first_seq > broken[-1] for s in reader.info().snapshots)


class Failing:
    """A sink whose disk, or whose code, fails a few times."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.unsealed: list[Path] = []
        self.resumes: RecordingBroken | None = None
        self.encoded: list[Any] = []
        self.written: list[Any] = []

    def encode(self, message: Any) -> bytes:
        self.encoded.append(message.item if isinstance(message, Observed) else message)
        return str(len(self.encoded) - 1).encode()

    def append(self, rows: list[bytes], *, at_ms: int) -> Written:
        if rows and self.failures:
            raise self.failures.pop(0)
        self.written += [self.encoded[int(row)] for row in rows]
        return Written(len(rows), 1, full=False)

    def rotate(self) -> Path | None:
        return None

    async def seal(self, path: Path) -> None: ...

    def retain(self, *, at_ms: int) -> list[Path]:
        return []

    def close(self) -> Path | None:
        return None


async def test_a_failing_disk_or_a_mistake_of_ours_costs_records_and_never_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chimera.roles.recording.AGAIN_S", 0.01)
    monkeypatch.setattr("chimera.roles.recording.FLUSH_MS", 0)
    sink = Failing(Unreachable("recording", "the disk is full"), ValueError("a mistake"))
    bus, view = LocalBus(), MarketView(venues(), keep_raw=True)
    log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
    observer = Observer(log, CollectorRegistry())
    role = RecordingRole(
        sink=sink, view=view, bus=bus, clock=WallClock(), observer=RecordingObserver(observer),
        capacity=1_000, snapshot_every_s=600,
    )  # fmt: skip
    ready = asyncio.Event()
    running = asyncio.create_task(role.run(ready))
    deadline = time.monotonic() + WITHIN_S
    slot = 0
    while sink.failures or not any(isinstance(item, SlotAdvanced) for item in sink.written):
        assert time.monotonic() < deadline and not running.done()
        slot += 1
        bus.publish(MARKET, SlotAdvanced(Slot(slot), slot))
        await asyncio.sleep(0.01)
    await role.close()
    await asyncio.gather(running, return_exceptions=True)
    broken = [item for item in sink.written if isinstance(item, RecordingBroken)]
    assert [item.cause for item in broken] == ["the recorder failed"]
    assert broken[0].lost >= 2, "with it went the word of the first break"
    told = generate_latest(observer.registry).decode()
    assert 'chimera_recording_lost_total{cause="disk"}' in told
    assert 'chimera_errors_total{endpoint="recording",type="ValueError"} 1.0' in told
