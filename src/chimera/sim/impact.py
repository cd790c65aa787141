"""Our own trades, left in the pools of the past: what we put into a vault stays there, whatever is recorded later.

A recorded write of a vault says what it held without us; ours is added before it is folded. Pools priced by what
their vaults hold (constant product) carry our impact that way, less the venue's own share of its fee, which stays in
the vault too and would not count as reserve. Pools priced by more than that are `sim.traces`'; whose venue cannot say
what a swap leaves behind forgets it with its next recorded write: those are named.
"""

from collections.abc import Iterable
from typing import get_args

import msgspec

from chimera.domain.chain import Account, AccountUpdate, FeedItem
from chimera.domain.ids import Address
from chimera.domain.pool import Quote
from chimera.domain.recording import PoolReread, RawItem
from chimera.domain.snapshot import PoolSnapshot
from chimera.market.view import MarketView
from chimera.onchain.layouts import is_token_account, read_token_account
from chimera.ports.venue import TracedVenue
from chimera.sim.traces import Traces

AMOUNT = slice(64, 72)  # of a token account: u64, little-endian
U64_MAX = 2**64 - 1
FEED = get_args(FeedItem)


class Impact:
    def __init__(self, view: MarketView) -> None:
        """`view` must keep raw accounts."""
        self._view = view
        self._shift: dict[Address, int] = {}
        """By vault: what we brought less what we took."""
        self.traces = Traces(view)
        self.idle = True
        """Whether nothing of ours is in the market: then everything is as it was recorded."""
        self.forgotten: set[Address] = set()
        """Pools that cannot carry it."""
        self.clipped = 0
        """Writes that left a vault with less than we took: it then counts as empty."""

    def told(self, item: FeedItem) -> Iterable[FeedItem]:
        """The item as it would have been with us in the market; what waited for it comes before it."""
        if isinstance(item, AccountUpdate):
            item = self._patched(item)
        return self.traces.told(item) if self.traces.concerns(item) else (item,)

    def remembered(self, item: RawItem) -> Iterable[RawItem]:
        """The same of a record: what a node told of a pool, too."""
        if isinstance(item, FEED):
            return self.told(item)
        if isinstance(item, PoolSnapshot):
            return (self._snapshot(item),)
        if isinstance(item, PoolReread):
            return (msgspec.structs.replace(item, snapshot=self._snapshot(item.snapshot)),)
        return (item,)

    def read(self, update: AccountUpdate) -> AccountUpdate:
        """The same for what a node was asked."""
        return self.traces.read(self._patched(update))

    def take(self, quote: Quote, at_ms: int) -> None:
        """Books a swap of ours into its pool: vaults and prices change at once."""
        self.idle = False
        pool = self._view.pools[quote.pool]
        raw = self._view.raw or {}
        changes = {quote.input_mint: quote.amount_in, quote.output_mint: -quote.amount_out}
        writes: list[AccountUpdate] = []
        traced = isinstance(pool.venue, TracedVenue)
        if traced:
            left = self.traces.take(quote)
            if left is None:
                self.forgotten.add(quote.pool)
            writes += left or ()
        carried = 0
        for address in pool.venue.roles(pool.state).values():
            known = raw.get(address)
            if known is None or not is_token_account(known.account):
                continue
            change = changes.get(read_token_account(known.account).mint, 0)
            if change:
                carried += 1
                self._shift[address] = self._shift.get(address, 0) + change
                writes.append(self._shifted(known, change))
        if carried < len(changes) and not traced:
            self.forgotten.add(quote.pool)
        for write in writes:
            self._view.apply(write, at_ms)

    def _snapshot(self, snapshot: PoolSnapshot) -> PoolSnapshot:
        return msgspec.structs.replace(snapshot, accounts=tuple(map(self.read, snapshot.accounts)))

    def _patched(self, update: AccountUpdate) -> AccountUpdate:
        """The write with ours in the vault."""
        shift = self._shift.get(update.account.address)
        if not shift:
            return update
        return self._shifted(update, shift)

    def _shifted(self, update: AccountUpdate, shift: int) -> AccountUpdate:
        data = bytearray(update.account.data)
        amount = int.from_bytes(data[AMOUNT], "little") + shift
        if not 0 <= amount <= U64_MAX:
            self.clipped += 1
            amount = min(max(amount, 0), U64_MAX)
        data[AMOUNT] = amount.to_bytes(8, "little")
        known = update.account
        account = Account(known.address, known.owner, known.lamports, bytes(data))
        return msgspec.structs.replace(update, account=account)
