"""How old the house's secrets are: by the files they are kept in and by the table of keys. Never what they are."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from chimera.ports.screens import SecretSeen


class _Key(Protocol):
    @property
    def identifier(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def key_prefix(self) -> str | None: ...
    @property
    def added_at_ms(self) -> int: ...
    @property
    def revoked_at_ms(self) -> int | None: ...


class SecretAges:
    """`ports.screens.Secrets`."""

    def __init__(self, files: Mapping[str, Path | None], keys: Callable[[], Iterable[_Key]]) -> None:
        """`files`: where each secret lies; None where the environment gave it, whose age nobody knows."""
        self._files, self._keys = dict(files), keys

    def look(self) -> tuple[SecretSeen, ...]:
        """The kept ones first, then each API key that still opens something."""
        kept = [
            SecretSeen(name=name, kept="" if path is None else "file", at_ms=_written(path))
            for name, path in self._files.items()
        ]
        keys = [
            SecretSeen(name=f"API key of {key.identifier} ({key.role})", kept="table", at_ms=key.added_at_ms)
            for key in self._keys()
            if key.key_prefix is not None and key.revoked_at_ms is None
        ]
        return (*kept, *keys)


def _written(path: Path | None) -> int | None:
    try:
        return None if path is None else path.stat().st_mtime_ns // 1_000_000
    except OSError:  # it is not there (any more): its age is not known
        return None
