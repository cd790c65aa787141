"""Who trades in the embedded world: their names, keys and purses, and what they did before it began.

The cast depends on the seed alone. Keys here are worth nothing anywhere else; none of them is ever the desk's.
"""

import hashlib
import random
from enum import StrEnum
from functools import lru_cache

import msgspec
from solders.keypair import Keypair

from chimera.domain.ids import Address
from chimera.domain.intent import Style
from chimera.domain.wallet import Wallet, WalletStatus
from chimera.localnet.tokens import TOKENS, TRENDING, Quirk

DEMO_WALLET = Address("7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU")
"""ACTIVE without ever trading here: the wallet that webhook signals name."""

PAST_TRADES = 24  # round trips of each wallet before genesis
LUCKY_AMONG = 300  # as many wallets without any edge were looked at to find the five with the best luck


class Role(StrEnum):
    FORESIGHT = "foresight"
    """Knows the world's plan: buys before a price moves, sells after."""
    LUCKY = "lucky"
    """Looks good in hindsight, knows nothing."""
    BULL = "bull"
    """Ordinary: buys something, holds it for a while, sells it all."""
    BEAR = "bear"
    """Ordinary: holds an inventory, sells some, buys the same worth back. Pulls prices home."""
    WHALE = "whale"
    """Moves prices when the plan says that there is news."""
    DEVELOPER = "developer"
    """Made a token and provides its liquidity."""
    DRIFTER = "drifter"
    """Trades on the second venues alone, so that prices there go their own way for a while."""
    CROWD = "crowd"
    """Runs after what is new and what goes up."""
    INSIDER = "insider"
    """Buys for a maker, in the first slot or to make a price look alive, and leaves with him."""
    MAKER = "maker"
    """Makes coins while the world runs: some in earnest, some to take other people's money."""
    RUGGER = "rugger"
    """A maker who has done it before, and does it again."""
    CRANK = "crank"
    """Moves complete curves to their pools."""


CAST = {
    Role.FORESIGHT: 3,
    Role.LUCKY: 5,
    Role.BULL: 16,
    Role.BEAR: 6,
    Role.WHALE: 4,
    Role.DRIFTER: 4,
    Role.CROWD: 32,
    Role.INSIDER: 8,
    Role.MAKER: 12,
    Role.RUGGER: 2,
    Role.CRANK: 1,
}

BOTS = frozenset({Role.BULL, Role.BEAR, Role.WHALE, Role.DRIFTER})


class Trader(msgspec.Struct, frozen=True):
    name: str
    role: Role
    address: Address
    secret: bytes
    """Seed of its Ed25519 key."""

    @property
    def wraps(self) -> bool:
        """Whether it wraps SOL for each trade, as people do, or keeps a stock of wSOL, as bots do."""
        return self.role not in BOTS


class PastTrade(msgspec.Struct, frozen=True):
    """A round trip from before genesis, as an indexer would report it."""

    symbol: str
    hours_before_genesis: int
    spent_lamports: int
    received_lamports: int


@lru_cache(8)
def traders(seed: int) -> dict[str, Trader]:
    """The cast by name, developers (named after their token) included."""
    names = [(f"{role}-{number}", role) for role, count in CAST.items() for number in range(1, count + 1)]
    names += [(developer_of(token.symbol), Role.DEVELOPER) for token in TOKENS + TRENDING]
    made = {}
    for name, role in names:
        secret = hashlib.sha256(f"chimera world {seed} {name}".encode()).digest()
        made[name] = Trader(name, role, Address(str(Keypair.from_seed(secret).pubkey())), secret)
    return made


def developer_of(symbol: str) -> str:
    return f"developer-{symbol}"


def with_role(seed: int, role: Role) -> list[Trader]:
    return [trader for trader in traders(seed).values() if trader.role is role]


def roster(seed: int) -> tuple[Wallet, ...]:
    """The wallets that the demo's desk starts with."""
    first, second, third = with_role(seed, Role.FORESIGHT)
    lucky, unlucky = with_role(seed, Role.LUCKY)[:2]
    active, candidate, rejected = WalletStatus.ACTIVE, WalletStatus.CANDIDATE, WalletStatus.REJECTED
    return (
        Wallet(DEMO_WALLET, active, Style.SHIELD, 75, "signals by webhook only"),
        Wallet(first.address, active, Style.SHIELD, 86),
        Wallet(second.address, active, Style.SHIELD, 82),
        Wallet(third.address, active, Style.SPEAR, 77),
        Wallet(lucky.address, candidate, Style.SPEAR, 61, "few trades, all won: luck?"),
        Wallet(unlucky.address, rejected, Style.SPEAR, 34, "wins come from one token"),
    )


@lru_cache(8)
def histories(seed: int) -> dict[Address, tuple[PastTrade, ...]]:
    """Past round trips of the foresight and the lucky wallets.

    The lucky ones were chosen by their results from many that traded by chance: that is what luck is, and why
    a score must not be fooled by it.
    """
    chance = random.Random(f"{seed} histories")
    told = {trader.address: _past(chance, edge_bps=700) for trader in with_role(seed, Role.FORESIGHT)}
    crowd = sorted((_past(chance, edge_bps=-50) for _ in range(LUCKY_AMONG)), key=_profit, reverse=True)
    lucky = with_role(seed, Role.LUCKY)
    return told | {trader.address: past for trader, past in zip(lucky, crowd, strict=False)}


def _past(chance: random.Random, *, edge_bps: int) -> tuple[PastTrade, ...]:
    sound = [token.symbol for token in TOKENS if token.quirk is Quirk.NONE]
    trades = []
    for _ in range(PAST_TRADES):
        spent = chance.randrange(1, 60) * 10**8
        change_bps = edge_bps + round(chance.gauss(0, 1_200))
        received = spent * max(0, 10_000 + change_bps) // 10_000
        trades.append(PastTrade(chance.choice(sound), chance.randrange(1, 30 * 24), spent, received))
    return tuple(sorted(trades, key=lambda trade: -trade.hours_before_genesis))


def _profit(past: tuple[PastTrade, ...]) -> int:
    return sum(trade.received_lamports - trade.spent_lamports for trade in past)
