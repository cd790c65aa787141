"""Faults on demand: rules with a rate and a seed, asked before each request and at each slot.

Decides and counts, nothing else: the fronts do what a decision says, the fault driver forks the chain and cuts
Geyser streams. Each rule draws from its own seeded stream of numbers, so the same rules meet the same requests
in the same way again, and a further rule does not change what the others do.

  before a request   delay  drop  drop_answer  rate_limit (429)  server_error (5xx)  unhealthy (-32005)  stale
  for a send         lose  land_late  duplicate
  at a slot          fork  geyser_disconnect
  while it is there  jito_down  geyser_down
"""

import random
from collections import Counter, deque
from collections.abc import Callable
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec

from chimera.localnet.block_engine import FAULT_PREFIX
from chimera.localnet.intercept import UNTOUCHED, FaultDecision, SendFault

INJECTED_KEPT = 1_000
RULES_MAX = 100
SENDS = frozenset({"sendTransaction", f"{FAULT_PREFIX}sendTransaction", f"{FAULT_PREFIX}sendBundle"})


class FaultKind(StrEnum):
    DELAY = "delay"
    DROP = "drop"
    DROP_ANSWER = "drop_answer"
    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    UNHEALTHY = "unhealthy"
    STALE = "stale"
    LOSE = "lose"
    LAND_LATE = "land_late"
    DUPLICATE = "duplicate"
    FORK = "fork"
    GEYSER_DISCONNECT = "geyser_disconnect"
    JITO_DOWN = "jito_down"
    GEYSER_DOWN = "geyser_down"


AT_SLOT = frozenset({FaultKind.FORK, FaultKind.GEYSER_DISCONNECT})
FOR_SENDS = frozenset({FaultKind.LOSE, FaultKind.LAND_LATE, FaultKind.DUPLICATE})
LASTING = frozenset({FaultKind.JITO_DOWN, FaultKind.GEYSER_DOWN})


class FaultWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule as it is asked for."""

    kind: FaultKind
    rate: float = 1.0
    """Chance for each request or slot, 0 to 1."""
    times: int | None = None
    """It strikes so often and is gone; None: until it is cleared. 1 is a one-shot fault."""
    methods: tuple[str, ...] = ()
    """Of requests, `*` and `?` allowed. None named: every method of the node (for sends: sendTransaction).
    The block engine's carry a prefix, `jito:sendBundle` or `jito:*`, and are only struck when named.
    """
    delay_ms: int = 500
    delay_ms_max: int | None = None
    """Drawn evenly between `delay_ms` and this where it is given."""
    slots: int = 3
    """How deep a fork goes, how stale a read is, how much later a send lands, how far behind a node is."""
    status: int = 503
    """Of server_error."""
    retry_after_s: int | None = None
    """Told with rate_limit."""


class FaultRule(msgspec.Struct):
    id: int
    wish: FaultWish
    left: int | None
    struck: int = 0


class Armed(msgspec.Struct, frozen=True):
    rule: FaultRule
    chance: random.Random


class Injected(msgspec.Struct, frozen=True):
    """One fault that struck."""

    number: int
    slot: int
    kind: FaultKind
    rule: int
    method: str
    """Empty for what strikes at a slot."""


class SlotFault(msgspec.Struct, frozen=True):
    kind: FaultKind
    slots: int


class Faults:
    def __init__(self, *, seed: int, slot: Callable[[], int]) -> None:
        """`slot` says which slot it is, for the record."""
        self._seed, self._slot = seed, slot
        self._armed: dict[int, Armed] = {}
        self._numbers = 0
        self.counts: Counter[FaultKind] = Counter()
        self.injected: deque[Injected] = deque(maxlen=INJECTED_KEPT)

    @property
    def rules(self) -> tuple[FaultRule, ...]:
        return tuple(armed.rule for armed in self._armed.values())

    def add(self, wish: FaultWish) -> FaultRule:
        """The rule, in force from now on. Raises ValueError for a wish that makes no sense."""
        _check(wish)
        if len(self._armed) >= RULES_MAX:
            raise ValueError(f"there are {RULES_MAX} rules already; clear some")
        self._numbers += 1
        rule = FaultRule(self._numbers, wish, wish.times)
        self._armed[rule.id] = Armed(rule, random.Random(f"{self._seed}/{rule.id}"))
        return rule

    def clear(self, rule: int | None = None) -> int:
        """How many rules were taken back: the one with that number, or all."""
        gone = [one for one in self._armed if rule is None or one == rule]
        for one in gone:
            del self._armed[one]
        return len(gone)

    async def intercept(self, method: str) -> FaultDecision:
        """The seam of the fronts; `decide` does it."""
        return self.decide(method)

    def decide(self, method: str) -> FaultDecision:
        """What befalls one request. Several rules may strike; the first that ends the request is the last."""
        decision = UNTOUCHED
        for armed in tuple(self._armed.values()):
            if not _applies(armed.rule.wish, method) or not self._strikes(armed, method):
                continue
            decision = _befall(decision, armed)
            if decision.drop or decision.http_status is not None or decision.unhealthy_slots is not None:
                break
        return decision

    def at_slot(self) -> list[SlotFault]:
        """What strikes in a slot that has just begun."""
        return [
            SlotFault(armed.rule.wish.kind, armed.rule.wish.slots)
            for armed in tuple(self._armed.values())
            if armed.rule.wish.kind in AT_SLOT and self._strikes(armed, "")
        ]

    def holds(self, kind: FaultKind) -> bool:
        """Whether a lasting fault of that kind is in force."""
        return any(rule.wish.kind is kind for rule in self.rules)

    def _strikes(self, armed: Armed, method: str) -> bool:
        """Draws, and counts a hit. Always draws, so that a rate of 1 uses its numbers as one of 0.99 does."""
        rule = armed.rule
        if armed.chance.random() >= rule.wish.rate:
            return False
        rule.struck += 1
        self.counts[rule.wish.kind] += 1
        number = self.counts.total()
        self.injected.append(Injected(number, self._slot(), rule.wish.kind, rule.id, method))
        if rule.left is not None:
            rule.left -= 1
            if rule.left <= 0:
                del self._armed[rule.id]
        return True


def _befall(decision: FaultDecision, armed: Armed) -> FaultDecision:
    wish = armed.rule.wish
    match wish.kind:
        case FaultKind.DELAY:
            longest = max(wish.delay_ms, wish.delay_ms_max or 0)
            drawn = armed.chance.randint(wish.delay_ms, longest)
            return msgspec.structs.replace(decision, delay_seconds=decision.delay_seconds + drawn / 1000)
        case FaultKind.DROP:
            return msgspec.structs.replace(decision, drop=True)
        case FaultKind.DROP_ANSWER:
            return msgspec.structs.replace(decision, drop_answer=True)
        case FaultKind.RATE_LIMIT:
            return msgspec.structs.replace(decision, http_status=429, retry_after_seconds=wish.retry_after_s)
        case FaultKind.SERVER_ERROR:
            return msgspec.structs.replace(decision, http_status=wish.status)
        case FaultKind.JITO_DOWN:
            return msgspec.structs.replace(decision, http_status=503)
        case FaultKind.UNHEALTHY:
            return msgspec.structs.replace(decision, unhealthy_slots=wish.slots)
        case FaultKind.STALE:
            return msgspec.structs.replace(decision, stale_slots=max(decision.stale_slots, wish.slots))
        case FaultKind.LOSE:
            return msgspec.structs.replace(decision, send=SendFault.LOST)
        case FaultKind.DUPLICATE:
            return msgspec.structs.replace(decision, send=SendFault.TWICE)
        case FaultKind.LAND_LATE:
            return msgspec.structs.replace(decision, send=SendFault.LATE, land_after_slots=wish.slots)
        case _:
            return decision


def _applies(wish: FaultWish, method: str) -> bool:
    of_jito = method.startswith(FAULT_PREFIX)
    if wish.kind in AT_SLOT or wish.kind is FaultKind.GEYSER_DOWN:
        return False
    if wish.kind is FaultKind.JITO_DOWN:
        return of_jito
    if wish.kind in FOR_SENDS and method not in SENDS:
        return False
    if wish.kind is FaultKind.STALE and method in SENDS:
        return False
    if not wish.methods:
        return not of_jito
    return any(fnmatchcase(method, pattern) for pattern in wish.methods)


def _check(wish: FaultWish) -> None:
    if not 0 < wish.rate <= 1:
        raise ValueError("rate must be above 0 and at most 1")
    if wish.times is not None and wish.times < 1:
        raise ValueError("times must be 1 or more")
    if wish.times is not None and wish.kind in LASTING:
        raise ValueError(f"{wish.kind.value} lasts until it is cleared; it has no times")
    if not 0 <= wish.delay_ms <= 600_000 or (wish.delay_ms_max or 0) > 600_000:
        raise ValueError("delay_ms must be 0 to 600000")
    if not 1 <= wish.slots <= 1000:
        raise ValueError("slots must be 1 to 1000")
    if not 500 <= wish.status <= 599:
        raise ValueError("status must be 500 to 599")
