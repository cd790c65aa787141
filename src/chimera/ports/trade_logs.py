"""Flat files of what was decided and executed, as whoever shows them reads them."""

from collections.abc import Iterator
from typing import Any, Protocol

STREAMS = ("intents", "decisions", "executions")


class TradeLogs(Protocol):
    def newest(self, stream: str) -> Iterator[dict[str, Any]]:
        """Records, the newest first, each with its header; lines that cannot be read are passed over."""
        ...
