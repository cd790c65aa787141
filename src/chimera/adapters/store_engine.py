"""The database opened: driver, pragmas, transactions, and the schema brought up to date.

SQLite with write-ahead log: one writer at a time, readers never wait for it. The driver is `pysqlite3` where
it is installed, since it brings a current SQLite; the interpreter's own is used otherwise.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chimera.domain.errors import ConfigError, Unreachable

try:
    from pysqlite3 import dbapi2 as _driver  # type: ignore[import-untyped, unused-ignore]
except ImportError:  # not Linux, or no wheel
    _driver = sqlite3

DRIVER: ModuleType = _driver
POOL_SIZE = 10
BUSY_TIMEOUT_MS = 5_000
SQLITE_VERSION_MIN = (3, 31, 0)  # generated columns
MIGRATIONS = Path(__file__).parent / "migrations"


def open_engine(path: Path) -> Engine:
    """An engine on the database file, schema up to date; raises ConfigError where that cannot be."""
    driver = DRIVER
    if tuple(driver.sqlite_version_info) < SQLITE_VERSION_MIN:
        raise ConfigError(f"tables: SQLite {driver.sqlite_version} is too old; install the package pysqlite3")
    engine = create_engine(
        f"sqlite:///{path}",
        module=driver,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_MS / 1000,
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        migrate(engine)
    except (Unreachable, OSError) as error:
        engine.dispose()
        what = error.what if isinstance(error, Unreachable) else error.strerror
        raise ConfigError(f"tables: cannot open {path}: {what}") from None
    return engine


def migrate(engine: Engine) -> None:
    """Brings the schema to the newest revision; does nothing where it is there."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that takes the write lock at once, so that it can't fail halfway for want of it.

    Raises Unreachable where the database refuses, and then nothing of it has happened.
    """
    with _refusals(), engine.execution_options(chimera_write=True).begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One snapshot; raises Unreachable where the database refuses."""
    with _refusals(), engine.connect() as connection:
        yield connection


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise Unreachable("tables", str(error.orig)) from None  # the cause would repeat the row
    except PoolTimeout:
        raise Unreachable("tables", f"all {POOL_SIZE} connections are in use") from None


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late; ours is in _on_begin
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "foreign_keys = ON",
        "synchronous = FULL",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("chimera_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
