"""Settings of the breakers that stop buys where something keeps going wrong (SPEC RK-10 to RK-17)."""

from typing import Annotated

import msgspec
from msgspec import Meta

Failures = Annotated[int, Meta(ge=1, le=1_000)]
Minutes = Annotated[int, Meta(ge=1, le=1_440)]
Share = Annotated[int, Meta(ge=1, le=100)]


class BreakerRules(msgspec.Struct, frozen=True, kw_only=True):
    """Any of three opens it."""

    enabled: bool = True
    failures_max: Failures = 5
    """So many within the window."""
    window_minutes: Minutes = 10
    in_row_max: Failures = 3
    """So many in a row, whenever they were."""
    percent_max: Share = 100
    """More than this share of the window, asked once it holds `failures_max` outcomes; 100: never."""
    recovery_minutes: Minutes = 30
    """How long it stays open before it tries again."""


class Breakers(msgspec.Struct, frozen=True, kw_only=True):
    """Beside the loss breaker. Each refuses buys, never exits."""

    slippage: BreakerRules = BreakerRules(
        failures_max=8, window_minutes=15, in_row_max=4, percent_max=70, recovery_minutes=45
    )
    signing: BreakerRules = BreakerRules(failures_max=3, window_minutes=10, in_row_max=2, recovery_minutes=60)
    network: BreakerRules = BreakerRules(
        enabled=False, failures_max=3, window_minutes=5, in_row_max=2, percent_max=60, recovery_minutes=15
    )
    """Hears the last node that is left alone: with another one to go to, the failover goes there."""
    trade_failure: BreakerRules = BreakerRules(
        failures_max=5, window_minutes=10, in_row_max=3, percent_max=80, recovery_minutes=30
    )
    confirmation: BreakerRules = BreakerRules(
        failures_max=5, window_minutes=30, in_row_max=3, percent_max=50, recovery_minutes=60
    )
