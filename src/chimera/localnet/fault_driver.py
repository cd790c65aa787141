"""Does what faults ask for at a slot: forks the chain, cuts Geyser streams, keeps Geyser closed.

A listener must not move the chain while the chain tells it something, so the work is done right after, from the
event loop.
"""

import asyncio

from chimera.localnet.chain import EmbeddedChain
from chimera.localnet.events import AccountWritten, BlockSealed, SlotChanged, SlotPhase, TransactionExecuted
from chimera.localnet.faults import FaultKind, Faults
from chimera.localnet.geyser import GeyserServer


class FaultDriver:
    """A chain listener; works from the moment it is made, within a running event loop."""

    def __init__(self, chain: EmbeddedChain, faults: Faults, *, geyser: GeyserServer | None = None) -> None:
        self._chain, self._faults, self._geyser = chain, faults, geyser
        self._loop = asyncio.get_running_loop()
        self._forking = False
        chain.listeners.add(self)

    def close(self) -> None:
        self._chain.listeners.remove(self)

    def account_written(self, event: AccountWritten) -> None:
        """Of no interest."""

    def transaction_executed(self, event: TransactionExecuted) -> None:
        """Of no interest."""

    def block_sealed(self, event: BlockSealed) -> None:
        """Of no interest."""

    def slot_changed(self, event: SlotChanged) -> None:
        # The slot that a fork begins must not roll the dice again: with a rate of 1 it would never end.
        if event.phase is SlotPhase.CREATED and not self._forking:
            self._loop.call_soon(self._strike)

    def fork(self, slots: int, *, requeue: bool = True) -> tuple[int, ...]:
        """The slots that died."""
        self._forking = True
        try:
            return self._chain.roll_back(slots, requeue=requeue)
        finally:
            self._forking = False

    def keep_geyser(self) -> None:
        """Opens or closes Geyser to new streams as the rules say now; closing cuts the running ones."""
        if self._geyser is not None:
            down = self._faults.holds(FaultKind.GEYSER_DOWN)
            self._geyser.refuse(refusing=down)
            if down:
                self._geyser.disconnect("server is shutting down try again later")

    def _strike(self) -> None:
        self.keep_geyser()
        for fault in self._faults.at_slot():
            if fault.kind is FaultKind.FORK:
                self.fork(fault.slots)
            elif self._geyser is not None:
                self._geyser.disconnect()
