"""The one place where an intent becomes approved. Nothing else may make an `Approved`."""

from typing import final

from chimera.domain.circumstances import Circumstances
from chimera.domain.intent import TradeIntent
from chimera.domain.risk import Refusal
from chimera.risk.checks import CHECKS, RiskLimits


@final
class Approved:
    """An intent that passed every check; made by `Gate.review` alone (tests/architecture looks)."""

    __slots__ = ("checks", "intent")

    def __init__(self, intent: TradeIntent, checks: tuple[str, ...]) -> None:
        self.intent = intent
        self.checks = checks


class Gate:
    """Kill switch first, then the breakers, caps, stale data, token safety and slippage."""

    def __init__(self, limits: RiskLimits) -> None:
        self.limits = limits

    def review(self, intent: TradeIntent, seen: Circumstances) -> Approved | Refusal:
        """Approved with what each check saw, or the first refusal."""
        passed: list[str] = []
        for check in CHECKS:
            outcome = check(intent, seen, self.limits)
            if isinstance(outcome, Refusal):
                return outcome
            passed.append(f"{check.__name__}: {outcome}")
        return Approved(intent, tuple(passed))
