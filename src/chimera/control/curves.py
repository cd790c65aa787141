"""What open positions would have fetched since they were bought: a bounded line for each, for charts.

Pure. A full line drops every second point and doubles its step, so that a long hold keeps its beginning. Kept in
memory alone: after a restart a line begins anew, while a trade's fills, which are exact, come from the tables.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from chimera.domain.ids import TradeId
from chimera.domain.live import PositionMarked

POINTS_MAX = 300
STEP_MS = 1_000  # the first spacing
LINES_MAX = 500  # the oldest ones, closed long ago, go first


class Point(NamedTuple):
    at_ms: int
    value_lamports: int
    tokens: int


@dataclass
class Line:
    points: list[Point]
    step_ms: int = STEP_MS


class Curves:
    def __init__(self) -> None:
        self._lines: OrderedDict[TradeId, Line] = OrderedDict()

    def add(self, mark: PositionMarked) -> None:
        """Takes in a mark; one without a price, or too soon after the last, changes nothing."""
        if mark.value_lamports is None or mark.tokens <= 0:
            return
        line = self._lines.get(mark.trade_id)
        if line is None:
            line = self._lines[mark.trade_id] = Line([])
            if len(self._lines) > LINES_MAX:
                self._lines.popitem(last=False)
        elif mark.at_ms < line.points[-1].at_ms + line.step_ms:
            return
        line.points.append(Point(mark.at_ms, mark.value_lamports, mark.tokens))
        if len(line.points) > POINTS_MAX:
            del line.points[1::2]
            line.step_ms *= 2

    def of(self, trade_id: TradeId) -> tuple[Point, ...]:
        """Oldest first; empty where there was never a price."""
        line = self._lines.get(trade_id)
        return () if line is None else tuple(line.points)
