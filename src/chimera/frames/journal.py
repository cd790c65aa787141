"""What the desk decided and what came of it, from its journal: tables for people who ask why, and what it cost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from chimera.adapters.journal_segments import read_folder, segments
from chimera.audit.results import Results
from chimera.domain.errors import ConfigError
from chimera.domain.intent import TradeIntent
from chimera.domain.messages import (
    Entry,
    IntentApproved,
    IntentEmitted,
    IntentRefused,
    LegDropped,
    SignalDropped,
    SignalRefused,
)
from chimera.domain.risk import Refusal
from chimera.frames.tables import TIME, Source, table

DECISIONS = {
    "time": TIME,
    "seq": pl.Int64,
    "decision": pl.String,
    "reason": pl.String,
    "limit": pl.String,
    "observed": pl.String,
    "signal_id": pl.String,
    "intent_id": pl.String,
    "trade_id": pl.String,
    "strategy": pl.String,
    "side": pl.String,
    "mint": pl.String,
    "symbol": pl.String,
    "amount": pl.UInt64,
    "why": pl.String,
}
RESULTS = {
    "time": TIME,
    "seq": pl.Int64,
    "outcome": pl.String,
    "slot": pl.UInt64,
    "trade_id": pl.String,
    "intent_id": pl.String,
    "strategy": pl.String,
    "mint": pl.String,
    "symbol": pl.String,
    "signature": pl.String,
    "tokens": pl.Int128,
    "decimals": pl.UInt8,
    "swap_lamports": pl.Int64,
    "fee_lamports": pl.Int64,
    "tip_lamports": pl.Int64,
    "rent_lamports": pl.Int64,
    "lamports_delta": pl.Int64,
    "realised_lamports": pl.Int64,
    "side": pl.String,
    "cause": pl.String,
}


def decisions(source: Source) -> pl.DataFrame:
    """Each yes and no, in order: `decision` is emitted, approved, refused, dropped or declined.

    `reason`, `limit` and `observed` are those of a refusal, `why` the strategy's own sentence.
    """
    return table(_decisions(_entries(source)), DECISIONS)


def results(source: Source) -> pl.DataFrame:
    """What came of every leg: landed, reverted, expired, dropped, undone; fees that were paid for nothing too."""
    return table(_results(_entries(source)), RESULTS)


def fills(source: Source) -> pl.DataFrame:
    """Each landed leg with all it cost; `realised_lamports` is the profit or loss that it settled, after costs."""
    return table(_results(_entries(source), "landed"), RESULTS)


def _entries(source: Source) -> Iterator[Entry]:
    """Of a data folder, or of its journal; raises ConfigError where there is none."""
    folder = Path(source)
    folder = folder / "journal" if (folder / "journal").is_dir() else folder
    if not segments(folder):
        raise ConfigError(f"no journal in {folder}")
    return read_folder(folder)


def _decisions(entries: Iterator[Entry]) -> Iterator[tuple[Any, ...]]:
    intents: dict[str, TradeIntent] = {}
    for entry in entries:
        match entry.fact:
            case IntentEmitted(intent):
                intents[intent.id] = intent
                yield _decision(entry, "emitted", None, intent)
            case IntentApproved(intent_id):
                yield _decision(entry, "approved", None, intents.get(intent_id))
            case IntentRefused(intent_id, _, refusal):
                yield _decision(entry, "refused", refusal, intents.get(intent_id))
            case LegDropped(leg, refusal):
                yield _decision(entry, "dropped", refusal, intents.get(leg.intent_id))
            case SignalDropped(signal_id, refusal) | SignalRefused(signal_id, refusal):
                yield _decision(entry, "declined", refusal, None, signal_id)
            case _:
                pass


def _decision(
    entry: Entry,
    decision: str,
    refusal: Refusal | None,
    intent: TradeIntent | None,
    signal_id: str | None = None,
) -> tuple[Any, ...]:
    told = (
        entry.at_ms,
        entry.seq,
        decision,
        str(refusal.reason) if refusal else None,
        str(refusal.limit) if refusal else None,
        str(refusal.observed) if refusal else None,
    )
    if intent is None:
        return (*told, signal_id, *[None] * 8)
    return (
        *told,
        intent.signal_id,
        intent.id,
        intent.trade_id,
        intent.source,
        str(intent.side),
        intent.mint,
        intent.symbol,
        intent.amount,
        intent.reason,
    )


def _results(entries: Iterator[Entry], *outcomes: str) -> Iterator[tuple[Any, ...]]:
    results = Results()
    for entry in entries:
        result = results.fold(entry)
        if result is not None and (not outcomes or result.outcome in outcomes):
            yield (
                result.at_ms,
                *(getattr(result, name) for name in list(RESULTS)[1:-2]),
                str(result.side) if result.side else None,
                result.cause,
            )
