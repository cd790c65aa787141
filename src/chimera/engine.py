"""Feeds every strategy every event and gathers what they want. The same in every mode.

A strategy that raises is parked, by name and with its reason, and the others go on; `InvariantBroken` is not
the strategy's to cause, so it passes through.
"""

from collections.abc import Sequence

from chimera.domain.errors import ChimeraError, InvariantBroken
from chimera.domain.intent import Signal
from chimera.domain.messages import SignalDropped
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Position
from chimera.ports.strategy import Context, Strategy, StrategyEvent, StrategyOutput

# What code of a trader's own can raise short of a fault in the interpreter.
STRATEGY_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    ChimeraError,
)


class Engine:
    """`process` is a synchronous function of an event."""

    def __init__(self, strategies: Sequence[Strategy]) -> None:
        self._strategies = list(strategies)
        self.parked: dict[str, str] = {}
        """Strategies that failed, and how."""

    def process(self, event: StrategyEvent, context: Context) -> list[StrategyOutput]:
        """Everything wanted now, in the strategies' order; a signal that nobody takes is dropped by name."""
        wanted: list[StrategyOutput] = []
        for strategy in self._strategies:
            if strategy.name in self.parked:
                continue
            try:
                wanted += strategy.on_event(event, context)
            except InvariantBroken:
                raise
            except STRATEGY_FAULTS as error:
                self.parked[strategy.name] = f"{type(error).__name__}: {error}"
        if isinstance(event, Signal) and not wanted:
            reason = "; ".join(f"{name} is parked: {why}" for name, why in self.parked.items())
            wanted.append(
                SignalDropped(
                    event.id, Refusal(Reason.STRATEGY_DISABLED, observed=reason or "no strategy takes it")
                )
            )
        return wanted

    def levels(self, position: Position) -> tuple[int | None, int | None]:
        """Stop and target of a position, of the first strategy that has any."""
        for strategy in self._strategies:
            levels = strategy.levels(position)
            if levels != (None, None):
                return levels
        return None, None
