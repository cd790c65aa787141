"""Kills each role of a house in many processes, NATS and the chain, and freezes the chain, over one run of the world.

    python tests/crash/kill_roles.py [--kills 200] [--seed 7] [--only market,nats]

Everybody comes back by himself (a supervisor starts what died) and at the end all must agree: the books with the chain
to the lamport, everybody's pools with the chain's accounts, the tables with the journal; no trade twice, no signal
without an end, and every absence of the market process told as a gap.

The killed chain runs its ledger again and goes on where it was, as a validator does. The frozen one (SIGSTOP) is a
node that hangs with every connection open; its streams are cut afterwards.
"""

import argparse
import asyncio
import contextlib
import io
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Self

from prometheus_client import CollectorRegistry
from tests.crash.kill_desk import _ask, _verdict, calm, proved, signatures_paid_by
from tests.flow.apart import ApartHouse, apart_house

from chimera.adapters.bus_nats import NatsBus
from chimera.adapters.clocks import WallClock
from chimera.adapters.pool_cache import PoolCache
from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.demo.processes import Child
from chimera.domain.chain import AccountUpdate
from chimera.domain.ids import Address, Slot
from chimera.domain.market import MarketEvent, MarketGap
from chimera.domain.messages import Entry, IntentEmitted, SignalAccepted, SignalDropped
from chimera.domain.record import Maker
from chimera.market.view import MarketView
from chimera.observe import Observer, Redactor, make_log
from chimera.plugins import venues
from chimera.ports.venue import MintTeller
from chimera.roles.pool_sharing import AWAY, PoolFollower
from chimera.roles.topics import MARKET

TARGETS = ("market", "nats", "chain", "freeze", "strategy", "execution", "control")
ALIVE_S = (0.2, 2.5)
FROZEN_S = 2.5  # longer than a silent stream is believed
AGREE_WITHIN_S = 60.0


async def torture(
    *, kills: int, seed: int, folder: Path, targets: tuple[str, ...] = TARGETS
) -> dict[str, Any]:
    """What was found after `kills` of each target, in an order that the seed decides."""
    chance = random.Random(seed)
    order = [target for target in targets for _ in range(kills)]
    chance.shuffle(order)
    async with apart_house(folder, seed=seed) as house, Witness(house) as witness:
        for target in order:
            await asyncio.sleep(chance.uniform(*ALIVE_S))
            await _strike(house, target)
        await calm(house.stage, since_ms=time.time_ns() // 1_000_000)  # it ends the world
        tables = await _tables_agree(house)
        pools = await witness.pools_agree()
        await house.stop()
        lamports, tokens = await house.stage.holdings()
        on_chain = await signatures_paid_by(house.stage.endpoints["rpc"], house.stage.wallet)
        told = _verdict(house.stage, lamports, tokens, on_chain)
        entries = house.journal()
        gaps = witness.gaps
    return {
        "seed": seed,
        "killed": dict(Counter(order)),
        "starts_tried_again": house.refused,
        **told,
        "signals_without_an_end": open_signals(entries),
        "tables_agree_with_the_journal": tables,
        "pools_that_differ_from_the_chain": pools,
        "absences_told_as_gaps": gaps,
        "facts": len(entries),
    }


def well(verdict: dict[str, Any]) -> bool:
    absences = verdict["killed"].get("market", 0)
    return (
        proved(verdict)
        and not verdict["signals_without_an_end"]
        and verdict["tables_agree_with_the_journal"]
        and not verdict["pools_that_differ_from_the_chain"]
        # told once for each absence that lasted longer than a slot, unless the bus was dead at that moment
        and (not absences or verdict["absences_told_as_gaps"] > 0)
    )


def open_signals(entries: list[Entry]) -> list[str]:
    """Accepted signals that ended in neither an intent nor a reason."""
    found = {entry.fact.signal.id: None for entry in entries if isinstance(entry.fact, SignalAccepted)}
    for entry in entries:
        match entry.fact:
            case IntentEmitted(intent) if intent.signal_id is not None:
                found.pop(intent.signal_id, None)
            case SignalDropped(signal_id):
                found.pop(signal_id, None)
            case _:
                pass
    return list(found)


async def _strike(house: ApartHouse, target: str) -> None:
    if target == "nats":
        house.nats.kill()
        await house.nats.start()
    elif target == "chain":
        chain = _chain(house)
        os.kill(chain.pid, signal.SIGKILL)
        await chain.wait()
        await house.stage.chain()
    elif target == "freeze":
        await _freeze(house)
    else:
        await house.kill(target)
        await house.start(target)


def _chain(house: ApartHouse) -> Child:
    return next(child for child in reversed(house.stage.started) if child.name == "chain")


async def _freeze(house: ApartHouse) -> None:
    chain = _chain(house)
    os.kill(chain.pid, signal.SIGSTOP)
    await asyncio.sleep(FROZEN_S)
    os.kill(chain.pid, signal.SIGCONT)
    await _ask("POST", f"{house.stage.endpoints['admin']}/faults", {"kind": "geyser_disconnect", "times": 1})


async def _tables_agree(house: ApartHouse) -> bool:
    """Whether the control plane's tables have come as far as the journal."""
    deadline = time.monotonic() + AGREE_WITHIN_S
    while time.monotonic() < deadline:
        _, health = await house.ask("GET", "/api/v1/health")
        if health["database"]["status"] == "healthy" and health["database"]["behind_records"] == 0:
            return True
        await asyncio.sleep(0.5)
    return False


class Witness:
    """Another process's eyes: follows the bus and the pool cache through all of it."""

    def __init__(self, house: ApartHouse) -> None:
        self._house = house
        self.gaps = 0
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        maker = Maker(component="witness", build="t", run_id="r")
        log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
        observer, clock = Observer(log, CollectorRegistry()), WallClock()
        bus = await self._stack.enter_async_context(
            NatsBus(
                self._house.nats.url, types={MARKET: MarketEvent}, maker=maker, clock=clock, observer=observer
            )
        )
        self.view = MarketView(venues())
        cache = PoolCache(lambda: bus.client, maker=maker, now_ms=clock.now_ms)
        self._follower = PoolFollower(view=self.view, cache=cache, bus=bus, clock=clock, observer=observer)
        self._market = bus.subscribe(MARKET, capacity=100_000)
        self._tasks = [asyncio.create_task(self._follower.run()), asyncio.create_task(self._count_gaps())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    async def _count_gaps(self) -> None:
        async for event in self._market:
            self.gaps += isinstance(event, MarketGap) and event.cause == AWAY

    async def pools_agree(self) -> list[str]:
        """Pools that are not what the chain's own accounts say, once nobody trades any more."""
        deadline = time.monotonic() + AGREE_WITHIN_S
        options = RpcOptions(requests_per_second_max=1_000)
        async with RpcChain(self._house.stage.endpoints["rpc"], who="chain", options=options) as chain:
            while differ := await self._differing(chain):
                if time.monotonic() > deadline:
                    break
                await asyncio.sleep(1)
        return differ

    async def _differing(self, chain: RpcChain) -> list[str]:
        true = MarketView(venues())
        # of some venues only transactions tell what a pool sells; that is not what is doubted here
        tellers = {a: p.header.mint_a for a, p in self.view.pools.items() if isinstance(p.venue, MintTeller)}
        true.tell_mints(tellers, 0)
        wanted = sorted({*self.view.pools, *self.view.addresses})
        for _ in range(2):
            for start in range(0, len(wanted), 100):
                _, accounts = await chain.accounts(wanted[start : start + 100])
                for account in accounts:
                    if account is not None:
                        true.apply(AccountUpdate(account, Slot(1), 0), 0)
        differ = [told for where in self.view.pools if (told := self._difference(where, true))]
        return differ or ([] if self.view.pools else ["no pools at all"])

    def _difference(self, where: Address, true: MarketView) -> str:
        ours, theirs = self.view.pools[where], true.pools.get(where)
        if theirs is None:
            return f"{ours.header.venue} {where}: not on the chain"
        if ours.doubtful is not None:
            return f"{ours.header.venue} {where}: {ours.doubtful}"
        known, real = ours.venue.reserves(ours.state), theirs.venue.reserves(theirs.state)
        return f"{ours.header.venue} {where}: {known} as of {ours.slot}, chain {real}" * (known != real)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="of each target")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", default=",".join(TARGETS), help="which targets")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        targets = tuple(chosen.only.split(","))
        verdict = asyncio.run(
            torture(kills=chosen.kills, seed=chosen.seed, folder=Path(folder), targets=targets)
        )
    print(json.dumps(verdict, indent=2))
    sys.exit(0 if well(verdict) else 1)


if __name__ == "__main__":
    main()
