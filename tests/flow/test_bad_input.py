"""Bad input, each kind tried on one really started desk: a clear word each, nothing bought, nothing leaked."""

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
import pytest_asyncio
from tests.crash.kill_desk import signatures_paid_by
from tests.flow.running_desk import DEMO_WALLET, TRACES, RunningDesk, payload, running_desk, soon

from chimera.domain.messages import IntentRefused, LegLanded, LegSigned, SignalAccepted, SignalRefused
from chimera.domain.risk import Reason
from chimera.localnet.genesis import genesis

SEED = 7
CONFIRMED_WITHIN_SLOTS = 5
FOR_THE_SHELL = {"webhook.secret": ["webhook secret"], "api.key": ["API key"]}
"""What the demo itself keeps for who sits before it, readable by nobody else."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningDesk]:
    async with running_desk(tmp_path_factory.mktemp("stage"), seed=SEED) as running:
        yield running


def _dead_letters(desk: RunningDesk, reason: str) -> int:
    with closing(sqlite3.connect(f"file:{desk.folder}/chimera.db?mode=ro", uri=True)) as tables:
        row = tables.execute("select count(*) from dead_letter_queue where reason = ?", (reason,)).fetchone()
        return int(row[0])


def _refused(desk: RunningDesk) -> set[tuple[str, str, str]]:
    return {(str(fact.refusal.reason), fact.symbol, str(fact.strategy)) for fact in desk.facts(SignalRefused)}


# the door: who speaks


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Signature", "0" * 64),
        ("X-Signature", "zz"),
        ("X-Signature", ""),
        ("X-Signature", "é" * 64),
        ("X-Timestamp", "yesterday"),
        ("X-Timestamp", "-1"),
        ("X-Timestamp", "9" * 400),
        ("X-Timestamp", "1e9"),
    ],
)
async def test_a_wrong_signature_or_timestamp_is_unauthorised(
    desk: RunningDesk, header: str, value: str
) -> None:
    body = payload()
    said = await desk.post(body, {**desk.signed(body), header: value})
    assert (said.status, said.json["reason"]) == (401, "SIGNATURE_INVALID")
    assert said.json["message"]


@pytest.mark.parametrize("header", ["X-Signature", "X-Timestamp"])
async def test_a_missing_header_is_unauthorised(desk: RunningDesk, header: str) -> None:
    body = payload()
    headers = desk.signed(body)
    del headers[header]
    said = await desk.post(body, headers)
    assert (said.status, said.json["reason"]) == (401, "SIGNATURE_MISSING")
    assert header in said.json["message"]


@pytest.mark.parametrize("off_s", [-301, 302, -86_400])
async def test_a_stale_or_future_timestamp_is_unauthorised_though_rightly_signed(
    desk: RunningDesk, off_s: int
) -> None:
    body = payload()
    said = await desk.post(body, desk.signed(body, at_s=time.time() + off_s))
    assert (said.status, said.json["reason"]) == (401, "TIMESTAMP_OUT_OF_WINDOW")


async def test_another_secret_is_unauthorised(desk: RunningDesk) -> None:
    body = payload()
    said = await desk.post(body, desk.signed(body, secret="0" * 64))
    assert (said.status, said.json["reason"]) == (401, "SIGNATURE_INVALID")


async def test_reordered_json_breaks_the_signature(desk: RunningDesk) -> None:
    fields = json.loads(payload())
    reordered = json.dumps(dict(reversed(fields.items()))).encode()
    said = await desk.post(reordered, desk.signed(payload()))
    assert (said.status, said.json["reason"]) == (401, "SIGNATURE_INVALID")


async def test_a_refused_stranger_is_on_record(desk: RunningDesk) -> None:
    await asyncio.sleep(1.1)  # of strangers only the first few of a second are journalled
    before = len(desk.facts(SignalRefused))
    await desk.post(payload(), {**desk.signed(payload()), "X-Signature": "0" * 64})
    refused = (await soon(lambda: desk.facts(SignalRefused)[before:]))[-1]
    assert refused.refusal.reason is Reason.BAD_SIGNATURE
    assert refused.payload == ""  # anybody could fill the journal


# the body


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "PARSE_ERROR"),
        (b"hello", "PARSE_ERROR"),
        (b"{", "PARSE_ERROR"),
        (b"\xff\xfe{}", "PARSE_ERROR"),
        (b'{"a":' * 5_000, "PARSE_ERROR"),
        (payload().replace(b"0.1", b"NaN"), "PARSE_ERROR"),
        (payload().replace(b"0.1", b"Infinity"), "PARSE_ERROR"),
        (payload() + payload(), "PARSE_ERROR"),
        (b"[]", "VALIDATION_FAILED"),
        (b"null", "VALIDATION_FAILED"),
        (b"{}", "VALIDATION_FAILED"),
        (payload(extra="field"), "VALIDATION_FAILED"),
        (payload(amount_sol=-0.1), "VALIDATION_FAILED"),
        (payload(amount_sol=0), "VALIDATION_FAILED"),
        (payload().replace(b"0.1", b"1e30"), "VALIDATION_FAILED"),
        (payload().replace(b"0.1", b"1e999"), "VALIDATION_FAILED"),
        (payload(amount_sol="0.1"), "VALIDATION_FAILED"),
        (payload(amount_sol=None), "VALIDATION_FAILED"),
        (payload(strategy="YOLO"), "VALIDATION_FAILED"),
        (payload(action="HOLD"), "VALIDATION_FAILED"),
        (payload(strategy="EXIT"), "VALIDATION_FAILED"),
        (payload(token=""), "VALIDATION_FAILED"),
        (payload(token='BONK\n{"event":"trade closed"}'), "VALIDATION_FAILED"),
        (payload(token="A" * 500), "VALIDATION_FAILED"),
        (payload(wallet_address="me"), "VALIDATION_FAILED"),
        (payload(wallet_address="'; DROP TABLE trades; --"), "VALIDATION_FAILED"),
        (payload(trade_uuid="not-a-uuid"), "VALIDATION_FAILED"),
    ],
)
async def test_a_signed_body_that_is_no_signal_is_a_wrong_request_and_a_dead_letter(
    desk: RunningDesk, body: bytes, reason: str
) -> None:
    before = _dead_letters(desk, reason)
    said = await desk.post(body)
    assert (said.status, said.json["reason"], said.json["status"]) == (400, reason, "rejected")
    await soon(lambda: _dead_letters(desk, reason) == before + 1)
    refused = desk.facts(SignalRefused)[-1]
    assert (refused.refusal.reason, refused.dead_letter) == (reason, True)


async def test_a_huge_body_is_refused_before_it_is_read(desk: RunningDesk) -> None:
    body = b"x" * 70_000
    said = await desk.post(body, desk.signed(body))
    assert (said.status, said.json["reason"]) == (413, "BODY_TOO_LARGE")
    declared = b"POST /api/v1/webhook HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    assert (await desk.raw(declared % 10**12)).status == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
async def test_another_content_type_is_refused(desk: RunningDesk, kind: str) -> None:
    body = payload()
    said = await desk.post(body, {**desk.signed(body), "Content-Type": kind})
    assert (said.status, said.json["reason"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_another_method_is_refused(desk: RunningDesk) -> None:
    said = await desk.ask("GET", "/api/v1/webhook", keyed=False)
    assert (said.status, said.headers["Allow"]) == (405, "POST")


# what a signal may ask for


async def test_an_unknown_token_is_refused_by_name(desk: RunningDesk) -> None:
    for token in ("NOPE", "So11111111111111111111111111111111111111113"):
        said = await desk.signal(token=token)
        assert (said.status, said.json["reason"]) == (422, "INVALID_TOKEN_ADDRESS")
        assert token in said.json["message"]


async def test_a_wallet_that_nobody_follows_is_refused(desk: RunningDesk) -> None:
    said = await desk.signal(wallet_address="11111111111111111111111111111112")
    assert (said.status, said.json["reason"]) == (422, "UNKNOWN_WALLET")


async def test_a_wallet_that_is_not_active_is_refused(desk: RunningDesk) -> None:
    idle = [wallet for wallet in genesis(SEED).wallets if str(wallet.status) != "ACTIVE"]
    assert {str(wallet.status) for wallet in idle} == {"CANDIDATE", "REJECTED"}
    for wallet in idle:
        said = await desk.signal(wallet_address=wallet.address)
        assert (said.status, said.json["reason"]) == (422, "WALLET_NOT_ACTIVE")
        assert str(wallet.status) in said.json["message"]


@pytest.mark.parametrize(
    ("token", "strategy", "reason"),
    [
        ("GLACR", "SHIELD", "TOKEN_FREEZE_AUTHORITY"),
        ("PRESS", "SPEAR", "TOKEN_MINT_AUTHORITY"),
        ("DUST", "SHIELD", "LIQUIDITY_BELOW_MINIMUM"),
        ("DUST", "SPEAR", "LIQUIDITY_BELOW_MINIMUM"),
        ("SPROUT", "SHIELD", "LIQUIDITY_BELOW_MINIMUM"),
    ],
)
async def test_a_token_that_must_not_be_bought_is_refused_at_the_door(
    desk: RunningDesk, token: str, strategy: str, reason: str
) -> None:
    said = await desk.signal(token=token, strategy=strategy)
    assert (said.status, said.json["reason"]) == (422, reason)
    await soon(lambda: (reason, token, strategy) in _refused(desk))


async def test_a_token_that_cannot_be_sold_is_found_out_by_the_probe_before_it_is_bought(
    desk: RunningDesk,
) -> None:
    said = await desk.signal(token="TRAP")
    assert said.status == 200  # nothing is wrong with the mint itself
    trade = said.json["trade_uuid"]
    (refused,) = await soon(lambda: [fact for fact in desk.facts(IntentRefused) if fact.trade_id == trade])
    assert refused.refusal.reason is Reason.HONEYPOT
    assert not [fact for fact in desk.facts(LegSigned) if fact.leg.trade_id == trade]
    told = (await desk.ask("GET", f"/api/v1/why/{trade}")).json
    assert any(step["reason"] == "TOKEN_HONEYPOT" for step in told["steps"])


async def test_a_thin_token_is_good_enough_for_spear(desk: RunningDesk) -> None:
    said = await desk.signal(token="SPROUT", strategy="SPEAR", amount_sol=0.02)
    assert said.status == 200, said.text
    trade = said.json["trade_uuid"]
    await soon(lambda: [fact for fact in desk.facts(LegLanded) if fact.leg.trade_id == trade])


async def test_a_replayed_request_buys_once(desk: RunningDesk) -> None:
    body = payload()
    headers = desk.signed(body)
    first, second = await desk.post(body, headers), await desk.post(body, headers)
    assert first.status == 200, first.text
    assert (second.status, second.json["reason"]) == (409, "duplicate_signal")
    assert second.json["trade_uuid"] == first.json["trade_uuid"]
    trade = first.json["trade_uuid"]
    assert [fact.signal.id for fact in desk.facts(SignalAccepted)].count(trade) == 1
    await soon(lambda: [fact for fact in desk.facts(LegLanded) if fact.leg.trade_id == trade])
    assert (await desk.post(body, headers)).status == 409


async def test_a_sale_of_what_nobody_holds_is_refused(desk: RunningDesk) -> None:
    said = await desk.signal(strategy="EXIT", action="SELL", token="PLUM")
    assert (said.status, said.json["reason"]) == (422, "NO_ACTIVE_POSITION")


# paths and headers


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/../../../../vault.json",
        "/assets/..%5c..%5cvault.json",
        "/%00",
        "/vault.json",
        "/webhook.secret",
        "//etc/passwd",
    ],
)
async def test_no_path_leads_out_of_the_dashboard(desk: RunningDesk, path: str) -> None:
    said = await desk.raw(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    assert said.status in {0, 200, 400, 404, 503}
    assert "root:" not in said.text
    assert "ciphertext" not in said.text
    assert desk.stage._secret not in said.text
    if said.status == 200:
        assert said.text.lstrip().lower().startswith("<!doctype html>")  # the dashboard's own page


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/positions/'%3B%20DROP%20TABLE%20trades%3B--",
        "/api/v1/trades/..%2f..%2fvault.json",
        "/api/v1/positions/%00",
        "/api/v1/nothing",
    ],
)
async def test_an_id_that_is_none_is_not_found(desk: RunningDesk, path: str) -> None:
    said = await desk.raw(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {desk.stage.key}\r\n\r\n".encode()
    )
    assert said.status in {400, 404}
    assert said.json["error"]


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=1e30", "limit=NaN", "offset=x", "status=%27%20OR%201=1", "from=-5"]
)
async def test_a_parameter_out_of_range_is_a_wrong_request(desk: RunningDesk, query: str) -> None:
    said = await desk.ask("GET", f"/api/v1/trades?{query}")
    assert said.status == 400
    assert said.json["error"] == "BAD_REQUEST"


async def test_a_header_given_twice_is_refused(desk: RunningDesk) -> None:
    body = payload()
    headers = "".join(f"{name}: {value}\r\n" for name, value in desk.signed(body).items())
    request = f"POST /api/v1/webhook HTTP/1.1\r\nHost: a\r\n{headers}X-Signature: {'0' * 64}\r\nContent-Length: {len(body)}\r\n\r\n"
    said = await desk.raw(request.encode() + body)
    assert (said.status, said.json["reason"]) == (400, "DUPLICATE_HEADER")


async def test_a_request_id_cannot_inject_headers_or_log_lines(desk: RunningDesk) -> None:
    for value in ("a%0d%0aSet-Cookie:%20x=1", 'x"},{"event":"trade closed"', "x\ty", "z" * 5_000):
        said = await desk.raw(f"GET /health HTTP/1.1\r\nHost: a\r\nX-Request-Id: {value}\r\n\r\n".encode())
        assert said.status in {200, 400}
        assert "set-cookie" not in {name.lower() for name in said.headers}
        assert value not in said.headers.values()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /api/v1/webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/v1/webhook HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /health HTTP/1.1\r\nHost: a\r\nX-Bad\x00Name: 1\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_refused_and_the_desk_lives_on(
    desk: RunningDesk, request_bytes: bytes
) -> None:
    said = await desk.raw(request_bytes + (b"" if request_bytes.endswith(b"\n") else b"\r\n\r\n"))
    assert said.status == 0 or 400 <= said.status < 500
    assert (await desk.ask("GET", "/health", keyed=False)).status == 200


@pytest.mark.parametrize("key", ["", "x", "é", "a" * 10_000])
async def test_a_wrong_key_opens_nothing(desk: RunningDesk, key: str) -> None:
    request = f"GET /api/v1/positions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n"
    said = await desk.raw(request.encode())
    assert said.status in {400, 401, 431}
    assert "items" not in said.text


# after the liquidity was pulled


async def test_a_token_whose_liquidity_was_pulled_is_refused(desk: RunningDesk) -> None:
    """The world pulls it within its first minute; until then nothing is asked."""
    assert desk.stage._rpc is not None
    pool = next(pool for pool in genesis(SEED).pools if pool.symbol == "RUGGY")
    ends = time.monotonic() + 100
    while time.monotonic() < ends:
        slot, accounts = await desk.stage._rpc.accounts(list(pool.at.vaults))
        amounts = [int.from_bytes(account.data[64:72], "little") for account in accounts if account]
        if min(amounts) < 10**6:
            break
        await asyncio.sleep(0.5)
    assert min(amounts) < 10**6, "the world did not pull RUGGY's liquidity"
    while (await desk.ask("GET", "/api/v1/health")).json["market"]["slot"] < slot + CONFIRMED_WITHIN_SLOTS:
        assert time.monotonic() < ends, "the desk's view stands still"
        await asyncio.sleep(0.2)
    said = await desk.signal(token="RUGGY")
    assert (said.status, said.json["reason"]) == (422, "LIQUIDITY_BELOW_MINIMUM")


# when all of it is over; these stay last, in this order


async def test_nothing_was_sent_that_is_not_on_record_and_books_equal_chain(desk: RunningDesk) -> None:
    await desk.child.stop()
    assert await desk.child.wait() == 0
    lamports, tokens = await desk.stage.holdings()
    from chimera.demo.summary import summarise

    summary = summarise(
        desk.journal(), began_ms=0, dashboard="", chain_lamports=lamports, chain_tokens=tokens
    )
    assert summary.ledger_matches_chain, summary.differences
    paid = await signatures_paid_by(desk.stage.endpoints["rpc"], desk.stage.wallet)
    assert paid == {str(fact.signature) for fact in desk.facts(LegSigned)} & paid
    assert summary.confirmed >= 2


async def test_the_log_is_whole_and_without_a_trace(desk: RunningDesk) -> None:
    lines = desk.log()
    assert len(lines) > 50
    assert not [line for line in lines if line["level"] == "error"]
    text = (desk.folder / "desk.log").read_text()
    assert not [trace for trace in TRACES[:1] if trace in text]


async def test_no_secret_of_the_run_is_in_any_file_or_answer(desk: RunningDesk) -> None:
    secrets = desk.secrets()
    assert len(desk.answers) > 80
    for said in desk.answers:
        whole = said.text + repr(said.headers)
        assert not [name for name, secret in secrets.items() if secret in whole]
    files = [path for path in desk.folder.rglob("*") if path.is_file()]
    assert {"config.yaml", "desk.log", "chain.log", "chimera.db"} <= {path.name for path in files}
    for path in files:
        found = [name for name, secret in secrets.items() if secret.encode() in path.read_bytes()]
        assert found == FOR_THE_SHELL.get(path.name, []), path
        assert not found or path.stat().st_mode & 0o077 == 0, path
    assert DEMO_WALLET.encode() in (desk.folder / "desk.log").read_bytes()  # the search can find something
