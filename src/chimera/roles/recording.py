"""The recorder's loop: takes what the market plane folded and published, and hands it to the disk. Nobody waits for it.

Off the hot path: the plane puts items into a bounded queue, and here they are encoded in small bites between other
work, written by a thread, and sealed by another process. Where that is too slow the oldest go, are counted, and the
recording says so at that very place; then the whole market is written once more, so that a reader finds his way back.
"""

import asyncio
from pathlib import Path

from chimera.domain.errors import OutsideError
from chimera.domain.recording import (
    MintSnapshot,
    Observed,
    RawItem,
    RecordingBroken,
    SnapshotBegan,
    SnapshotEnded,
)
from chimera.market.snapshots import snapshot_of
from chimera.market.view import MarketView
from chimera.observe.recording import SLOW, RecordingObserver
from chimera.ports.bus import Bus
from chimera.ports.recording import RecordingSink
from chimera.ports.runtime import Clock
from chimera.roles.topics import MARKET, RAW

EVERY_S = 0.02
BITE = 64  # records encoded before others get their turn: a fifth of a millisecond
FRAME_ROWS = 4_096
FLUSH_MS = 500  # what a kill may cost
POOLS_A_BITE = 32
RETAIN_EVERY_S = 30.0
AGAIN_S = 2.0


class RecordingRole:
    def __init__(
        self,
        *,
        sink: RecordingSink,
        view: MarketView,
        bus: Bus,
        clock: Clock,
        observer: RecordingObserver,
        capacity: int,
        snapshot_every_s: float,
    ) -> None:
        """The view must keep raw accounts. `keep` must be the market role's."""
        self._sink, self._view, self._bus, self._clock = sink, view, bus, clock
        self._observer, self._capacity, self._snapshot_every_s = observer, capacity, snapshot_every_s
        self._new = bus.subscribe(RAW, MARKET, capacity=capacity)
        self._lost = 0
        """Of the queue's drops, how many the recording has told of."""
        self._rows: list[bytes] = []
        self._in_flight = 0
        """Rows of which nobody knows yet whether they were written."""
        self._flushed_ms = clock.now_ms()
        self._snapshot_now = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._sealing: set[asyncio.Task[None]] = set()

    def keep(self, item: RawItem, at_ms: int) -> None:
        """What the market role hands on."""
        self._bus.publish(RAW, Observed(item, at_ms))

    async def run(self, ready: asyncio.Event) -> None:
        """Records until cancelled; the first snapshot is taken once the market is `ready`. Never ends by itself:
        a recording that fails is no reason to stop a desk.
        """
        if self._sink.resumes is not None:
            self._encode(self._sink.resumes)
        while True:
            try:
                await self._loops(ready)
            except Exception as error:  # noqa: BLE001 - the top of a role
                self._observer.failed(error)
                if self._in_flight:
                    self._break("the recorder failed", self._in_flight)
            await asyncio.sleep(AGAIN_S)

    async def _loops(self, ready: asyncio.Event) -> None:
        self._tasks = [
            asyncio.create_task(self._pump(), name="recording"),
            asyncio.create_task(self._snapshots(ready), name="recording snapshots"),
            asyncio.create_task(self._retain(), name="recording retention"),
        ]
        try:
            await asyncio.gather(*self._tasks)
        finally:
            await self._stop()

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Ends `run`, writes what still waits, and seals it."""
        await self._stop()
        await self._drain()
        await self._flush()
        try:
            path = await asyncio.to_thread(self._sink.close)
        except OutsideError as error:
            self._observer.unsealed(name="the last", cause=str(error))
        else:
            if path is not None:
                self._seal_later(path)
        await asyncio.gather(*self._sealing)

    # records

    async def _pump(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await self._drain()
            if self._rows and self._clock.now_ms() - self._flushed_ms >= FLUSH_MS:
                await self._flush()

    async def _drain(self) -> None:
        """Encodes all that waits."""
        while self._new.depth:
            for _ in range(min(BITE, self._new.depth)):
                if self._new.dropped > self._lost:
                    # the oldest went: what is missing is missing right here
                    lost, self._lost = self._new.dropped - self._lost, self._new.dropped
                    self._break(SLOW, lost)
                self._rows.append(self._sink.encode(await self._new.get()))
            if len(self._rows) >= FRAME_ROWS:
                await self._flush()
            await asyncio.sleep(0)

    def _encode(self, item: RawItem) -> None:
        self._rows.append(self._sink.encode(Observed(item, self._clock.now_ms())))

    def _break(self, cause: str, lost: int) -> None:
        self._in_flight = 0
        self._observer.lost(records=lost, cause=cause)
        self._encode(RecordingBroken(cause, lost))
        self._snapshot_now.set()

    async def _flush(self) -> None:
        rows, self._rows = self._rows, []
        self._in_flight = len(rows)
        now = self._flushed_ms = self._clock.now_ms()
        try:
            written = await asyncio.to_thread(self._sink.append, rows, at_ms=now)
            self._in_flight = 0
            self._observer.written(records=written.records, size=written.bytes, waiting=self._new.depth)
            if written.full:
                path = await asyncio.to_thread(self._sink.rotate)
                if path is not None:
                    self._seal_later(path)
        except OutsideError as error:
            self._break(str(error), self._in_flight)
            await asyncio.sleep(AGAIN_S)

    # the whole market

    async def _snapshots(self, ready: asyncio.Event) -> None:
        await ready.wait()
        while True:
            self._snapshot_now.clear()
            await self._snapshot()
            try:
                async with asyncio.timeout(self._snapshot_every_s):
                    await self._snapshot_now.wait()
                    await asyncio.sleep(AGAIN_S)  # whatever was too fast for us may still be
            except TimeoutError:
                pass

    async def _snapshot(self) -> None:
        """Each pool as it is at its own place in the stream: nothing stands still meanwhile."""
        view = self._view
        self.keep(SnapshotBegan(view.slot, view.slot_at_ms), self._clock.now_ms())
        pools = mints = 0
        for address in list(view.pools):
            snapshot = snapshot_of(view, address, at_ms=self._clock.now_ms())
            if snapshot is not None:
                self.keep(snapshot, snapshot.at_ms)
                pools += 1
                if pools % POOLS_A_BITE == 0:
                    await self._room()
        for mint in list(view.mints):
            self.keep(MintSnapshot(view.mints[mint]), self._clock.now_ms())
            mints += 1
            if mints % BITE == 0:
                await self._room()
        self.keep(SnapshotEnded(view.slot, pools, mints), self._clock.now_ms())

    async def _room(self) -> None:
        """A snapshot takes no more than half of the queue, so that it never costs a live item."""
        await asyncio.sleep(0)
        while self._new.depth > self._capacity // 2:  # noqa: ASYNC110 - the queue tells nobody that it shrank
            await asyncio.sleep(EVERY_S)

    # files

    def _seal_later(self, path: Path) -> None:
        task = asyncio.create_task(self._seal(path), name="recording seal")
        self._sealing.add(task)
        task.add_done_callback(self._sealing.discard)

    async def _seal(self, path: Path) -> None:
        try:
            await self._sink.seal(path)
        except OutsideError as error:
            self._observer.unsealed(name=path.name, cause=str(error))
        else:
            self._observer.sealed(name=path.stem)

    async def _retain(self) -> None:
        while True:
            while self._sink.unsealed:
                self._seal_later(self._sink.unsealed.pop(0))
            removed = await asyncio.to_thread(self._sink.retain, at_ms=self._clock.now_ms())
            if removed:
                self._observer.removed(names=[path.name for path in removed])
            await asyncio.sleep(RETAIN_EVERY_S)
