"""The market plane's loop: bootstrap once by RPC, then follow the stream; every hole is named and healed.

RPC is asked at start, for accounts that a new pool needs, and after a gap or a fork; never in steady operation.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import TypeVar

from chimera.domain.chain import (
    Account,
    AccountUpdate,
    BlockUpdate,
    FeedGap,
    FeedItem,
    SlotStatus,
    SlotUpdate,
    TransactionUpdate,
)
from chimera.domain.errors import OutsideError, Rejected
from chimera.domain.ids import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address, Slot
from chimera.domain.live import MarketSeen
from chimera.domain.market import MarketEvent, MarketGap, SlotAdvanced, WalletBalance
from chimera.market.decoder import Decoder
from chimera.market.sequencer import Sequencer
from chimera.market.view import MarketView
from chimera.observe import Observer
from chimera.onchain.keys import address_bytes
from chimera.onchain.layouts import is_token_account, read_token_account
from chimera.ports.bus import Bus
from chimera.ports.chain import Chain, Feed, Subscription
from chimera.ports.runtime import Clock
from chimera.ports.venue import AccountFilter
from chimera.roles.topics import LIVE, MARKET

T = TypeVar("T")

ACCOUNTS_A_CALL = 100  # getMultipleAccounts' own limit
RECONNECT_AFTER_S = (0.1, 0.25, 0.5, 1.0, 2.0)
ITEMS_A_BREATH = 256  # items handled before the loop lets others in


class MarketRole:
    def __init__(
        self,
        *,
        feed: Feed,
        chain: Chain,
        view: MarketView,
        bus: Bus,
        clock: Clock,
        observer: Observer,
        wallet: Address,
    ) -> None:
        self._feed, self._chain, self._view, self._bus = feed, chain, view, bus
        self._clock, self._observer, self._wallet = clock, observer, wallet
        self._sequencer = Sequencer()
        self._decoder = Decoder(view.venues)
        self._subscribed: set[Address] = set()
        self._healing: set[asyncio.Task[None]] = set()
        self.state = "down"
        """connected, reconnecting or down."""
        self.ready = asyncio.Event()
        """Set once every known pool is complete and the stream runs."""
        self.block: BlockUpdate | None = None
        """The newest block heard of."""

    async def run(self) -> None:
        """Follows the stream until cancelled; a lost stream is taken up where it ended."""
        from_slot: int | None = await self._bootstrap()
        attempt = 0
        while True:
            try:
                async for item in self._feed.subscribe(self._wish(), from_slot=from_slot):
                    if self.state != "connected":
                        self.state, attempt = "connected", 0
                        self.ready.set()
                    await self._receive(item)
            except Rejected as refused:
                # the replay window has passed: go on from now, and say what is missing
                self._observer.feed_moved(state="reconnecting", cause=str(refused))
                await self._gap(
                    FeedGap(Slot(self._sequencer.last_slot + 1), Slot(self._view.slot), str(refused))
                )
                from_slot = None
            except OutsideError as lost:
                self._observer.feed_moved(state="reconnecting", cause=str(lost))
                from_slot = self._sequencer.last_slot or None
            self.state = "reconnecting"
            self._publish_health()
            await asyncio.sleep(RECONNECT_AFTER_S[min(attempt, len(RECONNECT_AFTER_S) - 1)])
            attempt += 1

    async def report(self) -> None:
        """Says every second how the plane is, until cancelled."""
        while True:
            self._publish_health()
            await asyncio.sleep(1)

    # start

    async def _bootstrap(self) -> int:
        """Reads all pools once; returns the slot that the stream must go on from."""
        slot = await self._patiently(self._chain.slot)
        for venue in self._view.venues.values():
            for wanted in venue.prefilter.accounts:
                if wanted.owner != venue.program:
                    continue  # vaults come by name, with their pool
                at, accounts = await self._chain.program_accounts(wanted)
                self._fold(AccountUpdate(account, Slot(at), 0) for account in accounts)
        await self._fetch_wanted()
        now = self._clock.now_ms()
        self._view.see_slot(Slot(slot), now)
        return slot

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer, however long the other side is away; that it is away is said each time."""
        while True:
            try:
                return await ask()
            except OutsideError as error:
                self._observer.feed_moved(state="waiting for rpc", cause=str(error))
                await asyncio.sleep(0.5)

    async def _fetch_wanted(self) -> None:
        """Accounts that pools need and that the stream has not brought: mints, configurations, vaults."""
        asked: set[Address] = set()
        while missing := sorted(self._view.wanted - asked):
            asked.update(missing)
            await self._read(missing)

    async def _read(self, addresses: Sequence[Address]) -> None:
        for start in range(0, len(addresses), ACCOUNTS_A_CALL):
            slot, accounts = await self._chain.accounts(addresses[start : start + ACCOUNTS_A_CALL])
            self._fold(AccountUpdate(account, Slot(slot), 0) for account in accounts if account)

    # stream

    def _wish(self) -> Subscription:
        filters = [wanted for venue in self._view.venues.values() for wanted in venue.prefilter.accounts]
        programs = [
            address for venue in self._view.venues.values() for address in venue.prefilter.transactions
        ]
        ours = (32, address_bytes(self._wallet))  # a token account's owner field
        filters += [
            AccountFilter(owner=program, memcmp=(ours,)) for program in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM)
        ]
        self._subscribed = {*self._view.addresses, self._wallet}
        return Subscription(
            accounts=tuple(filters),
            addresses=tuple(sorted(self._subscribed)),
            transactions=(*programs, self._wallet),
        )

    async def _receive(self, item: FeedItem) -> None:
        for passed in self._sequencer.process(item):
            match passed:
                case AccountUpdate():
                    self._account(passed)
                case TransactionUpdate():
                    self._transaction(passed)
                case SlotUpdate():
                    await self._slot(passed)
                case BlockUpdate():
                    self.block = passed
                case FeedGap():
                    await self._gap(passed)
        if self._sequencer.received % ITEMS_A_BREATH == 0:
            await asyncio.sleep(0)

    def _account(self, update: AccountUpdate) -> None:
        now = self._clock.now_ms()
        self._balance(update, now)
        self._publish(self._view.apply(update, now))
        if self._view.wanted and not self._healing:
            self._heal(self._complete())

    def _balance(self, update: AccountUpdate, now: int) -> None:
        """Our own holdings, native and in tokens."""
        account = update.account
        if account.address == self._wallet:
            mint, amount = SYSTEM_PROGRAM, account.lamports
        elif is_token_account(account) and (token := read_token_account(account)).owner == self._wallet:
            mint, amount = token.mint, token.amount
        else:
            return
        balance = WalletBalance(self._wallet, mint, account.address, amount, update.slot, now)
        self._bus.publish(MARKET, balance)

    def _transaction(self, transaction: TransactionUpdate) -> None:
        for trade in self._decoder.decode(transaction, self._clock.now_ms()):
            self._bus.publish(MARKET, trade)

    async def _slot(self, update: SlotUpdate) -> None:
        now = self._clock.now_ms()
        if update.status is SlotStatus.DEAD:
            self._heal(self._after_fork(update.slot))
        elif update.status is SlotStatus.PROCESSED and update.slot > self._view.slot:
            self._view.see_slot(update.slot, now)
            self._bus.publish(MARKET, SlotAdvanced(update.slot, now))

    async def _gap(self, gap: FeedGap) -> None:
        """Names the hole and reads every pool anew: what was written in it may never be sent again."""
        now = self._clock.now_ms()
        self._observer.feed_gap(first_slot=gap.first_slot, last_slot=gap.last_slot, cause=gap.cause)
        self._bus.publish(MARKET, MarketGap(gap.first_slot, gap.last_slot, gap.cause, now))
        self._heal(self._reread(self._view.doubt_since(0, f"gap: {gap.cause}")))

    async def _after_fork(self, slot: int) -> None:
        await self._reread(self._view.doubt_since(slot, f"slot {slot} was undone"))

    async def _reread(self, addresses: list[Address]) -> None:
        """Pools stay in doubt, and are not bought from, until a read succeeds."""
        found: list[Account] = []
        at = 0
        for start in range(0, len(addresses), ACCOUNTS_A_CALL):
            part = addresses[start : start + ACCOUNTS_A_CALL]
            at, accounts = await self._patiently(partial(self._chain.accounts, part))
            found += [account for account in accounts if account is not None]
        self._publish(self._view.reread(found, Slot(at), self._clock.now_ms()))

    async def _complete(self) -> None:
        """A new pool showed up: fetch what it lacks and add it to the running subscription."""
        await self._fetch_wanted()
        if self._view.addresses - self._subscribed:
            await self._feed.change(self._wish())

    def _heal(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._healing.add(task)
        task.add_done_callback(self._healed)

    def _healed(self, task: asyncio.Task[None]) -> None:
        self._healing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._observer.role_failed(role="market", error=error)

    # out

    def _fold(self, updates: Iterable[AccountUpdate]) -> None:
        now = self._clock.now_ms()
        for update in updates:
            self._publish(self._view.apply(update, now))

    def _publish(self, events: Sequence[MarketEvent]) -> None:
        for event in events:
            self._bus.publish(MARKET, event)

    def _publish_health(self) -> None:
        pools = self._view.pools.values()
        self._bus.publish(
            LIVE,
            MarketSeen(
                slot=self._view.slot,
                slot_at_ms=self._view.slot_at_ms,
                feed=self.state,
                gaps=self._sequencer.gaps,
                pools=len(pools),
                pools_fresh=sum(pool.complete and pool.doubtful is None for pool in pools),
                at_ms=self._clock.now_ms(),
            ),
        )
