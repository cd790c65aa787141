"""A disk that fills while the desk trades: it stops by itself, sends nothing more, and goes on when there is room."""

import asyncio
import resource
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.crash.kill_desk import signatures_paid_by
from tests.flow.running_desk import RunningDesk, payload, running_desk, soon

from chimera.adapters.journal_segments import verify
from chimera.demo.summary import summarise
from chimera.domain.messages import LegLanded, LegSigned

STOPPED = 3
POSSIBLE = {200, 409, 422, 429, 503}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of eight megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@asynccontextmanager
async def trading(folder: Path, *, log: Path | None = None) -> AsyncIterator[RunningDesk]:
    """A desk that has bought something, so that there is an exit to come."""
    async with running_desk(folder, seed=7, log=log) as desk:
        said = await desk.signal()
        assert said.status == 200, said.text
        await soon(lambda: desk.facts(LegLanded))
        yield desk


async def keep_asking(desk: RunningDesk) -> list[int]:
    """Signals as fast as the door takes them, until nobody answers; the statuses."""
    statuses = []
    for number in range(2_000):
        try:
            statuses.append((await desk.post(payload(amount_sol=round(0.1 + number / 1e6, 6)))).status)
        except (OSError, TimeoutError):
            break
        await asyncio.sleep(0.01)
    return statuses


async def stopped_and_taken_up_again(desk: RunningDesk, room: Path | None) -> None:
    """What must be true after the disk filled, whatever the way in which it did."""
    lamports_then = (await desk.stage.holdings())[0]
    sent = await signatures_paid_by(desk.stage.endpoints["rpc"], desk.stage.wallet)
    signed = {str(fact.signature) for fact in desk.facts(LegSigned)}
    assert sent <= signed  # nothing left the house that is not on disk
    if room is not None:
        room.unlink()
    desk.child, desk.url = await desk.stage.desk()
    before = len(desk.facts(LegLanded))
    await soon(lambda: len(desk.facts(LegLanded)) > before, within_s=60)  # the exit, at the latest by time
    await desk.child.stop()
    lamports, tokens = await desk.stage.holdings()
    assert lamports != lamports_then
    summary = summarise(
        desk.journal(), began_ms=0, dashboard="", chain_lamports=lamports, chain_tokens=tokens
    )
    assert summary.ledger_matches_chain, summary.differences
    assert verify(desk.folder / "journal").ok


async def test_a_full_disk_stops_the_desk_with_a_clear_word_and_room_lets_it_go_on(
    small_disk: Path, tmp_path: Path
) -> None:
    """The log is on another disk, so what it says last can be read."""
    async with trading(small_disk, log=tmp_path / "desk.log") as desk:
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(b"x" * 4_096)
        statuses = await keep_asking(desk)
        assert await asyncio.wait_for(desk.child.wait(), 90) == STOPPED
        assert 503 in statuses or statuses == []
        assert set(statuses) <= POSSIBLE
        last = (tmp_path / "desk.log").read_text().strip().splitlines()[-1]
        assert last.startswith("chimera: stopped: journal: the disk refuses (No space left on device)")
        assert "then start again" in last
        await stopped_and_taken_up_again(desk, filler)
        assert "Traceback" not in (tmp_path / "desk.log").read_text()


async def test_a_desk_whose_files_may_not_grow_stops_though_it_cannot_even_say_so(tmp_path: Path) -> None:
    """Journal, tables and log refuse at once."""
    async with trading(tmp_path) as desk:
        segment = next((desk.folder / "journal").glob("*.jsonl"))
        resource.prlimit(desk.child.pid, resource.RLIMIT_FSIZE, (segment.stat().st_size + 2_000,) * 2)
        statuses = await keep_asking(desk)
        assert await asyncio.wait_for(desk.child.wait(), 90) == STOPPED
        assert set(statuses) <= POSSIBLE
        await stopped_and_taken_up_again(desk, None)
        assert "Traceback" not in (desk.folder / "desk.log").read_text()
