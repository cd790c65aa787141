"""Reads the lookup tables that the settings name, now and then, beside the hot path. No rule lives here."""

import asyncio

from chimera.domain.errors import OutsideError
from chimera.domain.ids import Address
from chimera.execution.tables import Tables
from chimera.observe import Observer
from chimera.ports.chain import Chain

EVERY_S = 60.0  # a table only grows, so that an old reading serves as well


class TablesRole:
    def __init__(
        self, *, tables: Tables, addresses: tuple[Address, ...], chain: Chain, observer: Observer
    ) -> None:
        self._tables, self._addresses, self._chain, self._observer = tables, addresses, chain, observer
        self._told: dict[Address, str] = {}

    async def keep(self) -> None:
        """Keeps them fresh, until cancelled."""
        while True:
            if self._addresses:
                await self.read()
            await asyncio.sleep(EVERY_S)

    async def read(self) -> None:
        try:
            slot, found = await self._chain.accounts(self._addresses)
        except OutsideError as error:
            self._observer.rpc_failed(endpoint="active", method="lookup tables", error=str(error))
            return
        refused = self._tables.see(found, slot=slot)
        missing = set(self._addresses) - {account.address for account in found if account is not None}
        refused |= dict.fromkeys(missing, "there is no such account")
        for address, why in refused.items():
            if self._told.get(address) != why:
                self._observer.told("lookup table is of no use", table=address, why=why)
        self._told = refused
