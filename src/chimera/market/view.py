"""The market as it is now: every pool of every venue, folded from account updates, ready to be quoted.

Must not wait or ask: what it lacks it names in `wanted`, and somebody else fetches.
Partial updates never wipe what is known. A pool in doubt is told apart, and not bought from.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

import msgspec

from chimera.domain.chain import Account, AccountUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import USDC, WSOL, Address, Slot
from chimera.domain.market import (
    EventSource,
    MarketEvent,
    PoolCreated,
    PoolQuarantined,
    PoolReleased,
    PoolUpdated,
    TokenMintInfo,
    Trade,
)
from chimera.domain.pool import Moment, QuoteRequest, SwapKind
from chimera.domain.risk import Refusal
from chimera.domain.token import TokenInfo
from chimera.domain.units import mul_div_floor
from chimera.market.decoder import Unread
from chimera.market.pool import Pool
from chimera.market.worth import SOL_PRICED_BY, liquidity, sol_price
from chimera.onchain.layouts import is_mint, read_mint
from chimera.ports.venue import MintTeller, SparseVenue, Venue

__all__ = ["Doubt", "MarketView", "Pool"]

K = TypeVar("K")
V = TypeVar("V")

SLOTS_PER_EPOCH = 432_000  # mainnet's and LiteSVM's
BARE_MAX = 100_000  # pools whose mint nobody has told yet, and mints of pools not seen yet; the oldest go
UNREADABLE_MAX = 10_000
TRANSACTION = "transaction"
"""In place of a role, for what a transaction showed."""


class Doubt(msgspec.Struct, frozen=True):
    """A doubt that somebody has to settle, by its number."""

    number: int
    pools: tuple[Address, ...]


class MarketView:
    """Folds account updates into pools and mints; answers quotes from memory."""

    def __init__(self, venues: Mapping[str, Venue[object]], *, keep_raw: bool = False) -> None:
        """`keep_raw`: the newest bytes of every pool's accounts are kept, to be handed on."""
        self.venues = venues
        self.raw: dict[Address, AccountUpdate] | None = {} if keep_raw else None
        self.pools: dict[Address, Pool] = {}
        self.mints: dict[Address, TokenInfo] = {}
        self.slot: Slot = Slot(0)
        self.slot_at_ms = 0
        self.unix_timestamp = 0
        self.undecodable = 0
        """Accounts of known venues and mints that could not be read."""
        self.unreadable: OrderedDict[Address, str] = OrderedDict()
        """Accounts that look like a pool and cannot be read as one: why."""
        self._by_program = {venue.program: venue for venue in venues.values()}
        self._watchers: dict[Address, dict[tuple[Pool, str], None]] = defaultdict(dict)
        """(pool, role) by account. All pools with SOL share its mint: who is among them is looked up, not sought."""
        self._shared: dict[Address, AccountUpdate] = {}
        """Accounts of more than one pool as they are now: configurations, mints. For pools that come later."""
        self._by_mint: dict[Address, list[Pool]] = defaultdict(list)
        self._beside: dict[Address, dict[Address, list[Pool]]] = defaultdict(dict)
        """Pools of each pair, one list that both its mints lead to."""
        self._sol_price: int | None = None
        self._sol_price_known = False
        """Whether it still holds: a price of every leg and review, and a pool that seldom changes."""
        self._wanted: set[Address] = set()
        self._bare: OrderedDict[Address, tuple[MintTeller, AccountUpdate]] = OrderedDict()
        self._told_mints: OrderedDict[Address, Address] = OrderedDict()
        self._doubts = 0
        self._quarantined: dict[Address, Pool] = {}

    # folding

    def see_slot(self, slot: Slot, at_ms: int) -> None:
        self.slot, self.slot_at_ms = slot, at_ms
        self.unix_timestamp = at_ms // 1000

    def apply(self, update: AccountUpdate, at_ms: int) -> list[MarketEvent]:
        """What the update means to strategies: nothing, a new pool, new reserves, a mint, a quarantine.

        An account that cannot be read is counted, puts the pool in doubt and changes nothing else.
        """
        account = update.account
        self._wanted.discard(account.address)
        events: list[MarketEvent] = []
        if account.owner in self._by_program and account.address not in self.pools:
            events += self._discover(update, at_ms)
        if is_mint(account):
            events += self._mint(account, update.slot, at_ms, _source(update))
        watchers = tuple(self._watchers.get(account.address, ()))  # a fold may add to them
        for pool, role in watchers:
            events += self._fold(pool, role, update, at_ms)
        if self.raw is not None and watchers:
            self.raw[account.address] = update
        if len(watchers) > 1:
            self._shared[account.address] = update
        return events

    def tell_mints(self, mints: Mapping[Address, Address], at_ms: int) -> list[MarketEvent]:
        """Mint by pool, as transactions tell it, for venues whose pool accounts do not."""
        events: list[MarketEvent] = []
        for address, mint in mints.items():
            if address in self.pools:
                continue
            waiting = self._bare.pop(address, None)
            if waiting is None:
                _remember(self._told_mints, address, mint)
            else:
                self._told_mints[address] = mint
                events += self.apply(waiting[1], at_ms)
        return events

    def expect(self, mints: Iterable[Address]) -> None:
        """Mints that the house knows by itself: their pools need not wait until a transaction tells of them."""
        tellers = [venue for venue in self.venues.values() if isinstance(venue, MintTeller)]
        for mint in mints:
            self.tell_mints({teller.pool_of(mint): mint for teller in tellers}, self.slot_at_ms)

    # doubts

    @property
    def quarantined(self) -> Mapping[Address, Pool]:
        """Pools of which something cannot be read."""
        return self._quarantined

    def doubt_since(self, slot: int, why: str) -> Doubt:
        """Marks pools that were written at or after `slot`; somebody heals them by `reread` or `trust`."""
        self._doubts += 1
        self._shared.clear()  # what is healed is not told here
        suspects = [pool for pool in self.pools.values() if pool.slot >= slot]
        for pool in suspects:
            pool.feed_doubts[self._doubts] = why
        return Doubt(self._doubts, tuple(pool.header.address for pool in suspects))

    def undo(self, slot: int) -> Doubt:
        """Doubts all that a slot which is no more may have written: its truth is not to be fallen back on."""
        doubt = self.doubt_since(slot, f"slot {slot} was undone")
        for address in doubt.pools:
            pool = self.pools[address]
            pool.meanwhile = {a: update for a, update in pool.meanwhile.items() if update.slot != slot}
        return doubt

    def trust(self, doubt: Doubt) -> None:
        """Everything that was missing has come after all."""
        for address in doubt.pools:
            self.pools[address].lift(doubt.number)

    def accounts_of(self, pool: Address) -> tuple[Address, ...]:
        known = self.pools[pool]
        return tuple(known.venue.roles(known.state).values())

    def reread(
        self, doubt: Doubt, pool_address: Address, accounts: Mapping[Address, Account], slot: Slot, at_ms: int
    ) -> list[MarketEvent] | None:
        """Builds a pool anew from accounts read by RPC at `slot`, and lifts the doubt; None where that fails.

        Anew, since after a fork the truth may be older than what was known. What the stream has brought since
        the doubt arose goes before the node's answer, which may be older.
        """
        pool = self.pools[pool_address]
        updates = {address: AccountUpdate(account, slot, 0) for address, account in accounts.items()}
        updates |= {a: update for a, update in pool.meanwhile.items() if update.slot >= slot}
        events = self.rebuild(pool_address, updates, slot, at_ms)
        if events is not None:
            pool.lift(doubt.number)
        return events

    def rebuild(
        self, pool_address: Address, updates: Mapping[Address, AccountUpdate], slot: Slot, at_ms: int
    ) -> list[MarketEvent] | None:
        """Makes a known pool anew from these accounts alone; None, and nothing done, where that does not work."""
        pool = self.pools[pool_address]
        own = updates.get(pool_address)
        if own is None:
            return None
        used: dict[Address, AccountUpdate] = {}
        try:
            state = self._named(pool, pool.venue.decode(own.account, slot=own.slot))
            # some accounts are told of by others of the pool alone, so roles may grow while they are filled
            while left := {
                role: address
                for role, address in pool.venue.roles(state).items()
                if address in updates and address not in used
            }:
                for role, address in left.items():
                    used[address] = updates[address]
                    state = pool.venue.apply(state, role, used[address].account, slot=used[address].slot)
        except DecodeError:
            self.undecodable += 1
            return None
        if pool.complete and pool.venue.missing(state):
            return None
        if self.raw is not None:
            self.raw |= used
        pool.become(state, slot, at_ms)
        self._changed(pool)
        pool.seen_itself(own.slot)
        self._watch(pool)
        return self._announce(pool, slot, at_ms, EventSource.RPC)

    def judge(
        self, trades: Iterable[Trade], unread: Unread | None, slot: Slot, at_ms: int
    ) -> list[MarketEvent]:
        """What transactions say of layouts: one that cannot be read quarantines the pools that it touches."""
        if unread is not None:
            events: list[MarketEvent] = []
            for address in unread.touched:
                pool = self.pools.get(address)
                if pool is not None and pool.header.venue == unread.venue:
                    events += self._quarantine(pool, TRANSACTION, unread.why, slot, at_ms)
            return events
        if not self._quarantined:
            return []
        return [
            event
            for trade in trades
            if (pool := self._quarantined.get(trade.swap.pool)) is not None
            for event in self._release(pool, TRANSACTION, slot, at_ms)
        ]

    def absolve(self, address: Address, at_ms: int) -> list[MarketEvent]:
        """Lifts what a transaction put in doubt, on somebody's word; what cannot be read stays in doubt."""
        pool = self.pools.get(address)
        return [] if pool is None else self._release(pool, TRANSACTION, self.slot, at_ms)

    def _quarantine(self, pool: Pool, role: str, why: str, slot: Slot, at_ms: int) -> list[MarketEvent]:
        known = role in pool.drift
        pool.drift[role] = why
        self._quarantined[pool.header.address] = pool
        header = pool.header
        return [] if known else [PoolQuarantined(header.venue, header.address, role, why, slot, at_ms)]

    def _release(self, pool: Pool, role: str, slot: Slot, at_ms: int) -> list[MarketEvent]:
        if pool.drift.pop(role, None) is None:
            return []
        if not pool.drift:
            self._quarantined.pop(pool.header.address, None)
        return [PoolReleased(pool.header.venue, pool.header.address, role, slot, at_ms)]

    # what is needed

    @property
    def wanted(self) -> set[Address]:
        """Accounts that pools need and that nobody has delivered yet."""
        return self._wanted

    def may_be_absent(self, address: Address) -> bool:
        """Whether a node's "there is none" is an answer that the venue can work with."""
        return any(
            isinstance(pool.venue, SparseVenue) and pool.venue.may_lack(role)
            for pool, role in self._watchers.get(address, ())
        )

    @property
    def addresses(self) -> set[Address]:
        """Every account that must be watched by name, beside what the venues' filters bring."""
        return set(self._watchers)

    @property
    def address_count(self) -> int:
        """How many those are: none is ever taken away."""
        return len(self._watchers)

    @property
    def nameless(self) -> int:
        """Pools of which no transaction has told yet what they trade."""
        return len(self._bare)

    def _discover(self, update: AccountUpdate, at_ms: int) -> list[MarketEvent]:
        account, slot = update.account, update.slot
        venue = self._by_program[account.owner]
        if not venue.recognise(account):
            return []
        try:
            state = venue.decode(account, slot=slot)
            if isinstance(venue, MintTeller):
                mint = self._told_mints.pop(account.address, None)
                if mint is None:
                    _remember(self._bare, account.address, (venue, update))
                    return []
                state = venue.with_mint(state, mint)
            pool = Pool(venue, state, slot, at_ms)
        except DecodeError as error:
            self.undecodable += 1
            known = account.address in self.unreadable
            _remember(self.unreadable, account.address, str(error), UNREADABLE_MAX)
            if known:
                return []
            return [PoolQuarantined(venue.name, account.address, "pool", str(error), slot, at_ms)]
        self.pools[account.address] = pool
        one, other = pool.header.mint_a, pool.header.mint_b
        self._by_mint[one].append(pool)
        self._by_mint[other].append(pool)
        pair = self._beside[one].setdefault(other, [])
        pair.append(pool)
        self._beside[other][one] = pair
        self._changed(pool)
        self._watch(pool)
        if self.unreadable.pop(account.address, None) is None:
            return []
        return [PoolReleased(venue.name, account.address, "pool", slot, at_ms)]

    def _watch(self, pool: Pool) -> None:
        """Follows every account of the pool; some venues' roles grow as more of the pool becomes known."""
        lent = False
        for role, address in pool.venue.roles(pool.state).items():
            watchers = self._watchers[address]
            if (pool, role) in watchers:
                continue
            watchers[pool, role] = None
            if address == pool.header.address:
                continue
            if self._lend(pool, role, address):
                lent = True
            else:
                self._wanted.add(address)
        if lent:  # what was lent may tell of more
            self._watch(pool)

    def _lend(self, pool: Pool, role: str, address: Address) -> bool:
        """Whether the account is known from other pools; to ask for it again would tell all of those anew."""
        update = self._shared.get(address)
        if update is None:
            return False
        try:
            state = pool.venue.apply(pool.state, role, update.account, slot=update.slot)
        except DecodeError:
            return False
        pool.become(state, pool.slot, pool.seen_at_ms)
        self._changed(pool)
        if self.raw is not None:
            self.raw[address] = update
        return True

    def _named(self, pool: Pool, state: object) -> object:
        """The state with its mint known, where the venue's accounts do not say it."""
        return (
            pool.venue.with_mint(state, pool.header.mint_a) if isinstance(pool.venue, MintTeller) else state
        )

    def _mint(self, account: Account, slot: Slot, at_ms: int, source: EventSource) -> list[MarketEvent]:
        try:
            token = read_mint(account, slot=slot)
        except DecodeError:
            self.undecodable += 1
            return []
        self.mints[token.mint] = token
        return [TokenMintInfo(token, at_ms, source)]

    def _fold(self, pool: Pool, role: str, update: AccountUpdate, at_ms: int) -> list[MarketEvent]:
        account, slot = update.account, update.slot
        if pool.feed_doubts:
            pool.meanwhile[account.address] = update
        try:
            state = pool.venue.apply(pool.state, role, account, slot=slot)
        except DecodeError as error:
            self.undecodable += 1
            return self._quarantine(pool, role, str(error), slot, at_ms)
        if state is pool.state:
            return []
        pool.become(state, max(pool.slot, slot), at_ms)
        self._changed(pool)
        if role == "pool":
            pool.seen_itself(slot)
        if role == "pool" or not pool.complete:
            self._watch(pool)
        events = self._announce(pool, slot, at_ms, _source(update))
        return [*self._release(pool, role, slot, at_ms), *events] if pool.drift else events

    def _changed(self, pool: Pool) -> None:
        """What was worked out from the pool's former state is forgotten."""
        header = pool.header
        if header.mint_a in SOL_PRICED_BY and header.mint_b in SOL_PRICED_BY:
            self._sol_price_known = False

    def _announce(self, pool: Pool, slot: Slot, at_ms: int, source: EventSource) -> list[MarketEvent]:
        reserves = pool.reserves
        if reserves is None or not pool.complete:
            return []
        updated = PoolUpdated(pool.header, *reserves, slot, at_ms, source)
        if pool.announced:
            return [updated]
        pool.announced = True
        return [PoolCreated(pool.header, slot, at_ms, source), updated]

    # reading

    def moment(self) -> Moment:
        return Moment(unix_timestamp=self.unix_timestamp, slot=self.slot, epoch=self.slot // SLOTS_PER_EPOCH)

    def pools_of(self, mint: Address) -> list[Pool]:
        """Complete pools that trade `mint`."""
        return [pool for pool in self._by_mint.get(mint, ()) if pool.complete]

    def beside(self, mint: Address) -> Collection[Address]:
        """What `mint` is traded against, in the order in which it was seen; looked up."""
        return self._beside.get(mint, {})

    def pools_between(self, one: Address, other: Address) -> list[Pool]:
        """Complete pools that trade the pair; looked up, since half of all pools hold wSOL."""
        pair = self._beside.get(one)
        return [] if pair is None else [pool for pool in pair.get(other, ()) if pool.complete]

    def token_program(self, mint: Address) -> Address | None:
        """By the mint's own account, else by what its pools say; None while nobody knows."""
        token = self.mints.get(mint)
        if token is not None:
            return token.program
        said = (pool.venue.token_program(pool.state, mint) for pool in self._by_mint.get(mint, ()))
        return next((program for program in said if program is not None), None)

    def sol_micro_usd(self) -> int | None:
        """What a SOL costs, from the deepest wSOL/USDC pool; None while there is none."""
        if not self._sol_price_known:
            self._sol_price = sol_price(self.pools_between(WSOL, USDC))
            self._sol_price_known = True
        return self._sol_price

    def liquidity_micro_usd(self, mint: Address) -> int | None:
        """Twice the SOL or USDC side of the deepest pool of `mint`; None where no price is known."""
        return liquidity(self._by_mint.get(mint, ()), mint, self.sol_micro_usd())

    def value_lamports(self, mint: Address, tokens: int) -> int | None:
        """What `tokens` would fetch in SOL now, by the best single pool or two through USDC; None if unknown."""
        if tokens <= 0:
            return 0
        moment = self.moment()
        best: int | None = None
        for pool in self.pools_of(mint):
            first = pool.quote(QuoteRequest(mint, SwapKind.EXACT_IN, tokens), moment)
            if isinstance(first, Refusal):
                continue
            out = self.worth_lamports(first.output_mint, first.amount_out)
            if out is not None and (best is None or out > best):
                best = out
        return best

    def worth_lamports(self, mint: Address, amount: int) -> int | None:
        """The mid price of an amount of wSOL or USDC in SOL, fees and impact apart; None for anything else."""
        if mint == WSOL:
            return amount
        price = self.sol_micro_usd()
        return mul_div_floor(amount, 10**9, price) if mint == USDC and price else None


def _read(accounts: Mapping[Address, Account], address: Address, slot: Slot) -> AccountUpdate | None:
    found = accounts.get(address)
    return None if found is None else AccountUpdate(found, slot, 0)


def _source(update: AccountUpdate) -> EventSource:
    """What a node was asked for bears no version."""
    return EventSource.GEYSER if update.write_version else EventSource.RPC


def _remember(kept: OrderedDict[K, V], key: K, value: V, limit: int = BARE_MAX) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > limit:
        kept.popitem(last=False)
