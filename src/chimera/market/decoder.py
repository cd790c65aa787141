"""Trades out of transactions, whichever venue they touch. Counts what comes in, what comes out and what failed."""

from collections.abc import Mapping

from chimera.domain.chain import TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.market import Trade
from chimera.domain.pool import Swap
from chimera.ports.venue import Venue


class Decoder:
    """Reads executed transactions; one that cannot be read whole yields nothing and is counted."""

    def __init__(self, venues: Mapping[str, Venue[object]]) -> None:
        self._venues = venues
        self.transactions = 0
        self.trades = 0
        self.failed_on_chain = 0
        self.undecodable = 0
        self.last_error = ""

    def decode(self, transaction: TransactionUpdate, at_ms: int) -> list[Trade]:
        """Swaps in order of execution."""
        self.transactions += 1
        if transaction.error is not None:
            self.failed_on_chain += 1
            return []
        programs = {instruction.program for instruction in transaction.instructions}
        swaps: list[Swap] = []
        try:
            for venue in self._venues.values():
                if venue.program in programs:
                    swaps += venue.decode_transaction(transaction)
        except DecodeError as error:
            self.undecodable += 1
            self.last_error = f"{transaction.signature}: {error}"
            return []
        swaps.sort(key=lambda swap: swap.position)
        self.trades += len(swaps)
        return [Trade(swap, at_ms) for swap in swaps]
