"""Accounts, and transactions run against them: a thin skin over LiteSVM.

The bank knows one present state. Slots, forks, commitments and the blockhash window are the chain's business,
which is why LiteSVM's own blockhash check and its duplicate check are switched off here. What LiteSVM leaves
out of a transaction's metadata (balances before and after, loaded addresses) is gathered here.
"""

import json
from collections.abc import Iterable, Mapping

import msgspec
from solders.account import Account
from solders.clock import Clock
from solders.epoch_schedule import EpochSchedule
from solders.hash import Hash
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata, InnerInstruction, TransactionMetadata

from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, WSOL, Address
from chimera.localnet.keys import MessageKeys, message_keys
from chimera.localnet.ledger import TokenBalance, TransactionError

SYSTEM = Pubkey.default()
TOKEN = Pubkey.from_string(TOKEN_PROGRAM)
TOKEN_2022 = Pubkey.from_string(TOKEN_2022_PROGRAM)
SLOTS_PER_EPOCH = 432_000  # as mainnet

# Where SPL Token keeps what a balance needs (spl-token state.rs): mint 0..32, owner 32..64, amount 64..72,
# state 108; a mint's decimals at 44. Token-2022 marks longer accounts at 165: 1 mint, 2 account.
_TOKEN_ACCOUNT_SIZE = 165


class GenesisAccount(msgspec.Struct, frozen=True):
    """An account that exists before the first block."""

    address: Address
    lamports: int
    owner: Address
    data: bytes = b""
    executable: bool = False


class Execution(msgspec.Struct, frozen=True):
    """A transaction that ran, well or badly; its fee is charged and its writes are in the bank."""

    keys: MessageKeys
    error: TransactionError | None
    fee: int
    before: tuple[Account | None, ...]
    after: tuple[Account | None, ...]
    """Both in the order of `keys.all`."""
    pre_token_balances: tuple[TokenBalance, ...]
    post_token_balances: tuple[TokenBalance, ...]
    inner: tuple[tuple[int, tuple[InnerInstruction, ...]], ...]
    logs: tuple[str, ...]
    compute_units: int
    return_program: Pubkey | None
    return_data: bytes


class NotProcessed(msgspec.Struct, frozen=True):
    """A transaction that a leader would drop: nothing ran, nothing was charged."""

    error: TransactionError


class Simulated(msgspec.Struct, frozen=True):
    keys: MessageKeys
    error: TransactionError | None
    fee: int
    after: Mapping[Pubkey, Account]
    """What the transaction would leave behind; empty where it fails."""
    before: tuple[Account | None, ...]
    """In the order of `keys.all`."""
    pre_token_balances: tuple[TokenBalance, ...]
    post_token_balances: tuple[TokenBalance, ...]
    inner: tuple[tuple[int, tuple[InnerInstruction, ...]], ...]
    logs: tuple[str, ...]
    compute_units: int
    return_program: Pubkey | None
    return_data: bytes


class Bank:
    def __init__(self, *, genesis: Iterable[GenesisAccount], programs: Mapping[Address, bytes]) -> None:
        """`programs` are ELF files by the address that they run at."""
        self._svm = LiteSVM().with_blockhash_check(False).with_transaction_history(0)
        self._svm.set_epoch_schedule(EpochSchedule.without_warmup())
        self._by_program: dict[Pubkey, dict[Pubkey, None]] = {}
        self.put(Pubkey.from_string(WSOL), _wrapped_sol_mint(self.rent_exempt_minimum(82)))
        for address, elf in programs.items():
            self._svm.add_program(Pubkey.from_string(address), elf)
        for made in genesis:
            owner = Pubkey.from_string(made.owner)
            account = Account(made.lamports, made.data, owner, made.executable, 2**64 - 1)
            self.put(Pubkey.from_string(made.address), account)

    def account(self, key: Pubkey) -> Account | None:
        return self._svm.get_account(key)

    def put(self, key: Pubkey, account: Account | None) -> None:
        """Sets an account as it is; None removes it."""
        before = self._svm.get_account(key)
        self._svm.set_account(key, account if account is not None else Account(0, b"", SYSTEM))
        self._index(key, before, account)

    def program_accounts(self, program: Pubkey) -> Iterable[Pubkey]:
        """Addresses of the accounts that the program owns, oldest first."""
        return self._by_program.get(program, {})

    def rent_exempt_minimum(self, size: int) -> int:
        return self._svm.minimum_balance_for_rent_exemption(size)

    def set_time(self, *, slot: int, unix_seconds: int) -> None:
        epoch = slot // SLOTS_PER_EPOCH
        self._svm.set_clock(Clock(slot, 0, epoch, epoch + 1, unix_seconds))

    def set_slot_hashes(self, newest_first: list[tuple[int, Hash]]) -> None:
        """Address lookup tables need them: a table is made at a recent slot, and closed when it is none."""
        self._svm.set_slot_hashes(newest_first)

    def run(self, transaction: VersionedTransaction) -> Execution | NotProcessed:
        """Executes it. Neither blockhash nor duplicates are looked at."""
        keys = message_keys(transaction.message, self.account)
        get = self._svm.get_account
        before = [get(key) for key in keys.all]
        result = self._svm.send_transaction(transaction)
        error, meta = _split(result)
        if error is not None and meta.signature() == Signature.default():
            return NotProcessed(error)  # LiteSVM leaves the signature out of what never ran
        after = list(before)
        for index in keys.writable:
            key = keys.all[index]
            now = get(key)
            after[index] = now
            self._index(key, before[index], now)
        return Execution(
            keys=keys,
            error=error,
            fee=meta.fee(),
            before=tuple(before),
            after=tuple(after),
            pre_token_balances=self._token_balances(before),
            post_token_balances=self._token_balances(after),
            inner=_inner(meta),
            logs=tuple(meta.logs()),
            compute_units=meta.compute_units_consumed(),
            return_program=_return_program(meta),
            return_data=bytes(meta.return_data().data),
        )

    def simulate(
        self,
        transaction: VersionedTransaction,
        *,
        verify_signatures: bool,
        state: Mapping[Pubkey, Account | None],
    ) -> Simulated:
        """What running it would do. `state` are accounts as they were at an older slot, in place of today's."""
        replaced = {key: self._svm.get_account(key) for key in state}
        for key, account in state.items():
            self._svm.set_account(key, account if account is not None else Account(0, b"", SYSTEM))
        if not verify_signatures:
            self._svm.with_sigverify(False)
        try:
            keys = message_keys(transaction.message, self.account)
            before = tuple(self._svm.get_account(key) for key in keys.all)
            pre_tokens = self._token_balances(before)
            result = self._svm.simulate_transaction(transaction)
        finally:
            self._svm.with_sigverify(True)
            for key, account in replaced.items():
                self._svm.set_account(key, account if account is not None else Account(0, b"", SYSTEM))
        if isinstance(result, FailedTransactionMetadata):
            error, meta = _split(result)
            after: dict[Pubkey, Account] = {}
        else:
            error, meta = None, result.meta()
            after = dict(result.post_accounts())
        return Simulated(
            keys=keys,
            error=error,
            fee=meta.fee(),
            after=after,
            before=before,
            pre_token_balances=pre_tokens,
            post_token_balances=self._token_balances(
                [after.get(key, was) for key, was in zip(keys.all, before, strict=True)]
            ),
            inner=_inner(meta),
            logs=tuple(meta.logs()),
            compute_units=meta.compute_units_consumed(),
            return_program=_return_program(meta),
            return_data=bytes(meta.return_data().data),
        )

    def _token_balances(self, accounts: Iterable[Account | None]) -> tuple[TokenBalance, ...]:
        found = []
        for index, account in enumerate(accounts):
            if account is None:
                continue
            program = account.owner
            if program != TOKEN and program != TOKEN_2022:
                continue
            data = account.data
            if not is_token_account(data):
                continue
            mint = Pubkey.from_bytes(data[:32])
            minted = self._svm.get_account(mint)
            decimals = minted.data[44] if minted is not None and len(minted.data) > 44 else 0
            amount = int.from_bytes(data[64:72], "little")
            owner = Pubkey.from_bytes(data[32:64])
            found.append(TokenBalance(index, mint, owner, program, amount, decimals))
        return tuple(found)

    def _index(self, key: Pubkey, before: Account | None, after: Account | None) -> None:
        was = before.owner if before is not None else None
        now = after.owner if after is not None and after.lamports else None
        if was == now:
            return
        if was is not None:
            self._by_program.get(was, {}).pop(key, None)
        if now is not None:
            self._by_program.setdefault(now, {})[key] = None


def is_token_account(data: bytes) -> bool:
    """Whether the data of an account that a token program owns is an initialised token account."""
    if len(data) < _TOKEN_ACCOUNT_SIZE or data[108] == 0:
        return False
    return len(data) == _TOKEN_ACCOUNT_SIZE or data[_TOKEN_ACCOUNT_SIZE] == 2


def _split(
    result: TransactionMetadata | FailedTransactionMetadata,
) -> tuple[TransactionError | None, TransactionMetadata]:
    if isinstance(result, TransactionMetadata):
        return None, result
    meta = result.meta()
    encoded = bytes(result)
    # bincode writes the error first and the metadata right behind it.
    bincode = encoded[: len(encoded) - len(bytes(meta))]
    return TransactionError(json.loads(result.to_json())["err"], bincode), meta


def _inner(meta: TransactionMetadata) -> tuple[tuple[int, tuple[InnerInstruction, ...]], ...]:
    return tuple((index, tuple(calls)) for index, calls in enumerate(meta.inner_instructions()) if calls)


def _return_program(meta: TransactionMetadata) -> Pubkey | None:
    program = meta.return_data().program_id
    return None if program == SYSTEM else program


def _wrapped_sol_mint(lamports: int) -> Account:
    no_authority = bytes(36)
    data = no_authority + bytes(8) + bytes([9, 1]) + no_authority
    return Account(lamports, data, TOKEN, False, 2**64 - 1)
