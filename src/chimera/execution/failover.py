"""Which node is talked to, and whether trades may take the block engine: decided from how calls went.

  primary    the primary node and the block engine's lane
  fallback   the fallback node, standard lane, Spear off; Shield and exits go on
  standard   as fallback where no fallback node is configured: the same node, no bundles, Spear off

Three failures of the primary in a row (or of the block engine) lead away; a probe that passes leads back. Each
switch is a ConfigChanged fact, and the state is folded from those facts alone, so that the audit, the screens
and the desk cannot disagree and a restart stands where the last run stood. Time is passed in.
"""

import msgspec

from chimera.domain.messages import ConfigChanged, Entry

KEY = "rpc.active"
BY = "house"
PRIMARY, FALLBACK, STANDARD = "primary", "fallback", "standard"
ENGINE = "block engine"
HURRY_MS = 10_000  # between probes while the fallback fails too: somebody must be found who answers


class FailoverPolicy(msgspec.Struct, frozen=True):
    failures_max: int = 3
    """Failures in a row before the fallback takes over."""
    latency_us_max: int = 2_000_000
    """An answer that took longer counts as a failure."""
    rate_limits_count: bool = True
    """Whether a 429 is a failure: a node that keeps saying "later" is no use to us either."""
    probe_ms: int = 300_000


class Call(msgspec.Struct, frozen=True):
    """How one call went."""

    endpoint: str
    """PRIMARY, FALLBACK or ENGINE."""
    outcome: str
    """ok, or the name of the error's class."""
    took_us: int = 0
    """From the request to the answer; what it waited for our own limiter is not in it."""
    patient: bool = False
    """A call that may take long by its nature."""
    what: str = ""


class Failover:
    """Whoever records the facts that this returns must fold them back with `apply`."""

    FOLDS = frozenset({ConfigChanged})
    """What it folds; of other facts it need not be told."""

    def __init__(self, policy: FailoverPolicy, *, fallback: bool) -> None:
        """`fallback`: whether there is a second node."""
        self._policy = policy
        self._away = FALLBACK if fallback else STANDARD
        self._failures: dict[str, int] = {}
        self._probe_at_ms = 0
        self.active = PRIMARY
        self.cause = ""

    @property
    def triggered(self) -> bool:
        return self.active != PRIMARY

    @property
    def node(self) -> str:
        """Whom to ask and to send through."""
        return FALLBACK if self.triggered and self._away == FALLBACK else PRIMARY

    @property
    def spear_disabled(self) -> str:
        """Why Spear is off, or empty."""
        return f"RPC {self.active}: {self.cause}" if self.triggered else ""

    def apply(self, entry: Entry) -> None:
        fact = entry.fact
        if not isinstance(fact, ConfigChanged) or fact.key != KEY:
            return
        # what stands there may be from a run with another set of nodes; away is away
        self.active = PRIMARY if fact.new == PRIMARY else self._away
        self.cause = fact.cause if self.triggered else ""
        self._probe_at_ms = entry.at_ms + self._policy.probe_ms
        self._failures.clear()

    def heard(self, call: Call, now_ms: int) -> ConfigChanged | None:
        """The switch that this call leads to, if any."""
        failure = self._failure(call)
        if failure is None:
            return None
        if not failure:
            self._failures[call.endpoint] = 0
            return None
        count = self._failures[call.endpoint] = self._failures.get(call.endpoint, 0) + 1
        if count < self._policy.failures_max:
            return None
        if self.triggered:
            if call.endpoint == self.node:
                self._probe_at_ms = min(self._probe_at_ms, now_ms + HURRY_MS)
                self._failures[call.endpoint] = 0
            return None
        if call.endpoint not in {PRIMARY, ENGINE}:
            return None
        who = "the primary" if call.endpoint == PRIMARY else "the block engine"
        return self._switch(self._away, f"{who} failed {count} times in a row, last: {failure}")

    def last_word(self, call: Call) -> bool | None:
        """Whether a call of the last node that is left went well; None where there is another, or it says nothing."""
        last = self.triggered or self._away == STANDARD
        failure = self._failure(call) if last and call.endpoint == self.node else None
        return None if failure is None else not failure

    def probe_due(self, now_ms: int) -> bool:
        return self.triggered and now_ms >= self._probe_at_ms

    def probed(self, trouble: str, now_ms: int) -> ConfigChanged | None:
        """The way back, where the probe found no trouble; otherwise the next one is set."""
        if not self.triggered:
            return None
        if trouble:
            self._probe_at_ms = now_ms + self._policy.probe_ms
            return None
        return self._switch(PRIMARY, f"the probe passed; it was away because {self.cause}")

    def _switch(self, new: str, cause: str) -> ConfigChanged:
        return ConfigChanged(key=KEY, old=self.active, new=new, cause=cause, by=BY)

    def _failure(self, call: Call) -> str | None:
        """What failed; empty where it answered, None where the call says nothing about the endpoint."""
        match call.outcome:
            case "ok" | "Rejected":
                if call.patient or call.took_us <= self._policy.latency_us_max:
                    return ""
                return f"{call.what}: {call.took_us // 1_000} ms".removeprefix(": ")
            case "OwnLimit" | "CancelledError":
                return None
            case "RateLimited" if not self._policy.rate_limits_count:
                return None
            case _:
                return f"{call.what}: {call.outcome}".removeprefix(": ")
