"""The committed protobuf code is what the .proto files say, and the runtime's errors read as RPC shows them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata
from solders.transaction_status import InstructionErrorFieldless, TransactionErrorFieldless

from chimera.proto import geyser_pb2 as pb
from chimera.proto import service
from chimera.proto.transaction_error import (
    INSTRUCTION_ERRORS,
    TRANSACTION_ERRORS,
    decode,
    error_text,
)

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_code_matches_the_proto_files() -> None:
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed")
    done = subprocess.run(
        [sys.executable, ROOT / "proto" / "generate.py", "--check"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_method_of_the_table_is_in_the_proto_file_with_these_types() -> None:
    described = pb.DESCRIPTOR.services_by_name["Geyser"]
    table = {value.name: value for value in vars(service).values() if isinstance(value, service.Method)}
    assert set(table) == set(described.methods_by_name)
    for name, method in described.methods_by_name.items():
        assert table[name].request.DESCRIPTOR is method.input_type
        assert table[name].response.DESCRIPTOR is method.output_type
        assert table[name].path == f"/geyser.Geyser/{name}"


@pytest.mark.parametrize(
    ("message", "numbers"),
    [
        # Wire numbers as the public protocol has them; a slip here is silent garbage at a provider.
        (
            pb.SubscribeUpdate,
            {"account": 2, "slot": 3, "transaction": 4, "block": 5, "ping": 6, "block_meta": 7},
        ),
        (
            pb.SubscribeUpdate,
            {"entry": 8, "pong": 9, "transaction_status": 10, "created_at": 11, "filters": 1},
        ),
        (pb.SubscribeRequest, {"accounts": 1, "slots": 2, "transactions": 3, "blocks": 4, "blocks_meta": 5}),
        (
            pb.SubscribeRequest,
            {"commitment": 6, "accounts_data_slice": 7, "entry": 8, "ping": 9, "from_slot": 11},
        ),
        (pb.SubscribeRequest, {"transactions_status": 10}),
        (
            pb.SubscribeUpdateAccountInfo,
            {"pubkey": 1, "lamports": 2, "owner": 3, "data": 6, "txn_signature": 8},
        ),
        (pb.SubscribeUpdateTransactionInfo, {"signature": 1, "transaction": 3, "meta": 4, "index": 5}),
        (pb.TransactionStatusMeta, {"err": 1, "fee": 2, "inner_instructions": 5, "log_messages": 6}),
        (pb.TransactionStatusMeta, {"loaded_writable_addresses": 12, "compute_units_consumed": 16}),
        (pb.SubscribeUpdateBlockMeta, {"slot": 1, "blockhash": 2, "block_time": 4, "block_height": 5}),
    ],
)
def test_field_numbers_are_those_of_the_protocol(message: type, numbers: dict[str, int]) -> None:
    fields = message.DESCRIPTOR.fields_by_name  # type: ignore[attr-defined]
    assert {name: fields[name].number for name in numbers} == numbers


def test_errors_without_fields_read_as_their_name() -> None:
    for name in TRANSACTION_ERRORS:
        member = getattr(TransactionErrorFieldless, name, None)
        if member is not None:
            index = TRANSACTION_ERRORS.index(name).to_bytes(4, "little")
            assert decode(index) == name


def test_the_name_lists_hold_every_error_that_solders_knows() -> None:
    known = {name for name in dir(TransactionErrorFieldless) if name[0].isupper()}
    assert known <= set(TRANSACTION_ERRORS) and len(TRANSACTION_ERRORS) == len(known) + 4
    known = {name for name in dir(InstructionErrorFieldless) if name[0].isupper()}
    assert known | {"Custom"} == set(INSTRUCTION_ERRORS)


def test_errors_with_fields_read_as_rpc_shows_them() -> None:
    # Byte strings as a node sends them: u32 index, u8 instruction, u32 index, fields.
    custom = bytes.fromhex("08000000" + "02" + "19000000" + "75170000")
    assert error_text(custom) == '{"InstructionError":[2,{"Custom":6005}]}'
    seeds = bytes.fromhex("08000000" + "00" + "23000000")
    assert error_text(seeds) == '{"InstructionError":[0,"InvalidSeeds"]}'
    assert error_text(bytes.fromhex("1e000000" + "07")) == '{"DuplicateInstruction":7}'
    rent = bytes.fromhex("1f000000" + "01")
    assert error_text(rent) == '{"InsufficientFundsForRent":{"account_index":1}}'


def test_real_runtime_errors_read_as_the_runtime_itself_shows_them() -> None:
    svm = LiteSVM()
    payer, poor = Keypair.from_seed(bytes(32)), Keypair.from_seed(bytes([1] * 32))
    svm.airdrop(payer.pubkey(), 10**9)
    system = Pubkey.default()
    failing = [
        (payer, Instruction(system, b"\xff\xff\xff\xff", [])),  # no such instruction
        (payer, Instruction(system, (2).to_bytes(4, "little") + bytes(8), [])),  # accounts missing
        (payer, transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=system, lamports=10**10))),
        (poor, transfer(TransferParams(from_pubkey=poor.pubkey(), to_pubkey=system, lamports=1))),
        (payer, Instruction(poor.pubkey(), b"", [])),  # no such program
        (payer, transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=poor.pubkey(), lamports=1))),
    ]
    seen = set()
    for signer, instruction in failing:
        message = Message.new_with_blockhash([instruction], signer.pubkey(), svm.latest_blockhash())
        result = svm.send_transaction(VersionedTransaction(message, [signer]))
        assert isinstance(result, FailedTransactionMetadata)
        # The error's bincode comes first, then the metadata's.
        written = bytes(result)[: -len(bytes(result.meta()))]
        shown = json.loads(result.to_json())["err"]
        assert decode(written) == shown
        seen.add(json.dumps(shown))
    assert len(seen) == len(failing), seen


def test_the_older_borsh_error_keeps_its_text() -> None:
    data = (
        (8).to_bytes(4, "little") + b"\x01" + (44).to_bytes(4, "little") + (3).to_bytes(8, "little") + b"bad"
    )
    assert decode(data) == {"InstructionError": [1, {"BorshIoError": "bad"}]}


def test_an_error_newer_than_our_lists_keeps_its_number_and_a_short_one_is_refused() -> None:
    assert error_text((99).to_bytes(4, "little")) == '{"Unknown":99}'
    for short in (b"", b"\x08", b"\x08\0\0\0", b"\x08\0\0\0\x01\x19\0\0\0\x01"):
        with pytest.raises(ValueError, match="ends early"):
            decode(short)
