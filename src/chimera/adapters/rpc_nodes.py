"""Several nodes as one: `ports.chain.Chain` over one RpcChain each, by name.

  reads     the active node; where it does not answer, the others, since reading twice is harmless
  sends     the active node, or all at once where they race: the same bytes land once, so losers are superseded
  statuses  all that are in service: "not found" counts only where each of them says so cleanly

A send is never repeated here: after a time-out nobody knows whether it was taken. Only a node that said "later"
surely took nothing, so the next one is asked. Who is active is decided elsewhere. Must not know intents or trades.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from chimera.adapters.rpc import OwnLimit, RpcChain
from chimera.domain.chain import (
    Account,
    Blockhash,
    Commitment,
    SignatureSeen,
    SignatureStatus,
    Simulation,
    TransactionUpdate,
)
from chimera.domain.errors import Garbled, OutsideError, RateLimited, Unreachable
from chimera.domain.ids import Address, Signature
from chimera.ports.chain import PartlyKnown
from chimera.ports.venue import AccountFilter

T = TypeVar("T")

FAILURES_MAX = 3  # in a row: beyond that a node's silence says nothing about a signature
REST_S_MAX = 30.0
IDLE_PING_S = 10.0
HEIGHT_GRACE_S = 0.5  # for the slower nodes, whose last word will do
DEPTH = {Commitment.PROCESSED: 0, Commitment.CONFIRMED: 1, Commitment.FINALIZED: 2}


class RpcNodes:
    def __init__(
        self,
        nodes: Mapping[str, RpcChain],
        *,
        active: Callable[[], str],
        race: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`nodes` in order of preference; `active` names the one in charge. While that is not the first one, the
        first is out of service: it is asked by `probe` alone, or when nobody else answers.
        """
        self._nodes, self._active, self._race, self._monotonic = dict(nodes), active, race, monotonic
        self._first = next(iter(self._nodes))
        self._failures = dict.fromkeys(self._nodes, 0)
        self._rests: dict[str, float] = {}
        self._limited = dict.fromkeys(self._nodes, 0)
        self._heights = dict.fromkeys(self._nodes, 0)
        self._racing: set[asyncio.Task[Signature]] = set()

    # -- reads ------------------------------------------------------------------------------------------------

    async def accounts(
        self, addresses: Sequence[Address], *, commitment: Commitment = Commitment.PROCESSED
    ) -> tuple[int, tuple[Account | None, ...]]:
        return await self._read(lambda node: node.accounts(addresses, commitment=commitment))

    async def program_accounts(self, wanted: AccountFilter) -> tuple[int, tuple[Account, ...]]:
        return await self._read(lambda node: node.program_accounts(wanted))

    async def token_accounts(self, owner: Address) -> tuple[int, tuple[Account, ...]]:
        return await self._read(lambda node: node.token_accounts(owner))

    async def slot(self, *, commitment: Commitment = Commitment.PROCESSED) -> int:
        return await self._read(lambda node: node.slot(commitment=commitment))

    async def latest_blockhash(self) -> Blockhash:
        return await self._read(lambda node: node.latest_blockhash())

    async def genesis_hashes(self) -> dict[str, str | OutsideError]:
        """What each node says of its cluster, or why it says nothing; nobody speaks for another here."""
        told: dict[str, str | OutsideError] = {}
        for name in self._nodes:
            try:
                told[name] = await self._ask(name, lambda node: node.genesis_hash())
            except OutsideError as error:
                told[name] = error
        return told

    async def simulate(self, transaction: bytes, *, accounts: Sequence[Address] = ()) -> Simulation:
        return await self._read(lambda node: node.simulate(transaction, accounts=accounts), urgent=True)

    async def signatures_of(
        self, address: Address, *, after_slot: int, pages_max: int = 20
    ) -> tuple[SignatureSeen, ...]:
        return await self._read(
            lambda node: node.signatures_of(address, after_slot=after_slot, pages_max=pages_max)
        )

    async def rent_exempt_minimum(self, size: int) -> int:
        return await self._read(lambda node: node.rent_exempt_minimum(size))

    async def priority_fees(self, written: Sequence[Address]) -> tuple[int, ...]:
        return await self._read(lambda node: node.priority_fees(written))

    async def transaction(self, signature: Signature) -> TransactionUpdate | None:
        """Whichever node in service has it: one may have the status before it has the metadata."""
        found = await self._read(lambda node: node.transaction(signature), urgent=True)
        others = [name for name in self._in_service() if name != self._active()]
        while found is None and others:
            with contextlib.suppress(
                OutsideError
            ):  # there is an answer already; this node might only know more
                found = await self._ask(others.pop(0), lambda node: node.transaction(signature))
        return found

    async def _read(self, ask: Callable[[RpcChain], Awaitable[T]], *, urgent: bool = False) -> T:
        """The first answer in order; Rejected is one. Where nobody has any, what the first of them did is raised.

        A node that asked for rest is not asked, unless it is urgent and nobody else answered.
        """
        first: OutsideError | None = None
        for name in self._order():
            left_s = self._rests.get(name, 0.0) - self._monotonic()
            if left_s > 0 and not urgent:
                first = first or RateLimited(name, "it asked for rest", left_s)
                continue
            try:
                return await self._ask(name, ask)
            except (Unreachable, RateLimited, Garbled) as error:
                first = first or error
        if first is None:
            raise Unreachable("rpc", "there is no node")
        raise first

    # -- what a signature's fate is decided by -------------------------------------------------------------------

    async def block_height(self, *, commitment: Commitment = Commitment.CONFIRMED) -> int:
        """The least of the nodes in service: at that height each of them has had its say about a signature.

        One that does not answer counts with the last height it told, which is surely not too high.
        """
        names = self._in_service()
        asked = {
            asyncio.ensure_future(
                self._ask(name, lambda node: node.block_height(commitment=commitment))
            ): name
            for name in names
        }
        try:
            done, late = await asyncio.wait(asked, timeout=HEIGHT_GRACE_S)
            if late and not any(task.exception() is None for task in done):
                done, late = await asyncio.wait(asked)
        finally:
            for task in asked:
                task.cancel()
        errors: list[OutsideError] = []
        for task in done:
            try:
                self._heights[asked[task]] = max(self._heights[asked[task]], task.result())
            except OutsideError as error:
                errors.append(error)
        if len(errors) == len(names):
            raise errors[0]
        return min(self._heights[name] for name in names)

    async def statuses(self, signatures: Sequence[Signature]) -> tuple[SignatureStatus | None, ...]:
        """The deepest that any node knows of each. Done as soon as all are confirmed; None only where everybody
        in service answered and nobody knew. Raises PartlyKnown where somebody did not answer.
        """
        known: dict[Signature, SignatureStatus] = {}
        errors: list[OutsideError] = []
        names = self._in_service()
        asked = {
            asyncio.ensure_future(self._ask(name, lambda node: node.statuses(signatures))) for name in names
        }
        try:
            while asked and not _settled(known, signatures):
                done, asked = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    try:
                        _merge(known, signatures, task.result())
                    except OutsideError as error:
                        errors.append(error)
        finally:
            for task in asked:
                task.cancel()
        if errors and any(signature not in known for signature in signatures):
            raise PartlyKnown(errors[0].who, errors[0].what, known)
        return tuple(known.get(signature) for signature in signatures)

    # -- sends --------------------------------------------------------------------------------------------------

    async def send(self, transaction: bytes) -> Signature:
        if self._race and len(self._in_service()) > 1:
            return await self._send_to_all(transaction)
        refused: RateLimited | None = None
        for name in self._order():
            try:
                return await self._ask(name, lambda node: node.send(transaction))
            except RateLimited as error:
                refused = refused or error
        if refused is None:
            raise Unreachable("rpc", "there is no node")
        raise refused

    async def _send_to_all(self, transaction: bytes) -> Signature:
        """The first that takes it; the others run on. Where none does, what leaves most unknown is told."""
        tasks = {
            asyncio.ensure_future(self._ask(name, lambda node: node.send(transaction)))
            for name in self._in_service()
        }
        self._racing |= tasks
        errors: list[OutsideError] = []
        waiting = set(tasks)
        for task in tasks:
            task.add_done_callback(self._raced)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                try:
                    return task.result()
                except OutsideError as error:
                    errors.append(error)
        raise next((error for error in errors if isinstance(error, Unreachable)), errors[0])

    def _raced(self, task: asyncio.Task[Signature]) -> None:
        self._racing.discard(task)
        if not task.cancelled():
            task.exception()  # a loser's error has been counted by its node and is nobody's business here

    # -- who is asked ---------------------------------------------------------------------------------------------

    async def _ask(self, name: str, ask: Callable[[RpcChain], Awaitable[T]]) -> T:
        try:
            answer = await ask(self._nodes[name])
        except OwnLimit:
            raise  # that says nothing about the node
        except RateLimited as error:
            self._rest(name, error)
            raise
        except (Unreachable, Garbled):
            self._failures[name] += 1
            raise
        self._failures[name] = self._limited[name] = 0
        return answer

    def _rest(self, name: str, error: RateLimited) -> None:
        """Leaves the node alone for as long as it said, twice as long each time it says so again."""
        told = error.retry_after_s or 0.0
        rest = min(told * 2 ** self._limited[name], REST_S_MAX)
        self._limited[name] = min(self._limited[name] + 1, 10)
        self._rests[name] = max(self._rests.get(name, 0.0), self._monotonic() + rest)

    def _resting(self, name: str) -> bool:
        return self._rests.get(name, 0.0) > self._monotonic()

    def _order(self) -> list[str]:
        """Everybody, the best first: the active one unless it asked for rest; those out of service last."""
        active, served = self._active(), self._in_service()
        return sorted(self._nodes, key=lambda name: (name not in served, self._resting(name), name != active))

    def _in_service(self) -> list[str]:
        """Those whose word counts: the active one, and the others that are neither replaced nor silent."""
        active = self._active()
        replaced = self._first if active != self._first else None
        others = [
            name
            for name in self._nodes
            if name not in {active, replaced} and self._failures[name] < FAILURES_MAX
        ]
        return [active, *others]

    # -- connections ------------------------------------------------------------------------------------------------

    async def probe(self) -> None:
        """Returns where the first node is well: it says so, and gives what trades need. Raises OutsideError."""
        if not await self._ask(self._first, lambda node: node.healthy()):
            raise Unreachable(self._first, "getHealth: not ok")
        await self._ask(self._first, lambda node: node.latest_blockhash())

    async def keep_warm(self) -> None:
        """Runs until cancelled: keeps a connection to each node that may be needed, and learns which are silent."""
        while True:
            replaced = self._first if self._active() != self._first else None
            for name in self._nodes:
                if name != replaced and not self._resting(name):
                    with contextlib.suppress(OutsideError):  # counted; who needs an answer meets it himself
                        await self._ask(name, lambda node: node.healthy())
            await asyncio.sleep(IDLE_PING_S)

    async def close(self) -> None:
        for task in self._racing:
            task.cancel()
        for node in self._nodes.values():
            await node.close()


def _settled(known: Mapping[Signature, SignatureStatus], signatures: Sequence[Signature]) -> bool:
    return all(
        (status := known.get(signature)) is not None and status.commitment is not Commitment.PROCESSED
        for signature in signatures
    )


def _merge(
    known: dict[Signature, SignatureStatus],
    signatures: Sequence[Signature],
    answer: Sequence[SignatureStatus | None],
) -> None:
    for signature, status in zip(signatures, answer, strict=True):
        before = known.get(signature)
        if status is not None and (before is None or DEPTH[status.commitment] > DEPTH[before.commitment]):
            known[signature] = status
