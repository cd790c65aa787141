"""The ultimate override, checked before anything else. Folded from facts; it never waits for running work."""

from chimera.domain.intent import Side
from chimera.domain.messages import Fact, KillSwitchMoved
from chimera.domain.risk import Reason, Refusal

HALT_ALL = "halt_all"
HALT_BUYS = "halt_buys"
SCOPES = (HALT_ALL, HALT_BUYS)


class KillSwitch:
    """Blocked until somebody has said otherwise: before the start is complete nothing trades."""

    def __init__(self) -> None:
        self.ready = False
        """Set once books and chain agree and market data flows."""
        self.active = False
        self.scope = ""
        self.cause = ""
        self.by = ""

    def apply(self, fact: Fact) -> None:
        if isinstance(fact, KillSwitchMoved):
            self.active, self.scope, self.cause, self.by = fact.active, fact.scope, fact.cause, fact.by

    def review(self, side: Side) -> Refusal | None:
        """Step 0 of every trading operation."""
        if self.active and (self.scope != HALT_BUYS or side is not Side.SELL):
            return Refusal(Reason.KILL_SWITCH, observed=f"{self.scope}: {self.cause}")
        if not self.ready:
            return Refusal(Reason.NOT_READY, observed="start-up is not complete")
        return None
