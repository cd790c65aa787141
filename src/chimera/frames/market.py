"""Bars and features as tables, by the very code that strategies read them from: what a notebook sees, they saw.

Nothing looks ahead: a row is made of what had been told by its time, in the order in which it was told.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from chimera.adapters.recording_folder import RecordingFolder
from chimera.domain.features import Bar, BarKind
from chimera.domain.ids import USDC, WSOL, Address
from chimera.domain.market import PoolCreated, PoolUpdated, Trade
from chimera.domain.units import mul_div_floor
from chimera.frames.tables import TIME, Source, When, moment, table
from chimera.market.features import FeatureExtractor, FeatureLimits
from chimera.ports.recording import Wanted

ALL = 10**9  # a notebook asks for a stretch of time, and wants all of it
KINDS = ("Trade", "PoolCreated", "PoolUpdated")
BARS = {
    "mint": pl.String,
    "start": TIME,
    "end": TIME,
    "open": pl.Int128,
    "high": pl.Int128,
    "low": pl.Int128,
    "close": pl.Int128,
    "lamports": pl.Int64,
    "buy_lamports": pl.Int64,
    "tokens": pl.Int128,
    "trades": pl.Int64,
}
FEATURES = {
    "time": TIME,
    "mint": pl.String,
    "price": pl.Int128,
    "trades": pl.Int64,
    "buys": pl.Int64,
    "buy_lamports": pl.Int64,
    "sell_lamports": pl.Int64,
    "net_lamports": pl.Int64,
    "buyers": pl.Int64,
    "traders": pl.Int64,
    "largest_lamports": pl.Int64,
    "small_trades": pl.Int64,
    "repeaters": pl.Int64,
    "high": pl.Int128,
    "low": pl.Int128,
    "rise_bps": pl.Int64,
    "buy_bps": pl.Int64,
    "whole": pl.Boolean,
}


def bars(
    source: Source,
    *,
    size: int,
    kind: str = "time",
    mint: str | None = None,
    since: When = None,
    until: When = None,
) -> pl.DataFrame:
    """Closed bars of one token or of all, oldest first; `size` in milliseconds, trades or lamports, by `kind`.

    Prices are lamports for 10^12 base units. Where nothing traded there is no bar.
    """
    rows = _bars(source, BarKind(kind), size, mint, moment(since), moment(until))
    return table(rows, BARS).sort("start", "mint")


def features(
    source: Source,
    *,
    span_ms: int = 60_000,
    every_ms: int = 1_000,
    since: When = None,
    until: When = None,
) -> pl.DataFrame:
    """The window of `span_ms` of every token that traded in it, sampled every so often."""
    return table(_features(source, span_ms, every_ms, moment(since), moment(until)), FEATURES)


class _Folded:
    """The extractor over a recording's events, a step at a time."""

    def __init__(self, source: Source, horizon_ms: int, since_ms: int | None, until_ms: int | None) -> None:
        self.extractor = FeatureExtractor(
            FeatureLimits(
                horizon_ms=max(horizon_ms, FeatureLimits().horizon_ms), tokens_max=ALL, bars_kept=ALL
            )
        )
        reader = RecordingFolder(Path(source))
        self._records = reader.read(wanted=Wanted.EVENTS, from_ms=since_ms, to_ms=until_ms, kinds=KINDS)
        self._sol: dict[Address, tuple[int, int]] = {}

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """(time, event), before the event is folded."""
        for record in self._records:
            if isinstance(record.item, Trade | PoolCreated | PoolUpdated):
                yield record.at_ms, record.item
                self._fold(record.item)

    def _fold(self, event: Trade | PoolCreated | PoolUpdated) -> None:
        if isinstance(event, PoolUpdated):
            mints = (event.pool.mint_a, event.pool.mint_b)
            if set(mints) == {WSOL, USDC}:
                reserves = (event.reserve_a, event.reserve_b)
                self._sol[event.pool.address] = reserves if mints[0] == WSOL else reserves[::-1]
        else:
            self.extractor.fold(event, self._sol_micro_usd)

    def _sol_micro_usd(self) -> int | None:
        """As `MarketView.sol_micro_usd`: from the deepest pool."""
        sol, usdc = max(self._sol.values(), default=(0, 0))
        return mul_div_floor(usdc, 10**9, sol) if sol else None


def _bars(
    source: Source, kind: BarKind, size: int, mint: str | None, since_ms: int | None, until_ms: int | None
) -> Iterator[tuple[Any, ...]]:
    folded = _Folded(source, 0, since_ms, until_ms)
    extractor, asked = folded.extractor, set[Address]()
    now = 0
    for now, event in folded:
        if isinstance(event, Trade):
            for token in (event.swap.input_mint, event.swap.output_mint):
                # asked for once, before much is forgotten; then the extractor goes on with them
                if token not in asked and mint in {None, token} and extractor.token(token) is not None:
                    asked.add(token)
                    extractor.bars(token, size, now, kind)
    for token in extractor.mints():
        if mint in {None, token}:
            for bar in extractor.bars(token, size, until_ms or now, kind):
                yield _bar(token, bar)


def _bar(mint: Address, bar: Bar) -> tuple[Any, ...]:
    return (
        mint,
        bar.start_ms,
        bar.end_ms,
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        bar.lamports,
        bar.buy_lamports,
        bar.tokens,
        bar.trades,
    )


def _features(
    source: Source, span_ms: int, every_ms: int, since_ms: int | None, until_ms: int | None
) -> Iterator[tuple[Any, ...]]:
    folded = _Folded(source, span_ms, since_ms, until_ms)
    traded: dict[Address, int] = {}
    due: int | None = None
    for now, event in folded:
        due = now - now % every_ms + every_ms if due is None else due
        while now > due:
            yield from _sample(folded.extractor, traded, span_ms, due)
            due = due + every_ms if traded else now - now % every_ms + every_ms
        if isinstance(event, Trade):
            swap = event.swap
            mint = swap.input_mint if swap.output_mint in {WSOL, USDC} else swap.output_mint
            traded[mint] = now
    if due is not None:
        yield from _sample(folded.extractor, traded, span_ms, due)


def _sample(
    extractor: FeatureExtractor, traded: dict[Address, int], span_ms: int, now: int
) -> Iterator[tuple[Any, ...]]:
    for mint in list(traded):
        window = extractor.window(mint, span_ms, now)
        if not window.trades:
            if traded[mint] <= now - span_ms:
                del traded[mint]
            continue
        yield (
            now,
            mint,
            window.last_price,
            window.trades,
            window.buys,
            window.buy_lamports,
            window.sell_lamports,
            window.net_lamports,
            window.buyers,
            window.traders,
            window.largest_lamports,
            window.small_trades,
            window.repeaters,
            window.high,
            window.low,
            window.rise_bps,
            window.buy_bps,
            window.whole,
        )
