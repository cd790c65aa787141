"""The world played over JSON-RPC, against a chain behind the few methods that it uses."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web
from solders.pubkey import Pubkey
from solders.signature import Signature

from chimera.domain.chain import Commitment
from chimera.domain.errors import Garbled, RateLimited, Rejected, Unreachable
from chimera.domain.ids import WSOL, Address
from chimera.localnet import world_runner
from chimera.localnet.chain import ChainOptions, EmbeddedChain
from chimera.localnet.coins import Nature, coins
from chimera.localnet.genesis import BOT_SOL, BOT_WSOL, genesis
from chimera.localnet.programs import PROGRAMS, program_elf
from chimera.localnet.traders import traders
from chimera.localnet.world import World
from chimera.localnet.world_node import WorldNode
from chimera.localnet.world_orders import token_amount
from chimera.localnet.world_plan import Decision, Deed
from chimera.localnet.world_runner import WorldSummary, run_world
from chimera.onchain.keys import associated_token_address

SEED = 7


class Door:
    """A chain behind HTTP; `broken` lists how the next answers fail, `refused` which methods always do."""

    def __init__(self) -> None:
        programs = {Address(address): program_elf(name) for address, name in PROGRAMS.items()}
        self.chain = EmbeddedChain(
            ChainOptions(), now=lambda: 1_700_000_000.0, genesis=genesis(SEED).accounts, programs=programs
        )
        self.url = ""
        self.broken: list[tuple[int, bytes]] = []
        self.refused: dict[str, dict[str, Any]] = {}

    async def handle(self, request: web.Request) -> web.Response:
        asked = msgspec.json.decode(await request.read())
        if self.broken:
            status, body = self.broken.pop(0)
            return web.Response(status=status, body=body)
        if asked["method"] in self.refused:
            return web.json_response({"jsonrpc": "2.0", "id": 1, "error": self.refused[asked["method"]]})
        result = getattr(self, asked["method"])(*asked["params"])
        return web.json_response({"jsonrpc": "2.0", "id": asked["id"], "result": result})

    def getHealth(self) -> str:  # noqa: N802, the node's name
        return "ok"

    def getLatestBlockhash(self, config: dict[str, str]) -> dict[str, Any]:  # noqa: N802
        view = self.chain.view(Commitment(config["commitment"]))
        latest = self.chain.blockhashes.latest(up_to_slot=view.slot)
        return {"context": {}, "value": {"blockhash": str(latest.blockhash), "lastValidBlockHeight": 1}}

    def getMultipleAccounts(self, addresses: list[str], config: dict[str, str]) -> dict[str, Any]:  # noqa: N802
        values = []
        for address in addresses:
            found = self.chain.bank.account(Pubkey.from_string(address))
            data = None if found is None else [base64.b64encode(found.data).decode(), "base64"]
            owner = None if found is None else str(found.owner)
            values.append(
                None if found is None else {"lamports": found.lamports, "owner": owner, "data": data}
            )
        return {"context": {}, "value": values}

    def sendTransaction(self, encoded: str, config: dict[str, Any]) -> str:  # noqa: N802
        signature = self.chain.submit(base64.b64decode(encoded))
        self.chain.advance_slot()
        return str(signature)

    def requestAirdrop(self, address: str, lamports: int) -> str:  # noqa: N802
        return str(self.chain.airdrop(Pubkey.from_string(address), lamports))


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    made = Door()
    app = web.Application()
    app.router.add_post("/", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def play(
    door: Door, ticks: int, *, tick_ms: int = 1
) -> tuple[WorldSummary, list[tuple[Decision, str]]]:
    told: list[tuple[Decision, str]] = []
    summary = await run_world(
        SEED, door.url, tick_ms=tick_ms, ticks=ticks, observe=lambda *happened: told.append(happened)
    )
    return summary, told


async def test_decisions_become_transactions_that_land(door: Door) -> None:
    summary, told = await play(door, 60)
    assert [decision for decision, _ in told] == [
        d for tick in range(60) for d in World(SEED).decisions(tick)
    ]
    assert summary.decided == len(told) == summary.sent + summary.idle
    assert (summary.ticks, summary.failed) == (60, 0)
    records = {
        str(record.signature): record
        for state_slot in range(1, door.chain.slot + 1)
        if (block := door.chain.ledger.block(state_slot)) is not None
        for record in block.transactions
    }
    landed = [(decision, records[outcome]) for decision, outcome in told if outcome != "idle"]
    failed = {decision.why for decision, record in landed if record.error is not None}
    assert failed <= {"trap", "freeze"}
    assert sum(decision.deed is Deed.BUY for decision, _ in landed) > 50


async def test_friends_of_a_maker_buy_in_the_tick_of_the_launch_without_having_seen_the_curve(
    door: Door,
) -> None:
    coin = next(made for made in coins(SEED, 0) if made.nature is Nature.BUNDLED)
    told: list[tuple[Decision, str]] = []
    await run_world(
        SEED, door.url, tick_ms=1, first_tick=coin.tick, ticks=1, observe=lambda *done: told.append(done)
    )
    sent = [outcome for decision, outcome in told if decision.symbol == coin.key]
    assert len(sent) == 1 + 1 + 5, "the launch, its maker's buy and five friends'"
    for outcome in sent:
        record = door.chain.ledger.transaction(Signature.from_string(outcome))
        assert record is not None and record.error is None


async def test_a_node_that_fails_now_and_then_changes_no_decision(door: Door) -> None:
    door.broken = [(503, b""), (429, b"slow down"), (200, b"<html>"), (200, b'{"error":{"code":-32005}}')] * 3
    summary, told = await play(door, 12)
    assert [decision for decision, _ in told] == [
        d for tick in range(12) for d in World(SEED).decisions(tick)
    ]
    assert summary.failed == 0
    assert not door.broken


async def test_a_transaction_that_the_node_refuses_is_counted_and_the_world_goes_on(door: Door) -> None:
    door.refused["sendTransaction"] = {"code": -32003, "message": "signature verification failure"}
    summary, _ = await play(door, 8)
    assert (summary.ticks, summary.sent) == (8, 0)
    assert summary.failed == summary.decided - summary.idle > 0


async def test_a_node_that_stays_away_ends_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world_runner, "NODE_AWAY_MAX_S", 0.3)
    with pytest.raises(Unreachable, match="away"):
        await run_world(SEED, "http://127.0.0.1:1", ticks=1)


async def test_who_runs_low_is_given_from_the_faucet(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world_runner, "PURSES_EVERY", 2)
    whale = traders(SEED)["whale-1"]
    stock = associated_token_address(whale.address, WSOL)
    for address, keep in ((whale.address, 10**9), (stock, 5 * 10**9)):
        key = Pubkey.from_string(address)
        account = door.chain.bank.account(key)
        assert account is not None
        data = bytearray(account.data)
        if data:
            data[64:72] = (keep - 2_039_280).to_bytes(8, "little")
        door.chain.bank.put(key, type(account)(keep, bytes(data), account.owner, False, 2**64 - 1))
    await play(door, 4)
    purse, stocked = (
        door.chain.bank.account(Pubkey.from_string(address)) for address in (whale.address, stock)
    )
    assert purse is not None
    assert stocked is not None
    assert purse.lamports > BOT_SOL
    assert token_amount(bytes(stocked.data)) >= BOT_WSOL


async def test_the_clock_sets_the_pace_and_a_late_world_does_not_hurry(door: Door) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await play(door, 6, tick_ms=50)
    assert loop.time() - began >= 0.25


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, b"", RateLimited),
        (500, b"", Unreachable),
        (200, b"nonsense", Garbled),
        (200, b'{"result": {}}', Garbled),
        (200, b'{"error": {"code": -32602}}', Rejected),
    ],
)
async def test_the_worlds_node_tells_failures_apart(
    door: Door, status: int, body: bytes, expected: type[Exception]
) -> None:
    door.broken = [(status, body)]
    async with WorldNode(door.url) as node:
        with pytest.raises(expected):
            await node.blockhash()
        assert await node.healthy()
