"""What a stepped world would have sent over Geyser, as the house's own feed items and without a wire between.

For backtests on generated worlds: the same items in the same order as a subscription to everything, each with the
simulated time at which it happened. A test holds them against the real wire's. Must not know who listens.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache

from solders.pubkey import Pubkey

from chimera.domain.chain import (
    Account,
    AccountUpdate,
    BlockUpdate,
    FeedItem,
    Instruction,
    SlotStatus,
    SlotUpdate,
    TokenBalance,
    TransactionUpdate,
)
from chimera.domain.ids import SYSTEM_PROGRAM, Address, Signature, Slot
from chimera.domain.recording import Bootstrapped, Observed
from chimera.localnet.events import AccountWritten, BlockSealed, SlotChanged, SlotPhase, TransactionExecuted
from chimera.localnet.ledger import TokenBalance as HeldToken
from chimera.localnet.ledger import TransactionRecord
from chimera.localnet.stepped import SteppedWorld
from chimera.proto.transaction_error import error_text

READS_MAX = 3  # rounds; no pool of the world needs more to be known whole

_STATUSES = {
    SlotPhase.PROCESSED: SlotStatus.PROCESSED,
    SlotPhase.CONFIRMED: SlotStatus.CONFIRMED,
    SlotPhase.FINALIZED: SlotStatus.FINALIZED,
    SlotPhase.DEAD: SlotStatus.DEAD,
}


class WorldFeed:
    """Listens to a stepped world's chain and keeps what it tells until somebody takes it."""

    def __init__(self, world: SteppedWorld) -> None:
        self._items: list[FeedItem] = []
        self._world = world
        world.chain.listeners.add(self)

    def beginning(self) -> Iterator[AccountUpdate]:
        """Every account of genesis, as a node would answer at the very start: slot 0, no write version."""
        for made in self._world.genesis.accounts:
            account = Account(made.address, made.owner, made.lamports, made.data)
            yield AccountUpdate(account, Slot(0), 0)

    def run(self, ticks: int) -> Iterator[tuple[FeedItem, int]]:
        """(item, unix milliseconds) of that many ticks, each played when it is asked for.

        Whoever trades along sends his transactions between two items; they land in the slot in progress.
        """
        for _ in range(ticks):
            at_ms = round(self._world.unix_seconds * 1000)
            self._world.step()
            for item in self.take():
                yield item, at_ms

    def observed(self, ticks: int, *, wanted: Callable[[], Collection[Address]]) -> Iterator[Observed]:
        """A whole world as the market role would have recorded it, for `market.replay`.

        Genesis as a node tells it, then the stream; after each tick whatever accounts `wanted` names then, which is
        what a view lacks of its newest pools (`replay.view.wanted`), as the role reads them from a node.
        """
        began_ms = round(self._world.unix_seconds * 1000)
        for _ in range(2):  # an account that comes before the pool that it belongs to is told in vain
            for update in self.beginning():
                yield Observed(update, began_ms)
        yield Observed(Bootstrapped(Slot(0)), began_ms)
        for _ in range(ticks):
            at_ms = began_ms
            for item, at_ms in self.run(1):
                yield Observed(item, at_ms)
            for _ in range(READS_MAX):  # some accounts are told of by others alone
                lacking = sorted(wanted())
                for update in list(self.read(lacking)):
                    yield Observed(update, at_ms)

    def read(self, addresses: Iterable[Address]) -> Iterator[AccountUpdate]:
        """These accounts as a node would answer now; one that is not there comes empty, of the system program's."""
        slot = Slot(self._world.chain.slot)
        for address in addresses:
            found = self._world.account(address)
            yield AccountUpdate(found or Account(address, SYSTEM_PROGRAM, 0, b""), slot, 0)

    def take(self) -> list[FeedItem]:
        """What has been told since it was taken last."""
        told, self._items = self._items, []
        return told

    # as a listener of the chain's

    def account_written(self, event: AccountWritten) -> None:
        account = event.account
        address = _address(bytes(event.pubkey))
        shown = (
            Account(address, SYSTEM_PROGRAM, 0, b"")
            if account is None
            else Account(address, _address(bytes(account.owner)), account.lamports, bytes(account.data))
        )
        signature = Signature(str(event.signature)) if event.signature is not None else None
        self._items.append(AccountUpdate(shown, Slot(event.slot), event.write_version, signature))

    def transaction_executed(self, event: TransactionExecuted) -> None:
        self._items.append(transaction_update(event.record))

    def block_sealed(self, event: BlockSealed) -> None:
        block = event.block
        self._items.append(
            BlockUpdate(
                Slot(block.slot), str(block.blockhash), block.height, block.time, len(block.transactions)
            )
        )

    def slot_changed(self, event: SlotChanged) -> None:
        status = _STATUSES.get(event.phase)
        if status is not None:
            self._items.append(SlotUpdate(Slot(event.slot), Slot(event.parent), status))


def transaction_update(record: TransactionRecord) -> TransactionUpdate:
    """A transaction of the embedded chain's as the house knows transactions."""
    keys = tuple(_address(bytes(key)) for key in record.keys)
    return TransactionUpdate(
        signature=Signature(str(record.signature)),
        slot=Slot(record.slot),
        index=record.index,
        accounts=keys,
        instructions=tuple(_instructions(record, keys)),
        fee_lamports=record.fee,
        pre_lamports=record.pre_balances,
        post_lamports=record.post_balances,
        pre_tokens=tuple(_held(balance, keys) for balance in record.pre_token_balances),
        post_tokens=tuple(_held(balance, keys) for balance in record.post_token_balances),
        logs=record.logs,
        compute_units=record.compute_units,
        error=error_text(record.error.bincode) if record.error is not None else None,
    )


def _instructions(record: TransactionRecord, keys: tuple[Address, ...]) -> Iterator[Instruction]:
    """Each outer instruction, followed by what it called."""
    inner = dict(record.inner)
    for index, outer in enumerate(record.transaction.message.instructions):
        accounts = tuple([keys[at] for at in bytes(outer.accounts)])
        yield Instruction(keys[outer.program_id_index], accounts, bytes(outer.data))
        for called in inner.get(index, ()):
            call = called.instruction()
            accounts = tuple([keys[at] for at in bytes(call.accounts)])
            depth = (called.stack_height() or 2) - 1  # the bank always says it
            yield Instruction(keys[call.program_id_index], accounts, bytes(call.data), depth)


def _held(balance: HeldToken, keys: tuple[Address, ...]) -> TokenBalance:
    return TokenBalance(
        account=keys[balance.account_index],
        mint=_address(bytes(balance.mint)),
        owner=_address(bytes(balance.owner)),
        amount=balance.amount,
        decimals=balance.decimals,
    )


@lru_cache(32_768)
def _address(key: bytes) -> Address:
    return Address(str(Pubkey.from_bytes(key)))
