"""Answers to mutations that bore an idempotency key, kept over a restart in a small database of their own.

Not part of the books: whoever deletes the file only loses the right to have an answer repeated. Keys come in
hashed, and logins never do, so nothing in it opens anything.
"""

import sqlite3
import threading
from pathlib import Path
from typing import Any

from chimera.domain.errors import Unreachable
from chimera.ports.answers import KeptAnswer

SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    name BLOB PRIMARY KEY, fingerprint BLOB NOT NULL, at_ms INTEGER NOT NULL,
    status INTEGER NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_at ON answers (at_ms);
"""


class AnswerFile:
    """`ports.answers.Answers` in one SQLite file, readable by its owner alone. May be used by several threads."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        path.touch(mode=0o600, exist_ok=True)
        path.chmod(0o600)
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" + SCHEMA)

    def find(self, name: bytes) -> KeptAnswer | None:
        row = self._one("SELECT fingerprint, at_ms, status, kind, body FROM answers WHERE name = ?", (name,))
        return None if row is None else KeptAnswer(*row)

    def keep(self, name: bytes, answer: KeptAnswer, *, forget_before_ms: int) -> None:
        self._one("DELETE FROM answers WHERE at_ms < ?", (forget_before_ms,))
        values = (name, answer.fingerprint, answer.at_ms, answer.status, answer.kind, answer.body)
        self._one("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)", values)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _one(self, statement: str, values: tuple[object, ...]) -> Any:
        try:
            with self._lock:
                return self._database.execute(statement, values).fetchone()
        except sqlite3.Error as error:
            raise Unreachable("the kept answers", str(error)) from None
