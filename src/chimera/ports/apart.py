"""What roles in processes of their own say to each other, beside market events, intents and journal entries.

In one process none of this is said: there the same things are calls. Must not know how it is carried.
"""

import hashlib
import hmac

import msgspec

from chimera.domain.commands import Answer, Command
from chimera.domain.ids import Address, Signature
from chimera.domain.messages import Fact, Noted, SignalDropped, StrategyDecided, StrategyMoved
from chimera.ports.ingress import WebhookAnswer, WebhookRequest

OFFERED = (SignalDropped, StrategyDecided, StrategyMoved, Noted)
"""Facts that a process without the journal may ask to have written down; everything else is the desk's to say."""


class FactOffered(msgspec.Struct, frozen=True, tag=True):
    """Something worth the journal happened in a process that does not have it."""

    component: str
    fact: Fact


class WalletTouched(msgspec.Struct, frozen=True, tag=True):
    """A transaction on the stream touched an account of ours, whoever made it."""

    signature: Signature | None


class PoolTrusted(msgspec.Struct, frozen=True, tag=True):
    """Somebody has looked at the transaction that put a pool in doubt; it is in the journal who and why."""

    pool: Address


class JournalHead(msgspec.Struct, frozen=True, tag=True):
    """How far the journal is durable: who has folded less has missed something."""

    seq: int
    at_ms: int


class Asked(msgspec.Struct, frozen=True, tag=True):
    """One of the two."""

    command: Command | None = None
    webhook: WebhookRequest | None = None


class Answered(msgspec.Struct, frozen=True, tag=True):
    """One of the first two, or why there is neither."""

    answer: Answer | None = None
    webhook: WebhookAnswer | None = None
    trouble: str = ""


class ControlRequest(msgspec.Struct, frozen=True, tag=True):
    request_id: str
    at_ms: int
    asked: msgspec.Raw
    """An `Asked`, kept as the bytes that the seal is over."""
    seal: str


class ControlResponse(msgspec.Struct, frozen=True, tag=True):
    request_id: str
    at_ms: int
    answered: msgspec.Raw
    seal: str


class Sealer:
    """Requests and answers that only who holds the house's own secret can make, whoever else is on the bus."""

    def __init__(self, secret: bytes) -> None:
        # a key of its own: what signs people's tokens signs nothing else
        self._key = hmac.digest(secret, b"chimera control bus", hashlib.sha256)
        self._asked = msgspec.json.Decoder(Asked)
        self._answered = msgspec.json.Decoder(Answered)

    def request(self, asked: Asked, *, request_id: str, at_ms: int) -> ControlRequest:
        raw = msgspec.json.encode(asked)
        return ControlRequest(request_id, at_ms, msgspec.Raw(raw), self._seal("ask", request_id, at_ms, raw))

    def response(self, answered: Answered, *, request_id: str, at_ms: int) -> ControlResponse:
        raw = msgspec.json.encode(answered)
        seal = self._seal("answer", request_id, at_ms, raw)
        return ControlResponse(request_id, at_ms, msgspec.Raw(raw), seal)

    def open_request(self, request: ControlRequest) -> Asked | None:
        """What was asked; None where the seal is not ours or the content is none of ours."""
        raw = bytes(request.asked)
        if not self._ours(request.seal, "ask", request.request_id, request.at_ms, raw):
            return None
        try:
            return self._asked.decode(raw)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return None

    def open_response(self, response: ControlResponse) -> Answered | None:
        raw = bytes(response.answered)
        if not self._ours(response.seal, "answer", response.request_id, response.at_ms, raw):
            return None
        try:
            return self._answered.decode(raw)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return None

    def _seal(self, kind: str, request_id: str, at_ms: int, raw: bytes) -> str:
        head = f"{kind}\n{request_id}\n{at_ms}\n".encode()
        return hmac.digest(self._key, head + raw, hashlib.sha256).hex()

    def _ours(self, seal: str, kind: str, request_id: str, at_ms: int, raw: bytes) -> bool:
        return hmac.compare_digest(seal.encode(), self._seal(kind, request_id, at_ms, raw).encode())


class LegacySaid(msgspec.Struct, frozen=True):
    """A message on one of the subjects that older tools use; nobody knows who sent it."""

    subject: str
    command: str = ""
    reason: str = ""
    by: str = ""


TEXT_MAX = 200


def read_legacy(subject: str, data: bytes) -> LegacySaid:
    """What was said: a JSON object with `command` (or `action`), `reason` and `by`, a bare word, or nothing."""
    try:
        said = msgspec.json.decode(data)
    except msgspec.DecodeError:
        said = data.decode("utf-8", "replace")
    if not isinstance(said, dict):
        return LegacySaid(subject, command=_text(said))
    command = said.get("command") or said.get("action") or said.get("mode") or ""
    return LegacySaid(subject, _text(command), _text(said.get("reason")), _text(said.get("by")))


def _text(value: object) -> str:
    """One printable line: it ends up in the journal."""
    line = "" if value is None else str(value)
    return "".join(char if char.isprintable() else " " for char in line).strip()[:TEXT_MAX]
