"""Pools handed from one process's view to another's: taken as raw accounts, adopted whole.

The giver has folded forks and gaps already; who adopts takes each snapshot for the truth, older or newer.
"""

import msgspec

from chimera.domain.ids import Address, Slot
from chimera.domain.market import MarketEvent, PoolQuarantined, PoolReleased
from chimera.domain.snapshot import PoolSnapshot
from chimera.market.view import MarketView
from chimera.onchain.layouts import is_mint
from chimera.ports.venue import MintTeller

GIVER = "giver"
"""The role under which a pool is quarantined that the giver holds in doubt."""
UNMADE = "its accounts do not make it anew"


def snapshot_of(view: MarketView, address: Address, *, at_ms: int) -> PoolSnapshot | None:
    """The pool as its accounts; None where it is not known completely. The view must keep raw accounts."""
    pool = view.pools.get(address)
    if pool is None or view.raw is None or not pool.complete:
        return None
    roles = pool.venue.roles(pool.state)
    order = dict.fromkeys((address, *roles.values()))
    return PoolSnapshot(
        venue=pool.header.venue,
        pool=address,
        slot=Slot(pool.slot),
        accounts=tuple(view.raw[where] for where in order if where in view.raw),
        mint=pool.header.mint_a if isinstance(pool.venue, MintTeller) else None,
        doubtful=pool.doubtful,
        at_ms=at_ms,
    )


def adopt(view: MarketView, snapshot: PoolSnapshot, at_ms: int) -> list[MarketEvent]:
    """Makes the pool what the snapshot says; nothing for a venue that we do not have."""
    if snapshot.venue not in view.venues or not snapshot.accounts:
        return []
    events: list[MarketEvent] = []
    if snapshot.pool not in view.pools:
        if snapshot.mint is not None:
            view.tell_mints({snapshot.pool: snapshot.mint}, at_ms)
        # its own first; of the others only mints that nobody knows yet: what many pools share would be told to all
        events += view.apply(snapshot.accounts[0], at_ms)
        for update in snapshot.accounts[1:]:
            if is_mint(update.account) and update.account.address not in view.mints:
                events += view.apply(update, at_ms)
    if snapshot.pool in view.pools:
        updates = {update.account.address: update for update in snapshot.accounts}
        made = view.rebuild(snapshot.pool, updates, snapshot.slot, at_ms)
        if made is None:  # what was known goes on being shown, and nobody buys by it
            snapshot = msgspec.structs.replace(snapshot, doubtful=snapshot.doubtful or UNMADE)
        events += made or []
    return [*events, *_judge(view, snapshot, at_ms)]


def _judge(view: MarketView, snapshot: PoolSnapshot, at_ms: int) -> list[MarketEvent]:
    pool = view.pools.get(snapshot.pool)
    if pool is None:
        return []
    known = GIVER in pool.drift
    if snapshot.doubtful is not None:
        pool.drift[GIVER] = snapshot.doubtful
        told = PoolQuarantined(snapshot.venue, snapshot.pool, GIVER, snapshot.doubtful, snapshot.slot, at_ms)
        return [] if known else [told]
    pool.drift.pop(GIVER, None)
    return [PoolReleased(snapshot.venue, snapshot.pool, GIVER, snapshot.slot, at_ms)] if known else []
