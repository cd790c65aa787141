"""What a gRPC call's end means to us: statuses of gRPC and HTTP as the house's outside errors."""

from chimera.domain.errors import Garbled, OutsideError, RateLimited, Rejected, Unreachable

# google.rpc.Code, by number.
NAMES = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED "
    "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS "
    "UNAUTHENTICATED"
).split()
REJECTIONS = {
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "FAILED_PRECONDITION",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "UNAUTHENTICATED",
}


def outside(who: str, *, http: str | None, grpc: str | None, message: str) -> OutsideError:
    """The error for an end. OK is one too, for a stream that should have gone on.

    `http` counts only where there is no `grpc`: a proxy on the way answers without one.
    """
    if grpc is None:
        return _from_http(who, http or "")
    try:
        code = int(grpc)
    except ValueError:
        return Garbled(who, f"grpc-status {grpc[:20]!r}")
    name = NAMES[code] if 0 <= code < len(NAMES) else f"status {code}"
    what = f"{name}: {message}" if message else name
    if name == "OK":
        return Unreachable(who, "the stream ended")
    if name in REJECTIONS:
        return Rejected(who, what, code=code)
    if name == "RESOURCE_EXHAUSTED":
        return RateLimited(who, what)
    if name == "DATA_LOSS":
        return Garbled(who, what)
    return Unreachable(who, what)


def _from_http(who: str, status: str) -> OutsideError:
    if status == "429":
        return RateLimited(who, "HTTP 429")
    if status.startswith("4"):
        return Rejected(who, f"HTTP {status}", code=int(status) if status.isdigit() else None)
    if status.startswith("5"):
        return Unreachable(who, f"HTTP {status}")
    return Garbled(who, f"no gRPC answer, HTTP {status or 'without status'}")
