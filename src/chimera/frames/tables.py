"""Rows to typed columns. Must not know what the rows mean."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from chimera.domain.errors import ConfigError

ROWS = 50_000  # turned into columns at a time, so that Python objects never pile up
TIME = pl.Datetime("ms", "UTC")
Source = str | Path
When = str | int | datetime | None
"""UTC text as in 2026-11-21T05:00, Unix milliseconds, or a datetime (without a zone: UTC)."""


def table(rows: Iterable[tuple[Any, ...]], schema: Mapping[str, Any]) -> pl.DataFrame:
    """The rows under these names and types; an empty table has them too."""
    parts: list[pl.DataFrame] = []
    waiting: list[tuple[Any, ...]] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) >= ROWS:
            parts.append(_part(waiting, schema))
            waiting = []
    parts.append(_part(waiting, schema))
    return pl.concat(parts)


def _part(rows: list[tuple[Any, ...]], schema: Mapping[str, Any]) -> pl.DataFrame:
    plain = {name: pl.Int64 if kind == TIME else kind for name, kind in schema.items()}
    frame = pl.DataFrame(rows, schema=plain, orient="row")
    return frame.with_columns(
        pl.from_epoch(name, time_unit="ms").dt.replace_time_zone("UTC").cast(TIME)
        for name, kind in schema.items()
        if kind == TIME
    )


def moment(when: When) -> int | None:
    """Unix milliseconds; raises ConfigError for what is no time."""
    if when is None or isinstance(when, int):
        return when
    try:
        at = datetime.fromisoformat(when) if isinstance(when, str) else when
    except ValueError:
        raise ConfigError(f"{when!r} is no time: write it as 2026-11-21T05:00, in UTC") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)


def only(frame: pl.DataFrame, **values: Any) -> pl.DataFrame:
    """The rows in which these columns have these values: `only(trades, mint=..., side="BUY")`."""
    return frame.filter(*(pl.col(name) == value for name, value in values.items()))


def as_pandas(frame: pl.DataFrame) -> Any:
    """The same table for pandas, which must be installed (`pip install chimera-trading[notebooks]`)."""
    try:
        pd: Any = import_module("pandas")  # wanted by few, and slow to load
    except ImportError:
        raise ConfigError("pandas is not installed: pip install 'chimera-trading[notebooks]'") from None
    return pd.DataFrame({name: _series(pd, frame[name]) for name in frame.columns})


def _series(pd: Any, column: pl.Series) -> Any:
    if column.dtype == TIME:
        return pd.to_datetime(column.dt.epoch("ms").to_list(), unit="ms", utc=True)
    if column.dtype.is_integer() and column.null_count():
        return pd.array(column.to_list(), dtype="UInt64" if column.dtype == pl.UInt64 else "Int64")
    return column.to_list()
