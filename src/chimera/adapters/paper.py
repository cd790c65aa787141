"""A chain for paper: the real one to look at, and a simulated one for everything that is ours.

What landed there is kept in a file of its own, a line each, on disk before anybody hears of it: so this chain
outlives a crash of the desk as a real one would, and the books are held against something that is not the books.
Nothing is ever sent, and there is no key. Pools forget our impact at a restart, and forks do not reach our legs.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import msgspec

from chimera.domain.chain import (
    Account,
    AccountUpdate,
    Blockhash,
    Commitment,
    FeedItem,
    SignatureSeen,
    SignatureStatus,
    Simulation,
    TransactionUpdate,
)
from chimera.domain.errors import ConfigError, InvariantBroken
from chimera.domain.ids import SYSTEM_PROGRAM, TOKEN_PROGRAM, Address, Signature, Slot
from chimera.execution.effects import Effect, Message, Send, Sign
from chimera.market.view import MarketView
from chimera.onchain.keys import address_bytes
from chimera.ports.chain import Chain, Feed, Subscription
from chimera.ports.runtime import Clock
from chimera.ports.store import Journal
from chimera.ports.venue import AccountFilter
from chimera.sim.chain import SimulatedChain
from chimera.sim.impact import Impact

LOOK_EVERY_S = 0.05  # for a new slot: they come every 0.4 s
TOKEN_ACCOUNT_RENT_LAMPORTS = 2_039_280
SENDS_NOTHING = "a desk on paper sends nothing to a chain"


class Opened(msgspec.Struct, frozen=True, tag=True):
    """The first line: what the wallet began with."""

    lamports: int
    tokens: dict[Address, int] = {}


class LandedFile:
    """Every transaction that ever landed on this chain, oldest first."""

    def __init__(self, path: Path, opened: Opened, *, past: Sequence[TransactionUpdate]) -> None:
        self.lamports, self.tokens, self.past = opened.lamports, opened.tokens, past
        self._file = path.open("ab", buffering=0)

    @classmethod
    def open(cls, path: Path, *, lamports: int, tokens: Mapping[Address, int] | None = None) -> Self:
        """Made with so much where there is none yet; else it goes on. Raises ConfigError for a broken one."""
        known = path.read_bytes() if path.exists() else b""
        whole = known[: known.rfind(b"\n") + 1]
        if len(whole) < len(known):  # torn by a crash: nobody was told of it
            os.truncate(path, len(whole))
        try:
            lines = [
                msgspec.json.decode(line, type=Opened | TransactionUpdate) for line in whole.splitlines()
            ]
        except msgspec.DecodeError as error:
            raise ConfigError(f"{path}: {error}") from None
        if not lines:
            opened = Opened(lamports, dict(tokens or {}))
            made = cls(path, opened, past=())
            made._write(opened)
            return made
        past = [line for line in lines if isinstance(line, TransactionUpdate)]
        first = lines[0]
        if not isinstance(first, Opened) or len(past) != len(lines) - 1:
            raise ConfigError(f"{path}: does not begin with what the wallet had")
        return cls(path, first, past=past)

    def keep(self, transaction: TransactionUpdate) -> None:
        """On disk when it returns; raises InvariantBroken where the disk refuses it."""
        self._write(transaction)

    def _write(self, line: Opened | TransactionUpdate) -> None:
        try:
            self._file.write(msgspec.json.encode(line) + b"\n")
            os.fsync(self._file.fileno())
        except OSError as error:
            raise InvariantBroken(f"the paper chain cannot be kept: {error.strerror}") from None


class PaperChain:
    """`ports.chain.Chain`: questions about our wallet and our signatures are answered by the simulation."""

    def __init__(self, simulated: SimulatedChain, *, node: Chain, view: MarketView, clock: Clock) -> None:
        self.simulated = simulated
        self._node, self._view, self._clock = node, view, clock

    async def run(self) -> None:
        """Lets land what is due in each slot that was processed, until cancelled."""
        seen = self._view.slot
        while True:
            if self._view.slot > seen:
                seen = self._view.slot
                self.simulated.advance(self._clock.now_ms())
            await asyncio.sleep(LOOK_EVERY_S)

    # ours

    async def accounts(
        self, addresses: Sequence[Address], *, commitment: Commitment = Commitment.PROCESSED
    ) -> tuple[int, tuple[Account | None, ...]]:
        """The market's as the node has them, with our own trades in the vaults."""
        wallet = self.simulated.wallet
        if list(addresses) == [wallet]:
            purse = Account(wallet, SYSTEM_PROGRAM, self.simulated.lamports, b"")
            return self._view.slot, (purse,)
        slot, found = await self._node.accounts(addresses, commitment=commitment)
        return slot, tuple(None if account is None else self._shifted(account, slot) for account in found)

    async def token_accounts(self, owner: Address) -> tuple[int, tuple[Account, ...]]:
        if owner != self.simulated.wallet:
            return await self._node.token_accounts(owner)
        held = sorted(self.simulated.tokens.items())
        return self._view.slot, tuple(self._token_account(mint, amount) for mint, amount in held)

    async def block_height(self, *, commitment: Commitment = Commitment.CONFIRMED) -> int:  # noqa: ARG002
        """Slots count as blocks here, as they do for the blockhash."""
        return self._view.slot

    async def latest_blockhash(self) -> Blockhash:
        """The node is asked all the same: without one, a real desk could not trade either."""
        await self._node.latest_blockhash()
        return self.simulated.blockhash()

    async def statuses(self, signatures: Sequence[Signature]) -> tuple[SignatureStatus | None, ...]:
        return tuple(self.simulated.status(signature) for signature in signatures)

    async def transaction(self, signature: Signature) -> TransactionUpdate | None:
        return self.simulated.transaction(signature)

    async def signatures_of(
        self,
        address: Address,  # noqa: ARG002 (the port's)
        *,
        after_slot: int,  # noqa: ARG002
        pages_max: int = 20,  # noqa: ARG002
    ) -> tuple[SignatureSeen, ...]:
        """None: nobody but us can touch what only exists here."""
        return ()

    async def simulate(
        self,
        transaction: bytes,  # noqa: ARG002
        *,
        accounts: Sequence[Address] = (),  # noqa: ARG002
    ) -> Simulation:
        raise InvariantBroken("on paper a leg is simulated by its plan, not by its bytes")

    async def send(self, transaction: bytes) -> Signature:  # noqa: ARG002
        raise InvariantBroken(SENDS_NOTHING)

    # everybody's

    async def program_accounts(self, wanted: AccountFilter) -> tuple[int, tuple[Account, ...]]:
        return await self._node.program_accounts(wanted)

    async def slot(self, *, commitment: Commitment = Commitment.PROCESSED) -> int:
        return await self._node.slot(commitment=commitment)

    async def rent_exempt_minimum(self, size: int) -> int:
        return await self._node.rent_exempt_minimum(size)

    def _shifted(self, account: Account, slot: int) -> Account:
        return self.simulated.impact.read(AccountUpdate(account, Slot(slot), 0)).account

    def _token_account(self, mint: Address, amount: int) -> Account:
        """As the token program lays it out: mint, owner, amount, and that it is initialised."""
        owner = address_bytes(self.simulated.wallet)
        data = bytearray(address_bytes(mint) + owner + amount.to_bytes(8, "little")).ljust(165, b"\0")
        data[108] = 1
        program = self._view.token_program(mint) or TOKEN_PROGRAM
        address = self.simulated.account_of(mint)
        return Account(address, program, TOKEN_ACCOUNT_RENT_LAMPORTS, bytes(data))


class PaperPerformer:
    """Does what the desk asks for on the simulated chain; what it signs with is a hash."""

    def __init__(self, simulated: SimulatedChain, *, journal: Journal) -> None:
        self._simulated, self._journal = simulated, journal

    def sign(self, effect: Sign) -> Message:
        return self._simulated.perform(effect)

    async def perform(self, effect: Effect) -> Message:
        if isinstance(effect, Send):
            await self._journal.durable(effect.durable_seq)  # what is written down first is so here too
        return self._simulated.perform(effect)


class PaperFeed:
    """The live stream, with our own trades in the pools that it tells of."""

    def __init__(self, feed: Feed, impact: Impact) -> None:
        self._feed, self._impact = feed, impact

    async def subscribe(
        self, wanted: Subscription, *, from_slot: int | None = None
    ) -> AsyncIterator[FeedItem]:
        stream = self._feed.subscribe(wanted, from_slot=from_slot)
        try:
            async for item in stream:
                for told in self._impact.told(item):
                    yield told
        finally:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()

    async def change(self, wanted: Subscription) -> None:
        await self._feed.change(wanted)
