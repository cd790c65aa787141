"""Promotes and demotes wallets on an operator's word, and demotes those whose time is up.

Positions that copied a wallet stay as they are: leaving them is their own rules' business.
"""

import asyncio

import msgspec

from chimera.domain.commands import Answer, ChangeWallet, Command
from chimera.domain.errors import DecodeError
from chimera.domain.ids import Address
from chimera.domain.messages import WalletChanged
from chimera.domain.wallet import Wallet, WalletStatus
from chimera.onchain.keys import address_bytes
from chimera.ports.runtime import Clock
from chimera.ports.store import Journal
from chimera.risk.roster import Roster

LOOK_EVERY_S = 1.0
BY_TTL = "ttl"


class WalletsRole:
    def __init__(self, *, roster: Roster, journal: Journal, clock: Clock) -> None:
        self._roster, self._journal, self._clock = roster, journal, clock

    async def run(self) -> None:
        """Demotes what is due, for ever; what fell due while the house was away, at once."""
        while True:
            self.demote_due()
            await asyncio.sleep(LOOK_EVERY_S)

    def demote_due(self) -> None:
        now = self._clock.now_ms()
        for wallet in list(self._roster.wallets.values()):
            until = wallet.active_until_ms
            if wallet.status is WalletStatus.ACTIVE and until is not None and until <= now:
                demoted = msgspec.structs.replace(wallet, status=WalletStatus.CANDIDATE, active_until_ms=None)
                self._journal.append(WalletChanged(demoted, "its time as ACTIVE is up", BY_TTL))

    async def perform(self, command: Command) -> Answer:
        """`ports.runtime.Commands`, for ChangeWallet."""
        if not isinstance(command, ChangeWallet):
            return Answer(ok=False, code="UNSUPPORTED", message="that is not about wallets")
        known = self._roster.get(command.address)
        if known is None and not command.new:
            return Answer(ok=False, code="UNKNOWN", message="this wallet is not on the roster")
        if command.ttl_ms is not None and command.status is not WalletStatus.ACTIVE:
            return Answer(
                ok=False, code="VALIDATION_FAILED", message="only an ACTIVE wallet has a time to live"
            )
        if known is None and not _is_address(command.address):
            return Answer(ok=False, code="VALIDATION_FAILED", message="this is not a Solana address")
        before = known or Wallet(command.address, command.status)
        until = None if command.ttl_ms is None else self._clock.now_ms() + command.ttl_ms
        after = msgspec.structs.replace(
            before,
            status=command.status,
            strategy=command.strategy or before.strategy,
            notes=before.notes if command.notes is None else command.notes,
            active_until_ms=until,
        )
        told = {"before": known.status if known else "", "after": after.status}
        if after == known:
            return Answer(ok=True, message="it is so already", **told)
        entry = self._journal.append(WalletChanged(after, command.cause, command.by))
        await self._journal.durable(entry.seq)
        return Answer(ok=True, message=f"the wallet is {after.status}", **told)


def _is_address(text: Address) -> bool:
    try:
        return len(address_bytes(text)) == 32
    except DecodeError:
        return False
