"""What others pay is brought to the books of costs, and grows stale where nobody brings it."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from chimera.domain.errors import Unreachable
from chimera.domain.ids import WSOL, Address, IntentId, Slot, TradeId
from chimera.domain.intent import Style
from chimera.domain.messages import Entry, LegLanded, LegPlanned
from chimera.domain.trade import Hop, LegRef
from chimera.domain.units import Lamports
from chimera.execution.costs import Costs
from chimera.observe import Observer, Redactor, make_log
from chimera.ports.chain import TipFloor
from chimera.roles.costs import CostsRole
from chimera.testing.builders import BONK, address, fill
from chimera.testing.fakes import StandingClock

POOL = address("pool")
LEG = LegRef("leg", IntentId("i"), TradeId("t"))
SOL = 10**9


class Outside:
    """A node and a block engine at once."""

    def __init__(self) -> None:
        self.down = False
        self.asked: list[list[Address]] = []

    async def priority_fees(self, written: Sequence[Address]) -> tuple[int, ...]:
        self.asked.append(list(written))
        if self.down:
            raise Unreachable("primary", "HTTP 503")
        return (40_000,) if written else (20_000,)

    async def tip_accounts(self) -> tuple[Address, ...]:
        return ()

    async def tip_floor(self) -> TipFloor:
        if self.down:
            raise Unreachable("jito", "HTTP 503")
        return TipFloor(*[Lamports(3_000_000)] * 6)


def role(costs: Costs, outside: Outside, clock: StandingClock, *, engine: bool = True) -> CostsRole:
    return CostsRole(
        costs=costs, fees=outside, engine=outside if engine else None, prices_every_s=1, tips_every_s=1,
        clock=clock, observer=Observer(make_log(level="error", json=True, redactor=Redactor()), CollectorRegistry()),
    )  # fmt: skip


def planned() -> Entry:
    hop = Hop("raydium_cpmm", POOL, WSOL, BONK, 1, 1)
    return Entry(1, 1_000, "r", LegPlanned(LEG, (hop,), 1, 1, 1, Slot(1), 1, 1, 0))


async def test_the_chain_and_each_pool_worth_it_are_asked_for_and_what_does_not_come_grows_stale() -> None:
    costs, outside, clock = Costs(), Outside(), StandingClock()
    loop = role(costs, outside, clock)
    costs.apply(planned())
    await loop.ask_prices()
    assert outside.asked == [[], [POOL]]
    assert (costs.prices.price([POOL]), costs.prices.price([address("x")])) == (40_000, 20_000)
    outside.down = True
    clock.forward(60_000)
    await loop.ask_prices()
    assert costs.prices.price([POOL]) == 40_000
    clock.forward(1)
    await loop.ask_prices()
    assert costs.prices.price([POOL]) is None


async def test_tips_that_landed_are_brought_and_grow_stale_too() -> None:
    costs, outside, clock = Costs(), Outside(), StandingClock()
    for _ in range(10):
        costs.apply(Entry(1, clock.now_ms(), "r", LegLanded(LEG, fill(tip_lamports=1_500_000))))
    loop = role(costs, outside, clock)
    await loop.ask_tips()
    assert costs.tips.tip(Style.SPEAR, trade_lamports=SOL) == 3_000_000
    outside.down = True
    clock.forward(60_001)
    await loop.ask_tips()
    assert costs.tips.tip(Style.SPEAR, trade_lamports=SOL) == 1_500_000


async def test_without_a_block_engine_nobody_is_asked_for_tips() -> None:
    costs, outside = Costs(), Outside()
    await role(costs, outside, StandingClock(), engine=False).ask_tips()
    assert costs.tips.tip(Style.SPEAR, trade_lamports=SOL) == 2_000_000
