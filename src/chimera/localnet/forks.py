"""The slots that are not final yet: what each of them changed, and how to undo or look behind it.

Each unfinalised slot keeps the value that every account it touched had before. That one table answers both
questions: an account as of an older slot is the first "before" of any later slot, and undoing a slot is
putting its "before" back.
"""

from collections import deque
from collections.abc import Iterator

import msgspec
from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey

from chimera.localnet.events import AccountWritten
from chimera.localnet.ledger import TransactionRecord


class SlotState(msgspec.Struct):
    """A slot between its beginning and its finality."""

    slot: int
    parent: int
    height: int
    time: int
    """Unix seconds, as its Clock sysvar says."""
    previous_blockhash: Hash
    blockhash: Hash | None = None
    """None while transactions still execute into it."""
    before: dict[Pubkey, Account | None] = msgspec.field(default_factory=dict)
    """What each account that it touched was when the slot began."""
    written: dict[Pubkey, AccountWritten] = msgspec.field(default_factory=dict)
    """The last write of each account in this slot, in the order of the first one."""
    transactions: list[TransactionRecord] = msgspec.field(default_factory=list)

    def note(self, event: AccountWritten, before: Account | None) -> None:
        self.before.setdefault(event.pubkey, before)
        self.written[event.pubkey] = event


class Forks:
    """Unfinalised slots, oldest first; the last one is in progress."""

    def __init__(self, first: SlotState) -> None:
        self._live: deque[SlotState] = deque([first])

    @property
    def working(self) -> SlotState:
        return self._live[-1]

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[SlotState]:
        return iter(self._live)

    def begin(self, state: SlotState) -> None:
        self._live.append(state)

    def finalize(self) -> SlotState:
        """Takes the oldest slot out: it can't be undone any more."""
        return self._live.popleft()

    def drop_last(self) -> SlotState:
        """Takes the newest slot out, to be undone."""
        return self._live.pop()

    def find(self, slot: int) -> SlotState | None:
        return next((state for state in self._live if state.slot == slot), None)

    def at(self, slot: int) -> SlotState | None:
        """The newest state at or before the slot; None when it is final already."""
        return next((state for state in reversed(self._live) if state.slot <= slot), None)

    def behind(self, slots: int) -> SlotState | None:
        """The slot that many before the one in progress, or None when that one is final already."""
        return self._live[-1 - slots] if slots < len(self._live) else None

    def changed_since(self, slot: int, key: Pubkey) -> tuple[bool, Account | None]:
        """(True, the account as of the end of `slot`) if a later slot touched it, else (False, None)."""
        for state in self._live:
            if state.slot > slot and key in state.before:
                return True, state.before[key]
        return False, None

    def touched_since(self, slot: int) -> dict[Pubkey, Account | None]:
        """Every account that later slots touched, as it was at the end of `slot`."""
        found: dict[Pubkey, Account | None] = {}
        for state in self._live:
            if state.slot > slot:
                for key, account in state.before.items():
                    found.setdefault(key, account)
        return found
