"""Flat files of decisions and executions: one line a record, a file a day, the same however often one starts."""

import json
from datetime import UTC, datetime
from pathlib import Path

from chimera.adapters.trade_logs import TradeLogFiles, TradeLogReader
from chimera.domain.intent import Side
from chimera.domain.messages import IntentApproved, IntentEmitted, IntentRefused, LegLanded
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import LegRef
from chimera.testing.builders import fill, intent
from chimera.testing.fakes import MemoryJournal, StandingClock

DAY_MS = 86_400_000


class Desk:
    """A journal with a story in it, and the files folded from it."""

    def __init__(self, folder: Path, *, keep_days: int = 30) -> None:
        self.folder, self.keep_days = folder, keep_days
        self.clock = StandingClock()
        self.journal = MemoryJournal(self.clock, run_id="run1")

    def story(self) -> None:
        buy = intent()
        leg = LegRef("leg", buy.id, buy.trade_id)
        self.journal.append(IntentEmitted(buy))
        self.journal.append(IntentApproved(buy.id, buy.trade_id, ("size",)))
        self.clock.forward(1_000)
        self.journal.append(LegLanded(leg, fill(side=Side.BUY)))
        self.journal.append(IntentRefused(buy.id, buy.trade_id, Refusal(Reason.QUEUE_FULL, "9", "9")))

    def files(self) -> TradeLogFiles:
        return TradeLogFiles(
            self.folder,
            component="execution-engine",
            build="t",
            keep_days=self.keep_days,
            journal=self.journal,
        )

    def fold(self) -> TradeLogFiles:
        files = self.files()
        files.fold(list(self.journal.read(files.last_seq() + 1)))
        return files

    def lines(self, stream: str) -> list[dict]:
        paths = sorted((self.folder / stream).glob("*.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def test_each_stream_has_its_lines_with_the_documented_header(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.story()
    desk.fold()
    assert [line["kind"] for line in desk.lines("intents")] == ["IntentEmitted"]
    assert [line["kind"] for line in desk.lines("decisions")] == ["IntentApproved", "IntentRefused"]
    (result,) = desk.lines("executions")
    meant = fill(side=Side.BUY)
    assert result["kind"] == "ExecutionResult"
    assert set(result) == {
        "schema_version", "ts_unix_ms", "component", "build", "run_id", "event_id", "source", "slot", "kind", "payload",
    }  # fmt: skip
    assert (result["schema_version"], result["run_id"], result["slot"]) == (1, "run1", meant.slot)
    payload = result["payload"]
    assert (payload["signature"], payload["slot"], payload["outcome"]) == (
        meant.signature,
        meant.slot,
        "landed",
    )
    assert (payload["fee_lamports"], payload["lamports_delta"]) == (meant.fee_lamports, meant.lamports_delta)
    assert payload["strategy"] == "copy_trade"
    day = datetime.fromtimestamp(desk.clock.now_ms() / 1_000, UTC).strftime("%Y%m%d")
    assert (tmp_path / "executions" / f"executions-{day}.jsonl").exists()


def test_a_start_writes_nothing_twice_and_goes_on(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.story()
    desk.fold()
    before = {stream: desk.lines(stream) for stream in ("intents", "decisions", "executions")}
    desk.fold()
    assert {stream: desk.lines(stream) for stream in before} == before
    desk.story()
    desk.fold()
    assert [line["payload"]["seq"] for line in desk.lines("executions")] == [3, 7]
    assert [line["payload"]["seq"] for line in desk.lines("decisions")] == [2, 4, 6, 8]


def test_a_torn_line_is_cut_and_written_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.story()
    desk.fold()
    (path,) = (tmp_path / "decisions").glob("*.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    desk.fold()
    assert path.read_bytes() == whole


def test_lines_of_entries_that_a_crash_took_from_the_journal_are_taken_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.story()
    desk.fold()
    lost = desk.journal._entries.pop()  # the refusal was never durable
    desk.clock.forward(5_000)
    other = desk.journal.append(IntentApproved(lost.fact.intent_id, lost.fact.trade_id, ("again",)))
    assert other.seq == lost.seq
    desk.fold()
    assert [line["kind"] for line in desk.lines("decisions")] == ["IntentApproved", "IntentApproved"]


def test_days_are_utcs_and_old_ones_go(tmp_path: Path) -> None:
    desk = Desk(tmp_path, keep_days=7)
    for _ in range(10):
        desk.story()
        desk.clock.forward(DAY_MS)
    desk.fold()
    days = sorted(path.name for path in (tmp_path / "intents").glob("*.jsonl"))
    assert len(days) == 8
    assert len(desk.lines("executions")) == 8
    desk.fold()
    assert sorted(path.name for path in (tmp_path / "intents").glob("*.jsonl")) == days, (
        "what went stays away"
    )


def test_a_reader_begins_with_the_newest_over_all_days(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for _ in range(3):
        for _ in range(200):
            desk.story()
        desk.clock.forward(DAY_MS)
    desk.fold()
    (newest,) = sorted((tmp_path / "decisions").glob("*.jsonl"))[-1:]
    with newest.open("ab") as file:
        file.write(b'{"half a li')
    found = [record["payload"]["seq"] for record in TradeLogReader(tmp_path).newest("decisions")]
    assert found == sorted(found, reverse=True)
    assert len(found) == 1_200
