"""solana-py, unmodified, against the embedded chain, in its users' daily order of steps."""

from collections.abc import AsyncIterator, Sequence

import pytest
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed, Finalized, Processed
from solana.rpc.core import RPCException
from solana.rpc.models import MemcmpOpts, TokenAccountOpts, TxOpts
from solana.rpc.websocket_api import SolanaWsClient
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.rpc.responses import AccountNotification, SignatureNotification
from solders.signature import Signature
from solders.system_program import CreateAccountParams, TransferParams, create_account, transfer
from solders.transaction import VersionedTransaction
from spl.token import instructions as spl
from spl.token import models
from spl.token.constants import TOKEN_PROGRAM_ID

from chimera.localnet.node import Node

SOL = 10**9


@pytest.fixture
async def client(node: Node) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(node.endpoints["rpc"], commitment=Confirmed) as made:
        yield made


async def funded(client: AsyncClient) -> Keypair:
    key = Keypair()
    drop = await client.request_airdrop(key.pubkey(), 10 * SOL)
    await client.confirm_transaction(drop.value, Confirmed, sleep_seconds=0.02)
    return key


async def send(
    client: AsyncClient, instructions: Sequence[Instruction], signers: Sequence[Keypair]
) -> Signature:
    latest = (await client.get_latest_blockhash()).value
    message = MessageV0.try_compile(signers[0].pubkey(), instructions, [], latest.blockhash)
    options = TxOpts(preflight_commitment=Confirmed)
    sent = await client.send_transaction(VersionedTransaction(message, signers), options)
    await client.confirm_transaction(sent.value, Confirmed, 0.02, latest.last_valid_block_height)
    return sent.value


def move(payer: Keypair, to: Pubkey, lamports: int) -> Instruction:
    return transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=to, lamports=lamports))


async def test_it_gets_airdrops_sends_confirms_and_reads_back(client: AsyncClient) -> None:
    assert await client.is_connected()
    payer, to = await funded(client), Pubkey.new_unique()
    assert (await client.get_balance(payer.pubkey())).value == 10 * SOL
    signature = await send(client, [move(payer, to, SOL)], [payer])
    assert (await client.get_balance(to)).value == SOL
    read = (await client.get_transaction(signature, max_supported_transaction_version=0)).value
    assert read is not None and read.transaction.meta is not None
    meta = read.transaction.meta
    assert meta.err is None and meta.fee == 5_000
    assert meta.pre_balances[0] - meta.post_balances[0] == SOL + 5_000
    for encoding in ("jsonParsed", "base64", "base58"):
        again = (await client.get_transaction(signature, encoding, max_supported_transaction_version=0)).value
        assert again is not None and again.slot == read.slot
    listed = (await client.get_signatures_for_address(to)).value
    assert [one.signature for one in listed] == [signature]
    block = (await client.get_block(read.slot, max_supported_transaction_version=0)).value
    assert block is not None and block.transactions is not None and len(block.transactions) == 1
    assert block.block_time == read.block_time


async def test_a_token_is_made_minted_and_moved(client: AsyncClient) -> None:
    payer, mint, other = await funded(client), Keypair(), Pubkey.new_unique()
    rent = (await client.get_minimum_balance_for_rent_exemption(82)).value
    made = create_account(
        CreateAccountParams(
            from_pubkey=payer.pubkey(),
            to_pubkey=mint.pubkey(),
            lamports=rent,
            space=82,
            owner=TOKEN_PROGRAM_ID,
        )
    )
    begun = spl.initialize_mint2(
        models.InitializeMint2Params(
            decimals=6,
            program_id=TOKEN_PROGRAM_ID,
            mint=mint.pubkey(),
            mint_authority=payer.pubkey(),
            freeze_authority=None,
        )
    )
    await send(client, [made, begun], [payer, mint])
    mine = spl.get_associated_token_address(payer.pubkey(), mint.pubkey())
    theirs = spl.get_associated_token_address(other, mint.pubkey())
    minted = spl.mint_to(
        models.MintToParams(
            program_id=TOKEN_PROGRAM_ID,
            mint=mint.pubkey(),
            dest=mine,
            mint_authority=payer.pubkey(),
            amount=5_500_000,
        )
    )
    moved = spl.transfer_checked(
        models.TransferCheckedParams(
            program_id=TOKEN_PROGRAM_ID,
            source=mine,
            mint=mint.pubkey(),
            dest=theirs,
            owner=payer.pubkey(),
            amount=1_250_000,
            decimals=6,
        )
    )
    signature = await send(
        client,
        [
            spl.create_associated_token_account(payer.pubkey(), payer.pubkey(), mint.pubkey()),
            spl.create_associated_token_account(payer.pubkey(), other, mint.pubkey()),
            minted,
            moved,
        ],
        [payer],
    )
    balance = (await client.get_token_account_balance(theirs)).value
    assert (balance.amount, balance.decimals, balance.ui_amount_string) == ("1250000", 6, "1.25")
    assert (await client.get_token_supply(mint.pubkey())).value.amount == "5500000"
    held = await client.get_token_accounts_by_owner_json_parsed(other, TokenAccountOpts(mint=mint.pubkey()))
    assert [one.pubkey for one in held.value] == [theirs]
    info = held.value[0].account.data.parsed["info"]
    assert info["owner"] == str(other) and info["tokenAmount"]["uiAmountString"] == "1.25"
    filters = [165, MemcmpOpts(offset=0, bytes=str(mint.pubkey()))]
    found = (await client.get_program_accounts(TOKEN_PROGRAM_ID, encoding="base64", filters=filters)).value
    assert {one.pubkey for one in found} == {mine, theirs}
    read = (await client.get_transaction(signature, "jsonParsed", max_supported_transaction_version=0)).value
    assert read is not None and read.transaction.meta is not None
    after = read.transaction.meta.post_token_balances
    assert after is not None
    assert {one.ui_token_amount.amount for one in after} == {"1250000", "4250000"}


async def test_it_subscribes_to_an_account_and_a_signature(client: AsyncClient, node: Node) -> None:
    payer, to = await funded(client), Pubkey.new_unique()
    latest = (await client.get_latest_blockhash()).value
    message = MessageV0.try_compile(payer.pubkey(), [move(payer, to, SOL)], [], latest.blockhash)
    transaction = VersionedTransaction(message, [payer])
    async with SolanaWsClient(node.endpoints["ws"]) as socket:
        await socket.account_subscribe(pubkey=to, commitment=Confirmed, encoding="base64")
        await socket.signature_subscribe(signature=transaction.signatures[0], commitment=Finalized)
        await client.send_transaction(transaction, TxOpts(preflight_commitment=Confirmed))
        heard = [await socket.recv(), await socket.recv()]
    wrote, done = heard
    assert isinstance(wrote, AccountNotification) and wrote.result.value.lamports == SOL
    assert isinstance(done, SignatureNotification) and done.result.value.err is None


async def test_preflight_tells_why_in_the_nodes_own_words(client: AsyncClient) -> None:
    payer = await funded(client)
    with pytest.raises(RPCException) as told:
        await send(client, [move(payer, Pubkey.new_unique(), 100 * SOL)], [payer])
    assert "Transaction simulation failed: Error processing Instruction 0: custom program error: 0x1" in str(
        told.value
    )


async def test_simulation_shows_what_would_be_and_changes_nothing(client: AsyncClient) -> None:
    payer, to = await funded(client), Pubkey.new_unique()
    latest = (await client.get_latest_blockhash()).value
    message = MessageV0.try_compile(payer.pubkey(), [move(payer, to, SOL)], [], latest.blockhash)
    found = (
        await client.simulate_transaction(
            VersionedTransaction(message, [payer]), sig_verify=True, commitment=Confirmed
        )
    ).value
    assert found.err is None and found.logs and found.units_consumed == 150
    assert (await client.get_balance(to, Processed)).value == 0
