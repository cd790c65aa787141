"""The journal as analytics in ClickHouse, over its HTTP interface: decisions and executions, a row each.

Behind everything: it is given to a recorder of its own, which reads on from the journal when the server was away, so
that nothing is lost and no more than a batch waits in memory. Rows are numbered by the journal and replace themselves,
so that sending one twice is harmless. Several desks may share a database, each under its own name.
"""

import http.client
import ssl
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from chimera.audit.narrator import Narrator
from chimera.audit.results import Results
from chimera.domain.errors import Rejected, Unreachable
from chimera.domain.messages import Entry

WHO = "analytics"
TIMEOUT_S = 20.0
TOLD_MAX = 200  # of the server's words in ours
DECISIONS, EXECUTIONS = "decisions", "executions"
TABLES = {
    DECISIONS: """
        desk LowCardinality(String), seq UInt64, at DateTime64(3, 'UTC'), run_id LowCardinality(String),
        kind LowCardinality(String), id String, trade_uuid String, outcome LowCardinality(String),
        reason LowCardinality(String), limit_text String, observed_text String,
        token_symbol String, token_address LowCardinality(String), wallet_address LowCardinality(String),
        strategy LowCardinality(String), side LowCardinality(String), text String""",
    EXECUTIONS: """
        desk LowCardinality(String), seq UInt64, at DateTime64(3, 'UTC'), run_id LowCardinality(String),
        outcome LowCardinality(String), trade_uuid String, intent_id String, leg_id String,
        strategy LowCardinality(String), side LowCardinality(String),
        token_symbol String, token_address LowCardinality(String), signature String, slot UInt64,
        tokens Int128, swap_lamports Int64, fee_lamports Int64, tip_lamports Int64, rent_lamports Int64,
        lamports_delta Int64, realised_lamports Int64, cause String""",
}
"""Columns by table; amounts are whole numbers there too."""
ENGINE = "ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(at) ORDER BY (desk, seq)"

Send = Callable[[str, bytes], bytes]
"""A statement and what follows it; the answer's body. Raises OutsideError."""


class ClickHouse:
    """`Send` over HTTP(S); a connection a statement, since they are seconds apart."""

    def __init__(self, url: str, *, user: str = "", password: str = "", timeout_s: float = TIMEOUT_S) -> None:
        self._at, self._timeout_s = urlsplit(url), timeout_s
        self._headers = {"Content-Type": "text/plain; charset=utf-8"}
        if user:  # never in the address: that is what logs keep
            self._headers |= {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}

    def __call__(self, statement: str, rows: bytes = b"") -> bytes:
        connection = self._connection()
        path = f"{self._at.path or '/'}?{urlencode({'query': statement}, quote_via=quote)}"
        try:
            connection.request("POST", path, body=rows, headers=self._headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(WHO, type(error).__name__) from None
        finally:
            connection.close()
        if response.status != 200:
            raise Rejected(WHO, f"status {response.status}: {body[:TOLD_MAX].decode(errors='replace')}")
        return body

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._at.hostname or "", self._at.port
        if self._at.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port or 8443, timeout=self._timeout_s, context=context)
        return http.client.HTTPConnection(host, port or 8123, timeout=self._timeout_s)


class ClickHouseTables:
    """`ports.store.Tables` whose tables are there. Both calls may wait for the server: give them a thread."""

    def __init__(self, send: Send, *, database: str, desk: str) -> None:
        """`database` and `desk` are plain names: letters, digits and underscores."""
        self._send, self._database, self._desk = send, database, desk
        self._narrator, self._results = Narrator(), Results()
        self._seq = 0
        self._there: dict[str, int] | None = None
        """The last row of each table that the server had when we first met; None before."""
        self._waiting: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
        self._encoder = msgspec.json.Encoder()

    def last_seq(self) -> int:
        """Zero after a start: what a row says depends on the entries before it, so all are folded again."""
        self._deliver()
        return self._seq

    def fold(self, entries: Sequence[Entry]) -> None:
        """Raises OutsideError while the server does not take what was folded; nothing more is taken on then."""
        self._deliver()
        there = self._there or {}
        for entry in entries:
            if entry.seq <= self._seq:
                continue
            decision, execution = self._decision(entry), self._execution(entry)
            self._seq = entry.seq
            for name, row in ((DECISIONS, decision), (EXECUTIONS, execution)):
                if row is not None and entry.seq > there.get(name, 0):
                    self._waiting[name].append(row)
        self._deliver()

    def _deliver(self) -> None:
        if self._there is None:
            self._there = self._meet()
        for name, rows in self._waiting.items():
            if rows:
                lines = b"\n".join(map(self._encoder.encode, rows))
                self._send(f"INSERT INTO {self._database}.{name} FORMAT JSONEachRow", lines)
                self._waiting[name] = []

    def _meet(self) -> dict[str, int]:
        """Makes what is missing; the last row of ours in each table."""
        self._send(f"CREATE DATABASE IF NOT EXISTS {self._database}", b"")
        there = {}
        for name, columns in TABLES.items():
            self._send(f"CREATE TABLE IF NOT EXISTS {self._database}.{name} ({columns}) {ENGINE}", b"")
            table = f"{self._database}.{name}"  # plain names, which the settings make sure of
            asked = f"SELECT max(seq) FROM {table} WHERE desk = '{self._desk}' FORMAT TSV"  # noqa: S608
            said = self._send(asked, b"").strip()
            if not said.isdigit():
                raise Rejected(WHO, f"max(seq) is {said[:TOLD_MAX]!r}")
            there[name] = int(said)
        return there

    def _decision(self, entry: Entry) -> dict[str, Any]:
        row = self._narrator.tell(entry)
        return self._row(entry) | {
            "kind": row.kind,
            "id": row.id,
            "trade_uuid": row.trade_uuid or "",
            "outcome": row.outcome,
            "reason": row.reason or "",
            "limit_text": row.limit,
            "observed_text": row.observed,
            "token_symbol": row.token_symbol,
            "token_address": row.token_address,
            "wallet_address": row.wallet_address,
            "strategy": row.strategy,
            "side": row.side,
            "text": row.text,
        }

    def _execution(self, entry: Entry) -> dict[str, Any] | None:
        told = self._results.fold(entry)
        if told is None:
            return None
        return self._row(entry) | {
            "outcome": told.outcome,
            "trade_uuid": told.trade_id,
            "intent_id": told.intent_id,
            "leg_id": told.leg_id,
            "strategy": told.strategy,
            "side": str(told.side or ""),
            "token_symbol": told.symbol,
            "token_address": told.mint or "",
            "signature": told.signature or "",
            "slot": told.slot or 0,
            "tokens": told.tokens,
            "swap_lamports": told.swap_lamports,
            "fee_lamports": told.fee_lamports,
            "tip_lamports": told.tip_lamports,
            "rent_lamports": told.rent_lamports,
            "lamports_delta": told.lamports_delta,
            "realised_lamports": told.realised_lamports,
            "cause": told.cause,
        }

    def _row(self, entry: Entry) -> dict[str, Any]:
        seconds, milliseconds = divmod(entry.at_ms, 1_000)
        return {
            "desk": self._desk,
            "seq": entry.seq,
            "at": f"{seconds}.{milliseconds:03d}",
            "run_id": entry.run_id,
        }
