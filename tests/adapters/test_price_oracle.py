"""A price from somebody's service: exact where it is one, unknown in every other case."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from io import StringIO

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from chimera.adapters.price_oracle import PriceOracle
from chimera.observe import Observer, Redactor, make_log

Asked = Callable[..., Awaitable[int | None]]


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    said: list[tuple[int, bytes, float]] = []

    async def answer(_: web.Request) -> web.Response:
        status, body, wait_s = said[-1]
        await asyncio.sleep(wait_s)
        return web.Response(status=status, body=body, headers={"Location": "/elsewhere"})

    application = web.Application()
    application.router.add_get("/{any:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    log = make_log(level="debug", json=True, redactor=Redactor(()), stream=StringIO())

    async def ask(
        body: bytes, field: str = "solana.usd", *, status: int = 200, wait_s: float = 0, timeout_s: float = 20
    ) -> int | None:
        said.append((status, body, wait_s))
        oracle = PriceOracle(
            f"http://127.0.0.1:{port}/price?key=secret",
            field=field,
            observer=Observer(log, CollectorRegistry()),
            timeout_s=timeout_s,
        )
        assert oracle.source == "127.0.0.1"
        return await oracle.micro_usd()

    yield ask
    await runner.cleanup()


async def test_the_price_is_read_exactly_wherever_it_stands(asked: Asked) -> None:
    assert await asked(b'{"solana":{"usd":147.4789012345678}}') == 147_478_901
    assert await asked(b'{"solana":{"usd":"147.1"}}') == 147_100_000
    assert await asked(b'[{"p":1},{"p":200}]', "1.p") == 200_000_000


@pytest.mark.parametrize(
    "body",
    [
        b"", b"not json", b"{}", b'{"solana":{}}', b'{"solana":{"usd":null}}', b'{"solana":{"usd":0}}',
        b'{"solana":{"usd":-3}}', b'{"solana":{"usd":"NaN"}}', b'{"solana":{"usd":1e300}}',
        b'{"solana":{"usd":true}}', b'{"solana":[]}', b'{"solana":{"usd":0.0000001}}', b"[" * 70_000,
    ],
)  # fmt: skip
async def test_anything_else_is_unknown_and_never_nothing(asked: Asked, body: bytes) -> None:
    assert await asked(body) is None


async def test_refusals_redirects_and_silence_are_unknown(asked: Asked) -> None:
    good = b'{"solana":{"usd":1}}'
    for status in (302, 404, 429, 500):
        assert await asked(good, status=status) is None
    assert await asked(good, wait_s=5, timeout_s=0.05) is None
    dead = Observer(
        make_log(level="debug", json=True, redactor=Redactor(()), stream=StringIO()), CollectorRegistry()
    )
    assert await PriceOracle("http://127.0.0.1:1/", field="x", observer=dead).micro_usd() is None
