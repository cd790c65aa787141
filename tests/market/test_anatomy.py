"""What the inspector says of accounts that we know, that changed, and that nobody knows."""

import msgspec

from chimera.domain.chain import Account, Instruction, TransactionUpdate
from chimera.domain.ids import SYSTEM_PROGRAM, TOKEN_PROGRAM, Signature, Slot
from chimera.localnet.genesis import genesis
from chimera.market.anatomy import dissect, dissect_role, dissect_transaction
from chimera.plugins import venues
from chimera.testing.builders import address

ACCOUNTS = {
    found.address: Account(found.address, found.owner, found.lamports, bytes(found.data))
    for found in genesis(7).accounts
}
CPMM = venues()["raydium_cpmm"]
POOL = next(account for account in ACCOUNTS.values() if CPMM.recognise(account))


def test_every_field_of_a_pool_has_its_offset_and_every_byte_is_read_or_named_unread() -> None:
    found = dissect(POOL, venues())
    assert found.understood
    assert found.kind == "raydium_cpmm pool"
    by_name = {field.name: field for field in found.fields}
    state = CPMM.decode(POOL, slot=0)
    roles = CPMM.roles(state)
    assert (by_name["state.amm_config"].offset, by_name["state.amm_config"].value) == (8, roles["amm_config"])
    assert (by_name["state.vault_1"].offset, by_name["state.vault_1"].value) == (104, roles["vault_1"])
    assert (by_name["state.status"].offset, by_name["state.status"].size) == (329, 1)
    assert by_name["state.uncollected_1[0]"].offset == 349
    assert dict(found.roles) == dict(roles)
    covered = bytearray(found.size)
    for part in (*found.fields, *found.unread):
        for at in range(part.offset, part.offset + part.size):
            covered[at] += 1
    assert min(covered) >= 1
    assert all(bytes.fromhex(part.hex) == POOL.data[part.offset :][: part.size] for part in found.unread)


def test_every_kind_of_account_that_the_genesis_pools_are_made_of_is_dissected() -> None:
    pool = CPMM.decode(POOL, slot=0)
    for role, where in CPMM.roles(pool).items():
        if where not in ACCOUNTS:
            continue
        found = dissect_role(CPMM, pool, role, ACCOUNTS[where])
        assert found.understood, (role, found.trouble)
        assert any(field.name for field in found.fields), role
    config = dissect_role(CPMM, pool, "amm_config", ACCOUNTS[CPMM.roles(pool)["amm_config"]])
    assert next(f for f in config.fields if f.name.endswith("trade_rate")).offset == 12
    vault = dissect(ACCOUNTS[CPMM.roles(pool)["vault_0"]], venues())
    amount = next(field for field in vault.fields if field.name == "amount")
    assert (vault.kind, amount.offset) == ("token account", 64)


def test_a_pool_that_got_shorter_says_why_it_is_not_understood() -> None:
    cut = dissect(msgspec.structs.replace(POOL, data=POOL.data[:300]), venues())
    assert (cut.kind, cut.understood) == ("raydium_cpmm pool", False)
    assert "300 bytes" in cut.trouble


def test_an_account_of_a_venue_with_another_discriminator_is_named_by_its_first_bytes() -> None:
    other = msgspec.structs.replace(POOL, data=b"\x01\x02\x03\x04\x05\x06\x07\x08" + POOL.data[8:])
    found = dissect(other, venues())
    assert not found.understood
    assert "0102030405060708" in found.trouble
    assert sum(part.size for part in found.unread) == found.size


def test_a_strangers_account_is_unread_from_end_to_end() -> None:
    found = dissect(Account(address("x"), SYSTEM_PROGRAM, 1, b"hello"), venues())
    assert (found.kind, found.understood) == ("", False)
    assert [(part.offset, part.size) for part in found.unread] == [(0, 5)]


def test_an_instruction_of_a_venue_that_is_no_swap_to_us_is_pointed_at() -> None:
    calls = (
        Instruction(TOKEN_PROGRAM, (), b"\x03"),
        Instruction(CPMM.program, (address("a"), address("b")), bytes(range(24))),
    )
    transaction = TransactionUpdate(
        signature=Signature("1" * 64), slot=Slot(5), index=0, accounts=(), instructions=calls, fee_lamports=0,
        pre_lamports=(), post_lamports=(), pre_tokens=(), post_tokens=(), logs=(), compute_units=0,
    )  # fmt: skip
    found = dissect_transaction(transaction, venues())
    assert found.silent == (1,)
    assert [call.venue for call in found.calls] == ["", "raydium_cpmm"]
    assert found.calls[1].data == bytes(range(24)).hex()
