"""The embedded chain: slots, forks, blockhashes and history around one bank.

Transactions execute in the order of their arrival into the slot in progress, and are visible at `processed`
at once; `advance_slot` (driven by the slot clock) seals the slot, and with it older ones become confirmed and
final. Everything is synchronous and single-threaded: fronts call it from one event loop. It reads no clock of
its own (`now` is passed in) and knows nothing of HTTP, WebSocket, gRPC or faults.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from chimera.domain.chain import Commitment
from chimera.domain.ids import Address
from chimera.localnet.bank import Bank, Execution, GenesisAccount, NotProcessed, Simulated
from chimera.localnet.blockhashes import Blockhashes
from chimera.localnet.events import (
    AccountWritten,
    BlockSealed,
    ChainEvents,
    SlotChanged,
    SlotPhase,
    TransactionExecuted,
)
from chimera.localnet.faucet import Faucet
from chimera.localnet.forks import Forks, SlotState
from chimera.localnet.ledger import Block, Ledger, TransactionError, TransactionRecord
from chimera.localnet.nonce import uses_current_nonce
from chimera.localnet.view import ChainView
from chimera.localnet.wire import parse_transaction

DROPPED_KEPT = 10_000  # of transactions that never landed, the reason is kept for that many


class ChainOptions(msgspec.Struct, frozen=True):
    confirmed_lag_slots: int = 2
    """A slot is confirmed once this many later ones have begun."""
    finalized_lag_slots: int = 32
    genesis_unix_seconds: int | None = None
    """What the Clock sysvar says at slot 0; None: the wall clock's time."""
    identity: bytes = b"chimera localnet"
    """Decides the genesis hash and with it every blockhash: two chains should not share it."""
    transactions_max: int = 50_000
    """Of history; older blocks are forgotten. One takes about 4 kB."""
    faucet_lamports: int = 500_000_000 * 10**9


class Landed(msgspec.Struct, frozen=True):
    """In a block, with or without an error of its own."""

    record: TransactionRecord


class Dropped(msgspec.Struct, frozen=True):
    """Never to be seen on chain: expired, a duplicate, or its payer can't pay."""

    signature: Signature
    error: TransactionError


class BundleResult(msgspec.Struct, frozen=True):
    bundle_id: str
    """SHA-256 of the signatures, comma-joined, in hex: as Jito names bundles."""
    signatures: tuple[Signature, ...]
    slot: int | None
    """Where it landed, whole; None: nothing of it happened."""
    failed_index: int | None = None
    error: TransactionError | None = None


class EmbeddedChain:
    def __init__(
        self,
        options: ChainOptions,
        *,
        now: Callable[[], float],
        genesis: Iterable[GenesisAccount] = (),
        programs: Mapping[Address, bytes] | None = None,
    ) -> None:
        self.options = options
        self.listeners = ChainEvents()
        self.faucet = Faucet(options.identity)
        self.bank = Bank(genesis=genesis, programs=programs or {})
        self.bank.put(self.faucet.address, Account(options.faucet_lamports, b"", Pubkey.default()))
        self.ledger = Ledger(transactions_max=options.transactions_max)
        self.blockhashes = Blockhashes()
        self.genesis_hash = Hash(hashlib.sha256(b"genesis" + options.identity).digest())
        self._now = now
        started = now()
        wanted = options.genesis_unix_seconds
        self._clock_offset = 0.0 if wanted is None else wanted - started
        self._write_version = 0
        self._dropped: dict[Signature, TransactionError] = {}
        self._dropped_order: deque[Signature] = deque()
        self._confirmed_slot = self._finalized_slot = 0
        genesis_time = int(started + self._clock_offset)
        genesis_block = Block(0, 0, 0, self.genesis_hash, Hash.default(), genesis_time, ())
        self._rooted = SlotState(0, 0, 0, genesis_time, Hash.default(), self.genesis_hash)
        self.ledger.seal(genesis_block)
        self.blockhashes.add(self.genesis_hash, slot=0, height=0)
        self._forks = Forks(SlotState(1, 0, 1, genesis_time, self.genesis_hash))
        self._enter_working_slot()

    # -- transactions ---------------------------------------------------------------------------------------

    def submit(self, wire: bytes, *, bundle_id: str | None = None) -> Signature:
        """The transaction's signature, whatever became of it, as a node answers.

        Raises WireError for bytes that are no transaction or are too long.
        """
        outcome = self.execute(wire, bundle_id=bundle_id)
        return outcome.record.signature if isinstance(outcome, Landed) else outcome.signature

    def execute(self, wire: bytes, *, bundle_id: str | None = None) -> Landed | Dropped:
        """Runs it in the slot in progress. Raises WireError as `submit` does."""
        transaction = parse_transaction(wire)
        run = self._run(transaction)
        if isinstance(run, NotProcessed):
            self._drop(transaction.signatures[0], run.error)
            return Dropped(transaction.signatures[0], run.error)
        return Landed(self._accept(wire, transaction, run, bundle_id))

    def submit_bundle(self, wires: Sequence[bytes]) -> BundleResult:
        """All of them, in order, in the slot in progress; or none, when any fails or can't run.

        Raises WireError as `submit` does. How many there may be, and the tip, are the block engine's rules.
        """
        transactions = [parse_transaction(wire) for wire in wires]
        signatures = tuple(transaction.signatures[0] for transaction in transactions)
        bundle_id = hashlib.sha256(",".join(map(str, signatures)).encode()).hexdigest()
        done: list[tuple[bytes, VersionedTransaction, Execution]] = []
        seen: set[Signature] = set()
        for index, (wire, transaction) in enumerate(zip(wires, transactions, strict=True)):
            if transaction.signatures[0] in seen:
                run: Execution | NotProcessed = NotProcessed(ALREADY_PROCESSED)
            else:
                run = self._run(transaction)
            seen.add(transaction.signatures[0])
            if isinstance(run, Execution):
                done.append((wire, transaction, run))
                if run.error is None:
                    continue
            for _, _, earlier in reversed(done):
                for place in earlier.keys.writable:
                    if earlier.before[place] != earlier.after[place]:
                        self.bank.put(earlier.keys.all[place], earlier.before[place])
            return BundleResult(bundle_id, signatures, None, index, run.error)
        for wire, transaction, run in done:
            self._accept(wire, transaction, run, bundle_id)
        return BundleResult(bundle_id, signatures, self.slot)

    def simulate(
        self, transaction: VersionedTransaction, *, view: ChainView, verify_signatures: bool
    ) -> Simulated:
        """What the transaction would do in the state that `view` shows. The blockhash is not looked at."""
        return self.bank.simulate(
            transaction,
            verify_signatures=verify_signatures,
            state=view.differing(transaction.message),
        )

    def check_age(self, transaction: VersionedTransaction, *, view: ChainView) -> TransactionError | None:
        """BLOCKHASH_NOT_FOUND or ALREADY_PROCESSED where a leader would drop it for that, else None."""
        message = transaction.message
        if not self.blockhashes.valid(
            message.recent_blockhash, at_height=view.height, at_slot=view.slot
        ) and not uses_current_nonce(transaction, self.bank.account):
            return BLOCKHASH_NOT_FOUND
        record = self.ledger.transaction(transaction.signatures[0])
        return ALREADY_PROCESSED if record is not None and record.slot <= view.slot else None

    def airdrop(self, to: Pubkey, lamports: int) -> Signature:
        """The signature of a real transfer from the faucet."""
        outcome = self.execute_airdrop(to, lamports)
        return outcome.record.signature if isinstance(outcome, Landed) else outcome.signature

    def execute_airdrop(self, to: Pubkey, lamports: int) -> Landed | Dropped:
        """What became of the transfer: it fails when it is too small for rent, or the faucet is empty."""
        latest = self.blockhashes.latest(up_to_slot=self.slot)
        return self.execute(bytes(self.faucet.transfer(to, lamports, latest.blockhash)))

    def dropped(self, signature: Signature) -> TransactionError | None:
        """Why a transaction never landed, for as long as that is remembered."""
        return self._dropped.get(signature)

    # -- slots ----------------------------------------------------------------------------------------------

    @property
    def slot(self) -> int:
        """The slot in progress."""
        return self._forks.working.slot

    @property
    def root(self) -> int:
        """The newest final slot."""
        return self._finalized_slot

    def advance_slot(self) -> None:
        """Seals the slot in progress, begins the next one, and lets older ones become confirmed and final."""
        sealed = self._forks.working
        self._seal(sealed)
        self._forks.begin(self._child(sealed.slot + 1, sealed))
        self._enter_working_slot()
        confirmed = self._forks.behind(self.options.confirmed_lag_slots)
        if confirmed is not None and confirmed.slot > self._confirmed_slot:
            newly = [s for s in self._forks if self._confirmed_slot < s.slot <= confirmed.slot]
            self._confirmed_slot = confirmed.slot
            for state in newly:
                self._tell_phase(state, SlotPhase.CONFIRMED)
        while len(self._forks) > self.options.finalized_lag_slots:
            # Listeners read the slot's contents when told, so it leaves only afterwards.
            state = next(iter(self._forks))
            self._finalized_slot = state.slot
            self._rooted = state
            self._tell_phase(state, SlotPhase.FINALIZED)
            self._forks.finalize()

    def roll_back(self, slots: int, *, requeue: bool = True) -> tuple[int, ...]:
        """The slots that died: the one in progress and up to `slots` sealed ones before it, none of them final.

        Accounts, statuses and history go back; their slot numbers are not used again. With `requeue` the
        dead transactions are submitted again in their order, as a cluster's rebroadcast would do.
        """
        dead: list[SlotState] = []
        lost: list[TransactionRecord] = []
        last_slot = self.slot
        while len(dead) <= slots and len(self._forks):
            state = self._forks.drop_last()
            dead.append(state)
            for key, account in state.before.items():
                self.bank.put(key, account)
            self.ledger.undo(state.slot, state.transactions)
            lost = state.transactions + lost
        tip = self._forks.working if len(self._forks) else self._rooted
        self.blockhashes.undo(after_slot=tip.slot)
        self._confirmed_slot = min(self._confirmed_slot, tip.slot)
        self._forks.begin(self._child(last_slot + 1, tip))
        for state in dead:
            self._tell_phase(state, SlotPhase.DEAD)
        self._enter_working_slot()
        if requeue:
            for record in lost:
                self.execute(record.wire, bundle_id=record.bundle_id)
        return tuple(state.slot for state in reversed(dead))

    def slot_state(self, slot: int) -> SlotState | None:
        """What a slot that is not final yet holds; None for final, dead and unknown ones.

        While `SlotPhase.FINALIZED` is being told, the slot is still there.
        """
        return self._forks.find(slot)

    def view(self, commitment: Commitment = Commitment.PROCESSED, *, stale_slots: int = 0) -> ChainView:
        """The chain as a node shows it at that commitment, `stale_slots` behind if it can be."""
        match commitment:
            case Commitment.PROCESSED:
                slot = self.slot
            case Commitment.CONFIRMED:
                slot = self._confirmed_slot
            case Commitment.FINALIZED:
                slot = self._finalized_slot
        return self.view_at(max(slot - stale_slots, self._finalized_slot))

    def view_at(self, slot: int) -> ChainView:
        """The chain at the end of a slot that is not older than the newest final one."""
        shown = self._forks.at(slot) or self._rooted
        return ChainView(slot=shown.slot, height=shown.height, bank=self.bank, forks=self._forks)

    def commitment_of(self, slot: int) -> Commitment:
        if slot <= self._finalized_slot:
            return Commitment.FINALIZED
        return Commitment.CONFIRMED if slot <= self._confirmed_slot else Commitment.PROCESSED

    # -- inside ---------------------------------------------------------------------------------------------

    def _run(self, transaction: VersionedTransaction) -> Execution | NotProcessed:
        refused = self.check_age(transaction, view=self.view())
        return self.bank.run(transaction) if refused is None else NotProcessed(refused)

    def _accept(
        self, wire: bytes, transaction: VersionedTransaction, run: Execution, bundle_id: str | None
    ) -> TransactionRecord:
        state = self._forks.working
        keys = run.keys
        record = TransactionRecord(
            signature=transaction.signatures[0],
            slot=state.slot,
            index=len(state.transactions),
            wire=wire,
            transaction=transaction,
            keys=keys.all,
            loaded_writable=keys.loaded_writable,
            loaded_readonly=keys.loaded_readonly,
            error=run.error,
            fee=run.fee,
            pre_balances=tuple(0 if a is None else a.lamports for a in run.before),
            post_balances=tuple(0 if a is None else a.lamports for a in run.after),
            pre_token_balances=run.pre_token_balances,
            post_token_balances=run.post_token_balances,
            inner=run.inner,
            logs=run.logs,
            compute_units=run.compute_units,
            return_program=run.return_program,
            return_data=run.return_data,
            bundle_id=bundle_id,
        )
        state.transactions.append(record)
        self.ledger.add(record)
        # A node stores every account that a successful transaction could write; of a failed one, the payer.
        for place in keys.writable if run.error is None else keys.writable[:1]:
            before, after = run.before[place], run.after[place]
            if before is None and after is None or after is not None and after.executable:
                continue
            self._write_version += 1
            event = AccountWritten(keys.all[place], after, state.slot, self._write_version, record.signature)
            state.note(event, before)
            self.listeners.account_written(event)
        self.listeners.transaction_executed(TransactionExecuted(record))
        return record

    def _drop(self, signature: Signature, error: TransactionError) -> None:
        if signature not in self._dropped:
            self._dropped_order.append(signature)
        self._dropped[signature] = error
        if len(self._dropped_order) > DROPPED_KEPT:
            self._dropped.pop(self._dropped_order.popleft(), None)

    def _seal(self, state: SlotState) -> None:
        digest = hashlib.sha256(bytes(state.previous_blockhash) + state.slot.to_bytes(8, "little"))
        for record in state.transactions:
            digest.update(bytes(record.signature))
        state.blockhash = Hash(digest.digest())
        block = Block(
            slot=state.slot,
            parent=state.parent,
            height=state.height,
            blockhash=state.blockhash,
            previous_blockhash=state.previous_blockhash,
            time=state.time,
            transactions=tuple(state.transactions),
        )
        self.ledger.seal(block)
        self.blockhashes.add(state.blockhash, slot=state.slot, height=state.height)
        self.listeners.block_sealed(BlockSealed(block))
        self._tell_phase(state, SlotPhase.PROCESSED)

    def _child(self, slot: int, parent: SlotState) -> SlotState:
        time = max(parent.time, int(self._now() + self._clock_offset))
        assert parent.blockhash is not None, "only a sealed slot can have a child"
        return SlotState(slot, parent.slot, parent.height + 1, time, parent.blockhash)

    def _enter_working_slot(self) -> None:
        state = self._forks.working
        self.bank.set_time(slot=state.slot, unix_seconds=state.time)
        self.bank.set_slot_hashes(self.blockhashes.newest_first(512))  # as many as the sysvar holds
        self._tell_phase(state, SlotPhase.CREATED)

    def _tell_phase(self, state: SlotState, phase: SlotPhase) -> None:
        self.listeners.slot_changed(SlotChanged(state.slot, state.parent, phase))


# bincode of a field-less variant is its index as u32, little-endian (solana-transaction-error).
ALREADY_PROCESSED = TransactionError("AlreadyProcessed", (6).to_bytes(4, "little"))
BLOCKHASH_NOT_FOUND = TransactionError("BlockhashNotFound", (7).to_bytes(4, "little"))
