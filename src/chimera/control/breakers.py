"""What people are shown of the breakers: how each stands, and how it came there. Knows no clock and no rule."""

from collections import deque

import msgspec

from chimera.domain.live import BreakerSeen, DeskSeen
from chimera.domain.messages import BreakerMoved, Entry

LOSS, SPEAR = "loss", "spear_losses"
HISTORY_KEPT = 200


class BreakerMove(msgspec.Struct, frozen=True):
    seq: int
    at_ms: int
    breaker: str
    before: str
    after: str
    cause: str
    by: str


class BreakerTold(msgspec.Struct, frozen=True):
    name: str
    enabled: bool
    state: str
    """CLOSED, OPEN or HALF_OPEN."""
    stops: str
    """What it refuses while it is open: every buy, or Spear's."""
    cause: str | None
    until_ms: int | None
    """When it tries again."""
    counts: BreakerSeen | None
    """None for the loss breaker, which counts money, and while the desk has not reported."""


class BreakersTold(msgspec.Struct, frozen=True):
    items: tuple[BreakerTold, ...]
    history: tuple[BreakerMove, ...]
    """The latest first."""


class ResetBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: str
    breaker: str = LOSS


DOCUMENTED = (BreakersTold, ResetBody)


class BreakerHistory:
    """Folded from the journal."""

    def __init__(self) -> None:
        self._moves: deque[BreakerMove] = deque(maxlen=HISTORY_KEPT)
        self.last: dict[str, BreakerMove] = {}
        """Of each, by name."""

    def apply(self, fact: BreakerMoved, entry: Entry) -> None:
        move = BreakerMove(
            seq=entry.seq,
            at_ms=entry.at_ms,
            breaker=fact.breaker,
            before=fact.before,
            after=fact.after,
            cause=fact.cause,
            by=fact.by,
        )
        self._moves.append(move)
        self.last[fact.breaker] = move

    def told(self, desk: DeskSeen | None) -> BreakersTold:
        """All of them; the journal's word on a state comes before the desk's report, which may be a second older."""
        items = [self._one(LOSS, desk, None)]
        items += [self._one(seen.name, desk, seen) for seen in (desk.breakers if desk is not None else ())]
        return BreakersTold(tuple(items), tuple(reversed(self._moves)))

    def open(self, desk: DeskSeen | None) -> tuple[str, ...]:
        """Names of those beside the loss breaker that stand open or on trial."""
        items = self.told(desk).items[1:]
        return tuple(one.name for one in items if one.enabled and one.state != "CLOSED")

    def stops_buys(self, desk: DeskSeen | None) -> bool:
        """Whether one beside the loss breaker refuses every buy."""
        items = self.told(desk).items[1:]
        return any(one.enabled and one.state == "OPEN" and one.name != SPEAR for one in items)

    def _one(self, name: str, desk: DeskSeen | None, seen: BreakerSeen | None) -> BreakerTold:
        last = self.last.get(name)
        state = last.after if last else seen.state if seen else desk.breaker_state if desk else "CLOSED"
        until_ms = seen.until_ms if seen else desk.breaker_until_ms if desk else None
        return BreakerTold(
            name=name,
            enabled=seen is None or seen.enabled,
            state=state,
            stops="spear" if name == SPEAR else "buys",
            cause=last.cause if last and state != "CLOSED" else None,
            until_ms=until_ms if state == "OPEN" else None,
            counts=seen,
        )
