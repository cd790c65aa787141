"""The JSON-RPC front, asked as a client would, byte by byte where it matters."""

import asyncio
import base64
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import zstandard
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from chimera.domain.ids import TOKEN_PROGRAM, WSOL
from chimera.localnet.encode_bytes import base58_decode, base58_encode
from chimera.localnet.faults import FaultKind, FaultWish
from chimera.localnet.node import Node
from chimera.localnet.rpc import METHODS

SOL = 10**9
KEY = str(Pubkey.from_bytes(b"k" * 32))
ISSUE_METHODS = """getHealth getVersion getGenesisHash getSlot getBlockHeight getEpochInfo getLatestBlockhash
isBlockhashValid getBalance getAccountInfo getMultipleAccounts getProgramAccounts getTokenAccountBalance
getTokenAccountsByOwner getTokenSupply getMinimumBalanceForRentExemption getFeeForMessage
getRecentPrioritizationFees simulateTransaction sendTransaction getSignatureStatuses getTransaction
getSignaturesForAddress getBlock requestAirdrop""".split()


class Asker:
    def __init__(self, node: Node, session: aiohttp.ClientSession) -> None:
        self.node, self.session = node, session

    async def post(self, body: object) -> tuple[int, str]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        async with self.session.post(self.node.endpoints["rpc"], data=data, headers=headers) as answer:
            return answer.status, await answer.text()

    async def whole(self, method: str, *params: object) -> dict[str, Any]:
        status, text = await self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        assert status == 200
        found = json.loads(text)
        assert isinstance(found, dict)
        return found

    async def __call__(self, method: str, *params: object) -> Any:
        found = await self.whole(method, *params)
        assert "error" not in found, found
        return found["result"]

    async def error(self, method: str, *params: object) -> dict[str, Any]:
        found = await self.whole(method, *params)
        assert "error" in found, found
        error = found["error"]
        assert isinstance(error, dict)
        return error

    async def payer(self) -> Keypair:
        """Rich at every commitment."""
        key = Keypair()
        self.node.chain.airdrop(key.pubkey(), 100 * SOL)
        for _ in range(10):
            self.node.chain.advance_slot()
        return key

    def transfer(self, payer: Keypair, to: Pubkey, lamports: int) -> VersionedTransaction:
        call = transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=to, lamports=lamports))
        chain = self.node.chain
        blockhash = chain.blockhashes.latest(up_to_slot=chain.root).blockhash
        message = Message.new_with_blockhash([call], payer.pubkey(), blockhash)
        return VersionedTransaction(message, [payer])


@pytest.fixture
async def ask(node: Node) -> AsyncIterator[Asker]:
    async with aiohttp.ClientSession() as session:
        yield Asker(node, session)


def b64(transaction: VersionedTransaction) -> str:
    return base64.b64encode(bytes(transaction)).decode()


B64 = {"encoding": "base64"}


def test_every_method_of_the_issue_is_there() -> None:
    assert set(ISSUE_METHODS) <= set(METHODS)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 20_000, -32700),
        (b"[]", -32600),
        (b"{}", -32600),
        (b"1", -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"getSlot"}', -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600),
        (b'{"jsonrpc":"2.0","id":[1],"method":"getSlot"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"getSlot\\r\\nX: y"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"getSlot","params":{"a":1}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"getBalance"}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"getBalance","params":["!"]}', -32602),
    ],
)
async def test_what_is_no_proper_request_gets_the_codes_of_the_protocol(
    ask: Asker, body: bytes, code: int
) -> None:
    status, text = await ask.post(body)
    assert status == 200 and json.loads(text)["error"]["code"] == code


async def test_a_batch_is_answered_in_order_and_notifications_not_at_all(ask: Asker) -> None:
    batch = [
        {"jsonrpc": "2.0", "id": "a", "method": "getHealth"},
        {"jsonrpc": "2.0", "method": "getHealth"},
        {"jsonrpc": "2.0", "id": 2, "method": "nope"},
        5,
    ]
    _, text = await ask.post(batch)
    answers = json.loads(text)
    assert [one["id"] for one in answers] == ["a", 2, None]
    assert answers[0]["result"] == "ok" and answers[2]["error"]["code"] == -32600
    assert await ask.post({"jsonrpc": "2.0", "method": "getHealth"}) == (200, "")


async def test_the_transport_keeps_a_nodes_manners(ask: Asker) -> None:
    url = ask.node.endpoints["rpc"]
    async with ask.session.get(f"{url}/health") as answer:
        assert (answer.status, await answer.text()) == (200, "ok")
    async with ask.session.get(url) as answer:
        assert answer.status == 405
    async with ask.session.post(url, data=b"{}", headers={"Content-Type": "text/plain"}) as answer:
        assert answer.status == 415
    async with ask.session.options(url) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    status, _ = await ask.post(b" " * (51 * 1024))
    assert status == 413


async def test_no_json_makes_a_method_stumble(ask: Asker) -> None:
    """Every method with random parameters: an answer or an error of the protocol, never a crash."""
    dice = random.Random(7)
    values: list[object] = [
        None, True, -1, 0, 1, 2**64 - 1, 2**64, 1.5, "", "x", KEY, WSOL, "9" * 200, [], [KEY], {},
        {"commitment": "processed"}, {"commitment": 3}, {"encoding": "jsonParsed"}, {"encoding": "no"},
        {"mint": WSOL}, {"programId": TOKEN_PROGRAM}, {"filters": [{"memcmp": {"offset": 1, "bytes": "1"}}]},
        {"filters": [{"dataSize": 165}], "encoding": "base64"}, {"filters": 3}, {"minContextSlot": 2**40},
        {"dataSlice": {"offset": 1}}, {"dataSlice": {"offset": 2**63, "length": 2**63}, "encoding": "base64"},
        {"mentions": [KEY]}, {"accounts": {"addresses": [KEY]}}, base64.b64encode(b"junk" * 30).decode(),
    ]  # fmt: skip
    for method in METHODS:
        for _ in range(40):
            params = [dice.choice(values) for _ in range(dice.randint(0, 3))]
            found = await ask.whole(method, *params)
            assert "result" in found or found["error"]["code"] in (
                *range(-32020, -32000), -32600, -32602, -32603,
            ), (method, params, found)  # fmt: skip


async def test_damaged_transactions_are_refused_or_executed_but_never_break_the_node(ask: Asker) -> None:
    dice, payer = random.Random(11), await ask.payer()
    good = bytes(ask.transfer(payer, Pubkey.new_unique(), SOL))
    for _ in range(500):
        bad = bytearray(good)
        for _ in range(dice.randint(1, 3)):
            bad[dice.randrange(len(bad))] = dice.randrange(256)
        text = base64.b64encode(bad).decode()
        for method in ("simulateTransaction", "sendTransaction"):
            found = await ask.whole(method, text, {**B64, "skipPreflight": True, "innerInstructions": True})
            assert "result" in found or found["error"]["code"] == -32602, found
    assert await ask("getHealth") == "ok"


async def test_an_account_is_shown_in_every_encoding(ask: Asker) -> None:
    raw = ask.node.chain.bank.account(Pubkey.from_string(WSOL))
    assert raw is not None

    async def shown(**config: object) -> Any:
        return (await ask("getAccountInfo", WSOL, config))["value"]

    found = await shown(encoding="base64")
    assert base64.b64decode(found["data"][0]) == raw.data
    assert found["owner"] == TOKEN_PROGRAM and found["space"] == 82 and found["lamports"] == 1_461_600
    assert base58_decode((await shown(encoding="base58"))["data"][0]) == raw.data
    assert base58_decode((await shown())["data"]) == raw.data, "the old default is a bare string"
    packed = base64.b64decode((await shown(encoding="base64+zstd"))["data"][0])
    assert zstandard.ZstdDecompressor().decompressobj().decompress(packed) == raw.data
    assert (await shown(encoding="jsonParsed"))["data"]["parsed"] == {
        "type": "mint",
        "info": {
            "mintAuthority": None,
            "supply": "0",
            "decimals": 9,
            "isInitialized": True,
            "freezeAuthority": None,
        },
    }
    part = await shown(encoding="base64", dataSlice={"offset": 44, "length": 1})
    assert base64.b64decode(part["data"][0]) == b"\x09"
    assert (await ask("getAccountInfo", KEY))["value"] is None
    many = await ask("getMultipleAccounts", [KEY, WSOL])
    assert many["value"][0] is None and many["value"][1]["data"][1] == "base64"


@pytest.mark.parametrize("size", [0, 1, 5, 32, 64, 127, 1232])
def test_base58_goes_there_and_back(size: int) -> None:
    dice = random.Random(size)
    for zeros in (0, 1, 3):
        data = bytes(zeros) + dice.randbytes(size)
        assert base58_decode(base58_encode(data)) == data
    assert base58_encode(bytes(Pubkey.from_string(KEY))) == KEY


async def test_a_commitment_that_lags_shows_the_past(ask: Asker) -> None:
    ask.node.clock.pause()
    to = Pubkey.new_unique()
    signature = await ask("requestAirdrop", str(to), SOL)
    balances = {}
    for level in ("processed", "confirmed", "finalized"):
        balances[level] = (await ask("getBalance", str(to), {"commitment": level}))["value"]
    assert balances == {"processed": SOL, "confirmed": 0, "finalized": 0}
    (status,) = (await ask("getSignatureStatuses", [signature]))["value"]
    assert status["confirmationStatus"] == "processed" and status["confirmations"] == 0
    assert await ask("getTransaction", signature, {"commitment": "confirmed"}) is None
    for _ in range(2):
        ask.node.chain.advance_slot()
    assert (await ask("getBalance", str(to), {"commitment": "confirmed"}))["value"] == SOL
    assert (await ask("getTransaction", signature, {"commitment": "confirmed"}))["slot"] == status["slot"]
    for _ in range(10):
        ask.node.chain.advance_slot()
    (status,) = (await ask("getSignatureStatuses", [signature]))["value"]
    assert status["confirmationStatus"] == "finalized" and status["confirmations"] is None
    refused = await ask.error("getTransaction", signature, {"commitment": "processed"})
    assert refused["code"] == -32602


async def test_a_context_slot_that_is_not_reached_is_said_so(ask: Asker) -> None:
    error = await ask.error("getBalance", KEY, {"minContextSlot": 10**9})
    assert error["code"] == -32016 and error["data"]["contextSlot"] >= 0


async def test_preflight_failures_carry_error_logs_and_units(ask: Asker) -> None:
    payer = await ask.payer()
    poor = ask.transfer(payer, Pubkey.new_unique(), 1000 * SOL)
    error = await ask.error("sendTransaction", b64(poor), B64)
    assert error["code"] == -32002
    assert error["message"].endswith("Error processing Instruction 0: custom program error: 0x1")
    assert error["data"]["err"] == {"InstructionError": [0, {"Custom": 1}]}
    assert error["data"]["unitsConsumed"] == 150 and any(
        "insufficient" in one for one in error["data"]["logs"]
    )
    signature = await ask("sendTransaction", b64(poor), {**B64, "skipPreflight": True})
    (status,) = (await ask("getSignatureStatuses", [signature]))["value"]
    assert status["err"] == {"InstructionError": [0, {"Custom": 1}]} == status["status"]["Err"]


async def test_a_bad_signature_and_an_unknown_blockhash_fail_preflight(ask: Asker) -> None:
    payer = await ask.payer()
    good = ask.transfer(payer, Pubkey.new_unique(), SOL)
    forged = VersionedTransaction.populate(good.message, [Keypair().sign_message(b"something else")])
    assert (await ask.error("sendTransaction", b64(forged), B64))["code"] == -32003
    assert (await ask.error("simulateTransaction", b64(forged), {**B64, "sigVerify": True}))["code"] == -32003
    assert (await ask("simulateTransaction", b64(forged), B64))["value"]["err"] is None
    stale = Message.new_with_blockhash([], payer.pubkey(), Hash.new_unique())
    error = await ask.error("sendTransaction", b64(VersionedTransaction(stale, [payer])), B64)
    assert error["code"] == -32002 and error["data"]["err"] == "BlockhashNotFound"


async def test_a_transaction_may_come_as_base58_and_must_fit(ask: Asker) -> None:
    payer, to = await ask.payer(), Pubkey.new_unique()
    signature = await ask("sendTransaction", base58_encode(bytes(ask.transfer(payer, to, SOL))))
    assert (await ask("getBalance", str(to), {"commitment": "processed"}))["value"] == SOL
    assert base58_decode(signature) == base58_decode(signature)[:64]
    long = base64.b64encode(bytes(1233)).decode()
    error = await ask.error("sendTransaction", long, B64)
    assert error["code"] == -32602 and "too large: 1233 bytes (max: 1232 bytes)" in error["message"]
    error = await ask.error("sendTransaction", "A" * 1648, B64)
    assert "too large: 1648 bytes (max: encoded/raw 1644/1232)" in error["message"]
    error = await ask.error("sendTransaction", "0OIl")
    assert error["message"].startswith("invalid base58 encoding")


async def test_simulation_replaces_the_blockhash_and_shows_the_accounts_asked_for(ask: Asker) -> None:
    payer, to = await ask.payer(), Pubkey.new_unique()
    call = transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=to, lamports=SOL))
    message = Message.new_with_blockhash([call], payer.pubkey(), ask.transfer(payer, to, 1).message.hash())
    unsigned = VersionedTransaction.populate(message, [Keypair().sign_message(b"none")])
    wanted = {"encoding": "base64", "addresses": [str(to), str(payer.pubkey()), KEY]}
    config = {**B64, "replaceRecentBlockhash": True, "accounts": wanted, "innerInstructions": True}
    value = (await ask("simulateTransaction", b64(unsigned), config))["value"]
    assert value["err"] is None and value["fee"] == 5_000
    assert [one and one["lamports"] for one in value["accounts"]] == [SOL, 99 * SOL - 5_000, None]
    assert value["replacementBlockhash"]["lastValidBlockHeight"] >= 150
    assert value["innerInstructions"] == []
    both = {**B64, "sigVerify": True, "replaceRecentBlockhash": True}
    assert (await ask.error("simulateTransaction", b64(unsigned), both))["code"] == -32602


async def test_simulation_sees_the_state_of_its_commitment(ask: Asker) -> None:
    payer = await ask.payer()
    ask.node.clock.pause()
    emptied = ask.transfer(payer, Pubkey.new_unique(), 99 * SOL)
    await ask("sendTransaction", b64(emptied), {**B64, "preflightCommitment": "processed"})
    again = b64(ask.transfer(payer, Pubkey.new_unique(), 50 * SOL))
    results = {}
    for level in ("processed", "confirmed", "finalized"):
        value = (await ask("simulateTransaction", again, {**B64, "commitment": level}))["value"]
        results[level] = value["err"]
    failed = {"InstructionError": [0, {"Custom": 1}]}
    assert results == {"processed": failed, "confirmed": None, "finalized": None}
    balance = await ask("getBalance", str(payer.pubkey()), {"commitment": "processed"})
    assert balance["value"] == SOL - 5_000, "looking at the past must not bring it back"


async def test_fees_are_told_for_a_message(ask: Asker) -> None:
    payer = await ask.payer()
    message = ask.transfer(payer, Pubkey.new_unique(), 1).message
    text = base64.b64encode(bytes(message)).decode()
    assert (await ask("getFeeForMessage", text, {"commitment": "processed"}))["value"] == 5_000
    latest = await ask("getLatestBlockhash", {"commitment": "processed"})
    assert (await ask("isBlockhashValid", latest["value"]["blockhash"], {"commitment": "processed"}))["value"]
    assert not (await ask("isBlockhashValid", KEY, {"commitment": "processed"}))["value"]
    v0 = MessageV0.try_compile(payer.pubkey(), [], [], message.hash())
    unknown = base64.b64encode(bytes([0x80]) + bytes(v0)).decode()
    assert (await ask("getFeeForMessage", unknown))["value"] is None


async def test_a_v0_transaction_asks_for_a_client_that_reads_versions(ask: Asker) -> None:
    payer, to = await ask.payer(), Pubkey.new_unique()
    call = transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=to, lamports=SOL))
    blockhash = ask.transfer(payer, to, 1).message.recent_blockhash
    v0 = VersionedTransaction(MessageV0.try_compile(payer.pubkey(), [call], [], blockhash), [payer])
    signature = await ask("sendTransaction", b64(v0), B64)
    for _ in range(3):
        ask.node.chain.advance_slot()
    confirmed = {"commitment": "confirmed"}
    error = await ask.error("getTransaction", signature, confirmed)
    assert error["code"] == -32015 and "maxSupportedTransactionVersion" in error["message"]
    found = await ask("getTransaction", signature, {**confirmed, "maxSupportedTransactionVersion": 0})
    assert found["version"] == 0 and found["transaction"]["message"]["addressTableLookups"] == []
    assert (await ask.error("getBlock", found["slot"], confirmed))["code"] == -32015


async def test_blocks_are_told_in_every_detail_and_their_absence_too(ask: Asker) -> None:
    payer, to = await ask.payer(), Pubkey.new_unique()
    ask.node.clock.pause()
    signature = await ask(
        "sendTransaction", b64(ask.transfer(payer, to, SOL)), {**B64, "skipPreflight": True}
    )
    slot = ask.node.chain.slot
    for _ in range(3):
        ask.node.chain.advance_slot()
    confirmed = {"commitment": "confirmed", "maxSupportedTransactionVersion": 0}

    async def block(**config: object) -> Any:
        return await ask("getBlock", slot, {**confirmed, **config})

    full = await block()
    assert full["transactions"][0]["transaction"]["signatures"] == [signature]
    assert full["parentSlot"] == slot - 1 and full["rewards"] == []
    assert full["transactions"][0]["version"] == "legacy"
    assert (await block(transactionDetails="signatures"))["signatures"] == [signature]
    assert "transactions" not in await block(transactionDetails="none", rewards=False)
    accounts = (await block(transactionDetails="accounts"))["transactions"][0]
    assert accounts["transaction"]["accountKeys"][0] == {
        "pubkey": str(payer.pubkey()),
        "signer": True,
        "source": "transaction",
        "writable": True,
    }
    parsed = (await block(encoding="jsonParsed"))["transactions"][0]
    assert parsed["transaction"]["message"]["instructions"][0]["parsed"]["type"] == "transfer"
    assert (await ask.error("getBlock", slot + 1000, confirmed))["code"] == -32004
    dead = ask.node.chain.roll_back(0)
    for _ in range(3):
        ask.node.chain.advance_slot()
    assert (await ask.error("getBlock", dead[0], confirmed))["code"] == -32009
    for _ in range(10):
        ask.node.chain.advance_slot()
    assert (await ask.error("getBlock", dead[0], confirmed))["code"] == -32007
    assert dead[0] not in await ask("getBlocks", slot, dead[0] + 2)


async def test_history_of_an_address_is_paged(ask: Asker) -> None:
    ask.node.clock.pause()
    sent = [await ask("requestAirdrop", KEY, SOL + place) for place in range(5)]
    for _ in range(9):
        ask.node.chain.advance_slot()

    async def page(**config: object) -> list[str]:
        return [one["signature"] for one in await ask("getSignaturesForAddress", KEY, config)]

    assert await page() == sent[::-1]
    assert await page(limit=2) == [sent[4], sent[3]]
    assert await page(before=sent[3], until=sent[0]) == [sent[2], sent[1]]
    assert (await ask.error("getSignaturesForAddress", KEY, {"limit": 1001}))["code"] == -32602


async def test_faults_do_what_they_say(ask: Asker) -> None:
    faults = ask.node.faults
    faults.add(FaultWish(kind=FaultKind.RATE_LIMIT, methods=("getSlot",)))
    status, text = await ask.post({"jsonrpc": "2.0", "id": 1, "method": "getSlot"})
    assert status == 429 and "error" in json.loads(text)
    faults.clear()
    faults.add(FaultWish(kind=FaultKind.DROP, methods=("getSlot",)))
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask.post({"jsonrpc": "2.0", "id": 1, "method": "getSlot"})
    faults.clear()
    faults.add(FaultWish(kind=FaultKind.LOSE))
    payer, to = await ask.payer(), Pubkey.new_unique()
    lost = ask.transfer(payer, to, SOL)
    assert await ask("sendTransaction", b64(lost), B64) == str(lost.signatures[0])
    assert ask.node.chain.ledger.transaction(lost.signatures[0]) is None
    faults.clear()
    faults.add(FaultWish(kind=FaultKind.DUPLICATE))
    await ask("sendTransaction", b64(lost), B64)
    assert (await ask("getBalance", str(to), {"commitment": "processed"}))["value"] == SOL


async def test_a_late_transaction_lands_slots_later(ask: Asker) -> None:
    payer, to = await ask.payer(), Pubkey.new_unique()
    ask.node.clock.pause()
    rule = ask.node.faults.add(FaultWish(kind=FaultKind.LAND_LATE, slots=3))
    late = ask.transfer(payer, to, SOL)
    await ask("sendTransaction", b64(late), B64)
    ask.node.faults.clear(rule.id)
    sent_in = ask.node.chain.slot
    for _ in range(5):
        ask.node.chain.advance_slot()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    record = ask.node.chain.ledger.transaction(late.signatures[0])
    assert record is not None and record.slot == sent_in + 3


async def test_a_stale_node_answers_from_slots_ago(ask: Asker) -> None:
    payer, to = await ask.payer(), Pubkey.new_unique()
    ask.node.clock.pause()
    await ask("sendTransaction", b64(ask.transfer(payer, to, SOL)), B64)
    ask.node.chain.advance_slot()
    processed = {"commitment": "processed"}
    fresh = await ask("getBalance", str(to), processed)
    ask.node.faults.add(FaultWish(kind=FaultKind.STALE, slots=3))
    stale = await ask("getBalance", str(to), processed)
    assert (fresh["value"], stale["value"]) == (SOL, 0)
    assert stale["context"]["slot"] == fresh["context"]["slot"] - 3
