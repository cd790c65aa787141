"""What the desk decided and what came of it, from its journal: tables for people who ask why, and what it cost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from chimera.adapters.journal_segments import read_folder, segments
from chimera.domain.errors import ConfigError
from chimera.domain.intent import TradeIntent
from chimera.domain.messages import (
    Entry,
    IntentApproved,
    IntentEmitted,
    IntentRefused,
    LegDropped,
    LegLanded,
    SignalDropped,
    SignalRefused,
)
from chimera.domain.risk import Refusal
from chimera.frames.tables import TIME, Source, table
from chimera.portfolio import Ledger

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
FILLS = {
    "time": TIME,
    "seq": pl.Int64,
    "slot": pl.UInt64,
    "trade_id": pl.String,
    "intent_id": pl.String,
    "strategy": pl.String,
    "side": pl.String,
    "mint": pl.String,
    "symbol": pl.String,
    "signature": pl.String,
    "tokens": pl.Int64,
    "decimals": pl.UInt8,
    "swap_lamports": pl.Int64,
    "fee_lamports": pl.Int64,
    "tip_lamports": pl.Int64,
    "rent_lamports": pl.Int64,
    "lamports_delta": pl.Int64,
    "realised_lamports": pl.Int64,
}


def decisions(source: Source) -> pl.DataFrame:
    """Each yes and no, in order: `decision` is emitted, approved, refused, dropped or declined.

    `reason`, `limit` and `observed` are those of a refusal, `why` the strategy's own sentence.
    """
    return table(_decisions(_entries(source)), DECISIONS)


def fills(source: Source) -> pl.DataFrame:
    """Each landed leg with all it cost; `realised_lamports` is the profit or loss that it settled, after costs."""
    return table(_fills(_entries(source)), FILLS)


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


def _fills(entries: Iterator[Entry]) -> Iterator[tuple[Any, ...]]:
    ledger = Ledger()
    intents: dict[str, TradeIntent] = {}
    for entry in entries:
        before = ledger.realised_lamports
        ledger.apply(entry)
        if isinstance(entry.fact, IntentEmitted):
            intents[entry.fact.intent.id] = entry.fact.intent
        if not isinstance(entry.fact, LegLanded):
            continue
        leg, fill = entry.fact.leg, entry.fact.fill
        intent = intents.get(leg.intent_id)
        yield (
            fill.at_ms,
            entry.seq,
            fill.slot,
            leg.trade_id,
            leg.intent_id,
            intent.source if intent else None,
            str(fill.side),
            fill.mint,
            intent.symbol if intent else None,
            fill.signature,
            fill.token_delta,
            fill.decimals,
            fill.swap_lamports,
            fill.fee_lamports,
            fill.tip_lamports,
            fill.rent_lamports,
            fill.lamports_delta,
            ledger.realised_lamports - before,
        )
