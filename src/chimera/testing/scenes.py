"""A market made up from a seed: every kind of event, tokens that rise, fall, trend and die, in constant-product pools.

The same seed is the same market. With another `future` everything up to the middle is the same and nothing after it
is, which shows whether anybody has looked ahead.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Protocol

from chimera.domain.ids import TOKEN_PROGRAM, USDC, WSOL, Address, SignalId, Signature, Slot
from chimera.domain.intent import Side, Signal, Source, Style
from chimera.domain.market import (
    MarketGap,
    PoolCreated,
    PoolQuarantined,
    PoolReleased,
    PoolUpdated,
    SlotAdvanced,
    TokenMintInfo,
    Trade,
    WalletBalance,
)
from chimera.domain.pool import Moment, PoolHeader, Quote, QuoteRequest, Swap, SwapKind
from chimera.domain.risk import Reason, Refusal
from chimera.domain.token import TokenInfo
from chimera.ports.strategy import Features, StrategyEvent
from chimera.testing.builders import AT_MS, address

FEE_BPS = 30
SLOT_MS = 400
VENUE = "made_up"
OURS = address("our wallet")


class FoldedFeatures(Features, Protocol):
    """An extractor that is fed here: `market.features.FeatureExtractor`."""

    def fold(self, event: object, sol_micro_usd: object) -> None: ...


class MadePool:
    """A pool of SOL and a token; `ports.strategy.Listing`."""

    progress_bps = None
    creator = None
    doubtful: str | None = None

    def __init__(self, mint: Address, sol: int, tokens: int, number: int = 1) -> None:
        self.header = PoolHeader(VENUE, address(f"pool {number} of {mint}"), mint, WSOL)
        self.mint, self.sol, self.tokens, self.slot = mint, sol, tokens, 0

    def quote(self, request: QuoteRequest, moment: Moment) -> Quote | Refusal:
        if request.input_mint not in {WSOL, self.mint} or request.amount <= 0:
            return Refusal(Reason.AMOUNT_OUT_OF_RANGE)
        buys = request.input_mint == WSOL
        there, here = (self.sol, self.tokens) if buys else (self.tokens, self.sol)
        paid = request.amount * (10_000 - FEE_BPS) // 10_000
        return Quote(
            pool=self.header.address,
            venue=VENUE,
            input_mint=request.input_mint,
            output_mint=self.mint if buys else WSOL,
            amount_in=request.amount,
            amount_out=here * paid // (there + paid),
            fee_in=request.amount - paid,
            fee_out=0,
            price_impact_bps=-(-paid * 10_000 // (there + paid)),
            slot=moment.slot,
        )


class MadeMarket:
    """`testing.rehearsal.Scene`, and its own prices and pools."""

    def __init__(
        self, features: FoldedFeatures, *, seed: int = 1, events: int = 6_000, future: int = 0
    ) -> None:
        self.features: FoldedFeatures = features
        self.prices = self.market = self
        self.common = events // 2
        self.slot = Slot(1_000)
        self._events, self._future = events, future
        self._now_ms = AT_MS
        self._rng = Random(f"scene {seed}")  # noqa: S311 - a market, no secret
        self._pools = [
            MadePool(address(f"token {number}"), self._rng.randrange(20, 200) * 10**9, 10**15)
            for number in range(12)
        ]
        # some trade in a second place, so that prices differ now and then
        self._pools += [MadePool(one.mint, one.sol // 2, one.tokens // 2, 2) for one in self._pools[:3]]
        self._told = 0

    # what strategies read

    def value_lamports(self, mint: Address, tokens: int) -> int | None:
        paid = max(tokens, 0) * (10_000 - FEE_BPS) // 10_000
        return max((one.sol * paid // (one.tokens + paid) for one in self.pools_of(mint)), default=None)

    def sol_micro_usd(self) -> int | None:
        return 150_000_000

    def liquidity_micro_usd(self, mint: Address) -> int | None:
        return max((2 * one.sol * 150_000_000 // 10**9 for one in self.pools_of(mint)), default=None)

    def moment(self) -> Moment:
        return Moment(unix_timestamp=self._now_ms // 1_000, slot=self.slot, epoch=0)

    def pools_of(self, mint: Address) -> Sequence[MadePool]:
        return [pool for pool in self._pools if pool.mint == mint]

    def pools_between(self, one: Address, other: Address) -> Sequence[MadePool]:
        return [pool for pool in self._pools if {one, other} == {pool.mint, WSOL}]

    # what happens

    def __iter__(self) -> Iterator[tuple[int, StrategyEvent]]:
        for event in self._story():
            if self._told == self.common and self._future:
                self._rng = Random(f"another future {self._future}")  # noqa: S311 - a market, no secret
            if self._told >= self._events:
                return
            self._told += 1
            self.features.fold(event, self.sol_micro_usd)
            yield self._now_ms, event

    def _story(self) -> Iterator[StrategyEvent]:
        yield from self._strange()
        for pool in self._pools:
            yield TokenMintInfo(
                TokenInfo(pool.mint, TOKEN_PROGRAM, 6, 10**15, None, None, self.slot), self._now_ms
            )
            yield PoolCreated(pool.header, self.slot, self._now_ms)
            yield self._updated(pool)
        while True:
            self._now_ms += SLOT_MS
            self.slot = Slot(self.slot + 1)
            yield SlotAdvanced(self.slot, self._now_ms)
            for _ in range(self._rng.randrange(5)):
                pool = self._pools[min(int(self._rng.expovariate(0.4)), len(self._pools) - 1)]
                yield self._trade(pool)
                yield self._updated(pool)
            if self._rng.random() < 0.02:
                yield self._signal()

    def _trade(self, pool: MadePool) -> Trade:
        """Tokens trend for some minutes at a time, each in its own rhythm."""
        rng, number = self._rng, self._pools.index(pool)
        rising = (self.slot // (300 + 70 * number) + number) % 3 != 0
        buys = rng.random() < (0.68 if rising else 0.4)
        user = address(f"trader {rng.randrange(200)}")
        moment = self.moment()
        source = WSOL if buys else pool.mint
        whole = pool.sol if buys else pool.tokens
        spent = max(whole * rng.randrange(2, 150) // 10_000, 1)
        quote = pool.quote(QuoteRequest(source, SwapKind.EXACT_IN, spent), moment)
        given = quote.amount_out if isinstance(quote, Quote) else 0
        if buys:
            pool.sol, pool.tokens = pool.sol + spent, pool.tokens - given
        else:
            pool.sol, pool.tokens = pool.sol - given, pool.tokens + spent
        ways = (WSOL, pool.mint) if buys else (pool.mint, WSOL)
        signature = Signature(f"made {self._told} {rng.randrange(2**32)}")
        return Trade(
            Swap(VENUE, pool.header.address, user, *ways, spent, given, signature, self.slot, 0), self._now_ms
        )

    def _updated(self, pool: MadePool) -> PoolUpdated:
        pool.slot = self.slot
        return PoolUpdated(pool.header, pool.tokens, pool.sol, self.slot, self._now_ms)

    def _signal(self) -> Signal:
        rng = self._rng
        side = Side.BUY if rng.random() < 0.6 else Side.SELL
        return Signal(
            id=SignalId(f"signal {self._told} {rng.randrange(2**32)}"),
            source=Source.WATCHER,
            strategy=rng.choice((Style.SHIELD, Style.SPEAR)) if side is Side.BUY else Style.EXIT,
            side=side,
            mint=rng.choice(self._pools).mint,
            symbol="",
            amount_lamports=rng.randrange(10**8, 10**9) if side is Side.BUY else 0,
            wallet=address(f"trader {rng.randrange(5)}"),
            at_ms=self._now_ms,
        )

    def _strange(self) -> Iterator[StrategyEvent]:
        """What seldom happens, before anything else is known."""
        pool, now = self._pools[0], self._now_ms
        yield MarketGap(self.slot, self.slot, "made up", now)
        yield PoolQuarantined(VENUE, pool.header.address, "pool", "made up", self.slot, now)
        yield PoolReleased(VENUE, pool.header.address, "pool", self.slot, now)
        yield WalletBalance(OURS, WSOL, OURS, 10**10, self.slot, now)
        yield PoolUpdated(
            PoolHeader(VENUE, address("usdc pool"), USDC, WSOL), 15 * 10**10, 10**12, self.slot, now
        )
