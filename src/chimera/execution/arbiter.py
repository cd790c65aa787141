"""Which intent comes next, when more are wanted than may be under way, or two want the same thing.

Class first (EXIT, SHIELD, then the rest), then EV x urgency x deadline, then arrival. A bound on how often one
may be passed over keeps the last from waiting for ever. It knows nothing of gates, plans or chains.

Locks are not kept here: a leg under way holds its mint and its capital until it is final, and both are read off
the books, so they cannot leak, outlive a restart or disagree with what is really under way. A leg's id is its
fencing token: an answer for another leg is a late answer.
"""

from collections.abc import Callable, Iterable

import msgspec

from chimera.domain.ids import IntentId
from chimera.domain.intent import TradeIntent
from chimera.domain.units import BPS

WAITING_MAX = 1_000
URGENCY = (1, 2, 5)  # multipliers of the urgencies 0, 1, 2 (SPEC SU-06)


class ArbiterLimits(msgspec.Struct, frozen=True):
    concurrency: int = 10
    """Legs and probes under way at a time; exits may exceed it by half."""
    passed_over_max: int = 5
    """An intent that was passed over so often goes first in all classes but EXIT."""

    def room(self, under_way: int, *, exits: bool) -> bool:
        return under_way < self.concurrency + (self.concurrency // 2 if exits else 0)


class Waiting(msgspec.Struct):
    intent: TradeIntent
    arrival: int
    passed_over: int = 0


class Arbiter:
    def __init__(self, limits: ArbiterLimits) -> None:
        self._limits = limits
        self._waiting: dict[IntentId, Waiting] = {}
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, intent: TradeIntent) -> bool:
        """Queues it; False where too many wait already (exits always enter)."""
        if len(self._waiting) >= WAITING_MAX and intent.style.rank:
            return False
        self._arrivals += 1
        self._waiting[intent.id] = Waiting(intent, self._arrivals)
        return True

    def leave(self, intent_id: IntentId) -> None:
        """It waits no longer, if it did."""
        self._waiting.pop(intent_id, None)

    def take(self, now_ms: int, *, under_way: int, free: Callable[[TradeIntent], bool]) -> TradeIntent | None:
        """The best intent that has room and whose mint is free; those that it overtook are counted."""
        candidates = [
            waiting
            for waiting in self._waiting.values()
            if self._limits.room(under_way, exits=waiting.intent.style.rank == 0) and free(waiting.intent)
        ]
        if not candidates:
            return None
        best = min(candidates, key=lambda waiting: self._order(waiting, now_ms))
        for other in candidates:
            if other is not best and other.arrival < best.arrival:
                other.passed_over += 1
        del self._waiting[best.intent.id]
        return best.intent

    def expired(self, now_ms: int) -> Iterable[TradeIntent]:
        """Takes out what has waited beyond its time to live."""
        late = [waiting.intent for waiting in self._waiting.values() if waiting.intent.expired(now_ms)]
        for intent in late:
            del self._waiting[intent.id]
        return late

    def _order(self, waiting: Waiting, now_ms: int) -> tuple[int, int, int, int]:
        intent = waiting.intent
        rank = intent.style.rank
        starved = waiting.passed_over >= self._limits.passed_over_max
        return (
            0 if rank == 0 else 1 if starved else 1 + rank,
            intent.tier,
            -score(intent, now_ms),
            waiting.arrival,
        )


def score(intent: TradeIntent, now_ms: int) -> int:
    """EV x urgency x deadline: expected lamports, times the urgency's factor, times how much of its life is gone.

    The last factor grows from 1 to the whole time to live as the deadline nears. An intent that names no edge
    scores 0 and is served in order of arrival.
    """
    expected = intent.amount * intent.expected_edge_bps // BPS
    left_ms = max(intent.created_at_ms + intent.ttl_ms - now_ms, 1)
    return expected * URGENCY[min(intent.urgency, len(URGENCY) - 1)] * max(intent.ttl_ms, 1) // left_ms
