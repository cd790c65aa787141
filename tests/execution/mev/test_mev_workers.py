"""Reactions: only to parents that have happened, only while switched on, circles alone, one a pool and pause."""

from typing import Any

import pytest

from chimera.domain.ids import USDC, WSOL, IntentId, Signature, Slot, TradeId
from chimera.domain.intent import Origin, Side, TradeIntent
from chimera.domain.market import PoolUpdated, Trade
from chimera.domain.messages import Entry, Fact, LegDropped, LegExpired, LegLanded, LegPlanned, LegReverted
from chimera.domain.pool import Swap
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Hop, LegRef
from chimera.execution.mev.parameters import FeeParameters
from chimera.execution.mev.workers import UNAVAILABLE, Kind, MevLimits, MevWorkers
from chimera.market.view import MarketView
from chimera.testing.builders import AT_MS, address, fill
from chimera.testing.products import VENUE, Product, product, update

SOL = 10**9
TOKEN = address("a token")
CHEAP = product("cheap", (WSOL, TOKEN), (1_000 * SOL, 1_050 * 10**12))
DEAR = product("dear", (WSOL, TOKEN), (1_000 * SOL, 1_000 * 10**12))
LEG = LegRef("leg", IntentId("intent"), TradeId("trade"))
THEIRS = Signature("a stranger's")
REACTING = (Kind.EXECUTION_ARB, Kind.BACKRUN, Kind.RE_ARB)


class Room:
    def __init__(self, *on: Kind, pools: tuple[Product, ...] = (CHEAP, DEAR), **limits: Any) -> None:
        self.view = MarketView({"products": VENUE})  # type: ignore[dict-item]
        self.view.see_slot(Slot(5), AT_MS)
        for pool in pools:
            self.view.apply(update(pool), AT_MS)
        self.workers = MevWorkers(self.view, MevLimits(on=frozenset(on), **limits))
        self.now = AT_MS

    def entry(self, fact: Fact) -> list[TradeIntent]:
        return self.workers.on_entry(Entry(1, self.now, "run", fact), self.now)

    def planned(self, *hops: Hop) -> None:
        assert self.entry(LegPlanned(LEG, hops, 1, 1, 1, Slot(5), 1, 1, 0)) == []

    def trade(self, lamports: int = 5 * SOL, pool: Product = CHEAP) -> list[TradeIntent]:
        swap = Swap("products", pool.address, address("x"), TOKEN, WSOL, 10**12, lamports, THEIRS, Slot(5), 0)
        return self.workers.on_market(Trade(swap, self.now), self.now)


BUY = Hop("products", CHEAP.address, WSOL, TOKEN, SOL, 10**12)
ROUND = (
    Hop("products", CHEAP.address, WSOL, TOKEN, SOL, 10**12),
    Hop("products", DEAR.address, TOKEN, WSOL, 10**12, SOL),
)


def test_the_gap_that_a_trade_of_our_own_opened_is_closed_in_its_name() -> None:
    room = Room(Kind.EXECUTION_ARB)
    room.planned(BUY)
    (wanted,) = room.entry(LegLanded(LEG, fill(signature=Signature("ours"))))
    assert wanted.side is Side.CYCLE
    assert (wanted.origin, wanted.parent) == (Origin.EXECUTION_MEV_B, Signature("ours"))
    assert wanted.source == "mev.execution_arb"
    assert wanted.pools == (CHEAP.address, DEAR.address)
    assert wanted.expected_profit_lamports >= wanted.profit_lamports_min


def test_a_strangers_trade_is_followed_after_it_has_happened() -> None:
    (wanted,) = Room(Kind.BACKRUN).trade()
    assert (wanted.origin, wanted.parent, wanted.source) == (Origin.EXECUTION_MEV_B, THEIRS, "mev.backrun")


def test_where_the_pool_is_not_known_yet_as_the_trade_left_it_the_next_write_decides() -> None:
    level = product("cheap", (WSOL, TOKEN), (1_000 * SOL, 1_000 * 10**12))
    room = Room(Kind.BACKRUN, pools=(level, DEAR))
    assert room.trade() == []
    room.view.apply(update(CHEAP, slot=6), AT_MS)
    written = PoolUpdated(VENUE.header(CHEAP), 1, 1, Slot(6), AT_MS)
    (wanted,) = room.workers.on_market(written, room.now)
    assert wanted.parent == THEIRS
    assert room.workers.on_market(written, room.now + 10_000) == [], "a write without a trade is no parent"


def test_a_small_trade_is_not_worth_a_look() -> None:
    assert Room(Kind.BACKRUN).trade(SOL - 1) == []


@pytest.mark.parametrize("ended", [
    LegReverted(LEG, Signature("ours"), Slot(5), "InstructionError(5)", -5_000),
    LegExpired(LEG, Signature("ours"), 200),
])  # fmt: skip
def test_a_circle_of_ours_that_failed_is_looked_at_again(ended: Fact) -> None:
    room = Room(Kind.RE_ARB)
    room.planned(*ROUND)
    (wanted,) = room.entry(ended)
    assert (wanted.source, wanted.parent) == ("mev.re_arb", Signature("ours"))
    assert room.entry(ended) == [], "once"


def test_other_ends_of_legs_are_nobodys_parent() -> None:
    room = Room(*REACTING)
    room.planned(BUY)
    assert room.entry(LegDropped(LEG, Refusal(Reason.SIMULATION_FAILED))) == []
    assert room.entry(LegLanded(LEG, fill())) == [], "it was forgotten"
    room.planned(BUY)
    assert room.entry(LegReverted(LEG, Signature("x"), Slot(5), "error", -5_000)) == [], "it was no circle"
    room.planned(*ROUND)
    assert room.entry(LegLanded(LEG, fill())) == [], "our own circle opens no gap"


def test_everything_is_off_unless_switched_on() -> None:
    room = Room()
    assert MevLimits().on == frozenset()
    assert room.trade() == []
    room.planned(BUY)
    assert room.entry(LegLanded(LEG, fill())) == []


@pytest.mark.parametrize("kind", sorted(UNAVAILABLE))
def test_a_worker_that_cannot_work_here_says_so_and_stays_off(kind: Kind) -> None:
    workers = Room(kind).workers
    assert workers.working == frozenset()
    assert workers.refused == {kind: UNAVAILABLE[kind]}


def test_a_pool_is_reacted_to_once_a_pause() -> None:
    room = Room(Kind.BACKRUN)
    assert len(room.trade()) == 1
    assert room.trade() == []
    room.now += 1_000
    assert len(room.trade()) == 1


def test_what_does_not_pay_after_costs_is_left_alone() -> None:
    near = product("near", (WSOL, TOKEN), (1_000 * SOL, 1_008 * 10**12))
    assert Room(Kind.BACKRUN, pools=(near, DEAR)).trade(pool=near) == []
    assert Room(Kind.BACKRUN, profit_lamports_min=SOL).trade() == []


def test_pools_in_doubt_are_not_looked_through() -> None:
    room = Room(Kind.BACKRUN)
    room.view.pools[DEAR.address].drift["pool"] = "it looks strange"
    assert room.trade() == []


def test_circles_over_three_pools_are_found_from_each_of_them() -> None:
    bank = product("bank", (WSOL, USDC), (100_000 * SOL, 15_000_000 * 10**6))
    on = product("on", (USDC, TOKEN), (150_000 * 10**6, 1_100 * 10**12))
    home = product("home", (TOKEN, WSOL), (1_000 * 10**12, 1_000 * SOL))
    room = Room(Kind.BACKRUN, pools=(bank, on, home))
    for touched in (bank, on, home):
        room.now += 1_000
        (wanted,) = room.trade(pool=touched)
        assert wanted.pools == (bank.address, on.address, home.address)


def test_the_work_of_a_reaction_is_bounded() -> None:
    pools = [product(f"{n}", (WSOL, TOKEN), (1_000 * SOL, (1_000 + n) * 10**12)) for n in range(40)]
    mints = [address(f"mint {n}") for n in range(40)]
    pools += [product(f"on {m}", (TOKEN, m), (10**15, 10**15)) for m in mints]
    pools += [product(f"home {m}", (m, WSOL), (10**15, 10**12)) for m in mints]
    room = Room(Kind.BACKRUN, pools=tuple(pools))
    room.trade(pool=pools[0])
    assert 0 < room.workers._search.asked <= 512


def test_fees_rise_while_legs_expire_and_fall_again_as_they_land_within_bounds() -> None:
    worker = FeeParameters(on=True)
    expired, landed = LegExpired(LEG, Signature("x"), 1), LegLanded(LEG, fill())
    assert worker.price(20_000, floor=10_000) == 20_000
    worker.apply(Entry(1, 0, "run", expired))
    assert worker.price(20_000, floor=10_000) == 30_000
    assert worker.price(None, floor=10_000) == 15_000
    for _ in range(10):
        worker.apply(Entry(1, 0, "run", expired))
    assert worker.price(20_000, floor=10_000) == 80_000, "four times the market's price and no more"
    for _ in range(20):
        worker.apply(Entry(1, 0, "run", landed))
    assert worker.price(20_000, floor=10_000) == 20_000


def test_the_fee_worker_is_off_by_default_and_then_changes_nothing() -> None:
    worker = FeeParameters()
    worker.apply(Entry(1, 0, "run", LegExpired(LEG, Signature("x"), 1)))
    assert worker.price(20_000, floor=10_000) == 20_000
    assert worker.price(None, floor=10_000) is None
