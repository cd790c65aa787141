"""The embedded chain by itself: execution, commitments, forks, blockhashes, bundles."""

from collections.abc import Sequence

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from chimera.domain.chain import Commitment
from chimera.localnet.chain import ChainOptions, Dropped, EmbeddedChain, Landed
from chimera.localnet.events import AccountWritten, BlockSealed, SlotChanged, SlotPhase, TransactionExecuted
from chimera.localnet.wire import WireError

SOL = 10**9
FEE = 5_000


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def chain(clock: Clock) -> EmbeddedChain:
    return EmbeddedChain(ChainOptions(), now=clock)


@pytest.fixture
def payer(chain: EmbeddedChain) -> Keypair:
    """Rich, and that for good."""
    key = Keypair.from_seed(b"p" * 32)
    chain.airdrop(key.pubkey(), 100 * SOL)
    advance(chain, 40)
    return key


def advance(chain: EmbeddedChain, slots: int) -> None:
    for _ in range(slots):
        chain.advance_slot()


def pay(chain: EmbeddedChain, payer: Keypair, to: Pubkey, lamports: int) -> bytes:
    latest = chain.blockhashes.latest(up_to_slot=chain.slot)
    return signed(latest.blockhash, payer, [move(payer, to, lamports)])


def move(payer: Keypair, to: Pubkey, lamports: int) -> Instruction:
    return transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=to, lamports=lamports))


def signed(blockhash: object, payer: Keypair, instructions: Sequence[Instruction]) -> bytes:
    message = Message.new_with_blockhash(instructions, payer.pubkey(), blockhash)  # type: ignore[arg-type]
    return bytes(VersionedTransaction(message, [payer]))


def lamports(chain: EmbeddedChain, key: Pubkey, commitment: Commitment = Commitment.PROCESSED) -> int:
    account = chain.view(commitment).account(key)
    return 0 if account is None else account.lamports


def test_a_transfer_is_seen_at_once_when_processed_and_later_when_confirmed_and_final(
    chain: EmbeddedChain, payer: Keypair
) -> None:
    to = Pubkey.new_unique()
    landed_in = chain.slot
    signature = chain.submit(pay(chain, payer, to, SOL))
    seen = {}
    for _ in range(40):
        for commitment in Commitment:
            if lamports(chain, to, commitment) and commitment not in seen:
                seen[commitment] = chain.slot - landed_in
        chain.advance_slot()
    assert seen == {Commitment.PROCESSED: 0, Commitment.CONFIRMED: 2, Commitment.FINALIZED: 32}
    record = chain.ledger.transaction(signature)
    assert record is not None and record.slot == landed_in and record.error is None
    assert record.pre_balances[0] - record.post_balances[0] == SOL + FEE == SOL + record.fee
    assert record.post_balances[1] == SOL


def test_a_failed_transaction_lands_with_its_error_and_pays_its_fee(
    chain: EmbeddedChain, payer: Keypair
) -> None:
    before = lamports(chain, payer.pubkey())
    outcome = chain.execute(pay(chain, payer, Pubkey.new_unique(), 1000 * SOL))
    assert isinstance(outcome, Landed) and outcome.record.error is not None
    assert outcome.record.error.json == {"InstructionError": [0, {"Custom": 1}]}
    assert outcome.record.error.bincode == bytes.fromhex("08000000001900000001000000")
    assert before - lamports(chain, payer.pubkey()) == FEE


def test_what_a_leader_would_drop_never_lands_and_leaves_its_reason(
    chain: EmbeddedChain, payer: Keypair
) -> None:
    poor = Keypair()
    signature = chain.submit(pay(chain, poor, payer.pubkey(), 1))
    reason = chain.dropped(signature)
    assert reason is not None and reason.json == "AccountNotFound"
    forged = bytearray(pay(chain, payer, poor.pubkey(), SOL))
    forged[1] ^= 1
    outcome = chain.execute(bytes(forged))
    assert isinstance(outcome, Dropped) and outcome.error.json == "SignatureFailure"
    assert chain.ledger.transaction(signature) is None and lamports(chain, poor.pubkey()) == 0


def test_the_same_bytes_land_once(chain: EmbeddedChain, payer: Keypair) -> None:
    wire = pay(chain, payer, Pubkey.new_unique(), SOL)
    chain.execute(wire)
    advance(chain, 5)
    again = chain.execute(wire)
    assert isinstance(again, Dropped) and again.error.json == "AlreadyProcessed"
    record = chain.ledger.transaction(again.signature)
    assert record is not None and record.error is None, "the first landing stays in history"


def test_rent_must_be_paid(chain: EmbeddedChain, payer: Keypair) -> None:
    outcome = chain.execute(pay(chain, payer, Pubkey.new_unique(), 1))
    assert isinstance(outcome, Landed) and outcome.record.error is not None
    assert outcome.record.error.json == {"InsufficientFundsForRent": {"account_index": 1}}


@pytest.mark.parametrize(("blocks", "lands"), [(149, True), (150, False)])
def test_a_blockhash_is_good_for_150_blocks(
    chain: EmbeddedChain, payer: Keypair, blocks: int, lands: bool
) -> None:
    latest = chain.blockhashes.latest(up_to_slot=chain.slot)
    wire = pay(chain, payer, Pubkey.new_unique(), SOL)
    advance(chain, blocks)
    assert (chain.view().height <= latest.last_valid_height) is lands
    outcome = chain.execute(wire)
    assert isinstance(outcome, Landed) is lands
    if isinstance(outcome, Dropped):
        assert outcome.error.json == "BlockhashNotFound"


def test_too_long_and_garbled_bytes_are_refused(chain: EmbeddedChain, payer: Keypair) -> None:
    wire = pay(chain, payer, Pubkey.new_unique(), 1)
    with pytest.raises(WireError, match="too large: 1233 bytes"):
        chain.submit(bytes(1233))
    for bad in (b"", wire[:-1], wire + b"\0", b"\xff" * 100):
        with pytest.raises(WireError):
            chain.submit(bad)


def test_a_fork_takes_back_accounts_history_and_blockhashes(chain: EmbeddedChain, payer: Keypair) -> None:
    to = Pubkey.new_unique()
    height, before = chain.view().height, lamports(chain, payer.pubkey())
    signature = chain.submit(pay(chain, payer, to, SOL))
    advance(chain, 2)
    doomed = chain.blockhashes.latest(up_to_slot=chain.slot).blockhash
    tip = chain.slot
    assert chain.roll_back(2, requeue=False) == (tip - 2, tip - 1, tip)
    assert chain.slot == tip + 1 and chain.view().height == height
    assert lamports(chain, to) == 0 and lamports(chain, payer.pubkey()) == before
    assert chain.ledger.transaction(signature) is None and chain.ledger.block(tip - 2) is None
    late = chain.execute(signed(doomed, payer, [move(payer, to, SOL)]))
    assert isinstance(late, Dropped) and late.error.json == "BlockhashNotFound"


def test_after_a_fork_the_lost_transactions_land_again_in_a_later_slot(
    chain: EmbeddedChain, payer: Keypair
) -> None:
    to = Pubkey.new_unique()
    first = chain.submit(pay(chain, payer, to, SOL))
    second = chain.submit(pay(chain, payer, to, 2 * SOL))
    advance(chain, 1)
    was = chain.slot
    chain.roll_back(1)
    again = [chain.ledger.transaction(signature) for signature in (first, second)]
    assert [record and record.slot for record in again] == [was + 1, was + 1]
    assert lamports(chain, to) == 3 * SOL


def test_a_fork_never_reaches_final_slots(chain: EmbeddedChain, payer: Keypair) -> None:
    root = chain.root
    dead = chain.roll_back(1000)
    assert min(dead) > root and chain.root == root
    advance(chain, 100)
    assert chain.root > root and lamports(chain, payer.pubkey(), Commitment.FINALIZED) == 100 * SOL


def test_a_bundle_lands_whole_and_in_order(chain: EmbeddedChain, payer: Keypair) -> None:
    to = [Pubkey.new_unique() for _ in range(3)]
    result = chain.submit_bundle([pay(chain, payer, key, SOL) for key in to])
    assert result.slot == chain.slot and result.error is None
    records = [chain.ledger.transaction(signature) for signature in result.signatures]
    assert [record and (record.index, record.bundle_id) for record in records] == [
        (place, result.bundle_id) for place in range(3)
    ]


def test_a_bundle_with_one_failure_leaves_no_trace(chain: EmbeddedChain, payer: Keypair) -> None:
    before = lamports(chain, payer.pubkey())
    heard = Listener()
    chain.listeners.add(heard)
    good, poor = Pubkey.new_unique(), pay(chain, payer, Pubkey.new_unique(), 1000 * SOL)
    result = chain.submit_bundle([pay(chain, payer, good, SOL), poor, pay(chain, payer, good, 2 * SOL)])
    assert (result.slot, result.failed_index) == (None, 1) and result.error is not None
    assert lamports(chain, payer.pubkey()) == before and lamports(chain, good) == 0
    assert not heard.told and not any(map(chain.ledger.transaction, result.signatures))
    twice = pay(chain, payer, good, SOL)
    assert chain.submit_bundle([twice, twice]).slot is None and lamports(chain, good) == 0


class Listener:
    def __init__(self) -> None:
        self.told: list[object] = []

    def account_written(self, event: AccountWritten) -> None:
        self.told.append(event)

    def transaction_executed(self, event: TransactionExecuted) -> None:
        self.told.append(event)

    def block_sealed(self, event: BlockSealed) -> None:
        self.told.append(event)

    def slot_changed(self, event: SlotChanged) -> None:
        self.told.append(event)


def test_listeners_hear_writes_then_the_transaction_then_its_block(
    chain: EmbeddedChain, payer: Keypair
) -> None:
    heard = Listener()
    chain.listeners.add(heard)
    signature = chain.submit(pay(chain, payer, Pubkey.new_unique(), SOL))
    slot = chain.slot
    chain.advance_slot()
    payer_wrote, other_wrote, executed, sealed, processed, created, confirmed, finalized = heard.told
    assert isinstance(payer_wrote, AccountWritten) and isinstance(other_wrote, AccountWritten)
    assert payer_wrote.pubkey == payer.pubkey() and payer_wrote.signature == signature
    assert other_wrote.write_version == payer_wrote.write_version + 1
    assert isinstance(executed, TransactionExecuted) and executed.record.signature == signature
    assert isinstance(sealed, BlockSealed) and sealed.block.transactions == (executed.record,)
    assert processed == SlotChanged(slot, slot - 1, SlotPhase.PROCESSED)
    assert created == SlotChanged(slot + 1, slot, SlotPhase.CREATED)
    assert confirmed == SlotChanged(slot - 1, slot - 2, SlotPhase.CONFIRMED)
    assert finalized == SlotChanged(slot - 31, slot - 32, SlotPhase.FINALIZED)
    chain.listeners.remove(heard)
    chain.advance_slot()
    assert len(heard.told) == 8


def test_a_dead_slot_is_told_and_its_contents_were_readable_until_then(
    chain: EmbeddedChain, payer: Keypair
) -> None:
    chain.submit(pay(chain, payer, Pubkey.new_unique(), SOL))
    slot = chain.slot
    state = chain.slot_state(slot)
    assert state is not None and len(state.transactions) == 1 and payer.pubkey() in state.written
    heard = Listener()
    chain.listeners.add(heard)
    chain.roll_back(0, requeue=False)
    assert SlotChanged(slot, slot - 1, SlotPhase.DEAD) in heard.told and chain.slot_state(slot) is None


def test_the_chains_clock_follows_the_wall_from_its_own_genesis(clock: Clock) -> None:
    chain = EmbeddedChain(ChainOptions(genesis_unix_seconds=1_000), now=clock)
    clock.seconds += 7.9
    chain.advance_slot()
    clock.seconds -= 100  # a wall clock that jumps back must not take the chain's time with it
    chain.advance_slot()
    advance(chain, 2)
    times = [block.time for slot in range(5) if (block := chain.ledger.block(slot))]
    assert times == [1_000, 1_000, 1_007, 1_007, 1_007]


def test_a_missing_program_is_refused_without_a_fee(chain: EmbeddedChain, payer: Keypair) -> None:
    latest = chain.blockhashes.latest(up_to_slot=chain.slot).blockhash
    call = Instruction(Pubkey.new_unique(), b"", [AccountMeta(payer.pubkey(), True, True)])
    assert isinstance(chain.execute(signed(latest, payer, [call])), Dropped)


def test_history_forgets_its_oldest_blocks_and_nothing_else(clock: Clock) -> None:
    chain = EmbeddedChain(ChainOptions(transactions_max=10), now=clock)
    to = Pubkey.new_unique()
    signatures = []
    for _ in range(30):
        signatures.append(chain.airdrop(to, SOL))
        chain.advance_slot()
    known = [signature for signature in signatures if chain.ledger.transaction(signature)]
    assert known == signatures[-10:]
    assert [record.signature for record in chain.ledger.newest_first(to)] == known[::-1]


def test_two_runs_with_one_identity_make_the_same_blockhashes_and_others_do_not() -> None:
    def hashes(identity: bytes) -> list[str]:
        chain = EmbeddedChain(ChainOptions(identity=identity), now=Clock())
        chain.airdrop(Pubkey.from_bytes(b"a" * 32), SOL)
        advance(chain, 3)
        return [str(chain.blockhashes.latest(up_to_slot=slot).blockhash) for slot in range(4)]

    assert hashes(b"one") == hashes(b"one")
    assert not set(hashes(b"one")) & set(hashes(b"two"))
