"""What will happen in the world: news, scandals, and who trades when. A plan in ticks, drawn from the seed.

Random access: what begins in an act depends on the seed and the act's number alone, never on what happened
before nor on how fast anything ran. Prices stay home in the long run because who buys later sells all of it, and
who sells later buys the same worth back; nobody has to watch a price for that.
"""

import random
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

import msgspec

from chimera.localnet.genesis import world_pools
from chimera.localnet.tokens import BY_SYMBOL, SOL, TOKENS, TRENDING, Quirk
from chimera.localnet.traders import CAST, Role, developer_of

ACT_TICKS = 160  # the unit of planning; with ticks of 400 ms a bit more than a minute

# A campaign, in ticks from the moment that a foresight wallet buys. At 400 ms a tick, a follower who is two
# seconds late has bought before the news, and has sold before the whales leave.
CAMPAIGN_EVERY = 16
FIRST_CAMPAIGN = 10
NEWS_AT = 9
NEWS_PUSHES = 6
NEWS_PUSH_BPS = 140  # of the pool's quote side, each; all of them lift the price by about 17 %
FORESIGHT_SELLS_AT = 25
WHALES_LEAVE_AT = 38
WHALES_LEAVE_EVERY = 6

BAD_NEWS_EVERY = 3  # campaigns
BAD_NEWS_PUSHES = 4
BAD_NEWS_PUSH_BPS = 150

CYCLES_PER_TICK = 1.0  # ordinary round trips that begin in a tick, on average
CYCLE_BPS = (4, 40)  # of the pool's quote side
HOLD_TICKS = (8, 90)
LUCKY_EVERY = 22
LUCKY_HOLD_TICKS = (20, 60)

RUG_TICKS = (105, 130)  # when the liquidity is pulled: within the demo's first minute
PRINT_TICKS = (80, 95)
FREEZE_TICKS = (60, 75)


class Deed(StrEnum):
    BUY = "buy"
    """Spend `amount` of the quote."""
    SELL = "sell"
    """Sell `amount` of the token."""
    UNWIND = "unwind"
    """Sell `share_bps` of all that it holds of the token."""
    PULL = "pull"
    """Withdraw all liquidity that it provides."""
    PRINT = "print"
    """Make `amount` of the token and sell it."""
    FREEZE = "freeze"
    """Freeze the token account of `target`."""
    LAUNCH = "launch"
    """Make a coin and its pump.fun curve."""
    MIGRATE = "migrate"
    """Move a complete curve to its PumpSwap pool."""
    MINT = "mint"
    """Make a coin's mint, all of its supply for its maker."""
    LEVEL = "level"
    """Bring a second venue's price most of the way to the first one's, where they are far apart."""
    LIST = "list"
    """Open a CPMM pool of a coin with `amount` of the quote and part of the supply."""


class Decision(msgspec.Struct, frozen=True):
    """Who does what; nothing in it depends on prices or on timing."""

    tick: int
    trader: str
    deed: Deed
    symbol: str
    """Of a token, or the key of a coin that is made during the run."""
    quote: str = "SOL"
    amount: int = 0
    """Base units: of the quote (BUY, LIST), of the token (SELL, PRINT)."""
    share_bps: int = 0
    target: str = ""
    program: str = ""
    """Of another venue than the token's first, by the name that `localnet.programs` has for it."""
    why: str = ""
    """The part of the plan that it belongs to."""


class Campaign(msgspec.Struct, frozen=True):
    """News about a token that one foresight wallet knows beforehand."""

    number: int
    tick: int
    wallet: str
    symbol: str
    stake_lamports: int
    halves: bool
    """It sells in two halves instead of at once."""


@lru_cache(64)
def act(seed: int, number: int) -> tuple[Decision, ...]:
    """Everything that begins in one act, in the order of ticks. The last of it happens in the next act."""
    chance = random.Random(f"{seed} act {number}")
    made: list[Decision] = []
    for campaign in campaigns(seed, number):
        made += _campaign(seed, campaign, chance)
        if campaign.number % BAD_NEWS_EVERY == BAD_NEWS_EVERY - 1:
            made += _bad_news(seed, campaign, chance)
    made += _ordinary(seed, number, chance)
    made += _lucky(number, chance)
    made += _trapped(seed, number, chance)
    if number == 0:
        made += _scandals(seed, chance)
    return tuple(sorted(made, key=lambda decision: decision.tick))


def campaigns(seed: int, act_number: int) -> tuple[Campaign, ...]:
    """The campaigns that begin in the act.

    Wallets and tokens take turns, so that a token's whales are gone before its next campaign.
    """
    chance = random.Random(f"{seed} campaigns {act_number}")
    order = _campaign_order(seed)
    per_act = ACT_TICKS // CAMPAIGN_EVERY
    made = []
    for number in range(act_number * per_act, (act_number + 1) * per_act):
        made.append(
            Campaign(
                number=number,
                tick=FIRST_CAMPAIGN + number * CAMPAIGN_EVERY + chance.randrange(3),
                wallet=f"{Role.FORESIGHT}-{number % CAST[Role.FORESIGHT] + 1}",
                symbol=order[number % len(order)],
                stake_lamports=chance.randrange(40, 90) * 10**8,
                # The first few are plain: whoever watches for a minute should see whole round trips.
                halves=number >= 5 and chance.randrange(5) == 0,
            )
        )
    return tuple(made)


def depth(seed: int, symbol: str, quote: str = "SOL") -> int:
    """The quote side of a pool at genesis: the fixed size that all amounts are fractions of."""
    return next(p.quote_amount for p in world_pools(seed) if (p.symbol, p.quote) == (symbol, quote))


def token_depth(seed: int, symbol: str, quote: str = "SOL") -> int:
    """The token side of a pool at genesis."""
    return next(p.token_amount for p in world_pools(seed) if (p.symbol, p.quote) == (symbol, quote))


@lru_cache(8)
def _campaign_order(seed: int) -> tuple[str, ...]:
    """Sound tokens with a deep SOL pool. BONK has no campaigns: the demo's users trade it by hand."""
    deep = [t.symbol for t in TOKENS if t.sound and t.sol_side_usd >= 50_000 and t.symbol != "BONK"]
    return tuple(random.Random(f"{seed} order").sample(deep, len(deep)))


def _campaign(seed: int, campaign: Campaign, chance: random.Random) -> Iterator[Decision]:
    why = f"campaign {campaign.number}"
    symbol, start = campaign.symbol, campaign.tick
    wallet = campaign.wallet
    yield Decision(start, wallet, Deed.BUY, symbol, amount=campaign.stake_lamports, why=why)
    push = depth(seed, symbol) * NEWS_PUSH_BPS // 10_000
    whales = CAST[Role.WHALE]
    for number in range(NEWS_PUSHES):
        amount = push * chance.randrange(85, 116) // 100
        tick = start + NEWS_AT + number * 2
        yield Decision(tick, _nth(Role.WHALE, number), Deed.BUY, symbol, amount=amount, why=why)
    sells_at = start + FORESIGHT_SELLS_AT
    if campaign.halves:
        yield Decision(sells_at - 3, wallet, Deed.UNWIND, symbol, share_bps=5_000, why=why)
    yield Decision(sells_at, wallet, Deed.UNWIND, symbol, share_bps=10_000, why=why)
    for number in range(whales):
        tick = start + WHALES_LEAVE_AT + number * WHALES_LEAVE_EVERY
        yield Decision(tick, _nth(Role.WHALE, number), Deed.UNWIND, symbol, share_bps=10_000, why=why)


def _bad_news(seed: int, beside: Campaign, chance: random.Random) -> Iterator[Decision]:
    """A fall and a recovery, on the token whose own campaign is farthest away. Foresight stays out of it."""
    order = _campaign_order(seed)
    symbol = order[(beside.number + len(order) // 2) % len(order)]
    why = f"bad news {beside.number}"
    for number in range(BAD_NEWS_PUSHES):
        bear = _nth(Role.BEAR, number)
        percent = chance.randrange(85, 116)
        tick = beside.tick + 2 + number * 2
        tokens = token_depth(seed, symbol) * BAD_NEWS_PUSH_BPS * percent // 1_000_000
        quote = depth(seed, symbol) * BAD_NEWS_PUSH_BPS * percent // 1_000_000
        yield Decision(tick, bear, Deed.SELL, symbol, amount=tokens, why=why)
        yield Decision(tick + chance.randrange(16, 26), bear, Deed.BUY, symbol, amount=quote, why=why)


def _ordinary(seed: int, number: int, chance: random.Random) -> Iterator[Decision]:
    markets = _markets(seed)
    for _ in range(round(ACT_TICKS * CYCLES_PER_TICK)):
        symbol, quote = chance.choice(markets)
        tick = number * ACT_TICKS + chance.randrange(ACT_TICKS)
        later = tick + chance.randrange(*HOLD_TICKS)
        bps = chance.randrange(*CYCLE_BPS)
        spend = depth(seed, symbol, quote) * bps // 10_000
        token = BY_SYMBOL.get(symbol)
        if token is None or (token.sound and chance.randrange(3) == 0):
            bear = _any(Role.BEAR, chance)
            tokens = token_depth(seed, symbol, quote) * bps // 10_000
            yield Decision(tick, bear, Deed.SELL, symbol, quote, amount=tokens, why="ordinary")
            yield Decision(later, bear, Deed.BUY, symbol, quote, amount=spend, why="ordinary")
        else:
            bull = _bull(quote, chance)
            yield Decision(tick, bull, Deed.BUY, symbol, quote, amount=spend, why="ordinary")
            yield Decision(later, bull, Deed.UNWIND, symbol, quote, share_bps=10_000, why="ordinary")


def _lucky(number: int, chance: random.Random) -> Iterator[Decision]:
    """The lucky wallets buy what they please, when they please."""
    sound = [token.symbol for token in TOKENS if token.sound and token.sol_side_usd]
    for tick in range(number * ACT_TICKS + 4, (number + 1) * ACT_TICKS, LUCKY_EVERY):
        wallet, symbol = _any(Role.LUCKY, chance), chance.choice(sound)
        start = tick + chance.randrange(LUCKY_EVERY)
        later = start + chance.randrange(*LUCKY_HOLD_TICKS)
        amount = chance.randrange(10, 30) * 10**8
        yield Decision(start, wallet, Deed.BUY, symbol, amount=amount, why="luck")
        yield Decision(later, wallet, Deed.UNWIND, symbol, share_bps=10_000, why="luck")


def _trapped(seed: int, number: int, chance: random.Random) -> Iterator[Decision]:
    """Somebody buys what cannot be sold, and finds out."""
    (symbol,) = (token.symbol for token in TOKENS if token.quirk is Quirk.UNSELLABLE)
    victim = _bull(SOL.symbol, chance)
    tick = number * ACT_TICKS + chance.randrange(15, 40)
    yield Decision(tick, victim, Deed.BUY, symbol, amount=depth(seed, symbol) // 200, why="trap")
    yield Decision(tick + 25, victim, Deed.UNWIND, symbol, share_bps=10_000, why="trap")


def _scandals(seed: int, chance: random.Random) -> Iterator[Decision]:
    """Once in a world: liquidity pulled after a hype, tokens printed and dumped, a holder frozen."""
    by_quirk = {token.quirk: token.symbol for token in TOKENS if not token.sound}
    pulled, printed, frozen = (by_quirk[q] for q in (Quirk.PULLED, Quirk.MINTABLE, Quirk.FREEZABLE))

    rug = chance.randrange(*RUG_TICKS)
    for number in range(6):
        bull = _nth(Role.BULL, number)
        hype = depth(seed, pulled) * 2 // 100
        yield Decision(20 + number * 12, bull, Deed.BUY, pulled, amount=hype, why="hype")
        yield Decision(rug + 4 + number, bull, Deed.UNWIND, pulled, share_bps=10_000, why="too late")
    yield Decision(rug, developer_of(pulled), Deed.PULL, pulled, why="rug")

    tick = chance.randrange(*PRINT_TICKS)
    amount = token_depth(seed, printed) // 5
    yield Decision(tick, developer_of(printed), Deed.PRINT, printed, amount=amount, why="print")

    tick = chance.randrange(*FREEZE_TICKS)
    victim = _bull(SOL.symbol, chance)
    stake = depth(seed, frozen) // 100
    yield Decision(tick - 20, victim, Deed.BUY, frozen, amount=stake, why="freeze")
    yield Decision(tick, developer_of(frozen), Deed.FREEZE, frozen, target=victim, why="freeze")
    yield Decision(tick + 10, victim, Deed.UNWIND, frozen, share_bps=10_000, why="freeze")


@lru_cache(8)
def _markets(seed: int) -> tuple[tuple[str, str], ...]:
    """(symbol, quote) of pools that ordinary traders use all the time, the sound ones more often.

    The trending ones are left to the crowd.
    """
    avoided = (Quirk.PULLED, Quirk.UNSELLABLE)
    made: list[tuple[str, str]] = []
    for pool in world_pools(seed):
        token = BY_SYMBOL.get(pool.symbol)
        if token is None:
            made.append((SOL.symbol, pool.quote))
        elif token.quirk not in avoided and token not in TRENDING:
            made += [(pool.symbol, pool.quote)] * (3 if token.sound else 1)
    return tuple(made)


def _nth(role: Role, number: int) -> str:
    return f"{role}-{number % CAST[role] + 1}"


def _bull(quote: str, chance: random.Random) -> str:
    """Some pay in SOL, some in dollars: who did both would carry a token from one pool to the other for good."""
    dollars = CAST[Role.BULL] // 4
    if quote == SOL.symbol:
        return _nth(Role.BULL, dollars + chance.randrange(CAST[Role.BULL] - dollars))
    return _nth(Role.BULL, chance.randrange(dollars))


def _any(role: Role, chance: random.Random) -> str:
    return _nth(role, chance.randrange(CAST[role]))
