"""A million damaged accounts and transactions over every venue: `python -m tests.fuzz [--cases N] [--seed S]`.

Prints what became of them, by venue, and ends with 1 where one crashed, hung or was accepted as nonsense; each such
case is named so that `--only venue:number` runs it again, alone and with its traceback.
"""

import argparse
import signal
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from types import FrameType

from tests.fuzz.cases import run_case
from tests.fuzz.material import gathered

HANG_S = 10.0
CHUNK = 5_000
SHOWN = 20


class Hang(BaseException):
    """Not an Exception: no handler on the way may swallow it."""


def on_alarm(signal_number: int, frame: FrameType | None) -> None:
    raise Hang


def run(name: str, first: int, count: int, seed: int) -> tuple[str, Counter[str], list[str], float]:
    """(venue, outcomes, the failures' stories, the slowest case's seconds)."""
    material = gathered()[name]
    signal.signal(signal.SIGALRM, on_alarm)
    outcomes: Counter[str] = Counter()
    stories: list[str] = []
    slowest = 0.0
    for number in range(first, first + count):
        started = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, HANG_S)
        try:
            outcomes[run_case(material, seed=seed, number=number)] += 1
        except Hang:
            outcomes["HUNG"] += 1
            stories.append(f"{name}:{number} hung for {HANG_S} s")
        except AssertionError as nonsense:
            outcomes["NONSENSE"] += 1
            stories.append(f"{name}:{number} {nonsense}")
        except Exception as crash:  # noqa: BLE001 - whatever a decoder lets out is what is looked for
            outcomes["CRASHED"] += 1
            stories.append(f"{name}:{number} {type(crash).__name__}: {crash}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        slowest = max(slowest, time.perf_counter() - started)
    return name, outcomes, stories[:SHOWN], slowest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000, help="over all venues")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="venue, or venue:number for one case")
    asked = parser.parse_args()
    name, _, number = asked.only.partition(":")
    if number:
        print(run_case(gathered()[name], seed=asked.seed, number=int(number)))
        return 0
    names = [name] if name else sorted(gathered())
    each = -(-asked.cases // len(names))
    work = [
        (name, first, min(CHUNK, each - first), asked.seed)
        for first in range(0, each, CHUNK)
        for name in names
    ]
    totals: dict[str, Counter[str]] = {name: Counter() for name in names}
    slowest = dict.fromkeys(names, 0.0)
    stories: list[str] = []
    started = time.perf_counter()
    with ProcessPoolExecutor(asked.jobs) as pool:
        for name, outcomes, told, longest in pool.map(run, *zip(*work, strict=True)):
            totals[name] += outcomes
            slowest[name] = max(slowest[name], longest)
            stories += told
    wrong = 0
    for name, outcomes in totals.items():
        bad = sum(outcomes[kind] for kind in ("HUNG", "NONSENSE", "CRASHED"))
        wrong += bad
        told = ", ".join(f"{outcomes[kind]:,} {kind}" for kind in sorted(outcomes))
        print(f"{name:15} {outcomes.total():9,} cases: {told}; slowest {slowest[name] * 1e3:.0f} ms")
    for story in stories[:SHOWN]:
        print(story)
    total = sum(outcomes.total() for outcomes in totals.values())
    print(
        f"{total:,} damaged accounts and transactions, seed {asked.seed}, "
        f"{time.perf_counter() - started:.0f} s: {wrong} crashed, hung or accepted as nonsense"
    )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
