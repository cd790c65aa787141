"""Cuts the Geyser stream again and again while the world trades; then asks the chain whether anything was lost.

    python tests/crash/cut_stream.py [--cuts 30] [--seconds 300] [--slot-ms 400]

Every trade that the chain executed must have been told once and in order, every pool must be what the chain's
accounts say, nothing may be asked of a node that the stream could bring, and all counts must add up.
"""

import argparse
import asyncio
import json
import sys
import time
from typing import Any

from tests.roles.test_market import nothing_lost, running

from chimera.localnet.faults import FaultKind, FaultWish


async def cut(*, cuts: int, seconds: float, slot_ms: int) -> dict[str, Any]:
    """What happened; raises AssertionError where something was lost."""
    async with running(slot_ms=slot_ms) as plane:
        reads, pools = plane.role._reads.calls, len(plane.view.pools)
        began = time.monotonic()
        for number in range(cuts):
            await asyncio.sleep(max(0.0, began + seconds * (number + 0.5) / cuts - time.monotonic()))
            plane.node.faults.add(FaultWish(kind=FaultKind.GEYSER_DISCONNECT, times=1))
        await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
        struck = plane.node.faults.counts[FaultKind.GEYSER_DISCONNECT]
        trades = await nothing_lost(plane)
        seen = plane.seen()
        grown = len(plane.view.pools) - pools
        assert plane.role._reads.calls - reads <= 2 * grown, "a node was asked for what the stream had"
        return {
            "seconds": round(time.monotonic() - began, 1),
            "cuts": struck,
            "trades": trades,
            "lost": 0,
            "told_twice": 0,
            "gaps_that_no_replay_filled": seen.gaps,
            "items_received": seen.received,
            "dropped_as_known": seen.dropped,
            "calls_for_new_pools": plane.role._reads.calls - reads,
            "new_pools": grown,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cuts", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--slot-ms", type=int, default=400)
    chosen = parser.parse_args()
    try:
        told = asyncio.run(cut(cuts=chosen.cuts, seconds=chosen.seconds, slot_ms=chosen.slot_ms))
    except AssertionError as lost:
        print(f"lost: {lost}", file=sys.stderr)
        sys.exit(1)
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
