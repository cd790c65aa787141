"""A pool's whole state as it goes to other processes: the accounts that it is made of, as they are on the chain.

Raw accounts and not a venue's own state, so that whoever reads it folds it with his own venues.
"""

import msgspec

from chimera.domain.chain import AccountUpdate
from chimera.domain.ids import Address, Slot


class PoolSnapshot(msgspec.Struct, frozen=True, tag=True):
    venue: str
    pool: Address
    slot: Slot
    accounts: tuple[AccountUpdate, ...]
    """The pool's own first."""
    mint: Address | None = None
    """Where the accounts do not say it: what the pool sells."""
    doubtful: str | None = None
    """Why it must not be bought from."""
    at_ms: int = 0
