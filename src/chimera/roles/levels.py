"""Moves the stop and the target of one position on an operator's word: journalled, then in force at once.

A level that the price has reached already is refused: it would sell in the next slot, and selling has a command
of its own.
"""

from collections.abc import Callable

from chimera.domain.commands import Answer, Command, SetLevels
from chimera.domain.messages import LevelsSet
from chimera.domain.trade import Levels, Position, TradeState
from chimera.domain.units import change_bps
from chimera.portfolio import Ledger
from chimera.ports.store import Journal

STOP_BPS_MIN = -9_999  # a stop at a loss of everything never sells
LEVEL_BPS_MAX = 10_000_000  # a thousandfold


class LevelsRole:
    def __init__(
        self, *, ledger: Ledger, journal: Journal, value_of: Callable[[Position], int | None]
    ) -> None:
        """`value_of`: what a position would fetch now in lamports, None where that is unknown."""
        self._ledger, self._journal, self._value_of = ledger, journal, value_of

    async def perform(self, command: Command) -> Answer:
        """`ports.runtime.Commands`, for SetLevels."""
        if not isinstance(command, SetLevels):
            return Answer(ok=False, code="UNSUPPORTED", message="that is not about levels")
        position = self._ledger.positions.get(command.trade_id)
        if position is None:
            return Answer(ok=False, code="UNKNOWN", message="there is no such position")
        state = self._ledger.states.get(command.trade_id)
        if not position.open or state is not TradeState.ACTIVE:
            return Answer(ok=False, code="NOT_ACTIVE", message=f"the position is {state}")
        wrong = None if command.levels is None else self._wrong(command.levels, position)
        if wrong is not None:
            return Answer(ok=False, code="VALIDATION_FAILED", message=wrong)
        if command.levels == position.levels:
            return Answer(ok=True, message="it is so already")
        entry = self._journal.append(LevelsSet(command.trade_id, command.levels, command.cause, command.by))
        await self._journal.durable(entry.seq)
        return Answer(ok=True, message="in force now")

    def _wrong(self, levels: Levels, position: Position) -> str | None:
        """What is wrong with them, as a sentence for people."""
        stop, target = levels.stop_bps, levels.target_bps
        if stop is not None and not STOP_BPS_MIN <= stop <= LEVEL_BPS_MAX:
            return "a stop lies above -100 % and at most at +100,000 %"
        if target is not None and not STOP_BPS_MIN <= target <= LEVEL_BPS_MAX:
            return "a target lies above -100 % and at most at +100,000 %"
        if stop is not None and target is not None and stop >= target:
            return "the stop must be below the target"
        value, paid = self._value_of(position), position.paid_lamports
        if value is None or not paid:
            return None
        gain = change_bps(value, paid)
        if levels.reached(gain) is not None:
            return f"the position is at {gain / 100:+g} % now, so this would sell it at once; sell it instead"
        return None
