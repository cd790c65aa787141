"""Coins that are made while the world runs, and what each of them is: a plan that nothing on the chain tells.

Drawn from the seed and the season's number alone. `nature_of` also names what the catalogue's tokens are, so that a
test can ask of any mint whether it should have been traded. Must not know how a coin is made or traded.
"""

import hashlib
import itertools
import random
from enum import StrEnum
from functools import lru_cache

import msgspec
from solders.keypair import Keypair

from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address
from chimera.localnet.tokens import TOKENS, TRENDING, Quirk, Token
from chimera.localnet.traders import CAST, Role

SEASON_TICKS = 1_500  # ten minutes with ticks of 400 ms
COIN_EVERY = 75  # ticks between two coins' beginnings, on average
FIRST_COIN = 25

CURVE_DECIMALS = 6
POOL_DECIMALS = 6


class Nature(StrEnum):
    """What a token is. The first four are sound, the next ones just fail; all the others are there to take money."""

    STEADY = "steady"
    """Nothing is wrong with it."""
    TRENDING = "trending"
    """Sound, and wanted by many for minutes on end."""
    GRADUATING = "graduating"
    """Launched in earnest: completes its curve, moves to PumpSwap and goes on rising there for a while."""
    HONEST = "honest"
    """Launched in earnest: lives on its curve."""

    THIN = "thin"
    """Too little liquidity for anybody."""
    FADING = "fading"
    """Launched, and soon forgotten by everybody, its maker included."""

    FREEZABLE = "freezable"
    """Its maker can freeze anybody's account, and does."""
    MINTABLE = "mintable"
    """Its maker can make more, and sells it."""
    UNSELLABLE = "unsellable"
    """Can be bought and not sold."""
    TAXED = "taxed"
    """Token-2022 with a transfer fee; of a made coin it is far above what anybody should pay."""
    PULLED = "pulled"
    """Its maker makes it look wanted, then withdraws all liquidity."""
    DUMPED = "dumped"
    """Its maker makes it look wanted, then sells all that he kept."""
    CASHED_OUT = "cashed out"
    """Its maker's friends take a third of the curve, help it to complete, and sell all of it on PumpSwap."""
    BUNDLED = "bundled"
    """Its maker's friends buy in the very slot of its launch, and sell what the crowd then pays for."""
    DEV_HEAVY = "dev heavy"
    """Its maker buys a quarter of it at once, and sells it to the crowd."""
    SERIAL = "serial"
    """Nothing shows on it; its maker has left the buyers of his earlier coins with nothing, and does so again."""

    @property
    def trap(self) -> bool:
        return self in TRAPS

    @property
    def on_curve(self) -> bool:
        """Of made coins: whether it is launched on pump.fun, and not by a pool of its maker's."""
        return self in CURVE


SOUND = frozenset({Nature.STEADY, Nature.TRENDING, Nature.GRADUATING, Nature.HONEST})
TRAPS = frozenset(Nature) - SOUND - {Nature.THIN, Nature.FADING}
CURVE = frozenset(
    {
        Nature.GRADUATING, Nature.HONEST, Nature.FADING, Nature.CASHED_OUT, Nature.BUNDLED, Nature.DEV_HEAVY,
        Nature.SERIAL,
    }
)  # fmt: skip

LEADING = (Nature.FADING, Nature.GRADUATING, Nature.PULLED, Nature.CASHED_OUT)
"""A season's first coins, in this order: what takes long must begin early."""
FOLLOWING = (
    Nature.HONEST, Nature.HONEST, Nature.HONEST, Nature.FADING, Nature.BUNDLED, Nature.BUNDLED, Nature.DEV_HEAVY,
    Nature.SERIAL, Nature.SERIAL, Nature.SERIAL, Nature.DUMPED, Nature.FREEZABLE, Nature.MINTABLE, Nature.TAXED,
)  # fmt: skip
"""The others of a season, in an order of the seed's."""
PER_SEASON = len(LEADING) + len(FOLLOWING)

_SYLLABLES = "ba bo di fu ga jo ki lo ma mu na ni po qui ra ru sa so ta vi wo xo yu za zi".split()


class Coin(msgspec.Struct, frozen=True):
    """A token that somebody makes during the run."""

    number: int
    tick: int
    """When it is made."""
    key: str
    """Names it in decisions."""
    symbol: str
    mint: Address
    secret: bytes
    """Seed of the mint's Ed25519 key, which signs its making."""
    maker: str
    nature: Nature

    @property
    def on_curve(self) -> bool:
        return self.nature.on_curve

    @property
    def program(self) -> Address:
        """New curve coins are of Token-2022, and so is what taxes transfers."""
        taxed = self.nature is Nature.TAXED
        return TOKEN_2022_PROGRAM if self.on_curve or taxed else TOKEN_PROGRAM


@lru_cache(16)
def coins(seed: int, season: int) -> tuple[Coin, ...]:
    """A season's coins in the order of their making."""
    chance = random.Random(f"{seed} coins {season}")
    natures = [*LEADING, *chance.sample(FOLLOWING, len(FOLLOWING))]
    rugger = f"{Role.RUGGER}-{season % CAST[Role.RUGGER] + 1}"
    half = CAST[Role.MAKER] // 2
    earnest, crooked = (itertools.cycle(chance.sample(range(a, a + half), half)) for a in (1, 1 + half))
    made = []
    known_rugger = False
    for place, nature in enumerate(natures):
        number = season * PER_SEASON + place
        # who has once made a coin in earnest always does: a maker's history means something
        maker = f"{Role.MAKER}-{next(crooked if nature.trap else earnest)}"
        if nature is Nature.SERIAL:
            maker = rugger
            # whose history nobody can know yet must be told from what he does
            nature, known_rugger = nature if known_rugger else Nature.DEV_HEAVY, True  # noqa: PLW2901
        symbol = "".join(chance.choice(_SYLLABLES) for _ in range(3)).upper()
        secret = hashlib.sha256(f"chimera coin {seed} {number}".encode()).digest()
        mint = Address(str(Keypair.from_seed(secret).pubkey()))
        tick = season * SEASON_TICKS + FIRST_COIN + place * COIN_EVERY + chance.randrange(COIN_EVERY // 3)
        made.append(Coin(number, tick, f"{symbol}-{number}", symbol, mint, secret, maker, nature))
    return tuple(made)


def coin_named(seed: int, key: str) -> Coin | None:
    """The coin that decisions call `key`; None for a token of the catalogue."""
    _, dash, number = key.rpartition("-")
    if not dash or not number.isdigit():
        return None
    season, place = divmod(int(number), PER_SEASON)
    return coins(seed, season)[place]


def natures(seed: int, ticks: int) -> dict[Address, Nature]:
    """What every token is that exists before that tick, by mint."""
    told = {token.mint: nature_of(token) for token in TOKENS + TRENDING}
    for season in range(-(-ticks // SEASON_TICKS)):
        told |= {coin.mint: coin.nature for coin in coins(seed, season) if coin.tick < ticks}
    return told


def nature_of(token: Token) -> Nature:
    """What a token of the catalogue is."""
    if token.quirk is not Quirk.NONE:
        return Nature(token.quirk)
    if token in TRENDING:
        return Nature.TRENDING
    return Nature.STEADY if token.sound else Nature.THIN
