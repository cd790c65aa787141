"""What becomes of each coin that is made during the run: who buys when, who leaves when, who was in on it.

One small play for every nature a coin can have, in ticks from its making. Ends within a season and a half. Pure.
"""

import random
from collections.abc import Callable, Iterator

from chimera.localnet.coins import Coin, Nature
from chimera.localnet.traders import CAST, Role
from chimera.localnet.world_plan import Decision, Deed

SOL = 10**9
LISTED_LAMPORTS = (30 * SOL, 60 * SOL)  # what the maker of a pool puts into it
LIST_AFTER = 3  # ticks from the mint to its pool
OPEN_AFTER = 8  # ticks from the mint until its pool certainly trades: it opens a second after its block

CURVE_LAMPORTS = 85 * SOL  # about what a curve has taken once its last token is sold
GRADUATES_BY = 330  # ticks from launch
MIGRATION_TRIES = (150, 12)  # (first, every) tick after launch
RISES_UNTIL = 760
KNOWN_AFTER = 30  # ticks from a launch until foresight buys what will graduate: not in the first rush

PRINTED = 2 * 10**15  # twice the supply


def coin_decisions(seed: int, coin: Coin) -> list[Decision]:
    """All of a coin's life."""
    chance = random.Random(f"{seed} life of {coin.number}")
    return list(_LIVES[coin.nature](coin, chance))


def _fading(coin: Coin, chance: random.Random) -> Iterator[Decision]:
    yield from _launched(coin, chance.randrange(1, 5) * SOL // 10)
    for buyer in _crowd(chance, chance.randrange(4, 9)):
        yield from _visit(coin, buyer, chance, bought=(4, 80), held=(30, 90), lamports=(5, 40))
    yield _leave(coin, coin.maker, 190)


def _honest(coin: Coin, chance: random.Random) -> Iterator[Decision]:
    yield from _launched(coin, chance.randrange(3, 8) * SOL // 10)
    for _ in range(2):  # some come back
        for buyer in _crowd(chance, 20):
            yield from _visit(coin, buyer, chance, bought=(4, 270), held=(90, 420), lamports=(20, 150))
    for buyer in _crowd(chance, 8):  # and some stay
        yield _buy(coin, buyer, chance.randrange(300, 420), chance.randrange(30, 150) * SOL // 100)


def _graduating(coin: Coin, chance: random.Random) -> Iterator[Decision]:
    yield from _launched(coin, chance.randrange(4, 9) * SOL // 10)
    yield from _curve_filled(coin, chance, early_leavers=6)
    # one who knows takes a part early, and leaves while it still rises
    knows = f"{Role.FORESIGHT}-{CAST[Role.FORESIGHT]}"
    yield _buy(coin, knows, KNOWN_AFTER + chance.randrange(8), chance.randrange(10, 20) * SOL // 10)
    yield _leave(coin, knows, RISES_UNTIL - 60 + chance.randrange(20))
    # then it rises on its pool, in waves, with rests in which some sell
    for tick in range(GRADUATES_BY + 25, RISES_UNTIL):
        resting = (tick // 50) % 3 == 2
        if tick % (9 if resting else 4) == 0:
            buyer = _any(Role.CROWD, chance)
            amount = chance.randrange(40, 110) * SOL // 100
            yield _buy(coin, buyer, tick, amount)
            if resting:
                yield _leave(coin, _any(Role.CROWD, chance), tick + 2, share_bps=800)
    # many stay: it is a coin in earnest
    for leaver in _crowd(chance, CAST[Role.CROWD] // 2):
        yield _leave(coin, leaver, RISES_UNTIL + chance.randrange(20, 420), share_bps=3_000)


def _cashed_out(coin: Coin, chance: random.Random) -> Iterator[Decision]:
    yield from _launched(coin, chance.randrange(8, 15) * SOL // 10)
    friends = [f"{Role.INSIDER}-{number}" for number in chance.sample(range(1, CAST[Role.INSIDER] + 1), 4)]
    for tick, friend in enumerate(friends):
        yield _buy(coin, friend, 4 + 7 * tick, chance.randrange(35, 55) * SOL // 10)
    yield from _curve_filled(coin, chance, early_leavers=2)
    out = GRADUATES_BY + chance.randrange(110, 150)
    for number, one in enumerate((*friends, coin.maker)):
        yield _leave(coin, one, out + number)
    yield from _too_late(coin, chance, out + 12)


def _bundled(coin: Coin, chance: random.Random) -> Iterator[Decision]:
    yield from _launched(coin, chance.randrange(2, 6) * SOL // 10)
    friends = [f"{Role.INSIDER}-{number}" for number in chance.sample(range(1, CAST[Role.INSIDER] + 1), 5)]
    for friend in friends:
        yield _buy(coin, friend, 0, chance.randrange(9, 16) * SOL // 10)
    out = chance.randrange(75, 100)
    yield from _lured(coin, chance, until=out, count=22)
    for number, friend in enumerate(friends):
        yield _leave(coin, friend, out + number // 2)
    yield _leave(coin, coin.maker, out + 3)
    yield from _too_late(coin, chance, out + 6)


def _dev_heavy(coin: Coin, chance: random.Random) -> Iterator[Decision]:
    yield from _launched(coin, chance.randrange(95, 150) * SOL // 10)
    out = chance.randrange(60, 95)
    yield from _lured(coin, chance, until=out, count=18)
    yield _leave(coin, coin.maker, out)
    yield from _too_late(coin, chance, out + 4)


def _serial(coin: Coin, chance: random.Random) -> Iterator[Decision]:
    yield from _launched(coin, chance.randrange(4, 9) * SOL // 10)
    friend = _any(Role.INSIDER, chance)
    yield _buy(coin, friend, chance.randrange(5, 12), chance.randrange(15, 25) * SOL // 10)
    out = chance.randrange(55, 80)
    yield from _lured(coin, chance, until=out, count=20)
    yield _leave(coin, coin.maker, out)
    yield _leave(coin, friend, out + 1)
    yield from _too_late(coin, chance, out + 5)


def _pulled(coin: Coin, chance: random.Random) -> Iterator[Decision]:
    yield from _listed(coin, chance)
    out = chance.randrange(300, 360)
    yield from _made_lively(coin, chance, until=out)
    yield _decision(coin, coin.maker, Deed.PULL, out)
    yield from _too_late(coin, chance, out + 5)


def _dumped(coin: Coin, chance: random.Random) -> Iterator[Decision]:
    yield from _listed(coin, chance)
    out = chance.randrange(200, 260)
    yield from _made_lively(coin, chance, until=out)
    for number, share_bps in enumerate((4_000, 5_000, 7_000, 10_000)):
        yield _leave(coin, coin.maker, out + 3 * number, share_bps=share_bps)
    yield from _too_late(coin, chance, out + 14)


def _freezable(coin: Coin, chance: random.Random) -> Iterator[Decision]:
    yield from _listed(coin, chance)
    for number, victim in enumerate(_crowd(chance, 10)):
        tick = OPEN_AFTER + 4 + 9 * number
        yield _buy(coin, victim, tick, chance.randrange(5, 20) * SOL // 10)
        yield _decision(coin, coin.maker, Deed.FREEZE, tick + 5, target=victim)
        yield _leave(coin, victim, tick + 20)  # fails, as its owner is about to learn


def _mintable(coin: Coin, chance: random.Random) -> Iterator[Decision]:
    yield from _listed(coin, chance)
    out = chance.randrange(150, 190)
    yield from _lured(coin, chance, until=out, count=16, first=OPEN_AFTER)
    yield _decision(coin, coin.maker, Deed.PRINT, out, amount=PRINTED)
    yield from _too_late(coin, chance, out + 5)


def _taxed(coin: Coin, chance: random.Random) -> Iterator[Decision]:
    yield from _listed(coin, chance)
    for buyer in _crowd(chance, 14):
        yield from _visit(coin, buyer, chance, bought=(OPEN_AFTER, 120), held=(20, 60), lamports=(30, 120))


_LIVES: dict[Nature, Callable[[Coin, random.Random], Iterator[Decision]]] = {
    Nature.FADING: _fading,
    Nature.HONEST: _honest,
    Nature.GRADUATING: _graduating,
    Nature.CASHED_OUT: _cashed_out,
    Nature.BUNDLED: _bundled,
    Nature.DEV_HEAVY: _dev_heavy,
    Nature.SERIAL: _serial,
    Nature.PULLED: _pulled,
    Nature.DUMPED: _dumped,
    Nature.FREEZABLE: _freezable,
    Nature.MINTABLE: _mintable,
    Nature.TAXED: _taxed,
}


# parts of lives


def _launched(coin: Coin, maker_lamports: int) -> Iterator[Decision]:
    yield _decision(coin, coin.maker, Deed.LAUNCH, 0)
    yield _buy(coin, coin.maker, 0, maker_lamports)


def _listed(coin: Coin, chance: random.Random) -> Iterator[Decision]:
    yield _decision(coin, coin.maker, Deed.MINT, 0)
    yield _decision(coin, coin.maker, Deed.LIST, LIST_AFTER, amount=chance.randrange(*LISTED_LAMPORTS))


def _curve_filled(coin: Coin, chance: random.Random, *, early_leavers: int) -> Iterator[Decision]:
    """More than enough buyers for the whole curve, faster towards its end, and somebody who then moves it."""
    ticks = sorted(round(GRADUATES_BY * chance.random() ** 0.75) for _ in range(100))
    for number, tick in enumerate(ticks):
        amount = CURVE_LAMPORTS * chance.randrange(90, 190) // (100 * 100)
        buyer = f"{Role.CROWD}-{number % CAST[Role.CROWD] + 1}"
        yield _buy(coin, buyer, 5 + tick, amount)
    for leaver in _crowd(chance, early_leavers):
        yield _leave(coin, leaver, chance.randrange(90, 180), share_bps=6_000)
    # whoever comes last takes what is left
    yield _buy(coin, _any(Role.CROWD, chance), GRADUATES_BY + 6, CURVE_LAMPORTS // 4)
    first, every = MIGRATION_TRIES
    for tick in range(first, GRADUATES_BY + 25, every):
        yield _decision(coin, f"{Role.CRANK}-1", Deed.MIGRATE, tick)


def _lured(
    coin: Coin, chance: random.Random, *, until: int, count: int, first: int = 5
) -> Iterator[Decision]:
    """The crowd comes in, more of it the longer it goes well."""
    for buyer in _crowd(chance, count):
        tick = first + round((until - first) * chance.random() ** 0.6)
        yield _buy(coin, buyer, tick, chance.randrange(20, 160) * SOL // 100)


def _made_lively(coin: Coin, chance: random.Random, *, until: int) -> Iterator[Decision]:
    """Three friends of the maker's buy and buy, so that the price rises; a few others follow."""
    friends = [f"{Role.INSIDER}-{number}" for number in chance.sample(range(1, CAST[Role.INSIDER] + 1), 3)]
    for tick in range(OPEN_AFTER, until - 10, 9):
        yield _buy(coin, chance.choice(friends), tick, chance.randrange(60, 140) * SOL // 100)
    yield from _lured(coin, chance, until=until, count=14, first=OPEN_AFTER + 30)
    for number, friend in enumerate(friends):
        yield _leave(coin, friend, until - 6 + number)


def _too_late(coin: Coin, chance: random.Random, after: int) -> Iterator[Decision]:
    """Everybody in the crowd who still has some sells it, for what it is worth by then."""
    for number in range(1, CAST[Role.CROWD] + 1):
        yield _leave(coin, f"{Role.CROWD}-{number}", after + chance.randrange(60))


def _visit(
    coin: Coin,
    buyer: str,
    chance: random.Random,
    *,
    bought: tuple[int, int],
    held: tuple[int, int],
    lamports: tuple[int, int],
) -> Iterator[Decision]:
    """Buys once (hundredths of a SOL), sells all of it later."""
    tick = chance.randrange(*bought)
    yield _buy(coin, buyer, tick, chance.randrange(*lamports) * SOL // 100)
    yield _leave(coin, buyer, tick + chance.randrange(*held))


def _buy(coin: Coin, buyer: str, tick: int, lamports: int) -> Decision:
    return _decision(coin, buyer, Deed.BUY, tick, amount=lamports)


def _leave(coin: Coin, holder: str, tick: int, *, share_bps: int = 10_000) -> Decision:
    return _decision(coin, holder, Deed.UNWIND, tick, share_bps=share_bps)


def _decision(
    coin: Coin, trader: str, deed: Deed, tick: int, *, amount: int = 0, share_bps: int = 0, target: str = ""
) -> Decision:
    why = f"{coin.nature} {coin.key}"
    return Decision(
        coin.tick + tick, trader, deed, coin.key, amount=amount, share_bps=share_bps, target=target, why=why
    )


def _crowd(chance: random.Random, count: int) -> list[str]:
    return [f"{Role.CROWD}-{number}" for number in chance.sample(range(1, CAST[Role.CROWD] + 1), count)]


def _any(role: Role, chance: random.Random) -> str:
    return f"{role}-{chance.randrange(CAST[role]) + 1}"
