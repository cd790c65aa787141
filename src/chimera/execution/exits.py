"""Round trips that hang in EXITING: noticed after a minute, and put on record once the chain has resolved them.

Folded from moves alone. Must not know why an exit takes long; `execution.fates` looks into that.
"""

from collections.abc import Iterator

from chimera.domain.ids import TradeId
from chimera.domain.messages import Entry, ExitRecovered, TradeMoved
from chimera.domain.trade import TradeState

STUCK_MS = 60_000  # SPEC SM-04; also about as long as a blockhash lives


class ExitWatch:
    def __init__(self) -> None:
        self._since_ms: dict[TradeId, int] = {}
        self._ended: dict[TradeId, ExitRecovered] = {}

    def apply(self, entry: Entry) -> None:
        match entry.fact:
            case TradeMoved(trade_id, after=TradeState.EXITING):
                self._since_ms.setdefault(trade_id, entry.at_ms)
            case TradeMoved(trade_id, before=TradeState.EXITING) as moved:
                waited_ms = entry.at_ms - self._since_ms.pop(trade_id, entry.at_ms)
                if waited_ms >= STUCK_MS:
                    self._ended[trade_id] = ExitRecovered(trade_id, moved.after, waited_ms, moved.cause)
            case ExitRecovered(trade_id):
                self._ended.pop(trade_id, None)
            case _:
                pass

    def hanging(self, now_ms: int) -> list[TradeId]:
        """Still EXITING after too long."""
        return [trade_id for trade_id, since in self._since_ms.items() if now_ms - since >= STUCK_MS]

    def recovered(self) -> Iterator[ExitRecovered]:
        """Hung, and resolved since: what must be put on record now."""
        yield from list(self._ended.values())
