"""What the chain's bank carries beyond transfers: durable nonces, lookup tables, tokens with extensions."""

import time

import pytest
from solders.account import Account
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.system_program import (
    AdvanceNonceAccountParams,
    CreateAccountParams,
    InitializeNonceAccountParams,
    TransferParams,
    advance_nonce_account,
    create_account,
    initialize_nonce_account,
    transfer,
)
from solders.transaction import VersionedTransaction

from chimera.domain.ids import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, Address
from chimera.localnet import genesis_accounts as made
from chimera.localnet.chain import ChainOptions, Dropped, EmbeddedChain, Landed
from chimera.localnet.encode_account import encode_account
from chimera.localnet.encode_error import error_text

SOL = 10**9


@pytest.fixture
def chain() -> EmbeddedChain:
    return EmbeddedChain(ChainOptions(), now=time.time)


@pytest.fixture
def payer(chain: EmbeddedChain) -> Keypair:
    key = Keypair()
    chain.airdrop(key.pubkey(), 100 * SOL)
    return key


def newest(chain: EmbeddedChain) -> Hash:
    return chain.blockhashes.latest(up_to_slot=chain.slot).blockhash


def signed(blockhash: Hash, instructions: list[Instruction], *signers: Keypair) -> bytes:
    message = Message.new_with_blockhash(instructions, signers[0].pubkey(), blockhash)
    return bytes(VersionedTransaction(message, list(signers)))


def move(payer: Keypair, to: Pubkey, lamports: int) -> Instruction:
    return transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=to, lamports=lamports))


def test_a_durable_nonce_outlives_the_blockhash_window_and_serves_once(
    chain: EmbeddedChain, payer: Keypair
) -> None:
    nonce, to = Keypair(), Pubkey.new_unique()
    owner, system = payer.pubkey(), Pubkey.from_string(SYSTEM_PROGRAM)
    create = create_account(
        CreateAccountParams(from_pubkey=owner, to_pubkey=nonce.pubkey(), lamports=SOL, space=80, owner=system)
    )
    begin = initialize_nonce_account(
        InitializeNonceAccountParams(nonce_pubkey=nonce.pubkey(), authority=owner)
    )
    outcome = chain.execute(signed(newest(chain), [create, begin], payer, nonce))
    assert isinstance(outcome, Landed) and outcome.record.error is None
    held = chain.bank.account(nonce.pubkey())
    assert held is not None
    advance = advance_nonce_account(
        AdvanceNonceAccountParams(nonce_pubkey=nonce.pubkey(), authorized_pubkey=owner)
    )
    wire = signed(Hash(held.data[40:72]), [advance, move(payer, to, SOL)], payer)
    for _ in range(400):
        chain.advance_slot()
    used = chain.execute(wire)
    assert isinstance(used, Landed) and used.record.error is None
    other = signed(Hash(held.data[40:72]), [advance, move(payer, to, 2 * SOL)], payer)
    again = chain.execute(other)
    assert isinstance(again, Dropped) and again.error.json == "BlockhashNotFound"


def test_a_lookup_table_made_on_chain_loads_addresses(chain: EmbeddedChain, payer: Keypair) -> None:
    program = Pubkey.from_string("AddressLookupTab1e1111111111111111111111111")
    system, to = Pubkey.from_string(SYSTEM_PROGRAM), Pubkey.new_unique()
    for _ in range(3):
        chain.advance_slot()
    recent = chain.slot - 1
    table, bump = Pubkey.find_program_address([bytes(payer.pubkey()), recent.to_bytes(8, "little")], program)
    metas = [
        AccountMeta(table, False, True),
        AccountMeta(payer.pubkey(), True, False),
        AccountMeta(payer.pubkey(), True, True),
        AccountMeta(system, False, False),
    ]
    create = Instruction(program, bytes(4) + recent.to_bytes(8, "little") + bytes([bump]), metas)
    data = (2).to_bytes(4, "little") + (1).to_bytes(8, "little") + bytes(to)
    outcome = chain.execute(signed(newest(chain), [create, Instruction(program, data, metas)], payer))
    assert isinstance(outcome, Landed) and outcome.record.error is None, outcome
    chain.advance_slot()
    lookup = AddressLookupTableAccount(table, [to])
    message = MessageV0.try_compile(payer.pubkey(), [move(payer, to, SOL)], [lookup], newest(chain))
    used = chain.execute(bytes(VersionedTransaction(message, [payer])))
    assert isinstance(used, Landed) and used.record.error is None
    assert used.record.loaded_writable == (to,) and used.record.keys[-1] == to
    assert used.record.post_balances[-1] == SOL
    written = chain.slot_state(chain.slot)
    assert written is not None and to in written.written, "a loaded account's write is told"


def test_a_token_with_a_transfer_fee_is_shown_with_its_extensions(chain: EmbeddedChain) -> None:
    mint, holder = Address(str(Pubkey.new_unique())), Address(str(Pubkey.new_unique()))
    owner = Address(str(Pubkey.new_unique()))
    program = Address(TOKEN_2022_PROGRAM)
    fee = made.transfer_fee_config(owner, bps=150, maximum=10**6)
    for account in (
        made.mint(mint, supply=10**9, decimals=6, program=program, extensions=fee),
        made.token_account(
            holder,
            mint=mint,
            owner=owner,
            amount=1_500_000,
            program=program,
            extensions=made.transfer_fee_amount(),
        ),
    ):
        put = Account(account.lamports, account.data, Pubkey.from_string(account.owner))
        chain.bank.put(Pubkey.from_string(account.address), put)

    def parsed(address: Address) -> object:
        held = chain.bank.account(Pubkey.from_string(address))
        assert held is not None
        shown = encode_account(held, encoding="jsonParsed", data_slice=None, read=chain.bank.account)
        return shown["data"]

    match parsed(mint):
        case {
            "program": "spl-token-2022",
            "parsed": {"type": "mint", "info": {"decimals": 6, "extensions": [extension, *_]}},
        }:
            assert extension["extension"] == "transferFeeConfig"
            assert extension["state"]["newerTransferFee"]["transferFeeBasisPoints"] == 150
        case other:
            pytest.fail(str(other))
    match parsed(holder):
        case {"parsed": {"type": "account", "info": {"tokenAmount": amount, "extensions": extensions}}}:
            assert amount["uiAmountString"] == "1.5"
            assert {"extension": "transferFeeAmount", "state": {"withheldAmount": 0}} in extensions
        case other:
            pytest.fail(str(other))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("BlockhashNotFound", "Blockhash not found"),
        ({"InstructionError": [2, "IllegalOwner"]}, "Error processing Instruction 2: Provided owner is not allowed"),
        ({"InstructionError": [0, {"Custom": 6005}]}, "Error processing Instruction 0: custom program error: 0x1775"),
        ({"InsufficientFundsForRent": {"account_index": 1}}, "Transaction results in an account (1) with insufficient funds for rent"),
        ("SomethingNew", "SomethingNew"),
    ],
)  # fmt: skip
def test_errors_read_as_a_node_writes_them(error: object, text: str) -> None:
    assert error_text(error) == text
