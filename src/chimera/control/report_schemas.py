"""What goes over the wire where the house is looked at as a whole: statistics, operations, markets."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from chimera.audit.lots import Lot
from chimera.control.telemetry import Telemetry
from chimera.domain.units import MICRO_USD, sol_text
from chimera.ports.screens import PoolSeen, ResourcesSeen, SecretSeen, StrategySeen, TokenSeen

DAY_MS = 86_400_000


class Markets(msgspec.Struct, frozen=True):
    items: tuple[PoolSeen, ...]
    total: int
    limit: int
    offset: int


class Strategies(msgspec.Struct, frozen=True):
    items: tuple[StrategySeen, ...]


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """Realised profits of the last 24 hours, 7 and 30 days, and how they differ from the spans before those."""

    pnl_24h_lamports: str
    pnl_7d_lamports: str
    pnl_30d_lamports: str
    pnl_24h_change_percent: float | None
    """Against the 24 hours before; None where there was nothing to compare with."""
    pnl_7d_change_percent: float | None
    pnl_30d_change_percent: float | None


class StrategyPerformance(msgspec.Struct, frozen=True, kw_only=True):
    strategy: str
    days: int
    trade_count: int
    wins: int
    losses: int
    win_rate: float | None
    """Of the round trips that gained or lost; None without one."""
    avg_return: float | None
    """Profit over what was spent, all round trips together."""
    total_pnl: str
    """Lamports."""


class DecisionCount(msgspec.Struct, frozen=True):
    outcome: str
    reason: str | None
    count: int


class DecisionStatistics(msgspec.Struct, frozen=True, kw_only=True):
    since: int
    total: int
    items: list[DecisionCount]


class DecisionQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All given must hold."""

    since: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    until: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    kind: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    outcome: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    reason: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    token_address: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    wallet_address: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    strategy: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    intent_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    before: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 50


class HealthCheck(msgspec.Struct, frozen=True):
    name: str
    status: str
    """passing, warning or failing."""
    message: str
    response_time_ms: float


class HealthChecks(msgspec.Struct, frozen=True):
    overall: str
    checks: list[HealthCheck]


class TaxLot(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a sale and the purchase that it came from; all costs are in.

    Dollars are by what a SOL cost when each transaction landed, and empty where nobody knows that.
    """

    kind: str
    """SALE, AT_ONCE (a cycle or a swap), ATTEMPTS (fees of what never bought) or UPKEEP (a chore of the wallet)."""
    disposed_at: str
    """UTC, as ISO 8601."""
    acquired_at: str
    token_symbol: str
    token_address: str
    tokens: str
    """Base units."""
    cost_sol: str
    proceeds_sol: str
    gain_sol: str
    cost_lamports: str
    proceeds_lamports: str
    gain_lamports: str
    fees_lamports: str
    """Of what is in cost and proceeds: fees and tips."""
    rent_lamports: str
    """The same of rent, less what came back."""
    sol_usd_acquired: str | None
    """What a SOL cost then, in dollars."""
    sol_usd_disposed: str | None
    cost_usd: str | None
    proceeds_usd: str | None
    gain_usd: str | None
    held_days: int
    strategy: str
    trade_uuid: str
    acquired_signature: str
    disposed_signature: str


def tax_lot_of(lot: Lot) -> TaxLot:
    return TaxLot(
        kind=str(lot.kind),
        disposed_at=_iso(lot.disposed_at_ms),
        acquired_at=_iso(lot.acquired_at_ms),
        token_symbol=lot.token_symbol,
        token_address=lot.token_address,
        tokens=str(lot.tokens),
        cost_sol=sol_text(lot.cost_lamports),
        proceeds_sol=sol_text(lot.proceeds_lamports),
        gain_sol=sol_text(lot.gain_lamports),
        cost_lamports=str(lot.cost_lamports),
        proceeds_lamports=str(lot.proceeds_lamports),
        gain_lamports=str(lot.gain_lamports),
        fees_lamports=str(lot.fees_lamports),
        rent_lamports=str(lot.rent_lamports),
        sol_usd_acquired=_usd(lot.acquired_sol_micro_usd),
        sol_usd_disposed=_usd(lot.disposed_sol_micro_usd),
        cost_usd=_usd(lot.cost_micro_usd),
        proceeds_usd=_usd(lot.proceeds_micro_usd),
        gain_usd=_usd(lot.gain_micro_usd),
        held_days=(lot.disposed_at_ms - lot.acquired_at_ms) // DAY_MS,
        strategy=lot.strategy,
        trade_uuid=lot.trade_uuid,
        acquired_signature=lot.acquired_signature,
        disposed_signature=lot.disposed_signature,
    )


def _usd(micro: int | None) -> str | None:
    """Exact dollars, with six places."""
    if micro is None:
        return None
    whole, part = divmod(abs(micro), MICRO_USD)
    return f"{'-' * (micro < 0)}{whole}.{part:06d}"


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")


class SecretsAge(msgspec.Struct, frozen=True):
    items: tuple[SecretSeen, ...]


DOCUMENTED = (
    SecretsAge,
    Telemetry,
    Markets,
    Strategies,
    TokenSeen,
    Performance,
    StrategyPerformance,
    DecisionStatistics,
    DecisionQuery,
    HealthChecks,
    ResourcesSeen,
)
