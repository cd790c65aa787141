"""Second factors by RFC 6238: six digits of HMAC-SHA1 over 30-second steps, as every authenticator app makes them.

Secrets are sealed with AES-256-GCM before they reach a table; a secret that cannot be unsealed is no factor that
anybody could meet, so what it protects stays shut.
"""

import base64
import hmac
import os
from collections.abc import Iterator
from urllib.parse import quote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

STEP_MS = 30_000
DIGITS = 6
DRIFT_STEPS = 1  # a phone's clock may be half a minute off (RFC 6238, 5.2)
SECRET_BYTES = 20  # of SHA-1's own length (RFC 4226, 4 R6)
_NONCE_BYTES = 12


def new_secret() -> bytes:
    return os.urandom(SECRET_BYTES)


def code_at(secret: bytes, step: int) -> str:
    """RFC 4226, 5.3: dynamic truncation."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(secret: bytes, code: str, *, now_ms: int) -> int | None:
    """The time step that a code belongs to, None for a wrong one; every step is compared."""
    found = None
    for step in _steps(now_ms):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode(errors="replace")):
            found = step
    return found


def uri(secret: bytes, identifier: str) -> str:
    """What authenticator apps read from a QR code."""
    name = quote(f"Chimera:{identifier}")
    return f"otpauth://totp/{name}?secret={base32(secret)}&issuer=Chimera&digits={DIGITS}&period=30"


def base32(secret: bytes) -> str:
    return base64.b32encode(secret).decode().rstrip("=")


class Seal:
    """Encrypts secrets for the table, each bound to its owner."""

    def __init__(self, key: bytes) -> None:
        derived = HKDF(hashes.SHA256(), length=32, salt=None, info=b"chimera second factors").derive(key)
        self._cipher = AESGCM(derived)

    def close(self, secret: bytes, *, identifier: str) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret, identifier.encode())
        return base64.b64encode(nonce + sealed).decode()

    def open(self, text: str, *, identifier: str) -> bytes | None:
        """The secret; None where the key changed or the row was tampered with."""
        raw = base64.b64decode(text)
        try:
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], identifier.encode())
        except InvalidTag:
            return None


def _steps(now_ms: int) -> Iterator[int]:
    now = now_ms // STEP_MS
    yield from range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1)
