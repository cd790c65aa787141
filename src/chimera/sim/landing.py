"""Whether and when what was sent lands: a model of parts to choose, and chance that is passed in."""

import msgspec

from chimera.domain.ids import Slot
from chimera.domain.units import BPS
from chimera.ports.runtime import Rng


class LandingModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a cluster treats a transaction. The defaults are a quiet day."""

    slots_min: int = 1
    """Between handing it over and the slot that it lands in."""
    slots_max: int = 3
    dropped_bps: int = 200
    """Of the times it is handed over: nobody ever sees it. It is sent again, until its blockhash is too old."""
    tip_median_lamports: int = 10_000
    """Of a bundle in each slot half of all winners tip more; a quarter twice as much, an eighth four times."""
    confirmed_after: int = 2
    """Slots until it is confirmed."""
    finalized_after: int = 32

    def lands(self, slot: Slot, *, bundle: bool, tip_lamports: int, rng: Rng) -> Slot | None:
        """The slot that it would land in, or None."""
        if rng.randrange(BPS) < self.dropped_bps:
            return None
        if bundle and tip_lamports < self._tip_needed(rng):
            return None
        return Slot(slot + self.slots_min + rng.randrange(self.slots_max - self.slots_min + 1))

    def _tip_needed(self, rng: Rng) -> int:
        """Halved once and doubled for each coin that falls right: few slots are contested, those are dear."""
        needed = self.tip_median_lamports // 2
        while needed < self.tip_median_lamports << 7 and rng.randrange(2):
            needed *= 2
        return needed
