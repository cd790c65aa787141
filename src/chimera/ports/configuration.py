"""Settings that may change while the house runs: what they are, and what a change would be."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    value: Any
    """In force now; amounts of lamports as text."""
    file_value: Any
    """What the settings given at start say."""
    kind: str
    """integer, boolean or text."""
    minimum: int | float | None
    maximum: int | float | None
    text: str
    role: str
    """Who may change it: operator or admin."""
    loosens: str
    """Which way gives more room to lose: up, down, or empty where neither does."""


class Planned(msgspec.Struct, frozen=True):
    """One setting's change, as the journal has it."""

    key: str
    old: str
    new: str
    role: str
    loosens: bool


class Configuration(Protocol):
    def settings(self) -> tuple[Setting, ...]: ...

    @property
    def version(self) -> int:
        """Number of the entry that last changed one of them; 0 before the first."""
        ...

    def plan(self, changes: Mapping[str, Any]) -> tuple[Planned, ...]:
        """What would become different; raises ConfigError, which names the key, where that must not be."""
        ...

    def adopt(self) -> None:
        """Puts what was journalled into force, everywhere at once."""
        ...
