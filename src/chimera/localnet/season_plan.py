"""What happens beside the ordinary acts: trends that last for minutes, prices that differ between venues, new coins.

In seasons of ten minutes, each drawn from the seed and its number alone. What a season begins ends in the next one
at the latest. Adds to the acts and changes nothing in them, so old seeds keep their old decisions.
"""

import random
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from chimera.localnet.coin_plan import coin_decisions
from chimera.localnet.coins import SEASON_TICKS, coins
from chimera.localnet.genesis import world_pools
from chimera.localnet.genesis_seconds import second_pools
from chimera.localnet.tokens import TRENDING
from chimera.localnet.traders import CAST, Role
from chimera.localnet.world_plan import Decision, Deed

# A trend: waves of buying, rests in which some sell, a shake-out or two; then everybody leaves, slowly.
TREND_STARTS = (40, 560)
TREND_TICKS = 640
WAVE_TICKS, REST_TICKS = 70, 36
TREND_BUY_BPS = (18, 42)  # of the pool's quote side
SHAKE_OUT_BPS = 250
LEAVING_TICKS = 700

DRIFT_EVERY = 22  # ticks between two moves of a second venue's price
DRIFT_BPS = (70, 190)  # of its quote side; the price moves by about twice as much
DRIFT_HOLD_TICKS = (12, 60)
LEVEL_EVERY = 10  # ticks between two looks of somebody who brings its price nearer to the first venue's


class Trend(msgspec.Struct, frozen=True):
    """A token that rises for minutes because many want it."""

    symbol: str
    tick: int
    top: int
    """The tick of the last wave's end."""
    over: int
    """When all who came have left."""


@lru_cache(8)
def season(seed: int, number: int) -> tuple[Decision, ...]:
    """Everything that begins in one season, in the order of ticks."""
    made: list[Decision] = []
    for trend in trends(seed, number):
        made += _trend(seed, trend)
    made += _drift(seed, number)
    made += _levels(seed, number)
    for coin in coins(seed, number):
        made += coin_decisions(seed, coin)
    return tuple(sorted(made, key=lambda decision: decision.tick))


def trends(seed: int, number: int) -> tuple[Trend, ...]:
    """The trends that begin in the season; no token has two at a time."""
    chance = random.Random(f"{seed} trends {number}")
    order = random.Random(f"{seed} trend order").sample(TRENDING, len(TRENDING))
    made = []
    for place, start in enumerate(TREND_STARTS):
        token = order[(number * len(TREND_STARTS) + place) % len(order)]
        tick = number * SEASON_TICKS + start + chance.randrange(20)
        top = tick + TREND_TICKS
        made.append(Trend(token.symbol, tick, top, top + LEAVING_TICKS))
    return tuple(made)


def _trend(seed: int, trend: Trend) -> Iterator[Decision]:
    chance = random.Random(f"{seed} trend {trend.tick}")
    why = f"trend of {trend.symbol}"
    depth = next(p.quote_amount for p in world_pools(seed) if (p.symbol, p.quote) == (trend.symbol, "SOL"))
    crowd = [f"{Role.CROWD}-{number}" for number in range(1, CAST[Role.CROWD] + 1)]

    def buy(tick: int, buyer: str, bps: int) -> Decision:
        return Decision(tick, buyer, Deed.BUY, trend.symbol, amount=depth * bps // 10_000, why=why)

    def leave(tick: int, holder: str, share_bps: int) -> Decision:
        return Decision(tick, holder, Deed.UNWIND, trend.symbol, share_bps=share_bps, why=why)

    tick, wave = trend.tick, 0
    while tick < trend.top:
        for at in range(tick, tick + WAVE_TICKS):
            if chance.randrange(4) == 0:
                yield buy(at, chance.choice(crowd), chance.randrange(*TREND_BUY_BPS))
            elif chance.randrange(40) == 0:
                yield leave(at, chance.choice(crowd), 2_500)
        rest = tick + WAVE_TICKS
        if wave % 2 == 1:  # shake-out: somebody sells hard, and is bought back within seconds
            bear = f"{Role.INSIDER}-{CAST[Role.INSIDER]}"
            yield buy(tick + 5, bear, SHAKE_OUT_BPS)
            yield leave(rest + 4, bear, 10_000)
            for number in range(8):
                yield buy(rest + 9 + number * 2, chance.choice(crowd), SHAKE_OUT_BPS // 8)
        else:
            for _ in range(6):
                at = rest + chance.randrange(REST_TICKS)
                yield buy(at, chance.choice(crowd), TREND_BUY_BPS[0])
                yield leave(at + 2, chance.choice(crowd), 1_500)
        tick, wave = rest + REST_TICKS, wave + 1
    for holder in crowd:
        yield leave(trend.top + chance.randrange(LEAVING_TICKS // 2), holder, 5_000)
        yield leave(trend.top + LEAVING_TICKS // 2 + chance.randrange(LEAVING_TICKS // 2), holder, 10_000)


def _drift(seed: int, number: int) -> Iterator[Decision]:
    """Drifters move one second venue after the other, up or down, and take it back later."""
    chance = random.Random(f"{seed} drift {number}")
    pools = second_pools(seed)
    first = number * SEASON_TICKS
    for tick in range(first + 6, first + SEASON_TICKS, DRIFT_EVERY):
        listed = chance.choice(pools)
        drifter = f"{Role.DRIFTER}-{chance.randrange(CAST[Role.DRIFTER]) + 1}"
        start = tick + chance.randrange(DRIFT_EVERY)
        later = start + chance.randrange(*DRIFT_HOLD_TICKS)
        bps = chance.randrange(*DRIFT_BPS)
        tokens, quote = listed.token_amount * bps // 10_000, listed.quote_amount * bps // 10_000
        # Both ways from a stock, and back by the same: nothing is carried from one venue to another for good.
        there = [(Deed.BUY, quote), (Deed.SELL, tokens)]
        if chance.randrange(2):
            there.reverse()
        for at, (deed, amount) in zip((start, later), there, strict=True):
            yield Decision(
                at, drifter, deed, listed.symbol, amount=amount, program=listed.program, why="drift"
            )


def _levels(seed: int, number: int) -> Iterator[Decision]:
    """Somebody takes part of the difference away, late: the rest is there for whoever is quicker."""
    chance = random.Random(f"{seed} levels {number}")
    first = number * SEASON_TICKS
    for listed in second_pools(seed):
        for tick in range(first, first + SEASON_TICKS, LEVEL_EVERY):
            drifter = f"{Role.DRIFTER}-{chance.randrange(CAST[Role.DRIFTER]) + 1}"
            at = tick + chance.randrange(LEVEL_EVERY)
            yield Decision(at, drifter, Deed.LEVEL, listed.symbol, program=listed.program, why="level")
