"""Decisions of long ago: moved from the tables into Parquet, a file a day, and still found there.

The table of decisions holds every entry of the journal and grows with every look at the market; what people open each
day is the newest of it. Ledger rows (trades, fills, positions, profits, tax) stay where they are: they are few, and
every sum is made of them. So do chores of the wallet, which tax lots are made of. A row leaves the tables only after
the file that holds it was written, synced and read back. Whatever still lives, and all of its round trip, stays.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
from sqlalchemy import ColumnElement, Engine, and_, delete, func, or_, select

from chimera.adapters.store_engine import DRIVER, reading, writing
from chimera.adapters.store_schema import decisions, trades
from chimera.audit.narrator import SHOWN
from chimera.audit.why import PREFIX_LENGTH_MIN
from chimera.domain.errors import Unreachable
from chimera.domain.messages import Entry, PositionsReconciled, Reconciled, UpkeepLanded
from chimera.domain.trade import TradeState
from chimera.ports.screens import DecisionFilter
from chimera.ports.store import DecisionRow

WHO = "archive"
DAY_MS = 86_400_000
ROWS_AT_ONCE = 50_000
DELETED_AT_ONCE = 500  # a transaction of milliseconds: the recorder waits for it
FREE_SHARE_MAX = 4  # a file of which a quarter is free is written anew
FREE_PAGES_MIN = 2_500  # ten megabytes: less is not worth the wait
ABOUT_MAX = 20_000  # entries that one question is answered with
ENDED = (TradeState.CLOSED, TradeState.FAILED, TradeState.DEAD_LETTER)
STAYS = (UpkeepLanded.__name__,)
NEWEST_STAYS = (Reconciled.__name__, PositionsReconciled.__name__)
NAMES = ("trade_uuid", "signal_id", "intent_id", "leg_id", "signature", "token_address")

_ENTRY = msgspec.json.Decoder(Entry)
_SCHEMA = {
    column.name: pl.Int64 if column.name in ("seq", "at_ms") else pl.String for column in decisions.columns
}


class SqlArchive:
    """Moves, and finds again. One instance moves; any number of threads look."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder
        self._newest: tuple[tuple[Path, int] | None, int] = (None, 0)

    # moving

    def move(self, *, before_ms: int) -> int:
        """How many rows from before that moment left the tables.

        Raises Unreachable where database or folder refuse; then what was not moved stays where it was.
        """
        moved = 0
        while True:
            rows = self._due(before_ms)
            if not rows:
                break
            self._keep(rows)
            self._forget(rows)
            moved += len(rows)
        if moved:
            self._tidy()
        return moved

    def _due(self, before_ms: int) -> list[dict[str, Any]]:
        """Rows of the oldest day that has any, as many as fit into memory well."""
        table = decisions.c
        living = select(trades.c.trade_uuid).where(
            or_(trades.c.status.not_in(ENDED), trades.c.updated_at_ms >= before_ms)
        )
        newest = (
            select(func.max(table.seq))
            .where(table.fact.in_(NEWEST_STAYS))
            .group_by(table.fact)
            .scalar_subquery()
        )
        due: ColumnElement[bool] = and_(
            table.at_ms < before_ms,
            table.fact.not_in(STAYS),
            table.seq.not_in(newest),
            or_(table.trade_uuid.is_(None), table.trade_uuid.not_in(living)),
        )
        chosen = select(decisions).where(due).order_by(table.seq).limit(ROWS_AT_ONCE)
        with reading(self._engine) as connection:
            rows = [dict(row) for row in connection.execute(chosen).mappings()]
        day = rows[0]["at_ms"] // DAY_MS if rows else 0
        return [row for row in rows if row["at_ms"] // DAY_MS == day]

    def _keep(self, rows: Sequence[dict[str, Any]]) -> None:
        """Writes them beside what the day's file holds already; a row that is there is not there twice."""
        day = datetime.fromtimestamp(rows[0]["at_ms"] / 1_000, UTC).strftime("%Y-%m-%d")
        path = self._folder / f"decisions-{day}.parquet"
        fresh = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
        unfinished = path.with_suffix(".part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if path.exists():
                fresh = pl.concat([pl.read_parquet(path), fresh]).unique("seq", keep="last")
            whole = fresh.sort("seq")
            whole.write_parquet(unfinished, compression="zstd")
            with unfinished.open("rb") as written:
                os.fsync(written.fileno())
            if not pl.read_parquet(unfinished).equals(whole):
                raise Unreachable(WHO, f"{unfinished.name} does not read back as it was written")
            unfinished.chmod(0o600)
            unfinished.replace(path)
            _sync(self._folder)
        except (OSError, pl.exceptions.PolarsError) as error:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise Unreachable(WHO, f"{path.name}: {error}") from None

    def _forget(self, rows: Sequence[dict[str, Any]]) -> None:
        """Takes them out of the table, and remembers how many of each fact there were: totals count them."""
        for at in range(0, len(rows), DELETED_AT_ONCE):
            some = rows[at : at + DELETED_AT_ONCE]
            with writing(self._engine) as connection:
                gone = delete(decisions).where(decisions.c.seq.in_([row["seq"] for row in some]))
                connection.execute(gone)
                for fact, count in _counted(row["fact"] for row in some).items():
                    connection.exec_driver_sql(
                        "INSERT INTO archived_facts (fact, count) VALUES (?, ?)"
                        " ON CONFLICT (fact) DO UPDATE SET count = count + excluded.count",
                        (fact, count),
                    )

    def _tidy(self) -> None:
        """Gives the disk back what was freed: the write-ahead log is emptied, and a hollow file written anew."""
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            (pages,) = cursor.execute("PRAGMA page_count").fetchone()
            (free,) = cursor.execute("PRAGMA freelist_count").fetchone()
            if free >= FREE_PAGES_MIN and free * FREE_SHARE_MAX >= pages:
                cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except DRIVER.Error as error:
            raise Unreachable(WHO, f"tidying up: {error}") from None
        finally:
            connection.close()

    # finding

    def about(self, wanted: str) -> tuple[Entry, ...]:
        """Entries of the round trips and signals that an id, leg, signature or mint belongs to, oldest first."""
        files = self._files()
        if not files or not wanted:
            return ()
        begins = len(wanted) >= PREFIX_LENGTH_MIN
        named = pl.any_horizontal(
            pl.col(name).str.starts_with(wanted) if begins else pl.col(name) == wanted for name in NAMES
        )
        found = self._collect(files, named, ("seq", "trade_uuid", "signal_id"))
        trips = set(found["trade_uuid"].drop_nulls())
        signals = set(found["signal_id"].drop_nulls())
        related = (
            pl.col("seq").is_in(found["seq"].to_list())
            | pl.col("trade_uuid").is_in(list(trips))
            | (pl.col("trade_uuid").is_null() & pl.col("signal_id").is_in(list(signals)))
        )
        rows = self._collect(files, related, ("entry",)) if len(found) else found.head(0)
        return tuple(_ENTRY.decode(text) for text in (rows["entry"] if len(found) else ()))

    def decisions(self, wanted: DecisionFilter) -> tuple[DecisionRow, ...]:
        """Those that match, newest first."""
        files = self._files()
        if not files:
            return ()
        where = pl.col("kind").is_in(sorted(SHOWN))
        for name in ("kind", "outcome", "reason", "token_address", "wallet_address", "strategy", "intent_id"):
            if (value := getattr(wanted, name)) is not None:
                where &= pl.col(name) == value
        if wanted.since_ms is not None:
            where &= pl.col("at_ms") >= wanted.since_ms
        if wanted.until_ms is not None:
            where &= pl.col("at_ms") <= wanted.until_ms
        if wanted.before is not None:
            where &= pl.col("seq") < wanted.before
        rows = self._collect(files, where, tuple(_SCHEMA), newest=wanted.limit)
        return tuple(_decision(row) for row in rows.iter_rows(named=True))

    def completed(self, found: tuple[DecisionRow, ...], wanted: DecisionFilter) -> tuple[DecisionRow, ...]:
        """`found` in the tables with what is here among and after them: what still lives stays there for longer."""
        if not self._files() or (len(found) >= wanted.limit and found[-1].seq > self._newest_seq()):
            return found
        known = {row.seq for row in found}
        older = (row for row in self.decisions(wanted) if row.seq not in known)
        return tuple(sorted((*found, *older), key=lambda row: -row.seq)[: wanted.limit])

    def _newest_seq(self) -> int:
        """Of the rows here; read once for each state of the newest file."""
        newest = self._files()[-1]
        try:
            state = (newest, newest.stat().st_mtime_ns)
            if self._newest[0] != state:
                last = pl.scan_parquet(newest).select(pl.col("seq").max()).collect().item()
                self._newest = (state, int(last))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise Unreachable(WHO, str(error)) from None
        return self._newest[1]

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("decisions-*.parquet"))

    def _collect(
        self, files: list[Path], where: pl.Expr, columns: tuple[str, ...], *, newest: int | None = None
    ) -> pl.DataFrame:
        try:
            rows = pl.scan_parquet(files).filter(where)
            rows = rows.sort("seq").head(ABOUT_MAX) if newest is None else rows.top_k(newest, by="seq")
            chosen = rows.select(columns).collect()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise Unreachable(WHO, str(error)) from None
        return chosen if newest is None else chosen.sort("seq", descending=True)


def _decision(row: dict[str, Any]) -> DecisionRow:
    return DecisionRow(
        seq=row["seq"],
        at_ms=row["at_ms"],
        kind=row["kind"],
        id=row["id"],
        trade_uuid=row["trade_uuid"],
        outcome=row["outcome"],
        reason=row["reason"],
        limit=row["limit_text"],
        observed=row["observed_text"],
        token_symbol=row["token_symbol"],
        token_address=row["token_address"],
        wallet_address=row["wallet_address"],
        strategy=row["strategy"],
        side=row["side"],
        text=row["text"],
    )


def _counted(names: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts


def _sync(folder: Path) -> None:
    """So that the new name outlives a power cut."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
