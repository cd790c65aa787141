"""Seals on what the house says on a bus that others may reach: only who holds the house's own secret can make one.

A seal is over subject and bytes, so that a message cannot be moved to another topic. It is no protection against
saying the same again: intents and commands bear ids that work once, entries are numbered, market events carry slots.
"""

import hashlib
import hmac
from collections.abc import Mapping

HEADER = "Chimera-Seal"


class BusSeal:
    def __init__(self, secret: bytes) -> None:
        # a key of its own: what signs people's tokens signs nothing else
        self._keyed = hmac.new(hmac.digest(secret, b"chimera bus", hashlib.sha256), digestmod=hashlib.sha256)

    def headers(self, subject: str, data: bytes) -> dict[str, str]:
        """What goes into the message's headers."""
        return {HEADER: self._of(subject, data)}

    def genuine(self, subject: str, data: bytes, headers: Mapping[str, str] | None) -> bool:
        given = (headers or {}).get(HEADER, "")
        return hmac.compare_digest(given.encode(errors="replace"), self._of(subject, data).encode())

    def _of(self, subject: str, data: bytes) -> str:
        made = self._keyed.copy()
        made.update(subject.encode() + b"\n" + data)
        return made.hexdigest()
