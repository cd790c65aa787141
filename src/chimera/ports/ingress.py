"""The door as the control plane sees it: raw requests in, answers out."""

from typing import Protocol

import msgspec

from chimera.domain.ids import SignalId
from chimera.domain.market import Trade
from chimera.domain.risk import Refusal


class WebhookRequest(msgspec.Struct, frozen=True):
    """A request as it came, unread: the signature is over exactly these bytes."""

    body: bytes
    signature: str | None
    timestamp: str | None
    source_ip: str = ""
    request_id: str = ""


class WebhookAnswer(msgspec.Struct, frozen=True):
    """What became of it; accepted where there is no refusal, and then durable already."""

    signal_id: SignalId | None
    refusal: Refusal | None
    rate_limit: int
    rate_remaining: int
    rate_wait_ms: int
    """Until the window has room (none remaining) or is empty (some remaining)."""


class Ingress(Protocol):
    async def receive(self, request: WebhookRequest) -> WebhookAnswer:
        """Raises InvariantBroken where the journal cannot keep what was accepted."""
        ...


class TradeWatch(Protocol):
    """Who may want to copy what was seen on the stream."""

    async def watch(self, trade: Trade) -> None: ...
