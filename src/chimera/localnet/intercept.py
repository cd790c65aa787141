"""The seam where faults enter a front: what may befall one request before it is handled.

A front asks `Intercept` once a request, with the method's name, and does what the decision says. Without an
interceptor every decision is `UNTOUCHED`. Who decides (rates, seeds, one-shot faults) is not known here.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum

import msgspec


class SendFault(StrEnum):
    """What becomes of the transaction in a `sendTransaction` that was answered as if all were well."""

    NONE = "none"
    LOST = "lost"
    """Answered with its signature, and never seen again."""
    LATE = "late"
    """Executed only `land_after_slots` later."""
    TWICE = "twice"
    """Delivered two times; the chain must refuse the second."""


class FaultDecision(msgspec.Struct, frozen=True):
    delay_seconds: float = 0.0
    """Waited before anything else."""
    drop: bool = False
    """The connection is closed without an answer, and the request is not handled."""
    drop_answer: bool = False
    """The request is handled, but the connection closes before the answer: the caller can't know."""
    http_status: int | None = None
    """429 or 5xx: answered instead of handling."""
    retry_after_seconds: int | None = None
    unhealthy_slots: int | None = None
    """-32005, behind by that many slots, instead of handling."""
    stale_slots: int = 0
    """Reads answer as of that many slots ago (never older than the newest final slot)."""
    send: SendFault = SendFault.NONE
    land_after_slots: int = 0
    """For `SendFault.LATE`."""


UNTOUCHED = FaultDecision()

Intercept = Callable[[str], Awaitable[FaultDecision]]
"""From a JSON-RPC method's name to what befalls this request."""
