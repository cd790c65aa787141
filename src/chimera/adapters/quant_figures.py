"""Traders' own figures out of a JSON file, for the reference quantitative engine. Must not judge them."""

from pathlib import Path

import msgspec

from chimera.domain.errors import ConfigError
from chimera.treasury.trust import Figures

TRADERS_MAX = 10_000


def read_figures(file: Path) -> tuple[list[Figures], int]:
    """(the file's traders, Unix milliseconds at which it was written). Raises ConfigError."""
    try:
        told = msgspec.json.decode(file.read_bytes(), type=list[Figures])
        at_ms = file.stat().st_mtime_ns // 1_000_000
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from None
    if len(told) > TRADERS_MAX:
        raise ConfigError(f"{file}: more than {TRADERS_MAX} traders")
    return told, at_ms
