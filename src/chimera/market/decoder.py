"""Trades out of transactions, whichever venue they touch. Counts what comes in, what comes out and what failed.

Must not know pools: what could not be read is told by the addresses it touched, and somebody else judges.
"""

from collections.abc import Mapping

import msgspec

from chimera.domain.chain import TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import Address
from chimera.domain.market import Trade
from chimera.domain.pool import Swap
from chimera.ports.venue import MintTeller, Venue

CUT_LOG = "Log truncated"  # what a node writes in place of the rest


class Unread(msgspec.Struct, frozen=True):
    """A transaction of a known venue that does not look as its program's transactions do."""

    venue: str
    touched: frozenset[Address]
    """Accounts of the venue's instructions in it."""
    why: str


class Decoded(msgspec.Struct, frozen=True):
    trades: tuple[Trade, ...] = ()
    """In order of execution."""
    unread: Unread | None = None
    mints: Mapping[Address, Address] = {}
    """Mint by pool, where a venue's transactions tell it."""


NOTHING = Decoded()


class Decoder:
    """Reads executed transactions; one that cannot be read whole yields no trade, and is counted by cause."""

    def __init__(self, venues: Mapping[str, Venue[object]]) -> None:
        self._venues = {venue.program: venue for venue in venues.values()}
        self._tellers = {v.program: v for v in venues.values() if isinstance(v, MintTeller)}
        self.transactions = 0
        self.trades = 0
        self.without_trade = 0
        self.failed_on_chain = 0
        self.truncated = 0
        """Not readable since the node had cut their log: no sign of a changed program."""
        self.undecodable = 0

    def decode(self, transaction: TransactionUpdate, at_ms: int) -> Decoded:
        self.transactions += 1
        if transaction.error is not None:
            self.failed_on_chain += 1
            return NOTHING
        swaps: list[Swap] = []
        mints: dict[Address, Address] = {}
        venue: Venue[object] | None = None
        try:
            for program in dict.fromkeys(call.program for call in transaction.instructions):
                venue = self._venues.get(program)
                if venue is not None:
                    swaps += venue.decode_transaction(transaction)
                    if (teller := self._tellers.get(program)) is not None:
                        mints |= teller.mints(transaction)
        except DecodeError as error:
            return self._unread(transaction, venue, str(error))
        if not swaps:
            self.without_trade += 1
        swaps.sort(key=lambda swap: swap.position)
        self.trades += len(swaps)
        return Decoded(tuple([Trade(swap, at_ms) for swap in swaps]), mints=mints)

    def _unread(self, transaction: TransactionUpdate, venue: Venue[object] | None, why: str) -> Decoded:
        if any(line.startswith(CUT_LOG) for line in transaction.logs):
            self.truncated += 1
            return NOTHING
        self.undecodable += 1
        if venue is None:
            return NOTHING
        touched = frozenset(
            account
            for call in transaction.instructions
            if call.program == venue.program
            for account in call.accounts
        )
        return Decoded(unread=Unread(venue.name, touched, why))
