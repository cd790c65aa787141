"""The best value that each position has had, left in the journal so that a trailing stop survives a restart.

Word is left now and then and not of every rise: a restart may lose the last of it, never the whole. Must not know
when a strategy sells.
"""

import msgspec

from chimera.domain.ids import TradeId
from chimera.domain.messages import Fact, StrategyDecided
from chimera.domain.trade import Position
from chimera.domain.units import change_bps, mul_div_floor, sol_text

CODE = "best_value"
TELL_EVERY_MS = 30_000  # the engine leaves out what comes sooner
TELL_FROM_BPS = 25


class Best(msgspec.Struct, frozen=True):
    """As it is in the journal: amounts as text, since they may be large."""

    trade_id: TradeId
    lamports: str
    tokens: str


class Highs:
    """Of one strategy."""

    def __init__(self, strategy: str) -> None:
        self._strategy = strategy
        self._told: dict[TradeId, tuple[int, int]] = {}
        """(value, when)"""
        self._recalled: dict[TradeId, tuple[int, int]] = {}
        """(value, tokens that it was of), from former runs."""

    def recall(self, fact: Fact) -> None:
        """Of every fact of former runs, in order."""
        if isinstance(fact, StrategyDecided) and (fact.strategy, fact.code) == (self._strategy, CODE):
            best = msgspec.convert(fact.data, Best)
            self._recalled[best.trade_id] = int(best.lamports), int(best.tokens)

    def recalled(self, position: Position) -> int:
        """What is held now was worth at its best by the last word of a former run; 0 where there is none."""
        value, tokens = self._recalled.pop(position.trade_id, (0, 1))
        return mul_div_floor(value, position.tokens, tokens)

    def forget(self, trade_id: TradeId) -> None:
        self._told.pop(trade_id, None)
        self._recalled.pop(trade_id, None)

    def word(self, position: Position, best: int, now_ms: int) -> StrategyDecided | None:
        """What to leave in the journal; None while the last word will do."""
        value, at_ms = self._told.get(position.trade_id, (0, now_ms - TELL_EVERY_MS))
        if now_ms - at_ms < TELL_EVERY_MS or (value and change_bps(best, value) < TELL_FROM_BPS):
            return None
        self._told[position.trade_id] = best, now_ms
        data = msgspec.to_builtins(Best(position.trade_id, str(best), str(position.tokens)))
        detail = f"worth {sol_text(best)} SOL at its best"
        return StrategyDecided(self._strategy, position.mint, "WAIT", CODE, detail, data=data)
