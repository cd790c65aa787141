"""Entries between processes: only what is durable is told, and whoever misses some reads them up."""

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from chimera.adapters.bus_local import LocalBus
from chimera.adapters.clocks import WallClock
from chimera.adapters.journal_file import JournalFile
from chimera.adapters.journal_reader import JournalReader
from chimera.domain.ids import SignalId
from chimera.domain.messages import Entry, Noted, SignalDropped, TradeMoved
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import TradeState
from chimera.observe import Observer, Redactor, make_log
from chimera.ports.apart import JournalHead
from chimera.roles.journal_sharing import JournalFollower, JournalGiver
from chimera.roles.topics import DECISION_RECORDS, EXECUTION_RESULTS, JOURNAL, JOURNAL_HEAD, TRADES

WITHIN_S = 5.0


async def until(met: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not met():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


@asynccontextmanager
async def given(folder: Path) -> AsyncIterator[tuple[JournalFile, LocalBus]]:
    bus, clock = LocalBus(), WallClock()
    journal, _ = JournalFile.open(folder, clock=clock, run_id="run")
    giver = JournalGiver(journal=journal, bus=bus, clock=clock)
    journal.listen(giver.hear)
    loop = asyncio.create_task(giver.run())
    try:
        yield journal, bus
    finally:
        loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loop
        journal.close()


def follower(folder: Path, bus: LocalBus, folded: list[int]) -> JournalFollower:
    log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
    return JournalFollower(
        history=JournalReader(folder),
        bus=bus,
        fold=lambda entry: folded.append(entry.seq),
        clock=WallClock(),
        observer=Observer(log, CollectorRegistry()),
    )


async def test_nothing_is_told_before_it_is_durable_and_everything_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with given(tmp_path) as (journal, bus):
        told = bus.subscribe(JOURNAL, capacity=1_000)
        gate = asyncio.Event()
        durable = journal.durable

        async def slow(seq: int) -> None:
            await gate.wait()
            await durable(seq)

        monkeypatch.setattr(journal, "durable", slow)
        for number in range(100):
            journal.append(Noted("x", {"number": number}))
        await asyncio.sleep(0.1)
        assert told.depth == 0
        gate.set()
        await until(lambda: told.depth == 100, "all are told")
        seqs = [(await told.get()).seq for _ in range(100)]
        assert seqs == list(range(1, 101))
        assert journal.durable_seq >= 100


async def test_results_and_decisions_go_out_under_the_documented_names_too(tmp_path: Path) -> None:
    async with given(tmp_path) as (journal, bus):
        results = bus.subscribe(EXECUTION_RESULTS, capacity=10)
        decisions = bus.subscribe(DECISION_RECORDS, capacity=10)
        journal.append(Noted("x"))
        moved = TradeMoved("t", TradeState.PENDING, TradeState.QUEUED, "because")  # type: ignore[arg-type]
        dropped = SignalDropped(SignalId("s"), Refusal(Reason.POSITION_OPEN))
        journal.append(moved)
        journal.append(dropped)
        async with asyncio.timeout(WITHIN_S):
            assert (await results.get()).fact == moved
            assert (await decisions.get()).fact == dropped
        assert (results.depth, decisions.depth) == (0, 0)


async def test_a_follower_has_the_past_then_what_comes_and_tells_its_own_process_only_that(
    tmp_path: Path,
) -> None:
    async with given(tmp_path) as (journal, bus):
        for number in range(1_200):
            journal.append(Noted("x", {"number": number}))
        await journal.durable(1_200)
        folded: list[int] = []
        ours = follower(tmp_path, bus, folded)
        here = bus.subscribe(TRADES, capacity=10_000)
        await ours.open()
        assert folded == list(range(1, 1_201))
        assert here.depth == 0
        loop = asyncio.create_task(ours.run())
        for number in range(50):
            journal.append(Noted("y", {"number": number}))
        await until(lambda: ours.seq == 1_250, "it follows")
        assert folded == list(range(1, 1_251))
        assert [(await here.get()).seq for _ in range(50)] == list(range(1_201, 1_251))
        loop.cancel()


async def test_what_the_bus_lost_is_read_from_the_folder_in_order_and_once(tmp_path: Path) -> None:
    clock = WallClock()
    journal, _ = JournalFile.open(tmp_path, clock=clock, run_id="run")
    bus = LocalBus()
    folded: list[int] = []
    ours = follower(tmp_path, bus, folded)
    await ours.open()
    loop = asyncio.create_task(ours.run())
    entries: list[Entry] = [journal.append(Noted("x", {"number": number})) for number in range(100)]
    await journal.durable(100)
    for entry in (*entries[:10], *entries[40:50], entries[45]):  # thirty are lost, one comes twice
        bus.publish(JOURNAL, entry)
    await until(lambda: ours.seq >= 50, "it caught up")
    assert folded == list(range(1, len(folded) + 1))
    # the last ones are lost and nothing follows them: only the head tells
    bus.publish(JOURNAL_HEAD, JournalHead(100, 0))
    await asyncio.sleep(0.1)
    bus.publish(JOURNAL_HEAD, JournalHead(100, 0))
    await until(lambda: ours.seq == 100, "the head is believed the second time")
    assert folded == list(range(1, 101))
    loop.cancel()
    journal.close()


async def test_a_folder_without_a_journal_has_no_past(tmp_path: Path) -> None:
    folded: list[int] = []
    await follower(tmp_path / "none", LocalBus(), folded).open()
    assert folded == []
