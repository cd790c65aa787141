"""What goes over the wire about portfolios: parts of the ledger, in the share that each was given."""

from typing import Annotated

import msgspec

from chimera.control.schemas import Page, Position, Trade
from chimera.domain.allotment import ALLOTMENTS_MAX, NAME_LENGTH_MAX, AllottedBy, cost_part_of, part_of
from chimera.domain.units import change_bps
from chimera.ports.portfolios import PortfolioRow, SharedPosition, Standing

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH_MAX)]
ShareBps = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class AllotmentTold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    by: AllottedBy
    of: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    """A strategy's name or a copied wallet's address; a wallet goes before the strategy that copies it."""
    share_bps: ShareBps
    """Hundredths of a percent of each round trip's result."""


class PortfolioBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Name
    allotments: Annotated[tuple[AllotmentTold, ...], msgspec.Meta(min_length=1, max_length=ALLOTMENTS_MAX)]
    reason: Annotated[str, msgspec.Meta(max_length=2_000)]


class NewPortfolio(PortfolioBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    owner: Name | None = None
    """Somebody else's identifier: an admin's right. None: the caller's own."""


class PortfolioTold(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    owner: str
    name: str
    closed: bool
    allotments: tuple[AllotmentTold, ...]
    created_at: int
    updated_at: int


class PortfolioState(PortfolioTold, frozen=True, kw_only=True):
    """With what it has come to. Each number is a sum of parts, rounded against the portfolio."""

    trades: int
    open_positions: int
    closed_trades: int
    wins: int
    losses: int
    spent_lamports: str
    received_lamports: str
    fees_lamports: str
    tips_lamports: str
    open_cost_lamports: str
    open_value_lamports: str | None
    """What its part of the open positions would fetch now; None where one price is unknown."""
    unrealised_pnl_lamports: str | None
    realised_pnl_lamports: str
    pnl_24h_lamports: str
    pnl_7d_lamports: str
    pnl_30d_lamports: str


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """Its part of one open position."""

    trade_uuid: str
    token_address: str
    token_symbol: str
    strategy: str
    wallet_address: str
    share_bps: int
    token_amount: str
    """Base units, rounded down."""
    decimals: int | None
    cost_lamports: str
    """All-in, of what is still held."""
    value_lamports: str | None
    unrealised_pnl_lamports: str | None
    unrealised_pnl_bps: int | None
    opened_at: int


class Holdings(msgspec.Struct, frozen=True):
    items: list[Holding]


class PortfolioTrade(msgspec.Struct, frozen=True, kw_only=True):
    share_bps: int
    realised_pnl_lamports: str | None
    """Its part; None until something was sold or lost."""
    trade: Trade
    """Whole, as the ledger has it."""


class PortfolioHistory(msgspec.Struct, frozen=True):
    items: list[tuple[int, str]]
    """(when, lamports realised up to then), oldest first."""


def told(row: PortfolioRow) -> PortfolioTold:
    return PortfolioTold(**_fields(row))  # type: ignore[arg-type]


def state_of(row: PortfolioRow, standing: Standing, holdings: list[Holding]) -> PortfolioState:
    values = [one.value_lamports for one in holdings]
    value = None if None in values else sum(int(one) for one in values if one is not None)
    cost = standing.open_cost_lamports
    return PortfolioState(
        **_fields(row),  # type: ignore[arg-type]
        trades=standing.trades,
        open_positions=standing.open_positions,
        closed_trades=standing.closed_trades,
        wins=standing.wins,
        losses=standing.losses,
        spent_lamports=str(standing.spent_lamports),
        received_lamports=str(standing.received_lamports),
        fees_lamports=str(standing.fees_lamports),
        tips_lamports=str(standing.tips_lamports),
        open_cost_lamports=str(cost),
        open_value_lamports=None if value is None else str(value),
        unrealised_pnl_lamports=None if value is None else str(value - cost),
        realised_pnl_lamports=str(standing.realised_lamports),
        pnl_24h_lamports=str(standing.realised_24h_lamports),
        pnl_7d_lamports=str(standing.realised_7d_lamports),
        pnl_30d_lamports=str(standing.realised_30d_lamports),
    )


def holding_of(shared: SharedPosition, whole: Position) -> Holding:
    """`whole`: the same position with its newest price."""
    row, share = shared.position, shared.share_bps
    left = -(-row.entry_lamports * row.token_amount // row.tokens_bought) if row.tokens_bought else 0
    cost = cost_part_of(left, share)
    value = None if whole.value_lamports is None else part_of(int(whole.value_lamports), share)
    return Holding(
        trade_uuid=row.trade_uuid,
        token_address=row.token_address,
        token_symbol=whole.token_symbol,
        strategy=row.strategy,
        wallet_address=row.wallet_address or "",
        share_bps=share,
        token_amount=str(part_of(row.token_amount, share)),
        decimals=whole.decimals,
        cost_lamports=str(cost),
        value_lamports=None if value is None else str(value),
        unrealised_pnl_lamports=None if value is None else str(value - cost),
        unrealised_pnl_bps=None if value is None or cost <= 0 else change_bps(value, cost),
        opened_at=row.opened_at_ms,
    )


def _fields(row: PortfolioRow) -> dict[str, object]:
    one = row.portfolio
    return {
        "id": one.id,
        "owner": one.owner,
        "name": one.name,
        "closed": one.closed,
        "allotments": tuple(AllotmentTold(each.by, each.of, each.share_bps) for each in one.allotments),
        "created_at": row.created_at_ms,
        "updated_at": row.updated_at_ms,
    }


DOCUMENTED = (
    PortfolioBody,
    NewPortfolio,
    PortfolioTold,
    PortfolioState,
    Page[PortfolioTold],
    Holdings,
    Page[PortfolioTrade],
    PortfolioHistory,
)
