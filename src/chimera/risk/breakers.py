"""What stops buys where something keeps going wrong, by itself, and lets them begin again: one rule for every kind.

  CLOSED      buys pass; failures are counted
  OPEN        no buys; after `recovery_ms` it tries again
  HALF_OPEN   at most `trials` buys at a time; `successes` that go well close it, and once too few of the trials
              are left for that it opens again

It opens at the first of three: so many failures within the window, so many in a row, or more than so much of the
window in percent (asked only once the window holds `failures_max` outcomes, or one failure of one would be 100 %).
What one trade does wrong again and again within the window counts once: one bad token is no bad market.
Exits are never its business. Folded from facts, so a restart changes nothing; time comes in. What counts as going
wrong is said in `failures`, not here.
"""

from collections import deque
from enum import StrEnum

import msgspec

from chimera.domain.live import BreakerSeen
from chimera.domain.messages import BreakerMoved
from chimera.risk.loss_breaker import BreakerState

OUTCOMES_MAX = 10_000  # of one window; at ten trades a second some twenty minutes


class BreakerKind(StrEnum):
    """The one that is told first comes first: without a signature nothing else matters (SPEC RK-13)."""

    SIGNING = "signing"
    NETWORK = "network"
    SLIPPAGE = "slippage"
    TRADE_FAILURE = "trade_failure"
    CONFIRMATION = "confirmation"
    SPEAR_LOSSES = "spear_losses"
    """Stops the Spear style alone."""


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True):
    enabled: bool = True
    failures_max: int
    """0: neither their number nor their share is asked."""
    window_ms: int
    in_row_max: int
    percent_max: int = 100
    """More than this opens it; 100: the share is not asked."""
    recovery_ms: int
    trials: int = 5
    successes: int = 3


class Breaker:
    """One of them. `apply` is the only way to another state."""

    def __init__(self, kind: BreakerKind, policy: BreakerPolicy) -> None:
        self.kind, self.policy = kind, policy
        self.state = BreakerState.CLOSED
        self.cause = ""
        self.opened_at_ms = 0
        self._outcomes: deque[tuple[int, bool, str]] = deque(maxlen=OUTCOMES_MAX)
        """(when, whether it went well, of what), the latest last."""
        self._in_row = 0
        self._good = self._bad = 0
        """On trial."""
        self._on_trial: set[str] = set()
        """Buys under way since it tries again."""

    # folding

    def apply(self, moved: BreakerMoved, at_ms: int) -> None:
        known = moved.after in BreakerState.__members__
        # what another version wrote and this one cannot read stops buys rather than letting them pass
        self.state = BreakerState(moved.after) if known else BreakerState.OPEN
        self.cause = moved.cause if known else f"the journal says {moved.after}: {moved.cause}"
        self._good = self._bad = self._in_row = 0
        self._on_trial.clear()
        if self.state is BreakerState.OPEN:
            self.opened_at_ms = at_ms
        else:
            # what had opened it is forgiven, or it would open again at once
            self._outcomes.clear()

    def hear(self, *, well: bool, at_ms: int, about: str) -> None:
        """An outcome; `about` is the trade, or whatever may fail again and again for one reason of its own, if any."""
        self._forget(at_ms)
        if about and not well and any(about == other and not good for _, good, other in self._outcomes):
            return
        self._outcomes.append((at_ms, well, about))
        self._in_row = 0 if well else self._in_row + 1
        if self.state is BreakerState.HALF_OPEN:
            self._good += well
            self._bad += not well

    def began(self, leg_id: str) -> None:
        """A buy was planned."""
        if self.state is BreakerState.HALF_OPEN and self.kind is not BreakerKind.SPEAR_LOSSES:
            self._on_trial.add(leg_id)

    def ended(self, leg_id: str) -> None:
        self._on_trial.discard(leg_id)

    # deciding

    def advance(self, now_ms: int) -> BreakerMoved | None:
        """The move that is due now, for the journal; None when the state stays."""
        if not self.policy.enabled:
            return None
        match self.state:
            case BreakerState.OPEN:
                if now_ms < self.opened_at_ms + self.policy.recovery_ms:
                    return None
                return self._moved(BreakerState.HALF_OPEN, "its time is over, trading on trial")
            case BreakerState.HALF_OPEN:
                if self._good >= self.policy.successes:
                    return self._moved(BreakerState.CLOSED, f"{self._good} on trial went well")
                if self._bad > self.policy.trials - self.policy.successes:
                    return self._moved(BreakerState.OPEN, f"{self._bad} on trial went wrong")
                return None
            case BreakerState.CLOSED:
                self._forget(now_ms)
                cause = self._trip()
                return self._moved(BreakerState.OPEN, cause) if cause else None

    def refuses(self) -> str:
        """Why a buy must not go ahead now, or empty."""
        if not self.policy.enabled or self.state is BreakerState.CLOSED:
            return ""
        if self.state is BreakerState.OPEN:
            return self.cause
        under_way = len(self._on_trial) + self._good + self._bad
        return (
            f"{under_way} on trial, at most {self.policy.trials}" if under_way >= self.policy.trials else ""
        )

    def seen(self, now_ms: int) -> BreakerSeen:
        """How it stands, for people."""
        self._forget(now_ms)
        until_ms = self.opened_at_ms + self.policy.recovery_ms
        return BreakerSeen(
            name=self.kind,
            enabled=self.policy.enabled,
            state=self.state,
            cause=self.cause if self.state is not BreakerState.CLOSED else "",
            until_ms=until_ms if self.state is BreakerState.OPEN else None,
            failures=self._failures,
            outcomes=len(self._outcomes),
            in_row=self._in_row,
            failures_max=self.policy.failures_max,
            in_row_max=self.policy.in_row_max,
            percent_max=self.policy.percent_max,
            window_ms=self.policy.window_ms,
            recovery_ms=self.policy.recovery_ms,
            trials_good=self._good,
            trials_bad=self._bad,
            trials=self.policy.trials,
            successes=self.policy.successes,
        )

    @property
    def _failures(self) -> int:
        return sum(not well for _, well, _ in self._outcomes)

    def _forget(self, now_ms: int) -> None:
        while self._outcomes and self._outcomes[0][0] <= now_ms - self.policy.window_ms:
            self._outcomes.popleft()

    def _trip(self) -> str:
        policy, failures, known = self.policy, self._failures, len(self._outcomes)
        what = "losses" if self.kind is BreakerKind.SPEAR_LOSSES else "failures"
        window = f"{policy.window_ms // 60_000} min"
        if 0 < policy.failures_max <= failures:
            return f"{failures} {what} in {window}, limit {policy.failures_max}"
        if self._in_row >= policy.in_row_max:
            return f"{self._in_row} {what} in a row, limit {policy.in_row_max}"
        if 0 < policy.failures_max <= known and failures * 100 > known * policy.percent_max:
            return f"{failures} of {known} in {window} failed, limit {policy.percent_max} %"
        return ""

    def _moved(self, after: BreakerState, cause: str) -> BreakerMoved:
        return BreakerMoved(
            breaker=self.kind, before=self.state, after=after, cause=cause, by=f"{self.kind}_breaker"
        )
