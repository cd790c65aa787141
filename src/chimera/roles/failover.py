"""Keeps the house on a node that answers: listens to how calls went, records each switch, probes the way back.

The decision is `execution.failover`'s. Here are its ears (nodes and block engine), its hand (the journal, and Spear's
switch at door and desk) and its clock.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from chimera.domain.errors import OutsideError
from chimera.domain.messages import ConfigChanged
from chimera.execution.failover import ENGINE, Call, Failover
from chimera.observe import Observer
from chimera.ports.chain import BlockEngine, BundleLane
from chimera.ports.runtime import Clock
from chimera.ports.store import Journal

LOOK_EVERY_S = 0.5
ASK_AGAIN_S = 1.0  # after a failure of the engine: three of them should not take three rounds


class SpearSwitch(Protocol):
    spear_disabled: str
    """Why Spear is off, or empty."""


class FailoverRole:
    def __init__(
        self,
        *,
        failover: Failover,
        probe: Callable[[], Awaitable[None]],
        engine: BlockEngine | None,
        engine_every_s: float,
        switches: Sequence[SpearSwitch],
        journal: Journal,
        clock: Clock,
        observer: Observer,
    ) -> None:
        """`probe` returns where the primary is well. The journal's listeners fold what is recorded here."""
        self._failover, self._probe, self._engine, self._every_s = failover, probe, engine, engine_every_s
        self._switches, self._said = switches, ""
        self._journal, self._clock, self._observer = journal, clock, observer

    def heard(self, call: Call) -> None:
        """How one call went. Where it was one too many, the switch is made before this returns."""
        self._record(self._failover.heard(call, self._clock.now_ms()))

    async def watch(self) -> None:
        """Probes the primary when it is due; once at the start too, if the last run ended away from it."""
        self._set_spear()
        due = self._failover.triggered
        while True:
            if due:
                await self._look()
            self._set_spear()
            await asyncio.sleep(LOOK_EVERY_S)
            due = self._failover.probe_due(self._clock.now_ms())

    async def watch_engine(self) -> None:
        """Asks the block engine whether it is there, while trades go through it."""
        while True:
            well = True
            if self._engine is not None and not self._failover.triggered:
                well = await self._ask_engine(self._engine)
            await asyncio.sleep(self._every_s if well else min(ASK_AGAIN_S, self._every_s))

    async def _ask_engine(self, engine: BlockEngine) -> bool:
        began = self._clock.monotonic_ns()
        outcome = "ok"
        try:
            await engine.tip_accounts()
        except OutsideError as error:
            outcome = type(error).__name__
            self._observer.rpc_failed(endpoint=ENGINE, method="getTipAccounts", error=str(error))
        took_us = (self._clock.monotonic_ns() - began) // 1_000
        self.heard(Call(ENGINE, outcome, took_us, what="getTipAccounts"))
        return outcome == "ok"

    async def _look(self) -> None:
        trouble = ""
        try:
            await self._probe()
            if self._engine is not None:
                await self._engine.tip_accounts()
        except OutsideError as error:
            trouble = str(error)
            self._observer.told("probe failed", endpoint="primary", trouble=trouble)
        self._record(self._failover.probed(trouble, self._clock.now_ms()))

    def _record(self, switch: ConfigChanged | None) -> None:
        if switch is None:
            return
        self._journal.append(switch)
        self._set_spear()
        self._observer.told("rpc switched", before=switch.old, after=switch.new, cause=switch.cause)

    def _set_spear(self) -> None:
        """At door and desk; a reason that somebody else set stays, and is asked about again and again."""
        said = self._failover.spear_disabled
        for switch in self._switches:
            if switch.spear_disabled in {"", self._said}:
                switch.spear_disabled = said
        self._said = said


class HeardLane:
    """A block engine's lane whose failures are heard."""

    def __init__(self, lane: BundleLane, *, heard: Callable[[Call], None], clock: Clock) -> None:
        self._lane, self._heard, self._clock = lane, heard, clock

    async def send_bundle(self, transactions: Sequence[bytes]) -> str:
        """As the port says."""
        began = self._clock.monotonic_ns()
        outcome = "CancelledError"
        try:
            receipt = await self._lane.send_bundle(transactions)
            outcome = "ok"
        except OutsideError as error:
            outcome = type(error).__name__
            raise
        finally:
            took_us = (self._clock.monotonic_ns() - began) // 1_000
            self._heard(Call(ENGINE, outcome, took_us, what="sendBundle"))
        return receipt
