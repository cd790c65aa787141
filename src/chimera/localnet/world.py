"""What the world's traders decide, tick by tick: pure, so that the same seed gives the same decisions.

Turning decisions into transactions is the stage's business, sending them `world_runner`'s. What is planned is told
here too, for tests and reports: the chain tells nobody.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

from chimera.domain.ids import Address
from chimera.localnet.coins import SEASON_TICKS, Coin, Nature, coins, natures
from chimera.localnet.season_plan import Trend, season, trends
from chimera.localnet.world_plan import ACT_TICKS, Campaign, Decision, act, campaigns


class World:
    def __init__(self, seed: int) -> None:
        self.seed = seed

    def decisions(self, tick: int) -> list[Decision]:
        """What is decided in this tick, in order; the same whenever and however often it is asked."""
        return [*self._told(tick, act, ACT_TICKS), *self._told(tick, season, SEASON_TICKS)]

    def campaigns(self, ticks: int) -> list[Campaign]:
        """The campaigns that begin before that tick: what foresight knows and nobody else does."""
        acts = range(-(-ticks // ACT_TICKS))
        return [made for number in acts for made in campaigns(self.seed, number) if made.tick < ticks]

    def trends(self, ticks: int) -> list[Trend]:
        """The trends that begin before that tick."""
        return [made for number in _seasons(ticks) for made in trends(self.seed, number) if made.tick < ticks]

    def coins(self, ticks: int) -> list[Coin]:
        """The coins that are made before that tick."""
        return [made for number in _seasons(ticks) for made in coins(self.seed, number) if made.tick < ticks]

    def natures(self, ticks: int) -> Mapping[Address, Nature]:
        """What every token is that exists before that tick, by mint."""
        return natures(self.seed, ticks)

    def _told(self, tick: int, plan: "Plan", length: int) -> list[Decision]:
        """What a plan of parts of that length says, each of which may reach into the next one."""
        number = tick // length
        earlier = _by_tick(plan, self.seed, number - 1).get(tick, ()) if number else ()
        return [*earlier, *_by_tick(plan, self.seed, number).get(tick, ())]


Plan = Callable[[int, int], tuple[Decision, ...]]
"""(seed, number of the part) -> what begins in it"""


def _seasons(ticks: int) -> range:
    return range(-(-ticks // SEASON_TICKS))


@lru_cache(32)
def _by_tick(plan: Plan, seed: int, number: int) -> dict[int, tuple[Decision, ...]]:
    planned: dict[int, list[Decision]] = {}
    for decision in plan(seed, number):
        planned.setdefault(decision.tick, []).append(decision)
    return {tick: tuple(decided) for tick, decided in planned.items()}
