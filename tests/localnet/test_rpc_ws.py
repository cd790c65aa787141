"""The WebSocket front: what is told, when, and to whom no longer."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType
from solders.account import Account
from solders.pubkey import Pubkey

from chimera.domain.errors import ConfigError
from chimera.localnet import ws as ws_front
from chimera.localnet.faults import FaultKind, FaultWish
from chimera.localnet.node import Node, NodeOptions

SOL = 10**9
SYSTEM = "11111111111111111111111111111111"


class Listener:
    """Requests and notifications on one socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._next = 0
        self.told: list[dict[str, Any]] = []

    async def ask(self, method: str, *params: object) -> dict[str, Any]:
        self._next += 1
        request = {"jsonrpc": "2.0", "id": self._next, "method": method, "params": params}
        await self.socket.send_str(json.dumps(request))
        while True:
            found = await self._receive()
            if found.get("id") == self._next:
                return found
            self.told.append(found)

    async def subscribe(self, kind: str, *params: object) -> int:
        return int((await self.ask(f"{kind}Subscribe", *params))["result"])

    async def hear(self) -> dict[str, Any]:
        return self.told.pop(0) if self.told else await self._receive()

    async def drain(self) -> list[dict[str, Any]]:
        """Everything told so far: a request's answer comes behind it."""
        await self.ask("nothing")
        told, self.told = self.told, []
        return told

    async def _receive(self) -> dict[str, Any]:
        found = await asyncio.wait_for(self.socket.receive_json(), 10)
        assert isinstance(found, dict)
        return found


@pytest.fixture
async def quiet(node: Node) -> Node:
    """The node with its slots in the test's hands."""
    node.clock.pause()
    await asyncio.sleep(0)
    return node


@pytest.fixture
async def listener(quiet: Node) -> AsyncIterator[Listener]:
    async with aiohttp.ClientSession() as session, session.ws_connect(quiet.endpoints["ws"]) as socket:
        yield Listener(socket)


def advance(node: Node, slots: int) -> None:
    for _ in range(slots):
        node.chain.advance_slot()


async def test_an_account_is_told_at_the_commitment_that_was_asked_for(
    quiet: Node, listener: Listener
) -> None:
    key = Pubkey.new_unique()
    ids = {
        await listener.subscribe("account", str(key), {"commitment": level, "encoding": "base64"}): level
        for level in ("processed", "confirmed", "finalized")
    }
    slot = quiet.chain.slot
    seen = {}
    quiet.chain.airdrop(key, SOL)
    quiet.chain.airdrop(key, SOL + 1)
    for later in range(10):
        for told in await listener.drain():
            assert told["method"] == "accountNotification"
            result = told["params"]["result"]
            assert result["context"]["slot"] == slot
            lamports = result["value"]["lamports"]
            seen.setdefault(ids[told["params"]["subscription"]], []).append((later, lamports))
        advance(quiet, 1)
    assert seen == {
        "processed": [(0, SOL), (0, 2 * SOL + 1)],
        "confirmed": [(2, 2 * SOL + 1)],
        "finalized": [(8, 2 * SOL + 1)],
    }, "a confirmed slot tells the last state only"


async def test_a_fork_is_never_told_as_confirmed(quiet: Node, listener: Listener) -> None:
    key = Pubkey.new_unique()
    await listener.subscribe("account", str(key), {"commitment": "confirmed", "encoding": "base64"})
    quiet.chain.airdrop(key, SOL)
    quiet.chain.roll_back(0, requeue=False)
    advance(quiet, 5)
    assert await listener.drain() == []


async def test_a_signature_is_told_as_received_then_confirmed_and_then_forgotten(
    quiet: Node, listener: Listener
) -> None:
    transaction = quiet.chain.faucet.transfer(
        Pubkey.new_unique(), SOL, quiet.chain.blockhashes.latest(up_to_slot=quiet.chain.slot).blockhash
    )
    signature = str(transaction.signatures[0])
    number = await listener.subscribe(
        "signature", signature, {"commitment": "confirmed", "enableReceivedNotification": True}
    )
    quiet.chain.submit(bytes(transaction))
    advance(quiet, 4)
    told = [one["params"]["result"]["value"] for one in await listener.drain()]
    assert told == ["receivedSignature", {"err": None}]
    error = (await listener.ask("signatureUnsubscribe", number))["error"]
    assert error == {"code": -32602, "message": "Invalid subscription id."}
    late = await listener.subscribe("signature", signature, {"commitment": "confirmed"})
    heard = await listener.hear()
    assert heard["params"] == {
        "result": {"context": {"slot": heard["params"]["result"]["context"]["slot"]}, "value": {"err": None}},
        "subscription": late,
    }


async def test_logs_come_for_all_or_for_those_who_are_mentioned(quiet: Node, listener: Listener) -> None:
    key, other = Pubkey.new_unique(), Pubkey.new_unique()
    everything = await listener.subscribe("logs", "all", {"commitment": "processed"})
    mine = await listener.subscribe("logs", {"mentions": [str(key)]}, {"commitment": "processed"})
    first, second = quiet.chain.airdrop(other, SOL), quiet.chain.airdrop(key, SOL)
    told = [
        (one["params"]["subscription"], one["params"]["result"]["value"]["signature"])
        for one in await listener.drain()
    ]
    assert sorted(told) == sorted([(everything, str(first)), (everything, str(second)), (mine, str(second))])
    for bad in ({"mentions": []}, {"mentions": [str(key), str(other)]}, "some", 3):
        assert (await listener.ask("logsSubscribe", bad))["error"]["code"] == -32602


async def test_a_programs_accounts_are_told_through_their_filters(quiet: Node, listener: Listener) -> None:
    key = Pubkey.new_unique()
    config = {"commitment": "processed", "encoding": "base64"}
    await listener.subscribe("program", SYSTEM, {**config, "filters": [{"dataSize": 5}]})
    wanted = await listener.subscribe("program", SYSTEM, {**config, "filters": [{"dataSize": 0}]})
    quiet.chain.airdrop(key, SOL)
    told = await listener.drain()
    assert {one["params"]["subscription"] for one in told} == {wanted}
    assert str(key) in {one["params"]["result"]["value"]["pubkey"] for one in told}


async def test_slots_and_roots_are_told_until_unsubscribed(quiet: Node, listener: Listener) -> None:
    slots, roots = await listener.subscribe("slot"), await listener.subscribe("root")
    advance(quiet, 10)
    slot, root = quiet.chain.slot, quiet.chain.root
    told = await listener.drain()
    results = [one["params"]["result"] for one in told if one["params"]["subscription"] == slots]
    assert results[-1] == {"parent": slot - 1, "root": root - 1, "slot": slot} and len(results) == 10
    assert [one["params"]["result"] for one in told if one["params"]["subscription"] == roots][-1] == root
    assert (await listener.ask("slotUnsubscribe", slots))["result"] is True
    assert (await listener.ask("rootUnsubscribe", slots))["error"]["code"] == -32602
    assert (await listener.ask("rootUnsubscribe", roots))["result"] is True
    advance(quiet, 3)
    assert await listener.drain() == []


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{", -32700),
        ("[[[", -32700),
        ("5", -32600),
        ('{"jsonrpc":"2.0","id":1,"method":"nope"}', -32601),
        ('{"jsonrpc":"2.0","id":1,"method":"accountSubscribe"}', -32602),
        ('{"jsonrpc":"2.0","id":1,"method":"accountSubscribe","params":["x"]}', -32602),
        ('{"jsonrpc":"2.0","id":1,"method":"accountSubscribe","params":{}}', -32602),
        ('{"jsonrpc":"2.0","id":1,"method":"accountUnsubscribe","params":[-1]}', -32602),
        ('{"jsonrpc":"2.0","id":1,"method":"signatureSubscribe","params":[1,2]}', -32602),
    ],
)
async def test_what_makes_no_sense_is_refused_and_the_socket_lives(
    listener: Listener, sent: str, code: int
) -> None:
    await listener.socket.send_str(sent)
    assert (await listener.hear())["error"]["code"] == code
    assert await listener.subscribe("slot")


async def test_long_accounts_in_base58_say_so_instead_of_breaking_the_chain(
    quiet: Node, listener: Listener
) -> None:
    key = Pubkey.new_unique()
    await listener.subscribe("account", str(key), {"commitment": "processed"})
    quiet.chain.bank.put(key, Account(SOL, bytes(200), Pubkey.default()))
    quiet.chain.airdrop(key, SOL)
    told = await listener.drain()
    assert [one["params"]["result"]["value"]["data"] for one in told] == [
        "error: data too large for bs58 encoding"
    ]


async def test_a_client_that_does_not_read_is_disconnected(
    quiet: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ws_front, "QUEUE_MAX", 50)
    async with aiohttp.ClientSession() as session, session.ws_connect(quiet.endpoints["ws"]) as socket:
        slow = Listener(socket)
        await slow.subscribe("slot")
        advance(quiet, 100)
        message = await asyncio.wait_for(socket.receive(), 10)
        while message.type is WSMsgType.TEXT:
            message = await asyncio.wait_for(socket.receive(), 10)
        assert socket.close_code == 1013


async def test_a_fault_cuts_the_socket(quiet: Node, listener: Listener) -> None:
    quiet.faults.add(FaultWish(kind=FaultKind.DROP, methods=("slotSubscribe",)))
    await listener.socket.send_str('{"jsonrpc":"2.0","id":1,"method":"slotSubscribe"}')
    message = await asyncio.wait_for(listener.socket.receive(), 10)
    assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING)


async def test_a_port_that_is_taken_is_named_and_nothing_stays_open(node: Node) -> None:
    taken = int(node.endpoints["jito"].rsplit(":", 1)[1])
    options = NodeOptions(rpc_port=0, ws_port=0, geyser_port=0, jito_port=taken, admin_port=0)
    with pytest.raises(ConfigError, match=str(taken)):
        async with Node(options, genesis=()):
            pass
