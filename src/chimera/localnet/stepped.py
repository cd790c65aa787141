"""A world that steps: one slot a tick, no wall time, no network. Ten simulated minutes take a few seconds.

For tests, backtests and whoever wants to know what a seed brings. The same seed gives the same transactions in the
same slots, byte for byte, as long as nobody else sends any; whoever trades along does it through `execute`.
"""

from collections.abc import Iterable, Iterator

import msgspec
from solders.pubkey import Pubkey

from chimera.domain.chain import Account
from chimera.domain.errors import InvariantBroken
from chimera.domain.ids import Address
from chimera.localnet.chain import ChainOptions, Dropped, EmbeddedChain, Landed
from chimera.localnet.genesis import Genesis, genesis, purse_of
from chimera.localnet.ledger import TransactionRecord
from chimera.localnet.markets import Seen
from chimera.localnet.programs import PROGRAMS, program_elf
from chimera.localnet.stage import Stage
from chimera.localnet.world import World
from chimera.localnet.world_plan import Decision

TICK_S = 0.4
PURSES_EVERY = 500  # ticks between two looks at who needs money
BEGAN_UNIX_SECONDS = 1_700_000_000  # any time will do, as long as it is always the same


class Played(msgspec.Struct, frozen=True):
    """A decision and what became of it."""

    decision: Decision
    record: TransactionRecord | None
    """None: there was nothing to do (nothing held, nothing left to gain)."""


class SteppedWorld:
    def __init__(
        self, seed: int, *, began_unix_seconds: int = BEGAN_UNIX_SECONDS, transactions_max: int = 50_000
    ) -> None:
        self.seed, self.tick = seed, 0
        """The next tick to be played."""
        self.genesis: Genesis = genesis(seed)
        self.stage, self.world = Stage(seed), World(seed)
        self._began = began_unix_seconds
        self.chain = EmbeddedChain(
            # no randomness in blockhashes either: two runs are the same to the byte
            ChainOptions(identity=f"stepped world {seed}".encode(), transactions_max=transactions_max),
            now=lambda: self.unix_seconds,
            genesis=self.genesis.accounts,
            programs={Address(address): program_elf(name) for address, name in PROGRAMS.items()},
        )

    @property
    def unix_seconds(self) -> float:
        return self._began + self.tick * TICK_S

    def step(self) -> list[Played]:
        """One tick: every decision of it, in order, each by a trader who has just looked; then the slot ends."""
        done = [Played(decision, self.perform(decision)) for decision in self.world.decisions(self.tick)]
        if self.tick % PURSES_EVERY == PURSES_EVERY - 1:
            self._fill_purses()
        self.chain.advance_slot()
        self.tick += 1
        return done

    def play(self, ticks: int) -> Iterator[Played]:
        """That many ticks, one after the other."""
        for _ in range(ticks):
            yield from self.step()

    def perform(self, decision: Decision) -> TransactionRecord | None:
        """Sends what the decision comes to, given everything as it is now; None where that is nothing.

        Raises InvariantBroken where a leader would drop it, which is a mistake of ours.
        """
        seen = self.accounts(self.stage.place(decision).wanted)
        latest = self.chain.blockhashes.latest(up_to_slot=self.chain.slot)
        wire = self.stage.transaction(decision, seen, blockhash=str(latest.blockhash))
        if wire is None:
            return None
        outcome = self.execute(wire)
        if isinstance(outcome, Dropped):
            raise InvariantBroken(
                f"{decision} came to nothing that a leader would take: {outcome.error.json}"
            )
        return outcome.record

    def execute(self, wire: bytes) -> Landed | Dropped:
        """Anybody's transaction, run in the slot in progress."""
        return self.chain.execute(wire)

    def accounts(self, addresses: Iterable[Address]) -> Seen:
        return {address: self.account(address) for address in addresses}

    def account(self, address: Address) -> Account | None:
        found = self.chain.bank.account(Pubkey.from_string(address))
        if found is None:
            return None
        return Account(address, Address(str(found.owner)), found.lamports, bytes(found.data))

    def _fill_purses(self) -> None:
        """Gives from the faucet to whoever runs low, so that the world can go on for days."""
        purses = self.accounts(trader.address for trader in self.stage.cast.values())
        for trader in self.stage.cast.values():
            purse = purses[trader.address]
            if purse is None or purse.lamports < purse_of(trader) // 2:
                self.chain.execute_airdrop(Pubkey.from_string(trader.address), purse_of(trader))
