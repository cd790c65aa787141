"""One process writes the journal, others fold it: the loops of the giver and of those who follow.

The giver tells only what is durable: what a crash takes back must not live on in somebody else's books. A follower
reads the folder first, then the bus, and the folder again whenever numbers are missing. Neither holds a rule.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice

from chimera.domain.messages import (
    Entry,
    IntentApproved,
    IntentRefused,
    LegDropped,
    LegExpired,
    LegLanded,
    LegReverted,
    LegSent,
    SignalDropped,
    SignalRefused,
    TradeMoved,
)
from chimera.observe import Observer
from chimera.ports.apart import JournalHead
from chimera.ports.bus import Bus
from chimera.ports.runtime import Clock
from chimera.ports.store import History, Journal
from chimera.roles.topics import (
    DECISION_RECORDS,
    EXECUTION_RESULTS,
    JOURNAL,
    JOURNAL_CAPACITY,
    JOURNAL_HEAD,
    TRADES,
)

GATHER_S = 0.005  # entries come in bursts; a burst is one sync
HEAD_EVERY_S = 1.0
BATCH = 500  # entries of the folder between two breaths
RESULTS = (LegSent, LegLanded, LegReverted, LegExpired, LegDropped, TradeMoved)
DECISIONS = (SignalRefused, SignalDropped, IntentApproved, IntentRefused)


class JournalGiver:
    """Beside the one writer."""

    def __init__(self, *, journal: Journal, bus: Bus, clock: Clock) -> None:
        self._journal, self._bus, self._clock = journal, bus, clock
        self._waiting: deque[Entry] = deque()
        self._new = asyncio.Event()
        self._told = 0

    def hear(self, entry: Entry) -> None:
        """For `JournalFile.listen`; everything that it heard is told in order, however long the disk takes."""
        self._waiting.append(entry)
        self._new.set()

    async def run(self) -> None:
        """Tells until cancelled; raises InvariantBroken where the disk refuses."""
        head = asyncio.create_task(self._tell_head())
        try:
            while True:
                await self._new.wait()
                await asyncio.sleep(GATHER_S)
                self._new.clear()
                if not self._waiting:
                    continue
                count = len(self._waiting)
                await self._journal.durable(self._waiting[-1].seq)
                for _ in range(count):
                    self._tell(self._waiting.popleft())
        finally:
            head.cancel()

    def _tell(self, entry: Entry) -> None:
        self._bus.publish(JOURNAL, entry)
        if isinstance(entry.fact, RESULTS):
            self._bus.publish(EXECUTION_RESULTS, entry)
        elif isinstance(entry.fact, DECISIONS):
            self._bus.publish(DECISION_RECORDS, entry)
        self._told = entry.seq

    async def _tell_head(self) -> None:
        while True:
            if self._told:
                self._bus.publish(JOURNAL_HEAD, JournalHead(self._told, self._clock.now_ms()))
            await asyncio.sleep(HEAD_EVERY_S)


class JournalFollower:
    """In a process without the journal. Every entry goes to `fold` once and in order, those of former runs too."""

    def __init__(
        self, *, history: History, bus: Bus, fold: Callable[[Entry], object], clock: Clock, observer: Observer
    ) -> None:
        self._history, self._bus, self._fold = history, bus, fold
        self._clock, self._observer = clock, observer
        self._heard = bus.subscribe(JOURNAL, JOURNAL_HEAD, capacity=JOURNAL_CAPACITY)
        self.seq = 0
        """Of the last entry folded."""
        self.head_at_ms: int | None = None
        """When the writer was last heard of."""
        self.catch_ups = 0
        """How often numbers were missing."""

    async def open(self) -> None:
        """Folds what the folder holds. Whoever folds on in this process is told nothing of it on the bus."""
        await self._catch_up(tell=False)

    async def run(self) -> None:
        """Follows until cancelled; entries are told to this process on TRADES as they are folded."""
        expected = 0
        async for message in self._heard:
            if isinstance(message, JournalHead):
                # entries and heads come by two ways: what this one tells of may still be on the other
                self.head_at_ms = self._clock.now_ms()
                missing, expected = expected > self.seq, message.seq
            else:
                missing = message.seq > self.seq + 1
            if missing:
                self.catch_ups += 1
                self._observer.told("journal read again", folded=self.seq, wanted=message.seq)
                await self._catch_up(tell=True)
            if isinstance(message, Entry):
                self._take(message, tell=True)

    async def _catch_up(self, *, tell: bool) -> None:
        reading = self._history.read(self.seq + 1)
        while batch := await asyncio.to_thread(_some, reading):
            for entry in batch:
                self._take(entry, tell=tell)
            await asyncio.sleep(0)

    def _take(self, entry: Entry, *, tell: bool) -> None:
        if entry.seq <= self.seq:
            return
        self._fold(entry)
        self.seq = entry.seq
        if tell:
            self._bus.publish(TRADES, entry)


def _some(reading: Iterator[Entry]) -> list[Entry]:
    return list(islice(reading, BATCH))
