"""Several nodes as one, each a real HTTP server that answers what the test says."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from aiohttp import web
from solders.keypair import Keypair

from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.adapters.rpc_nodes import FAILURES_MAX, RpcNodes
from chimera.domain.chain import Commitment, InstructionCall
from chimera.domain.errors import OutsideError, RateLimited, Rejected, Unreachable
from chimera.domain.ids import Address, Signature
from chimera.onchain import transaction as build
from chimera.onchain.keys import address_text
from chimera.ports.chain import Chain, FeeSource, PartlyKnown

A, B = (address_text(bytes([place]) * 32) for place in (1, 2))
KEY = Keypair.from_seed(bytes(32))
MESSAGE = build.compile_v0([InstructionCall(B, (), b"x")], payer=Address(str(KEY.pubkey())), blockhash=str(A))
SIGNED = KEY.sign_message(MESSAGE)
TRANSACTION = build.attach_signatures(MESSAGE, [bytes(SIGNED)])
ONE, TWO = Signature("one"), Signature("two")


class Node:
    """A node at one end of the wire: answers by method, in its state of health."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200
        self.retry_after: str | None = None
        self.delay_s = 0.0
        self.slot = 70
        self.height = 60
        self.known: dict[str, str] = {}
        """Commitments by signature."""
        self.reject = False
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        call = msgspec.json.decode(await request.read())
        self.asked.append(call["method"])
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.status != 200:
            headers = {"Retry-After": self.retry_after} if self.retry_after else {}
            return web.Response(status=self.status, text="no", headers=headers)
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": call["id"]}
        if self.reject:
            return web.json_response(answer | {"error": {"code": -32602, "message": "no"}})
        return web.json_response(answer | {"result": self._result(call["method"], call["params"])})

    def _result(self, method: str, params: Any) -> Any:
        match method:
            case "getSlot":
                return self.slot
            case "getBlockHeight":
                return self.height
            case "getHealth":
                return "ok"
            case "getGenesisHash":
                return f"genesis of {self.slot}"
            case "sendTransaction":
                return str(SIGNED)
            case "getTransaction":
                return None
            case "getRecentPrioritizationFees":
                return [{"slot": 1, "prioritizationFee": 5}, {"slot": 2, "prioritizationFee": len(params[0])}]
            case "getLatestBlockhash":
                value: Any = {"blockhash": A, "lastValidBlockHeight": 200}
            case "getSignatureStatuses":
                value = [
                    {"slot": 9, "err": None, "confirmationStatus": self.known[one]}
                    if one in self.known
                    else None
                    for one in params[0]
                ]
            case _:
                raise AssertionError(method)
        return {"context": {"slot": self.slot}, "value": value}

    def count(self, method: str) -> int:
        return self.asked.count(method)


class Pair:
    """A primary and a fallback; `active` may be set, `now` is the time of the nodes' rests."""

    def __init__(self, primary: Node, fallback: Node) -> None:
        self.primary, self.fallback = primary, fallback
        self.active, self.now = "primary", 0.0
        options = RpcOptions(timeout_s=0.25, requests_per_second_max=1_000)
        self._nodes = {
            "primary": RpcChain(primary.url, who="primary", options=options),
            "fallback": RpcChain(fallback.url, who="fallback", options=options),
        }
        self.rpc = self.made()
        self.racing = self.made(race=True)

    def made(self, *, race: bool = False, alone: bool = False) -> RpcNodes:
        nodes = {"primary": self._nodes["primary"]} if alone else self._nodes
        return RpcNodes(nodes, active=lambda: self.active, race=race, monotonic=lambda: self.now)

    async def failing(self, times: int) -> None:
        for _ in range(times):
            await self.rpc.slot()


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        servers = []
        for _ in range(2):
            node = Node()
            app = web.Application()
            app.router.add_post("/", node.handle)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            node.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
            servers.append(node)
        made = Pair(*servers)
        stack.push_async_callback(made.rpc.close)
        yield made


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not what():
            await asyncio.sleep(0.01)


async def test_it_is_a_chain_and_knows_what_others_pay(pair: Pair) -> None:
    chain: Chain = pair.rpc
    fees: FeeSource = pair.rpc
    assert (await chain.latest_blockhash()).last_valid_block_height == 200
    assert await fees.priority_fees([A]) == (5, 1)


# reads


async def test_reads_go_to_the_active_node_and_to_it_alone(pair: Pair) -> None:
    pair.fallback.slot = 80
    assert await pair.rpc.slot() == 70
    pair.active = "fallback"
    assert await pair.rpc.slot() == 80
    assert (pair.primary.asked, pair.fallback.asked) == (["getSlot"], ["getSlot"])


@pytest.mark.parametrize("status", [429, 503])
async def test_a_read_that_fails_is_asked_of_the_other(pair: Pair, status: int) -> None:
    pair.primary.status, pair.fallback.slot = status, 80
    assert await pair.rpc.slot() == 80


async def test_a_silent_node_is_given_up_after_the_timeout(pair: Pair) -> None:
    pair.primary.delay_s, pair.fallback.slot = 5, 80
    assert await pair.rpc.slot() == 80


async def test_a_rejection_is_an_answer_and_is_not_asked_again(pair: Pair) -> None:
    pair.primary.reject = True
    with pytest.raises(Rejected):
        await pair.rpc.slot()
    assert pair.fallback.asked == []


async def test_where_nobody_answers_the_active_nodes_failure_is_told(pair: Pair) -> None:
    pair.primary.status, pair.fallback.status = 503, 429
    with pytest.raises(Unreachable) as caught:
        await pair.rpc.slot()
    assert caught.value.who == "primary"


async def test_a_node_that_said_later_is_left_alone_for_as_long_as_it_said(pair: Pair) -> None:
    pair.primary.status, pair.primary.retry_after = 429, "7"
    await pair.rpc.slot()
    pair.primary.status = 200
    pair.now = 6.9
    await pair.rpc.slot()
    assert (pair.primary.count("getSlot"), pair.fallback.count("getSlot")) == (1, 2)
    pair.now = 7.1
    await pair.rpc.slot()
    assert (pair.primary.count("getSlot"), pair.fallback.count("getSlot")) == (2, 2)


async def test_each_further_later_doubles_the_rest_and_an_answer_ends_that(pair: Pair) -> None:
    alone = pair.made(alone=True)
    pair.primary.status, pair.primary.retry_after = 429, "2"
    waits = []
    for _ in range(6):
        with pytest.raises(RateLimited):
            await alone.slot()
        with pytest.raises(RateLimited) as caught:
            await alone.slot()  # not asked
        waits.append(caught.value.retry_after_s)
        pair.now += (caught.value.retry_after_s or 0) + 0.01
    assert waits == pytest.approx([2, 4, 8, 16, 30, 30])
    assert pair.primary.count("getSlot") == 6
    pair.primary.status = 200
    assert await alone.slot() == 70
    pair.primary.status = 429
    with pytest.raises(RateLimited):
        await alone.slot()
    with pytest.raises(RateLimited) as caught:
        await alone.slot()
    assert caught.value.retry_after_s == pytest.approx(2)


async def test_our_own_limiter_is_no_reason_to_leave_a_node_alone(pair: Pair) -> None:
    slow = RpcChain(pair.primary.url, options=RpcOptions(timeout_s=0.05, requests_per_second_max=2))
    rpc = RpcNodes({"primary": slow}, active=lambda: "primary", monotonic=lambda: pair.now)
    limited = 0
    for _ in range(4):
        try:
            await rpc.slot()
        except RateLimited:
            limited += 1
    assert limited
    await asyncio.sleep(0.8)  # a token drips in
    assert await rpc.slot() == 70
    await rpc.close()


# sends


async def test_a_send_goes_once_to_the_active_node_and_a_time_out_is_not_repeated_elsewhere(
    pair: Pair,
) -> None:
    assert await pair.rpc.send(TRANSACTION) == str(SIGNED)
    pair.primary.delay_s = 5
    with pytest.raises(Unreachable):
        await pair.rpc.send(TRANSACTION)
    pair.primary.delay_s, pair.primary.status = 0, 503
    with pytest.raises(Unreachable):
        await pair.rpc.send(TRANSACTION)
    assert (pair.primary.count("sendTransaction"), pair.fallback.asked) == (3, [])


async def test_a_node_that_said_later_has_taken_nothing_so_the_next_one_is_asked(pair: Pair) -> None:
    pair.primary.status = 429
    assert await pair.rpc.send(TRANSACTION) == str(SIGNED)
    assert pair.fallback.count("sendTransaction") == 1
    pair.fallback.status = 429
    with pytest.raises(RateLimited):
        await pair.rpc.send(TRANSACTION)
    # a node at rest is still asked to take a transaction: an exit must stay possible
    assert pair.primary.count("sendTransaction") == 2


async def test_racing_sends_reach_every_node_and_the_first_to_take_it_answers(pair: Pair) -> None:
    pair.primary.delay_s = 0.2
    began = time.monotonic()
    assert await pair.racing.send(TRANSACTION) == str(SIGNED)
    assert time.monotonic() - began < 0.19
    await until(lambda: pair.primary.count("sendTransaction") == 1)


async def test_losers_of_a_race_are_nobodys_failure_and_only_where_all_fail_it_has_failed(pair: Pair) -> None:
    pair.primary.status = 503
    assert await pair.racing.send(TRANSACTION) == str(SIGNED)
    pair.fallback.reject = True
    with pytest.raises(Unreachable):  # the primary may have taken it: unknown weighs more than no
        await pair.racing.send(TRANSACTION)
    pair.primary.status, pair.primary.reject = 200, True
    with pytest.raises(Rejected):
        await pair.racing.send(TRANSACTION)


# statuses


async def test_what_one_node_knows_is_known(pair: Pair) -> None:
    pair.primary.known = {"one": "processed"}
    pair.fallback.known = {"one": "confirmed"}
    one, two = await pair.rpc.statuses([ONE, TWO])
    assert one is not None and one.commitment is Commitment.CONFIRMED
    assert two is None
    assert (pair.primary.count("getSignatureStatuses"), pair.fallback.count("getSignatureStatuses")) == (1, 1)


@pytest.mark.parametrize("silent", ["primary", "fallback"])
async def test_not_found_counts_only_where_every_node_says_so_cleanly(pair: Pair, silent: str) -> None:
    assert await pair.rpc.statuses([ONE]) == (None,)
    getattr(pair, silent).status = 503
    with pytest.raises(PartlyKnown) as caught:
        await pair.rpc.statuses([ONE])
    assert caught.value.known == {}


async def test_what_is_known_is_told_though_another_node_is_silent(pair: Pair) -> None:
    pair.primary.status = 503
    pair.fallback.known = {"one": "confirmed"}
    with pytest.raises(PartlyKnown) as caught:
        await pair.rpc.statuses([ONE, TWO])
    assert list(caught.value.known) == [ONE]


async def test_nobody_waits_for_a_slow_node_once_all_is_confirmed(pair: Pair) -> None:
    pair.fallback.delay_s = 5
    pair.primary.known = {"one": "finalized"}
    began = time.monotonic()
    (one,) = await pair.rpc.statuses([ONE])
    assert one is not None
    assert time.monotonic() - began < 0.2


async def test_a_node_that_has_been_silent_for_long_is_not_waited_for_until_it_is_back(pair: Pair) -> None:
    pair.fallback.status = 503
    for _ in range(FAILURES_MAX):
        with pytest.raises(PartlyKnown):
            await pair.rpc.statuses([ONE])
    assert await pair.rpc.statuses([ONE]) == (None,)
    pair.fallback.status, pair.fallback.known = 200, {"one": "confirmed"}
    warm = asyncio.create_task(pair.rpc.keep_warm())
    await until(lambda: "getHealth" in pair.fallback.asked)
    await asyncio.sleep(0.05)
    warm.cancel()
    (one,) = await pair.rpc.statuses([ONE])
    assert one is not None


async def test_while_the_fallback_is_in_charge_the_primary_is_probed_and_asked_nothing_else(
    pair: Pair,
) -> None:
    pair.active, pair.primary.status = "fallback", 503
    assert await pair.rpc.statuses([ONE]) == (None,)
    assert await pair.rpc.block_height() == 60
    assert await pair.racing.send(TRANSACTION) == str(SIGNED)
    warm = asyncio.create_task(pair.rpc.keep_warm())
    await until(lambda: "getHealth" in pair.fallback.asked)
    warm.cancel()
    assert pair.primary.asked == []
    with pytest.raises(OutsideError):
        await pair.rpc.probe()
    pair.primary.status = 200
    await pair.rpc.probe()
    assert pair.primary.asked == ["getHealth", "getHealth", "getLatestBlockhash"]


# heights


async def test_the_height_is_the_least_of_all_nodes(pair: Pair) -> None:
    pair.fallback.height = 55
    assert await pair.rpc.block_height() == 55
    pair.fallback.height = 90
    assert await pair.rpc.block_height() == 60


async def test_a_node_that_does_not_answer_counts_with_the_last_height_that_it_told(pair: Pair) -> None:
    assert await pair.rpc.block_height() == 60
    pair.primary.height, pair.fallback.height, pair.fallback.status = 100, 100, 503
    assert await pair.rpc.block_height() == 60
    pair.primary.status = 503
    with pytest.raises(Unreachable):
        await pair.rpc.block_height()


async def test_a_node_that_never_told_a_height_holds_back_every_verdict(pair: Pair) -> None:
    pair.fallback.status = 503
    assert await pair.rpc.block_height() == 0


async def test_a_transaction_is_read_from_whichever_node_has_it_and_none_is_no_error(pair: Pair) -> None:
    assert await pair.rpc.transaction(ONE) is None
    assert pair.fallback.count("getTransaction") == 1
    pair.fallback.status = 503
    assert await pair.rpc.transaction(ONE) is None


async def test_each_node_says_itself_of_which_cluster_it_is(pair: Pair) -> None:
    pair.primary.slot, pair.fallback.slot = 1, 2
    assert await pair.rpc.genesis_hashes() == {"primary": "genesis of 1", "fallback": "genesis of 2"}
    pair.primary.status = 503
    told = await pair.rpc.genesis_hashes()
    assert isinstance(told["primary"], Unreachable) and told["fallback"] == "genesis of 2"
