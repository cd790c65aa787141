"""The market's decoded events as tables: each function reads a recording's folder, or a part of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from chimera.adapters.recording_folder import RecordingFolder
from chimera.domain.ids import USDC, WSOL
from chimera.domain.market import MarketGap, PoolUpdated, SlotAdvanced, TokenMintInfo, Trade
from chimera.domain.pool import Swap
from chimera.frames.tables import TIME, Source, When, moment, table
from chimera.ports.recording import Wanted

TRADES = {
    "time": TIME,
    "slot": pl.UInt64,
    "venue": pl.String,
    "pool": pl.String,
    "mint": pl.String,
    "quote_mint": pl.String,
    "side": pl.String,
    "amount": pl.UInt64,
    "quote_amount": pl.UInt64,
    "price": pl.Float64,
    "user": pl.String,
    "signature": pl.String,
    "position": pl.Int64,
}
POOLS = {
    "time": TIME,
    "slot": pl.UInt64,
    "venue": pl.String,
    "pool": pl.String,
    "mint_a": pl.String,
    "mint_b": pl.String,
    "reserve_a": pl.UInt64,
    "reserve_b": pl.UInt64,
    "source": pl.String,
}
MINTS = {
    "time": TIME,
    "slot": pl.UInt64,
    "mint": pl.String,
    "program": pl.String,
    "decimals": pl.UInt8,
    "supply": pl.UInt64,
    "mint_authority": pl.String,
    "freeze_authority": pl.String,
    "transfer_fee_bps": pl.Int64,
}
SLOTS = {"time": TIME, "slot": pl.UInt64}
GAPS = {"time": TIME, "first_slot": pl.UInt64, "last_slot": pl.UInt64, "cause": pl.String}


def trades(source: Source, *, since: When = None, until: When = None) -> pl.DataFrame:
    """Every swap that was seen. `mint` is the token, `quote_mint` what it was paid with (wSOL before USDC before
    anything else), `side` the user's, `price` quote base units for one base unit of the token, as a float.
    """
    return _read(source, since, until, Trade, _trade, TRADES)


def pools(source: Source, *, since: When = None, until: When = None) -> pl.DataFrame:
    """Reserves of a pool each time they changed."""
    return _read(source, since, until, PoolUpdated, _pool, POOLS)


def mints(source: Source, *, since: When = None, until: When = None) -> pl.DataFrame:
    """Mint accounts as they were told."""
    return _read(source, since, until, TokenMintInfo, _mint, MINTS)


def slots(source: Source, *, since: When = None, until: When = None) -> pl.DataFrame:
    """When each slot was first heard of."""
    return _read(source, since, until, SlotAdvanced, lambda event: (event.at_ms, event.slot), SLOTS)


def gaps(source: Source, *, since: When = None, until: When = None) -> pl.DataFrame:
    """Stretches of slots of which something may be missing."""

    def row(gap: MarketGap) -> tuple[Any, ...]:
        return gap.at_ms, gap.first_slot, gap.last_slot, gap.cause

    return _read(source, since, until, MarketGap, row, GAPS)


def _read(
    source: Source,
    since: When,
    until: When,
    kind: type[Any],
    row: Callable[[Any], tuple[Any, ...]],
    schema: dict[str, Any],
) -> pl.DataFrame:
    def rows() -> Iterator[tuple[Any, ...]]:
        reader = RecordingFolder(Path(source))
        found = reader.read(
            wanted=Wanted.EVENTS, from_ms=moment(since), to_ms=moment(until), kinds=(kind.__name__,)
        )
        for record in found:
            if isinstance(record.item, kind):  # a break of the recording comes along, whatever was asked for
                yield row(record.item)

    return table(rows(), schema)


def _trade(trade: Trade) -> tuple[Any, ...]:
    swap = trade.swap
    buys = _quoted_by(swap) == swap.input_mint
    mint, quote_mint = (swap.output_mint, swap.input_mint) if buys else (swap.input_mint, swap.output_mint)
    amount, quote = (swap.amount_out, swap.amount_in) if buys else (swap.amount_in, swap.amount_out)
    return (
        trade.at_ms,
        swap.slot,
        swap.venue,
        swap.pool,
        mint,
        quote_mint,
        "BUY" if buys else "SELL",
        amount,
        quote,
        quote / amount if amount else None,
        swap.user,
        swap.signature,
        swap.position,
    )


def _quoted_by(swap: Swap) -> str:
    sides = (swap.input_mint, swap.output_mint)
    return next((mint for mint in (WSOL, USDC) if mint in sides), swap.input_mint)


def _pool(event: PoolUpdated) -> tuple[Any, ...]:
    pool = event.pool
    return (
        event.at_ms,
        event.slot,
        pool.venue,
        pool.address,
        pool.mint_a,
        pool.mint_b,
        event.reserve_a,
        event.reserve_b,
        str(event.source),
    )


def _mint(event: TokenMintInfo) -> tuple[Any, ...]:
    token = event.token
    return (
        event.at_ms,
        token.slot,
        token.mint,
        token.program,
        token.decimals,
        token.supply,
        token.mint_authority,
        token.freeze_authority,
        token.transfer_fee_bps,
    )
