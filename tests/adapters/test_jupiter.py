"""Jupiter's client against a server that answers in the recorded shapes, rightly and in every wrong way."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web

from chimera.adapters.jupiter import JupiterOptions, JupiterRoutes
from chimera.adapters.jupiter_wire import PROGRAM
from chimera.domain.errors import ConfigError, Garbled, OutsideError, RateLimited, Rejected, Unreachable
from chimera.domain.ids import ATA_PROGRAM, SYSTEM_PROGRAM, TOKEN_PROGRAM, WSOL, Address, Slot
from chimera.domain.pool import SwapKind
from chimera.domain.risk import Reason, Refusal
from chimera.ports.services import RouteQuote, RouteRequest, RouteService

BONK = Address("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263")
USER = Address("9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM")
STRANGER = Address("3UVYmECPPMZSCqWKfENfuoTv51fTDTWicX9xmBD2euKe")
ACCOUNT = Address("4fYNw3dojWmQ4dXtSGE9epjRGy9pFSx62YypT7avPYvA")
TABLE = Address("GxS6FiQ3mNnAar9HGQ6mxP7t6FcwmHkU7peSeQDUHmpN")
ASKED = RouteRequest(WSOL, BONK, SwapKind.EXACT_IN, 100_000_000, 100, Slot(350_000_004))
QUICK = JupiterOptions(requests_per_second_max=1_000)


def quoted(**changes: Any) -> dict[str, Any]:
    """A `/quote` answer as recorded, numbers aside."""
    hop = {
        "ammKey": STRANGER, "label": "Meteora DLMM", "inputMint": WSOL, "outputMint": BONK,
        "inAmount": "100000000", "outAmount": "1039247200", "feeAmount": "10000", "feeMint": WSOL,
    }  # fmt: skip
    return {
        "inputMint": WSOL, "inAmount": "100000000", "outputMint": BONK, "outAmount": "1039247200",
        "otherAmountThreshold": "1028854728", "swapMode": "ExactIn", "slippageBps": 100, "platformFee": None,
        "priceImpactPct": "0.0002217", "routePlan": [{"swapInfo": hop, "percent": 100, "bps": 10000}],
        "contextSlot": 350000002, "timeTaken": 0.0021, "swapUsdValue": "18.2", "simplerRouteUsed": False,
    } | changes  # fmt: skip


def meta(address: str, *, signer: bool = False) -> dict[str, Any]:
    return {"pubkey": address, "isSigner": signer, "isWritable": True}


def creation(**changes: Any) -> dict[str, Any]:
    who = [
        meta(USER, signer=True), meta(ACCOUNT), meta(USER), meta(BONK), meta(SYSTEM_PROGRAM), meta(TOKEN_PROGRAM)
    ]  # fmt: skip
    return {"programId": ATA_PROGRAM, "accounts": who, "data": base64.b64encode(b"\1").decode()} | changes


def swap(**changes: Any) -> dict[str, Any]:
    who = [meta(TOKEN_PROGRAM), meta(USER, signer=True), meta(ACCOUNT), meta(BONK), meta(PROGRAM)]
    return {"programId": PROGRAM, "accounts": who, "data": base64.b64encode(b"route").decode()} | changes


def instructions(**changes: Any) -> dict[str, Any]:
    """A `/swap-instructions` answer as recorded, for a user who has no account for the output yet."""
    return {
        "tokenLedgerInstruction": None, "computeBudgetInstructions": [swap(programId=SYSTEM_PROGRAM)],
        "otherInstructions": [], "setupInstructions": [creation()], "swapInstruction": swap(),
        "cleanupInstruction": None, "addressLookupTableAddresses": [TABLE], "prioritizationFeeLamports": 0,
        "computeUnitLimit": 1400000, "simulationError": None,
    } | changes  # fmt: skip


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def scripted(answer: Answer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/swap/v1"
    finally:
        await runner.cleanup()


def saying(body: object, status: int = 200, heard: list[web.Request] | None = None, **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        if heard is not None:
            heard.append(request)
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(
            status=status, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    return answer


async def ask(answer: Answer, request: RouteRequest = ASKED) -> RouteQuote | Refusal:
    async with scripted(answer) as url, JupiterRoutes(url, options=QUICK) as routes:
        return await routes.quote(request)


async def test_a_route_is_quoted_and_its_instructions_are_written_for_the_user() -> None:
    heard: list[tuple[str, dict[str, str], Any, str | None]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        heard.append((request.path, dict(request.query), body, request.headers.get("x-api-key")))
        return web.json_response(instructions() if request.method == "POST" else quoted())

    async with scripted(answer) as url, JupiterRoutes(url, api_key="hush", options=QUICK) as routes:
        service: RouteService = routes
        quote = await service.quote(ASKED)
        assert isinstance(quote, RouteQuote)
        assert (quote.amount_in, quote.amount_out, quote.limit) == (100_000_000, 1_039_247_200, 1_028_854_728)
        assert quote.slot == 350_000_002 and quote.hops == ("Meteora DLMM",)
        calls = await service.calls(quote, user=USER)
    assert not isinstance(calls, Refusal)
    assert calls.swap.program == PROGRAM and calls.swap.data == b"route" and calls.lookup_tables == (TABLE,)
    assert [call.program for call in calls.setup] == [ATA_PROGRAM]
    (path, query, _, key), (path_2, _, body, _) = heard
    assert (path, path_2, key) == ("/swap/v1/quote", "/swap/v1/swap-instructions", "hush")
    assert query["amount"] == "100000000" and query["swapMode"] == "ExactIn" and query["slippageBps"] == "100"
    # The quote goes back word for word, with what we do not read of it.
    assert body == {"userPublicKey": USER, "wrapAndUnwrapSol": False, "quoteResponse": quoted()}


async def test_an_exact_output_has_a_highest_input_as_its_limit() -> None:
    asked = msgspec.structs.replace(ASKED, kind=SwapKind.EXACT_OUT, amount=1_039_247_200)
    told = quoted(swapMode="ExactOut", otherAmountThreshold="101000000")
    quote = await ask(saying(told), asked)
    assert isinstance(quote, RouteQuote) and quote.limit == 101_000_000
    with pytest.raises(Garbled, match="limit"):
        await ask(saying(told | {"otherAmountThreshold": "102000000"}), asked)


@pytest.mark.parametrize(
    "wrong",
    [
        {"inputMint": BONK}, {"outputMint": WSOL}, {"swapMode": "ExactOut"}, {"slippageBps": 5_000},
        {"inAmount": "100000001"}, {"inAmount": "-1"}, {"outAmount": "0"}, {"outAmount": "1e9"},
        {"outAmount": "99999999999999999999"}, {"outAmount": 1039247200}, {"outAmount": "\u0661\u0660"},
        {"otherAmountThreshold": "1"}, {"otherAmountThreshold": "1039247201"}, {"routePlan": []},
        {"routePlan": None}, {"contextSlot": None}, {"contextSlot": -5},
    ],
    ids=str,
)  # fmt: skip
async def test_an_answer_to_another_question_or_one_that_cannot_be_is_garbled(wrong: dict[str, Any]) -> None:
    with pytest.raises(Garbled):
        await ask(saying(quoted(**wrong)))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, '{"error":"slippage","errorCode":"INVALID_SLIPPAGE"}', Rejected),
        (401, '{"code":401,"message":"Unauthorized"}', Rejected),
        (403, "forbidden", Rejected),
        (302, "", Rejected),
        (429, "", RateLimited),
        (500, "{}", Unreachable),
        (503, "<html>", Unreachable),
        (200, "<html>", Garbled),
        (200, "", Garbled),
        (200, "[]", Garbled),
        (200, "{}", Garbled),
        (200, '{"inAmount":' + "9" * 600_000 + "}", Garbled),
    ],
)
async def test_every_answer_has_its_name(status: int, body: str, kind: type[OutsideError]) -> None:
    with pytest.raises(kind) as caught:
        await ask(saying(body, status, Retry_After="7", Location="http://127.0.0.1:1/"))
    assert "127.0.0.1" not in str(caught.value)
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after_s == 7


@pytest.mark.parametrize("code", ["COULD_NOT_FIND_ANY_ROUTE", "NO_ROUTES_FOUND", "TOKEN_NOT_TRADABLE"])
async def test_no_route_is_an_answer_and_no_fault(code: str) -> None:
    answer = await ask(saying({"error": "none", "errorCode": code}, 400))
    assert isinstance(answer, Refusal) and answer.reason is Reason.QUOTE_UNAVAILABLE
    assert code in answer.observed


async def test_a_quote_from_a_state_too_far_behind_is_refused() -> None:
    answer = await ask(saying(quoted(contextSlot=349_999_990)))
    assert isinstance(answer, Refusal) and answer.reason is Reason.STALE_DATA
    assert isinstance(
        await ask(saying(quoted(contextSlot=350_000_900))), RouteQuote
    )  # they may be ahead of us


async def test_instructions_for_an_old_quote_are_not_even_asked_for() -> None:
    now, heard = [100.0], list[web.Request]()
    async with (
        scripted(saying(quoted(), heard=heard)) as url,
        JupiterRoutes(url, options=QUICK, monotonic=lambda: now[0]) as routes,
    ):
        quote = await routes.quote(ASKED)
        assert isinstance(quote, RouteQuote)
        now[0] += 2.1
        answer = await routes.calls(quote, user=USER)
    assert isinstance(answer, Refusal) and answer.reason is Reason.STALE_DATA
    assert len(heard) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"swapInstruction": None},
        {"swapInstruction": swap(programId=SYSTEM_PROGRAM)},
        {"swapInstruction": swap(programId="nonsense")},
        {"swapInstruction": swap(data="%%%")},
        {"swapInstruction": swap(accounts=[meta(STRANGER, signer=True), meta(USER), meta(BONK)])},
        {"swapInstruction": swap(accounts=[meta(BONK)])},
        {"swapInstruction": swap(accounts=[meta(USER, signer=True), meta(WSOL)])},
        {"setupInstructions": [creation(programId=SYSTEM_PROGRAM)]},  # lamports out of the wallet
        {"setupInstructions": [creation(data="Ag==")]},
        {"setupInstructions": [creation(accounts=[meta(USER, signer=True)])]},
        {
            "setupInstructions": [
                creation(accounts=[meta(USER), meta(ACCOUNT), meta(STRANGER), *[meta(BONK)] * 3])
            ]
        },
        {"setupInstructions": [creation()] * 17},
        {"cleanupInstruction": creation()},
        {"tokenLedgerInstruction": creation()},
        {"otherInstructions": [creation(programId=SYSTEM_PROGRAM)]},
        {"addressLookupTableAddresses": ["nonsense"]},
        {"addressLookupTableAddresses": [TABLE] * 17},
    ],
)
async def test_instructions_that_nobody_asked_for_are_never_handed_on(wrong: dict[str, Any]) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(instructions(**wrong) if request.method == "POST" else quoted())

    async with scripted(answer) as url, JupiterRoutes(url, options=QUICK) as routes:
        quote = await routes.quote(ASKED)
        assert isinstance(quote, RouteQuote)
        with pytest.raises(Garbled):
            await routes.calls(quote, user=USER)


async def test_after_a_429_nothing_leaves_until_their_time_is_over() -> None:
    now, heard = [100.0], list[web.Request]()
    async with (
        scripted(saying("", 429, heard=heard, Retry_After="5")) as url,
        JupiterRoutes(url, options=QUICK, monotonic=lambda: now[0]) as routes,
    ):
        for _ in range(3):
            with pytest.raises(RateLimited):
                await routes.quote(ASKED)
        assert len(heard) == 1
        now[0] += 5.1
        with pytest.raises(RateLimited):
            await routes.quote(ASKED)
        assert len(heard) == 2


async def test_our_own_limit_holds_whatever_is_asked() -> None:
    heard = list[web.Request]()
    slow = JupiterOptions(requests_per_second_max=1, timeout_s=0.05)
    async with scripted(saying(quoted(), heard=heard)) as url, JupiterRoutes(url, options=slow) as routes:
        answers = await asyncio.gather(*(routes.quote(ASKED) for _ in range(6)), return_exceptions=True)
    assert {type(answer) for answer in answers} <= {RouteQuote, RateLimited, Unreachable}
    assert sum(isinstance(answer, RateLimited) for answer in answers) >= 4 and len(heard) <= 2


async def test_silence_a_hang_up_and_a_closed_port_are_unreachable() -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        raise AssertionError

    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    quick = JupiterOptions(requests_per_second_max=1_000, timeout_s=0.1)
    for answer in (silent, hang_up):
        async with scripted(answer) as url, JupiterRoutes(url, options=quick) as routes:
            with pytest.raises(Unreachable):
                await routes.quote(ASKED)
    async with JupiterRoutes("http://127.0.0.1:1/swap/v1", options=quick) as routes:
        with pytest.raises(Unreachable) as caught:
            await routes.quote(ASKED)
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "jup.ag", "ftp://jup.ag", "https://"])
def test_what_is_no_url_is_a_setting_gone_wrong(url: str) -> None:
    with pytest.raises(ConfigError):
        JupiterRoutes(url)


async def test_a_question_that_cannot_be_is_not_sent() -> None:
    routes = JupiterRoutes("http://127.0.0.1:1/")
    for wrong in ({"amount": 0}, {"amount": 2**64}, {"slippage_bps": -1}, {"slippage_bps": 10_001}):
        with pytest.raises(ValueError, match="no question"):
            await routes.quote(msgspec.structs.replace(ASKED, **wrong))
