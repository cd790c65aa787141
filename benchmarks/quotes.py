"""Quotes a second, venue by venue, beside the bare integer arithmetic; and a screen of 10,000 pools in one pass.

One at a time: `venue.quote` on a complete pool, tables ready, against a floor that does the same sum with nothing
around it: the closed form for constant product, a plain walk from bin to bin or tick to tick for the others. The
floors' answers must be the venues' own. In bulk: pools of two venues share a token (`market.screen`), one numpy
pass; then exact integers for those that may be the best, held against an exact quote of every pool.
Rounds interleaved, medians. Run: .venv/bin/python benchmarks/quotes.py
"""

import platform
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parents[1]))  # the tests' pools, which are no package

from tests.fuzz.material import Material, gathered, key
from tests.venues import dlmm_states

from chimera.domain.ids import TOKEN_PROGRAM, WSOL
from chimera.domain.pool import Quote, QuoteRequest, SwapKind
from chimera.market.screen import Screen, Terms
from chimera.onchain.layouts import NO_TRANSFER_FEES
from chimera.venues.meteora_dlmm import VENUE as DLMM
from chimera.venues.meteora_dlmm.prices import Rates
from chimera.venues.orca_whirlpool import VENUE as WHIRLPOOL
from chimera.venues.orca_whirlpool.layout import TickArray
from chimera.venues.orca_whirlpool.path import current_start, is_start, named_starts, span
from chimera.venues.orca_whirlpool.ticks import sqrt_price_of

ROUNDS = 7
POOLS = 10_000

Answer = Callable[[], Any]


def per_call_us(call: Answer, count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - started) / count * 1e6


def compare(name: str, ours: Answer, floor: Answer, *, count: int = 4_000) -> None:
    told, bare = ours(), floor()
    assert isinstance(told, Quote), told
    assert told.amount_out == bare, f"{name}: the floor says {bare}, the venue {told.amount_out}"
    rounds = [(per_call_us(ours, count), per_call_us(floor, count)) for _ in range(ROUNDS)]
    mine, least = (median(values) for values in zip(*rounds, strict=True))
    print(
        f"{name:32} {1e6 / mine:9,.0f} quotes/s  {mine:6.2f} µs   floor {least:6.2f} µs   {mine / least:5.2f}x"
    )


def quoting(venue: Any, pool: Any, mint: str, amount: int, moment: Any) -> Answer:
    request = QuoteRequest(mint, SwapKind.EXACT_IN, amount)  # type: ignore[arg-type]
    return lambda: venue.quote(pool, request, moment)


# one at a time


def constant_products(found: dict[str, Material]) -> None:
    v4 = found["raydium_amm_v4"]
    pool, sample = next(
        (p, s) for p, s in zip(v4.pools, v4.samples, strict=True) if min(v4.venue.reserves(p)) > 10**9
    )
    (x, y), amount = v4.venue.reserves(pool), 10**6
    number, one = pool.state.fee_numerator, pool.state.fee_denominator

    def amm() -> int:
        traded = amount - -(-amount * number // one)
        return traded * y // (x + traded)

    compare("raydium_amm_v4", quoting(v4.venue, pool, pool.state.coin_mint, amount, sample.moment), amm)

    cpmm = found["raydium_cpmm"]
    pool, sample = plain_cpmm(cpmm)
    x_1, y_1 = cpmm.venue.reserves(pool)
    rate = pool.amm_config.trade_rate

    def cp() -> int:
        traded = amount - -(-amount * rate // 1_000_000)
        return traded * y_1 // (x_1 + traded)

    compare("raydium_cpmm", quoting(cpmm.venue, pool, pool.state.mint_0, amount, sample.moment), cp)

    for name in ("pumpfun", "pumpswap"):
        made = found[name]
        pool, sample = made.pools[0], made.samples[0]
        mint = made.venue.header(pool).mint_a
        if name == "pumpfun":
            held, fees = pool.curve.reserves, pool.rates
            tokens, quote = held.virtual_tokens, held.virtual_quote
            shares = (fees.protocol_bps, fees.creator_bps)
        else:
            tokens, quote = pool.reserves.base, pool.reserves.priced_quote
            shares = (pool.fees.lp_bps, pool.fees.protocol_bps, pool.fees.creator_bps)

        def sale(tokens: int = tokens, quote: int = quote, shares: tuple[int, ...] = shares) -> int:
            gross = 10**9 * quote // (tokens + 10**9)
            return gross - sum([-(-gross * share // 10_000) for share in shares])

        compare(name, quoting(made.venue, pool, mint, 10**9, sample.moment), sale)


def plain_cpmm(material: Material) -> tuple[Any, Any]:
    for pool, sample in zip(material.pools, material.samples, strict=True):
        state = pool.state
        plain = state.program_0 == state.program_1 == TOKEN_PROGRAM and not state.creator_fee_enabled
        if plain and min(material.venue.reserves(pool)) > 10**9:
            return pool, sample
    raise SystemExit("no plain CPMM pool among the recorded ones")


def bins(crossed: int) -> None:
    pool = dlmm_states.pool([dlmm_states.held(number, y=10**9) for number in range(-139, 1)])
    state = pool.state
    rates = Rates(state.base_factor, state.bin_step, state.base_fee_power_factor, state.variable_fee_control,
                  0, state.max_volatility_accumulator, state.active_id)  # fmt: skip
    ahead = [(found.y, found.price, rates.at(found.bin_id))
             for array in reversed(pool.arrays) for found in reversed(array.bins)]  # fmt: skip
    amount = 1 + sum(
        -(-(y << 64) // price) * 1_000_000_000 // (10**9 - rate) + 1 for y, price, rate in ahead[:crossed]
    )
    amount += 5 * 10**8

    def walk() -> int:
        left = amount
        out = 0
        for y, price, rate in ahead:
            cost = -(-(y << 64) // price)
            fee = -(-cost * rate // (1_000_000_000 - rate))
            if left < cost + fee:
                left -= -(-left * rate // 1_000_000_000)
                return out + (left * price >> 64)
            left -= cost + fee
            out += y
        raise AssertionError("the bins end")

    compare(f"meteora_dlmm, {crossed} bins crossed",
            quoting(DLMM, pool, state.mint_x, amount, dlmm_states.NOW), walk)  # fmt: skip


def ticks(material: Material, crossed: int) -> None:
    for known, shown in zip(material.pools, material.samples, strict=True):  # noqa: B007 - the one found
        state = known.state
        fees = {known.mint_a.transfer_fees, known.mint_b.transfer_fees} == {NO_TRANSFER_FEES}
        if not state.adaptive and state.spacing < 1_000 and fees and abs(state.tick) < 200_000:
            break
    deep = replace(state, liquidity=10**15)
    arrays = {}
    for start in named_starts(state.tick, state.spacing):
        if is_start(start, state.spacing):
            every = range(start, start + span(state.spacing), state.spacing)
            nets = tuple((tick, 10**10 if at % 2 else -(10**10)) for at, tick in enumerate(every))
            arrays[start] = TickArray(int(shown.moment.slot), nets)
    plenty = replace(known.vault_a, amount=2**62), replace(known.vault_b, amount=2**62)
    pool = type(known)(
        address=known.address, state=deep, vault_a=plenty[0], vault_b=plenty[1], mint_a=known.mint_a,
        mint_b=known.mint_b, arrays=arrays,
    )  # fmt: skip
    base = current_start(state.tick, state.spacing)
    places = [
        tick
        for start in (base, base - span(state.spacing), base - 2 * span(state.spacing))
        if start in arrays
        for tick in reversed(arrays[start].ticks)
        if tick[0] <= state.tick
    ]
    way, liquidity = [], deep.liquidity
    for tick, net in places:
        way.append((sqrt_price_of(tick), liquidity))
        liquidity -= net
    rate = state.fee_rate

    def walk(amount: int) -> tuple[int, int]:
        """(out, ticks crossed)"""
        left, out, price = amount, 0, deep.sqrt_price
        for number, (target, liquidity) in enumerate(way):
            cost = -(-(liquidity * (price - target) << 64) // (price * target))
            usable = left * (1_000_000 - rate) // 1_000_000
            if cost > usable:
                reached = -(-(liquidity * price << 64) // ((liquidity << 64) + price * usable))
                return out + (liquidity * (price - reached) >> 64), number
            out += liquidity * (price - target) >> 64
            left -= cost + -(-cost * rate // (1_000_000 - rate))
            price = target
        raise AssertionError("the ticks end")

    low, high = 1, 2**60
    while low < high:  # the least amount that crosses so many ticks
        middle = (low + high) // 2
        try:
            enough = walk(middle)[1] >= crossed
        except AssertionError:
            enough = True
        low, high = (low, middle) if enough else (middle + 1, high)
    amount = low + 1_000
    assert walk(amount)[1] == crossed
    compare(f"orca_whirlpool, {crossed} ticks crossed",
            quoting(WHIRLPOOL, pool, state.mint_a, amount, shown.moment), lambda: walk(amount)[0])  # fmt: skip


# in bulk


def screen(found: dict[str, Material]) -> None:
    """Where does an amount of the shared token buy the most, counted in a common price of the others?"""
    chance, v4, cpmm = random.Random(5), found["raydium_amm_v4"], found["raydium_cpmm"]
    first = next(pool for pool in v4.pools if min(v4.venue.reserves(pool)) > 10**9)
    second, sample = plain_cpmm(cpmm)
    nothing = (0, 0, 0)
    pools: list[tuple[Any, Any]] = []
    for number in range(POOLS):
        size = chance.randrange(10**9, 10**15)
        x, y = size, int(size * chance.uniform(0.98, 1.02))
        if number % 2:
            state = replace(first.state, coin_mint=WSOL, pc_mint=key(number + 9), coin_owed=0, pc_owed=0)
            pool = replace(first, state=state, coin_vault=replace(first.coin_vault, amount=x),
                           pc_vault=replace(first.pc_vault, amount=y))  # fmt: skip
            pools.append((v4.venue, pool))
        else:
            state = replace(second.state, mint_0=WSOL, mint_1=key(number + 9), uncollected_0=nothing,
                            uncollected_1=nothing)  # fmt: skip
            config = replace(second.amm_config, trade_rate=chance.choice((100, 2_500, 10_000)))
            pool = replace(second, state=state, amm_config=config,
                           vault_0=replace(second.vault_0, amount=x),
                           vault_1=replace(second.vault_1, amount=y))  # fmt: skip
            pools.append((cpmm.venue, pool))

    def terms(venue: Any, pool: Any) -> Terms:
        x, y = venue.reserves(pool)
        if venue is v4.venue:
            return Terms(x, y, pool.state.fee_numerator, pool.state.fee_denominator)
        return Terms(x, y, pool.amm_config.trade_rate, 1_000_000)

    rows = [terms(venue, pool) for venue, pool in pools]
    screened = Screen(rows)
    amount = 10**8
    request = QuoteRequest(WSOL, SwapKind.EXACT_IN, amount)
    ins, outs = (
        np.array(side, dtype=np.float64)
        for side in zip(*((r.reserve_in, r.reserve_out) for r in rows), strict=True)
    )
    keeps = np.array([1 - row.fee_numerator / row.fee_denominator for row in rows])
    columns = list(zip(ins.tolist(), outs.tolist(), keeps.tolist(), strict=True))

    def one_pass() -> Any:
        """The floor: the sum alone."""
        traded = amount * keeps
        return traded * outs / (ins + traded)

    def exact(at: int) -> int:
        venue, pool = pools[at]
        quote = venue.quote(pool, request, sample.moment)
        return quote.amount_out if isinstance(quote, Quote) else 0

    def every_pool() -> tuple[int, int]:
        return max(((at, exact(at)) for at in range(POOLS)), key=lambda found: found[1])

    def best_exact() -> tuple[int, int]:
        """(pool, exact output) of the best, as its venue quotes it."""
        found = screened.best(amount)
        assert found is not None
        assert exact(found[0]) == found[1], "the terms are the venue's own sum"
        return found

    def plain() -> float:
        return max(amount * keep * y / (x + amount * keep) for x, y, keep in columns)

    def update_and_screen() -> tuple[int, int]:
        screened.change(17, rows[17])
        return best_exact()

    wrong = best_exact()[1] != every_pool()[1]
    for _ in range(200):
        at = chance.randrange(POOLS)
        factor = chance.uniform(0.97, 1.03)
        venue, pool = pools[at]
        side = "pc_vault" if venue is v4.venue else "vault_1"
        vault = getattr(pool, side)
        pools[at] = venue, replace(pool, **{side: replace(vault, amount=int(vault.amount * factor))})
        rows[at] = terms(*pools[at])
        screened.change(at, rows[at])
    for _ in range(3):
        wrong += best_exact()[1] != every_pool()[1]
        amount = chance.randrange(1, 10**10)
        request = QuoteRequest(WSOL, SwapKind.EXACT_IN, amount)
    timed: list[tuple[str, Answer, int]] = [
        ("floor: the sum alone, by numpy", one_pass, 300),
        ("one row changed, exact best of all", update_and_screen, 300),
        ("plain Python, floats", plain, 3),
        ("every pool quoted exactly", every_pool, 1),
    ]
    taken: dict[str, list[float]] = {name: [] for name, _, _ in timed}
    for _ in range(5):
        for name, call, count in timed:
            taken[name].append(per_call_us(call, count))
    least = median(taken["floor: the sum alone, by numpy"])
    print(f"\n{POOLS:,} pools that share a token, {wrong} wrong against every pool quoted exactly")
    for name, values in taken.items():
        mine = median(values)
        print(f"{name:36} {mine:10.1f} µs  {POOLS / mine:8.1f} pools/µs   {mine / least:8.1f}x the floor")


def main() -> None:
    print(f"{platform.processor() or platform.machine()}, {platform.python_implementation()} "
          f"{platform.python_version()}, {time.strftime('%Y-%m-%d')}")  # fmt: skip
    found = dict(gathered())
    constant_products(found)
    for crossed in (0, 5, 50):
        bins(crossed)
    for crossed in (0, 5, 50):
        ticks(found["orca_whirlpool"], crossed)
    screen(found)


if __name__ == "__main__":
    main()
