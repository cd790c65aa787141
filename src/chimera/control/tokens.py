"""The tokens that a login gives: JWTs of one form, one key and one algorithm, and nothing else is read.

What a token's header may hold is compared, not interpreted: no `kid`, `jku`, `jwk` or `alg` of the caller's choice
ever reaches a decision. Knows nothing of people; who a token stands for is asked of the tables.
"""

import base64
import binascii
from typing import Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

ISSUER = "chimera"
ACCESS, STEP_UP = "chimera-api", "chimera-step-up"
"""Audiences: what a token is good for. One is never taken for the other."""
ACCESS_S, STEP_UP_S = 900, 300
SECRET_BYTES_MIN = 32  # of HMAC-SHA256's own strength
TOKEN_LENGTH_MAX = 2_048
HEADER: Final = {"alg": "HS256", "typ": "JWT"}


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    iss: str
    aud: str
    sub: str
    jti: str
    iat: int
    exp: int


class Tokens:
    def __init__(self, secret: bytes) -> None:
        if len(secret) < SECRET_BYTES_MIN:
            raise ValueError(f"the key of tokens needs {SECRET_BYTES_MIN} bytes")
        self._key = OctKey.import_key(secret)

    def issue(self, *, audience: str, subject: str, jti: str, now_ms: int, lifetime_s: int) -> str:
        issued_s = now_ms // 1_000
        claims = Claims(ISSUER, audience, subject, jti, issued_s, issued_s + lifetime_s)
        return jwt.encode(dict(HEADER), msgspec.to_builtins(claims), self._key, algorithms=["HS256"])

    def read(self, token: str, *, audience: str, now_ms: int) -> Claims | None:
        """What a token says; None for one that is not ours, not for this, or over."""
        if len(token) > TOKEN_LENGTH_MAX or not token.isascii() or not _header_is_ours(token):
            return None
        try:
            told = jwt.decode(token, self._key, algorithms=["HS256"]).claims
            claims = msgspec.convert(told, Claims)
        except (JoseError, msgspec.ValidationError, ValueError, RecursionError):
            return None
        now_s = now_ms // 1_000
        if claims.iss != ISSUER or claims.aud != audience or not claims.iat - 60 <= now_s < claims.exp:
            return None
        return claims


def looks_like_token(text: str) -> bool:
    """API keys have no dots."""
    return text.count(".") == 2


def _header_is_ours(token: str) -> bool:
    header = token.partition(".")[0]
    try:
        told = msgspec.json.decode(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        return False
    return bool(told == HEADER)
