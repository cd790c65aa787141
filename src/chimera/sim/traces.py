"""Our own trades, left in pools that are priced by more than their vaults: bonding curves, ticks, bins.

Such a pool is kept twice: as it was recorded, and as it would be with us. What others did is done again on ours: each
recorded swap is computed on both by the venue's integers, and ours becomes what was recorded, moved by the difference
between the two answers. So a swap meets the price that we left, liquidity comes and goes as it did, and a pool that we
did not touch stays to the last unit what was recorded. Writes of a swap wait for its transaction, within their slot.
Must not know vaults (`sim.impact`), nor who traded, nor why.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator

import msgspec

from chimera.domain.chain import AccountUpdate, FeedItem, SlotStatus, SlotUpdate, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import Address, Signature
from chimera.domain.pool import Quote, Swap
from chimera.domain.risk import Refusal
from chimera.market.view import MarketView
from chimera.ports.venue import TracedVenue, Venue

DONE_MAX = 2_000  # transactions whose writes may still come: more than any slot holds


class _Kept(msgspec.Struct):
    """A pool of ours."""

    venue: Venue[object]
    traced: TracedVenue
    recorded: object
    """As others made it, and nobody else."""
    ours: object
    waiting: list[AccountUpdate] = []
    """Writes whose transaction has not come yet."""


class Traces:
    def __init__(self, view: MarketView) -> None:
        """`view` must keep raw accounts."""
        self._view = view
        self._kept: dict[Address, _Kept] = {}
        self._pools_of: dict[Address, dict[Address, str]] = {}
        """By account: the pools that it is of, and its role there."""
        self._done: OrderedDict[Signature, None] = OrderedDict()
        """Transactions that were done again."""
        self.lost: set[Address] = set()
        """Pools where something could not be done again on ours, so that it moved as the recorded one did."""

    def concerns(self, item: FeedItem) -> bool:
        """Whether `told` would say anything but the item itself: most items are of pools without us."""
        kind = type(item)
        if kind is AccountUpdate:
            return item.account.address in self._pools_of  # type: ignore[union-attr]
        if kind is TransactionUpdate:
            return not self._kept.keys().isdisjoint(item.accounts)  # type: ignore[union-attr]
        return kind is SlotUpdate and any(kept.waiting for kept in self._kept.values())

    def take(self, quote: Quote) -> list[AccountUpdate] | None:
        """The writes by which a swap of ours changes its pool; None where its venue cannot say."""
        pool = self._view.pools[quote.pool]
        venue = pool.venue
        if not isinstance(venue, TracedVenue):
            return None
        kept = self._kept.get(quote.pool)
        before = kept.ours if kept is not None else pool.state
        after = venue.after(before, quote.input_mint, quote.amount_in, self._view.moment())
        if isinstance(after, Refusal):
            return None
        if kept is None:
            kept = self._kept[quote.pool] = _Kept(venue, venue, pool.state, after)
        kept.ours = after
        self._follow(quote.pool, kept)
        return list(self._differing(kept, None))

    def told(self, item: FeedItem) -> Iterator[FeedItem]:
        """The item as it would have been with us in the market, and what had to wait for it before it."""
        match item:
            case AccountUpdate():
                yield from self._account(item)
            case TransactionUpdate():
                yield from self._transaction(item)
                yield item
            case SlotUpdate(slot, _, SlotStatus.PROCESSED):
                for kept in self._kept.values():  # no swap wrote what still waits: liquidity came or went
                    due = [one for one in kept.waiting if one.slot <= slot]
                    kept.waiting = [one for one in kept.waiting if one.slot > slot]
                    yield from self._written(kept, due)
                yield item
            case _:
                yield item

    def read(self, update: AccountUpdate) -> AccountUpdate:
        """What a node was asked for: taken as recorded, and answered as ours."""
        for address, role in self._pools_of.get(update.account.address, {}).items():
            kept = self._kept[address]
            for _ in self._written(kept, [update]):
                pass
            update = msgspec.structs.replace(
                update, account=kept.traced.written(kept.ours, role, update.account)
            )
        return update

    # what is recorded

    def _account(self, update: AccountUpdate) -> Iterator[AccountUpdate]:
        pools = self._pools_of.get(update.account.address)
        if not pools:
            yield update
            return
        passed = False
        for address, role in pools.items():
            kept = self._kept[address]
            moves = kept.traced.moves(role)
            if moves and update.signature is not None and update.signature not in self._done:
                kept.waiting.append(update)
                passed = True
                continue
            made = list(self._written(kept, [update]))
            yield from (one for one in made if moves or one.account.address != update.account.address)
            passed = passed or moves
        if not passed:
            yield update

    def _transaction(self, transaction: TransactionUpdate) -> Iterator[AccountUpdate]:
        for address in self._kept.keys() & set(transaction.accounts):
            kept = self._kept[address]
            swaps = _swaps_of(kept.venue, transaction, address)
            mine = [one for one in kept.waiting if one.signature == transaction.signature]
            kept.waiting = [one for one in kept.waiting if one.signature != transaction.signature]
            plain, ours = self._again(kept, address, swaps)
            yield from self._written(kept, mine, plain=plain, ours=ours)
        self._done[transaction.signature] = None
        if len(self._done) > DONE_MAX:
            self._done.popitem(last=False)

    def _again(self, kept: _Kept, address: Address, swaps: Iterable[Swap]) -> tuple[object, object]:
        """Both, each with the swaps done to it; a swap that one of them refuses is done to neither."""
        plain, ours = kept.recorded, kept.ours
        moment = self._view.moment()
        for swap in swaps:
            one, other = (
                kept.traced.after(state, swap.input_mint, swap.amount_in, moment) for state in (plain, ours)
            )
            if isinstance(one, Refusal) or isinstance(other, Refusal):
                self.lost.add(address)
                break
            plain, ours = one, other
        return plain, ours

    def _written(
        self,
        kept: _Kept,
        updates: list[AccountUpdate],
        *,
        plain: object | None = None,
        ours: object | None = None,
    ) -> Iterator[AccountUpdate]:
        """Folds what was recorded, moves ours as far as `ours` is from `plain`, and says what that writes."""
        if plain is None or ours is None:
            plain, ours = kept.recorded, kept.ours
        elif not updates:
            # its writes are still to come: the difference is kept on what there is
            moved = kept.traced.shifted(kept.recorded, by=ours, than=plain)
            kept.ours = kept.ours if moved is None else moved
            return
        if not updates:
            return
        for update in updates:
            kept.recorded = self._folded(kept, update)
        address = kept.venue.header(kept.recorded).address
        moved = kept.traced.shifted(kept.recorded, by=ours, than=plain)
        if moved is None:  # what was ours has no place there any more
            self.lost.add(address)
            moved = kept.recorded
        kept.ours = moved
        self._follow(address, kept)
        for update in updates:
            role = self._pools_of.get(update.account.address, {}).get(address, "")
            account = kept.traced.written(kept.ours, role, update.account)
            yield msgspec.structs.replace(update, account=account)
        yield from self._differing(kept, updates[-1], {one.account.address for one in updates})

    def _folded(self, kept: _Kept, update: AccountUpdate) -> object:
        state = kept.recorded
        for role, address in kept.venue.roles(state).items():
            if address == update.account.address:
                try:
                    state = kept.venue.apply(state, role, update.account, slot=update.slot)
                except DecodeError:
                    return kept.recorded  # the view says so of it, when it gets it
        return state

    # what is ours

    def _differing(
        self, kept: _Kept, like: AccountUpdate | None, but: Iterable[Address] = ()
    ) -> Iterator[AccountUpdate]:
        """Accounts whose bytes the view holds otherwise than ours are, written when `like` was."""
        raw = self._view.raw or {}
        left = set(but)
        for role, address in kept.venue.roles(kept.ours).items():
            known = raw.get(address)
            if known is None or address in left or not kept.traced.moves(role):
                continue
            account = kept.traced.written(kept.ours, role, known.account)
            if account.data != known.account.data:
                yield msgspec.structs.replace(like or known, account=account)

    def _follow(self, address: Address, kept: _Kept) -> None:
        """Its accounts, as they are named by the recorded price and by ours."""
        for state in (kept.recorded, kept.ours):
            for role, account in kept.venue.roles(state).items():
                self._pools_of.setdefault(account, {})[address] = role


def _swaps_of(venue: Venue[object], transaction: TransactionUpdate, pool: Address) -> list[Swap]:
    try:
        return [swap for swap in venue.decode_transaction(transaction) if swap.pool == pool]
    except DecodeError:
        return []  # the view quarantines what it touched
