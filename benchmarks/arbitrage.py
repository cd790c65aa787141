"""What a changed pool costs the search for circles, beside a whole search by numpy and by plain Python; none missed.

Synthetic markets of 10,000 pools: half of the tokens against SOL, half against SOL and dollars, on one to four
pools each. An update changes one pool's reserves; the strategy's rates ask that pool twice and look at the circles
through it. Every answer is held against brute force over all pools that share a mint with the changed one.
Rounds interleaved, medians. Run: .venv/bin/python benchmarks/arbitrage.py [pools]
"""

import platform
import random
import sys
import time
from statistics import median, quantiles

import numpy as np

from chimera.domain.ids import USDC, WSOL, Address, Slot
from chimera.domain.pool import Moment, QuoteRequest, SwapKind
from chimera.domain.risk import Refusal
from chimera.market.pool import Pool
from chimera.strategies.arbitrage.rates import Rates
from chimera.testing.builders import address
from chimera.testing.products import VENUE, Product, product

PROBE = 50_000_000
FLOOR_US = 0.8  # a compiled screen over pools that share a token, per update: what such a search can cost at the least
NOW = Moment(0, Slot(5), 0)
UPDATES, ROUNDS = 2_000, 5
SHORT, LONG = 1.005, 1.001  # what the strategy asks for by default


def market(count: int, chance: random.Random) -> list[Pool]:
    pools: list[Product] = [product("bank", (WSOL, USDC), (10**14, 15 * 10**12))]
    number = 0
    while len(pools) < count:
        number += 1
        token, worth = address(f"token {number}"), chance.randrange(10**2, 10**6)
        for _ in range(chance.randrange(1, 5)):
            against = USDC if number % 2 and chance.random() < 0.5 else WSOL
            depth = chance.randrange(10**10, 10**13)
            price = worth * (150 if against == USDC else 1) / (1_000 if against == USDC else 1)
            tokens = int(depth * price * chance.uniform(0.99, 1.01)) or 1
            pools.append(product(f"{number} {len(pools)}", (against, token), (depth, tokens)))
    return [Pool(VENUE, pool, 5) for pool in pools]  # type: ignore[arg-type]


def moved(pool: Pool, chance: random.Random) -> None:
    state: Product = pool.state  # type: ignore[assignment]
    factor = chance.uniform(0.98, 1.02)
    x, y = int(state.reserve_a * factor), int(state.reserve_b / factor)
    pool.become(
        Product(state.address, state.mint_a, state.mint_b, max(x, 1), max(y, 1), state.fee_bps, state.slot),
        5,
        0,
    )


def best(rates: Rates, pool: Pool) -> float:
    rates.update(pool, NOW)
    return max((circle.rate for circle in rates.circles(pool)), default=0.0)


def brute(pools: list[Pool], rates: Rates, changed: Pool) -> float:
    """The best circle through the changed pool, of all chains of two and three pools."""
    probes = {mint: ask.amount for mint, ask in rates._asks.items()}

    def rate(pool: Pool, source: Address) -> float:
        if source not in probes:
            return 0.0
        quote = pool.quote(QuoteRequest(source, SwapKind.EXACT_IN, probes[source]), NOW)
        return 0.0 if isinstance(quote, Refusal) else quote.amount_out / probes[source]

    def other(pool: Pool, mint: Address) -> Address:
        return pool.header.mint_b if pool.header.mint_a == mint else pool.header.mint_a

    def of(mint: Address) -> list[Pool]:
        return [p for p in pools if mint in (p.header.mint_a, p.header.mint_b)]

    def homeward(mint: Address, used: tuple[Pool, ...], so_far: float, left: int) -> float:
        found = 0.0
        for pool in of(mint) if mint != WSOL else []:
            if pool in used:
                continue
            then = other(pool, mint)
            if then == WSOL:
                if changed in (*used, pool):
                    found = max(found, so_far * rate(pool, mint))
            elif left:
                found = max(found, homeward(then, (*used, pool), so_far * rate(pool, mint), left - 1))
        return found

    return max((homeward(other(p, WSOL), (p,), rate(p, WSOL), 1) for p in of(WSOL)), default=0.0)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    chance = random.Random(7)
    pools, rates = market(count, chance), Rates(PROBE)
    for pool in pools:
        rates.update(pool, NOW)
    print(f"{platform.processor() or platform.machine()}, {platform.python_implementation()} "
          f"{platform.python_version()}, {time.strftime('%Y-%m-%d')}, {count:,} pools")  # fmt: skip

    small = random.Random(9)
    few, few_rates = market(60, small), Rates(PROBE)
    for pool in few:
        few_rates.update(pool, NOW)
    wrong = 0
    for _ in range(300):
        pool = small.choice(few)
        moved(pool, small)
        mine, all_ways = best(few_rates, pool), brute(few, few_rates, pool)
        wrong += abs(mine - all_ways) > 1e-9 * max(mine, all_ways, 1)
    print(f"{wrong} of 300 wrong against brute force (60 pools)")

    reserves = np.array([(p.state.reserve_a, p.state.reserve_b) for p in pools], dtype=np.float64)  # type: ignore[attr-defined]
    mints = {mint: n for n, mint in enumerate({m for p in pools for m in (p.header.mint_a, p.header.mint_b)})}
    tokens = np.array([mints[p.header.mint_b] for p in pools])
    against_sol = np.array([p.header.mint_a == WSOL for p in pools])

    def rescan() -> float:
        """Every SOL pair anew: the best place to buy and the best to sell each token."""
        rate = reserves[:, 1] / reserves[:, 0] * 0.9975
        buy, sell = np.zeros(len(mints)), np.zeros(len(mints))
        np.maximum.at(buy, tokens[against_sol], rate[against_sol])
        np.maximum.at(sell, tokens[against_sol], (0.9975**2 / rate)[against_sol])
        return float((buy * sell).max())

    ours: list[float] = []
    numpy_us: list[float] = []
    asking: list[float] = []
    for _ in range(ROUNDS):
        for _ in range(UPDATES // ROUNDS):
            pool = chance.choice(pools)
            moved(pool, chance)
            started = time.perf_counter()
            rates.update(pool, NOW)
            rates.circles(pool, short=SHORT, long=LONG)
            ours.append((time.perf_counter() - started) * 1e6)
            header = pool.header
            started = time.perf_counter()
            pool.quote(QuoteRequest(header.mint_a, SwapKind.EXACT_IN, PROBE), NOW)
            pool.quote(QuoteRequest(header.mint_b, SwapKind.EXACT_IN, PROBE), NOW)
            asking.append((time.perf_counter() - started) * 1e6)
        started = time.perf_counter()
        rescan()
        numpy_us.append((time.perf_counter() - started) * 1e6)
    mine = median(ours)
    p99 = quantiles(ours, n=100)[98]
    print(
        f"{'a changed pool':28} {mine:9.1f} µs   p99 {p99:.1f} µs   {mine / FLOOR_US:.1f}x the floor of {FLOOR_US} µs"
    )
    print(f"{'  of which its two quotes':28} {median(asking):9.1f} µs")
    print(
        f"{'everything anew, by numpy':28} {median(numpy_us):9.1f} µs   {median(numpy_us) / mine:6.1f}x ours"
    )


if __name__ == "__main__":
    main()
