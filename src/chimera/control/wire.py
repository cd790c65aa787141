"""Answers as bytes: JSON bodies, problem bodies and the headers that every answer carries."""

import itertools
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

Header = tuple[bytes, bytes]

JSON: Header = (b"content-type", b"application/json")
SECURITY: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (
        b"content-security-policy",
        (
            b"default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; object-src 'none'; "
            b"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        ),
    ),
)

encode = msgspec.json.Encoder().encode

CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    409: "CONFLICT",
    413: "BODY_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "UNPROCESSABLE",
    429: "RATE_LIMITED",
    500: "INTERNAL",
    501: "UNSUPPORTED",
    503: "UNAVAILABLE",
}


class Problem(Exception):
    """A refusal of a request that becomes its answer; the only thing a route raises on purpose."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.code = code or CODES.get(status, "ERROR")
        self.details, self.headers = dict(details or {}), dict(headers or {})

    def body(self) -> bytes:
        return encode({"error": self.code, "message": self.message, "details": self.details})


class RequestIds:
    """A short id for each request; a caller's own is kept where it is harmless in a header and in a log."""

    _harmless = re.compile(rb"[A-Za-z0-9._-]{1,64}")

    def __init__(self) -> None:
        self._run, self._count = secrets.token_hex(4), itertools.count(1)

    def of(self, headers: Iterable[Header]) -> str:
        for name, value in headers:
            if name == b"x-request-id" and self._harmless.fullmatch(value):
                return value.decode()
        return f"{self._run}-{next(self._count):x}"
