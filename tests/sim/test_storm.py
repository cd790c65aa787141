"""A slice of `chimera sim`: what must hold does, and a desk with a wall taken out is found out."""

import msgspec
import pytest

from chimera.domain.failure import Failure
from chimera.domain.intent import TradeIntent
from chimera.domain.messages import LegExpired
from chimera.execution.desk import Desk, DeskLimits
from chimera.execution.effects import Effect, HandedOver, Simulated
from chimera.execution.locks import conflict
from chimera.execution.watch import WatchLimits
from chimera.sim import storm as storms
from chimera.sim.storm import Found, storm

SEEDS = 300
SEEDS_A_BUG = 60


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, SEEDS, 50))
def test_what_must_hold_holds_in_every_storm(start: int) -> None:
    found = [storm(seed) for seed in range(start, start + 50)]
    assert [one for one in found if one.broken] == []
    assert sum(one.kills for one in found) > 50
    assert sum(one.landed for one in found) > 200
    assert sum(one.undone for one in found) > 0


def test_the_same_seed_is_the_same_day() -> None:
    assert storm(3) == storm(3)


class WithoutSimulation(Desk):
    """Wall 3 is gone: what failed is signed all the same."""

    def _simulated(self, message: Simulated, now_ms: int) -> list[Effect]:
        if message.simulation is not None:
            fine = msgspec.structs.replace(message.simulation, error=None)
            message = msgspec.structs.replace(message, simulation=fine)
        return super()._simulated(message, now_ms)


class TimeoutIsFailure(Desk):
    """Wall 5 is gone: who does not answer has not taken it."""

    def _handed_over(self, message: HandedOver) -> list[Effect]:
        leg = self.ledger.legs.get(message.leg_id)
        if message.cause and leg is not None and leg.signature is not None:
            self._record(LegExpired(leg.ref, leg.signature, 0))
            self._lost(leg, "timed out", Failure.TIMEOUT, 0)
            return []
        return super()._handed_over(message)


class WithoutLocks(Desk):
    """Two legs of a mint at once."""

    def _free(self, intent: TradeIntent) -> bool:
        return True


class Deaf(Desk):
    """What was simulated when trading was halted is signed all the same."""

    def _simulated(self, message: Simulated, now_ms: int) -> list[Effect]:
        switch = self._books.kill_switch
        active, switch.active = switch.active, False
        try:
            return super()._simulated(message, now_ms)
        finally:
            switch.active = active


class RepeatsReverts(Desk):
    """A revert counts at once, though a fork may undo it and land what was to be replaced."""

    def _taken(self, intent: TradeIntent) -> str:
        return conflict(intent, self.ledger.legs.values())


DEEP = {"forked": 0.08, "fork_blocks_max": 7, "reverted": 0.2, "rebroadcast": 0.7}
"""Forks below confirmed, and reverts for them to undo."""

HASTY = DeskLimits(watch=WatchLimits(expiry_margin_blocks=-145, not_found_answers=1))
"""Wall 4 is gone: a second signature while the first may still land."""


@pytest.mark.parametrize(
    ("desk_type", "limits", "words"),
    [
        (WithoutSimulation, None, "simulation had failed"),
        (Desk, HASTY, "landed twice"),
        (TimeoutIsFailure, None, "landed twice"),
        (WithoutLocks, None, "two legs of one mint"),
        (Deaf, None, "after trading had been halted"),
    ],
    ids=["wall 3", "wall 4", "wall 5", "locks", "kill switch"],
)
def test_a_desk_without_a_wall_is_found_out(
    desk_type: type[Desk], limits: DeskLimits | None, words: str
) -> None:
    assert words in first_broken(desk_type, limits, words).broken


def test_bytes_that_leave_before_they_are_on_disk_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storms._Day, "_send", lambda day, send: day.hand_over(send))
    assert "is not on disk" in first_broken(Desk, None, "is not on disk").broken


def test_replacing_what_a_fork_may_still_land_is_found_out() -> None:
    assert "landed twice" in first_broken(RepeatsReverts, None, "landed twice", **DEEP).broken


def first_broken(desk_type: type[Desk], limits: DeskLimits | None, words: str, **faults: float) -> Found:
    """The first day on which just this came out; other days may show other damage of the same bug."""
    for seed in range(SEEDS_A_BUG):
        found = storm(seed, desk_type=desk_type, limits=limits, **faults)
        if words in found.broken:
            return found
    raise AssertionError(f"{SEEDS_A_BUG} storms did not notice")
