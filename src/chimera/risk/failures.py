"""Which facts tell a breaker that something went well or wrong; the breakers themselves, all folded from the journal.

  slippage        wrong: a quote whose estimate was over the limit, a leg that died of slippage. Well: a fill
  trade_failure   wrong: a leg that came to nothing, whatever the cause, unless we halted it ourselves. Well: a fill
  signing         wrong: the key's keeper did not sign. Well: a signature
  confirmation    wrong: nobody knew in time what became of a leg, or it expired. Well: the chain said what
  network         wrong: a call that the last node left did not answer. Well: one that it did. Told, not folded:
                  calls are no facts, so its counts, and not its state, begin anew with each start
  spear_losses    wrong: a Spear round trip that lost. Well: one that gained

Circles of swaps are left out of the first two: that most of them are too late is their nature, and costs nothing.
"""

from collections.abc import Callable, Iterator, Mapping

from chimera.domain.failure import Failure, of_refusal
from chimera.domain.ids import IntentId
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.domain.live import BreakerSeen
from chimera.domain.messages import (
    BreakerMoved,
    Entry,
    Fact,
    IntentRefused,
    LegDropped,
    LegExpired,
    LegLanded,
    LegPlanned,
    LegReverted,
    LegSigned,
    LegStuck,
    UpkeepDropped,
    UpkeepSigned,
)
from chimera.domain.risk import Reason, Refusal
from chimera.risk.breakers import Breaker, BreakerKind, BreakerPolicy
from chimera.risk.loss_breaker import BreakerState

MINUTE_MS = 60_000
OURS = frozenset({Failure.BREAKER, Failure.STALE})
"""Legs that we let go ourselves: halted, or too old to be signed."""

REASONS = {
    BreakerKind.SIGNING: Reason.SIGNING_BREAKER,
    BreakerKind.NETWORK: Reason.NETWORK_BREAKER,
    BreakerKind.SLIPPAGE: Reason.SLIPPAGE_BREAKER,
    BreakerKind.TRADE_FAILURE: Reason.TRADE_FAILURE_BREAKER,
    BreakerKind.CONFIRMATION: Reason.CONFIRMATION_BREAKER,
}

DEFAULTS: Mapping[BreakerKind, BreakerPolicy] = {
    # SPEC RK-10, RK-11, RK-13, RK-14, RK-16: failures / window / in a row / percent / recovery
    BreakerKind.SIGNING: BreakerPolicy(
        failures_max=3, window_ms=10 * MINUTE_MS, in_row_max=2, recovery_ms=60 * MINUTE_MS
    ),
    BreakerKind.SLIPPAGE: BreakerPolicy(
        failures_max=8, window_ms=15 * MINUTE_MS, in_row_max=4, percent_max=70, recovery_ms=45 * MINUTE_MS
    ),
    BreakerKind.NETWORK: BreakerPolicy(
        enabled=False,
        failures_max=3,
        window_ms=5 * MINUTE_MS,
        in_row_max=2,
        percent_max=60,
        recovery_ms=15 * MINUTE_MS,
    ),
    BreakerKind.TRADE_FAILURE: BreakerPolicy(
        failures_max=5, window_ms=10 * MINUTE_MS, in_row_max=3, percent_max=80, recovery_ms=30 * MINUTE_MS
    ),
    BreakerKind.CONFIRMATION: BreakerPolicy(
        failures_max=5, window_ms=30 * MINUTE_MS, in_row_max=3, percent_max=50, recovery_ms=60 * MINUTE_MS
    ),
}

HEARD = frozenset(
    {
        BreakerMoved,
        IntentRefused,
        LegDropped,
        LegExpired,
        LegLanded,
        LegPlanned,
        LegReverted,
        LegSigned,
        LegStuck,
        UpkeepDropped,
        UpkeepSigned,
    }
)
"""Most of the journal is none of these."""

Outcome = tuple[BreakerKind, bool, str]
"""(of which breaker, whether it went well, about what)."""


class Breakers:
    """All of them. Those without a policy are not there."""

    def __init__(self, policies: Mapping[BreakerKind, BreakerPolicy]) -> None:
        self._all: dict[str, Breaker] = {
            kind: Breaker(kind, policies[kind]) for kind in BreakerKind if kind in policies
        }
        self._on_trial: list[Breaker] = []

    def tune(self, policies: Mapping[BreakerKind, BreakerPolicy]) -> None:
        """Other limits, from now on; what was counted stays."""
        for kind, policy in policies.items():
            if kind in self._all:
                self._all[kind].policy = policy

    # folding

    def apply(self, entry: Entry, intent_of: Callable[[IntentId], TradeIntent | None]) -> None:
        """In the journal's order, each entry once, those of former runs included."""
        fact = entry.fact
        if type(fact) not in HEARD:
            return
        if isinstance(fact, LegSigned):  # before all others: a signature waits for what is done here
            signing = self._all.get(BreakerKind.SIGNING)
            if signing is not None:
                signing.hear(well=True, at_ms=entry.at_ms, about=fact.leg.leg_id)
        elif isinstance(fact, LegPlanned):
            if self._on_trial:
                intent = intent_of(fact.leg.intent_id)
                if intent is not None and not intent.leaves:
                    for breaker in self._on_trial:
                        breaker.began(fact.leg.leg_id)
        elif isinstance(fact, BreakerMoved):
            if fact.breaker in self._all:
                self._all[fact.breaker].apply(fact, entry.at_ms)
                self._on_trial = [one for one in self._all.values() if one.state is BreakerState.HALF_OPEN]
        else:
            if isinstance(fact, LegLanded | LegReverted | LegDropped | LegExpired):
                for breaker in self._on_trial:
                    breaker.ended(fact.leg.leg_id)
            for kind, well, about in _outcomes(fact, intent_of):
                if kind in self._all:
                    self._all[kind].hear(well=well, at_ms=entry.at_ms, about=about)

    def see_closed(self, style: Style, profit_lamports: int, *, trade_id: str, at_ms: int) -> None:
        """A round trip ended. Zero is neither gain nor loss."""
        spear = self._all.get(BreakerKind.SPEAR_LOSSES)
        if spear is not None and style is Style.SPEAR and profit_lamports:
            spear.hear(well=profit_lamports > 0, at_ms=at_ms, about=trade_id)

    def hear_call(self, *, well: bool, at_ms: int) -> None:
        """How a call of the last node that is left went."""
        network = self._all.get(BreakerKind.NETWORK)
        if network is not None and network.policy.enabled:
            network.hear(well=well, at_ms=at_ms, about="")

    # deciding

    def due(self, now_ms: int) -> Iterator[BreakerMoved]:
        """Moves for the journal."""
        for breaker in self._all.values():
            moved = breaker.advance(now_ms)
            if moved is not None:
                yield moved

    def review(self) -> Refusal | None:
        """For buys only."""
        for kind, reason in REASONS.items():
            why = self._all[kind].refuses() if kind in self._all else ""
            if why:
                return Refusal(reason, observed=why)
        return None

    @property
    def spear_disabled(self) -> str:
        """Why Spear is off, or empty."""
        spear = self._all.get(BreakerKind.SPEAR_LOSSES)
        why = spear.refuses() if spear is not None else ""
        return f"Spear's losses: {why}" if why else ""

    # reading

    def get(self, name: str) -> Breaker | None:
        return self._all.get(name)

    def seen(self, now_ms: int) -> tuple[BreakerSeen, ...]:
        return tuple(breaker.seen(now_ms) for breaker in self._all.values())

    @property
    def states(self) -> dict[str, BreakerState]:
        return {name: breaker.state for name, breaker in self._all.items()}


def _outcomes(fact: Fact, intent_of: Callable[[IntentId], TradeIntent | None]) -> Iterator[Outcome]:
    match fact:
        case LegLanded(leg):
            yield BreakerKind.CONFIRMATION, True, leg.leg_id
            if not _circle(leg.intent_id, intent_of):
                yield BreakerKind.SLIPPAGE, True, leg.trade_id
                yield BreakerKind.TRADE_FAILURE, True, leg.trade_id
        case LegReverted(leg, failure=failure):
            yield BreakerKind.CONFIRMATION, True, leg.leg_id
            if not _circle(leg.intent_id, intent_of):
                yield from _came_to_nothing(failure, leg.trade_id)
        case LegDropped(leg, failure=failure):
            if failure == Failure.SIGNING:
                yield BreakerKind.SIGNING, False, leg.leg_id
            if not _circle(leg.intent_id, intent_of):
                yield from _came_to_nothing(failure, leg.trade_id)
        case LegExpired(leg):
            yield BreakerKind.CONFIRMATION, False, leg.leg_id
            if not _circle(leg.intent_id, intent_of):
                yield from _came_to_nothing(Failure.TIMEOUT, leg.trade_id)
        case LegStuck(leg):
            yield BreakerKind.CONFIRMATION, False, leg.leg_id
        case UpkeepSigned(upkeep_id):
            yield BreakerKind.SIGNING, True, upkeep_id
        case UpkeepDropped(upkeep_id, refusal) if of_refusal(refusal) is Failure.SIGNING:
            yield BreakerKind.SIGNING, False, upkeep_id
        # where the gate itself looked, the strategy asked for more than it may: that says nothing of the market
        case IntentRefused(_, trade_id, Refusal(reason=Reason.SLIPPAGE), seen=None):
            yield BreakerKind.SLIPPAGE, False, trade_id
        case _:
            pass


def _came_to_nothing(failure: str, trade_id: str) -> Iterator[Outcome]:
    if failure == Failure.SLIPPAGE:
        yield BreakerKind.SLIPPAGE, False, trade_id
    if failure not in OURS:
        yield BreakerKind.TRADE_FAILURE, False, trade_id


def _circle(intent_id: IntentId, intent_of: Callable[[IntentId], TradeIntent | None]) -> bool:
    intent = intent_of(intent_id)
    return intent is not None and intent.side is Side.CYCLE
