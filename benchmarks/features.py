"""What a trade costs the extractor of features, and what a strategy pays for asking, beside the plain way.

.venv/bin/python benchmarks/features.py
"""

import platform
import time
from collections import deque
from random import Random

from chimera.domain.ids import WSOL, Address, Signature, Slot
from chimera.domain.market import Trade
from chimera.domain.pool import Swap
from chimera.market.features import FeatureExtractor

TRADES, MINTS, ROUNDS, SPANS = 40_000, 200, 7, (30_000, 60_000, 120_000)


def trades() -> list[Trade]:
    rng, now, made = Random(1), 0, []
    for number in range(TRADES):
        now += rng.randrange(20)
        mint, user = Address(f"mint{rng.randrange(MINTS)}"), Address(f"user{rng.randrange(500)}")
        ways = (WSOL, mint) if rng.random() < 0.6 else (mint, WSOL)
        amounts = rng.randrange(10**6, 10**9), rng.randrange(10**6, 10**9)
        swap = Swap("v", Address("pool"), user, *ways, *amounts, Signature(str(number)), Slot(number), 0)
        made.append(Trade(swap, now))
    return made


class Plain:
    """Three windows of deques, kept up with every trade: the usual way."""

    def __init__(self) -> None:
        self.kept: dict[tuple[Address, int], deque[tuple[int, bool, int]]] = {}
        self.sums: dict[tuple[Address, int], list[int]] = {}

    def fold(self, trade: Trade) -> None:
        swap = trade.swap
        bought = swap.input_mint == WSOL
        mint, worth = (swap.output_mint, swap.amount_in) if bought else (swap.input_mint, swap.amount_out)
        for span in SPANS:
            kept = self.kept.setdefault((mint, span), deque())
            sums = self.sums.setdefault((mint, span), [0, 0, 0, 0])
            kept.append((trade.at_ms, bought, worth))
            sums[0] += 1
            sums[1] += bought
            sums[2 + (not bought)] += worth
            while kept[0][0] <= trade.at_ms - span:
                _, gone, amount = kept.popleft()
                sums[0] -= 1
                sums[1] -= gone
                sums[2 + (not gone)] -= amount


def main() -> None:
    story = trades()
    mints = [Address(f"mint{number}") for number in range(MINTS)]
    folded, worked, plain, asked = [], [], [], []
    for _ in range(ROUNDS):
        made = FeatureExtractor()
        began = time.perf_counter_ns()
        for trade in story:
            made.fold(trade, lambda: None)
        then = time.perf_counter_ns()
        for mint in mints:
            made.token(mint)
        worked.append((time.perf_counter_ns() - began) / TRADES / 1_000)
        folded.append((then - began) / TRADES / 1_000)
        other = Plain()
        began = time.perf_counter_ns()
        for trade in story:
            other.fold(trade)
        plain.append((time.perf_counter_ns() - began) / TRADES / 1_000)
        now = story[-1].at_ms
        began = time.perf_counter_ns()
        for mint in mints:
            made.window(mint, 60_000, now)
        asked.append((time.perf_counter_ns() - began) / MINTS / 1_000)
    # the best round: others use this machine too
    one, all_in, two, three = (min(times) for times in (folded, worked, plain, asked))
    print(f"features, {TRADES:,} trades of {MINTS} tokens, {platform.machine()}, Python {platform.python_version()}, "
          f"{time.strftime('%Y-%m-%d')}, best of {ROUNDS} rounds")  # fmt: skip
    print(f"a trade folded, nobody asking      {one:6.2f} us   ({one / two:.2f} of the deques)")
    print(
        f"a trade folded and worked in       {all_in:6.2f} us   ({all_in / two:.2f} of the deques; wanted: 1 us)"
    )
    print(f"a trade in three windows of deques {two:6.2f} us")
    seen = sum(made.window(mint, 60_000, now).trades for mint in mints) // MINTS
    print(f"a window of 60 s asked for         {three:6.2f} us   ({seen} trades)")


if __name__ == "__main__":
    main()
