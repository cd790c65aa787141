"""The RPC adapter against a node that answers what each test says."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web
from solders.keypair import Keypair

from chimera.adapters.rpc import CallSeen, RpcChain, RpcOptions
from chimera.adapters.rpc_pacer import Pacer, Urgency
from chimera.domain.chain import Account, Commitment, Instruction, InstructionCall, TokenBalance
from chimera.domain.errors import Garbled, OutsideError, RateLimited, Rejected, Unreachable
from chimera.domain.ids import TOKEN_PROGRAM, Address, Signature
from chimera.onchain import transaction as build
from chimera.onchain.keys import address_text, base58_encode
from chimera.ports.chain import Chain
from chimera.ports.venue import AccountFilter

A, B, C, D, E = (address_text(bytes([place]) * 32) for place in range(1, 6))
KEY = Keypair.from_seed(bytes(32))
MESSAGE = build.compile_v0([InstructionCall(B, (), b"x")], payer=Address(str(KEY.pubkey())), blockhash=str(C))
TRANSACTION = build.attach_signatures(MESSAGE, [bytes(KEY.sign_message(MESSAGE))])


class Node:
    """Answers by method; remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, Any]] = []
        self.respond: Callable[[dict[str, Any]], web.Response] | None = None
        self.delay_s = 0.0
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        asked = msgspec.json.decode(await request.read())
        assert asked["jsonrpc"] == "2.0"
        self.asked.append((asked["method"], asked["params"]))
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.respond is not None:
            return self.respond(asked)
        answer = self.answers[asked["method"]]
        result = answer(*asked["params"]) if callable(answer) else answer
        return web.json_response({"jsonrpc": "2.0", "id": asked["id"], "result": result})


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    made = Node()
    app = web.Application()
    app.router.add_post("/", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/?api-key=hush"
    yield made
    await runner.cleanup()


@pytest.fixture
async def rpc(node: Node) -> AsyncIterator[RpcChain]:
    async with RpcChain(node.url, who="primary") as made:
        yield made


def account(data: bytes) -> dict[str, Any]:
    encoded = [base64.b64encode(data).decode(), "base64"]
    return {"lamports": 5, "owner": str(B), "data": encoded, "executable": False, "rentEpoch": 2**64 - 1}


def in_context(value: Any, slot: int = 70) -> dict[str, Any]:
    return {"context": {"slot": slot, "apiVersion": "3.0.0"}, "value": value}


async def test_it_is_a_chain(rpc: RpcChain) -> None:
    chain: Chain = rpc
    assert chain is rpc


async def test_accounts_come_in_the_order_asked_for_and_absent_ones_are_none(
    node: Node, rpc: RpcChain
) -> None:
    node.answers["getMultipleAccounts"] = in_context([None, account(b"data")])
    slot, accounts = await rpc.accounts([A, C])
    assert (slot, accounts) == (70, (None, Account(C, B, 5, b"data")))
    assert node.asked[0][1] == [[A, C], {"encoding": "base64", "commitment": "processed"}]


async def test_many_accounts_are_asked_for_in_parts_and_the_oldest_slot_counts(
    node: Node, rpc: RpcChain
) -> None:
    wanted = [address_text(place.to_bytes(32, "big")) for place in range(250)]
    node.answers["getMultipleAccounts"] = lambda keys, _: in_context(
        [account(key.encode()) for key in keys], slot=70 - len(keys)
    )
    slot, accounts = await rpc.accounts(wanted)
    assert slot == -30
    assert [found.data.decode() for found in accounts if found is not None] == wanted
    assert sorted(len(params[0]) for _, params in node.asked) == [50, 100, 100]


async def test_an_answer_with_the_wrong_number_of_accounts_is_garbled(node: Node, rpc: RpcChain) -> None:
    node.answers["getMultipleAccounts"] = in_context([None])
    with pytest.raises(Garbled, match="1 accounts for 2"):
        await rpc.accounts([A, C])


async def test_program_accounts_are_filtered_by_the_node(node: Node, rpc: RpcChain) -> None:
    node.answers["getProgramAccounts"] = in_context([{"pubkey": str(A), "account": account(b"pool")}])
    found = await rpc.program_accounts(AccountFilter(B, data_size=637, memcmp=((0, b"\x01\x02"),)))
    assert found == (70, (Account(A, B, 5, b"pool"),))
    config = node.asked[0][1][1]
    assert config["withContext"] is True
    assert config["filters"] == [
        {"dataSize": 637},
        {"memcmp": {"offset": 0, "bytes": base58_encode(b"\x01\x02")}},
    ]


async def test_token_accounts_of_both_programs_come_together(node: Node, rpc: RpcChain) -> None:
    node.answers["getTokenAccountsByOwner"] = lambda owner, which, config: in_context(
        [{"pubkey": str(A if which["programId"] == TOKEN_PROGRAM else C), "account": account(b"t")}],
        slot=9 if which["programId"] == TOKEN_PROGRAM else 8,
    )
    assert await rpc.token_accounts(D) == (8, (Account(A, B, 5, b"t"), Account(C, B, 5, b"t")))


async def test_blockhash_heights_and_rent_are_read(node: Node, rpc: RpcChain) -> None:
    node.answers = {
        "getLatestBlockhash": in_context({"blockhash": "hash", "lastValidBlockHeight": 200}),
        "getSlot": 71,
        "getBlockHeight": 60,
        "getMinimumBalanceForRentExemption": lambda size: size * 10,
    }
    blockhash = await rpc.latest_blockhash()
    assert (blockhash.blockhash, blockhash.last_valid_block_height, blockhash.slot) == ("hash", 200, 70)
    assert await rpc.slot() == 71
    assert await rpc.block_height() == 60
    assert [await rpc.rent_exempt_minimum(165) for _ in range(3)] == [1650] * 3
    assert len([asked for asked in node.asked if asked[0].startswith("getMinimum")]) == 1


async def test_a_simulation_tells_error_logs_units_and_accounts(node: Node, rpc: RpcChain) -> None:
    err = {"InstructionError": [0, {"Custom": 6005}]}
    node.answers["simulateTransaction"] = in_context(
        {"err": err, "logs": ["no"], "unitsConsumed": 77, "accounts": None}
    )
    failed = await rpc.simulate(TRANSACTION, accounts=[A])
    assert failed.error == '{"InstructionError":[0,{"Custom":6005}]}'
    assert (failed.logs, failed.compute_units, failed.accounts) == (("no",), 77, ())

    node.answers["simulateTransaction"] = in_context({"err": None, "accounts": [account(b"after")]})
    done = await rpc.simulate(TRANSACTION, accounts=[A])
    assert (done.error, done.accounts) == (None, (Account(A, B, 5, b"after"),))
    sent, config = node.asked[-1][1]
    assert base64.b64decode(sent) == TRANSACTION
    assert (config["sigVerify"], config["replaceRecentBlockhash"]) == (False, True)


async def test_sending_leaves_preflight_and_retries_to_us(node: Node, rpc: RpcChain) -> None:
    expected = build.signature_in(TRANSACTION)
    node.answers["sendTransaction"] = str(expected)
    assert await rpc.send(TRANSACTION) == expected
    sent, config = node.asked[0][1]
    assert base64.b64decode(sent) == TRANSACTION
    assert config == {"encoding": "base64", "skipPreflight": True, "maxRetries": 0}


async def test_another_signature_than_ours_is_garbled(node: Node, rpc: RpcChain) -> None:
    node.answers["sendTransaction"] = "somebody else's"
    with pytest.raises(Garbled, match="somebody else's"):
        await rpc.send(TRANSACTION)


async def test_statuses_keep_their_order_and_their_errors(node: Node, rpc: RpcChain) -> None:
    node.answers["getSignatureStatuses"] = in_context(
        [
            None,
            {"slot": 5, "confirmations": 3, "err": None, "confirmationStatus": "confirmed"},
            {"slot": 6, "confirmations": None, "err": "AccountInUse"},
        ]
    )
    none, good, bad = await rpc.statuses([Signature("a"), Signature("b"), Signature("c")])
    assert none is None
    assert good is not None
    assert (good.slot, good.commitment, good.error) == (5, Commitment.CONFIRMED, None)
    assert bad is not None
    assert (bad.commitment, bad.error) == (Commitment.FINALIZED, '"AccountInUse"')
    assert node.asked[0][1][1] == {"searchTransactionHistory": True}


async def test_a_transaction_is_read_with_inner_instructions_in_order(node: Node, rpc: RpcChain) -> None:
    def call(program: int, data: bytes, height: int | None) -> dict[str, Any]:
        return {
            "programIdIndex": program,
            "accounts": [0, 3],
            "data": base58_encode(data),
            "stackHeight": height,
        }

    balance = {
        "accountIndex": 3,
        "mint": str(D),
        "owner": str(A),
        "programId": str(TOKEN_PROGRAM),
        "uiTokenAmount": {
            "amount": "18446744073709551615",
            "decimals": 6,
            "uiAmount": 1.0,
            "uiAmountString": "1",
        },
    }
    node.answers["getTransaction"] = {
        "slot": 42,
        "blockTime": 1_700_000_000,
        "version": 0,
        "transaction": {
            "signatures": ["sig"],
            "message": {
                "accountKeys": [str(A), str(B)],
                "header": {},
                "recentBlockhash": "",
                "instructions": [call(1, b"\x00first", None), call(1, b"second", None)],
            },
        },
        "meta": {
            "err": {"InstructionError": [1, "Custom"]},
            "fee": 5000,
            "preBalances": [10, 1, 2, 3],
            "postBalances": [5, 1, 2, 3],
            "innerInstructions": [{"index": 0, "instructions": [call(2, b"deep", 2), call(2, b"deeper", 3)]}],
            "preTokenBalances": [],
            "postTokenBalances": [balance],
            "logMessages": ["log"],
            "loadedAddresses": {"writable": [str(C)], "readonly": [str(D)]},
            "computeUnitsConsumed": 99,
            "status": {"Ok": None},
        },
    }
    update = await rpc.transaction(Signature("sig"))
    assert update is not None
    assert update.accounts == (A, B, C, D)
    assert update.instructions == (
        Instruction(B, (A, D), b"\x00first", 0),
        Instruction(C, (A, D), b"deep", 1),
        Instruction(C, (A, D), b"deeper", 2),
        Instruction(B, (A, D), b"second", 0),
    )
    assert update.post_tokens == (TokenBalance(D, D, A, 2**64 - 1, 6),)
    assert (update.slot, update.fee_lamports, update.compute_units) == (42, 5000, 99)
    assert (update.pre_lamports, update.post_lamports) == ((10, 1, 2, 3), (5, 1, 2, 3))
    assert (update.error, update.block_time, update.logs) == (
        '{"InstructionError":[1,"Custom"]}',
        1_700_000_000,
        ("log",),
    )


async def test_an_unknown_transaction_is_none(node: Node, rpc: RpcChain) -> None:
    node.answers["getTransaction"] = None
    assert await rpc.transaction(Signature("sig")) is None


async def test_null_where_there_must_be_something_is_garbled(node: Node, rpc: RpcChain) -> None:
    node.answers["getSlot"] = None
    with pytest.raises(Garbled):
        await rpc.slot()


def http(status: int, body: str = "", **headers: str) -> Callable[[dict[str, Any]], web.Response]:
    return lambda _: web.Response(status=status, text=body, headers=headers)


def failing(code: int, message: str, status: int = 200) -> Callable[[dict[str, Any]], web.Response]:
    error = {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message, "data": {"logs": []}}}
    return lambda _: web.json_response(error, status=status)


@pytest.mark.parametrize(
    ("respond", "expected"),
    [
        (http(403, "forbidden"), Rejected),
        (http(401), Rejected),
        (http(404, "<html>"), Rejected),
        (http(200, "<html>"), Garbled),
        (http(200, ""), Garbled),
        (http(200, "{}"), Garbled),
        (http(200, '{"jsonrpc":"2.0","id":1,"result":"many"}'), Garbled),
        (http(200, '{"result":\xff'), Garbled),
        (http(500), Unreachable),
        (http(503, '{"result": 5}'), Unreachable),
        (http(429), RateLimited),
        (failing(-32002, "preflight"), Rejected),
        (failing(-32602, "params", status=400), Rejected),
        (failing(-32005, "behind by 150 slots"), Unreachable),
        (failing(429, "slow down"), RateLimited),
    ],
)
async def test_each_failure_has_its_own_class_and_none_is_an_answer(
    node: Node,
    rpc: RpcChain,
    respond: Callable[[dict[str, Any]], web.Response],
    expected: type[OutsideError],
) -> None:
    node.respond = respond
    with pytest.raises(OutsideError) as caught:
        await rpc.slot()
    assert type(caught.value) is expected
    assert caught.value.who == "primary"
    assert "hush" not in str(caught.value)


async def test_a_rejection_carries_code_and_data_and_a_limit_its_delay(node: Node, rpc: RpcChain) -> None:
    node.respond = failing(-32002, "preflight")
    with pytest.raises(Rejected) as rejected:
        await rpc.slot()
    assert (rejected.value.code, rejected.value.data) == (-32002, {"logs": []})
    node.respond = http(429, **{"Retry-After": "7"})
    with pytest.raises(RateLimited) as limited:
        await rpc.slot()
    assert limited.value.retry_after_s == 7.0


async def test_silence_is_unreachable_within_the_time_limit_and_the_connection_recovers(node: Node) -> None:
    node.delay_s = 1.0
    node.answers["getSlot"] = 1
    async with RpcChain(node.url, options=RpcOptions(timeout_s=0.1)) as rpc:
        began = time.monotonic()
        with pytest.raises(Unreachable, match="no answer within"):
            await rpc.slot()
        assert time.monotonic() - began < 0.5
        node.delay_s = 0.0
        assert await rpc.slot() == 1


async def test_nobody_there_is_unreachable_and_says_no_url() -> None:
    async with RpcChain("http://127.0.0.1:1/?api-key=hush") as rpc:
        with pytest.raises(Unreachable) as caught:
            await rpc.slot()
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_every_call_is_observed_with_its_outcome(node: Node) -> None:
    seen: list[CallSeen] = []
    node.answers["getSlot"] = 1
    async with RpcChain(node.url, observe=seen.append) as rpc:
        assert rpc.latency_us is None
        await rpc.slot()
        assert rpc.latency_us is not None
        assert rpc.latency_us > 0
        node.respond = http(500)
        with pytest.raises(Unreachable):
            await rpc.slot()
    assert [(call.method, call.outcome) for call in seen] == [("getSlot", "ok"), ("getSlot", "Unreachable")]
    assert all(call.latency_us > 0 for call in seen)


async def test_an_idle_connection_is_kept_warm_even_through_failures(node: Node) -> None:
    answered = asyncio.Event()
    node.answers["getHealth"] = lambda: answered.set() or "ok"
    node.respond = http(500)
    async with RpcChain(node.url, options=RpcOptions(idle_ping_s=0.02)) as rpc:
        warming = asyncio.ensure_future(rpc.keep_warm())
        async with asyncio.timeout(3):
            while len(node.asked) < 2:
                await asyncio.sleep(0.01)
            node.respond = None
            await answered.wait()
        warming.cancel()


async def test_our_own_limit_holds_and_a_send_is_not_starved_by_reads(node: Node) -> None:
    node.answers = {"getSlot": 1, "sendTransaction": str(build.signature_in(TRANSACTION))}
    options = RpcOptions(requests_per_second_max=40, timeout_s=1.0)
    async with RpcChain(node.url, options=options) as rpc:
        began = time.monotonic()
        reads = [asyncio.ensure_future(rpc.slot()) for _ in range(200)]
        await asyncio.sleep(0.2)
        sent_at = time.monotonic()
        await rpc.send(TRANSACTION)
        assert time.monotonic() - sent_at < 0.25
        results = await asyncio.gather(*reads, return_exceptions=True)
        took = time.monotonic() - began
    refused = [result for result in results if isinstance(result, RateLimited)]
    assert len(refused) + results.count(1) == 200
    assert refused
    assert len(node.asked) <= 20 + 40 * took + 1


async def test_an_urgent_call_uses_the_reserve_and_an_ordinary_one_waits() -> None:
    now = 0.0
    pacer = Pacer(per_second=40, monotonic=lambda: now)
    admitted = 0
    while await pacer.admit(Urgency.ORDINARY, wait_s_max=0):
        admitted += 1
    assert admitted == 15
    urgent = 0
    while await pacer.admit(Urgency.URGENT, wait_s_max=0):
        urgent += 1
    assert urgent == 5
    now = 0.1
    assert await pacer.admit(Urgency.URGENT, wait_s_max=0)
    assert pacer.waiting == 0


async def test_a_call_given_up_while_waiting_costs_the_others_nothing() -> None:
    pacer = Pacer(per_second=50, monotonic=time.monotonic)
    while await pacer.admit(Urgency.URGENT, wait_s_max=0):
        pass
    waiting = [asyncio.ensure_future(pacer.admit(Urgency.ORDINARY, wait_s_max=5)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    assert await asyncio.wait_for(asyncio.gather(*waiting[1:]), 3) == [True, True]
    assert pacer.waiting == 0
