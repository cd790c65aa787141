"""What goes over the control plane's wire, and how the house's rows become it.

Amounts are strings of integers, since u64 does not fit JavaScript's numbers; times are unix milliseconds.
Serves this wire alone; no other room sees these types.
"""

from typing import Annotated, Any, Generic, TypeVar

import msgspec

from chimera.audit.sentences import short
from chimera.audit.why import Explanation
from chimera.domain.live import PositionMarked
from chimera.domain.trade import Position as Holding
from chimera.domain.units import change_bps, mul_div_floor
from chimera.ports.store import DecisionRow, FillRow, PositionRow, TradeRow, WalletRow

T = TypeVar("T")


class Problem(msgspec.Struct, frozen=True):
    """Every answer that is not 2xx."""

    error: str
    message: str
    details: dict[str, Any]


class Page(msgspec.Struct, Generic[T], frozen=True):
    items: list[T]
    total: int
    limit: int
    offset: int


LevelBps = Annotated[int, msgspec.Meta(ge=-9_999, le=10_000_000)]
"""A gain over what was paid, in hundredths of a percent."""


class HandLevels(msgspec.Struct, frozen=True):
    stop_bps: int | None
    target_bps: int | None


class ExitBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: str
    fraction_bps: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 10_000
    """How much of what is held; 10,000 is all of it."""


class LevelsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where one position is sold, whatever its strategy thinks; neither level means the strategy's own rules."""

    stop_bps: LevelBps | None = None
    target_bps: LevelBps | None = None
    reason: str


class Position(msgspec.Struct, frozen=True, kw_only=True):
    trade_uuid: str
    wallet_address: str
    token_address: str
    token_symbol: str
    strategy: str
    state: str
    token_amount: str
    decimals: int | None
    entry_lamports: str
    """All-in cost."""
    value_lamports: str | None
    unrealised_pnl_lamports: str | None
    unrealised_pnl_bps: int | None
    price_age_slots: int | None
    realised_pnl_lamports: str
    stop_lamports: str | None
    target_lamports: str | None
    paid_lamports: str | None
    """What was swapped for the tokens still held: stop and target are measured against it."""
    levels: HandLevels | None
    """Set by hand; None where its strategy's own rules hold."""
    opened_at: int
    closed_at: int | None
    entry_signature: str
    exit_signature: str | None
    exit_reason: str | None


class Marks(msgspec.Struct, frozen=True):
    """Oldest first, further apart the longer it is held."""

    items: list[tuple[int, str, str]]
    """(when, lamports that the holding would have fetched, base units that it had then)."""


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    leg_id: str
    side: str
    signature: str
    slot: int
    input_mint: str
    output_mint: str
    amount_in: str
    amount_out: str
    fee_lamports: str
    tip_lamports: str
    rent_lamports: str
    at: int


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    trade_uuid: str
    signal_id: str | None
    wallet_address: str
    token_address: str
    token_symbol: str
    strategy: str
    side: str
    status: str
    amount_lamports: str
    spent_lamports: str
    received_lamports: str
    fees_lamports: str
    tips_lamports: str
    rent_lamports: str
    realised_pnl_lamports: str | None
    entry_signature: str | None
    exit_signature: str | None
    retry_count: int
    error_message: str | None
    exit_reason: str | None
    created_at: int
    updated_at: int


class TradeDetail(Trade, frozen=True, kw_only=True):
    fills: list[Fill]


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    address: str
    status: str
    wqs_score: int | None
    strategy: str
    notes: str
    copied: int
    pnl_lamports: str
    last_trade_at: int | None
    active_until: int | None
    """When an ACTIVE one becomes a CANDIDATE by itself."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    at: int
    kind: str
    id: str
    trade_uuid: str | None
    outcome: str
    reason: str | None
    limit: str
    observed: str
    token_symbol: str
    token_address: str
    wallet_address: str
    strategy: str
    side: str
    text: str


class Decisions(msgspec.Struct, frozen=True):
    items: list[Decision]
    next_before: int | None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    at: int
    kind: str
    text: str
    outcome: str
    reason: str | None
    data: dict[str, Any]


class Why(msgspec.Struct, frozen=True):
    id: str
    found: bool
    steps: list[Step]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    wallet: str
    balance_lamports: str
    equity_lamports: str
    equity_usd_micro: str | None
    sol_usd_micro: str | None
    realised_pnl_lamports: str
    unrealised_pnl_lamports: str | None
    pnl_24h_lamports: str
    fees_lamports: str
    tips_lamports: str
    rent_lamports: str
    open_positions: int
    closed_trades: int
    wins: int
    losses: int
    signals: int
    refused: int
    ledger_matches_chain: bool | None
    equity_history: list[tuple[int, str]] | msgspec.UnsetType = msgspec.UNSET
    """At most 500 points; in a delta only the newest one goes out, as `equity_point`."""
    equity_point: tuple[int, str] | msgspec.UnsetType = msgspec.UNSET


class BreakerHealth(msgspec.Struct, frozen=True):
    state: str
    trading_allowed: bool
    trip_reason: str | None
    cooldown_remaining_secs: int


class KillHealth(msgspec.Struct, frozen=True, rename={"scope": "mode"}):
    active: bool
    scope: str | None
    reason: str | None


class RpcHealth(msgspec.Struct, frozen=True):
    status: str
    latency_ms: float | None
    endpoint: str


class DatabaseHealth(msgspec.Struct, frozen=True):
    status: str
    message: str
    behind_records: int


class MarketHealth(msgspec.Struct, frozen=True):
    slot: int
    slot_age_ms: int | None
    feed: str
    gaps: int
    pools: int
    pools_fresh: int
    pools_quarantined: int = 0
    """Of which bytes could not be read; they are sold to and not bought from."""
    quarantine_reasons: tuple[str, ...] = ()
    received: int = 0
    """Items of the stream: always passed + held + the sum of dropped."""
    passed: int = 0
    held: int = 0
    dropped: dict[str, int] = {}
    unread: dict[str, int] = {}
    """Transactions that gave no trade and accounts that could not be read, by cause."""


class JournalHealth(msgspec.Struct, frozen=True):
    seq: int
    status: str


class Health(msgspec.Struct, frozen=True, kw_only=True, rename={"label": "mode"}):
    status: str
    """healthy, degraded or unhealthy."""
    label: str
    dev_mode: bool
    uptime_seconds: int
    queue_depth: int
    circuit_breaker: BreakerHealth
    kill_switch: KillHealth
    rpc: RpcHealth
    database: DatabaseHealth
    market: MarketHealth
    journal: JournalHealth
    last_trade_at: int | None
    breakers_open: tuple[str, ...] = ()
    """Breakers beside the loss breaker that stand open or on trial."""


class Identity(msgspec.Struct, frozen=True):
    identifier: str
    role: str


class Because(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of every command: nothing is done without a reason on record."""

    reason: str


class KillBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"scope": "mode"}):
    scope: str
    """halt_all or halt_buys."""
    reason: str


class KillState(msgspec.Struct, frozen=True, rename={"scope": "mode"}):
    active: bool
    scope: str | None


class BreakerReset(msgspec.Struct, frozen=True):
    success: bool
    message: str
    previous_state: str
    new_state: str


class Accepted(msgspec.Struct, frozen=True):
    status: str = "accepted"


class WebhookBody(msgspec.Struct, frozen=True):
    """A signal. `amount_sol` is read exactly, from its text."""

    strategy: str
    token: str
    action: str
    wallet_address: str
    amount_sol: float
    trade_uuid: str | None = None


class WebhookReply(msgspec.Struct, frozen=True):
    status: str
    trade_uuid: str | None
    reason: str | msgspec.UnsetType = msgspec.UNSET
    message: str | msgspec.UnsetType = msgspec.UNSET


def position_of(
    row: PositionRow, mark: PositionMarked | None, decimals: int | None, holding: Holding | None = None
) -> Position:
    """A position with what it would fetch now; everything about its price is None where that is unknown.

    `holding`: the same position in the books, where it is among those kept in memory.
    """
    by_hand = None if holding is None else holding.levels
    value = (
        _of_what_is_left(mark.value_lamports, mark, row) if mark is not None and row.token_amount else None
    )
    left = -(-row.entry_lamports * row.token_amount // row.tokens_bought) if row.tokens_bought else 0
    return Position(
        trade_uuid=row.trade_uuid,
        wallet_address=row.wallet_address or "",
        token_address=row.token_address,
        token_symbol=row.token_symbol or short(row.token_address),
        strategy=row.strategy,
        state=row.state,
        token_amount=str(row.token_amount),
        decimals=decimals,
        entry_lamports=str(row.entry_lamports),
        value_lamports=_text(value),
        unrealised_pnl_lamports=_text(None if value is None else value - left),
        unrealised_pnl_bps=None if value is None or left <= 0 else change_bps(value, left),
        price_age_slots=mark.price_age_slots if mark is not None and row.token_amount else None,
        realised_pnl_lamports=str(row.realised_lamports),
        stop_lamports=_text(_of_what_is_left(mark.stop_lamports, mark, row) if mark is not None else None),
        target_lamports=_text(
            _of_what_is_left(mark.target_lamports, mark, row) if mark is not None else None
        ),
        paid_lamports=_text(None if holding is None else holding.paid_lamports),
        levels=None if by_hand is None else HandLevels(by_hand.stop_bps, by_hand.target_bps),
        opened_at=row.opened_at_ms,
        closed_at=row.closed_at_ms,
        entry_signature=row.entry_signature,
        exit_signature=row.exit_signature,
        exit_reason=row.exit_reason,
    )


def _of_what_is_left(lamports: int | None, mark: PositionMarked, row: PositionRow) -> int | None:
    """An amount of a mark, for the tokens still held: one made before a part was sold counts in proportion."""
    if lamports is None or mark.tokens <= row.token_amount:
        return lamports
    return mul_div_floor(lamports, row.token_amount, mark.tokens)


def trade_of(row: TradeRow) -> Trade:
    return Trade(**_trade_fields(row))


def trade_detail_of(row: TradeRow, fills: tuple[FillRow, ...]) -> TradeDetail:
    return TradeDetail(**_trade_fields(row), fills=[fill_of(fill) for fill in fills])


def _trade_fields(row: TradeRow) -> dict[str, Any]:
    return {
        "trade_uuid": row.trade_uuid,
        "signal_id": row.signal_id,
        "wallet_address": row.wallet_address or "",
        "token_address": row.token_address,
        "token_symbol": row.token_symbol or short(row.token_address),  # coins an hour old have no name yet
        "strategy": row.strategy,
        "side": row.side,
        "status": row.status,
        "amount_lamports": str(row.amount_lamports),
        "spent_lamports": str(row.spent_lamports),
        "received_lamports": str(row.received_lamports),
        "fees_lamports": str(row.fees_lamports),
        "tips_lamports": str(row.tips_lamports),
        "rent_lamports": str(row.rent_lamports),
        "realised_pnl_lamports": _text(row.realised_lamports),
        "entry_signature": row.entry_signature,
        "exit_signature": row.exit_signature,
        "retry_count": row.retry_count,
        "error_message": row.error_message,
        "exit_reason": row.exit_reason,
        "created_at": row.created_at_ms,
        "updated_at": row.updated_at_ms,
    }


def fill_of(row: FillRow) -> Fill:
    return Fill(
        leg_id=row.leg_id,
        side=row.side,
        signature=row.signature,
        slot=row.slot,
        input_mint=row.input_mint,
        output_mint=row.output_mint,
        amount_in=str(row.amount_in),
        amount_out=str(row.amount_out),
        fee_lamports=str(row.fee_lamports),
        tip_lamports=str(row.tip_lamports),
        rent_lamports=str(row.rent_lamports),
        at=row.at_ms,
    )


def wallet_of(row: WalletRow) -> Wallet:
    return Wallet(
        address=row.address,
        status=row.status,
        wqs_score=row.wqs_score,
        strategy=row.strategy,
        notes=row.notes,
        copied=row.copied,
        pnl_lamports=str(row.pnl_lamports),
        last_trade_at=row.last_trade_at_ms,
        active_until=row.active_until_ms,
    )


def decision_of(row: DecisionRow) -> Decision:
    fields = msgspec.structs.asdict(row)
    return Decision(at=fields.pop("at_ms"), **fields)


def why_of(explanation: Explanation) -> Why:
    steps = [
        Step(
            seq=step.seq,
            at=step.at_ms,
            kind=step.kind,
            text=step.text,
            outcome=step.outcome,
            reason=step.reason,
            data=_amounts_as_text(step.data),
        )
        for step in explanation.steps
    ]
    return Why(id=explanation.id, found=explanation.found, steps=steps)


AMOUNT_PARTS = ("lamports", "amount", "tokens", "token_delta", "_out", "micro_usd", "supply")
"""What the names of facts' fields have in them where they hold base units."""


def _amounts_as_text(data: Any, name: str = "") -> Any:
    match data:
        case dict():
            return {key: _amounts_as_text(value, key) for key, value in data.items()}
        case list() | tuple():
            return [_amounts_as_text(value, name) for value in data]
        case int() if not isinstance(data, bool) and any(part in name for part in AMOUNT_PARTS):
            return str(data)
        case _:
            return data


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
