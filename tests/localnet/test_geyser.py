"""The embedded chain's Geyser service, spoken to by raw gRPC and by our own client."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import grpc
import pytest
from solders.account import Account as SolanaAccount
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import CreateAccountParams, TransferParams, create_account, transfer
from solders.transaction import VersionedTransaction

from chimera.adapters.geyser import GeyserFeed
from chimera.domain.chain import (
    AccountUpdate,
    BlockUpdate,
    Commitment,
    FeedItem,
    SlotStatus,
    SlotUpdate,
    TransactionUpdate,
)
from chimera.domain.errors import ConfigError, OutsideError, Rejected, Unreachable
from chimera.domain.ids import ATA_PROGRAM, SYSTEM_PROGRAM, TOKEN_PROGRAM, Address
from chimera.localnet.chain import ChainOptions, EmbeddedChain
from chimera.localnet.geyser import GeyserOptions, GeyserServer
from chimera.ports.chain import Subscription
from chimera.ports.venue import AccountFilter
from chimera.proto import geyser_pb2 as pb
from chimera.proto import service

SOL = 10**9
TOKEN = Pubkey.from_string(TOKEN_PROGRAM)
ALICE, BOB, CAROL = (Keypair.from_seed(letter * 32) for letter in (b"a", b"b", b"c"))
SECONDS = 10  # for anything that should happen at once
Found = TypeVar("Found")


class Net:
    """A chain with a Geyser server, moved by hand."""

    def __init__(self, chain: EmbeddedChain, server: GeyserServer, port: int) -> None:
        self.chain, self.server, self.port = chain, server, port
        self.endpoint = f"http://127.0.0.1:{port}"

    def send(self, instructions: Sequence[Instruction], payer: Keypair = ALICE, *others: Keypair) -> str:
        latest = self.chain.blockhashes.latest(up_to_slot=self.chain.slot)
        message = MessageV0.try_compile(payer.pubkey(), list(instructions), [], latest.blockhash)
        signers = [payer, *others]
        return str(self.chain.submit(bytes(VersionedTransaction(message, signers))))

    def pay(self, to: Keypair, lamports: int, payer: Keypair = ALICE) -> str:
        return self.send([move(payer, to.pubkey(), lamports)], payer)

    def advance(self, slots: int = 1) -> None:
        for _ in range(slots):
            self.chain.advance_slot()


def move(payer: Keypair, to: Pubkey, lamports: int) -> Instruction:
    return transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=to, lamports=lamports))


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Net]:
    chain = EmbeddedChain(ChainOptions(finalized_lag_slots=6), now=lambda: 1_700_000_000.0)
    server = GeyserServer(chain, GeyserOptions(port=0, **options), now_ns=time.time_ns)
    port = await server.start()
    net = Net(chain, server, port)
    for key in (ALICE, BOB):
        chain.airdrop(key.pubkey(), 100 * SOL)
    net.advance(8)
    try:
        yield net
    finally:
        await server.stop()


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    async with running() as net:
        yield net


class RawStream:
    """A Subscribe call without our client: exactly what was sent, and everything that came."""

    def __init__(self, port: int, metadata: tuple[tuple[str, str], ...] = ()) -> None:
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        method = self.channel.stream_stream(
            service.SUBSCRIBE.path, service.SUBSCRIBE.request.SerializeToString, pb.SubscribeUpdate.FromString
        )
        self.call: Any = method(metadata=metadata)

    async def ask(self, request: pb.SubscribeRequest) -> None:
        """Sends a request, and returns when the server has taken it: it answers in order."""
        await self.call.write(request)
        await self.call.write(pb.SubscribeRequest(ping=pb.SubscribeRequestPing(id=99)))
        async with asyncio.timeout(SECONDS):
            while not (await self.read()).HasField("pong"):
                pass

    async def read(self) -> pb.SubscribeUpdate:
        async with asyncio.timeout(SECONDS):
            update = await self.call.read()
        assert isinstance(update, pb.SubscribeUpdate), "the stream ended"
        return update

    async def all_until_pong(self) -> list[pb.SubscribeUpdate]:
        """What is waiting."""
        await self.call.write(pb.SubscribeRequest(ping=pb.SubscribeRequestPing(id=1)))
        found = []
        while not (update := await self.read()).HasField("pong"):
            found.append(update)
        return found

    async def close(self) -> None:
        self.call.cancel()
        await self.channel.close()


@pytest.fixture
async def raw(net: Net) -> AsyncIterator[RawStream]:
    stream = RawStream(net.port)
    yield stream
    await stream.close()


def accounts(**filters: pb.SubscribeRequestFilterAccounts) -> pb.SubscribeRequest:
    return pb.SubscribeRequest(accounts=filters)


def written(updates: Sequence[pb.SubscribeUpdate]) -> list[tuple[str, list[str]]]:
    """(account, names of the filters) of the account updates."""
    return [
        (str(Pubkey(update.account.account.pubkey)), sorted(update.filters))
        for update in updates
        if update.HasField("account")
    ]


def name(key: Keypair) -> str:
    return str(key.pubkey())


# -- accounts ---------------------------------------------------------------------------------------------------


async def test_account_filters_each_report_what_they_let_through(net: Net, raw: RawStream) -> None:
    wish = pb.SubscribeRequestFilterAccounts
    state = pb.SubscribeRequestFilterAccountsFilter
    lamports = pb.SubscribeRequestFilterAccountsFilterLamports
    await raw.ask(
        accounts(
            everything=wish(),
            bob=wish(account=[name(BOB)]),
            both=wish(account=[name(BOB), name(ALICE)]),
            system=wish(owner=[SYSTEM_PROGRAM]),
            token=wish(owner=[TOKEN_PROGRAM]),
            empty=wish(filters=[state(datasize=0)]),
            full=wish(filters=[state(datasize=165)]),
            rich=wish(filters=[state(lamports=lamports(gt=100 * SOL))]),
            by_transaction=wish(account=[name(BOB)], nonempty_txn_signature=True),
            by_chain=wish(nonempty_txn_signature=False),
            tokens=wish(filters=[state(token_account_state=True)]),
        )
    )
    signature = net.pay(BOB, SOL)
    updates = await raw.all_until_pong()
    common = {"everything", "system", "empty", "both"}
    assert written(updates) == [
        (name(ALICE), sorted(common)),
        (name(BOB), sorted(common | {"bob", "rich", "by_transaction"})),
    ]
    bob = updates[1].account
    assert bob.slot == net.chain.slot and not bob.is_startup
    assert bob.account.lamports == 101 * SOL and bob.account.owner == bytes(32)
    assert str(bob.account.rent_epoch) == str(2**64 - 1)
    assert base58(bob.account.txn_signature) == signature
    assert updates[0].account.account.write_version < bob.account.write_version
    assert abs(updates[0].created_at.seconds - time.time()) < 60


def base58(data: bytes) -> str:
    return str(Signature.from_bytes(data))


def new_data_account(net: Net, data_size: int) -> Keypair:
    account = Keypair()
    rent = 10 * SOL
    net.send(
        [
            create_account(
                CreateAccountParams(
                    from_pubkey=ALICE.pubkey(),
                    to_pubkey=account.pubkey(),
                    lamports=rent,
                    space=data_size,
                    owner=TOKEN,
                )
            )
        ],
        ALICE,
        account,
    )
    return account


def make_mint(net: Net) -> tuple[Keypair, Pubkey]:
    """(mint, Alice's token account with 1000 of it), made by real instructions."""
    mint = new_data_account(net, 82)
    initialise = bytes([20, 6]) + bytes(ALICE.pubkey()) + b"\0"  # InitializeMint2, 6 decimals, no freezing
    net.send([Instruction(TOKEN, initialise, [AccountMeta(mint.pubkey(), False, True)])])
    held = ata(ALICE.pubkey(), mint.pubkey())
    net.send([create_ata(ALICE.pubkey(), mint.pubkey())])
    mint_to = bytes([7]) + (1000).to_bytes(8, "little")
    accounts_of_mint_to = [
        AccountMeta(mint.pubkey(), False, True),
        AccountMeta(held, False, True),
        AccountMeta(ALICE.pubkey(), True, False),
    ]
    net.send([Instruction(TOKEN, mint_to, accounts_of_mint_to)])
    return mint, held


def ata(owner: Pubkey, mint: Pubkey) -> Pubkey:
    found, _ = Pubkey.find_program_address(
        [bytes(owner), bytes(TOKEN), bytes(mint)], Pubkey.from_string(ATA_PROGRAM)
    )
    return found


def create_ata(owner: Pubkey, mint: Pubkey) -> Instruction:
    keys = [
        AccountMeta(ALICE.pubkey(), True, True),
        AccountMeta(ata(owner, mint), False, True),
        AccountMeta(owner, False, False),
        AccountMeta(mint, False, False),
        AccountMeta(Pubkey.from_string(SYSTEM_PROGRAM), False, False),
        AccountMeta(TOKEN, False, False),
    ]
    return Instruction(Pubkey.from_string(ATA_PROGRAM), b"", keys)


async def test_memcmp_in_all_three_spellings_and_token_state_narrow_by_content(
    net: Net, raw: RawStream
) -> None:
    mint, held = make_mint(net)
    wish, state = pb.SubscribeRequestFilterAccounts, pb.SubscribeRequestFilterAccountsFilter
    memcmp = pb.SubscribeRequestFilterAccountsFilterMemcmp
    owner = bytes(ALICE.pubkey())
    other = base64.b64encode(bytes(BOB.pubkey())).decode()
    await raw.ask(
        accounts(
            raw=wish(owner=[TOKEN_PROGRAM], filters=[state(memcmp=memcmp(offset=32, bytes=owner))]),
            b58=wish(filters=[state(memcmp=memcmp(offset=0, base58=str(mint.pubkey())))]),
            b64=wish(filters=[state(memcmp=memcmp(offset=32, base64=other))]),
            beyond=wish(filters=[state(memcmp=memcmp(offset=160, bytes=bytes(20)))]),
            tokens=wish(filters=[state(token_account_state=True), state(datasize=165)]),
        )
    )
    net.send([create_ata(BOB.pubkey(), mint.pubkey())])
    move_tokens = bytes([3]) + (10).to_bytes(8, "little")
    keys = [
        AccountMeta(held, False, True),
        AccountMeta(ata(BOB.pubkey(), mint.pubkey()), False, True),
        AccountMeta(ALICE.pubkey(), True, False),
    ]
    net.send([Instruction(TOKEN, move_tokens, keys)])
    found = dict(written(await raw.all_until_pong()))
    assert found[str(held)] == ["b58", "raw", "tokens"]
    assert found[str(ata(BOB.pubkey(), mint.pubkey()))] == ["b58", "b64", "tokens"]
    assert set(found) == {str(held), str(ata(BOB.pubkey(), mint.pubkey()))}


async def test_data_slices_are_cut_out_in_order_and_a_closed_account_is_told_as_a_node_tells_it(
    net: Net, raw: RawStream
) -> None:
    mint, held = make_mint(net)
    request = accounts(held=pb.SubscribeRequestFilterAccounts(account=[str(held)]))
    for offset, length in ((0, 4), (64, 8), (164, 100)):
        request.accounts_data_slice.add(offset=offset, length=length)
    await raw.ask(request)
    burn = bytes([8]) + (1000).to_bytes(8, "little")
    keys = [
        AccountMeta(held, False, True),
        AccountMeta(mint.pubkey(), False, True),
        AccountMeta(ALICE.pubkey(), True, False),
    ]
    net.send([Instruction(TOKEN, burn, keys)])
    close = [
        AccountMeta(held, False, True),
        AccountMeta(ALICE.pubkey(), False, True),
        AccountMeta(ALICE.pubkey(), True, False),
    ]
    net.send([Instruction(TOKEN, bytes([9]), close)])
    burned, closed = [update.account.account for update in await raw.all_until_pong()]
    assert burned.data == bytes(mint.pubkey())[:4] + bytes(8) + bytes(1)
    assert (closed.lamports, closed.owner, closed.data) == (0, bytes(32), b"")


# -- slots, blocks, commitments ---------------------------------------------------------------------------------


def phases(updates: Sequence[pb.SubscribeUpdate]) -> list[tuple[int, str]]:
    return [
        (update.slot.slot, pb.SlotStatus.Name(update.slot.status))
        for update in updates
        if update.HasField("slot")
    ]


async def test_slot_filters_tell_every_status_only_ones_commitment_or_the_interslot_ones_too(
    net: Net, raw: RawStream
) -> None:
    slots = pb.SubscribeRequestFilterSlots
    request = pb.SubscribeRequest(
        commitment=pb.CONFIRMED,
        slots={
            "all": slots(),
            "mine": slots(filter_by_commitment=True),
            "interslot": slots(interslot_updates=True),
        },
    )
    await raw.ask(request)
    working = net.chain.slot
    net.advance()
    updates = await raw.all_until_pong()
    by_name = {
        wanted: [
            phase for phase, update in zip(phases(updates), updates, strict=True) if wanted in update.filters
        ]
        for wanted in request.slots
    }
    processed = (working, "SLOT_PROCESSED")
    confirmed = (working - 1, "SLOT_CONFIRMED")
    finalized = (working - 5, "SLOT_FINALIZED")
    assert by_name["mine"] == [confirmed]
    assert by_name["all"] == [processed, confirmed, finalized]
    assert by_name["interslot"] == [processed, (working + 1, "SLOT_CREATED_BANK"), confirmed, finalized]
    assert updates[0].slot.parent == working - 1


async def test_contents_come_with_their_slot_at_the_higher_commitments(net: Net) -> None:
    wish = {"bob": pb.SubscribeRequestFilterAccounts(account=[name(BOB)])}
    sought = {"bob": pb.SubscribeRequestFilterTransactions(account_include=[name(BOB)])}
    meta = {"meta": pb.SubscribeRequestFilterBlocksMeta()}
    streams: dict[int, RawStream] = {}
    for level in (pb.PROCESSED, pb.CONFIRMED, pb.FINALIZED):
        streams[level] = RawStream(net.port)
        await streams[level].ask(
            pb.SubscribeRequest(commitment=level, accounts=wish, transactions=sought, blocks_meta=meta)
        )
    slot = net.chain.slot
    net.pay(BOB, 1)
    seen: dict[int, list[str | None]] = {level: [] for level in streams}
    when: dict[int, int] = {}
    for step in range(8):
        for level, stream in streams.items():
            for update in await stream.all_until_pong():
                kind = update.WhichOneof("update_oneof")
                at = update.block_meta.slot if kind == "block_meta" else slot
                if at == slot:
                    seen[level].append(kind)
                    when.setdefault(level, step)
        net.advance()
    for level, stream in streams.items():
        assert seen[level] == ["account", "transaction", "block_meta"], level
        await stream.close()
    assert [when[level] for level in streams] == [0, 2, 6]


async def test_a_block_holds_its_transactions_and_on_request_its_accounts(net: Net, raw: RawStream) -> None:
    blocks = pb.SubscribeRequestFilterBlocks
    await raw.ask(
        pb.SubscribeRequest(
            blocks={
                "plain": blocks(),
                "bare": blocks(include_transactions=False),
                "carol": blocks(account_include=[name(CAROL)], include_accounts=True),
            },
            blocks_meta={"meta": pb.SubscribeRequestFilterBlocksMeta()},
        )
    )
    slot = net.chain.slot
    first, second = net.pay(BOB, 1), net.pay(CAROL, SOL)
    net.advance()
    found = {update.filters[0]: update for update in await raw.all_until_pong()}
    assert set(found) == {"plain", "bare", "carol", "meta"}
    plain = found["plain"].block
    assert [base58(one.signature) for one in plain.transactions] == [first, second]
    assert [one.index for one in plain.transactions] == [0, 1]
    assert not plain.accounts and plain.updated_account_count == 4 and plain.executed_transaction_count == 2
    assert not found["bare"].block.transactions
    carol = found["carol"].block
    assert [base58(one.signature) for one in carol.transactions] == [second]
    assert [one.pubkey for one in carol.accounts] == [bytes(CAROL.pubkey())]
    block = net.chain.ledger.block(slot)
    assert block is not None
    for told in (plain, found["meta"].block_meta):
        assert (told.slot, told.parent_slot) == (slot, slot - 1)
        assert told.blockhash == str(block.blockhash)
        assert told.parent_blockhash == str(block.previous_blockhash)
        assert told.block_height.block_height == block.height
        assert told.block_time.timestamp == block.time
        assert told.executed_transaction_count == 2


# -- transactions -----------------------------------------------------------------------------------------------


async def test_transaction_filters_include_exclude_require_and_tell_failures_apart(
    net: Net, raw: RawStream
) -> None:
    wish = pb.SubscribeRequestFilterTransactions
    await raw.ask(
        pb.SubscribeRequest(
            transactions={
                "all": wish(),
                "votes": wish(vote=True),
                "no_votes": wish(vote=False),
                "failed": wish(failed=True),
                "fine": wish(failed=False),
                "bob": wish(account_include=[name(BOB), name(CAROL)]),
                "not_bob": wish(account_exclude=[name(BOB)]),
                "alice_and_bob": wish(account_required=[name(ALICE), name(BOB)]),
            },
            transactions_status={"status": wish(failed=True)},
        )
    )
    net.pay(BOB, 1)
    failed = net.pay(CAROL, 10**6 * SOL)
    updates = await raw.all_until_pong()
    assert [sorted(update.filters) for update in updates if update.HasField("transaction")] == [
        ["alice_and_bob", "all", "bob", "fine", "no_votes"],
        ["all", "bob", "failed", "no_votes", "not_bob"],
    ]
    status = updates[-1].transaction_status
    assert list(updates[-1].filters) == ["status"]
    assert base58(status.signature) == failed and status.index == 1 and status.slot == net.chain.slot
    assert status.err.err == updates[-2].transaction.transaction.meta.err.err != b""


async def test_one_signature_can_be_waited_for(net: Net, raw: RawStream) -> None:
    latest = net.chain.blockhashes.latest(up_to_slot=net.chain.slot)
    message = MessageV0.try_compile(ALICE.pubkey(), [move(ALICE, BOB.pubkey(), 7)], [], latest.blockhash)
    transaction = VersionedTransaction(message, [ALICE])
    wanted = str(transaction.signatures[0])
    wish = pb.SubscribeRequestFilterTransactions(signature=wanted)
    await raw.ask(pb.SubscribeRequest(transactions={"mine": wish}))
    net.pay(BOB, 8)
    net.chain.submit(bytes(transaction))
    (update,) = await raw.all_until_pong()
    assert base58(update.transaction.transaction.signature) == wanted


async def test_token_owners_count_as_mentioned_where_the_client_asks_for_it(net: Net, raw: RawStream) -> None:
    mint, held = make_mint(net)
    net.send([create_ata(BOB.pubkey(), mint.pubkey())])
    wish = pb.SubscribeRequestFilterTransactions
    await raw.ask(
        pb.SubscribeRequest(
            transactions={
                "plain": wish(account_include=[name(BOB)]),
                "owners": wish(account_include=[name(BOB)], token_accounts=pb.ALL),
                "changed": wish(account_include=[name(BOB)], token_accounts=pb.BALANCE_CHANGED),
            }
        )
    )
    for amount in (10, 0):
        keys = [
            AccountMeta(held, False, True),
            AccountMeta(ata(BOB.pubkey(), mint.pubkey()), False, True),
            AccountMeta(ALICE.pubkey(), True, False),
        ]
        net.send([Instruction(TOKEN, bytes([3]) + amount.to_bytes(8, "little"), keys)])
    assert [sorted(update.filters) for update in await raw.all_until_pong()] == [
        ["changed", "owners"],
        ["owners"],
    ]


async def test_a_transaction_arrives_at_our_client_as_the_ledger_has_it(net: Net) -> None:
    """Lookup table, inner instructions, token balances, return data, logs: compared with the chain's own record."""
    mint, held = make_mint(net)
    table_key = Keypair().pubkey()
    bobs = ata(BOB.pubkey(), mint.pubkey())
    net.send([create_ata(BOB.pubkey(), mint.pubkey())])
    addresses = [bobs, held, CAROL.pubkey()]
    put_lookup_table(net, table_key, addresses)
    net.advance()
    async with follow(net, Subscription(transactions=(Address(name(ALICE)),))) as items:
        table = AddressLookupTableAccount(table_key, addresses)
        latest = net.chain.blockhashes.latest(up_to_slot=net.chain.slot)
        keys = [
            AccountMeta(held, False, True),
            AccountMeta(bobs, False, True),
            AccountMeta(ALICE.pubkey(), True, False),
        ]
        move_tokens = Instruction(TOKEN, bytes([3]) + (10).to_bytes(8, "little"), keys)
        made = [create_ata(CAROL.pubkey(), mint.pubkey()), move_tokens]
        message = MessageV0.try_compile(ALICE.pubkey(), made, [table], latest.blockhash)
        assert message.address_table_lookups, "the table is used"
        sent = net.chain.submit(bytes(VersionedTransaction(message, [ALICE])))
        got = await next_of(items, TransactionUpdate)
    record = net.chain.ledger.transaction(sent)
    assert record is not None and record.error is None, record
    assert (got.signature, got.slot, got.index) == (str(sent), record.slot, record.index)
    assert got.accounts == tuple(map(str, record.keys)) and record.loaded_writable and record.loaded_readonly
    assert (got.fee_lamports, got.compute_units) == (record.fee, record.compute_units)
    assert (got.pre_lamports, got.post_lamports) == (record.pre_balances, record.post_balances)
    assert got.logs == record.logs and got.error is None
    for told, kept in (
        (got.pre_tokens, record.pre_token_balances),
        (got.post_tokens, record.post_token_balances),
    ):
        assert [(one.account, one.mint, one.owner, one.amount, one.decimals) for one in told] == [
            (str(record.keys[one.account_index]), str(one.mint), str(one.owner), one.amount, one.decimals)
            for one in kept
        ]
    assert {one.account: one.amount for one in got.post_tokens}[Address(str(bobs))] == 10
    programs = [(called.program, called.depth) for called in got.instructions]
    assert programs[0] == (ATA_PROGRAM, 0) and programs[-1] == (TOKEN_PROGRAM, 0)
    inner = programs[1:-1]
    assert inner and all(depth == 1 for _, depth in inner)
    assert {program for program, _ in inner} == {SYSTEM_PROGRAM, TOKEN_PROGRAM}
    assert got.instructions[-1].accounts == (str(held), str(bobs), name(ALICE))


def put_lookup_table(net: Net, key: Pubkey, addresses: Sequence[Pubkey]) -> None:
    # LookupTableMeta: type 1, never deactivated, extended in slot 0, no authority; then the addresses.
    meta = (1).to_bytes(4, "little") + b"\xff" * 8 + bytes(8) + b"\0" + b"\0" + bytes(32) + bytes(2)
    data = meta + b"".join(map(bytes, addresses))
    owner = Pubkey.from_string("AddressLookupTab1e1111111111111111111111111")
    net.chain.bank.put(key, SolanaAccount(SOL, data, owner))


async def test_a_failed_transaction_reads_the_same_over_geyser_as_in_the_ledger(net: Net) -> None:
    async with follow(net, Subscription(transactions=(Address(name(ALICE)),))) as items:
        failed = net.pay(CAROL, 10**6 * SOL)
        got = await next_of(items, TransactionUpdate)
    record = net.chain.ledger.transaction(Signature.from_string(failed))
    assert record is not None and record.error is not None and got.error is not None
    assert json.loads(got.error) == record.error.json == {"InstructionError": [0, {"Custom": 1}]}
    assert got.fee_lamports == 5000 and got.pre_lamports[0] - got.post_lamports[0] == 5000


# -- our client, end to end -------------------------------------------------------------------------------------


@asynccontextmanager
async def follow(
    net: Net, wanted: Subscription, *, from_slot: int | None = None
) -> AsyncIterator[AsyncIterator[FeedItem]]:
    """A running subscription of our own client: the server has it when this is entered."""
    before = net.server.clients
    feed = GeyserFeed(net.endpoint)
    queue: asyncio.Queue[FeedItem] = asyncio.Queue()

    async def pump() -> None:
        async for found in feed.subscribe(wanted, from_slot=from_slot):
            queue.put_nowait(found)

    async def items() -> AsyncIterator[FeedItem]:
        while True:
            yield await asyncio.wait_for(queue.get(), SECONDS)

    task = asyncio.create_task(pump())
    await until(lambda: net.server.clients > before and any(s.filter for s in net.server.sessions))
    try:
        yield items()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def next_of(items: AsyncIterator[FeedItem], kind: type[Found]) -> Found:
    async for found in items:
        if isinstance(found, kind):
            return found
    raise AssertionError("the stream ended")


async def test_our_client_sees_accounts_slots_and_blocks_of_a_living_chain(net: Net) -> None:
    wanted = Subscription(accounts=(AccountFilter(owner=Address(SYSTEM_PROGRAM), data_size=0),))
    async with follow(net, wanted) as items:
        slot = net.chain.slot
        signature = net.pay(BOB, SOL)
        net.advance(3)
        bob = await next_of(items, AccountUpdate)
        while bob.account.address != name(BOB):
            bob = await next_of(items, AccountUpdate)
        assert (bob.account.lamports, bob.slot, bob.signature) == (101 * SOL, slot, signature)
        block = await next_of(items, BlockUpdate)
        assert (block.slot, block.transactions) == (slot, 1)
        status = await next_of(items, SlotUpdate)
        assert status == SlotUpdate(slot=slot, parent=slot - 1, status=SlotStatus.PROCESSED)  # type: ignore[arg-type]


async def test_a_fork_is_told_as_dead_slots_and_what_happens_again_comes_again(net: Net) -> None:
    async with follow(net, Subscription(transactions=(Address(name(BOB)),))) as items:
        net.advance()
        first_slot = net.chain.slot
        signature = net.pay(BOB, 1)
        net.advance()
        dead = set(net.chain.roll_back(1))
        assert first_slot in dead
        net.advance()
        seen = [await next_of(items, TransactionUpdate)]
        told: set[int] = set()
        while told != dead:
            status = await next_of(items, SlotUpdate)
            if status.status is SlotStatus.DEAD:
                told.add(status.slot)
        seen.append(await next_of(items, TransactionUpdate))
    assert [one.signature for one in seen] == [signature, signature]
    assert seen[0].slot == first_slot and seen[1].slot > max(dead)


async def test_a_changed_wish_takes_effect_on_the_running_stream_without_a_gap(net: Net) -> None:
    feed = GeyserFeed(net.endpoint)
    stream = feed.subscribe(Subscription(addresses=(Address(name(BOB)),)))
    first = asyncio.ensure_future(anext(stream))
    await until(lambda: any(s.filter for s in net.server.sessions))
    net.pay(BOB, 1)
    found = await asyncio.wait_for(first, SECONDS)
    assert isinstance(found, AccountUpdate) and found.account.address == name(BOB)
    (before,) = (s.filter for s in net.server.sessions)
    await feed.change(Subscription(addresses=(Address(name(CAROL)),)))
    await until(lambda: [s.filter for s in net.server.sessions] != [before])
    net.pay(BOB, 1)
    net.pay(CAROL, SOL)
    found = await asyncio.wait_for(anext(stream), SECONDS)
    assert isinstance(found, AccountUpdate) and found.account.address == name(CAROL)
    await stream.aclose()


# -- replay, limits, refusals -----------------------------------------------------------------------------------


async def test_from_slot_replays_everything_once_and_in_order_and_then_goes_on_live(net: Net) -> None:
    everything = pb.SubscribeRequest(
        accounts={"all": pb.SubscribeRequestFilterAccounts()},
        transactions={"all": pb.SubscribeRequestFilterTransactions()},
        slots={"all": pb.SubscribeRequestFilterSlots(interslot_updates=True)},
        blocks_meta={"all": pb.SubscribeRequestFilterBlocksMeta()},
    )
    witness, late = RawStream(net.port), RawStream(net.port)
    await witness.ask(everything)
    net.advance()
    start = net.chain.slot
    for amount in (1, 2, 3):
        net.pay(BOB, amount)
        net.pay(CAROL, amount * SOL)
        net.advance()
    net.pay(BOB, 4)  # in the slot in progress
    seen = [update for update in await witness.all_until_pong() if slot_of(update) >= start]
    request = pb.SubscribeRequest()
    request.CopyFrom(everything)
    request.from_slot = start
    await late.call.write(request)
    replayed = await late.all_until_pong()
    assert sorted(map(contents, replayed)) == sorted(map(contents, seen))
    assert [contents(u) for u in replayed if u.HasField("account")] == [
        contents(u) for u in seen if u.HasField("account")
    ]
    assert len(replayed) > 20
    net.pay(BOB, 5)
    assert list(map(contents, await late.all_until_pong())) == list(
        map(contents, await witness.all_until_pong())
    )
    for stream in (witness, late):
        await stream.close()


def slot_of(update: pb.SubscribeUpdate) -> int:
    kind = update.WhichOneof("update_oneof")
    return int(getattr(update, kind or "").slot)


def contents(update: pb.SubscribeUpdate) -> bytes:
    bare = pb.SubscribeUpdate()
    bare.CopyFrom(update)
    bare.ClearField("created_at")
    return bare.SerializeToString(deterministic=True)


async def test_a_replay_at_confirmed_holds_back_what_is_not_confirmed_yet(net: Net, raw: RawStream) -> None:
    start = net.chain.slot
    for _ in range(4):
        net.pay(BOB, SOL)
        net.advance()
    request = pb.SubscribeRequest(
        commitment=pb.CONFIRMED,
        from_slot=start,
        transactions={"all": pb.SubscribeRequestFilterTransactions()},
    )
    await raw.call.write(request)
    confirmed = net.chain.view(Commitment.CONFIRMED).slot
    assert [u.transaction.slot for u in await raw.all_until_pong()] == list(range(start, confirmed + 1))
    net.advance()
    assert [u.transaction.slot for u in await raw.all_until_pong()] == [confirmed + 1]


async def test_a_from_slot_beyond_the_window_is_refused_with_the_oldest_slot_there_is() -> None:
    async with running(replay_slots=5) as net:
        oldest = net.chain.slot - 4
        feed = GeyserFeed(net.endpoint)
        assert await feed.first_available_slot() == oldest
        with pytest.raises(
            Rejected, match=f"broadcast from {oldest - 1} is not available.*{oldest}"
        ) as caught:
            await anext(feed.subscribe(Subscription(), from_slot=oldest - 1))
        assert caught.value.code == grpc.StatusCode.OUT_OF_RANGE.value[0]
        stream = feed.subscribe(Subscription(), from_slot=oldest)
        assert isinstance(await anext(stream), BlockUpdate | SlotUpdate)
        await stream.aclose()


async def test_a_client_who_does_not_read_is_disconnected_by_name_and_hurts_nobody_else() -> None:
    async with running(queue_messages_max=50) as net:
        slow, quick = RawStream(net.port), RawStream(net.port)
        wish = accounts(all=pb.SubscribeRequestFilterAccounts())
        for stream in (slow, quick):
            await stream.ask(wish)
        # Big enough that the transport's own buffers do not hide the backlog.
        net.chain.bank.put(BOB.pubkey(), SolanaAccount(SOL, bytes(100_000), Pubkey.default()))
        deadline = time.monotonic() + SECONDS
        while net.server.clients == 2:
            assert time.monotonic() < deadline
            net.advance()  # for a new blockhash, so that no transfer is one that has been
            net.pay(BOB, 1)
            assert len(await quick.all_until_pong()) == 2
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            while True:
                await slow.read()
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert caught.value.details() == "lagged to send an update"
        for stream in (slow, quick):
            await stream.close()


def wrong_requests() -> dict[str, pb.SubscribeRequest]:
    wish, state = pb.SubscribeRequestFilterAccounts, pb.SubscribeRequestFilterAccountsFilter
    memcmp = pb.SubscribeRequestFilterAccountsFilterMemcmp
    slices = pb.SubscribeRequest()
    slices.accounts_data_slice.add(offset=10, length=5)
    slices.accounts_data_slice.add(offset=12, length=5)
    return {
        "invalid public key": accounts(x=wish(account=["nonsense"])),
        "max 4": accounts(x=wish(filters=[state(datasize=1)] + [state(token_account_state=True)] * 4)),
        "more than once": accounts(x=wish(filters=[state(datasize=1), state(datasize=2)])),
        "data too large": accounts(x=wish(filters=[state(memcmp=memcmp(bytes=bytes(129)))])),
        "invalid base58": accounts(x=wish(filters=[state(memcmp=memcmp(base58="0OIl"))])),
        "invalid base64": accounts(x=wish(filters=[state(memcmp=memcmp(base64="***"))])),
        "memcmp should be defined": accounts(x=wish(filters=[state(memcmp=memcmp(offset=1))])),
        "only allowed to be true": accounts(x=wish(filters=[state(token_account_state=False)])),
        "cuckoo": accounts(x=wish(cuckoo_accounts_filter=pb.CuckooFilter(bucket_count=1))),
        "entries are not served": pb.SubscribeRequest(entry={"x": pb.SubscribeRequestFilterEntry()}),
        "slices overlapped": slices,
        "oversized filter name": accounts(**{"x" * 129: wish()}),
        "invalid signature": pb.SubscribeRequest(
            transactions={"x": pb.SubscribeRequestFilterTransactions(signature="nonsense")}
        ),
    }


@pytest.mark.parametrize("reason", wrong_requests())
async def test_a_wrong_request_is_refused_with_its_reason(net: Net, raw: RawStream, reason: str) -> None:
    await raw.call.write(wrong_requests()[reason])
    with pytest.raises(grpc.aio.AioRpcError, match="failed to create filter") as caught:
        await raw.read()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason in (caught.value.details() or "")
    assert net.server.clients == 0 or await settled(net)


async def settled(net: Net) -> bool:
    await until(lambda: net.server.clients == 0)
    return True


async def test_a_token_is_asked_for_where_one_is_set() -> None:
    async with running(x_token="open sesame") as net:
        with pytest.raises(Rejected, match="No valid auth token"):
            await anext(GeyserFeed(net.endpoint).subscribe(Subscription()))
        with pytest.raises(Rejected, match="UNAUTHENTICATED"):
            await GeyserFeed(net.endpoint, x_token="wrong").version()
        feed = GeyserFeed(net.endpoint, x_token="open sesame")
        assert json.loads(await feed.version())["version"]["package"] == "chimera-localnet"


async def test_a_disconnect_ends_every_stream_and_a_refusal_turns_new_ones_away(net: Net) -> None:
    feed = GeyserFeed(net.endpoint)
    stream = feed.subscribe(Subscription())
    waiting = asyncio.ensure_future(anext(stream))
    await until(lambda: net.server.clients == 1)
    assert net.server.disconnect() == 1
    with pytest.raises(Unreachable, match="connection lost"):
        await asyncio.wait_for(waiting, SECONDS)
    net.server.refuse(refusing=True)
    with pytest.raises(Unreachable, match="shutting down"):
        await anext(feed.subscribe(Subscription()))
    net.server.refuse(refusing=False)
    assert await feed.version()


async def test_a_client_that_goes_away_is_forgotten(net: Net) -> None:
    stream = RawStream(net.port)
    await stream.ask(accounts(all=pb.SubscribeRequestFilterAccounts()))
    assert net.server.clients == 1
    await stream.close()
    await until(lambda: net.server.clients == 0)
    net.pay(BOB, 1)


async def test_the_server_pings_by_itself() -> None:
    async with running(ping_every_s=0.05) as net:
        stream = RawStream(net.port)
        await stream.call.write(pb.SubscribeRequest())
        assert (await stream.read()).HasField("ping")
        await stream.close()


async def test_a_taken_port_is_refused_by_name(net: Net) -> None:
    other = GeyserServer(net.chain, GeyserOptions(port=net.port), now_ns=time.time_ns)
    with pytest.raises(ConfigError, match=f"port {net.port}"):
        await other.start()


# -- single questions -------------------------------------------------------------------------------------------


async def test_the_single_questions_answer_at_each_commitment(net: Net) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{net.port}") as channel:

        async def ask(method: service.Method[Any, Any], request: Any) -> Any:
            call = channel.unary_unary(
                method.path, method.request.SerializeToString, method.response.FromString
            )
            return await call(request, timeout=SECONDS)

        for level, commitment in (
            (pb.PROCESSED, Commitment.PROCESSED),
            (pb.CONFIRMED, Commitment.CONFIRMED),
            (pb.FINALIZED, Commitment.FINALIZED),
        ):
            view = net.chain.view(commitment)
            assert (await ask(service.GET_SLOT, pb.GetSlotRequest(commitment=level))).slot == view.slot
            height = await ask(service.GET_BLOCK_HEIGHT, pb.GetBlockHeightRequest(commitment=level))
            assert height.block_height == view.height
            latest = await ask(service.GET_LATEST_BLOCKHASH, pb.GetLatestBlockhashRequest(commitment=level))
            known = net.chain.blockhashes.latest(up_to_slot=view.slot)
            assert (latest.blockhash, latest.slot) == (str(known.blockhash), view.slot)
            assert latest.last_valid_block_height == known.height + 150
            question = pb.IsBlockhashValidRequest(blockhash=latest.blockhash, commitment=level)
            assert (await ask(service.IS_BLOCKHASH_VALID, question)).valid
        unknown = pb.IsBlockhashValidRequest(blockhash=name(ALICE))
        assert not (await ask(service.IS_BLOCKHASH_VALID, unknown)).valid
        with pytest.raises(grpc.aio.AioRpcError, match="invalid blockhash"):
            await ask(service.IS_BLOCKHASH_VALID, pb.IsBlockhashValidRequest(blockhash="nonsense"))
        assert (await ask(service.PING, pb.PingRequest(count=5))).count == 5
        assert (await ask(service.GET_SLOT, pb.GetSlotRequest())).slot == net.chain.slot


async def test_errors_of_the_stream_are_outside_errors(net: Net) -> None:
    with pytest.raises(OutsideError):
        await anext(GeyserFeed(net.endpoint).subscribe(Subscription(addresses=(Address("nonsense"),))))
