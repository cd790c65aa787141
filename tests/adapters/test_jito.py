"""The block engine's client: against the embedded engine, and against one that misbehaves."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from chimera.adapters.jito import BundleId, BundleState, BundleStatus, JitoClient, LandedBundle
from chimera.domain.chain import Commitment
from chimera.domain.errors import ConfigError, Garbled, OutsideError, RateLimited, Rejected, Unreachable
from chimera.localnet.block_engine import TIP_ACCOUNTS, BlockEngine, BlockEngineOptions, tip_genesis
from chimera.localnet.chain import ChainOptions, EmbeddedChain

SOL = 10**9
ALICE = Keypair.from_seed(b"a" * 32)


@asynccontextmanager
async def embedded() -> AsyncIterator[tuple[EmbeddedChain, BlockEngine, JitoClient]]:
    chain = EmbeddedChain(ChainOptions(), now=lambda: 1_700_000_000.0, genesis=tip_genesis())
    engine = BlockEngine(chain, BlockEngineOptions(port=0, auction_every_s=3600), now=lambda: 1_700_000_000.0)
    port = await engine.start()
    chain.airdrop(ALICE.pubkey(), 100 * SOL)
    chain.advance_slot()
    async with JitoClient(f"http://127.0.0.1:{port}") as client:
        yield chain, engine, client
    await engine.stop()


def tip(chain: EmbeddedChain, lamports: int) -> bytes:
    to = Pubkey.from_string(TIP_ACCOUNTS[0])
    pay = transfer(TransferParams(from_pubkey=ALICE.pubkey(), to_pubkey=to, lamports=lamports))
    latest = chain.blockhashes.latest(up_to_slot=chain.slot)
    message = Message.new_with_blockhash([pay], ALICE.pubkey(), latest.blockhash)
    return bytes(VersionedTransaction(message, [ALICE]))


async def test_a_bundle_is_followed_from_receipt_to_landing() -> None:
    async with embedded() as (chain, engine, client):
        accounts = await client.tip_accounts()
        assert accounts == TIP_ACCOUNTS
        wire = tip(chain, 25_000)
        bundle = await client.send_bundle([wire])
        other = BundleId("00" * 32)
        assert await client.statuses([bundle, other]) == (
            BundleStatus(bundle, BundleState.PENDING, None),
            BundleStatus(other, BundleState.INVALID, None),
        )
        assert await client.landed([other, bundle]) == (None, None)
        engine.auction.run()
        (status,) = await client.statuses([bundle])
        assert status == BundleStatus(bundle, BundleState.LANDED, chain.slot)  # type: ignore[arg-type]
        signature = str(VersionedTransaction.from_bytes(wire).signatures[0])
        expected = LandedBundle(bundle, (signature,), chain.slot, Commitment.PROCESSED)  # type: ignore[arg-type]
        assert await client.landed([other, bundle]) == (None, expected)
        floor = await client.tip_floor()
        assert floor.p25_lamports == floor.p99_lamports == 25_000
        assert floor.ema_p50_lamports == 1_000 + 2_400


async def test_a_transaction_goes_alone_or_as_a_bundle_of_one() -> None:
    async with embedded() as (chain, engine, client):
        signature, bundle = await client.send_transaction(tip(chain, 2_000), bundle_only=False)
        assert bundle is None and len(signature) > 80
        _, bundle = await client.send_transaction(tip(chain, 3_000), bundle_only=True)
        assert bundle is not None
        engine.auction.run()
        assert (await client.statuses([bundle]))[0].state is BundleState.LANDED


async def test_a_refusal_carries_the_engine_s_words_and_code() -> None:
    async with embedded() as (_, _, client):
        with pytest.raises(Rejected, match="transaction #0 could not be decoded") as caught:
            await client.send_bundle([b"nonsense"])
        assert caught.value.code == -32602


async def test_more_than_fits_is_refused_before_it_is_sent() -> None:
    client = JitoClient("http://127.0.0.1:1")
    with pytest.raises(ValueError, match="1 to 5"):
        await client.send_bundle([])
    with pytest.raises(ValueError, match="1 to 5"):
        await client.send_bundle([b"x"] * 6)
    with pytest.raises(ValueError, match="at most 5"):
        await client.statuses([BundleId("x")] * 6)


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def scripted(answer: Answer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, "", RateLimited),
        (429, '{"error":{"code":-32097,"message":"Network congested."}}', RateLimited),
        (200, '{"error":{"code":-32097,"message":"Network congested."}}', RateLimited),
        (400, '{"error":{"code":-32602,"message":"no"}}', Rejected),
        (200, '{"error":{"code":-32602,"message":"no"}}', Rejected),
        (403, "forbidden", Rejected),
        (500, "", Unreachable),
        (503, "<html>", Unreachable),
        (200, "<html>", Garbled),
        (200, "{}", Garbled),
        (200, '{"result":5}', Garbled),
        (200, '{"result":[]}', Garbled),
    ],
)
async def test_every_answer_has_its_name(status: int, body: str, kind: type[OutsideError]) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body, headers={"Retry-After": "2"})

    async with scripted(answer) as url, JitoClient(url) as client:
        with pytest.raises(kind) as caught:
            await client.tip_accounts()
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after_s == 2


async def test_silence_a_hang_up_and_a_closed_port_are_unreachable() -> None:
    import asyncio

    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        raise AssertionError

    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with scripted(silent) as url, JitoClient(url, timeout_s=0.1) as client:
        with pytest.raises(Unreachable, match=r"no answer within 0\.1 s"):
            await client.tip_floor()
    async with scripted(hang_up) as url, JitoClient(url) as client:
        with pytest.raises(Unreachable):
            await client.tip_accounts()
    async with JitoClient(url) as client:
        with pytest.raises(Unreachable):
            await client.tip_accounts()


async def test_a_null_for_an_unknown_bundle_and_the_other_spelling_are_understood() -> None:
    body = "null"

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text='{"jsonrpc":"2.0","id":1,"result":' + body + "}")

    async with scripted(answer) as url, JitoClient(url) as client:
        assert await client.landed([BundleId("aa")]) == (None,)
        assert (await client.statuses([BundleId("aa")]))[0].state is BundleState.INVALID
        body = '{"value":[null]}'
        assert await client.landed([BundleId("aa")]) == (None,)
        body = (
            '{"value":[{"bundle_id":"aa","transactions":["sig"],"slot":3,"confirmationStatus":"finalized"}]}'
        )
        (landed,) = await client.landed([BundleId("aa")])
        assert landed is not None and landed.commitment is Commitment.FINALIZED


async def test_an_endless_answer_is_cut_off_and_the_auth_header_is_sent() -> None:
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("x-jito-auth"))
        return web.Response(body=b" " * (2 * 1024 * 1024))

    async with scripted(answer) as url, JitoClient(url, auth="uuid") as client:
        with pytest.raises(Garbled, match="more than"):
            await client.tip_accounts()
    assert seen == ["uuid"]


async def test_tips_are_rounded_up_to_whole_lamports() -> None:
    names = [f"landed_tips_{percent}th_percentile" for percent in (25, 50, 75, 95, 99)]
    body = "[{" + ",".join(f'"{name}":6.001000000000001e-06' for name in names)
    body += ',"ema_landed_tips_50th_percentile":0.01,"time":"2024-09-01T12:58:00Z"}]'

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text=body)

    async with scripted(answer) as url, JitoClient(url, tip_floor_url=f"{url}/floor") as client:
        floor = await client.tip_floor()
    assert floor.p25_lamports == 6_002 and floor.ema_p50_lamports == 10_000_000


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="http://"):
        JitoClient("block-engine.jito.wtf")
