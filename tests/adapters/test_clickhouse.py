"""Analytics: every decision and execution arrives once, whatever the server does meanwhile.

The SQL is tried in ClickHouse's own engine where the package `chdb` is installed (it is not among ours: 400 MB);
everywhere else a stand-in takes the rows in the shape of the HTTP interface.
"""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chimera.adapters.clickhouse import DECISIONS, EXECUTIONS, ClickHouse, ClickHouseTables
from chimera.audit.results import Results
from chimera.domain.errors import Rejected, Unreachable
from chimera.domain.messages import Entry
from chimera.ports.store import Tables
from chimera.testing.stories import entries


class Server:
    """Keeps what is inserted, by table and key, as a ReplacingMergeTree does in the end."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[tuple[str, int], dict[str, Any]]] = {}
        self.sent = 0
        self.trouble: Exception | None = None

    def __call__(self, statement: str, rows: bytes) -> bytes:
        if self.trouble is not None:
            raise self.trouble
        words = statement.split()
        if words[0] == "CREATE":
            if words[1] == "TABLE":
                self.rows.setdefault(words[5].rpartition(".")[2], {})
            return b""
        if words[0] == "SELECT":
            desk = statement.partition("desk = '")[2].partition("'")[0]
            table = self.rows[words[3].rpartition(".")[2]]
            return b"%d\n" % max((seq for name, seq in table if name == desk), default=0)
        assert words[0] == "INSERT" and statement.endswith("FORMAT JSONEachRow")
        for line in rows.splitlines():
            row = json.loads(line)
            self.rows[words[2].rpartition(".")[2]][row["desk"], row["seq"]] = row
            self.sent += 1
        return b""


def folded(send: Any, story: list[Entry], *, desk: str = "desk", batch: int = 40) -> ClickHouseTables:
    tables: Tables = ClickHouseTables(send, database="chimera", desk=desk)
    at = tables.last_seq()
    while at < len(story):
        tables.fold(story[at : at + batch])
        at = tables.last_seq()
    assert isinstance(tables, ClickHouseTables)
    return tables


def results(story: list[Entry]) -> dict[int, int]:
    fold = Results()
    told = [one for entry in story if (one := fold.fold(entry)) is not None]
    return {one.seq: one.realised_lamports for one in told}


def test_every_entry_is_a_row_with_exact_amounts() -> None:
    server, story = Server(), entries(3)
    folded(server, story)
    assert {seq for _, seq in server.rows[DECISIONS]} == {entry.seq for entry in story}
    executions = server.rows[EXECUTIONS]
    assert {seq: row["realised_lamports"] for (_, seq), row in executions.items()} == results(story)
    assert any(row["tokens"] > 2**53 for row in executions.values()), "a whole u64 goes through"
    first = story[0]
    assert server.rows[DECISIONS]["desk", 1]["at"] == f"{first.at_ms // 1000}.{first.at_ms % 1000:03d}"


def test_a_server_that_is_away_costs_nothing_and_a_restart_sends_nothing_twice() -> None:
    server, story = Server(), entries(5)
    tables = folded(server, story[:50])
    server.trouble = Unreachable("analytics", "refused")
    with pytest.raises(Unreachable):
        tables.fold(story[50:90])
    with pytest.raises(Unreachable):
        tables.fold(story[90:])
    with pytest.raises(Unreachable):
        tables.last_seq()
    server.trouble = None
    assert tables.last_seq() == 90, "what was folded before is delivered, and nothing after it was taken on"
    tables.fold(story[90:])
    whole, sent = Server(), server.sent
    folded(whole, story)
    assert server.rows == whole.rows
    folded(server, story)
    assert (server.sent, server.rows) == (sent, whole.rows)


def test_desks_share_a_database_under_their_own_names() -> None:
    server, story = Server(), entries(3)
    folded(server, story, desk="one")
    folded(server, story, desk="two")
    assert {desk for desk, _ in server.rows[DECISIONS]} == {"one", "two"}
    assert len(server.rows[DECISIONS]) == 2 * len(story)


def test_an_answer_that_is_no_number_is_refused() -> None:
    def odd(statement: str, rows: bytes) -> bytes:
        return b"<html>" if statement.startswith("SELECT") else b""

    with pytest.raises(Rejected):
        ClickHouseTables(odd, database="chimera", desk="desk").last_seq()


@pytest.fixture
def served() -> Iterator[tuple[str, list[tuple[str, dict[str, str], bytes]]]]:
    asked: list[tuple[str, dict[str, str], bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append((self.path, dict(self.headers), body))
            self.send_response(500 if b"bad" in body else 200)
            self.end_headers()
            self.wfile.write(b"Code: 62. DB::Exception: Syntax error" if b"bad" in body else b"7\n")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_over_http_the_statement_is_in_the_address_and_the_password_is_not(served: Any) -> None:
    url, asked = served
    send = ClickHouse(url, user="desk", password="secret word")
    assert send("SELECT max(seq) FROM a.b FORMAT TSV", b"") == b"7\n"
    path, headers, _ = asked[0]
    assert path == "/?query=SELECT%20max%28seq%29%20FROM%20a.b%20FORMAT%20TSV"
    assert (headers["X-ClickHouse-User"], headers["X-ClickHouse-Key"]) == ("desk", "secret word")
    with pytest.raises(Rejected, match="Syntax error"):
        send("INSERT", b"bad")
    with pytest.raises(Unreachable):
        ClickHouse("http://127.0.0.1:1")("SELECT 1")


def test_clickhouses_own_engine_takes_it_all(tmp_path: Path) -> None:
    session = pytest.importorskip("chdb.session", reason="needs the package chdb").Session(str(tmp_path))

    def send(statement: str, rows: bytes) -> bytes:
        return bytes(session.query(statement + ("\n" + rows.decode() if rows else "")).bytes())

    story = entries(3)
    folded(send, story)
    folded(send, story)
    counted = send("SELECT count(), max(seq), min(at) FROM chimera.decisions FINAL FORMAT TSV", b"").split()
    assert counted[:2] == [b"%d" % len(story)] * 2
    assert counted[2].startswith(b"2026-")
    asked = "SELECT seq, realised_lamports FROM chimera.executions FINAL FORMAT JSONCompact"
    rows = json.loads(send(asked, b""))["data"]
    assert {int(seq): int(lamports) for seq, lamports in rows} == results(story)
    tokens = send("SELECT max(tokens) FROM chimera.executions FORMAT TSV", b"")
    assert int(tokens) > 2**53
