"""The chain's state as it was at the end of one slot: what a read at a commitment sees."""

from collections.abc import Iterator

from solders.account import Account
from solders.pubkey import Pubkey

from chimera.localnet.bank import Bank
from chimera.localnet.forks import Forks
from chimera.localnet.keys import AnyMessage, message_keys


class ChainView:
    """Good until the chain moves: it is made for one read and thrown away."""

    def __init__(self, *, slot: int, height: int, bank: Bank, forks: Forks) -> None:
        self.slot = slot
        self.height = height
        self._bank = bank
        self._forks = forks
        self._is_present = slot == forks.working.slot

    def account(self, key: Pubkey) -> Account | None:
        if not self._is_present:
            changed, account = self._forks.changed_since(self.slot, key)
            if changed:
                return account
        return self._bank.account(key)

    def program_accounts(self, program: Pubkey) -> Iterator[tuple[Pubkey, Account]]:
        """(address, account) of everything that the program owned."""
        touched = {} if self._is_present else self._forks.touched_since(self.slot)
        for key in self._bank.program_accounts(program):
            if key in touched:
                continue
            account = self._bank.account(key)
            if account is not None:
                yield key, account
        for key, was in touched.items():
            if was is not None and was.owner == program:
                yield key, was

    def differing(self, message: AnyMessage) -> dict[Pubkey, Account | None]:
        """Those of a message's accounts that later slots changed, as they were; programs stay out of it."""
        if self._is_present:
            return {}
        found: dict[Pubkey, Account | None] = {}
        for key in message_keys(message, self.account).all:
            changed, account = self._forks.changed_since(self.slot, key)
            present = self._bank.account(key)
            if changed and account != present and not (present is not None and present.executable):
                found[key] = account
        return found
