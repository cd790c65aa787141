"""Plays the world on a running chain: each tick's decisions become transactions, sent over JSON-RPC like anyone's.

Ticks are never left out: a world that was held up goes on where it was, later. What fails is counted and
forgotten, as its traders would do; only a node that stays away ends the world.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from chimera.domain.errors import Garbled, OutsideError, RateLimited, Rejected, Unreachable
from chimera.domain.ids import Address
from chimera.localnet.genesis import BOT_WSOL, purse_of
from chimera.localnet.stage import Stage
from chimera.localnet.tokens import SOL
from chimera.localnet.world import World
from chimera.localnet.world_node import WorldNode
from chimera.localnet.world_plan import Decision
from chimera.onchain import token_instructions as make
from chimera.onchain.keys import associated_token_address
from chimera.onchain.transaction import attach_signatures, compile_v0

TICK_MS = 400  # a slot's time
BLOCKHASH_EVERY = 20  # ticks; a blockhash lives for 150 slots
PURSES_EVERY = 500  # ticks between two looks at who needs money
RETRY_S = 0.2
SEND_ATTEMPTS = 2
NODE_AWAY_MAX_S = 60.0  # a node may restart; one that stays away for longer is gone

log = logging.getLogger(__name__)


class WorldSummary(msgspec.Struct, frozen=True):
    ticks: int
    decided: int
    sent: int
    idle: int
    """Decisions that had come to nothing: nothing held, nothing left to gain."""
    failed: int
    """Not handed over: refused by the node, or lost on the way."""


async def run_world(
    seed: int,
    rpc_url: str,
    *,
    tick_ms: int = TICK_MS,
    ticks: int | None = None,
    first_tick: int = 0,
    observe: Callable[[Decision, str], None] | None = None,
) -> WorldSummary:
    """What was done, after `ticks` ticks; without a number it runs until cancelled.

    `observe` hears of each decision and what became of it: `idle`, `failed` or the signature. Raises Unreachable
    when the node stays away.
    """
    async with WorldNode(rpc_url) as node:
        play = _Play(seed, node, observe or (lambda decision, outcome: None))
        await play.wait_for_node()
        began = time.monotonic()
        tick = first_tick
        while ticks is None or tick < first_tick + ticks:
            late_s = time.monotonic() - began - (tick - first_tick) * tick_ms / 1000
            if late_s > 0:
                began += max(0.0, late_s - tick_ms / 1000)  # held up: everything after happens later too
            else:
                await asyncio.sleep(-late_s)
            if await play.tick(tick):
                tick += 1
            else:
                await asyncio.sleep(RETRY_S)
        return play.summary(tick - first_tick)


class _Play:
    def __init__(self, seed: int, node: WorldNode, observe: Callable[[Decision, str], None]) -> None:
        self._world, self._stage, self._node = World(seed), Stage(seed), node
        self._observe = observe
        self._counts: Counter[str] = Counter()
        self._blockhash = ""
        self._blockhash_tick = -BLOCKHASH_EVERY
        self._away_since: float | None = None

    async def wait_for_node(self) -> None:
        while True:
            with contextlib.suppress(OutsideError):
                if await self._node.healthy():
                    self._away_since = None
                    return
            self._note_away()
            await asyncio.sleep(RETRY_S)

    async def tick(self, tick: int) -> bool:
        """Whether the tick was played; False where the node would not say what there is to see."""
        decisions = self._world.decisions(tick)
        places = [self._stage.place(decision) for decision in decisions]
        wanted = list(dict.fromkeys(address for place in places for address in place.wanted))
        try:
            if tick >= self._blockhash_tick + BLOCKHASH_EVERY:
                self._blockhash, self._blockhash_tick = await self._node.blockhash(), tick
            if tick % PURSES_EVERY == PURSES_EVERY - 1:
                await self._fill_purses()
            seen = await self._node.accounts(wanted)
        except (Unreachable, RateLimited, Rejected, Garbled) as error:
            log.info("the world waits at tick %d: %s", tick, error)
            self._note_away()
            return False
        self._away_since = None
        for decision in decisions:
            transaction = self._stage.transaction(decision, seen, blockhash=self._blockhash)
            self._count(decision, "idle" if transaction is None else await self._send(decision, transaction))
        return True

    def summary(self, ticks: int) -> WorldSummary:
        counts = self._counts
        sent, idle, failed = counts["sent"], counts["idle"], counts["failed"]
        return WorldSummary(ticks, sent + idle + failed, sent, idle, failed)

    async def _send(self, decision: Decision, transaction: bytes) -> str:
        for _ in range(SEND_ATTEMPTS):
            try:
                return await self._node.send(transaction)
            except (Unreachable, RateLimited) as error:
                told = error  # the same bytes again are harmless
            except (Rejected, Garbled) as error:
                log.info("%s could not %s %s: %s", decision.trader, decision.deed, decision.symbol, error)
                return "failed"
        log.info("%s could not %s %s: %s", decision.trader, decision.deed, decision.symbol, told)
        return "failed"

    def _count(self, decision: Decision, outcome: str) -> None:
        self._counts[outcome if outcome in ("idle", "failed") else "sent"] += 1
        self._observe(decision, outcome)

    def _note_away(self) -> None:
        """Raises Unreachable once the node has been away for too long."""
        now = time.monotonic()
        self._away_since = self._away_since or now
        if now - self._away_since > NODE_AWAY_MAX_S:
            raise Unreachable("the world's node", f"away for {NODE_AWAY_MAX_S:.0f} s")

    async def _fill_purses(self) -> None:
        """Gives from the faucet to whoever runs low, so that the world can go on for days."""
        cast = list(self._stage.cast.values())
        stocks = {
            trader.name: associated_token_address(trader.address, SOL.mint)
            for trader in cast
            if not trader.wraps
        }
        addresses = [trader.address for trader in cast]
        lamports = await self._node.lamports([*addresses, *stocks.values()])
        for trader in cast:
            if lamports[trader.address] < purse_of(trader) // 2:
                await self._node.airdrop(trader.address, purse_of(trader))
            stock = stocks.get(trader.name)
            if stock is not None and lamports[stock] < BOT_WSOL // 3:
                await self._node.airdrop(stock, BOT_WSOL)
                await self._node.send(self._synced(trader.name, stock))

    def _synced(self, name: str, stock: Address) -> bytes:
        trader = self._stage.cast[name]
        message = compile_v0([make.sync_native(stock)], payer=trader.address, blockhash=self._blockhash)
        return attach_signatures(message, [bytes(self._stage.key(trader).sign_message(message))])


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of a world in a process of its own."""
    parser = argparse.ArgumentParser(description="Plays the embedded world's traders on a chain.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rpc", default="http://127.0.0.1:8899", help="the chain's JSON-RPC address")
    parser.add_argument("--tick-ms", type=int, default=TICK_MS)
    parser.add_argument("--ticks", type=int, help="stop after that many")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    return asyncio.run(_run_until_told(chosen.seed, chosen.rpc, tick_ms=chosen.tick_ms, ticks=chosen.ticks))


async def _run_until_told(seed: int, rpc_url: str, *, tick_ms: int, ticks: int | None) -> int:
    running = asyncio.ensure_future(run_world(seed, rpc_url, tick_ms=tick_ms, ticks=ticks))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        return 0
    except Unreachable as error:
        log.warning("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
