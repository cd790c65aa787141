"""Decisions of long ago leave the tables and are still found; nothing that is owned or alive goes with them."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import polars as pl
import pytest
from sqlalchemy import Engine, func, select

from chimera.adapters import store_schema as schema
from chimera.adapters.archive import ENDED, SqlArchive
from chimera.adapters.store import SqlTables
from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_reader import SqlReader
from chimera.adapters.store_statistics import SqlStatistics
from chimera.audit.why import explain
from chimera.domain.errors import Unreachable
from chimera.domain.ids import TradeId
from chimera.domain.messages import Entry, IntentEmitted, Noted, TradeMoved, UpkeepLanded
from chimera.domain.trade import TradeState
from chimera.ports.screens import DecisionFilter
from chimera.testing.stories import START_MS, entries

DAY_MS = 86_400_000
NOW_MS = START_MS + 400 * DAY_MS
LATER_MS = START_MS + 100 * DAY_MS


def days(seed: int = 3) -> list[Entry]:
    """A story over three days."""
    story = entries(seed, trades=10)
    step = 3 * DAY_MS // len(story)
    return [msgspec.structs.replace(one, at_ms=START_MS + one.seq * step) for one in story]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine(tmp_path / "chimera.db")
    yield made
    made.dispose()


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(schema.decisions)).scalar_one())


def ended(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        rows = connection.execute(select(schema.trades.c.trade_uuid).where(schema.trades.c.status.in_(ENDED)))
        return {row.trade_uuid for row in rows}


def test_what_moved_is_found_where_it_was_and_every_sum_is_the_same(engine: Engine, tmp_path: Path) -> None:
    story, archive = days(), SqlArchive(engine, tmp_path / "archive")
    SqlTables(engine).fold(story)
    plain, with_archive = SqlReader(engine), SqlReader(engine, archive=archive)
    statistics = SqlStatistics(engine, archive=archive)
    before = count(engine)
    decided = plain.decisions(limit=1_000)
    totals = plain.totals(now_ms=NOW_MS)
    whole = {trade: plain.entries_about(trade) for trade in ended(engine)}
    assert whole
    chores = statistics.chores(from_ms=0, to_ms=NOW_MS, most=100)
    refused = DecisionFilter(outcome="refused", limit=1_000)
    asked = statistics.decisions(refused)

    moved = archive.move(before_ms=LATER_MS)
    assert moved == before - count(engine) > before // 2
    files = list((tmp_path / "archive").glob("decisions-*.parquet"))
    assert len(files) == len({one.at_ms // DAY_MS for one in story}) >= 3, "a file a day"
    assert with_archive.decisions(limit=1_000) == decided
    assert with_archive.decisions(limit=7) == decided[:7]
    assert with_archive.decisions(limit=5, before=decided[9].seq) == decided[10:15]
    assert statistics.decisions(refused) == asked
    assert plain.totals(now_ms=NOW_MS) == totals
    assert statistics.chores(from_ms=0, to_ms=NOW_MS, most=100) == chores != ()
    for trade, prior in whole.items():
        found = explain(with_archive.entries_about(trade), trade)
        then = explain(prior, trade)
        assert [step.text for step in found.steps if step.kind != "risk"] == [
            step.text for step in then.steps if step.kind != "risk"
        ]
    assert archive.move(before_ms=LATER_MS) == 0, "nothing is due twice"


def test_what_lives_stays_whole_and_goes_on(engine: Engine, tmp_path: Path) -> None:
    story = days()
    cut = len(story) * 2 // 3
    tables, archive = SqlTables(engine), SqlArchive(engine, tmp_path)
    tables.fold(story[:cut])
    archive.move(before_ms=LATER_MS)
    gone = ended(engine)
    rest = story[cut:]
    living = {one.fact.intent.trade_id for one in story[:cut] if isinstance(one.fact, IntentEmitted)} - gone
    assert living
    tables.fold(rest)
    whole = open_engine(tmp_path / "whole.db")
    SqlTables(whole).fold(story)
    for trade in living:
        assert SqlReader(engine).trade(trade) == SqlReader(whole).trade(trade)
        assert SqlReader(engine).position(trade) == SqlReader(whole).position(trade)
        assert SqlReader(engine).entries_about(trade) or trade not in gone
    whole.dispose()


def test_a_late_word_on_an_archived_round_trip_leaves_its_ledger_rows_alone(
    engine: Engine, tmp_path: Path
) -> None:
    story, archive = days(), SqlArchive(engine, tmp_path)
    tables, reader = SqlTables(engine), SqlReader(engine)
    tables.fold(story)
    trade = TradeId(min(ended(engine)))
    row, fills = reader.trade(trade), reader.fills(trade)
    archive.move(before_ms=LATER_MS)
    late = TradeMoved(trade, TradeState.CLOSED, TradeState.CLOSED, "late")
    tables.fold([Entry(len(story) + 1, NOW_MS, "run", late)])
    assert (reader.trade(trade), reader.fills(trade)) == (row, fills)


def test_recent_days_and_chores_stay(engine: Engine, tmp_path: Path) -> None:
    story, archive = days(), SqlArchive(engine, tmp_path)
    SqlTables(engine).fold(story)
    middle = START_MS + DAY_MS
    archive.move(before_ms=middle)
    with engine.connect() as connection:
        left = connection.execute(select(schema.decisions.c.at_ms, schema.decisions.c.fact)).all()
    assert sum(one.at_ms >= middle for one in left) == sum(one.at_ms >= middle for one in story)
    chores = sum(isinstance(one.fact, UpkeepLanded) for one in story)
    assert sum(one.fact == "UpkeepLanded" for one in left) == chores


def test_moving_again_after_a_rebuild_or_a_crash_doubles_nothing(engine: Engine, tmp_path: Path) -> None:
    """A crash between the file and the deletion is a row in both places; so is a rebuild from the journal."""
    story, archive, tables = days(), SqlArchive(engine, tmp_path / "a"), SqlTables(engine)
    tables.fold(story)
    totals = SqlReader(engine).totals(now_ms=NOW_MS)
    moved = archive.move(before_ms=LATER_MS)
    tables.rebuild(story)
    assert SqlReader(engine).totals(now_ms=NOW_MS) == totals
    assert archive.move(before_ms=LATER_MS) == moved
    rows = pl.read_parquet(tmp_path / "a" / "*.parquet")
    assert len(rows) == moved == rows["seq"].n_unique()
    assert SqlReader(engine).totals(now_ms=NOW_MS) == totals


def test_a_folder_that_refuses_costs_nothing(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    SqlTables(engine).fold(days())
    before = count(engine)
    with pytest.raises(Unreachable):
        SqlArchive(engine, tmp_path / "file").move(before_ms=LATER_MS)
    assert count(engine) == before


def test_a_file_that_cannot_be_read_is_not_written_over(engine: Engine, tmp_path: Path) -> None:
    SqlTables(engine).fold(days())
    archive, before = SqlArchive(engine, tmp_path / "a"), count(engine)
    archive.move(before_ms=START_MS + DAY_MS)
    (spoilt, *_) = sorted((tmp_path / "a").glob("*.parquet"))
    spoilt.write_bytes(b"spoilt")
    SqlTables(engine).rebuild(days())
    with pytest.raises(Unreachable):
        archive.move(before_ms=LATER_MS)
    assert (count(engine), spoilt.read_bytes()) == (before, b"spoilt")


def test_a_hollow_file_is_written_anew_and_the_log_is_emptied(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chimera.adapters.archive.FREE_PAGES_MIN", 10)
    path, tables = tmp_path / "chimera.db", SqlTables(engine)
    filler = [Entry(seq, START_MS + seq, "run", Noted("x" * 2_000, {})) for seq in range(1, 1_501)]
    tables.fold(filler)
    engine.dispose()  # the log goes into the file
    before = path.stat().st_size
    SqlArchive(engine, tmp_path / "a").move(before_ms=LATER_MS)
    assert path.stat().st_size < before // 4
    assert path.with_name("chimera.db-wal").stat().st_size == 0
