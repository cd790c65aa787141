"""The one extractor of features: every strategy reads the same windows, bars and holders of a token.

A trade is appended to its token's list; what follows from it (its price, who holds how much, bars) is worked in when
somebody asks, since most tokens are traded and never asked about. Exact integers, and nothing to overflow: a hot
token's list just grows. Where a token outgrows even its bound, the oldest trades go and its windows say so (`whole`).
"""

from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from itertools import compress

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


Row = tuple[int, Address, bool, int, int]
"""A trade: when, whose, whether it bought, lamports, tokens."""


class _Token:
    """All that is remembered of one token."""

    __slots__ = (
        "bars",
        "created_slot",
        "creator",
        "creator_bought",
        "creator_sold",
        "first_ms",
        "first_slot",
        "forgotten",
        "holders_max",
        "holdings",
        "last_ms",
        "price",
        "prices",
        "rows",
        "total",
    )  # fmt: skip

    def __init__(self, at_ms: int, slot: Slot, created_slot: Slot | None, holders_max: int) -> None:
        self.first_ms, self.first_slot, self.created_slot = at_ms, slot, created_slot
        self.last_ms, self.price, self.total = at_ms, 0, 0
        self.creator: Address | None = None
        self.creator_bought = self.creator_sold = 0
        self.holders_max = holders_max
        self.holdings: dict[Address, int] = {}
        self.bars: dict[tuple[BarKind, int], Bars] = {}
        self.forgotten = False
        self.rows: list[Row] = []
        self.prices: list[int] = []
        """Of the rows that are worked in, one each."""

    def work_in(self) -> None:
        """Everything that follows from the trades appended since the last time."""
        prices, holdings, creator, room = self.prices, self.holdings, self.creator, self.holders_max
        done = len(prices)
        if done == len(self.rows):
            return
        rows = self.rows[done:] if done else self.rows
        for _, user, bought, lamports, tokens in rows:
            prices.append(lamports * PRICE_UNITS // tokens)
            held = holdings.get(user)
            if held is None and len(holdings) >= room:
                continue
            left = (held or 0) + (tokens if bought else -tokens)
            if left > 0:
                holdings[user] = left
            elif held is not None:
                del holdings[user]  # who sold all; what came by no trade that was seen is nobody's
        if creator is not None:
            for _, user, bought, _, tokens in rows:
                if user == creator:
                    if bought:
                        self.creator_bought += tokens
                    else:
                        self.creator_sold += tokens
        for bars in self.bars.values():
            for (at_ms, _, bought, lamports, tokens), price in zip(rows, prices[done:], strict=True):
                bars.add(at_ms, price=price, lamports=lamports, tokens=tokens, bought=bought)
        self.price = prices[-1]

    def drop(self, count: int) -> None:
        """Forgets the first trades, which must be worked in."""
        del self.rows[:count]
        del self.prices[:count]


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
                    self._tokens[mint] = _Token(
                        event.at_ms, event.slot, event.slot, self.limits.holders_a_token_max
                    )
                    self._bound()

    # what strategies ask

    def token(self, mint: Address) -> TokenSeen | None:
        found = self._tokens.get(mint)
        if found is None:
            return None
        found.work_in()
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
        if token is None or not token.rows:
            price = 0 if token is None else token.price
            return Window(span_ms, 0, 0, 0, 0, 0, 0, 0, 0, 0, price, price, price, price)
        token.work_in()
        start = bisect_left(token.rows, (now_ms - span_ms + 1,))
        whole = not (token.forgotten and start == 0)
        rows, prices = token.rows[start:], token.prices[start:]
        if not rows:
            # at times when nothing traded in it, a window has the last price there was
            price = token.price
            return Window(span_ms, 0, 0, 0, 0, 0, 0, 0, 0, 0, price, price, price, price, whole)
        _, users, sides, worths, _ = zip(*rows, strict=True)
        bought = sum(compress(worths, sides))
        traders = len(set(users))
        largest, repeaters = max(worths), 0
        if traders < len(users):
            traded: dict[Address, int] = {}
            for user, lamports in zip(users, worths, strict=True):
                traded[user] = traded.get(user, 0) + lamports
            largest = max(traded.values())
            if len(users) - traders >= REPEATS - 1:
                repeaters = sum(times >= REPEATS for times in Counter(users).values())
        return Window(
            span_ms=span_ms,
            trades=len(rows),
            buys=sum(sides),
            buy_lamports=bought,
            sell_lamports=sum(worths) - bought,
            buyers=len(set(compress(users, sides))),
            traders=traders,
            largest_lamports=largest,
            small_trades=sum(map(self.limits.small_lamports.__gt__, worths)),
            repeaters=repeaters,
            high=max(prices),
            low=min(prices),
            first_price=prices[0],
            last_price=prices[-1],
            whole=whole,
        )

    def bars(self, mint: Address, size: int, now_ms: int, kind: BarKind = BarKind.TIME) -> Sequence[Bar]:
        """Closed bars, oldest first; of time: what is over by `now_ms`. Kept from the first time they are asked for.

        Until then they are made of the trades that are remembered, so that the answer does not depend on when one
        began to ask, as long as the horizon reaches.
        """
        token = self._tokens.get(mint)
        if token is None:
            return ()
        token.work_in()
        made = token.bars.get((kind, size))
        if made is None:
            made = token.bars[kind, size] = Bars(kind, size, keep=self.limits.bars_kept)
            for (at_ms, _, bought, lamports, tokens), price in zip(token.rows, token.prices, strict=True):
                made.add(at_ms, price=price, lamports=lamports, tokens=tokens, bought=bought)
        made.advance(now_ms)
        return made.closed

    def mints(self) -> Sequence[Address]:
        """Known tokens, the longest untraded first."""
        return list(self._tokens)

    # folding

    def _trade(self, event: Trade, sol_micro_usd: Callable[[], int | None]) -> None:
        swap = event.swap
        quote = swap.output_mint
        if quote == WSOL or quote == USDC:
            bought, mint, tokens, worth = False, swap.input_mint, swap.amount_in, swap.amount_out
        else:
            bought, mint, tokens, worth = True, quote, swap.amount_out, swap.amount_in
            quote = swap.input_mint
        if quote != WSOL:
            sol = sol_micro_usd() if quote == USDC else None
            if not sol:
                return
            worth = worth * 10**9 // sol
        if tokens <= 0 or worth <= 0 or mint == WSOL or mint == USDC:
            return
        token = self._tokens.get(mint)
        if token is None:
            token = self._tokens[mint] = _Token(event.at_ms, swap.slot, None, self.limits.holders_a_token_max)
            self._bound()
        else:
            self._tokens.move_to_end(mint)
        if not token.total:
            token.last_ms = event.at_ms
            if bought and token.created_slot is not None and swap.slot - token.created_slot <= 1:
                token.creator = swap.user
        token.total += 1
        # a trade told late joins the newest moment: windows look back from now, and order must stay
        if event.at_ms > token.last_ms:  # noqa: PLR1730 - a call of max() is a tenth of what a trade costs
            token.last_ms = event.at_ms
        rows = token.rows
        rows.append((token.last_ms, swap.user, bought, worth, tokens))
        if len(rows) & 1023 == 0:  # seldom, and many at a time: each costs a move of the lists
            self._forget(token)

    def _forget(self, token: _Token) -> None:
        """What lies beyond the horizon, and what is too much."""
        token.work_in()
        old = bisect_left(token.rows, (token.last_ms - self.limits.horizon_ms,))
        excess = len(token.rows) - self.limits.trades_a_token_max
        if excess > old:
            token.forgotten = True
        elif old:
            token.forgotten = False
        if max(old, excess) > 0:
            token.drop(max(old, excess))

    def _bound(self) -> None:
        if len(self._tokens) > self.limits.tokens_max:
            self._tokens.popitem(last=False)
