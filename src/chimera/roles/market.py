"""The market plane's loop: bootstrap once by RPC, then follow the stream; every hole is named and healed.

A lost stream is taken up where it ended. A hole on a running one is replayed by subscribing again from its first
slot; only what cannot be replayed, and what a fork undid, is read by RPC (`market_reads`). Never blocks on who
listens: the bus drops at a slow subscriber's limit, and counts.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence

from chimera.domain.chain import (
    AccountUpdate,
    BlockUpdate,
    FeedGap,
    FeedItem,
    GapClosed,
    SlotStatus,
    SlotUpdate,
    TransactionUpdate,
)
from chimera.domain.errors import OutsideError, Rejected
from chimera.domain.ids import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address, Signature, Slot
from chimera.domain.live import MarketSeen
from chimera.domain.market import (
    EventSource,
    MarketEvent,
    MarketGap,
    PoolQuarantined,
    PoolReleased,
    SlotAdvanced,
    WalletBalance,
)
from chimera.domain.messages import Noted
from chimera.domain.recording import Bootstrapped, PoolReread, RawItem
from chimera.market.decoder import Decoder
from chimera.market.sequencer import Sequencer
from chimera.market.snapshots import snapshot_of
from chimera.market.view import Doubt, MarketView
from chimera.observe import Observer
from chimera.onchain.keys import address_bytes
from chimera.onchain.layouts import is_token_account, read_token_account
from chimera.ports.apart import PoolTrusted
from chimera.ports.bus import Bus
from chimera.ports.chain import Chain, Feed, Subscription
from chimera.ports.runtime import Clock
from chimera.ports.venue import AccountFilter
from chimera.roles.market_reads import STAYS, MarketReads
from chimera.roles.topics import LIVE, MARKET, POOL_TRUSTED, WALLET_BALANCES

RECONNECT_AFTER_S = (0.1, 0.25, 0.5, 1.0, 2.0)
ITEMS_A_BREATH = 256  # items handled before the loop lets others in
POOLS_A_BREATH = 2_000  # pools counted or compared, half a millisecond
COMPLETE_EVERY_S = 1.0  # how often accounts that a node did not have are thought of again
SLOTS_UNTIL_SURE = 2  # a changed subscription has taken effect by then
NOTE_AGAIN_MS = 60_000  # a pool that flickers is not written down more often
REASONS_SHOWN = 5
HEAL_LOOK_S = 5.0  # pools that wait longest wait half a minute and more
RELEASES_CAPACITY = 1_000


def _unrecorded(_: Noted) -> None:
    """Where nobody keeps a journal."""


def _unheard(_: Signature | None) -> None:
    """Where nobody watches the wallet."""


def _unkept(_: RawItem, __: int) -> None:
    """Where nobody makes a recording."""


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
        record: Callable[[Noted], object] = _unrecorded,
        touched: Callable[[Signature | None], object] = _unheard,
        keep: Callable[[RawItem, int], object] = _unkept,
    ) -> None:
        """`record` keeps what a person will ask for later: quarantines.

        `touched` hears of every transaction that touches an account of ours, whoever made it.
        `keep` hears of every item that is folded, and when, before its events are published: for recordings. It
        must not wait. Pools that are read anew reach it only where the view keeps raw accounts.
        """
        self._feed, self._view, self._bus = feed, view, bus
        self._clock, self._observer, self._wallet, self._record = clock, observer, wallet, record
        self._touched, self._keep = touched, keep
        self._sequencer = Sequencer()
        self._decoder = Decoder(view.venues)
        self._reads = MarketReads(
            chain=chain,
            view=view,
            clock=clock,
            observer=observer,
            take=self._take_read,
            publish=self._publish,
            healed=self._healed,
            told_stubborn=self._tell_stubborn,
        )
        self._releases = bus.subscribe(POOL_TRUSTED, capacity=RELEASES_CAPACITY)
        self._wished = 0
        """How many accounts the subscription has asked for by name."""
        self._fresh = 0
        """Pools that may be bought from, as last counted."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._lacking, self._slot_seen = asyncio.Event(), asyncio.Event()
        self._gap_doubts: list[Doubt] = []
        self._lost = False
        """Whether any of the open gaps cannot be filled."""
        self._noted_ms: dict[Address, int] = {}
        self.state = "down"
        """connected, reconnecting or down."""
        self.ready = asyncio.Event()
        """Set once every known pool is complete and the stream runs."""
        self.block: BlockUpdate | None = None
        """The newest block heard of."""

    async def run(self) -> None:
        """Follows the stream until cancelled."""
        from_slot = await self._reads.bootstrap()
        self._keep(Bootstrapped(Slot(from_slot)), self._clock.now_ms())
        loops = [
            asyncio.create_task(self._follow(from_slot), name="market stream"),
            asyncio.create_task(self._keep_complete(), name="market pools"),
            asyncio.create_task(self._keep_healing(), name="market doubts"),
            asyncio.create_task(self._follow_releases(), name="market releases"),
        ]
        try:
            await asyncio.gather(*loops)
        finally:
            for task in (*loops, *self._tasks):
                task.cancel()
            await asyncio.gather(*loops, *self._tasks, return_exceptions=True)

    async def report(self) -> None:
        """Says every second how the plane is, until cancelled."""
        while True:
            self._fresh = await self._count_fresh()
            self._publish_health()
            self._observer.plane.bus_counted(self._bus.depths())
            await asyncio.sleep(1)

    async def _count_fresh(self) -> int:
        """How many pools may be bought from; fifty thousand are not counted in one breath."""
        fresh = 0
        for number, pool in enumerate(list(self._view.pools.values())):
            fresh += pool.complete and pool.doubtful is None
            if number % POOLS_A_BREATH == POOLS_A_BREATH - 1:
                await asyncio.sleep(0)
        return fresh

    # stream

    async def _follow(self, from_slot: int | None) -> None:
        attempt = 0
        while True:
            stream = self._feed.subscribe(self._wish(), from_slot=from_slot)
            try:
                async for item in stream:
                    if self.state != "connected":
                        self.state, attempt = "connected", 0
                        self._observer.feed_moved(state=self.state)
                        self.ready.set()
                    if self._receive(item):
                        break  # a hole: the replay from its first slot is another subscription
                    if self._sequencer.received % ITEMS_A_BREATH == 0:
                        await asyncio.sleep(0)
                from_slot = self._sequencer.resume_slot
            except Rejected as refused:
                # the replay window has passed: go on from now, and say what is missing
                self._moved("reconnecting", str(refused))
                self._sequencer.begin_anew(str(refused))
                self._gap_doubts.append(self._view.doubt_since(0, f"gap: {refused}"))
                self._lost = True
                from_slot = None
            except OutsideError as lost:
                self._moved("reconnecting", str(lost))
                from_slot = (
                    self._sequencer.resume_slot if from_slot is not None or self.ready.is_set() else None
                )
            finally:
                if isinstance(stream, AsyncGenerator):
                    await stream.aclose()
            if self.state == "connected":
                continue
            await asyncio.sleep(RECONNECT_AFTER_S[min(attempt, len(RECONNECT_AFTER_S) - 1)])
            attempt += 1

    def _moved(self, state: str, cause: str) -> None:
        self.state = state
        self._observer.feed_moved(state=state, cause=cause)
        self._publish_health()

    def _wish(self) -> Subscription:
        filters = [wanted for venue in self._view.venues.values() for wanted in venue.prefilter.accounts]
        programs = [
            address for venue in self._view.venues.values() for address in venue.prefilter.transactions
        ]
        ours = (32, address_bytes(self._wallet))  # a token account's owner field
        filters += [
            AccountFilter(owner=program, memcmp=(ours,)) for program in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM)
        ]
        subscribed = {*self._view.addresses, self._wallet}
        self._wished = self._view.address_count
        return Subscription(
            accounts=tuple(filters),
            addresses=tuple(sorted(subscribed)),
            transactions=(*programs, self._wallet),
        )

    def _receive(self, item: FeedItem) -> bool:
        """Folds an item; whether a hole showed that a replay may fill."""
        hole = False
        for passed in self._sequencer.process(item):
            match passed:
                case AccountUpdate():
                    self._account(passed)
                case TransactionUpdate():
                    self._transaction(passed)
                case SlotUpdate():
                    self._slot(passed)
                case BlockUpdate():
                    self.block = passed
                    self._keep(passed, self._clock.now_ms())
                case FeedGap():
                    self._gap(passed)
                    hole = True
                case GapClosed():
                    self._gap_closed(passed)
        return hole and self._sequencer.incomplete

    def _account(self, update: AccountUpdate) -> None:
        now = self._clock.now_ms()
        self._keep(update, now)
        self._balance(update, now)
        self._publish(self._view.apply(update, now))
        if self._view.wanted:
            self._lacking.set()

    def _take_read(self, update: AccountUpdate) -> None:
        """A node's answer, which must not push aside what the stream has brought since."""
        if update.account.address in self._view.wanted:
            now = self._clock.now_ms()
            self._keep(update, now)
            self._publish(self._view.apply(update, now))
        else:
            self._receive(update)

    def _balance(self, update: AccountUpdate, now: int) -> None:
        """Our own holdings, native and in tokens."""
        account = update.account
        if account.address == self._wallet:
            mint, amount = SYSTEM_PROGRAM, account.lamports
        elif is_token_account(account) and (token := read_token_account(account)).owner == self._wallet:
            mint, amount = token.mint, token.amount
        else:
            return
        self._touched(update.signature)
        source = EventSource.GEYSER if update.write_version else EventSource.RPC
        balance = WalletBalance(self._wallet, mint, account.address, amount, update.slot, now, source)
        self._bus.publish(MARKET, balance)
        self._bus.publish(WALLET_BALANCES, balance)

    def _transaction(self, transaction: TransactionUpdate) -> None:
        now = self._clock.now_ms()
        self._keep(transaction, now)
        if self._wallet in transaction.accounts:
            self._touched(transaction.signature)
        decoded = self._decoder.decode(transaction, now)
        if decoded.mints:
            self._publish(self._view.tell_mints(decoded.mints, now))
        for trade in decoded.trades:
            self._bus.publish(MARKET, trade)
        if decoded.unread is not None or self._view.quarantined:
            self._publish(self._view.judge(decoded.trades, decoded.unread, transaction.slot, now))

    def _slot(self, update: SlotUpdate) -> None:
        now = self._clock.now_ms()
        self._keep(update, now)
        if update.status is SlotStatus.DEAD:
            doubt = self._view.undo(update.slot)
            if doubt.pools:
                self._bus.publish(MARKET, MarketGap(update.slot, update.slot, "the slot was undone", now))
                self._heal(doubt)
        elif update.status is SlotStatus.PROCESSED and update.slot > self._view.slot:
            self._view.see_slot(update.slot, now)
            self._slot_seen.set()
            self._bus.publish(MARKET, SlotAdvanced(update.slot, now))

    # holes

    def _gap(self, gap: FeedGap) -> None:
        now = self._clock.now_ms()
        self._keep(gap, now)
        self._observer.feed_gap(first_slot=gap.first_slot, last_slot=gap.last_slot, cause=gap.cause)
        self._bus.publish(MARKET, MarketGap(gap.first_slot, gap.last_slot, gap.cause, now))
        self._gap_doubts.append(self._view.doubt_since(0, f"gap: {gap.cause}"))

    def _gap_closed(self, closed: GapClosed) -> None:
        """Filled: the stream has brought all of it. Else every pool is read anew."""
        self._keep(closed, self._clock.now_ms())
        self._observer.plane.gap_closed(
            first_slot=closed.first_slot, last_slot=closed.last_slot, filled=closed.filled
        )
        self._lost = self._lost or not closed.filled
        if self._sequencer.incomplete:
            return
        doubts, self._gap_doubts = self._gap_doubts, []
        lost, self._lost = self._lost, False
        for doubt in doubts:
            if lost:
                self._heal(doubt)
            else:
                self._view.trust(doubt)

    def _heal(self, doubt: Doubt) -> None:
        since, is_dead = self._sequencer.last_slot, self._sequencer.is_dead
        self._spawn(self._reads.heal(doubt, since=since, is_dead=is_dead))

    def _healed(self, pool: Address) -> None:
        now = self._clock.now_ms()
        snapshot = snapshot_of(self._view, pool, at_ms=now)
        if snapshot is not None:
            doubts = tuple(self._view.pools[pool].feed_doubts.values())
            self._keep(PoolReread(snapshot, doubts), now)

    async def _keep_healing(self) -> None:
        """Pools that could not be read anew when it was their turn are tried again, ever less often."""
        while True:
            await asyncio.sleep(HEAL_LOOK_S)
            if self._reads.stubborn:
                await self._reads.heal_stubborn(is_dead=self._sequencer.is_dead)

    def _tell_stubborn(self, pool: Address, what: str) -> None:
        header = self._view.pools[pool].header
        self._observer.plane.pool_stubborn(venue=header.venue, pool=pool, stubborn=what == STAYS)
        cause = "a node's accounts do not make it anew" if what == STAYS else ""
        self._record(
            Noted(what, {"venue": header.venue, "pool": pool, "cause": cause, "slot": self._view.slot})
        )

    # a person's word

    async def _follow_releases(self) -> None:
        """A pool that a transaction put in doubt, and that somebody has looked at."""
        async for asked in self._releases:
            if isinstance(asked, PoolTrusted):
                self._publish(self._view.absolve(asked.pool, self._clock.now_ms()))

    # pools that lack something

    async def _keep_complete(self) -> None:
        """New pools: watch their accounts by name, fetch what they lack now, and once more when it is sure that
        nothing was written between the two.
        """
        while True:
            try:
                async with asyncio.timeout(COMPLETE_EVERY_S):
                    await self._lacking.wait()
            except TimeoutError:
                pass
            self._lacking.clear()
            # counted, not compared: fifty thousand pools have a quarter of a million of them
            if self._view.address_count > self._wished and self.state == "connected":
                await self._change()
            if self._reads.lacking():
                asked = await self._reads.fetch_wanted()
                self._spawn(self._make_sure(sorted(asked)))

    async def _make_sure(self, addresses: Sequence[Address]) -> None:
        until = self._sequencer.last_slot + SLOTS_UNTIL_SURE
        while self._sequencer.last_slot < until:
            self._slot_seen.clear()
            await self._slot_seen.wait()
        await self._reads.read(addresses)

    async def _change(self) -> None:
        try:
            await self._feed.change(self._wish())
        except OutsideError as lost:
            self._wished = 0  # the next subscription carries the wish anyway
            self._observer.feed_moved(state="wish not heard", cause=str(lost))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._observer.role_failed(role="market", error=error)

    # out

    def _publish(self, events: Sequence[MarketEvent]) -> None:
        for event in events:
            self._bus.publish(MARKET, event)
            if isinstance(event, PoolQuarantined | PoolReleased):
                self._note(event)

    def _note(self, event: PoolQuarantined | PoolReleased) -> None:
        """Counts and alerts every time; writes down a pool that flickers once a minute."""
        quarantined = isinstance(event, PoolQuarantined)
        cause = event.cause if isinstance(event, PoolQuarantined) else ""
        self._observer.plane.layout_drifted(
            venue=event.venue, pool=event.pool, role=event.role, cause=cause, quarantined=quarantined
        )
        if quarantined and event.at_ms - self._noted_ms.get(event.pool, -NOTE_AGAIN_MS) < NOTE_AGAIN_MS:
            return
        self._noted_ms[event.pool] = event.at_ms
        what = "pool quarantined" if quarantined else "pool released"
        data = {"venue": event.venue, "pool": event.pool, "role": event.role, "cause": cause}
        self._record(Noted(what, {**data, "slot": event.slot}))

    def _publish_health(self) -> None:
        view, sequencer, decoder = self._view, self._sequencer, self._decoder
        pools = view.pools.values()
        quarantined = view.quarantined
        reasons = [
            f"{p.header.venue} {a}: {p.doubtful}" for a, p in list(quarantined.items())[:REASONS_SHOWN]
        ]
        reasons += [f"{a}: {why}" for a, why in list(view.unreadable.items())[: REASONS_SHOWN - len(reasons)]]
        stubborn = [a for a in self._reads.stubborn if a not in quarantined]
        reasons += [f"{a}: cannot be read anew" for a in stubborn[: REASONS_SHOWN - len(reasons)]]
        seen = MarketSeen(
            slot=view.slot,
            slot_at_ms=view.slot_at_ms,
            feed=self.state,
            gaps=sequencer.gaps,
            pools=len(pools),
            pools_fresh=self._fresh,
            at_ms=self._clock.now_ms(),
            pools_quarantined=len(quarantined) + len(view.unreadable) + len(stubborn),
            quarantine_reasons=tuple(reasons),
            received=sequencer.received,
            passed=sequencer.passed,
            held=sequencer.held,
            dropped={name: count for name, count in sequencer.dropped.items() if count},
            transactions=decoder.transactions,
            trades=decoder.trades,
            unread={
                name: count
                for name, count in (
                    ("failed_on_chain", decoder.failed_on_chain),
                    ("without_trade", decoder.without_trade),
                    ("truncated", decoder.truncated),
                    ("undecodable", decoder.undecodable),
                    ("accounts", view.undecodable),
                )
                if count
            },
        )
        self._bus.publish(LIVE, seen)
        self._observer.plane.counted(seen, late=sequencer.late, calls=self._reads.calls)
