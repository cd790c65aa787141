"""What the world's traders decide, tick by tick: pure, so that the same seed gives the same decisions.

Turning decisions into transactions is `world_runner`'s business.
"""

from functools import lru_cache

from chimera.localnet.world_plan import ACT_TICKS, Campaign, Decision, act, campaigns


class World:
    def __init__(self, seed: int) -> None:
        self.seed = seed

    def decisions(self, tick: int) -> list[Decision]:
        """What is decided in this tick, in order; the same whenever and however often it is asked."""
        number = tick // ACT_TICKS
        earlier = _by_tick(self.seed, number - 1).get(tick, ()) if number else ()
        return [*earlier, *_by_tick(self.seed, number).get(tick, ())]

    def campaigns(self, ticks: int) -> list[Campaign]:
        """The campaigns that begin before that tick: what foresight knows and nobody else does."""
        acts = range(-(-ticks // ACT_TICKS))
        return [made for number in acts for made in campaigns(self.seed, number) if made.tick < ticks]


@lru_cache(16)
def _by_tick(seed: int, number: int) -> dict[int, tuple[Decision, ...]]:
    planned: dict[int, tuple[Decision, ...]] = {}
    for decision in act(seed, number):
        planned[decision.tick] = (*planned.get(decision.tick, ()), decision)
    return planned
