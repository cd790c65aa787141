"""What hostile callers try, beside forged tokens (test_login) and forged signatures (test_webhook)."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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


@pytest.fixture
async def stocked(house_type: type, tmp_path: Path) -> AsyncIterator[Any]:
    """A control plane on real tables with keys, so that whoever gets through reaches something."""
    engine = open_engine(tmp_path / "chimera.db")
    SqlTables(engine).fold(entries(3))
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
