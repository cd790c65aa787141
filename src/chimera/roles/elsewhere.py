"""Asks a route service about a buy or a swap before the desk gets it, for a limited time; whatever it says, they go on.

Exits are never asked about: they do not wait. No rule lives here: `execution.elsewhere` compares.
"""

import asyncio
from collections.abc import Callable

from chimera.domain.errors import OutsideError
from chimera.domain.ids import Address
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.domain.messages import Entry, Fact, Noted
from chimera.domain.pool import SwapKind
from chimera.domain.risk import Refusal
from chimera.execution.elsewhere import Elsewhere, Offer
from chimera.execution.planner import ends
from chimera.execution.tables import Tables
from chimera.market.view import MarketView
from chimera.observe import Observer
from chimera.ports.chain import Chain
from chimera.ports.services import RouteRequest, RouteService


class ElsewhereRole:
    def __init__(
        self,
        *,
        elsewhere: Elsewhere,
        service: RouteService,
        tables: Tables,
        chain: Chain,
        view: MarketView,
        wallet: Address,
        record: Callable[[Fact], Entry],
        observer: Observer,
        within_s: float,
    ) -> None:
        """`within_s`: of quote, instructions and tables together."""
        self._elsewhere, self._service, self._tables = elsewhere, service, tables
        self._chain, self._view, self._wallet = chain, view, wallet
        self._record, self._observer, self._within_s = record, observer, within_s

    def asks(self, intent: TradeIntent) -> bool:
        """Shield's buys and swaps alone: an exit must not wait, and Spear lives from being first."""
        return intent.side in (Side.BUY, Side.SWAP) and intent.style is Style.SHIELD

    async def ask(self, intent: TradeIntent) -> None:
        """Remembers what the service offers; what came of it otherwise is put on record by name."""
        try:
            async with asyncio.timeout(self._within_s):
                refusal = await self._ask(intent)
        except TimeoutError:
            self._note(intent, f"no answer within {self._within_s:g} s")
        except OutsideError as error:
            self._observer.rpc_failed(endpoint="routes", method="route", error=str(error))
            self._note(intent, str(error))
        else:
            if refusal is not None:
                self._note(intent, str(refusal))

    async def _ask(self, intent: TradeIntent) -> Refusal | None:
        source, target = ends(intent)
        request = RouteRequest(
            input_mint=source,
            output_mint=target,
            kind=SwapKind.EXACT_IN,
            amount=intent.amount,
            slippage_bps=intent.slippage_bps_max,
            at_slot=self._view.slot,
        )
        quote = await self._service.quote(request)
        if isinstance(quote, Refusal):
            return quote
        calls = await self._service.calls(quote, user=self._wallet)
        if isinstance(calls, Refusal):
            return calls
        if calls.lookup_tables:
            slot, found = await self._chain.accounts(calls.lookup_tables)
            self._tables.see(found, slot=slot)
        self._elsewhere.remember(intent.id, Offer(quote, calls))
        return None

    def _note(self, intent: TradeIntent, cause: str) -> None:
        self._record(
            Noted("no route from elsewhere: our own alone", {"intent_id": intent.id, "cause": cause})
        )
