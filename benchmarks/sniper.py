"""From the event that makes a launch pass to the transaction handed over: gate, probe, plan, simulation, signature.

A generated world is played through the whole house of a backtest, whose chain answers at once: what is measured is our
own time. A real node adds its own for one probe and one simulation. The target is one second.

    python benchmarks/sniper.py [--seed 7] [--minutes 10]
"""

import argparse
import platform
import time
from statistics import median
from typing import Any

from chimera.domain.intent import Side
from chimera.domain.messages import IntentEmitted, LegSent
from chimera.sim.runner import Runner
from chimera.strategies.sniper import Sniper
from chimera.wiring.backtest import Wish, backtest

TARGET_MS = 1_000.0


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--seed", type=int, default=7)
    asked.add_argument("--minutes", type=int, default=10)
    options = asked.parse_args()
    events: list[int] = []
    reactions: list[int] = []
    began = 0
    think, hear, step = Sniper.on_event, Runner.hear, Runner._event

    def timed(self: Sniper, event: Any, context: Any) -> Any:
        at = time.perf_counter_ns()
        said = think(self, event, context)
        events.append(time.perf_counter_ns() - at)
        return said

    def begun(self: Runner, event: Any) -> None:
        nonlocal began
        began = time.perf_counter_ns()
        step(self, event)

    buys: set[str] = set()

    def heard(self: Runner, entry: Any) -> None:
        match entry.fact:
            case IntentEmitted(intent) if intent.side is Side.BUY:
                buys.add(intent.id)
            case LegSent(leg) if leg.intent_id in buys:
                buys.discard(leg.intent_id)
                reactions.append(time.perf_counter_ns() - began)
        hear(self, entry)

    Sniper.on_event, Runner.hear, Runner._event = timed, heard, begun  # type: ignore[method-assign]
    data = f"world:{options.seed}:{options.minutes}"
    backtest(Wish(strategies=("sniper",), data=data))
    events.sort()
    reactions.sort()
    print(f"{platform.machine()}, Python {platform.python_version()}, {data}")
    print(
        f"an event: median {median(events) / 1e3:.1f} us, p99 {events[len(events) * 99 // 100] / 1e3:.1f} us, "
        f"worst {events[-1] / 1e3:.0f} us, of {len(events)}"
    )
    if not reactions:
        raise SystemExit("nothing was bought: there is nothing to measure")
    print(
        f"passing report to handed over: median {median(reactions) / 1e6:.2f} ms, worst {reactions[-1] / 1e6:.2f} ms, "
        f"of {len(reactions)}; {TARGET_MS * 1e6 / reactions[-1]:.0f} times below the target of {TARGET_MS:.0f} ms"
    )


if __name__ == "__main__":
    main()
