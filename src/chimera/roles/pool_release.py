"""Lets trades on a pool go on that a transaction put in doubt, or failed sales left out, on a person's word.

Journalled first, then told.

An unreadable transaction pauses buys until a readable one comes by; where nobody trades that may be never. What
cannot be read of a pool's own accounts is nobody's to release: it has no price.
"""

from chimera.domain.commands import Answer, Command, ReleasePool
from chimera.domain.messages import Noted
from chimera.market.snapshots import GIVER
from chimera.market.view import TRANSACTION, MarketView
from chimera.ports.apart import PoolTrusted
from chimera.ports.bus import Bus
from chimera.ports.runtime import Clock
from chimera.ports.store import Journal
from chimera.risk.exclusion import RELEASED, PoolExclusions
from chimera.roles.topics import POOL_TRUSTED


class PoolReleaseRole:
    def __init__(
        self,
        *,
        view: MarketView,
        exclusions: PoolExclusions,
        journal: Journal,
        bus: Bus,
        clock: Clock,
    ) -> None:
        """The journal's listeners fold what is recorded here into the exclusions."""
        self._view, self._exclusions = view, exclusions
        self._journal, self._bus, self._clock = journal, bus, clock

    async def perform(self, command: Command) -> Answer:
        """`ports.runtime.Commands`, for the one that is about a pool."""
        if not isinstance(command, ReleasePool):
            return Answer(ok=False, code="UNSUPPORTED", message="that is not about a pool")
        pool = self._view.pools.get(command.pool)
        if pool is None:
            return Answer(ok=False, code="UNKNOWN", message="no such pool is known")
        left_out = self._exclusions.why(command.pool, self._clock.now_ms())
        before = pool.doubtful or left_out
        if before is None:
            return Answer(ok=False, code="NOT_ACTIVE", message="nothing is held against this pool")
        # in a process that follows, the giver's whole reason stands under one role
        known = pool.drift.get(TRANSACTION) or pool.drift.get(GIVER, "")
        doubted = TRANSACTION in pool.drift or known.startswith(TRANSACTION)
        if left_out is None and not doubted:
            return Answer(
                ok=False,
                code="NOT_RELEASABLE",
                message=f"only a transaction's doubt can be released: {before}",
                before=before,
            )
        noted = Noted(RELEASED, {"pool": command.pool, "by": command.by, "cause": command.cause})
        entry = self._journal.append(noted)
        await self._journal.durable(entry.seq)
        if doubted:
            self._bus.publish(POOL_TRUSTED, PoolTrusted(command.pool))
        return Answer(ok=True, message="buys may go on", before=before, after="trusted")
