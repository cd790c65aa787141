"""Who can sign. Nothing here says how a key is kept, and there is no way to get one out."""

from typing import Protocol

from chimera.domain.ids import Address


class Signer(Protocol):
    """The one holder of the trading key (wall 2)."""

    @property
    def address(self) -> Address:
        """The wallet it signs for."""
        ...

    def sign(self, message: bytes) -> bytes:
        """64 bytes of Ed25519 over a serialised transaction message; never retried, never logged."""
        ...
