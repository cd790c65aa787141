"""How what the desk asks for is done in the world: simulated, signed, handed over, read back. No rule lives here."""

import asyncio
from typing import Protocol

from chimera.domain.errors import OutsideError
from chimera.execution.effects import (
    Effect,
    HandedOver,
    Message,
    NotSigned,
    ProbeToken,
    ReadTransaction,
    Send,
    Sign,
    SignedBytes,
    Simulate,
    Simulated,
    TransactionSeen,
)
from chimera.execution.failover import Failover
from chimera.observe import Observer
from chimera.onchain.keys import signature_text
from chimera.onchain.transaction import attach_signatures, unsigned
from chimera.ports.chain import BundleLane, Chain
from chimera.ports.signer import Signer
from chimera.ports.store import Journal
from chimera.roles.probing import measure


class Performer(Protocol):
    """Whoever does it; only for a live one is there a key behind it."""

    def sign(self, effect: Sign) -> Message:
        """At once: nothing may come between the wish and its record."""
        ...

    async def perform(self, effect: Effect) -> Message:
        """The answer. A failure of the outside world is an answer too."""
        ...


class NodePerformer:
    """With the key, through a node and a block engine."""

    def __init__(
        self,
        *,
        chain: Chain,
        bundles: BundleLane | None,
        signer: Signer,
        journal: Journal,
        observer: Observer,
        failover: Failover,
        race: bool,
    ) -> None:
        """`race`: a bundle's bytes go to the node at once too, instead of after the first silence."""
        self._chain, self._bundles, self._signer, self._journal = chain, bundles, signer, journal
        self._observer, self._failover, self._race = observer, failover, race

    def sign(self, effect: Sign) -> Message:
        try:
            signature = self._signer.sign(effect.message)
        except OutsideError as error:
            return NotSigned(effect.leg_id, str(error))
        transaction = attach_signatures(effect.message, [signature])
        return SignedBytes(effect.leg_id, signature_text(signature), transaction)

    async def perform(self, effect: Effect) -> Message:
        match effect:
            case Simulate(leg_id, message):
                return await self._simulate(leg_id, message)
            case Send():
                return await self._send(effect)
            case ReadTransaction():
                return await self._read(effect)
            case ProbeToken(probe):
                return await measure(self._chain, probe)
            case Sign():
                return self.sign(effect)

    async def _simulate(self, leg_id: str, message: bytes) -> Simulated:
        try:
            return Simulated(leg_id, await self._chain.simulate(unsigned(message)))
        except OutsideError as error:
            return Simulated(leg_id, None, str(error))

    async def _send(self, effect: Send) -> HandedOver:
        await self._journal.durable(effect.durable_seq)
        # again only by the node: the same bytes land once, and a block engine refuses a bundle that it knows
        first = effect.bundle and effect.attempt == 1
        bundles = self._bundles if first or effect.atomic else None
        if bundles is None and effect.atomic:
            return HandedOver(effect.leg_id, "bundle", effect.attempt, "no block engine: a bundle or nothing")
        tries = {} if bundles is None else {"bundle": bundles.send_bundle([effect.transaction])}
        if bundles is None or (self._race and not effect.atomic):
            tries[self._failover.node] = self._chain.send(effect.transaction)
        ended = await asyncio.gather(*tries.values(), return_exceptions=True)
        failed = [error for error in ended if isinstance(error, BaseException)]
        for error in failed:
            if not isinstance(error, OutsideError):
                raise error
        took = [lane for lane, end in zip(tries, ended, strict=True) if isinstance(end, str)]
        # one lane that took it is enough: what the others say is superseded
        cause = "" if took else "; ".join(map(str, failed))
        return HandedOver(effect.leg_id, "+".join(took or tries), effect.attempt, cause)

    async def _read(self, effect: ReadTransaction) -> TransactionSeen:
        try:
            return TransactionSeen(effect.leg_id, await self._chain.transaction(effect.signature))
        except OutsideError as error:
            self._observer.rpc_failed(endpoint=self._failover.node, method="getTransaction", error=str(error))
            return TransactionSeen(effect.leg_id, None)
