"""Answers that were given to mutations, kept so that the same wish sent again is answered again and not done again."""

from typing import Protocol

import msgspec


class KeptAnswer(msgspec.Struct, frozen=True):
    fingerprint: bytes
    """Of the request's body: another body under the same key is another wish."""
    at_ms: int
    status: int
    kind: str
    """Its content type."""
    body: bytes


class Answers(Protocol):
    """Both may raise OutsideError; both may block, so they are called in a thread."""

    def find(self, name: bytes) -> KeptAnswer | None: ...

    def keep(self, name: bytes, answer: KeptAnswer, *, forget_before_ms: int) -> None: ...
