"""What hostile callers try, beside forged tokens (test_login) and forged signatures (test_webhook)."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from chimera.adapters.store import SqlTables
from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_keys import SqlKeys
from chimera.adapters.store_reader import SqlReader
from chimera.adapters.store_statistics import SqlStatistics
from chimera.testing.stories import entries

NOT_SERVED = "lies beside what is served"
EVIL = "https://evil.example"
INJECTIONS = ("' OR '1'='1", "x'; DROP TABLE trades; --", '" OR ""="', "%' --", "\\'; SELECT 1")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a story in it, made once and copied for each test."""
    path = tmp_path_factory.mktemp("tables") / "chimera.db"
    engine = open_engine(path)
    SqlTables(engine).fold(entries(3))
    engine.dispose()  # the write-ahead log goes into the file
    return path


@pytest.fixture
async def stocked(house_type: type, tmp_path: Path, tables: Path) -> AsyncIterator[Any]:
    """A control plane on real tables with keys, so that whoever gets through reaches something."""
    shutil.copy(tables, tmp_path / "chimera.db")
    engine = open_engine(tmp_path / "chimera.db")
    (tmp_path / "static" / "assets").mkdir(parents=True)
    (tmp_path / "static" / "index.html").write_text("<p>the page</p>")
    (tmp_path / "secret.txt").write_text(NOT_SERVED)
    house = house_type(tmp_path)
    house.sql_keys = SqlKeys(engine)
    house.key = house.sql_keys.create_key(role="admin", identifier="ann", by="t", at_ms=1)
    server = await house.start(
        reader=SqlReader(engine), statistics=SqlStatistics(engine), keys=house.sql_keys
    )
    yield house
    await house.stop(server)
    engine.dispose()


def asked(house: Any, method: str, path: str, **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {house.key}", **more.pop("headers", {})}
    return house.http.request(method, path, headers=headers, **more)


async def test_another_site_gets_no_leave_to_read_or_to_ask(stocked: Any) -> None:
    wanted = {"Origin": EVIL, "Access-Control-Request-Method": "POST"}
    for method in ("OPTIONS", "GET", "POST"):
        told = await asked(
            stocked, method, "/api/v1/kill" if method != "GET" else "/api/v1/overview", headers=wanted
        )
        assert not [name for name in told.headers if name.lower().startswith("access-control-allow")]


async def test_a_form_of_another_site_cannot_act_for_who_is_signed_in(stocked: Any) -> None:
    told = await asked(stocked, "GET", "/api/v1/whoami")
    assert "set-cookie" not in told.headers, "nothing that a browser would send along by itself"
    by_cookie = await stocked.http.post(
        "/api/v1/kill", json={"mode": "halt_all", "reason": "x"}, headers={"Cookie": f"key={stocked.key}"}
    )
    assert by_cookie.status_code == 401
    body = json.dumps({"mode": "halt_all", "reason": "x"})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        sent = await asked(stocked, "POST", "/api/v1/kill", content=body, headers={"Content-Type": kind})
        assert sent.status_code == 415, kind
    assert stocked.commands.asked == []


@pytest.mark.parametrize("text", INJECTIONS)
async def test_sql_stays_text_wherever_it_is_put(stocked: Any, text: str) -> None:
    before = (await asked(stocked, "GET", "/api/v1/trades")).json()["total"]
    assert before > 0
    for path in ("trades", "positions", "wallets", "decisions"):
        for name in ("status", "strategy", "state", "outcome"):
            told = await asked(stocked, "GET", f"/api/v1/{path}", params={name: text})
            assert told.status_code in {200, 400}
    found = await asked(stocked, "POST", "/api/v1/decisions/query", json={"reason": text, "kind": text})
    assert (found.status_code, found.json()["items"]) == (200, [])
    for path in (
        f"trades/{text}",
        f"positions/{text}",
        f"wallets/{text}",
        f"incidents/dead-letter/{text}/retry",
    ):
        method = "POST" if path.endswith("retry") else "GET"
        told = await asked(
            stocked, method, f"/api/v1/{path}", json={"reason": "x"} if method == "POST" else None
        )
        assert told.status_code in {400, 404}, path
    assert (await asked(stocked, "GET", f"/api/v1/why/{text}")).json().get("found") is not True
    assert (
        await stocked.http.get("/api/v1/trades", headers={"Authorization": f"Bearer {text}"})
    ).status_code == 401
    assert (await asked(stocked, "GET", "/api/v1/trades")).json()["total"] == before


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/%2e%2e/etc/passwd", "/assets/../../secret.txt",
        "/assets/..%2f..%2fsecret.txt", "/assets/%2e%2e%2f%2e%2e%2fsecret.txt", "//etc/passwd", "/docs/assets/../../secret.txt",
        "/api/v1/trades/export?format=../../../etc/passwd", "/api/v1/wallets/export?format=..%2f..%2fx",
        "/api/v1/trades/lots?format=csv%00.py", "/\\..\\..\\secret.txt",
    ],
)  # fmt: skip
async def test_no_path_leads_out_of_what_is_served(stocked: Any, path: str) -> None:
    """Sent raw: clients tidy such addresses up before anybody sees them."""
    at = urlsplit(stocked.url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {stocked.key}\r\n".encode())
    writer.write(b"Connection: close\r\n\r\n")
    told = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, body = told.partition(b"\r\n\r\n")
    assert NOT_SERVED.encode() not in body and b"root:" not in body
    assert b"filename=" not in head


async def test_a_forwarded_address_does_not_reset_the_limit_on_guesses(stocked: Any) -> None:
    statuses = []
    for number in range(40):
        headers = {
            "Authorization": f"Bearer chk_wrong{number}",
            "X-Forwarded-For": f"10.0.0.{number}",
            "X-Real-IP": f"10.0.1.{number}",
            "Forwarded": f"for=10.0.2.{number}",
            "X-Client-IP": f"10.0.3.{number}",
        }
        statuses.append((await stocked.http.get("/api/v1/overview", headers=headers)).status_code)
    assert statuses[0] == 401 and statuses[-1] == 429
    genuine = await asked(stocked, "GET", "/api/v1/overview", headers={"X-Forwarded-For": "10.9.9.9"})
    assert genuine.status_code in {200, 429}


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(stocked: Any) -> None:
    body = {"mode": "halt_all", "reason": "x" * 2_000_000}
    assert (await asked(stocked, "POST", "/api/v1/kill", json=body)).status_code == 413
    assert stocked.commands.asked == []


async def test_deep_json_is_refused_and_breaks_nothing(stocked: Any) -> None:
    deep = "[" * 20_000 + "]" * 20_000
    told = await asked(
        stocked,
        "PUT",
        "/api/v1/positions/t1/levels",
        content=deep,
        headers={"Content-Type": "application/json"},
    )
    assert told.status_code == 400
    assert (await asked(stocked, "GET", "/api/v1/overview")).status_code == 200


async def heard_until_closed(house: Any, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """What a raw connection is told until the server ends it."""
    at = urlsplit(house.url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:  # it was ended while we still spoke
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n",),
        (b"GET /hea", b"lth HTTP", b"/1.1\r\nHo", b"st: x\r\nA: b\r\n"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHos",),
    ],
    ids=["nothing", "no end", "drop by drop", "a second request"],
)
async def test_who_does_not_come_to_the_point_is_let_go(
    stocked: Any, monkeypatch: pytest.MonkeyPatch, pieces: tuple[bytes, ...]
) -> None:
    monkeypatch.setattr("chimera.control.patience.HEAD_WITHIN_S", 0.2)
    told = await heard_until_closed(stocked, *pieces, pause_s=0.02)
    assert told.count(b"HTTP/1.1 200") == (b"\r\n\r\n" in b"".join(pieces))
    assert (await asked(stocked, "GET", "/api/v1/overview")).status_code == 200


async def test_headers_without_end_are_refused(stocked: Any) -> None:
    line = b"X-%d: " + b"a" * 4_000 + b"\r\n"
    head = (b"GET /health HTTP/1.1\r\nHost: x\r\n", *(line % number for number in range(100)))
    told = await heard_until_closed(stocked, *head, pause_s=0.001)
    assert told == b"" or b" 431 " in told
    assert (await asked(stocked, "GET", "/api/v1/overview")).status_code == 200


async def test_a_body_that_never_ends_is_given_up(stocked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the webhook, which no key guards; the API gives every request up after fifteen seconds."""
    monkeypatch.setattr("chimera.control.routes.webhook.BODY_TIMEOUT_S", 0.2)
    begun = b"Host: x\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 900\r\n"
    signed = begun + b"X-Timestamp: 1\r\nX-Signature: " + b"0" * 64 + b"\r\n\r\n{"
    told = await heard_until_closed(stocked, b"POST /api/v1/webhook HTTP/1.1\r\n" + signed)
    assert told.split(b" ")[1] in {b"400", b"408"}
    assert stocked.commands.asked == []


async def test_a_forwarded_address_does_not_give_more_calls(house_type: type, tmp_path: Path) -> None:
    """Neither with one key nor without: the limit is the key's, or the connection's own address's."""
    house = house_type(tmp_path)
    server = await house.start(calls_per_minute=5)
    for key in ({"Authorization": "Bearer readonly-key"}, {}):
        statuses = []
        for number in range(8):
            names = (
                "X-Forwarded-For",
                "X-Real-IP",
                "Forwarded",
                "X-Client-IP",
                "X-API-Key",
                "CF-Connecting-IP",
            )
            headers = {**key, **dict.fromkeys(names, f"10.0.{number}.7")}
            told = await house.http.get("/api/v1/overview", headers=headers)
            statuses.append(told.status_code)
        assert statuses[:5] == [200 if key else 401] * 5
        assert statuses[5:] == [429] * 3
        assert told.headers["x-ratelimit-limit"] == "5" and int(told.headers["retry-after"]) >= 1
    await house.stop(server)


FORGED = '{"event": "kill switch moved", "level": "warning"}'


async def test_no_line_of_the_log_can_be_forged(stocked: Any) -> None:
    """By a reason, an address, a header, an id: whatever breaks lines in them is no line of ours."""
    for text in (
        f"x\n{FORGED}",
        f"x\r\n{FORGED}",
        f"x\u2028{FORGED}",
        f"\x1b[2K\r{FORGED}",
        f"x\x00{FORGED}",
    ):
        await asked(stocked, "POST", "/api/v1/kill", json={"mode": "halt_all", "reason": text})
        await asked(stocked, "GET", f"/api/v1/trades/{quote(text)}")
        await asked(stocked, "GET", "/api/v1/trades", params={"status": text})
        await stocked.http.get(f"/{quote(text)}", headers={"User-Agent": quote(text)})
        await stocked.signal(token=text, wallet_address=text)
    lines = stocked.log().split("\n")
    told = [json.loads(line) for line in lines if line]
    assert len(told) > 10
    assert all(one.get("event") != "kill switch moved" for one in told)
    assert not any(ord(char) < 32 or char in "\x7f\u2028\u2029" for line in lines for char in line)
    assert [command.cause for command in stocked.commands.asked] == [
        f"x {FORGED}", f"x {FORGED}", f"x {FORGED}", f"[2K {FORGED}", f"x {FORGED}",
    ]  # fmt: skip
