"""Round trips in memory, by the same functions that write the tables: rows come from a trade's own entries.

Rows are worked out when somebody looks, not when an entry comes; what ended long ago is left to the tables.
"""

from collections import OrderedDict, deque

from chimera.audit.projections import TradeRows, slim, trade_of, trade_rows
from chimera.domain.ids import TradeId
from chimera.domain.intent import Side
from chimera.domain.messages import Entry
from chimera.domain.trade import TradeState
from chimera.ports.store import PositionRow, TradeRow

DAY_MS = 86_400_000
ENDED_KEPT = 500
ENDED = frozenset({TradeState.CLOSED, TradeState.DEAD_LETTER, TradeState.FAILED})


class Trips:
    def __init__(self) -> None:
        self._entries: dict[TradeId, list[Entry]] = {}
        self._rows: dict[TradeId, TradeRows] = {}
        self._unread: dict[TradeId, None] = {}
        """Touched since their rows were last worked out."""
        self._ended: OrderedDict[TradeId, None] = OrderedDict()
        self._steps: deque[tuple[int, int]] = deque()
        """(when, how much) of what was realised in the last day."""
        self._realised_lamports = 0
        self._outcomes = {"closed": 0, "wins": 0, "losses": 0}
        self._last_trade_at_ms: int | None = None

    def apply(self, entry: Entry) -> TradeId | None:
        """Takes in an entry; returns the round trip that it changes."""
        trade_id = trade_of(entry.fact)
        if trade_id is not None:
            self._entries.setdefault(trade_id, []).append(slim(entry))
            self._unread[trade_id] = None
            if len(self._unread) > ENDED_KEPT:
                self._read()  # a long replay with nobody looking
        return trade_id

    def trade(self, trade_id: TradeId) -> TradeRow | None:
        self._read()
        rows = self._rows.get(trade_id)
        return None if rows is None else rows.trade

    def position(self, trade_id: TradeId) -> PositionRow | None:
        self._read()
        rows = self._rows.get(trade_id)
        return None if rows is None else rows.position

    @property
    def realised_lamports(self) -> int:
        self._read()
        return self._realised_lamports

    def realised_in_day(self, now_ms: int) -> int:
        """Lamports realised in the 24 hours before now; time only goes forward."""
        self._read()
        while self._steps and self._steps[0][0] <= now_ms - DAY_MS:
            self._steps.popleft()
        return sum(change for _, change in self._steps)

    @property
    def closed(self) -> int:
        self._read()
        return self._outcomes["closed"]

    @property
    def wins(self) -> int:
        self._read()
        return self._outcomes["wins"]

    @property
    def losses(self) -> int:
        self._read()
        return self._outcomes["losses"]

    @property
    def last_trade_at_ms(self) -> int | None:
        """Of the newest fill."""
        self._read()
        return self._last_trade_at_ms

    def _read(self) -> None:
        unread, self._unread = self._unread, {}
        for trade_id in unread:
            rows = trade_rows(self._entries[trade_id])
            if rows is not None:
                self._book(trade_id, rows)
        while len(self._ended) > ENDED_KEPT:
            old, _ = self._ended.popitem(last=False)
            del self._entries[old], self._rows[old]

    def _book(self, trade_id: TradeId, rows: TradeRows) -> None:
        known = self._rows.get(trade_id)
        self._rows[trade_id] = rows
        for _, at_ms, lamports in rows.realised[len(known.realised) if known else 0 :]:
            self._steps.append((at_ms, lamports))
            self._realised_lamports += lamports
        if rows.fills:
            self._last_trade_at_ms = max(self._last_trade_at_ms or 0, rows.fills[-1].at_ms)
        status = rows.trade.status
        was_closed = known is not None and known.trade.status is TradeState.CLOSED
        if status is TradeState.CLOSED and not was_closed and rows.trade.side is not Side.SWAP:
            profit = rows.trade.realised_lamports or 0
            self._outcomes["closed"] += 1
            self._outcomes["wins"] += profit > 0
            self._outcomes["losses"] += profit < 0
        if status in ENDED:
            self._ended[trade_id] = None
            self._ended.move_to_end(trade_id)
        else:
            self._ended.pop(trade_id, None)
