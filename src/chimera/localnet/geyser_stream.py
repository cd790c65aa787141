"""Who hears what, and when: the chain's events to Geyser sessions, by commitment, with a window to replay.

At `processed` a session hears of a write at once. At `confirmed` and `finalized` it hears of a whole slot when
that slot gets there, in the slot's own order. Slot statuses go to everybody at once, whatever the commitment:
that is how Yellowstone does it. Synchronous throughout, so nothing can slip between a replay and what is live.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

import grpc
import msgspec

from chimera.domain.chain import Commitment
from chimera.localnet.events import AccountWritten, BlockSealed, SlotChanged, SlotPhase, TransactionExecuted
from chimera.localnet.geyser_filter import Filter
from chimera.localnet.geyser_messages import (
    AccountMessage,
    BlockMessage,
    Message,
    SlotMessage,
    TransactionMessage,
    names_prefix,
)

STUCK_AFTER_S = (
    0.2  # a write that is only under way is done long before; one to a client who does not read never
)
LEVELS = (Commitment.PROCESSED, Commitment.CONFIRMED, Commitment.FINALIZED)
REACHES = {SlotPhase.CONFIRMED: Commitment.CONFIRMED, SlotPhase.FINALIZED: Commitment.FINALIZED}


class StreamEnded(Exception):
    """The session is over; carries what the client is told."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class Session:
    """One client's stream: what waits to be sent to him, bounded in number and bytes."""

    def __init__(self, *, messages_max: int, bytes_max: int) -> None:
        self.filter: Filter | None = None
        self._messages_max, self._bytes_max = messages_max, bytes_max
        self._queue: deque[bytes | Iterator[bytes]] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self.ended: StreamEnded | None = None
        self.writing: asyncio.Task[None] | None = None
        """Who is stuck in a write that the client does not take, so that an end reaches him there too."""

    def offer(self, message: Message) -> None:
        """Puts what the client wants of it in the queue; one that is full ends the session, as a node does."""
        if self.filter is None or self.ended is not None:
            return
        for found in rendered(self.filter, message):
            self.push(found)

    def push(self, found: bytes) -> None:
        if len(self._queue) >= self._messages_max or self._bytes + len(found) > self._bytes_max:
            self.end(grpc.StatusCode.INTERNAL, "lagged to send an update")
            return
        self._queue.append(found)
        self._bytes += len(found)
        self._wake.set()

    def push_replay(self, messages: list[Message], wanted: Filter) -> None:
        """Queues past messages without rendering them yet: they cost no memory until their turn comes."""
        if len(self._queue) >= self._messages_max:
            self.end(grpc.StatusCode.INTERNAL, "lagged to send an update")
            return
        self._queue.append(found for message in messages for found in rendered(wanted, message))
        self._wake.set()

    def end(self, code: grpc.StatusCode, text: str) -> None:
        """Nothing more is sent; the reader of `next` is told why."""
        if self.ended is None:
            self.ended = StreamEnded(code, text)
            asyncio.get_running_loop().call_later(STUCK_AFTER_S, self._free)
        self._wake.set()

    async def next(self) -> bytes:
        """The next message to send. Raises StreamEnded."""
        while True:
            if self.ended is not None:
                raise self.ended
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            head = self._queue[0]
            if isinstance(head, bytes):
                self._queue.popleft()
                self._bytes -= len(head)
                return head
            replayed = next(head, None)
            if replayed is not None:
                return replayed
            self._queue.popleft()

    def _free(self) -> None:
        if self.writing is not None:
            self.writing.cancel()


class SlotLog(msgspec.Struct):
    """What was told of a slot, for those who come later."""

    slot: int
    messages: list[AccountMessage | TransactionMessage] = msgspec.field(default_factory=list)
    block: BlockMessage | None = None
    phases: list[SlotMessage] = msgspec.field(default_factory=list)
    reached: set[Commitment] = msgspec.field(default_factory=lambda: {Commitment.PROCESSED})

    def contents(self) -> Iterator[Message]:
        yield from self.messages
        if self.block is not None:
            yield self.block


class Broadcast:
    """A chain listener that serves sessions."""

    def __init__(self, *, replay_slots: int, now_ns: Callable[[], int]) -> None:
        self._replay_slots, self._now_ns = replay_slots, now_ns
        self._sessions: dict[Commitment, set[Session]] = {level: set() for level in LEVELS}
        self._window: dict[int, SlotLog] = {}
        """By slot, ascending: slot numbers only ever grow."""

    @property
    def first_available_slot(self) -> int | None:
        """The oldest slot of which everything is known; None before the first one has begun."""
        return next(iter(self._window), None)

    @property
    def sessions(self) -> tuple[Session, ...]:
        return tuple(session for level in LEVELS for session in self._sessions[level])

    def open(self, slot: int) -> None:
        """Remembers what happens in a slot from here on, and forgets the oldest one beyond the limit."""
        self._window[slot] = SlotLog(slot)
        while len(self._window) > self._replay_slots:
            del self._window[next(iter(self._window))]

    def subscribe(self, session: Session, wanted: Filter, *, from_slot: int | None) -> None:
        """Gives the session its filter, and what happened from `from_slot` on before anything new.

        Raises StreamEnded (OUT_OF_RANGE) where that is further back than the window reaches.
        """
        first = self.first_available_slot
        if from_slot is not None and (first is None or from_slot < first):
            text = f"broadcast from {from_slot} is not available, last available: {first or 0}"
            raise StreamEnded(grpc.StatusCode.OUT_OF_RANGE, text)
        self.remove(session)
        session.filter = wanted
        if from_slot is not None:
            session.push_replay(self._since(from_slot, wanted.commitment), wanted)
        self._sessions[wanted.commitment].add(session)

    def remove(self, session: Session) -> None:
        for level in LEVELS:
            self._sessions[level].discard(session)

    def account_written(self, event: AccountWritten) -> None:
        log = self._window.get(event.slot)
        message = AccountMessage(event, self._now_ns())
        if log is not None:
            log.messages.append(message)
        self._tell(Commitment.PROCESSED, message)

    def transaction_executed(self, event: TransactionExecuted) -> None:
        log = self._window.get(event.record.slot)
        message = TransactionMessage(event.record, self._now_ns())
        if log is not None:
            log.messages.append(message)
        self._tell(Commitment.PROCESSED, message)

    def block_sealed(self, event: BlockSealed) -> None:
        log = self._window.get(event.block.slot)
        messages = [] if log is None else log.messages
        block = BlockMessage(
            event.block,
            accounts=tuple(one for one in messages if isinstance(one, AccountMessage)),
            transactions=tuple(one for one in messages if isinstance(one, TransactionMessage)),
            created_ns=self._now_ns(),
        )
        if log is not None:
            log.block = block
        self._tell(Commitment.PROCESSED, block)

    def slot_changed(self, event: SlotChanged) -> None:
        if event.phase is SlotPhase.CREATED:
            self.open(event.slot)
        message = SlotMessage(event, self._now_ns())
        log = self._window.get(event.slot)
        level = REACHES.get(event.phase)
        if log is not None:
            if event.phase is SlotPhase.DEAD:
                log.messages.clear()
                log.block = None
            if level is not None:
                log.reached.add(level)
                for content in log.contents():
                    self._tell(level, content)
            log.phases.append(message)
        for anyone in LEVELS:
            self._tell(anyone, message)

    def _tell(self, level: Commitment, message: Message) -> None:
        for session in self._sessions[level]:
            session.offer(message)

    def _since(self, slot: int, level: Commitment) -> list[Message]:
        found: list[Message] = []
        for log in self._window.values():
            if log.slot >= slot:
                if level in log.reached:
                    found.extend(log.contents())
                found.extend(log.phases)
        return found


def rendered(wanted: Filter, message: Message) -> Iterator[bytes]:
    """The message as the client's filters want it: usually once or not at all."""
    match message:
        case AccountMessage():
            if names := wanted.accounts(message.event):
                yield names_prefix(names) + message.body(wanted.slices)
        case TransactionMessage():
            if names := wanted.transactions(message.record):
                yield names_prefix(names) + message.body()
            if names := wanted.statuses(message.record):
                yield names_prefix(names) + message.status_body()
        case SlotMessage():
            if names := wanted.slots(message.event.phase):
                yield names_prefix(names) + message.body()
        case BlockMessage():
            for name, one in wanted.blocks.items():
                yield names_prefix((name,)) + message.body(one, wanted.slices)
            if wanted.blocks_meta:
                yield names_prefix(wanted.blocks_meta) + message.meta_body()
