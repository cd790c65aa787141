"""The RPC adapter against the embedded chain's own front: the same values that the stream gives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from msgspec.structs import replace
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from chimera.adapters.geyser import GeyserFeed
from chimera.adapters.rpc import RpcChain
from chimera.domain.chain import Commitment, TransactionUpdate
from chimera.domain.errors import Rejected
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Address, Signature
from chimera.localnet.chain import ChainOptions, EmbeddedChain
from chimera.localnet.genesis import genesis
from chimera.localnet.node import Node, NodeOptions
from chimera.localnet.programs import PROGRAMS, program_elf
from chimera.localnet.rpc import RpcFront
from chimera.localnet.rpc_http import RpcHttp, RpcHttpOptions
from chimera.localnet.stage import Stage
from chimera.localnet.tokens import BY_SYMBOL
from chimera.localnet.traders import traders
from chimera.localnet.world_orders import CPMM, token_amount
from chimera.localnet.world_plan import Decision, Deed
from chimera.localnet.world_runner import run_world
from chimera.onchain import token_instructions as make
from chimera.onchain import transaction as build
from chimera.onchain.keys import associated_token_address
from chimera.ports.chain import Subscription
from chimera.ports.venue import AccountFilter

SEED = 7


@pytest.fixture
def chain() -> EmbeddedChain:
    programs = {Address(address): program_elf(name) for address, name in PROGRAMS.items()}
    return EmbeddedChain(
        ChainOptions(), now=lambda: 1_700_000_000.0, genesis=genesis(SEED).accounts, programs=programs
    )


@pytest.fixture
async def url(chain: EmbeddedChain) -> AsyncIterator[str]:
    http = RpcHttp(RpcFront(chain), RpcHttpOptions(port=0))
    port = await http.start()

    async def slots() -> None:
        while True:
            chain.advance_slot()
            await asyncio.sleep(0.01)

    clock = asyncio.ensure_future(slots())
    yield f"http://127.0.0.1:{port}"
    clock.cancel()
    await http.stop()


@pytest.fixture
async def rpc(url: str) -> AsyncIterator[RpcChain]:
    async with RpcChain(url) as made:
        yield made


async def landed(rpc: RpcChain, signature: Signature) -> None:
    async with asyncio.timeout(5):
        while True:
            (status,) = await rpc.statuses([signature])
            if status is not None and status.commitment is not Commitment.PROCESSED:
                return
            await asyncio.sleep(0.05)


async def test_a_swap_is_simulated_sent_confirmed_and_read_back(rpc: RpcChain) -> None:
    trader = traders(SEED)["foresight-1"]
    stage = Stage(SEED)
    decision = Decision(1, trader.name, Deed.BUY, "KITE", amount=10**9)
    where = stage.place(decision)
    _, found = await rpc.accounts(where.wanted)
    seen = dict(zip(where.wanted, found, strict=True))
    blockhash = await rpc.latest_blockhash()
    wire = stage.transaction(decision, seen, blockhash=blockhash.blockhash)
    assert wire is not None

    message = build.message_in(wire)
    simulated = await rpc.simulate(build.unsigned(message), accounts=[where.token_account, trader.address])
    assert simulated.error is None, simulated.logs
    token_after, purse_after = simulated.accounts
    assert token_after is not None
    assert purse_after is not None
    assert simulated.compute_units > 10_000

    signature = await rpc.send(wire)
    await landed(rpc, signature)
    update = await rpc.transaction(signature)
    assert update is not None
    assert (update.signature, update.error, update.fee_payer) == (signature, None, trader.address)
    assert update.post_lamports[0] == purse_after.lamports
    assert update.pre_lamports[0] - update.post_lamports[0] > 10**9
    (received,) = (balance for balance in update.post_tokens if balance.account == where.token_account)
    assert received.amount == token_amount(token_after.data)
    assert (received.mint, received.owner, received.decimals) == (BY_SYMBOL["KITE"].mint, trader.address, 6)
    swap = next(place for place, call in enumerate(update.instructions) if call.program == CPMM)
    assert [(call.program, call.depth) for call in update.instructions[swap : swap + 3]] == [
        (CPMM, 0),
        (TOKEN_PROGRAM, 1),
        (TOKEN_PROGRAM, 1),
    ]
    assert update.instructions[swap].data[:8].hex() == "8fbe5adac41e33de"
    assert update.block_time is not None

    _, accounts = await rpc.token_accounts(trader.address)
    assert {account.address for account in accounts} == {where.token_account}  # wSOL is closed again


async def test_a_transaction_that_fails_on_chain_says_why_in_status_and_transaction(rpc: RpcChain) -> None:
    trader = traders(SEED)["bull-1"]
    key = Keypair.from_seed(trader.secret)
    blockhash = await rpc.latest_blockhash()
    stock = associated_token_address(trader.address, WSOL)
    other = associated_token_address(traders(SEED)["bull-2"].address, WSOL)
    call = make.transfer_checked(
        source=stock,
        mint=WSOL,
        destination=other,
        owner=trader.address,
        amount=2**63,
        decimals=9,
        token_program=TOKEN_PROGRAM,
    )
    message = build.compile_v0([call], payer=trader.address, blockhash=blockhash.blockhash)
    simulated = await rpc.simulate(build.unsigned(message))
    signature = await rpc.send(build.attach_signatures(message, [bytes(key.sign_message(message))]))
    await landed(rpc, signature)
    (status,) = await rpc.statuses([signature])
    update = await rpc.transaction(signature)
    assert status is not None
    assert update is not None
    assert status.error == update.error == simulated.error == '{"InstructionError":[0,{"Custom":1}]}'


async def test_pools_are_found_by_owner_and_discriminator(rpc: RpcChain) -> None:
    pools = genesis(SEED).pools
    discriminator = bytes.fromhex("f7ede3f5d7c3de46")
    _, found = await rpc.program_accounts(AccountFilter(CPMM, data_size=637, memcmp=((0, discriminator),)))
    assert {account.address for account in found} == {pool.at.pool for pool in pools}


async def test_the_chain_moves_and_rent_is_as_everywhere(rpc: RpcChain) -> None:
    assert await rpc.healthy()
    slot = await rpc.slot()
    assert await rpc.slot(commitment=Commitment.CONFIRMED) <= slot + 5
    blockhash = await rpc.latest_blockhash()
    async with asyncio.timeout(5):
        while await rpc.block_height() == 0:
            await asyncio.sleep(0.02)
    assert blockhash.last_valid_block_height >= 150
    assert (await rpc.latest_blockhash()).last_valid_block_height > blockhash.last_valid_block_height
    assert await rpc.rent_exempt_minimum(165) == 2_039_280


async def test_what_nobody_knows_is_none_and_nonsense_is_rejected(rpc: RpcChain) -> None:
    unknown = Signature(str(Keypair.from_seed(b"u" * 32).sign_message(b"never sent")))
    assert await rpc.transaction(unknown) is None
    assert await rpc.statuses([unknown]) == (None,)
    nobody = Address(str(Pubkey(b"n" * 32)))
    _, accounts = await rpc.accounts([nobody])
    assert accounts == (None,)
    with pytest.raises(Rejected) as rejected:
        await rpc.accounts([Address("not an address")])
    assert rejected.value.code == -32602


async def test_an_airdrop_arrives(rpc: RpcChain) -> None:
    nobody = Address(str(Pubkey(b"n" * 32)))
    await landed(rpc, await rpc.airdrop(nobody, 10**9))
    _, (account,) = await rpc.accounts([nobody], commitment=Commitment.CONFIRMED)
    assert account is not None
    assert account.lamports == 10**9


async def test_stream_and_node_tell_the_same_of_a_transaction() -> None:
    options = NodeOptions(
        slot_ms=20, rpc_port=0, ws_port=0, geyser_port=0, jito_port=0, admin_port=0, identity=b"same"
    )
    async with Node(options, genesis=genesis(SEED).accounts) as node:
        clock = asyncio.ensure_future(node.clock.run())
        feed = GeyserFeed(node.endpoints["geyser"])
        async with RpcChain(node.endpoints["rpc"]) as rpc:
            playing = asyncio.ensure_future(run_world(SEED, node.endpoints["rpc"], tick_ms=20))
            streamed = []
            async with (
                asyncio.timeout(20),
                aclosing(feed.subscribe(Subscription(transactions=(CPMM,)))) as items,
            ):
                async for item in items:
                    if isinstance(item, TransactionUpdate):
                        streamed.append(item)
                    # Sooner or later somebody tries to sell what cannot be sold.
                    if len(streamed) >= 50 and any(update.error is not None for update in streamed):
                        break
            playing.cancel()
            for update in streamed:
                await landed(rpc, update.signature)
                asked = await rpc.transaction(update.signature)
                assert asked is not None
                # What only one of the two ways tells.
                assert replace(asked, block_time=None, index=0) == replace(update, block_time=None, index=0)
        clock.cancel()


async def test_the_world_plays_through_the_real_front(url: str) -> None:
    summary = await run_world(SEED, url, tick_ms=5, ticks=60)
    assert (summary.ticks, summary.failed) == (60, 0)
    assert summary.sent > 100
