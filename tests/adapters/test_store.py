"""The tables: what the journal says, however it was cut into batches, and safe to read meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, inspect, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from chimera.adapters import store_schema as schema
from chimera.adapters.clocks import SteppedClock
from chimera.adapters.journal_file import JournalFile
from chimera.adapters.store import SqlTables, catch_up
from chimera.adapters.store_engine import migrate, open_engine, reading, writing
from chimera.adapters.store_keys import SqlKeys
from chimera.adapters.store_reader import SqlReader
from chimera.domain.discrepancy import Discrepancy, Mismatch
from chimera.domain.errors import ConfigError, InvariantBroken, Unreachable
from chimera.domain.ids import SignalId, Signature, Slot, TradeId
from chimera.domain.messages import (
    DeadLetterHandled,
    DiscrepancyResolved,
    Entry,
    Fact,
    FillValued,
    LegLanded,
    Noted,
    PositionsReconciled,
    Reconciled,
    SignalRefused,
)
from chimera.domain.risk import Reason, Refusal
from chimera.portfolio import Ledger
from chimera.ports.store import Keys, Reader, Tables
from chimera.testing.stories import address, entries

NOW_MS = 1_790_000_100_000


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine(tmp_path / "chimera.db")
    yield made
    made.dispose()


def dump(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    with engine.connect() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(table.select())), key=repr)
            for table in (*schema.FOLDED, schema.fold_state)
        }


def books(story: list[Entry]) -> Ledger:
    ledger = Ledger()
    for entry in story:
        ledger.apply(entry)
    return ledger


# what is in them


@pytest.mark.parametrize("seed", range(8))
def test_the_tables_say_what_the_books_say(engine: Engine, seed: int) -> None:
    story = entries(seed)
    SqlTables(engine).fold(story)
    reader, ledger = SqlReader(engine), books(story)
    held = {row.trade_uuid: row for row in reader.positions(limit=1000).items}
    assert held.keys() == ledger.positions.keys()
    for trade_id, position in ledger.positions.items():
        row = held[trade_id]
        assert (row.token_amount, row.tokens_bought) == (position.tokens, position.tokens_bought)
        assert (row.entry_lamports, row.received_lamports) == (
            position.cost_lamports,
            position.received_lamports,
        )
        assert row.realised_lamports == position.realised_lamports
        assert (row.state == "CLOSED") is not position.open
    totals = reader.totals(now_ms=NOW_MS)
    assert totals.realised_lamports == ledger.realised_lamports
    assert (totals.fees_lamports, totals.tips_lamports) == (ledger.fees_lamports, ledger.tips_lamports)
    assert totals.rent_lamports == ledger.rent_lamports
    assert totals.open_positions == len(ledger.open_positions)
    assert totals.closed_trades == len(ledger.positions) - len(ledger.open_positions)
    for trade_id, state in ledger.states.items():
        row = reader.trade(trade_id)
        assert row is not None
        assert row.status == state
        assert row.retry_count == ledger.retries.get(trade_id, 0)
    history = reader.realised_history()
    assert (history[-1][1] if history else 0) == ledger.realised_lamports
    assert reader.last_seq() == len(story)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_however_entries_are_batched_the_tables_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cuts: list[int]
) -> None:
    folder, story = tmp_path_factory.mktemp("fold"), entries(seed, trades=4)
    whole, parts = open_engine(folder / "whole.db"), open_engine(folder / "parts.db")
    SqlTables(whole).fold(story)
    tables, at, number = SqlTables(parts), 0, 0
    while at < len(story):
        size = cuts[number % len(cuts)]
        tables.fold(story[max(0, at - 3) : at + size])  # the last three once more
        at, number = at + size, number + 1
    assert dump(parts) == dump(whole)
    tables.rebuild(story)
    assert dump(parts) == dump(whole)
    whole.dispose()
    parts.dispose()


def test_a_trade_that_was_asked_for_is_there_before_anything_landed(engine: Engine) -> None:
    story = entries(3)
    first = next(i for i, entry in enumerate(story) if type(entry.fact).__name__ == "SignalAccepted")
    SqlTables(engine).fold(story[: first + 1])
    row = SqlReader(engine).trades().items[0]
    assert (row.status, row.realised_lamports, row.entry_signature) == ("PENDING", None, None)


def test_token_amounts_of_a_whole_u64_come_back_exactly(engine: Engine) -> None:
    story = entries(5)
    SqlTables(engine).fold(story)
    assert any(row.tokens_bought > 2**63 for row in SqlReader(engine).positions().items)


def test_a_fill_knows_what_a_sol_cost_however_the_facts_were_batched(engine: Engine) -> None:
    story = entries(0)
    fill = next(entry.fact for entry in story if isinstance(entry.fact, LegLanded))
    value = FillValued(fill.leg.leg_id, fill.fill.signature, 150_000_000, "pool")
    whole = [*story, Entry(seq=len(story) + 1, at_ms=NOW_MS, run_id="run", fact=value)]
    tables, reader = SqlTables(engine), SqlReader(engine)
    found = []
    for cut in (1, len(story), len(whole)):
        tables.rebuild(whole[:cut])
        tables.fold(whole)
        found.append({row.leg_id: row.sol_micro_usd for row in reader.fills(fill.leg.trade_id)})
    assert found[0] == found[1] == found[2]
    assert found[0][fill.leg.leg_id] == 150_000_000
    assert all(known is None for leg, known in found[0].items() if leg != fill.leg.leg_id)


def test_every_decision_has_a_sentence_and_pages_go_back_in_time(engine: Engine) -> None:
    SqlTables(engine).fold(entries(1))
    reader = SqlReader(engine)
    pages, before = [], None
    while page := reader.decisions(before=before, limit=7):
        pages += page
        before = page[-1].seq
    seqs = [row.seq for row in pages]
    assert seqs == sorted(set(seqs), reverse=True) and len(seqs) > 30
    assert {row.kind for row in pages} == {"signal", "intent", "trade", "risk"}
    assert all(row.text.endswith(".") and "LegRef" not in row.text for row in pages)
    assert all(row.outcome == "refused" and row.reason for row in reader.decisions(outcome="refused"))
    landed = next(row for row in pages if row.outcome == "confirmed")
    assert landed.token_symbol and landed.trade_uuid and landed.side
    checked = next(row for row in pages if row.text.startswith("BONK can be sold"))
    assert checked.outcome == "approved"


def test_dead_letters_name_the_documented_reasons(engine: Engine) -> None:
    for seed in range(100):
        story = entries(seed)
        if any(getattr(entry.fact, "after", None) == "DEAD_LETTER" for entry in story):
            break
    SqlTables(engine).fold(story)
    page = SqlReader(engine).dead_letters(limit=200)
    assert {"PARSE_ERROR", "QUEUE_FULL", "MAX_RETRIES"} <= {row.reason for row in page.items}
    assert "SIGNATURE_INVALID" not in {row.reason for row in page.items}
    assert page.total == len(page.items)
    given_up = next(row for row in page.items if row.reason == "MAX_RETRIES")
    assert given_up.can_retry and '"mint"' in given_up.payload


def test_every_change_is_audited_with_key_old_new_who_and_when(engine: Engine) -> None:
    SqlTables(engine).fold(entries(2, trades=1))
    rows = SqlReader(engine).config_audit(limit=200).items
    keys = {row.key for row in rows}
    assert {"risk.open_positions_max", "breaker.loss", "kill_switch"} <= keys
    wallet = [row for row in rows if row.key == f"wallets.{address('copied0')}.status"]
    assert (wallet[-1].old_value, wallet[-1].new_value) == ("", "ACTIVE")
    assert all(later.old_value == earlier.new_value for later, earlier in pairwise(wallet))
    assert all(row.changed_by and row.changed_at_ms for row in rows)


def test_wallets_carry_what_copying_them_brought(engine: Engine) -> None:
    story = entries(4)
    SqlTables(engine).fold(story)
    ledger = books(story)
    for row in SqlReader(engine).wallets().items:
        copied = [p for p in ledger.positions.values() if p.wallet == row.address]
        assert row.copied == len(copied)
    assert SqlReader(engine).wallets(status="CANDIDATE").total == 0


def test_differences_are_logged_and_small_ones_resolved(engine: Engine) -> None:
    def at(seq: int, fact: Reconciled) -> Entry:
        return Entry(seq=seq, at_ms=seq, run_id="r", fact=fact)

    tables, reader = SqlTables(engine), SqlReader(engine)
    assert reader.totals(now_ms=1).ledger_matches_chain is None
    tables.fold([at(1, Reconciled(Slot(1), 10**9, 10**9))])
    assert reader.totals(now_ms=1).ledger_matches_chain is True
    tables.fold(
        [
            at(2, Reconciled(Slot(2), 10**9, 10**9 - 100_000)),
            at(3, Reconciled(Slot(3), 10**9, 10**9 - 100_001)),
            at(4, Reconciled(Slot(4), 10**13, 10**13 - 999_999_999)),
            at(5, Reconciled(Slot(5), 5, 5, ((address("DUST"), 0, 7),))),
        ]
    )
    assert reader.totals(now_ms=1).ledger_matches_chain is False
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT seq, discrepancy, resolved_by FROM reconciliation_log ORDER BY seq")
        ).all()
    assert [tuple(row) for row in rows] == [
        (2, "AMOUNT_MISMATCH", "auto:absolute"),
        (3, "AMOUNT_MISMATCH", None),
        (4, "AMOUNT_MISMATCH", "auto:relative"),
        (5, "STATE_MISMATCH", None),
    ]


def test_filters_and_limits_of_trades(engine: Engine) -> None:
    SqlTables(engine).fold(entries(6, trades=9))
    reader = SqlReader(engine)
    everything = reader.trades(limit=10**9)
    assert everything.total == len(everything.items)
    newest_first = [row.created_at_ms for row in everything.items]
    assert newest_first == sorted(newest_first, reverse=True)
    middle = newest_first[len(newest_first) // 2]
    assert all(row.created_at_ms >= middle for row in reader.trades(from_ms=middle).items)
    assert reader.trades(from_ms=middle).total + reader.trades(to_ms=middle - 1).total == everything.total
    assert all(row.strategy == "SPEAR" for row in reader.trades(strategy="SPEAR").items)
    assert len(reader.trades(limit=2, offset=1).items) == 2
    assert reader.trades(status="'; DROP TABLE trades; --").total == 0
    assert reader.trade("unknown") is None and reader.position("unknown") is None


# how they are kept


def test_the_ports_are_met(engine: Engine) -> None:
    tables: Tables = SqlTables(engine)
    reader: Reader = SqlReader(engine)
    keys: Keys = SqlKeys(engine)
    assert tables.last_seq() == reader.last_seq() == 0 and keys.lookup("") is None


def test_entries_may_not_be_skipped(engine: Engine) -> None:
    story = entries(0)
    tables = SqlTables(engine)
    tables.fold(story[:3])
    with pytest.raises(InvariantBroken, match="entry 5 came where 4 belongs"):
        tables.fold(story[4:6])
    assert tables.last_seq() == 3


def test_a_batch_that_fails_leaves_nothing_behind(engine: Engine) -> None:
    story, tables = entries(0), SqlTables(engine)
    with pytest.raises(InvariantBroken):
        tables.fold([*story[:10], story[11]])
    assert tables.last_seq() == 0 and dump(engine)["decisions"] == []


def test_a_full_disk_is_told_and_nothing_is_lost_once_there_is_room(engine: Engine) -> None:
    story, tables = entries(0), SqlTables(engine)
    tables.fold(story[:5])

    def room(pages: int) -> None:
        with engine.connect() as connection:  # the pool's only connection: the limit is its own
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    room(1)
    with pytest.raises(Unreachable, match="database or disk is full"):
        tables.fold(story[5:])
    assert tables.last_seq() == 5
    room(100_000)
    tables.fold(story[5:])
    assert tables.last_seq() == len(story)


def test_when_all_connections_are_taken_it_is_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.pool, "_timeout", 0.05)
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(engine.connect())
        with pytest.raises(Unreachable, match="all 10 connections are in use"):
            SqlReader(engine).last_seq()


async def test_catching_up_folds_the_rest_and_rebuilds_for_another_journal(
    tmp_path: Path, engine: Engine
) -> None:
    tables = SqlTables(engine)
    for name, run in (("one", "run1"), ("two", "run2")):
        journal, _ = JournalFile.open(tmp_path / name, clock=SteppedClock(5), run_id=run)
        for entry in entries(len(name)):
            journal.append(entry.fact)
        first = catch_up(tables, journal)
        assert first == journal.last_seq == tables.last_seq()
        journal.append(Noted("one more"))
        assert catch_up(tables, journal) == 1 and catch_up(tables, journal) == 0
        assert tables.state()[2] == run
        fresh = open_engine(tmp_path / f"{name}.db")
        SqlTables(fresh).rebuild(journal.read())
        assert dump(fresh) == dump(engine)
        fresh.dispose()
        journal.close()


def test_the_pragmas_are_those_documented(engine: Engine) -> None:
    told = SqlReader(engine).check()
    assert told["journal_mode"] == "wal" and told["foreign_keys"] == "1" and told["busy_timeout"] == "5000"
    assert told["synchronous"] == "2" and told["integrity"] == "ok"
    assert engine.pool.size() == 10  # type: ignore[attr-defined]


def test_readers_read_while_a_writer_holds_a_transaction(engine: Engine) -> None:
    SqlTables(engine).fold(entries(1)[:5])
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE fold_state SET last_seq = 99")
        assert SqlReader(engine).last_seq() == 5


def test_writers_wait_for_each_other_instead_of_failing(engine: Engine) -> None:
    keys, failures = SqlKeys(engine), []

    def many(number: int) -> None:
        try:
            for each in range(10):
                keys.create_key(role="readonly", identifier=f"{number}.{each}", by="test", at_ms=1)
        except Unreachable as error:
            failures.append(error)

    threads = [threading.Thread(target=many, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM admin_wallets")).scalar() == 40


@pytest.mark.parametrize("statement", ["UPDATE config_audit SET new_value = 'x'", "DELETE FROM config_audit"])
def test_config_audit_cannot_be_changed(engine: Engine, statement: str) -> None:
    story = entries(2)
    SqlTables(engine).fold(story)
    for _ in range(2):
        with pytest.raises(Unreachable, match="config_audit is immutable"), writing(engine) as connection:
            connection.execute(text(statement))
        SqlTables(engine).rebuild(story)  # which empties it, and leaves it locked again


def test_positions_link_to_trades(engine: Engine) -> None:
    with pytest.raises(Unreachable, match="FOREIGN KEY"), writing(engine) as connection:
        connection.execute(
            text("INSERT INTO realised (seq, trade_uuid, lamports, at_ms) VALUES (1, 'nobody', 1, 1)")
        )
    linked = inspect(engine).get_foreign_keys("positions")
    assert linked[0]["referred_table"] == "trades" and linked[0]["constrained_columns"] == ["trade_uuid"]


def test_trades_are_indexed_on_status_wallet_token_and_creation(engine: Engine) -> None:
    leading = {index["column_names"][0] for index in inspect(engine).get_indexes("trades")}
    assert {"status", "wallet_address", "token_address", "created_at_ms"} <= leading


@pytest.mark.parametrize(
    "question",
    [
        "SELECT * FROM positions ORDER BY opened_at_ms DESC, id DESC LIMIT 100",
        "SELECT * FROM positions WHERE state = 'ACTIVE' ORDER BY opened_at_ms DESC, id DESC LIMIT 100",
        "SELECT * FROM trades ORDER BY created_at_ms DESC, id DESC LIMIT 100",
        "SELECT * FROM trades WHERE status = 'CLOSED' ORDER BY created_at_ms DESC, id DESC LIMIT 100 OFFSET 9",
        "SELECT * FROM trades WHERE strategy = 'SHIELD' ORDER BY created_at_ms DESC, id DESC LIMIT 100",
    ],
)
def test_a_page_is_read_in_the_order_of_an_index_and_never_sorted(engine: Engine, question: str) -> None:
    with reading(engine) as connection:
        plan = [row[3] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {question}"))]
    assert any("USING INDEX" in step for step in plan) and not any("TEMP B-TREE" in step for step in plan), (
        plan
    )


def test_migrations_build_exactly_the_tables_that_the_code_means(engine: Engine) -> None:
    migrate(engine)  # a second time changes nothing
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
        built = {
            row.name: " ".join(row.sql.replace('"', "").split())
            for row in connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
        }
    assert differences == []
    for table in schema.metadata.sorted_tables:
        meant = " ".join(str(CreateTable(table).compile(dialect=sqlite.dialect())).replace('"', "").split())
        assert built[table.name] == meant


def test_sol_and_time_columns_are_computed_for_people(engine: Engine) -> None:
    SqlTables(engine).fold(entries(0))
    with engine.connect() as connection:
        row = connection.execute(
            text("SELECT amount_sol, amount_lamports, created_at FROM trades LIMIT 1")
        ).one()
    assert row.amount_sol == row.amount_lamports / 1e9 and row.created_at.startswith("2026-09-")


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("this is a text and no database at all" * 50)
    with pytest.raises(ConfigError, match=r"cannot open .*x\.db"):
        open_engine(tmp_path / "x.db")


# keys


def test_a_key_is_known_by_its_hash_alone(engine: Engine) -> None:
    keys = SqlKeys(engine)
    key = keys.create_key(role="operator", identifier="ann", by="test", at_ms=1)
    holder = keys.lookup(key)
    assert holder is not None and (holder.identifier, holder.role) == ("ann", "operator")
    for wrong in (
        key[:-1] + ("x" if key[-1] != "x" else "y"),
        key[:10],
        "",
        "chk_\udcff",
        "x" * 10_000,
        key + "x",
    ):
        assert keys.lookup(wrong) is None
    with engine.connect() as connection:
        assert key not in str(connection.execute(schema.admin_wallets.select()).all())
    assert keys.revoke(identifier="ann", at_ms=2) == 1
    assert keys.lookup(key) is None
    keys.add_key(key, role="admin", identifier="ann", by="test", at_ms=3)
    again = keys.lookup(key)
    assert again is not None and again.role == "admin"
    with pytest.raises(ConfigError, match="no role root"):
        keys.create_key(role="root", identifier="x", by="test", at_ms=1)


def test_a_rebuild_leaves_keys_alone(engine: Engine) -> None:
    key = SqlKeys(engine).create_key(role="admin", identifier="a", by="t", at_ms=1)
    SqlTables(engine).rebuild(entries(1))
    assert SqlKeys(engine).lookup(key) is not None


def test_entries_about_an_id_are_found_by_any_of_its_names(engine: Engine) -> None:
    story = entries(1)
    SqlTables(engine).fold(story)
    reader = SqlReader(engine)
    trade = next(row for row in reader.trades().items if row.status == "CLOSED")
    fill = reader.fills(trade.trade_uuid)[0]
    about = reader.entries_about(trade.trade_uuid)
    assert len(about) > 10
    for name in (fill.leg_id, fill.signature, trade.trade_uuid[:13], fill.signature[:20]):
        assert {entry.seq for entry in reader.entries_about(name)} == {entry.seq for entry in about}
    assert reader.entries_about("nothing at all") == () and reader.entries_about("0") == ()


# what a person deals with


def told(*facts: Fact) -> list[Entry]:
    return [Entry(seq, NOW_MS + seq, "run", fact) for seq, fact in enumerate(facts, 1)]


def test_a_discrepancy_waits_until_a_person_resolves_it(engine: Engine) -> None:
    amount = Discrepancy(
        kind=Mismatch.AMOUNT, trade_id=TradeId("t"), mint=None, expected_state="ACTIVE", actual_state="ACTIVE",
        expected=10**9, actual=10**9 + 5, signature=Signature("s"), rule="auto:absolute",
    )  # fmt: skip
    missing = msgspec.structs.replace(amount, kind=Mismatch.MISSING, actual=0, rule="")
    tables, reader = SqlTables(engine), SqlReader(engine)
    assert reader.reconciliation_state().last_run_ms is None
    story = told(
        PositionsReconciled(Slot(9), 3, (amount, missing), "daily"), DiscrepancyResolved(1, 1, "a rug", "ops")
    )
    tables.fold(story[:1])
    state = reader.reconciliation_state()
    assert (state.unresolved, state.last_run_ms, state.last_positions) == (1, NOW_MS + 1, 3)
    (waiting,) = reader.reconciliation(unresolved=True).items
    assert (waiting.seq, waiting.part, waiting.discrepancy) == (1, 1, "MISSING_TRANSACTION")
    assert (waiting.trade_uuid, waiting.signature, waiting.expected) == ("t", "s", 10**9)
    (passed,) = reader.reconciliation(discrepancy="AMOUNT_MISMATCH").items
    assert (passed.resolved_by, passed.resolved_at_ms) == ("auto:absolute", NOW_MS + 1)
    tables.fold(story)
    assert reader.reconciliation_state().unresolved == 0
    (row,) = reader.reconciliation(discrepancy="MISSING_TRANSACTION").items
    assert (row.resolved_by, row.notes, row.resolved_at_ms) == ("ops", "a rug", NOW_MS + 2)
    assert reader.config_audit().items[0].key == "reconciliation.1-1"


def test_a_wallet_that_agrees_again_leaves_nothing_to_look_at(engine: Engine) -> None:
    tables, reader = SqlTables(engine), SqlReader(engine)
    tables.fold(told(Reconciled(Slot(1), 10**9, 10**8)))
    assert reader.reconciliation_state().unresolved == 1
    tables.fold(told(Reconciled(Slot(1), 10**9, 10**8), Reconciled(Slot(2), 10**8, 10**8)))
    assert reader.reconciliation_state().unresolved == 0
    assert reader.reconciliation().items[0].resolved_by == "auto:agreed later"


def test_a_dead_letter_is_handled_once_and_a_refused_retry_leaves_it_open(engine: Engine) -> None:
    tables, reader = SqlTables(engine), SqlReader(engine)
    shed = SignalRefused(SignalId("s"), Refusal(Reason.QUEUE_FULL), "{}", "webhook", dead_letter=True)
    story = told(
        shed,
        DeadLetterHandled(1, "refused", "again", "ops"),
        DeadLetterHandled(1, "retried", "once more", "ops", SignalId("new")),
    )
    tables.fold(story[:2])
    letter = reader.dead_letter("1")
    assert letter is not None and (letter.retry_count, letter.can_retry, letter.processed_at_ms) == (
        1,
        True,
        None,
    )
    tables.fold(story)
    letter = reader.dead_letter("s")
    assert letter is not None
    assert (letter.retry_count, letter.can_retry, letter.processed_at_ms) == (2, False, NOW_MS + 3)
    assert [row.new_value for row in reader.config_audit().items] == ["retried", "refused"]
    assert {row.changed_by for row in reader.config_audit().items} == {"ops"}


@pytest.mark.parametrize("wanted", ["9", "nobody", "9" * 30, "½"])
def test_a_dead_letter_that_is_none_is_not_found(engine: Engine, wanted: str) -> None:
    assert SqlReader(engine).dead_letter(wanted) is None
