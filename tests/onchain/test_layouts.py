"""SPL accounts and Token-2022 extensions from bytes; program events from log lines."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain.chain import Account
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, WSOL, Address
from chimera.onchain.keys import address_bytes, address_text
from chimera.onchain.layouts import (
    TransferFee,
    discriminator,
    extensions,
    is_mint,
    is_token_account,
    read_mint,
    read_token_account,
    read_transfer_fees,
)
from chimera.onchain.logs import events

OWNER = address_text(bytes(range(32)))
EPOCH_SLOTS = 432_000


def mint(tail: bytes = b"", *, program: Address = TOKEN_PROGRAM, authorities: bool = True) -> Account:
    authority = (1).to_bytes(4, "little") + address_bytes(OWNER) if authorities else bytes(36)
    data = authority + (2**64 - 1).to_bytes(8, "little") + b"\x09\x01" + authority
    return Account(WSOL, program, 1, data + tail)


def with_extensions(*values: tuple[int, bytes]) -> Account:
    tail = bytes(165 - 82) + b"\x01"
    for kind, value in values:
        tail += kind.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value
    return mint(tail, program=TOKEN_2022_PROGRAM)


def fee_record(epoch: int, maximum: int, bps: int) -> bytes:
    return epoch.to_bytes(8, "little") + maximum.to_bytes(8, "little") + bps.to_bytes(2, "little")


FEES = bytes(72) + fee_record(0, 50, 100) + fee_record(3, 70, 200)


def test_a_mint_says_its_decimals_supply_and_authorities() -> None:
    token = read_mint(mint(), slot=5)
    assert (token.mint, token.decimals, token.supply, token.slot) == (WSOL, 9, 2**64 - 1, 5)
    assert token.mint_authority == token.freeze_authority == OWNER
    bare = read_mint(mint(authorities=False), slot=5)
    assert bare.mint_authority is None
    assert bare.freeze_authority is None
    assert not token.is_token_2022


def test_a_fee_holds_from_its_epoch_on() -> None:
    account = with_extensions((18, bytes(64)), (1, FEES), (99, b""))
    fees = read_transfer_fees(account)
    assert fees.at(2) == TransferFee(0, 50, 100)
    assert fees.at(3) == TransferFee(3, 70, 200)
    before, after = read_mint(account, slot=3 * EPOCH_SLOTS - 1), read_mint(account, slot=3 * EPOCH_SLOTS)
    assert (before.transfer_fee_bps, before.transfer_fee_max) == (100, 50)
    assert (after.transfer_fee_bps, after.transfer_fee_max) == (200, 70)
    assert after.extensions == ("metadata_pointer", "transfer_fee_config", "extension_99")


def test_the_older_program_has_no_extensions() -> None:
    account = with_extensions((1, FEES))
    assert extensions(Account(account.address, TOKEN_PROGRAM, 1, account.data)) == {}


def test_broken_extensions_are_decode_errors() -> None:
    whole = with_extensions((1, FEES))
    with pytest.raises(DecodeError):
        read_transfer_fees(Account(WSOL, TOKEN_2022_PROGRAM, 1, whole.data[:-1]))
    with pytest.raises(DecodeError):
        read_transfer_fees(with_extensions((1, FEES[:-1])))


def test_a_token_account_says_whose_and_how_many() -> None:
    data = address_bytes(WSOL) + address_bytes(OWNER) + (77).to_bytes(8, "little") + bytes(36)
    data += b"\x02" + (1).to_bytes(4, "little") + bytes(52)
    held = read_token_account(Account(OWNER, TOKEN_PROGRAM, 1, data))
    assert (held.mint, held.owner, held.amount, held.frozen, held.native) == (WSOL, OWNER, 77, True, True)


def test_mints_and_token_accounts_are_told_apart() -> None:
    padded = mint(bytes(165 - 82), program=TOKEN_2022_PROGRAM).data
    as_mint = Account(WSOL, TOKEN_2022_PROGRAM, 1, padded + b"\x01")
    as_account = Account(WSOL, TOKEN_2022_PROGRAM, 1, padded[:108] + b"\x01" + padded[109:] + b"\x02")
    assert is_mint(as_mint) and not is_token_account(as_mint)
    assert is_token_account(as_account) and not is_mint(as_account)
    foreign = Account(WSOL, OWNER, 1, mint().data)
    assert not is_mint(foreign) and not is_token_account(foreign)
    with pytest.raises(DecodeError):
        read_mint(as_account, slot=1)
    with pytest.raises(DecodeError):
        read_token_account(as_mint)


@given(st.binary(max_size=400), st.sampled_from((TOKEN_PROGRAM, TOKEN_2022_PROGRAM)))
def test_any_bytes_are_read_or_refused(data: bytes, program: Address) -> None:
    account = Account(WSOL, program, 1, data)
    for read in (lambda: read_mint(account, slot=1), lambda: read_token_account(account)):
        try:
            read()
        except DecodeError:
            continue


def test_discriminators_are_anchors() -> None:
    assert discriminator("global", "swap_base_input").hex() == "8fbe5adac41e33de"
    assert discriminator("account", "PoolState").hex() == "f7ede3f5d7c3de46"


A, B = address_text(b"a" * 32), address_text(b"b" * 32)


def line(payload: bytes) -> str:
    return "Program data: " + b64encode(payload).decode()


def test_events_belong_to_the_program_that_runs() -> None:
    told = [
        f"Program {A} invoke [1]",
        "Program log: Instruction: Route",
        line(b"a1"),
        f"Program {B} invoke [2]",
        line(b"b1"),
        f"Program {B} consumed 5 of 9 compute units",
        f"Program {B} success",
        line(b"a2"),
        f"Program {A} success",
        f"Program {B} invoke [1]",
        line(b"b2"),
        f"Program {B} failed: custom program error: 0x1",
        line(b"nobody"),
    ]
    assert events(told, A) == [b"a1", b"a2"]
    assert events(told, B) == [b"b1", b"b2"]


def test_a_program_cannot_speak_for_another_by_logging_its_lines() -> None:
    told = [
        f"Program {A} invoke [1]",
        f"Program log: Program {B} invoke [2]",
        f"Program log: invoke {B}",
        f"Program {B} success",
        line(b"x"),
        f"Program {A} success",
    ]
    assert events(told, B) == []
    assert events(told, A) == [b"x"]
