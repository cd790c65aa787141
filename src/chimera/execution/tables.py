"""Known address lookup tables, and which of them make a transaction smaller.

Must not know who reads them from the chain.
"""

from collections.abc import Iterable, Sequence

from chimera.domain.chain import Account, InstructionCall
from chimera.domain.errors import DecodeError
from chimera.domain.ids import Address
from chimera.onchain.lookup_tables import read_lookup_table
from chimera.onchain.transaction import LookupTable, compile_v0, oversize

ACCOUNTS_MAX = 24  # above it a message looks things up even if it would fit: fewer bytes travel faster
WORTH_IT = 2  # accounts: a table costs 34 bytes and saves 31 an account
TABLES_MAX = 4  # in one transaction; each must be loaded by whoever carries it out


class Tables:
    def __init__(self, *, accounts_max: int = ACCOUNTS_MAX) -> None:
        self._accounts_max = accounts_max
        self._known: dict[Address, LookupTable] = {}

    def see(self, accounts: Iterable[Account | None], *, slot: int) -> dict[Address, str]:
        """Takes tables as read at `slot`; why of those that cannot be used. What is no longer one is forgotten."""
        refused: dict[Address, str] = {}
        for account in accounts:
            if account is None:
                continue
            try:
                self._known[account.address] = read_lookup_table(account, slot=slot)
            except DecodeError as error:
                self._known.pop(account.address, None)
                refused[account.address] = str(error)
        return refused

    def compiled(self, calls: Sequence[InstructionCall], *, payer: Address, blockhash: str) -> bytes:
        """The message; with tables where it is too large or names too much without, and they help."""
        plain = compile_v0(calls, payer=payer, blockhash=blockhash)
        if not self._known or (oversize(plain) is None and len(_named(calls, payer)) <= self._accounts_max):
            return plain
        chosen = self._chosen(calls, payer)
        if not chosen:
            return plain
        return min(plain, compile_v0(calls, payer=payer, blockhash=blockhash, tables=chosen), key=len)

    def _chosen(self, calls: Sequence[InstructionCall], payer: Address) -> tuple[LookupTable, ...]:
        """The tables that hold most of what is named, greedily; programs and signers cannot be looked up."""
        signers = {meta.address for call in calls for meta in call.accounts if meta.is_signer}
        left = _named(calls, payer) - signers - {payer} - {call.program for call in calls}
        chosen: list[LookupTable] = []
        while len(chosen) < TABLES_MAX:
            found = [(len(left.intersection(table.addresses)), name) for name, table in self._known.items()]
            most, name = max(found)
            if most < WORTH_IT:
                break
            chosen.append(self._known[name])
            left -= set(self._known[name].addresses)
        return tuple(chosen)


def _named(calls: Sequence[InstructionCall], payer: Address) -> set[Address]:
    named = {payer, *(call.program for call in calls)}
    return named.union(*({meta.address for meta in call.accounts} for call in calls))
