"""The control plane's own copy of the state: folded from journal entries and live messages, away from the hot path.

Pure. Knows no clients and no clock: what depends on now is asked with `now_ms`.
"""

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum
from typing import assert_never

import msgspec

from chimera.audit.alerts import Alert, Alerts
from chimera.audit.narrator import SHOWN, Narrator
from chimera.audit.rebalances import Rebalances
from chimera.control.breakers import LOSS, BreakerHistory
from chimera.control.curves import Curves
from chimera.control.schemas import Decision, Overview, Position, Trade, decision_of, position_of, trade_of
from chimera.control.trips import Trips
from chimera.domain.correlation import Correlations
from chimera.domain.ids import Address, TradeId
from chimera.domain.live import DeskSeen, FundsSeen, LiveMessage, MarketSeen, PositionMarked
from chimera.domain.messages import (
    BreakerMoved,
    Entry,
    IntentRefused,
    KillSwitchMoved,
    Reconciled,
    RunStarted,
    SignalAccepted,
    SignalDropped,
    SignalRefused,
)
from chimera.domain.trade import Position as Holding
from chimera.domain.units import LAMPORTS_PER_SOL, mul_div_floor

DECISIONS_KEPT = 500
EQUITY_POINTS_KEPT = 500
EQUITY_STEP_MS = 1_000  # the first spacing of the curve; it doubles whenever the points are full


class Part(Enum):
    """What a change touched."""

    POSITION = "position"
    TRADE = "trade"
    DECISION = "decision"
    OVERVIEW = "overview"
    HEALTH = "health"
    ALERT = "alert"


class Change(msgspec.Struct, frozen=True):
    part: Part
    trade_id: TradeId | None = None
    decision: Decision | None = None
    alert: Alert | None = None


class Replica:
    """Give it everything in order; `apply` says what became different.

    `decimals` knows a mint's decimals, or None.
    """

    def __init__(self, *, decimals: Callable[[Address], int | None]) -> None:
        self._decimals = decimals
        self._narrator = Narrator()
        self.trips = Trips()
        self.seq = 0
        self.wallet = ""
        self.signals = self.refused = 0
        self.market: MarketSeen | None = None
        self.desk: DeskSeen | None = None
        self.funds: FundsSeen | None = None
        self.correlations: Correlations | None = None
        self.kill: KillSwitchMoved | None = None
        self.breaker: BreakerMoved | None = None
        """The loss breaker's last move."""
        self.breakers = BreakerHistory()
        self.rebalances = Rebalances()
        self._reconciled_equal: bool | None = None
        self._marks: dict[TradeId, PositionMarked] = {}
        self.curves = Curves()
        self.alerts = Alerts()
        self._decisions: deque[Decision] = deque(maxlen=DECISIONS_KEPT)
        self._equity: list[tuple[int, int]] = []
        self._equity_step_ms = EQUITY_STEP_MS

    def replay(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.apply(entry)

    def apply(self, item: Entry | LiveMessage) -> tuple[Change, ...]:
        """Folds one item; an entry that is known already changes nothing."""
        match item:
            case Entry():
                return self._journalled(item) if item.seq > self.seq else ()
            case PositionMarked(trade_id):
                holding = self._narrator.books.positions.get(trade_id)
                if holding is None or not holding.open:
                    return ()
                self._marks[trade_id] = item
                self.curves.add(item)
                self._plot(item.at_ms)
                return (Change(Part.POSITION, trade_id), Change(Part.OVERVIEW))
            case FundsSeen():
                self.funds = item
                self._plot(item.at_ms)
                return (Change(Part.OVERVIEW),)
            case MarketSeen():
                self.market = item
                return (Change(Part.HEALTH), *_alerted(self.alerts.market_seen(item)))
            case DeskSeen():
                self.desk = item
                return (Change(Part.HEALTH), *_alerted(self.alerts.desk_seen(item)))
            case Correlations():
                self.correlations = item
                return ()
            case _:
                assert_never(item)

    def _journalled(self, entry: Entry) -> tuple[Change, ...]:
        self.seq = entry.seq
        changes: list[Change] = []
        row = self._narrator.tell(entry)
        self.rebalances.apply(entry)
        trade_id = self.trips.apply(entry)
        if trade_id is not None:
            holding = self._narrator.books.positions.get(trade_id)
            if holding is not None:
                changes.append(Change(Part.POSITION, trade_id))
                if not holding.open:
                    self._marks.pop(trade_id, None)
            changes += (Change(Part.TRADE, trade_id), Change(Part.OVERVIEW))
        match entry.fact:
            case RunStarted(_, _, wallet):
                self.wallet = wallet
            case SignalAccepted():
                self.signals += 1
                changes.append(Change(Part.OVERVIEW))
            case SignalRefused() | SignalDropped() | IntentRefused():
                self.refused += 1
                changes.append(Change(Part.OVERVIEW))
            case Reconciled() as fact:
                equal = fact.expected_lamports == fact.actual_lamports and not fact.token_differences
                self._reconciled_equal = equal
                changes.append(Change(Part.OVERVIEW))
            case KillSwitchMoved() as moved:
                self.kill = moved
                changes.append(Change(Part.HEALTH))
            case BreakerMoved() as tripped:
                self.breakers.apply(tripped, entry)
                if tripped.breaker == LOSS:
                    self.breaker = tripped
                changes.append(Change(Part.HEALTH))
            case _:
                pass
        changes += _alerted(self.alerts.heard(entry, row.text))
        if row.kind in SHOWN:
            decision = decision_of(row)
            self._decisions.append(decision)
            changes.append(Change(Part.DECISION, decision=decision))
        return tuple(changes)

    # reading

    def decisions(self, count: int) -> list[Decision]:
        """The newest ones, newest first."""
        return [decision for _, decision in zip(range(count), reversed(self._decisions), strict=False)]

    def positions(self) -> list[Position]:
        """Those that are ACTIVE or EXITING, newest first."""
        holdings = reversed(self._narrator.books.open_positions)
        found = [self.position(holding.trade_id) for holding in holdings]
        return [position for position in found if position is not None]

    def position(self, trade_id: TradeId) -> Position | None:
        row = self.trips.position(trade_id)
        if row is None:
            return None
        holding = self._narrator.books.positions.get(trade_id)
        return position_of(row, self._marks.get(trade_id), self._decimals(row.token_address), holding)

    def trade(self, trade_id: TradeId) -> Trade | None:
        row = self.trips.trade(trade_id)
        return None if row is None else trade_of(row)

    def overview(self, now_ms: int, *, history: bool) -> Overview:
        """The numbers of the first screen, with the whole equity curve or only its newest point."""
        ledger, equity, price = self._narrator.books, self._equity_lamports(), self._sol_micro_usd()
        unrealised = self._unrealised_lamports()
        equity_usd = None if price is None else str(mul_div_floor(equity, price, LAMPORTS_PER_SOL))
        agree = self.funds.ledger_matches_chain if self.funds else None
        point = (now_ms, str(equity))
        return Overview(
            wallet=self.wallet,
            balance_lamports=str(self._balance_lamports()),
            equity_lamports=str(equity),
            equity_usd_micro=equity_usd,
            sol_usd_micro=None if price is None else str(price),
            realised_pnl_lamports=str(self.trips.realised_lamports),
            unrealised_pnl_lamports=None if unrealised is None else str(unrealised),
            pnl_24h_lamports=str(self.trips.realised_in_day(now_ms)),
            fees_lamports=str(ledger.fees_lamports),
            tips_lamports=str(ledger.tips_lamports),
            rent_lamports=str(ledger.rent_lamports),
            open_positions=len(ledger.open_positions),
            closed_trades=self.trips.closed,
            wins=self.trips.wins,
            losses=self.trips.losses,
            signals=self.signals,
            refused=self.refused,
            ledger_matches_chain=self._reconciled_equal if agree is None else agree,
            equity_history=[(at, str(value)) for at, value in self._equity] if history else msgspec.UNSET,
            equity_point=msgspec.UNSET if history else point,
        )

    def _balance_lamports(self) -> int:
        """Of the books, which change in one step with the positions; the wallet's own is compared elsewhere."""
        return self._narrator.books.lamports

    def _sol_micro_usd(self) -> int | None:
        return self.funds.sol_micro_usd if self.funds else None

    def _equity_lamports(self) -> int:
        """Balance and what positions would fetch; one whose price is unknown counts at its remaining cost."""
        worth = 0
        for holding in self._narrator.books.open_positions:
            value = self._value(holding)
            worth += _cost_left(holding) if value is None else value
        return self._balance_lamports() + worth

    def _unrealised_lamports(self) -> int | None:
        """None where one position's price is unknown: a sum without it would be a guess."""
        total = 0
        for holding in self._narrator.books.open_positions:
            value = self._value(holding)
            if value is None:
                return None
            total += value - _cost_left(holding)
        return total

    def _value(self, holding: Holding) -> int | None:
        """By the last mark; one made before a part was sold counts for what is left of it."""
        mark = self._marks.get(holding.trade_id)
        if mark is None or mark.value_lamports is None:
            return None
        if mark.tokens > holding.tokens:
            return mul_div_floor(mark.value_lamports, holding.tokens, mark.tokens)
        return mark.value_lamports

    def _plot(self, at_ms: int) -> None:
        """A point of the equity curve a step; a full curve drops every second point and doubles the step."""
        if self.funds is None or (self._equity and at_ms < self._equity[-1][0] + self._equity_step_ms):
            return
        self._equity.append((at_ms, self._equity_lamports()))
        if len(self._equity) > EQUITY_POINTS_KEPT:
            del self._equity[1::2]
            self._equity_step_ms *= 2


def _alerted(alert: Alert | None) -> tuple[Change, ...]:
    return () if alert is None else (Change(Part.ALERT, alert=alert),)


def _cost_left(holding: Holding) -> int:
    """What was paid for the tokens still held, rounded up."""
    return -(-holding.cost_lamports * holding.tokens // holding.tokens_bought)
