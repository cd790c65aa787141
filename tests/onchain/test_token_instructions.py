"""Our instructions against those that solders and spl write."""

import pytest
import spl.memo.instructions as spl_memo
import spl.memo.models as memo_models
import spl.token.instructions as spl
from hypothesis import given
from hypothesis import strategies as st
from solders import compute_budget, system_program
from solders.instruction import Instruction as SoldersInstruction
from solders.pubkey import Pubkey
from spl.memo.constants import MEMO_PROGRAM_ID
from spl.token import models

from chimera.domain.chain import AccountMeta, InstructionCall
from chimera.domain.errors import DecodeError
from chimera.domain.ids import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address
from chimera.onchain import keys
from chimera.onchain import token_instructions as make
from chimera.onchain.keys import pubkey

A, B, C, D = (Address(str(Pubkey(bytes([place]) * 32))) for place in (1, 2, 3, 4))
PROGRAMS = [TOKEN_PROGRAM, TOKEN_2022_PROGRAM]


def same(ours: InstructionCall, theirs: SoldersInstruction) -> None:
    assert ours.program == str(theirs.program_id)
    assert ours.data == bytes(theirs.data)
    assert [(m.address, m.is_signer, m.is_writable) for m in ours.accounts] == [
        (str(m.pubkey), m.is_signer, m.is_writable) for m in theirs.accounts
    ]


@pytest.mark.parametrize("program", PROGRAMS)
def test_token_instructions_equal_those_of_spl(program: Address) -> None:
    a, b, c, d, at = pubkey(A), pubkey(B), pubkey(C), pubkey(D), pubkey(program)
    same(
        make.create_token_account(payer=A, owner=B, mint=C, token_program=program),
        spl.create_idempotent_associated_token_account(a, b, c, token_program_id=at),
    )
    same(
        make.close_token_account(account=A, destination=B, owner=C, token_program=program),
        spl.close_account(models.CloseAccountParams(program_id=at, account=a, dest=b, owner=c)),
    )
    same(
        make.sync_native(A, token_program=program),
        spl.sync_native(models.SyncNativeParams(program_id=at, account=a)),
    )
    same(
        make.transfer_checked(
            source=A, mint=B, destination=C, owner=D, amount=2**64 - 1, decimals=9, token_program=program
        ),
        spl.transfer_checked(
            models.TransferCheckedParams(
                program_id=at, source=a, mint=b, dest=c, owner=d, amount=2**64 - 1, decimals=9
            )
        ),
    )
    same(
        make.mint_to_checked(mint=A, destination=B, authority=C, amount=7, decimals=5, token_program=program),
        spl.mint_to_checked(
            models.MintToCheckedParams(program_id=at, mint=a, dest=b, mint_authority=c, amount=7, decimals=5)
        ),
    )
    same(
        make.freeze_token_account(account=A, mint=B, authority=C, token_program=program),
        spl.freeze_account(models.FreezeAccountParams(program_id=at, account=a, mint=b, authority=c)),
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_associated_token_address_depends_on_the_token_program(program: Address) -> None:
    theirs = spl.get_associated_token_address(pubkey(A), pubkey(B), pubkey(program))
    assert keys.associated_token_address(owner=A, mint=B, token_program=program) == str(theirs)


@given(st.integers(0, 2**64 - 1))
def test_a_system_transfer_equals_that_of_solders(lamports: int) -> None:
    params = system_program.TransferParams(from_pubkey=pubkey(A), to_pubkey=pubkey(B), lamports=lamports)
    same(make.system_transfer(source=A, destination=B, lamports=lamports), system_program.transfer(params))


def test_compute_budget_instructions_equal_those_of_solders() -> None:
    same(make.compute_unit_limit(1_400_000), compute_budget.set_compute_unit_limit(1_400_000))
    same(make.compute_unit_price(2**64 - 1), compute_budget.set_compute_unit_price(2**64 - 1))


def test_a_memo_says_what_spl_says_but_leaves_its_signer_read_only() -> None:
    text = "für später"
    params = memo_models.MemoParams(program_id=MEMO_PROGRAM_ID, signer=pubkey(A), message=text.encode())
    ours, theirs = make.memo(text, A), spl_memo.create_memo(params)
    assert (ours.program, ours.data) == (str(theirs.program_id), bytes(theirs.data))
    # The program's own client (spl-memo build_memo) marks signers read-only; the Python port writes them.
    assert ours.accounts == (AccountMeta(A, is_signer=True, is_writable=False),)


@given(st.binary(max_size=80))
def test_base58_comes_back_as_it_went(raw: bytes) -> None:
    assert keys.base58_decode(keys.base58_encode(raw)) == raw
    if len(raw) == 32:
        assert keys.base58_encode(raw) == keys.address_text(raw)


def test_base58_equals_that_of_solders() -> None:
    for raw in (bytes(32), bytes([255]) * 32, bytes(31) + b"\x01", bytes(range(32))):
        assert keys.base58_encode(raw) == str(Pubkey(raw))
        assert keys.base58_decode(str(Pubkey(raw))) == raw == keys.address_bytes(keys.address_text(raw))
    assert keys.address_text(bytes(32)) == SYSTEM_PROGRAM


@pytest.mark.parametrize("text", ["", "0", "l", "11111111111111111111111111111111" * 2, "ü", "abc"])
def test_what_is_no_address_is_a_decode_error(text: str) -> None:
    with pytest.raises(DecodeError):
        keys.address_bytes(Address(text))


def test_what_is_no_base58_is_a_decode_error() -> None:
    with pytest.raises(DecodeError, match="'0'"):
        keys.base58_decode("10")
    with pytest.raises(DecodeError, match="32 bytes"):
        keys.address_text(b"short")
    with pytest.raises(DecodeError, match="64 bytes"):
        keys.signature_text(b"short")
