"""Looks at a database file from outside, without changing it: sound, write-ahead log on, schema known."""

from pathlib import Path

from chimera.adapters.store_engine import DRIVER
from chimera.domain.errors import Unreachable

WHO = "tables"


def check_database(path: Path, *, write_ahead: bool = True) -> str:
    """What it is, in words; raises Unreachable for a file that cannot be read or is not sound.

    `write_ahead`: whether it must have a write-ahead log; a copy has none until a desk opens it.
    """
    try:
        connection = DRIVER.connect(f"file:{path}?mode=ro", uri=True, timeout=2.0)
    except DRIVER.Error as error:
        raise Unreachable(WHO, f"{path}: {error}") from None
    try:
        (sound,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
        foreign = connection.execute("PRAGMA foreign_key_check").fetchone()
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except DRIVER.Error as error:
        raise Unreachable(WHO, f"{path}: {error}") from None
    finally:
        connection.close()
    if sound != "ok":
        raise Unreachable(WHO, f"{path}: {sound}")
    if foreign is not None:
        raise Unreachable(WHO, f"{path}: a row of {foreign[0]} points nowhere")
    if write_ahead and journal != "wal":
        raise Unreachable(WHO, f"{path}: journal mode {journal}, not wal")
    schema = revision[0] if revision else "unknown"
    log = "write-ahead log on" if journal == "wal" else "no write-ahead log"
    return f"sound, {log}, schema {schema}, SQLite {DRIVER.sqlite_version}"
