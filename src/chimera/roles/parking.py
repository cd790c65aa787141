"""Parks strategies and lets them go on, on a person's word: journalled first, performed by whoever runs them.

The strategies may run in another process: they hear the fact, not the command.
"""

from collections.abc import Iterable

from chimera.domain.commands import Answer, Command, ParkStrategy, ResumeStrategy
from chimera.domain.messages import Entry, RunStarted, StrategyMoved
from chimera.engine import PARKED, RUNNING
from chimera.ports.store import Journal


class ParkingRole:
    FOLDS = frozenset({RunStarted, StrategyMoved})
    """What it folds; of other facts it need not be told."""

    def __init__(self, *, strategies: Iterable[str], journal: Journal) -> None:
        self._names, self._journal = frozenset(strategies), journal
        self.parked: set[str] = set()

    def fold(self, entry: Entry) -> None:
        """In the journal's order; every start lets all strategies run."""
        match entry.fact:
            case RunStarted():
                self.parked.clear()
            case StrategyMoved(strategy, _, after):
                (self.parked.add if after == PARKED else self.parked.discard)(strategy)
            case _:
                pass

    async def perform(self, command: Command) -> Answer:
        """`ports.runtime.Commands`, for the two that are about whole strategies."""
        if not isinstance(command, ParkStrategy | ResumeStrategy):
            return Answer(ok=False, code="UNSUPPORTED", message="that is not about a strategy")
        name, parks = command.strategy, isinstance(command, ParkStrategy)
        if name not in self._names:
            return Answer(ok=False, code="UNKNOWN", message=f"no strategy {name[:80]} was started")
        before, after = (RUNNING, PARKED) if parks else (PARKED, RUNNING)
        if (name in self.parked) is parks:
            return Answer(ok=False, code="NOT_ACTIVE", message=f"{name} is {after} already", before=after)
        entry = self._journal.append(StrategyMoved(name, before, after, command.cause, command.by))
        await self._journal.durable(entry.seq)
        return Answer(ok=True, message=f"{name} is {after}", before=before, after=after)
