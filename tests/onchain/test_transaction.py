"""Our messages against solders, byte for byte."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import AccountMeta as SoldersMeta
from solders.instruction import Instruction as SoldersInstruction
from solders.keypair import Keypair
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from chimera.domain.chain import AccountMeta, InstructionCall
from chimera.domain.errors import DecodeError
from chimera.domain.ids import Address
from chimera.domain.risk import Reason
from chimera.onchain import transaction as wire
from chimera.onchain.keys import pubkey

KEYS = [Keypair.from_seed(bytes([place]) * 32) for place in range(1, 41)]
ADDRESSES = [Address(str(key.pubkey())) for key in KEYS]
BLOCKHASH = Hash(bytes(range(32)))


@st.composite
def calls(draw: st.DrawFn) -> list[InstructionCall]:
    count = draw(st.integers(1, 6))
    made = []
    for _ in range(count):
        metas = draw(
            st.lists(st.tuples(st.sampled_from(ADDRESSES[:30]), st.booleans(), st.booleans()), max_size=12)
        )
        program = draw(st.sampled_from(ADDRESSES[28:40]))
        data = draw(st.binary(max_size=300))
        accounts = tuple(
            AccountMeta(address, signer and index < 3, writable)
            for index, (address, signer, writable) in enumerate(metas)
        )
        made.append(InstructionCall(program, accounts, data))
    return made


@st.composite
def lookup_tables(draw: st.DrawFn) -> tuple[wire.LookupTable, ...]:
    tables = draw(st.lists(st.lists(st.sampled_from(ADDRESSES), max_size=40), max_size=3))
    return tuple(
        wire.LookupTable(Address(str(Pubkey(bytes([99, place]) + bytes(30)))), tuple(addresses))
        for place, addresses in enumerate(tables)
    )


def as_solders(made: list[InstructionCall]) -> list[SoldersInstruction]:
    return [
        SoldersInstruction(
            pubkey(call.program),
            call.data,
            [SoldersMeta(pubkey(meta.address), meta.is_signer, meta.is_writable) for meta in call.accounts],
        )
        for call in made
    ]


@settings(max_examples=300, deadline=None)
@given(calls(), lookup_tables())
def test_v0_messages_equal_those_of_solders(
    made: list[InstructionCall], tables: tuple[wire.LookupTable, ...]
) -> None:
    theirs = MessageV0.try_compile(
        pubkey(ADDRESSES[0]),
        as_solders(made),
        [AddressLookupTableAccount(pubkey(t.address), [pubkey(a) for a in t.addresses]) for t in tables],
        BLOCKHASH,
    )
    ours = wire.compile_v0(made, payer=ADDRESSES[0], blockhash=str(BLOCKHASH), tables=tables)
    assert ours == b"\x80" + bytes(theirs)
    assert wire.signers_required(ours) == theirs.header.num_required_signatures


@settings(max_examples=200, deadline=None)
@given(calls())
def test_legacy_messages_equal_those_of_solders(made: list[InstructionCall]) -> None:
    theirs = Message.new_with_blockhash(as_solders(made), pubkey(ADDRESSES[0]), BLOCKHASH)
    assert wire.compile_legacy(made, payer=ADDRESSES[0], blockhash=str(BLOCKHASH)) == bytes(theirs)


def test_a_repeated_shape_with_other_data_and_blockhash_is_compiled_afresh() -> None:
    account = AccountMeta(ADDRESSES[1], is_signer=False, is_writable=True)
    for data, blockhash in ((b"first", BLOCKHASH), (b"second, longer", Hash(bytes(32)))):
        made = [InstructionCall(ADDRESSES[2], (account,), data)]
        theirs = MessageV0.try_compile(pubkey(ADDRESSES[0]), as_solders(made), [], blockhash)
        assert wire.compile_v0(made, payer=ADDRESSES[0], blockhash=str(blockhash)) == b"\x80" + bytes(theirs)


@pytest.mark.parametrize("legacy", [False, True])
def test_an_attached_signature_makes_the_transaction_that_solders_makes(legacy: bool) -> None:
    account = AccountMeta(ADDRESSES[1], is_signer=True, is_writable=True)
    made = [InstructionCall(ADDRESSES[2], (account,), b"data")]
    compile_ = wire.compile_legacy if legacy else wire.compile_v0
    message = compile_(made, payer=ADDRESSES[0], blockhash=str(BLOCKHASH))
    signatures = [bytes(KEYS[0].sign_message(message)), bytes(KEYS[1].sign_message(message))]

    sent = wire.attach_signatures(message, signatures)

    read = VersionedTransaction.from_bytes(sent)
    read.sanitize()
    assert read.verify_and_hash_message() is not None
    assert bytes(read) == sent
    assert wire.signature_in(sent) == str(read.signatures[0])
    assert wire.message_in(sent) == message
    assert len(sent) == wire.signed_size(message)


def test_a_transaction_takes_exactly_as_many_signatures_as_it_wants() -> None:
    message = wire.compile_v0(
        [InstructionCall(ADDRESSES[2], (), b"")], payer=ADDRESSES[0], blockhash=str(BLOCKHASH)
    )
    for wrong in ([], [bytes(64)] * 2, [bytes(63)]):
        with pytest.raises(ValueError, match="wants 1 signatures"):
            wire.attach_signatures(message, wrong)


def test_a_message_past_one_packet_is_refused_by_name_and_cannot_be_assembled() -> None:
    def message(size: int) -> bytes:
        call = InstructionCall(ADDRESSES[2], (), random.Random(1).randbytes(size))
        return wire.compile_v0([call], payer=ADDRESSES[0], blockhash=str(BLOCKHASH))

    room = wire.WIRE_BYTES_MAX - wire.signed_size(message(1000)) + 1000
    assert wire.oversize(message(room)) is None
    assert len(wire.unsigned(message(room))) == 1_232
    refusal = wire.oversize(message(room + 1))
    assert refusal is not None
    assert refusal.reason is Reason.TRANSACTION_TOO_LARGE
    assert refusal.observed == "1233 bytes"
    with pytest.raises(ValueError, match="1233"):
        wire.unsigned(message(room + 1))


def test_more_accounts_than_a_byte_can_name_are_refused() -> None:
    metas = tuple(
        AccountMeta(Address(str(Pubkey(place.to_bytes(32, "big")))), is_signer=False, is_writable=False)
        for place in range(1, 257)
    )
    with pytest.raises(ValueError, match="258 accounts"):
        wire.compile_v0(
            [InstructionCall(ADDRESSES[2], metas, b"")], payer=ADDRESSES[0], blockhash=str(BLOCKHASH)
        )


@pytest.mark.parametrize(
    "garbage", [b"", b"\x00", b"\x01", b"\x01" + bytes(63), b"\xff\xff\xff\xff", b"\x80"]
)
def test_bytes_that_are_no_transaction_are_a_decode_error(garbage: bytes) -> None:
    with pytest.raises(DecodeError):
        wire.signature_in(garbage)
    with pytest.raises(DecodeError):
        wire.signers_required(garbage[:3])


def test_a_text_that_is_no_address_is_a_decode_error() -> None:
    with pytest.raises(DecodeError, match="not an address"):
        wire.compile_v0([], payer=Address("0OIl"), blockhash=str(BLOCKHASH))
    with pytest.raises(DecodeError, match="not a blockhash"):
        wire.compile_v0([], payer=ADDRESSES[0], blockhash="short")
