"""What many pools share is looked at once: the thousandth pool costs no more than the first."""

import sys
from collections.abc import Callable
from types import FrameType

from chimera.domain.chain import Account, AccountUpdate
from chimera.domain.ids import Address, Slot
from chimera.localnet.genesis import genesis
from chimera.market.snapshots import adopt, snapshot_of
from chimera.market.view import MarketView, Pool
from chimera.onchain.keys import address_bytes
from chimera.plugins import venues
from chimera.testing.builders import address

ACCOUNTS = {
    found.address: Account(found.address, found.owner, found.lamports, bytes(found.data))
    for found in genesis(7).accounts
}


def many(count: int) -> tuple[MarketView, int]:
    """A view with that many clones of one pool, and how many calls of functions they took."""
    base = MarketView(venues())
    for slot in (5, 6):
        for account in ACCOUNTS.values():
            base.apply(AccountUpdate(account, Slot(slot), slot), slot)
    pool = next(found for found in base.pools.values() if found.venue.name == "raydium_cpmm")
    roles = pool.venue.roles(pool.state)
    own = {roles[role] for role in ("pool", "vault_0", "vault_1", "observation") if role in roles}
    view = MarketView(venues(), keep_raw=True)
    return view, calls_of(lambda: _fill(view, pool, own, count))


def calls_of(work: Callable[[], None]) -> int:
    """Counted, not timed: a busy machine must not decide."""
    calls = 0

    def called(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(called)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def _fill(view: MarketView, pool: Pool, own: set[Address], count: int) -> None:
    for number in range(count):
        names = {old: address(f"{number} {old}") for old in own}
        for old in sorted(own, key=lambda where: where != pool.header.address):
            if old not in ACCOUNTS:
                continue
            data = ACCOUNTS[old].data
            for before, after in names.items():
                data = data.replace(address_bytes(before), address_bytes(after))
            clone = Account(names[old], ACCOUNTS[old].owner, 1, data)
            view.apply(AccountUpdate(clone, Slot(6), number), 6)
        for wanted in sorted(view.wanted & ACCOUNTS.keys()):  # as a node is asked
            view.apply(AccountUpdate(ACCOUNTS[wanted], Slot(6), number), 6)


def test_an_account_that_is_known_from_other_pools_is_neither_asked_for_nor_told_again() -> None:
    view, _ = many(5)
    assert len(view.pools) == 5
    assert all(pool.complete for pool in view.pools.values())
    shared = {a for a, watchers in view._watchers.items() if len(watchers) == 5}
    assert shared, "they have something in common"
    assert not view.wanted & shared & ACCOUNTS.keys()


def test_a_thousand_pools_cost_a_thousand_times_one_and_so_do_their_snapshots() -> None:
    many(50)  # what is worked out once is there
    _, few = many(150)
    view, lots = many(1_500)
    assert lots < 11 * few, f"{few} calls for 150, {lots} for 1,500"
    snapshots = [snapshot for a in view.pools if (snapshot := snapshot_of(view, a, at_ms=1)) is not None]
    assert len(snapshots) == 1_500

    def adopted(count: int) -> tuple[MarketView, int]:
        follower = MarketView(venues())

        def all_of_them() -> None:
            for snapshot in snapshots[:count]:
                adopt(follower, snapshot, 1)

        return follower, calls_of(all_of_them)

    _, few = adopted(150)
    follower, lots = adopted(1_500)
    assert lots < 11 * few, f"{few} calls for 150, {lots} for 1,500"
    assert {a: p.state for a, p in follower.pools.items()} == {a: p.state for a, p in view.pools.items()}


def test_after_a_gap_what_is_shared_is_asked_for_again() -> None:
    view, _ = many(3)
    (some, *_) = (a for a, watchers in view._watchers.items() if len(watchers) == 3)
    view.doubt_since(0, "gap: test")
    assert some not in view._shared
