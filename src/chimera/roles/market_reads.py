"""What the market plane asks a node for: everything once at the start, what a new pool lacks, and the truth after
a gap that no replay fills or after a fork. In steady operation nothing.

Must not know the stream. Answers go through `take`, as what the stream brings does.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from chimera.domain.chain import Account, AccountUpdate
from chimera.domain.errors import OutsideError
from chimera.domain.ids import SYSTEM_PROGRAM, Address, Slot
from chimera.domain.market import MarketEvent
from chimera.market.view import Doubt, MarketView
from chimera.observe import Observer
from chimera.ports.chain import Chain
from chimera.ports.runtime import Clock

T = TypeVar("T")

ACCOUNTS_A_CALL = 100  # getMultipleAccounts' own limit
ASK_AGAIN_S = 0.5
HEAL_AGAIN_S = 0.2  # half a slot: a node that is behind has caught up by then, or the next time
HEAL_ATTEMPTS = 6
"""How often a pool is read in a row that cannot be built anew; then it is told, and read now and then."""
STAYS, TRUSTED = "pool stays in doubt", "pool trusted again"
STUBBORN_AGAIN_S = (30.0, 60.0, 300.0)
"""How long such a pool is left alone; the last holds from then on."""
ABSENT_FOR_S = (1.0, 5.0, 30.0, 300.0)
"""How long an account that the node does not have is not asked for again; the last holds from then on."""


class MarketReads:
    def __init__(
        self,
        *,
        chain: Chain,
        view: MarketView,
        clock: Clock,
        observer: Observer,
        take: Callable[[AccountUpdate], None],
        publish: Callable[[Sequence[MarketEvent]], None],
        healed: Callable[[Address], None],
        told_stubborn: Callable[[Address, str], None],
    ) -> None:
        """`healed` hears of each pool that was read anew, before its events are published.

        `told_stubborn` hears of a pool that it STAYS in doubt, and that it is TRUSTED after all.
        """
        self._chain, self._view, self._clock, self._observer = chain, view, clock, observer
        self._take, self._publish, self._healed = take, publish, healed
        self._told_stubborn = told_stubborn
        self.stubborn: dict[Address, list[tuple[Doubt, int]]] = {}
        """Pools that stay in doubt, and their doubts with the slot that an answer must be as new as."""
        self._stubborn_turns: dict[Address, tuple[int, int]] = {}
        """(how often read since then, not before, in monotonic ms)."""
        self._absent: dict[Address, tuple[int, int]] = {}
        """(how often asked in vain, not before, in monotonic ms)."""
        self.calls = 0
        """Of getMultipleAccounts."""

    async def bootstrap(self) -> int:
        """Reads all pools once; returns the slot that the stream must go on from. The one scan there ever is."""
        slot = await self._patiently(self._chain.slot)
        for venue in self._view.venues.values():
            for wanted in venue.prefilter.accounts:
                if wanted.owner != venue.program:
                    continue  # vaults come by name, with their pool
                at, accounts = await self._patiently(partial(self._chain.program_accounts, wanted))
                for account in accounts:
                    self._take(AccountUpdate(account, Slot(at), 0))
        await self.fetch_wanted()
        self._view.see_slot(Slot(slot), self._clock.now_ms())
        return slot

    async def fetch_wanted(self) -> set[Address]:
        """Reads accounts that pools need and that the stream has not brought: mints, configurations, vaults.

        Returns what was asked for. What the node does not have is told once, and asked for again later.
        """
        asked: set[Address] = set()
        while missing := self.lacking() - asked:
            asked |= missing
            await self.read(sorted(missing))
        return asked

    def lacking(self) -> set[Address]:
        """Wanted accounts that may be asked for now."""
        wanted = self._view.wanted
        if not self._absent or not wanted:
            return set(wanted)
        now = self._now_ms()
        self._absent = {address: known for address, known in self._absent.items() if address in wanted}
        return {address for address in wanted if self._absent.get(address, (0, 0))[1] <= now}

    async def read(self, addresses: Sequence[Address]) -> None:
        """Takes the accounts as the node has them now."""
        for part in _parts(addresses):
            slot, accounts = await self._ask(part)
            for address, account in zip(part, accounts, strict=True):
                if account is not None:
                    self._take(AccountUpdate(account, slot, 0))
                elif self._view.may_be_absent(address):
                    self._take(AccountUpdate(absent(address), slot, 0))
                elif address in self._view.wanted:
                    self._note_absent(address)

    async def heal(self, doubt: Doubt, *, since: int, is_dead: Callable[[int], bool]) -> None:
        """Reads every pool in doubt anew, until each has been read as of `since` or later, on a living fork.

        Until then they stay in doubt, and are not bought from.
        """
        left = list(doubt.pools)
        failed: Counter[Address] = Counter()
        while left:
            again: list[Address] = []
            for group in self._groups(left):
                addresses = list(dict.fromkeys(a for pool in group for a in self._view.accounts_of(pool)))
                slot, found = await self._together(addresses)
                usable = slot >= since and not is_dead(slot)
                for pool in group:
                    events = (
                        self._view.reread(doubt, pool, found, slot, self._clock.now_ms()) if usable else None
                    )
                    if events is not None:
                        self._healed(pool)
                        self._publish(events)
                        continue
                    failed[pool] += usable
                    if failed[pool] < HEAL_ATTEMPTS:
                        again.append(pool)
                    else:
                        self._give_up(pool, doubt, since=since)
            left = again
            if left:
                await asyncio.sleep(HEAL_AGAIN_S * 2 ** max(failed.values(), default=0))

    def _give_up(self, pool: Address, doubt: Doubt, *, since: int) -> None:
        """For now: it stays in doubt, which a person is told, and is tried again later."""
        known = self.stubborn.setdefault(pool, [])
        known.append((doubt, since))
        if len(known) == 1:
            self._stubborn_turns[pool] = (0, self._now_ms() + int(STUBBORN_AGAIN_S[0] * 1_000))
            self._told_stubborn(pool, STAYS)

    async def heal_stubborn(self, *, is_dead: Callable[[int], bool]) -> None:
        """Reads pools anew that have been due since their last turn; each doubt of one is healed by itself."""
        now = self._now_ms()
        for pool in [pool for pool, (_, due) in self._stubborn_turns.items() if due <= now]:
            turns = self._stubborn_turns[pool][0] + 1
            wait_s = STUBBORN_AGAIN_S[min(turns, len(STUBBORN_AGAIN_S) - 1)]
            self._stubborn_turns[pool] = (turns, now + int(wait_s * 1_000))
            slot, found = await self._together(self._view.accounts_of(pool))
            if is_dead(slot):
                continue
            for doubt, since in list(self.stubborn[pool]):
                events = (
                    self._view.reread(doubt, pool, found, slot, self._clock.now_ms())
                    if slot >= since
                    else None
                )
                if events is not None:
                    self._healed(pool)
                    self._publish(events)
                    self.stubborn[pool].remove((doubt, since))
            if not self.stubborn[pool]:
                del self.stubborn[pool], self._stubborn_turns[pool]
                self._told_stubborn(pool, TRUSTED)

    async def _together(self, addresses: Sequence[Address]) -> tuple[Slot, dict[Address, Account]]:
        """(the oldest slot of the answers, accounts found)."""
        slots: list[Slot] = []
        found: dict[Address, Account] = {}
        for part in _parts(addresses):
            slot, accounts = await self._ask(part)
            slots.append(slot)
            for address, account in zip(part, accounts, strict=True):
                if account is not None:
                    found[address] = account
                elif self._view.may_be_absent(address):
                    found[address] = absent(address)
        return min(slots, default=Slot(0)), found

    def _groups(self, pools: Sequence[Address]) -> Iterator[list[Address]]:
        """As many pools as one call may ask for."""
        group: list[Address] = []
        size = 0
        for pool in pools:
            needs = len(self._view.accounts_of(pool))
            if group and size + needs > ACCOUNTS_A_CALL:
                yield group
                group, size = [], 0
            group.append(pool)
            size += needs
        if group:
            yield group

    async def _ask(self, addresses: Sequence[Address]) -> tuple[Slot, tuple[Account | None, ...]]:
        self.calls += 1
        slot, accounts = await self._patiently(partial(self._chain.accounts, addresses))
        return Slot(slot), accounts

    def _note_absent(self, address: Address) -> None:
        times = self._absent.get(address, (0, 0))[0]
        wait_s = ABSENT_FOR_S[min(times, len(ABSENT_FOR_S) - 1)]
        self._absent[address] = (times + 1, self._now_ms() + int(wait_s * 1_000))
        if not times:
            self._observer.plane.account_absent(address=address)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer, however long the other side is away; that it is away is said each time."""
        while True:
            try:
                return await ask()
            except OutsideError as error:
                self._observer.feed_moved(state="waiting for rpc", cause=str(error))
                await asyncio.sleep(ASK_AGAIN_S)

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000


def _parts(addresses: Sequence[Address]) -> Iterator[Sequence[Address]]:
    for start in range(0, len(addresses), ACCOUNTS_A_CALL):
        yield addresses[start : start + ACCOUNTS_A_CALL]


def absent(address: Address) -> Account:
    """How venues are told of an account that does not exist."""
    return Account(address, SYSTEM_PROGRAM, 0, b"")
