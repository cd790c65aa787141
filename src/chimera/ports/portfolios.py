"""How portfolios are read: what each holds and has earned, by its shares of round trips.

Amounts are parts, rounded against the portfolio one by one: costs up, proceeds and results down. Results of all
portfolios together with what is nobody's are the ledger's, to the lamport.
"""

from typing import Protocol

import msgspec

from chimera.domain.allotment import Portfolio
from chimera.ports.store import Page, PositionRow, TradeRow


class PortfolioRow(msgspec.Struct, frozen=True, kw_only=True):
    portfolio: Portfolio
    created_at_ms: int
    updated_at_ms: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a portfolio has come to."""

    trades: int
    """Round trips that it was given."""
    open_positions: int
    closed_trades: int
    wins: int
    losses: int
    spent_lamports: int
    received_lamports: int
    fees_lamports: int
    tips_lamports: int
    open_cost_lamports: int
    """All-in cost of what is still held."""
    realised_lamports: int
    realised_24h_lamports: int
    realised_7d_lamports: int
    realised_30d_lamports: int


class SharedPosition(msgspec.Struct, frozen=True):
    position: PositionRow
    """Whole, as the ledger has it."""
    share_bps: int


class SharedTrade(msgspec.Struct, frozen=True):
    trade: TradeRow
    share_bps: int


class Portfolios(Protocol):
    """Reads the tables; called in a thread."""

    def all(self, *, owner: str | None, limit: int, offset: int) -> Page[PortfolioRow]:
        """Open ones first, then the newest; `owner` None: everybody's."""
        ...

    def one(self, portfolio_id: str) -> PortfolioRow | None: ...

    def standing(self, portfolio_id: str, *, now_ms: int) -> Standing: ...

    def positions(self, portfolio_id: str) -> tuple[SharedPosition, ...]:
        """Open ones, newest first."""
        ...

    def trades(self, portfolio_id: str, *, limit: int, offset: int) -> Page[SharedTrade]: ...

    def history(self, portfolio_id: str, *, limit: int) -> tuple[tuple[int, int], ...]:
        """(at_ms, lamports realised up to then), oldest first: the newest so many steps."""
        ...
