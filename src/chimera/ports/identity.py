"""Who people are: what a login needs from the tables, and a wallet's signature to be checked.

Like API keys these are not part of the journal: a rebuild of the tables leaves them alone.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from chimera.ports.store import KeyHolder

SignedBy = Callable[[str, bytes, bytes], bool]
"""(address, message, signature) -> whether the address's key signed exactly that; never raises."""


class Opened(msgspec.Struct, frozen=True):
    """A login, or its renewal."""

    jti: str
    refresh: str
    """In plain text this one time; good for one renewal."""
    holder: KeyHolder

    def __repr__(self) -> str:
        return f"Opened(jti={self.jti!r}, holder={self.holder!r})"


class Factor(msgspec.Struct, frozen=True):
    """An enrolled TOTP secret."""

    sealed_secret: str
    last_step: int
    """Of the last code that was taken."""
    confirmed: bool


class Logins(Protocol):
    """Tokens given out and second factors. Synchronous: called in a thread."""

    def open(self, wallet: str, *, at_ms: int, refreshable_until_ms: int) -> Opened | None:
        """A login of the person whose wallet this is; None where nobody's (or a revoked one)."""
        ...

    def refresh(self, refresh: str, *, at_ms: int, refreshable_until_ms: int) -> Opened | None:
        """A login's next token. A refresh token that comes twice was stolen: the whole login ends."""
        ...

    def holder(self, jti: str) -> KeyHolder | None:
        """Whose token it is, with the role that he has now; None once it or he was revoked."""
        ...

    def close(self, jti: str, *, at_ms: int) -> None:
        """Ends the login that a token came of, with all its tokens."""
        ...

    def wallets(self, identifier: str) -> tuple[str, ...]:
        """Somebody's own wallets."""
        ...

    def factor(self, identifier: str) -> Factor | None: ...

    def enrol(self, identifier: str, *, sealed_secret: str, at_ms: int) -> bool:
        """Keeps a new secret until it is confirmed; False where a confirmed one stands already."""
        ...

    def take_step(self, identifier: str, *, step: int, at_ms: int) -> bool:
        """Takes the code of a time step, confirming the factor; False where that or a later one was taken."""
        ...

    def forget_factor(self, identifier: str) -> bool: ...
