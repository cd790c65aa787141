"""Since when a secret is the previous one: kept beside the journal, so that no restart begins its grace anew.

What is kept is a fingerprint of a secret of 256 random bits, which opens nothing, and the moment of its first sight.
"""

import os
from hashlib import sha256
from pathlib import Path

import msgspec

from chimera.domain.errors import ConfigError

FILE = "webhook-rotation.json"
GRACE_MS = 86_400_000


class _Rotation(msgspec.Struct):
    previous: str
    """Fingerprint."""
    since_ms: int


def grace_until_ms(folder: Path, previous: bytes, *, now_ms: int) -> int:
    """When the previous secret ends: a day after this house first had it beside its successor. Raises ConfigError."""
    path, mark = folder / FILE, sha256(b"chimera webhook rotation" + previous).hexdigest()
    try:
        known = msgspec.json.decode(path.read_bytes(), type=_Rotation)
    except (OSError, msgspec.DecodeError):  # the first rotation, or a file that nobody can read
        known = None
    if known is None or known.previous != mark:
        known = _Rotation(mark, now_ms)
        try:
            _write(path, msgspec.json.encode(known))
        except OSError as error:
            raise ConfigError(
                f"security.webhook_secret_previous: cannot note in {path} when its grace began: {error.strerror}"
            ) from None
    # a clock that was set back must not lengthen it
    return min(known.since_ms, now_ms) + GRACE_MS


def _write(path: Path, text: bytes) -> None:
    unfinished = path.with_suffix(".part")
    number = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
