"""Floods the market plane for a long time and looks whether it grows: memory, objects, queues, what is unaccounted for.

    python tests/crash/soak.py [--minutes 60] [--rate 5000] [--slice 30]

The flood is that of `benchmarks/data_plane.py`: vault updates at an even pace from a process of their own; between
two slices the embedded world trades, so that transactions, slots and new pools go through too. A subscriber that
never takes anything stands for whoever is too slow. Memory is read after a collection at the end of each slice;
the first third is warming up, and the rest must not rise.
"""

import argparse
import asyncio
import gc
import io
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.data_plane import ask, chain_process
from prometheus_client import CollectorRegistry

from chimera.adapters.bus_local import LocalBus
from chimera.adapters.clocks import WallClock
from chimera.adapters.geyser import GeyserFeed
from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.market.view import MarketView
from chimera.observe import Observer, Redactor, make_log
from chimera.plugins import venues
from chimera.roles.market import MarketRole
from chimera.roles.topics import MARKET, MARKET_CAPACITY
from chimera.testing.builders import address

WORLD_S = 3.0  # of trading between two slices
GROWTH_MIB_MAX = 8.0
"""From the middle third's mean to the last third's; the allocator's own noise is below half of it."""


async def soak(*, seconds: float, rate: int, slice_s: float) -> dict[str, Any]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=chain_process, args=(theirs,), daemon=True)
    process.start()
    while not ours.poll():
        assert process.is_alive(), "the flood's process has ended"
        await asyncio.sleep(0.01)
    endpoints = ours.recv()
    options = RpcOptions(requests_per_second_max=10_000)
    told = await _under(endpoints, ours, options, seconds=seconds, rate=rate, slice_s=slice_s)
    ours.send(("stop",))
    process.join(10)
    return told


async def _under(
    endpoints: dict[str, str], pipe: Any, options: RpcOptions, *, seconds: float, rate: int, slice_s: float
) -> dict[str, Any]:
    slices: list[dict[str, float]] = []
    sent = 0
    async with RpcChain(endpoints["rpc"], who="chain", options=options) as rpc:
        plane = Plane(rpc, endpoints["tap"])
        world = Plane(rpc, endpoints["geyser"])
        loops = [asyncio.create_task(one.role.run()) for one in (plane, world)]
        loops += [asyncio.create_task(one.role.report()) for one in (plane, world)]
        for one in (plane, world):
            await one.role.ready.wait()
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            await ask(pipe, "world", WORLD_S)
            sent += await ask(pipe, "flood", rate, slice_s)
            await plane.quiet()
            slices.append(_now(began, plane))
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
    third = max(1, len(slices) // 3)
    growth = mean(s["rss_mib"] for s in slices[-third:]) - mean(
        s["rss_mib"] for s in slices[third:-third] or slices[:third]
    )
    seen = [one.counts() for one in (plane, world)]
    return {
        "seconds": round(time.monotonic() - began, 1),
        "updates_sent": sent,
        "updates_received": seen[0]["received"],
        "unaccounted_for": sum(each["unaccounted_for"] for each in seen),
        "slices": len(slices),
        "first": slices[0],
        "last": slices[-1],
        "growth_mib": round(growth, 2),
        "growth_mib_max": GROWTH_MIB_MAX,
        "slow_subscriber": {"waiting": plane.slow.depth, "dropped": plane.slow.dropped},
    }


class Plane:
    def __init__(self, rpc: RpcChain, geyser: str) -> None:
        self.bus = LocalBus()
        self.slow = self.bus.subscribe(MARKET, capacity=MARKET_CAPACITY)
        log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
        self.role = MarketRole(
            feed=GeyserFeed(geyser), chain=rpc, view=MarketView(venues()), bus=self.bus, clock=WallClock(),
            observer=Observer(log, CollectorRegistry()), wallet=address("nobody"),
        )  # fmt: skip

    async def quiet(self) -> None:
        """Returns once nothing but slots comes any more."""
        known = -1
        while self.role._sequencer.received - known > 10:
            known = self.role._sequencer.received
            await asyncio.sleep(0.5)

    def counts(self) -> dict[str, int]:
        sequencer = self.role._sequencer
        accounted = sequencer.passed + sequencer.held + sum(sequencer.dropped.values())
        return {"received": sequencer.received, "unaccounted_for": sequencer.received - accounted}


def _now(began: float, plane: Plane) -> dict[str, float]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "at_s": round(time.monotonic() - began, 1),
        "rss_mib": round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 2),
        "objects": len(gc.get_objects()),
        "received": plane.counts()["received"],
    }


def well(told: dict[str, Any]) -> bool:
    return bool(
        told["growth_mib"] <= GROWTH_MIB_MAX
        and told["unaccounted_for"] == 0
        and told["updates_received"] >= told["updates_sent"]
        and told["slow_subscriber"]["waiting"] <= MARKET_CAPACITY
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=int, default=5_000, help="updates a second")
    parser.add_argument("--slice", type=float, default=30.0, help="seconds between two looks at memory")
    chosen = parser.parse_args()
    told = asyncio.run(soak(seconds=chosen.minutes * 60, rate=chosen.rate, slice_s=chosen.slice))
    print(json.dumps(told, indent=2))
    sys.exit(0 if well(told) else 1)


if __name__ == "__main__":
    main()
