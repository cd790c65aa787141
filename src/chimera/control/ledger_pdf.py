"""The trade ledger on paper: a table by Typst, set from data alone.

What strangers wrote (symbols, causes) reaches Typst as JSON values and is never markup, so nothing in it is executed;
no file and no network is read.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import typst

from chimera.control.schemas import Trade
from chimera.domain.units import sol_text

ROWS_MAX = 5_000
TEXT_LENGTH_MAX = 72
COLUMNS = (
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
    told = {
        "title": "Chimera: trade ledger",
        "made": f"made {_time(made_at_ms)} UTC",
        "summary": f"{len(trades)} round trips, realised {sol_text(realised)} SOL",
        "columns": COLUMNS,
        "rows": [_row(trade) for trade in trades],
    }
    compiled: Any = typst.compile(
        _SOURCE, sys_inputs={"told": msgspec.json.encode(told).decode()}, ignore_system_fonts=True
    )
    return bytes(compiled)


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
