"""The trade ledger and the tax lots on paper: tables by Typst, set from data alone.

What strangers wrote (symbols, causes) reaches Typst as JSON values and is never markup, so nothing in it is executed;
no file and no network is read.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import typst

from chimera.control.report_schemas import TaxLot
from chimera.control.schemas import Trade
from chimera.domain.units import sol_text

ROWS_MAX = 5_000
TEXT_LENGTH_MAX = 72
TRADE_COLUMNS = (
    "opened (UTC)",
    "token",
    "style",
    "status",
    "spent",
    "received",
    "costs",
    "profit",
    "reason",
    "entry",
)
LOT_COLUMNS = (
    "sold (UTC)",
    "bought (UTC)",
    "token",
    "kind",
    "cost",
    "proceeds",
    "gain",
    "gain USD",
    "tokens",
    "sale",
)
_SOURCE = b"""
#let told = json(bytes(sys.inputs.told))
#set document(title: told.title)
#set page(
  paper: "a4", flipped: true, margin: 1.2cm,
  footer: context [#told.made #h(1fr) #counter(page).display("1 / 1", both: true)],
)
#set text(size: 7pt)
#text(size: 13pt, weight: "bold", told.title) \\
#told.summary
#table(
  columns: told.columns.len(), stroke: 0.3pt + luma(180), inset: 3pt,
  align: (column, _) => if column > 3 and column < 8 { right } else { left },
  table.header(..told.columns.map(strong)),
  ..told.rows.flatten(),
)
"""


def ledger_pdf(trades: Sequence[Trade], *, made_at_ms: int) -> bytes:
    """PDF bytes; amounts in SOL, exact. The same trades at the same moment give the same page."""
    realised = sum(int(trade.realised_pnl_lamports or 0) for trade in trades)
    return _pdf(
        "Chimera: trade ledger",
        f"{len(trades)} round trips, realised {sol_text(realised)} SOL",
        TRADE_COLUMNS,
        [_row(trade) for trade in trades],
        made_at_ms=made_at_ms,
    )


def lots_pdf(lots: Sequence[TaxLot], *, made_at_ms: int) -> bytes:
    """PDF bytes; amounts in SOL, exact, and dollars where they are known."""
    gain = sum(int(lot.gain_lamports) for lot in lots)
    unknown = sum(lot.gain_usd is None for lot in lots)
    dollars = sum((Decimal(lot.gain_usd) for lot in lots if lot.gain_usd is not None), Decimal(0))
    left_out = f", {unknown} lots of unknown dollar value left out" if unknown else ""
    return _pdf(
        "Chimera: tax lots",
        f"{len(lots)} lots, gain {sol_text(gain)} SOL, {dollars} USD{left_out}",
        LOT_COLUMNS,
        [_lot_row(lot) for lot in lots],
        made_at_ms=made_at_ms,
    )


def _pdf(
    title: str, summary: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, made_at_ms: int
) -> bytes:
    told = {
        "title": title,
        "made": f"made {_time(made_at_ms)} UTC",
        "summary": summary,
        "columns": columns,
        "rows": rows,
    }
    compiled: Any = typst.compile(
        _SOURCE, sys_inputs={"told": msgspec.json.encode(told).decode()}, ignore_system_fonts=True
    )
    return bytes(compiled)


def _lot_row(lot: TaxLot) -> tuple[str, ...]:
    return (
        lot.disposed_at[:19].replace("T", " "),
        lot.acquired_at[:19].replace("T", " "),
        _short(lot.token_symbol or lot.token_address),
        lot.kind,
        lot.cost_sol,
        lot.proceeds_sol,
        lot.gain_sol,
        "unknown" if lot.gain_usd is None else lot.gain_usd,
        lot.tokens,
        lot.disposed_signature[:12],
    )


def _row(trade: Trade) -> tuple[str, ...]:
    costs = int(trade.fees_lamports) + int(trade.tips_lamports) + int(trade.rent_lamports)
    profit = trade.realised_pnl_lamports
    return (
        _time(trade.created_at),
        _short(trade.token_symbol or trade.token_address),
        trade.strategy,
        trade.status,
        sol_text(int(trade.spent_lamports)),
        sol_text(int(trade.received_lamports)),
        sol_text(costs),
        "" if profit is None else sol_text(int(profit)),
        _short(trade.exit_reason or trade.error_message or ""),
        (trade.entry_signature or "")[:12],
    )


def _short(text: str) -> str:
    """Printable, and short enough not to push the other columns off the page."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return shown if len(shown) <= TEXT_LENGTH_MAX else f"{shown[: TEXT_LENGTH_MAX - 1]}…"


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
