"""The embedded chain as a process: bank, slot clock and every front, started together and stopped cleanly."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NoReturn, Protocol, Self

import msgspec

from chimera.domain.ids import Address
from chimera.localnet.admin import AdminOptions, AdminPort
from chimera.localnet.bank import GenesisAccount
from chimera.localnet.block_engine import BlockEngine, BlockEngineOptions, tip_genesis
from chimera.localnet.chain import ChainOptions, EmbeddedChain
from chimera.localnet.fault_driver import FaultDriver
from chimera.localnet.faults import Faults
from chimera.localnet.geyser import GeyserOptions, GeyserServer
from chimera.localnet.kept import ChainFile
from chimera.localnet.programs import PROGRAMS, program_elf
from chimera.localnet.rpc import RpcFront
from chimera.localnet.rpc_http import RpcHttp, RpcHttpOptions
from chimera.localnet.slots import SlotClock
from chimera.localnet.ws import WsOptions, WsServer


class NodeOptions(msgspec.Struct, frozen=True):
    """Ports of 0 take free ones."""

    slot_ms: int = 400
    host: str = "127.0.0.1"
    rpc_port: int = 8899
    ws_port: int = 8900
    geyser_port: int = 10_000
    jito_port: int = 8901
    admin_port: int = 8902
    seed: int = 7
    """Of the faults; the world's is its own."""
    identity: bytes | None = None
    """Decides genesis hash and blockhashes; None: new with every start, as a chain that begins anew must be."""
    confirmed_lag_slots: int = 2
    finalized_lag_slots: int = 32
    genesis_unix_seconds: int | None = None
    transactions_max: int = 50_000
    kept_in: Path | None = None
    """The chain goes on where the one in that file stopped, however it did; None: it lives in memory."""


class _Front(Protocol):
    async def start(self) -> int: ...

    async def stop(self) -> None: ...


async def run_node(
    options: NodeOptions,
    *,
    genesis: Sequence[GenesisAccount],
    started: Callable[[dict[str, str]], None] | None = None,
) -> NoReturn:
    """Runs until cancelled. `started` gets the addresses: rpc, ws, geyser, jito, admin.

    Raises ConfigError for a port that is taken.
    """
    async with Node(options, genesis=genesis) as node:
        if started is not None:
            started(node.endpoints)
        await node.clock.run()
    raise AssertionError("the slot clock ends only by cancellation")


class Node:
    """A running node; an async context."""

    def __init__(self, options: NodeOptions, *, genesis: Sequence[GenesisAccount]) -> None:
        self._options = options
        self._file = None if options.kept_in is None else ChainFile(options.kept_in)
        self.chain = EmbeddedChain(
            ChainOptions(
                confirmed_lag_slots=options.confirmed_lag_slots,
                finalized_lag_slots=options.finalized_lag_slots,
                genesis_unix_seconds=options.genesis_unix_seconds,
                identity=options.identity or os.urandom(32),
                transactions_max=options.transactions_max,
            ),
            now=time.time,
            genesis=(*tip_genesis(), *genesis),
            programs={Address(address): program_elf(name) for address, name in PROGRAMS.items()},
            kept_in=self._file,
        )
        self.faults = Faults(seed=options.seed, slot=lambda: self.chain.slot)
        self.clock = SlotClock(self.chain.advance_slot, duration_ms=options.slot_ms)
        self.endpoints: dict[str, str] = {}
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        host, options, intercept = self._options.host, self._options, self.faults.intercept
        geyser = GeyserServer(
            self.chain, GeyserOptions(host=host, port=options.geyser_port), now_ns=time.time_ns
        )
        self.chain.resume()  # Geyser listens already: a client that comes back may ask for the last slots
        engine_options = BlockEngineOptions(host=host, port=options.jito_port)
        engine = BlockEngine(self.chain, engine_options, now=time.time, intercept=intercept)
        driver = FaultDriver(self.chain, self.faults, geyser=geyser)
        admin = AdminPort(
            self.chain,
            AdminOptions(port=options.admin_port),
            faults=self.faults,
            driver=driver,
            pace=self.clock,
            geyser=geyser,
        )
        rpc = RpcHttp(
            RpcFront(self.chain, intercept=intercept), RpcHttpOptions(host=host, port=options.rpc_port)
        )
        ws = WsServer(self.chain, WsOptions(host=host, port=options.ws_port), intercept=intercept)
        fronts: dict[str, tuple[str, _Front]] = {
            "rpc": ("http", rpc),
            "ws": ("ws", ws),
            "geyser": ("http", geyser),
            "jito": ("http", engine),
            "admin": ("http", admin),
        }
        async with AsyncExitStack() as starting:
            if self._file is not None:
                starting.callback(self._file.close)
            starting.callback(driver.close)
            for name, (scheme, front) in fronts.items():
                port = await front.start()
                starting.push_async_callback(front.stop)
                self.endpoints[name] = f"{scheme}://{host}:{port}"
            self._running = starting.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()
