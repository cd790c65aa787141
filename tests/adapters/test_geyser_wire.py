"""Geyser messages become chain facts and wishes become requests, field by field."""

import pytest

from chimera.adapters.geyser_wire import item, request
from chimera.domain.chain import (
    Account,
    AccountUpdate,
    BlockUpdate,
    Commitment,
    SlotStatus,
    SlotUpdate,
    TokenBalance,
    TransactionUpdate,
)
from chimera.domain.errors import Garbled
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Address
from chimera.ports.chain import Subscription
from chimera.ports.venue import AccountFilter
from chimera.proto import geyser_pb2 as pb

KEYS = [bytes([number]) * 32 for number in range(1, 9)]
# Base58 of 0x01 * 32 and so on, from an independent encoder.
A1 = "4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi"
A2 = "8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR"
A3 = "CktRuQ2mttgRGkXJtyksdKHjUdc2C4TgDzyB98oEzy8"
SIGNATURE = bytes(range(64))


def read(update: pb.SubscribeUpdate) -> object:
    return item(update.SerializeToString())


def test_an_account_keeps_its_owner_lamports_data_order_and_writer() -> None:
    info = pb.SubscribeUpdateAccountInfo(
        pubkey=KEYS[0],
        owner=KEYS[1],
        lamports=2**64 - 1,
        data=b"state",
        write_version=7,
        txn_signature=SIGNATURE,
    )
    found = read(pb.SubscribeUpdate(account=pb.SubscribeUpdateAccount(account=info, slot=5)))
    assert isinstance(found, AccountUpdate)
    assert found.account == Account(address=Address(A1), owner=Address(A2), lamports=2**64 - 1, data=b"state")
    assert (found.slot, found.write_version) == (5, 7)
    assert found.signature is not None and len(found.signature) > 80


def test_an_account_written_by_the_chain_itself_has_no_signature() -> None:
    info = pb.SubscribeUpdateAccountInfo(pubkey=KEYS[0], owner=KEYS[1])
    found = read(pb.SubscribeUpdate(account=pb.SubscribeUpdateAccount(account=info, slot=5)))
    assert isinstance(found, AccountUpdate) and found.signature is None


def transaction() -> pb.SubscribeUpdate:
    """Two outer instructions, the first of which calls two levels deep; keys 3 and 4 are loaded ones."""
    made = pb.SubscribeUpdate(transaction=pb.SubscribeUpdateTransaction(slot=9))
    info = made.transaction.transaction
    info.signature, info.index = SIGNATURE, 3
    info.transaction.message.account_keys.extend(KEYS[:3])
    info.transaction.message.versioned = True
    info.transaction.message.instructions.add(program_id_index=2, accounts=bytes([0, 3]), data=b"outer-0")
    info.transaction.message.instructions.add(program_id_index=1, accounts=b"", data=b"outer-1")
    meta = info.meta
    meta.loaded_writable_addresses.append(KEYS[3])
    meta.loaded_readonly_addresses.append(KEYS[4])
    inner = meta.inner_instructions.add(index=0).instructions
    inner.add(program_id_index=4, accounts=bytes([3]), data=b"inner-0", stack_height=2)
    inner.add(program_id_index=2, accounts=bytes([4]), data=b"inner-1", stack_height=3)
    inner.add(program_id_index=4, accounts=b"", data=b"inner-2")
    meta.fee, meta.compute_units_consumed = 5000, 1234
    meta.pre_balances.extend([10, 0, 0, 0, 0])
    meta.post_balances.extend([5, 0, 0, 0, 0])
    meta.log_messages.append("Program log: hello")
    balance = meta.post_token_balances.add(account_index=3, mint=WSOL, owner=A1, program_id=TOKEN_PROGRAM)
    balance.ui_token_amount.amount, balance.ui_token_amount.decimals = str(2**63), 9
    return made


def test_a_transaction_lists_its_instructions_in_order_of_execution_with_loaded_addresses() -> None:
    found = read(transaction())
    assert isinstance(found, TransactionUpdate)
    assert [(called.data, called.depth) for called in found.instructions] == [
        (b"outer-0", 0),
        (b"inner-0", 1),
        (b"inner-1", 2),
        (b"inner-2", 1),
        (b"outer-1", 0),
    ]
    assert found.accounts[:3] == (A1, A2, A3) and len(found.accounts) == 5
    assert found.instructions[0].program == A3
    assert found.instructions[0].accounts == (A1, found.accounts[3])
    assert found.instructions[1].program == found.accounts[4]
    assert found.fee_payer == A1
    assert (found.slot, found.index, found.fee_lamports, found.compute_units) == (9, 3, 5000, 1234)
    assert found.pre_lamports[0] - found.post_lamports[0] == 5
    assert found.post_tokens == (
        TokenBalance(account=found.accounts[3], mint=WSOL, owner=Address(A1), amount=2**63, decimals=9),
    )
    assert found.logs == ("Program log: hello",)
    assert found.error is None


def test_a_failed_transaction_carries_the_runtime_s_error_as_rpc_shows_it() -> None:
    made = transaction()
    made.transaction.transaction.meta.err.err = bytes.fromhex("08000000" + "02" + "19000000" + "75170000")
    found = read(made)
    assert isinstance(found, TransactionUpdate)
    assert found.error == '{"InstructionError":[2,{"Custom":6005}]}'


def test_slots_and_blocks_are_read_and_interslot_news_is_passed_over() -> None:
    slot = pb.SubscribeUpdateSlot(slot=4, parent=2, status=pb.SLOT_CONFIRMED)
    assert read(pb.SubscribeUpdate(slot=slot)) == SlotUpdate(slot=4, parent=2, status=SlotStatus.CONFIRMED)  # type: ignore[arg-type]
    dead = pb.SubscribeUpdateSlot(slot=4, status=pb.SLOT_DEAD, dead_error="fork")
    assert read(pb.SubscribeUpdate(slot=dead)) == SlotUpdate(slot=4, parent=None, status=SlotStatus.DEAD)  # type: ignore[arg-type]
    created = pb.SubscribeUpdateSlot(slot=4, parent=3, status=pb.SLOT_CREATED_BANK)
    assert read(pb.SubscribeUpdate(slot=created)) is None
    block = pb.SubscribeUpdateBlockMeta(slot=4, blockhash="hash", executed_transaction_count=2)
    block.block_height.block_height, block.block_time.timestamp = 3, 1_700_000_000
    expected = BlockUpdate(slot=4, blockhash="hash", block_height=3, block_time=1_700_000_000, transactions=2)  # type: ignore[arg-type]
    assert read(pb.SubscribeUpdate(block_meta=block)) == expected


def test_pings_and_pongs_come_back_as_they_are() -> None:
    found = read(pb.SubscribeUpdate(ping=pb.SubscribeUpdatePing()))
    assert isinstance(found, pb.SubscribeUpdate) and found.HasField("ping")


def test_an_update_of_a_kind_that_we_do_not_use_is_passed_over() -> None:
    assert read(pb.SubscribeUpdate(entry=pb.SubscribeUpdateEntry(slot=1))) is None
    assert item(b"") is None


def short_key() -> pb.SubscribeUpdate:
    info = pb.SubscribeUpdateAccountInfo(pubkey=b"short", owner=KEYS[0])
    return pb.SubscribeUpdate(account=pb.SubscribeUpdateAccount(account=info))


def dangling_index() -> pb.SubscribeUpdate:
    made = transaction()
    made.transaction.transaction.transaction.message.instructions[0].program_id_index = 77
    return made


def unreadable_amount() -> pb.SubscribeUpdate:
    made = transaction()
    made.transaction.transaction.meta.post_token_balances[0].ui_token_amount.amount = "many"
    return made


@pytest.mark.parametrize("made", [short_key(), dangling_index(), unreadable_amount()])
def test_what_cannot_be_read_is_garbled(made: pb.SubscribeUpdate) -> None:
    with pytest.raises(Garbled, match="geyser"):
        read(made)


def test_bytes_that_are_no_message_are_garbled() -> None:
    with pytest.raises(Garbled, match="cannot be read"):
        item(b"\xff\xff\xff")


def test_one_request_asks_for_everything_and_always_for_slots_and_blocks() -> None:
    wanted = Subscription(
        accounts=(
            AccountFilter(owner=Address(A1)),
            AccountFilter(owner=Address(A2)),
            AccountFilter(owner=Address(A1), data_size=165, memcmp=((32, b"owner"), (0, b"mint"))),
        ),
        addresses=(Address(A3),),
        transactions=(Address(A2),),
        commitment=Commitment.CONFIRMED,
    )
    made = request(wanted, from_slot=17)
    assert made.commitment == pb.CONFIRMED and made.from_slot == 17
    assert list(made.accounts["addresses"].account) == [A3]
    assert list(made.accounts["owners"].owner) == [A1, A2]
    narrowed = made.accounts["owner-0"]
    assert list(narrowed.owner) == [A1]
    assert narrowed.filters[0].datasize == 165
    assert [(one.memcmp.offset, one.memcmp.bytes) for one in narrowed.filters[1:]] == [
        (32, b"owner"),
        (0, b"mint"),
    ]
    assert set(made.accounts) == {"addresses", "owners", "owner-0"}
    sought = made.transactions["transactions"]
    assert list(sought.account_include) == [A2] and sought.vote is False
    assert not sought.HasField("failed"), "failed transactions are wanted too"
    assert made.slots["slots"].interslot_updates and not made.slots["slots"].filter_by_commitment
    assert "blocks" in made.blocks_meta


def test_an_empty_wish_still_brings_slots_and_blocks_and_never_means_everything() -> None:
    made = request(Subscription())
    assert not made.accounts and not made.transactions and not made.HasField("from_slot")
    assert made.slots and made.blocks_meta
