"""Pools in doubt: one that cannot be read anew is told and tried again for ever; one that a transaction put in doubt
waits for a readable one, or for a person.
"""

import asyncio
import io
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from chimera.adapters.bus_local import LocalBus
from chimera.domain.chain import Account, AccountUpdate
from chimera.domain.commands import ReleasePool
from chimera.domain.failure import Failure
from chimera.domain.ids import WSOL, Address, IntentId, Signature, Slot, TradeId
from chimera.domain.market import PoolReleased
from chimera.domain.messages import LegPlanned, LegReverted, Noted
from chimera.domain.trade import Hop, LegRef
from chimera.localnet.genesis import genesis
from chimera.market.decoder import Unread
from chimera.market.snapshots import adopt, snapshot_of
from chimera.market.view import MarketView, Pool
from chimera.observe import Observer, Redactor, make_log
from chimera.plugins import venues
from chimera.risk.exclusion import PoolExclusions
from chimera.roles import market_reads
from chimera.roles.market import MarketRole
from chimera.roles.market_reads import HEAL_ATTEMPTS, STAYS, STUBBORN_AGAIN_S, TRUSTED, MarketReads
from chimera.roles.pool_release import PoolReleaseRole
from chimera.roles.topics import MARKET
from chimera.testing.builders import address
from chimera.testing.fakes import MemoryJournal, StandingClock

ACCOUNTS = {
    found.address: Account(found.address, found.owner, found.lamports, bytes(found.data))
    for found in genesis(7).accounts
}


def observer() -> Observer:
    log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
    return Observer(log, CollectorRegistry())


def known(*, raw: bool = False) -> tuple[MarketView, Pool]:
    """The world's pools, and one of them."""
    view = MarketView(venues(), keep_raw=raw)
    for slot in (5, 6):
        for account in ACCOUNTS.values():
            view.apply(AccountUpdate(account, Slot(slot), slot), slot)
    return view, next(pool for pool in view.pools.values() if pool.venue.name == "raydium_cpmm")


class Node:
    """Has the world's accounts, without those that are gone."""

    def __init__(self) -> None:
        self.gone: set[Address] = set()
        self.slot = 10
        self.asked = 0

    async def accounts(self, addresses: Sequence[Address], **_: Any) -> tuple[int, list[Account | None]]:
        self.asked += 1
        return self.slot, [None if where in self.gone else ACCOUNTS.get(where) for where in addresses]


async def test_a_pool_that_cannot_be_read_anew_is_told_once_and_trusted_when_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(market_reads, "HEAL_AGAIN_S", 0.0)
    view, pool = known()
    where, node, clock, told = pool.header.address, Node(), StandingClock(), []
    reads = MarketReads(
        chain=node,  # type: ignore[arg-type]
        view=view,
        clock=clock,
        observer=observer(),
        take=lambda update: None,
        publish=lambda events: None,
        healed=lambda pool: None,
        told_stubborn=lambda pool, what: told.append((pool, what)),
    )
    node.gone.add(where)
    for number in range(2):  # two gaps: each doubt is settled by itself
        doubt = view.doubt_since(0, f"gap {number}")
        await reads.heal(doubt, since=10, is_dead=lambda slot: False)
    assert [one for one in view.pools.values() if one.doubtful] == [pool]
    assert told == [(where, STAYS)], "once, not for each doubt"
    asked = node.asked
    await reads.heal_stubborn(is_dead=lambda slot: False)
    assert node.asked == asked, "not its turn yet"
    for turn in range(5):
        clock.forward(int(STUBBORN_AGAIN_S[min(turn, 2)] * 1_000))
        await reads.heal_stubborn(is_dead=lambda slot: False)
        assert node.asked == asked + turn + 1, "ever less often, and never given up"
    assert pool.doubtful is not None
    node.gone.clear()
    node.slot = 9  # an answer from before the doubt arose says nothing
    clock.forward(300_000)
    await reads.heal_stubborn(is_dead=lambda slot: False)
    assert pool.doubtful is not None
    node.slot = 11
    clock.forward(300_000)
    await reads.heal_stubborn(is_dead=lambda slot: True)
    assert pool.doubtful is not None, "nor does one from a fork that is no more"
    clock.forward(300_000)
    await reads.heal_stubborn(is_dead=lambda slot: False)
    assert pool.doubtful is None
    assert told == [(where, STAYS), (where, TRUSTED)]
    assert reads.stubborn == {}
    assert HEAL_ATTEMPTS > 1


class House:
    """A market role that is not running but for its ear for releases, and who performs the command."""

    def __init__(self, view: MarketView, own: MarketView | None = None) -> None:
        self.bus, self.clock, self.noted = LocalBus(), StandingClock(), []
        self.journal = MemoryJournal(self.clock)
        self.events = self.bus.subscribe(MARKET, capacity=100)
        self.market = MarketRole(
            feed=None,  # type: ignore[arg-type]
            chain=None,  # type: ignore[arg-type]
            view=view,
            bus=self.bus,
            clock=self.clock,
            observer=observer(),
            wallet=address("nobody"),
            record=self.noted.append,
        )
        self.exclusions = PoolExclusions()
        self.journal.listeners.append(self.exclusions.apply)
        self.release = PoolReleaseRole(
            view=own or view,
            exclusions=self.exclusions,
            journal=self.journal,
            bus=self.bus,
            clock=self.clock,
        )


def unreadable(view: MarketView, pool: Pool) -> None:
    said = Unread(pool.header.venue, frozenset({pool.header.address}), "instruction 99")
    view.judge((), said, Slot(7), 0)


async def test_what_a_transaction_put_in_doubt_a_person_may_release_on_record() -> None:
    view, pool = known()
    house = House(view)
    listening = asyncio.create_task(house.market._follow_releases())
    asked = ReleasePool(pool.header.address, "looked at it: a new kind of withdrawal", "demo")
    assert (await house.release.perform(asked)).code == "NOT_ACTIVE"
    unreadable(view, pool)
    assert pool.doubtful is not None
    done = await house.release.perform(asked)
    assert done.ok, done
    async with asyncio.timeout(30):
        assert isinstance(await house.events.get(), PoolReleased)
    assert pool.doubtful is None
    (noted,) = house.journal.facts()
    assert isinstance(noted, Noted)
    assert noted.data == {"pool": pool.header.address, "by": "demo", "cause": asked.cause}
    assert [fact.what for fact in house.noted] == ["pool released"]
    assert (await house.release.perform(ReleasePool(address("none"), "x", "y"))).code == "UNKNOWN"
    listening.cancel()


async def test_what_cannot_be_read_of_the_pool_itself_is_nobodys_to_release() -> None:
    view, pool = known()
    house = House(view)
    torn = ACCOUNTS[pool.header.address]
    view.apply(AccountUpdate(Account(torn.address, torn.owner, 1, torn.data[:400]), Slot(8), 9), 0)
    assert pool.doubtful is not None
    done = await house.release.perform(ReleasePool(pool.header.address, "please", "demo"))
    assert (done.ok, done.code) == (False, "NOT_RELEASABLE")
    assert house.journal.facts() == []


async def test_a_pool_that_failed_sales_left_out_is_released_once_and_that_is_on_record() -> None:
    view, pool = known()
    house = House(view)
    for number in range(3):
        leg = LegRef(f"leg{number}", IntentId("i"), TradeId("t"))
        hop = Hop("x", pool.header.address, address("sold"), WSOL, 1, 1)
        house.journal.append(LegPlanned(leg, (hop,), 1, 1, 1, Slot(1), 1, 1, 0))
        house.journal.append(LegReverted(leg, Signature("s"), Slot(1), "Custom(1)", -1, Failure.TRANSACTION))
    asked = ReleasePool(pool.header.address, "it sells again", "demo")
    done = await house.release.perform(asked)
    assert (done.ok, done.before) == (True, "3 sales failed on it within 120 s")
    assert house.exclusions.now(house.clock.now_ms()) == frozenset()
    assert (await house.release.perform(asked)).code == "NOT_ACTIVE"
    assert len([fact for fact in house.journal.facts() if isinstance(fact, Noted)]) == 1


async def test_in_a_process_that_follows_the_command_reaches_whoever_reads_the_chain() -> None:
    giver, pool = known(raw=True)
    unreadable(giver, pool)
    follower = MarketView(venues())
    snapshot = snapshot_of(giver, pool.header.address, at_ms=1)
    assert snapshot is not None
    adopt(follower, snapshot, 1)
    house = House(giver, follower)
    listening = asyncio.create_task(house.market._follow_releases())
    assert (await house.release.perform(ReleasePool(pool.header.address, "looked at", "demo"))).ok
    async with asyncio.timeout(30):
        await house.events.get()
    fresh = snapshot_of(giver, pool.header.address, at_ms=2)
    assert fresh is not None
    adopt(follower, fresh, 2)
    assert follower.pools[pool.header.address].doubtful is None
    listening.cancel()
