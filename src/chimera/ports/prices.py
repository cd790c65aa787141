"""What a SOL costs in money, for the record: nothing is decided by it."""

from typing import Protocol


class SolPrice(Protocol):
    source: str
    """Who says so, as it stands beside every value."""

    async def micro_usd(self) -> int | None:
        """Of one SOL, now; None where nobody can say. Raises nothing."""
        ...
