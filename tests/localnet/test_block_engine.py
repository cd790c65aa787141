"""The embedded block engine over plain HTTP: what is let in, what lands, and what is told of it."""

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from chimera.domain.chain import Commitment
from chimera.domain.errors import ConfigError
from chimera.localnet.block_engine import TIP_ACCOUNTS, BlockEngine, BlockEngineOptions, tip_genesis
from chimera.localnet.chain import ChainOptions, EmbeddedChain
from chimera.localnet.encode_bytes import base58_encode
from chimera.localnet.intercept import UNTOUCHED, FaultDecision, SendFault

SOL = 10**9
ALICE, BOB, CAROL = (Keypair.from_seed(letter * 32) for letter in (b"a", b"b", b"c"))
TIP = Pubkey.from_string(TIP_ACCOUNTS[3])


class Engine:
    """A chain with a block engine, whose auctions and slots are moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0
        self.decision = UNTOUCHED
        self.asked: list[str] = []
        self.chain = EmbeddedChain(
            ChainOptions(finalized_lag_slots=6), now=lambda: self.seconds, genesis=tip_genesis()
        )
        # An auction an hour: the tests hold their own.
        options = BlockEngineOptions(port=0, auction_every_s=3600)
        self.engine = BlockEngine(self.chain, options, now=lambda: self.seconds, intercept=self._decide)
        self.session = aiohttp.ClientSession()
        self.port = 0

    async def _decide(self, method: str) -> FaultDecision:
        self.asked.append(method)
        return self.decision

    async def start(self) -> None:
        self.port = await self.engine.start()
        for key in (ALICE, BOB):
            self.chain.airdrop(key.pubkey(), 100 * SOL)
        self.advance(8)

    async def stop(self) -> None:
        await self.session.close()
        await self.engine.stop()

    def advance(self, slots: int = 1) -> None:
        for _ in range(slots):
            self.chain.advance_slot()

    def auction(self) -> int:
        return self.engine.auction.run()

    def transfers(self, *moves: tuple[Pubkey, int], payer: Keypair = ALICE, blockhash: Any = None) -> bytes:
        latest = blockhash or self.chain.blockhashes.latest(up_to_slot=self.chain.slot).blockhash
        made = [
            transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=to, lamports=lamports))
            for to, lamports in moves
        ]
        message = Message.new_with_blockhash(made, payer.pubkey(), latest)
        return bytes(VersionedTransaction(message, [payer]))

    def tip(self, lamports: int = 10_000, payer: Keypair = ALICE) -> bytes:
        return self.transfers((TIP, lamports), payer=payer)

    def balance(self, key: Pubkey) -> int:
        account = self.chain.view().account(key)
        return 0 if account is None else account.lamports

    async def post(self, path: str, body: Any) -> tuple[int, Any, Any]:
        async with self.session.post(f"http://127.0.0.1:{self.port}/api/v1/{path}", json=body) as response:
            return response.status, await response.json(content_type=None), response.headers

    async def call(self, method: str, params: list[Any], path: str = "bundles") -> Any:
        status, body, _ = await self.post(
            path, {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        )
        assert body["id"] == 7 and body["jsonrpc"] == "2.0"
        if "error" in body:
            return status, body["error"]["code"], body["error"]["message"]
        assert status == 200
        return body["result"]

    async def send(self, wires: Sequence[bytes], **options: str) -> Any:
        if options.get("encoding") == "base64":
            texts = [base64.b64encode(wire).decode() for wire in wires]
        else:
            texts = [base58_encode(wire) for wire in wires]
        return await self.call("sendBundle", [texts, options] if options else [texts])

    async def inflight(self, *ids: str) -> list[tuple[str, int | None]]:
        answer = await self.call("getInflightBundleStatuses", [list(ids)])
        assert [one["bundle_id"] for one in answer["value"]] == list(ids)
        return [(one["status"], one["landed_slot"]) for one in answer["value"]]


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    made = Engine()
    await made.start()
    yield made
    await made.stop()


def signature(wire: bytes) -> str:
    return str(VersionedTransaction.from_bytes(wire).signatures[0])


async def test_a_bundle_lands_whole_in_order_and_in_one_slot(engine: Engine) -> None:
    # The second can only run after the first: it spends what Carol gets there.
    first = engine.transfers((CAROL.pubkey(), 2 * SOL))
    second = engine.transfers((BOB.pubkey(), SOL), payer=CAROL)
    wires = [first, second, engine.tip()]
    identity = await engine.send(wires, encoding="base64")
    joined = ",".join(map(signature, wires))
    assert identity == hashlib.sha256(joined.encode()).hexdigest()
    assert await engine.inflight(identity) == [("Pending", None)]
    assert engine.auction() == 1
    slot = engine.chain.slot
    assert await engine.inflight(identity) == [("Landed", slot)]
    block = [record.signature for record in engine.chain.slot_state(slot).transactions]  # type: ignore[union-attr]
    assert list(map(str, block)) == list(map(signature, wires))
    assert engine.balance(BOB.pubkey()) == 101 * SOL
    status = await engine.call("getBundleStatuses", [[identity]])
    assert status["value"] == [
        {
            "bundle_id": identity,
            "transactions": list(map(signature, wires)),
            "slot": slot,
            "confirmation_status": "processed",
            "err": {"Ok": None},
        }
    ]
    engine.advance(2)
    assert (await engine.call("getBundleStatuses", [[identity]]))["value"][0][
        "confirmation_status"
    ] == "confirmed"
    engine.advance(6)
    assert (await engine.call("getBundleStatuses", [[identity]]))["value"][0][
        "confirmation_status"
    ] == "finalized"


async def test_a_bundle_of_which_one_fails_leaves_no_trace_at_all(engine: Engine) -> None:
    before = engine.balance(ALICE.pubkey())
    wires = [engine.tip(), engine.transfers((CAROL.pubkey(), 10**6 * SOL))]
    identity = await engine.send(wires)
    assert engine.auction() == 0
    assert await engine.inflight(identity) == [("Failed", None)]
    assert (await engine.call("getBundleStatuses", [[identity]]))["value"] == []
    assert engine.balance(ALICE.pubkey()) == before
    assert engine.chain.ledger.transaction(VersionedTransaction.from_bytes(wires[0]).signatures[0]) is None
    assert "transaction 1" in engine.engine.auction.cause(identity)


async def test_too_small_a_tip_never_lands(engine: Engine) -> None:
    poor = await engine.send([engine.tip(999)])
    enough = await engine.send([engine.tip(1000)])
    assert engine.auction() == 1
    assert await engine.inflight(poor, enough) == [("Failed", None), ("Landed", engine.chain.slot)]


async def test_the_higher_tip_runs_first(engine: Engine) -> None:
    low, high = engine.tip(5_000), engine.tip(50_000, payer=BOB)
    await engine.send([low])
    await engine.send([high])
    assert engine.auction() == 2
    state = engine.chain.slot_state(engine.chain.slot)
    assert state is not None
    assert [str(record.signature) for record in state.transactions] == [signature(high), signature(low)]


async def test_the_same_bundle_twice_is_one_bundle_and_one_landing(engine: Engine) -> None:
    wires = [engine.tip()]
    assert await engine.send(wires) == await engine.send(wires)
    assert engine.auction() == 1
    refused = await engine.send(wires)
    assert refused == (400, -32602, "bundle contains an already processed transaction")


async def test_refusals_name_their_reason(engine: Engine) -> None:
    stale = engine.chain.blockhashes.latest(up_to_slot=engine.chain.slot).blockhash
    engine.advance(151)
    expired = engine.transfers((TIP, 10_000), blockhash=stale)
    tip = engine.tip()
    plain = engine.transfers((CAROL.pubkey(), SOL))
    assert await engine.send([expired]) == (400, -32602, "bundle contains an expired blockhash")
    status, code, text = await engine.send([plain])
    assert (status, code) == (400, -32602) and "write lock at least one tip account" in text
    assert (await engine.send([]))[2] == "bundle contains no transactions"
    assert (
        "maximum number of transactions" in (await engine.send([engine.tip(1000 + n) for n in range(6)]))[2]
    )
    assert "duplicate" in (await engine.send([tip, tip]))[2]
    assert (await engine.send([tip, b"\x01\x02"]))[2] == "transaction #1 could not be decoded"
    assert (await engine.call("sendBundle", [["0OIl"]]))[2] == "transaction #0 could not be decoded"
    assert "encoding" in (await engine.send([tip], encoding="hex"))[2]
    assert (await engine.call("sendBundle", ["text"]))[1] == -32602
    assert (await engine.call("sendBundle", []))[1] == -32602
    assert (await engine.call("getBundleStatuses", [["x"] * 6]))[1] == -32602
    assert (await engine.call("getNothing", []))[1] == -32601
    assert engine.auction() == 0


async def test_a_body_that_is_no_call_is_refused_and_a_huge_one_too(engine: Engine) -> None:
    url = f"http://127.0.0.1:{engine.port}/api/v1/bundles"
    for body, code, status in (
        (b"{", -32700, 400),
        (b"\xff\xfe", -32700, 400),
        (b"[]", -32600, 400),
        (b'{"params":[]}', -32600, 400),
        (b'{"method":"sendBundle","params":{"a":1}}', -32600, 400),
        (b" " * 70_000, -32600, 413),
    ):
        async with engine.session.post(url, data=body) as response:
            shown = await response.json(content_type=None)
            assert (response.status, shown["error"]["code"]) == (status, code), body[:40]


async def test_an_unknown_bundle_is_invalid_and_so_is_one_of_long_ago(engine: Engine) -> None:
    identity = await engine.send([engine.tip()])
    engine.auction()
    assert await engine.inflight("beef", identity) == [("Invalid", None), ("Landed", engine.chain.slot)]
    engine.seconds += 301
    assert await engine.inflight(identity) == [("Invalid", None)]


async def test_a_bundle_whose_slot_dies_in_a_fork_is_not_reported_as_landed(engine: Engine) -> None:
    identity = await engine.send([engine.tip()])
    engine.auction()
    engine.advance()
    engine.chain.roll_back(1, requeue=False)
    assert await engine.inflight(identity) == [("Failed", None)]
    assert (await engine.call("getBundleStatuses", [[identity]]))["value"] == []


async def test_a_single_transaction_goes_through_as_it_is_or_as_a_bundle_of_one(engine: Engine) -> None:
    failing = engine.transfers((TIP, 10_000), (CAROL.pubkey(), 10**6 * SOL))
    sent = await engine.call("sendTransaction", [base58_encode(failing)], path="transactions")
    assert sent == signature(failing)
    record = engine.chain.ledger.transaction(VersionedTransaction.from_bytes(failing).signatures[0])
    assert record is not None and record.error is not None, "without protection it lands, and fails"

    protected = engine.transfers((TIP, 20_000), (CAROL.pubkey(), 10**6 * SOL))
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "sendTransaction",
        "params": [base64.b64encode(protected).decode(), {"encoding": "base64"}],
    }
    _, body, headers = await engine.post("transactions?bundleOnly=true", call)
    assert body["result"] == signature(protected)
    engine.auction()
    assert await engine.inflight(headers["x-bundle-id"]) == [("Failed", None)]
    assert engine.chain.ledger.transaction(VersionedTransaction.from_bytes(protected).signatures[0]) is None

    untipped = await engine.call("sendTransaction", [base58_encode(engine.transfers((CAROL.pubkey(), 1)))])
    assert untipped == (400, -32602, "Transaction must write lock at least one tip account")


async def test_tip_accounts_are_the_eight_and_exist_from_genesis(engine: Engine) -> None:
    accounts = await engine.call("getTipAccounts", [])
    assert accounts == list(TIP_ACCOUNTS) and len(set(accounts)) == 8
    for path in ("getTipAccounts", "bundles"):
        assert await engine.call("getTipAccounts", [], path=path) == accounts
    view = engine.chain.view(Commitment.FINALIZED)
    assert all(view.account(Pubkey.from_string(one)) is not None for one in accounts)


async def test_the_tip_floor_follows_what_landed_in_the_last_five_minutes(engine: Engine) -> None:
    async def floor() -> dict[str, Any]:
        async with engine.session.get(f"http://127.0.0.1:{engine.port}/api/v1/bundles/tip_floor") as response:
            (shown,) = await response.json()
            return dict(shown)

    shown = await floor()
    assert shown["time"] == "2023-11-14T22:13:20Z"
    assert shown["landed_tips_50th_percentile"] == 1e-06
    for lamports in range(1_000, 101_000, 1_000):
        await engine.send([engine.tip(lamports)])
    engine.auction()
    shown = await floor()
    assert [shown[f"landed_tips_{percent}th_percentile"] for percent in (25, 50, 75, 95, 99)] == [
        pytest.approx(percent * 1e-06) for percent in (25, 50, 75, 95, 99)
    ]
    assert 1e-06 < shown["ema_landed_tips_50th_percentile"] < 1e-04
    engine.seconds += 301
    assert (await floor())["landed_tips_99th_percentile"] == 1e-06


async def test_auctions_are_held_by_themselves(engine: Engine) -> None:
    other = BlockEngine(
        engine.chain, BlockEngineOptions(port=0, auction_every_s=0.01), now=lambda: engine.seconds
    )
    await other.start()
    try:
        bundle = other.auction.enter([engine.tip()])
        deadline = time.monotonic() + 5
        while other.auction.landed(bundle.id) is None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.005)
    finally:
        await other.stop()


async def test_a_taken_port_is_refused_by_name(engine: Engine) -> None:
    other = BlockEngine(engine.chain, BlockEngineOptions(port=engine.port), now=lambda: 0.0)
    with pytest.raises(ConfigError, match=f"port {engine.port}"):
        await other.start()


async def test_faults_befall_the_engine_as_they_are_decided(engine: Engine) -> None:
    engine.decision = FaultDecision(http_status=429, retry_after_seconds=3)
    status, body, headers = await engine.post("bundles", {"method": "getTipAccounts", "id": 7, "params": []})
    assert (status, body["error"]["code"], headers["Retry-After"]) == (429, -32097, "3")
    engine.decision = FaultDecision(http_status=503)
    async with engine.session.post(
        f"http://127.0.0.1:{engine.port}/api/v1/bundles", json={"method": "x"}
    ) as answer:
        assert answer.status == 503
    for decision in (FaultDecision(drop=True), FaultDecision(drop_answer=True)):
        engine.decision = decision
        with pytest.raises(aiohttp.ClientError):
            await engine.call("getTipAccounts", [])
    assert set(engine.asked) == {"jito:getTipAccounts", "jito:x"}


async def test_lost_late_and_doubled_bundles(engine: Engine) -> None:
    engine.decision = FaultDecision(send=SendFault.LOST)
    lost = await engine.send([engine.tip(2_000)])
    engine.decision = FaultDecision(send=SendFault.LATE, land_after_slots=3)
    late = await engine.send([engine.tip(3_000)])
    engine.decision = FaultDecision(send=SendFault.TWICE)
    twice = await engine.send([engine.tip(4_000)])
    slot = engine.chain.slot
    assert engine.auction() == 1
    assert await engine.inflight(lost, late, twice) == [
        ("Pending", None),
        ("Pending", None),
        ("Landed", slot),
    ]
    engine.advance(3)
    assert engine.auction() == 1
    assert await engine.inflight(lost, late) == [("Pending", None), ("Landed", slot + 3)]
    engine.decision = FaultDecision(send=SendFault.LATE, land_after_slots=2)
    single = engine.tip(5_000)
    await engine.call("sendTransaction", [base58_encode(single)], path="transactions")
    engine.auction()
    wanted = VersionedTransaction.from_bytes(single).signatures[0]
    assert engine.chain.ledger.transaction(wanted) is None
    engine.advance(2)
    engine.auction()
    assert engine.chain.ledger.transaction(wanted) is not None
