"""POST /api/v1/webhook over a real socket: statuses, bodies, headers, and every kind of bad input."""

import asyncio
import json
import shutil
import socket
import subprocess
import time
from typing import Any

import httpx2
import pytest

from chimera.domain.intent import Side
from chimera.domain.messages import SignalAccepted, SignalRefused
from chimera.domain.risk import Reason, Refusal
from chimera.domain.wallet import Wallet, WalletStatus
from chimera.testing.surroundings import ACTIVE_WALLET, BONK


async def test_a_signed_call_is_accepted_with_its_trade_uuid_and_rate_headers(house: Any) -> None:
    answer = await house.signal()
    assert answer.status_code == 200
    assert answer.json()["status"] == "accepted"
    (fact,) = (entry.fact for entry in house.journal.read())
    assert isinstance(fact, SignalAccepted)
    assert answer.json() == {"status": "accepted", "trade_uuid": fact.signal.id}
    assert answer.headers["x-ratelimit-limit"] == "100"
    assert answer.headers["x-ratelimit-remaining"] == "99"
    assert abs(int(answer.headers["x-ratelimit-reset"]) - time.time()) <= 3
    assert house.queue.depth == 1


async def test_the_documented_shell_call_works_as_written(house: Any) -> None:
    if not (shutil.which("openssl") and shutil.which("curl")):
        pytest.skip("openssl and curl are needed to call as users do")
    script = f"""
    SECRET={"0123456789abcdef" * 4}
    TIMESTAMP=$(date +%s)
    PAYLOAD='{{"strategy":"SHIELD","token":"BONK","action":"BUY","amount_sol":0.1,"wallet_address":"{ACTIVE_WALLET}"}}'
    SIGNATURE=$(printf '%s%s' "$TIMESTAMP" "$PAYLOAD" | openssl dgst -sha256 -hmac "$SECRET" | awk '{{print $NF}}')
    curl -s -X POST {house.url}/api/v1/webhook -H "Content-Type: application/json" \
      -H "X-Signature: $SIGNATURE" -H "X-Timestamp: $TIMESTAMP" -d "$PAYLOAD"
    """
    run = await asyncio.to_thread(
        subprocess.run, ["bash", "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert json.loads(run.stdout)["status"] == "accepted"


async def test_the_same_request_twice_is_a_conflict_that_names_the_first(house: Any) -> None:
    first = await house.signal(trade_uuid="123e4567-e89b-42d3-a456-426614174000")
    again = await house.signal(trade_uuid="123e4567-e89b-42d3-a456-426614174000")
    assert (first.status_code, again.status_code) == (200, 409)
    assert again.json()["reason"] == "duplicate_signal"
    assert again.json()["trade_uuid"] == first.json()["trade_uuid"]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"X-Signature": "0" * 64}, "SIGNATURE_INVALID"),
        ({"X-Signature": ""}, "SIGNATURE_INVALID"),
        ({"X-Signature": "a" * 8_000}, "SIGNATURE_INVALID"),
        ({"X-Timestamp": "1"}, "SIGNATURE_INVALID"),
    ],
)
async def test_a_bad_signature_is_unauthorised(house: Any, headers: dict[str, str], reason: str) -> None:
    answer = await house.signal(headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (401, reason)


@pytest.mark.parametrize("missing", ["x-signature", "x-timestamp"])
async def test_a_missing_header_is_unauthorised(house: Any, missing: str) -> None:
    headers = {"content-type": "application/json", "x-signature": "0" * 64, "x-timestamp": "1"}
    del headers[missing]
    answer = await house.http.post("/api/v1/webhook", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (401, "SIGNATURE_MISSING")


async def test_a_tampered_body_is_unauthorised(house: Any) -> None:
    good = await house.signal()
    request = good.request
    answer = await house.http.post(
        "/api/v1/webhook", content=request.content.replace(b"0.1", b"9.9"), headers=request.headers
    )
    assert (answer.status_code, answer.json()["reason"]) == (401, "SIGNATURE_INVALID")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount_sol": -1}, "VALIDATION_FAILED"),
        ({"amount_sol": 1e30}, "VALIDATION_FAILED"),
        ({"amount_sol": 0}, "VALIDATION_FAILED"),
        ({"amount_sol": float("nan")}, "PARSE_ERROR"),
        ({"amount_sol": float("inf")}, "PARSE_ERROR"),
        ({"amount_sol": "1"}, "VALIDATION_FAILED"),
        ({"strategy": "YOLO"}, "VALIDATION_FAILED"),
        ({"unknown": 1}, "VALIDATION_FAILED"),
        ({"token": "../../../etc/passwd", "wallet_address": "x"}, "VALIDATION_FAILED"),
        ({"token": "a\r\nSet-Cookie: b=c"}, "VALIDATION_FAILED"),
        ({"token": "'; DROP TABLE trades; --"}, "VALIDATION_FAILED"),
    ],
)
async def test_a_bad_payload_is_refused_and_kept_as_a_dead_letter(
    house: Any, changes: dict[str, Any], reason: str
) -> None:
    answer = await house.signal(**changes)
    assert (answer.status_code, answer.json()["reason"]) == (400, reason)
    assert answer.json()["status"] == "rejected"
    (fact,) = (entry.fact for entry in house.journal.read())
    assert isinstance(fact, SignalRefused)
    assert (fact.dead_letter, str(fact.refusal.reason)) == (True, reason)
    assert "set-cookie" not in answer.headers


async def test_not_json_at_all_is_a_parse_error(house: Any) -> None:
    for body in (b"", b"hello", b"\x00\x01", b"[" * 60_000):
        answer = await house.signal(body)
        assert (answer.status_code, answer.json()["reason"]) == (400, "PARSE_ERROR")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"])
async def test_another_content_type_is_not_read(house: Any, kind: str) -> None:
    answer = await house.signal(headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert answer.json()["reason"] == "UNSUPPORTED_MEDIA_TYPE"


async def test_a_content_type_may_name_its_charset(house: Any) -> None:
    answer = await house.signal(headers={"Content-Type": "application/json; charset=utf-8"})
    assert answer.status_code == 200


async def test_a_huge_body_is_refused_whether_it_says_so_or_not(house: Any) -> None:
    declared = await house.signal(b"x" * 65_537)
    assert (declared.status_code, declared.json()["reason"]) == (413, "BODY_TOO_LARGE")

    async def endless() -> Any:
        for _ in range(2_000):
            yield b"x" * 1_000

    try:
        streamed = await house.http.post(
            "/api/v1/webhook", content=endless(), headers={"content-type": "application/json"}
        )
        assert streamed.status_code == 413
    except httpx2.TransportError:  # the server may hang up while we are still sending, which is as good
        pass
    assert (await house.signal()).status_code == 200, "and the door still works"


async def test_only_post_is_taken(house: Any) -> None:
    answer = await house.http.get("/api/v1/webhook")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_header_given_twice_is_refused(house: Any) -> None:
    first = await house.signal()
    request = first.request
    headers = [*request.headers.items(), ("x-signature", "0" * 64)]
    answer = await house.http.post("/api/v1/webhook", content=request.content, headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (400, "DUPLICATE_HEADER")


async def test_a_request_can_be_followed_by_its_id_from_the_door_into_the_journal(house: Any) -> None:
    """The caller's own id: in the answer, on the log's line, and in the first step of the trade's story."""
    answer = await house.signal(headers={"X-Request-Id": "trace-7f3a.1"})
    trade_id = answer.json()["trade_uuid"]
    assert (answer.status_code, answer.headers["x-request-id"]) == (200, "trace-7f3a.1")
    (entry,) = [one for one in house.journal.read() if isinstance(one.fact, SignalAccepted)]
    assert (entry.fact.request_id, entry.fact.signal.id) == ("trace-7f3a.1", trade_id)
    why = (await house.get(f"/api/v1/why/{trade_id}")).json()
    assert why["steps"][0]["data"]["request_id"] == "trace-7f3a.1"
    lines = [json.loads(line) for line in house.log().splitlines() if "trace-7f3a.1" in line]
    assert lines, "the log names it"


async def test_headers_cannot_be_injected_through_the_request_id(house: Any) -> None:
    answer = await house.signal(headers={"X-Request-Id": "ok-1.2_3"})
    assert answer.headers["x-request-id"] == "ok-1.2_3"
    answer = await house.signal(headers={"X-Request-Id": "bad id; drop"})
    assert "bad" not in answer.headers["x-request-id"]
    raw = (
        b"POST /api/v1/webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"X-Request-Id: a\x00b\r\nX-Timestamp: 1\nX-Evil: 1\r\nContent-Length: 2\r\n\r\n{}"
    )
    told = await asyncio.to_thread(_talk, house.url, raw)
    assert told.startswith(b"HTTP/1.1 4")
    assert b"X-Evil" not in told


@pytest.mark.parametrize(
    "raw",
    [
        b"GARBAGE\r\n\r\n",
        b"POST /api/v1/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
        b"POST /api/v1/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    ],
)
async def test_what_is_no_http_is_refused_without_a_trace(house: Any, raw: bytes) -> None:
    told = await asyncio.to_thread(_talk, house.url, raw)
    assert told.startswith(b"HTTP/1.1 4") or told == b""
    assert b"Traceback" not in told
    assert (await house.signal()).status_code == 200


@pytest.mark.parametrize(
    ("arrange", "status", "reason"),
    [
        (lambda around: around.tokens.clear(), 422, "INVALID_TOKEN_ADDRESS"),
        (lambda around: around.wallets.clear(), 422, "UNKNOWN_WALLET"),
        (
            lambda around: around.wallets.update(
                {ACTIVE_WALLET: Wallet(address=ACTIVE_WALLET, status=WalletStatus.CANDIDATE)}
            ),
            422,
            "WALLET_NOT_ACTIVE",
        ),
        (
            lambda around: setattr(around, "breaker", Refusal(Reason.BREAKER_OPEN)),
            503,
            "circuit_breaker_triggered",
        ),
        (
            lambda around: around.killed.update({Side.BUY: Refusal(Reason.KILL_SWITCH)}),
            503,
            "KILL_SWITCH_ACTIVE",
        ),
        (
            lambda around: around.unsafe.update(
                {
                    (BONK.mint, style): Refusal(Reason.LIQUIDITY, limit="10000 USD", observed="9 USD")
                    for style in ("SHIELD",)
                }
            ),
            422,
            "LIQUIDITY_BELOW_MINIMUM",
        ),
    ],
)
async def test_each_refusal_has_its_status_and_says_what_was_seen(
    house: Any, arrange: Any, status: int, reason: str
) -> None:
    arrange(house.around)
    answer = await house.signal()
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert answer.json()["message"]
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_beyond_a_hundred_a_second_it_says_when_to_come_back(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one second that lasts as long as the machine needs."""
    standing = house.clock.monotonic_ns()
    monkeypatch.setattr(house.clock, "monotonic_ns", lambda: standing)
    answers = await asyncio.gather(*(house.signal(amount_sol=number) for number in range(1, 111)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(429)) == (100, 10)
    late = next(answer for answer in answers if answer.status_code == 429)
    assert late.json()["reason"] == "RATE_LIMITED"
    assert int(late.headers["retry-after"]) >= 1
    assert late.headers["x-ratelimit-remaining"] == "0"


async def test_every_answer_carries_the_security_headers(house: Any) -> None:
    for answer in (await house.signal(), await house.signal(b"{"), await house.get("/health")):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers


async def test_a_full_disk_is_a_clear_refusal_and_nothing_is_promised(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if b"SignalAccepted" in data:
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr("os.write", full)
    answer = await house.signal()
    monkeypatch.undo()
    assert answer.status_code == 503
    assert "durable" in answer.json()["message"]
    assert house.queue.depth == 0
    health = (await house.get("/api/v1/health")).json()
    assert (health["status"], health["journal"]["status"]) == ("unhealthy", "unhealthy")


async def test_no_secret_and_no_signature_reaches_the_log(house: Any) -> None:
    accepted = await house.signal()
    await house.signal(headers={"X-Signature": "0" * 64})
    await house.get("/api/v1/overview")
    told = house.log()
    assert "signal accepted" in told
    for secret in (
        "0123456789abcdef0123456789abcdef",
        accepted.request.headers["x-signature"],
        "readonly-key",
    ):
        assert secret not in told


def _talk(url: str, raw: bytes) -> bytes:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        told = b""
        while part := connection.recv(65_536):
            told += part
        return told
