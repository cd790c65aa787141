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
from chimera.domain.errors import ConfigError
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
from chimera.localnet.kept import Began, BundleCame, Came, ChainFile, Kept, RolledBack, SlotEnded
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
        kept_in: ChainFile | None = None,
    ) -> None:
        """With `kept_in` it is written down what happens; call `resume` once the listeners are there.

        Raises ConfigError where that file's chain began otherwise.
        """
        genesis, programs = tuple(genesis), programs or {}
        started = now()
        self._file = kept_in
        began = _beginning(options, started)
        if kept_in is not None:
            began = _as_kept(
                kept_in, msgspec.structs.replace(began, genesis_digest=_digest(genesis, programs))
            )
        self.options = options = msgspec.structs.replace(
            options,
            identity=began.identity,
            confirmed_lag_slots=began.confirmed_lag_slots,
            finalized_lag_slots=began.finalized_lag_slots,
        )
        self.listeners = ChainEvents()
        self.faucet = Faucet(options.identity)
        self.bank = Bank(genesis=genesis, programs=programs)
        self.bank.put(self.faucet.address, Account(options.faucet_lamports, b"", Pubkey.default()))
        self.ledger = Ledger(transactions_max=options.transactions_max)
        self.blockhashes = Blockhashes()
        self.genesis_hash = Hash(hashlib.sha256(b"genesis" + options.identity).digest())
        self._now = now
        self._clock_offset = began.clock_offset_s
        self._write_version = 0
        self._dropped: dict[Signature, TransactionError] = {}
        self._dropped_order: deque[Signature] = deque()
        self._confirmed_slot = self._finalized_slot = 0
        genesis_time = began.unix_seconds
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
        run: Execution | NotProcessed | None = self._too_old_or_known(transaction)
        if run is None:
            self._keep(Came(wire, bundle_id))
            run = self.bank.run(transaction)
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
        self._keep(BundleCame(tuple(wires)))
        done: list[tuple[bytes, VersionedTransaction, Execution]] = []
        seen: set[Signature] = set()
        for index, (wire, transaction) in enumerate(zip(wires, transactions, strict=True)):
            if transaction.signatures[0] in seen:
                run: Execution | NotProcessed = NotProcessed(ALREADY_PROCESSED)
            else:
                run = self._too_old_or_known(transaction) or self.bank.run(transaction)
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
        working = self._forks.working
        time = self._time_after(working)
        blockhash = _blockhash(working)
        self._keep(SlotEnded(bytes(blockhash), time))
        self._advance(blockhash, time)

    def _advance(self, blockhash: Hash, time: int) -> None:
        sealed = self._forks.working
        self._seal(sealed, blockhash)
        self._forks.begin(self._child(sealed.slot + 1, sealed, time))
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
        time = self._time_after(self._forks.working)
        self._keep(RolledBack(slots, time))
        dead, lost = self._undo(slots, time)
        if requeue:
            for record in lost:
                self.execute(record.wire, bundle_id=record.bundle_id)
        return tuple(state.slot for state in reversed(dead))

    def _undo(self, slots: int, time: int) -> tuple[list[SlotState], list[TransactionRecord]]:
        """(slots that died, newest first; what was in them, oldest first)."""
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
        self._forks.begin(self._child(last_slot + 1, tip, time))
        for state in dead:
            self._tell_phase(state, SlotPhase.DEAD)
        self._enter_working_slot()
        return dead, lost

    def resume(self) -> None:
        """Runs again what its file holds; the listeners hear of it.

        Raises ConfigError where that does not come to the same blocks.
        """
        file, self._file = self._file, None  # what is kept already is not kept again
        for record in file.rest() if file is not None else ():
            match record:
                case Came(wire, bundle_id):
                    self.execute(wire, bundle_id=bundle_id)
                case BundleCame(wires):
                    self.submit_bundle(wires)
                case SlotEnded(blockhash, time):
                    if blockhash != bytes(_blockhash(self._forks.working)):
                        raise ConfigError(
                            f"--keep: slot {self.slot} of the file comes out differently now; it was made by another "
                            "version: begin a new file"
                        )
                    self._advance(Hash(blockhash), time)
                case RolledBack(slots, time):
                    self._undo(slots, time)
        self._file = file

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

    def _too_old_or_known(self, transaction: VersionedTransaction) -> NotProcessed | None:
        refused = self.check_age(transaction, view=self.view())
        return None if refused is None else NotProcessed(refused)

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

    def _seal(self, state: SlotState, blockhash: Hash) -> None:
        state.blockhash = blockhash
        block = Block(
            slot=state.slot,
            parent=state.parent,
            height=state.height,
            blockhash=blockhash,
            previous_blockhash=state.previous_blockhash,
            time=state.time,
            transactions=tuple(state.transactions),
        )
        self.ledger.seal(block)
        self.blockhashes.add(blockhash, slot=state.slot, height=state.height)
        self.listeners.block_sealed(BlockSealed(block))
        self._tell_phase(state, SlotPhase.PROCESSED)

    def _keep(self, record: Kept) -> None:
        if self._file is not None:
            self._file.keep(record)

    def _time_after(self, parent: SlotState) -> int:
        return max(parent.time, int(self._now() + self._clock_offset))

    def _child(self, slot: int, parent: SlotState, time: int) -> SlotState:
        assert parent.blockhash is not None, "only a sealed slot can have a child"
        return SlotState(slot, parent.slot, parent.height + 1, time, parent.blockhash)

    def _enter_working_slot(self) -> None:
        state = self._forks.working
        self.bank.set_time(slot=state.slot, unix_seconds=state.time)
        self.bank.set_slot_hashes(self.blockhashes.newest_first(512))  # as many as the sysvar holds
        self._tell_phase(state, SlotPhase.CREATED)

    def _tell_phase(self, state: SlotState, phase: SlotPhase) -> None:
        self.listeners.slot_changed(SlotChanged(state.slot, state.parent, phase))


def _blockhash(state: SlotState) -> Hash:
    """What the slot's block is called once it is sealed as it is now."""
    digest = hashlib.sha256(bytes(state.previous_blockhash) + state.slot.to_bytes(8, "little"))
    for record in state.transactions:
        digest.update(bytes(record.signature))
    return Hash(digest.digest())


def _digest(genesis: Sequence[GenesisAccount], programs: Mapping[Address, bytes]) -> bytes:
    """SHA-256 over all that exists before the first block."""
    digest = hashlib.sha256()
    for made in genesis:
        digest.update(msgspec.msgpack.encode(made))
    for address, elf in programs.items():
        digest.update(address.encode() + elf)
    return digest.digest()


def _beginning(options: ChainOptions, now: float) -> Began:
    """How a new chain begins."""
    wanted = options.genesis_unix_seconds
    return Began(
        genesis_digest=b"",
        identity=options.identity,
        unix_seconds=int(now) if wanted is None else wanted,
        clock_offset_s=0.0 if wanted is None else wanted - now,
        confirmed_lag_slots=options.confirmed_lag_slots,
        finalized_lag_slots=options.finalized_lag_slots,
    )


def _as_kept(file: ChainFile, new: Began) -> Began:
    """How the file's chain began; an empty file's begins as `new`."""
    began = file.began()
    if began is None:
        file.begin(new)
        return new
    if began.genesis_digest != new.genesis_digest:
        raise ConfigError(
            "--keep: the chain in the file began with other accounts or programs (another --seed, --empty or "
            "version); start it as it was started, or begin a new file"
        )
    return began


# bincode of a field-less variant is its index as u32, little-endian (solana-transaction-error).
ALREADY_PROCESSED = TransactionError("AlreadyProcessed", (6).to_bytes(4, "little"))
BLOCKHASH_NOT_FOUND = TransactionError("BlockhashNotFound", (7).to_bytes(4, "little"))
