"""The one extractor of features: every strategy reads the same windows, bars and holders of a token.

Trades are appended with running sums, so a window of any length is a difference of two of them, found by bisection:
exact integers, a microsecond or two a trade, and nothing to overflow, since a hot token's lists just grow. Where
a token outgrows even its bound, the oldest trades go and its windows say so (`whole`).
"""

from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence

import msgspec

from chimera.domain.features import PRICE_UNITS, Bar, BarKind, TokenSeen, Window
from chimera.domain.ids import USDC, WSOL, Address, Slot
from chimera.domain.market import PoolCreated, Trade
from chimera.market.bars import Bars

REPEATS = 4  # trades of a wallet in a window that make it a repeater


class FeatureLimits(msgspec.Struct, frozen=True):
    horizon_ms: int = 900_000
    """How far windows reach back."""
    trades_a_token_max: int = 200_000
    tokens_max: int = 50_000
    """The longest untraded is forgotten beyond."""
    holders_a_token_max: int = 20_000
    """Wallets whose holding is followed; those that come later are not counted among the largest."""
    small_lamports: int = 10_000_000
    bars_kept: int = 300


class _Token:
    """All that is remembered of one token."""

    __slots__ = (
        "bars",
        "bought_sum",
        "buys_sum",
        "created_slot",
        "creator",
        "creator_bought",
        "creator_sold",
        "first_ms",
        "first_slot",
        "forgotten",
        "holdings",
        "lamports",
        "last_ms",
        "price",
        "prices",
        "sides",
        "small_sum",
        "sold_sum",
        "times",
        "tokens",
        "total",
        "users",
    )  # fmt: skip

    def __init__(self, at_ms: int, slot: Slot, created_slot: Slot | None) -> None:
        self.first_ms, self.first_slot, self.created_slot = at_ms, slot, created_slot
        self.last_ms, self.price, self.total = at_ms, 0, 0
        self.creator: Address | None = None
        self.creator_bought = self.creator_sold = 0
        self.holdings: dict[Address, int] = {}
        self.bars: dict[tuple[BarKind, int], Bars] = {}
        self.forgotten = False
        # one place a trade; the sums have one place more, for what was before the first
        self.times: list[int] = []
        self.users: list[Address] = []
        self.sides: list[bool] = []
        self.lamports: list[int] = []
        self.tokens: list[int] = []
        self.prices: list[int] = []
        self.buys_sum: list[int] = [0]
        self.bought_sum: list[int] = [0]
        self.sold_sum: list[int] = [0]
        self.small_sum: list[int] = [0]

    def drop(self, count: int) -> None:
        """Forgets the first trades; the sums go on from where they are."""
        for column in (self.times, self.users, self.sides, self.lamports, self.tokens, self.prices):
            del column[:count]
        for sums in (self.buys_sum, self.bought_sum, self.sold_sum, self.small_sum):
            del sums[:count]


class FeatureExtractor:
    """`ports.strategy.Features`; `fold` every market event, in order."""

    def __init__(self, limits: FeatureLimits = FeatureLimits()) -> None:  # noqa: B008 - frozen
        self.limits = limits
        self._tokens: OrderedDict[Address, _Token] = OrderedDict()

    def fold(self, event: object, sol_micro_usd: Callable[[], int | None]) -> None:
        """`sol_micro_usd` prices trades against USDC; while it knows none, those are left out."""
        if isinstance(event, Trade):
            self._trade(event, sol_micro_usd)
        elif isinstance(event, PoolCreated):
            for mint in (event.pool.mint_a, event.pool.mint_b):
                if mint not in {WSOL, USDC} and mint not in self._tokens:
                    self._tokens[mint] = _Token(event.at_ms, event.slot, event.slot)
                    self._bound()

    # what strategies ask

    def token(self, mint: Address) -> TokenSeen | None:
        found = self._tokens.get(mint)
        if found is None:
            return None
        held = [tokens for tokens in found.holdings.values() if tokens > 0]
        whole = sum(held)
        largest = sorted(held, reverse=True)[:3]
        return TokenSeen(
            mint=mint,
            first_ms=found.first_ms,
            first_slot=found.first_slot,
            trades=found.total,
            price=found.price,
            last_ms=found.last_ms,
            creator=found.creator,
            creator_bought=found.creator_bought,
            creator_sold=found.creator_sold,
            holders=len(held),
            holdings_top=tuple(-(-tokens * 10_000 // whole) for tokens in largest) if whole else (),
        )

    def window(self, mint: Address, span_ms: int, now_ms: int) -> Window:
        """Trades later than `now_ms - span_ms`; an empty window where there were none."""
        token = self._tokens.get(mint)
        if token is None or not token.times:
            price = 0 if token is None else token.price
            return Window(span_ms, 0, 0, 0, 0, 0, 0, 0, 0, 0, price, price, price, price)
        start = bisect_left(token.times, now_ms - span_ms + 1)
        users, sides = token.users[start:], token.sides[start:]
        traded: Counter[Address] = Counter()
        for user, lamports in zip(users, token.lamports[start:], strict=True):
            traded[user] += lamports
        prices = token.prices[start:]
        # at times when nothing traded in it, a window has the last price there was
        known = prices or [token.price]
        return Window(
            span_ms=span_ms,
            trades=len(users),
            buys=token.buys_sum[-1] - token.buys_sum[start],
            buy_lamports=token.bought_sum[-1] - token.bought_sum[start],
            sell_lamports=token.sold_sum[-1] - token.sold_sum[start],
            buyers=len({user for user, bought in zip(users, sides, strict=True) if bought}),
            traders=len(traded),
            largest_lamports=max(traded.values(), default=0),
            small_trades=token.small_sum[-1] - token.small_sum[start],
            repeaters=sum(times >= REPEATS for times in Counter(users).values()),
            high=max(known),
            low=min(known),
            first_price=known[0],
            last_price=known[-1],
            whole=not (token.forgotten and start == 0),
        )

    def bars(self, mint: Address, size: int, now_ms: int, kind: BarKind = BarKind.TIME) -> Sequence[Bar]:
        """Closed bars, oldest first; of time: what is over by `now_ms`. Kept from the first time they are asked for.

        Until then they are made of the trades that are remembered, so that the answer does not depend on when one
        began to ask, as long as the horizon reaches.
        """
        token = self._tokens.get(mint)
        if token is None:
            return ()
        made = token.bars.get((kind, size))
        if made is None:
            made = token.bars[kind, size] = Bars(kind, size, keep=self.limits.bars_kept)
            for at_ms, price, lamports, tokens, bought in zip(
                token.times, token.prices, token.lamports, token.tokens, token.sides, strict=True
            ):
                made.add(at_ms, price=price, lamports=lamports, tokens=tokens, bought=bought)
        made.advance(now_ms)
        return made.closed

    def mints(self) -> Sequence[Address]:
        """Known tokens, the longest untraded first."""
        return list(self._tokens)

    # folding

    def _trade(self, event: Trade, sol_micro_usd: Callable[[], int | None]) -> None:
        swap = event.swap
        if swap.output_mint in {WSOL, USDC}:
            mint, tokens, quote, worth, bought = (
                swap.input_mint, swap.amount_in, swap.output_mint, swap.amount_out, False,
            )  # fmt: skip
        else:
            mint, tokens, quote, worth, bought = (
                swap.output_mint, swap.amount_out, swap.input_mint, swap.amount_in, True,
            )  # fmt: skip
        if quote != WSOL:
            sol = sol_micro_usd() if quote == USDC else None
            if not sol:
                return
            worth = worth * 10**9 // sol
        if mint in {WSOL, USDC} or tokens <= 0 or worth <= 0:
            return
        token = self._tokens.get(mint)
        if token is None:
            token = self._tokens[mint] = _Token(event.at_ms, swap.slot, None)
            self._bound()
        else:
            self._tokens.move_to_end(mint)
        self._append(token, event.at_ms, swap.user, worth, tokens, bought)
        self._hold(token, swap.user, tokens, bought, swap.slot)
        for bars in token.bars.values():
            bars.add(event.at_ms, price=token.price, lamports=worth, tokens=tokens, bought=bought)

    def _append(
        self,
        token: _Token,
        at_ms: int,
        user: Address,
        lamports: int,
        tokens: int,
        bought: bool,  # noqa: FBT001
    ) -> None:
        # a trade told late joins the newest moment: windows look back from now, and order must stay
        at_ms = max(at_ms, token.last_ms) if token.total else at_ms
        price = lamports * PRICE_UNITS // tokens
        token.last_ms, token.price = at_ms, price
        token.total += 1
        token.times.append(at_ms)
        token.users.append(user)
        token.sides.append(bought)
        token.lamports.append(lamports)
        token.tokens.append(tokens)
        token.prices.append(price)
        token.buys_sum.append(token.buys_sum[-1] + bought)
        token.bought_sum.append(token.bought_sum[-1] + (lamports if bought else 0))
        token.sold_sum.append(token.sold_sum[-1] + (0 if bought else lamports))
        token.small_sum.append(token.small_sum[-1] + (lamports < self.limits.small_lamports))
        if len(token.times) & 1023 == 0:  # seldom, and many at a time: each costs a move of the lists
            old = bisect_left(token.times, at_ms - self.limits.horizon_ms)
            excess = len(token.times) - self.limits.trades_a_token_max
            if excess > old:
                token.forgotten = True
            elif old:
                token.forgotten = False
            if max(old, excess) > 0:
                token.drop(max(old, excess))

    def _hold(self, token: _Token, user: Address, tokens: int, bought: bool, slot: Slot) -> None:  # noqa: FBT001
        if token.total == 1 and bought and token.created_slot is not None and slot - token.created_slot <= 1:
            token.creator = user
        if user == token.creator:
            if bought:
                token.creator_bought += tokens
            else:
                token.creator_sold += tokens
        holdings = token.holdings
        if user in holdings or len(holdings) < self.limits.holders_a_token_max:
            left = holdings.get(user, 0) + (tokens if bought else -tokens)
            if left > 0:
                holdings[user] = left
            else:
                holdings.pop(user, None)  # who sold all, or what came by no trade that was seen

    def _bound(self) -> None:
        if len(self._tokens) > self.limits.tokens_max:
            self._tokens.popitem(last=False)
