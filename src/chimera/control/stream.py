"""Live updates to WebSocket clients: one replica, one numbered stream, a bounded number of bytes for each client.

A client gets a snapshot with the number it stands for and then every later message; a gap in the numbers tells it
to ask for a new snapshot. One that was away for a moment says where it stood and is told what it missed. One that
asked for some topics gets no others: its numbers then skip, and nothing is lost between them all the same, since
whoever does not keep up is let go. Nobody waits for him.

A message is encoded and framed once, whoever gets it; what was told together is one write for each client, and after
some clients the loop goes on with other work, since the desk may live in this process.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from chimera.control.frames import Wire, text_frame
from chimera.control.incident_schemas import AlertTold, alert_told
from chimera.control.replica import Change, Part, Replica
from chimera.control.schemas import Decision, Health, Overview, Position
from chimera.control.wire import encode
from chimera.domain.ids import TradeId
from chimera.domain.messages import Entry
from chimera.observe import Observer
from chimera.ports.runtime import Clock, LiveStream

UNREAD_BYTES_MAX = 1_048_576  # that a client may be behind: some ten seconds of a busy house
WRITES_AT_ONCE = (
    64  # clients written to before the loop turns: a write is a system call, some ten microseconds
)
CLIENTS_MAX = 600  # 500 that listen at once are measured: benchmarks/control_room.py
ENTRY_DELAY_S = 0.005  # facts of one trade come in bursts; together they make one message each
LIVE_DELAY_S = 0.25  # marks and health are for eyes
SNAPSHOT_DECISIONS = 20


KEPT_MAX = 200  # messages for those who come back; fewer than a client may be behind
LISTENING_FOR_S = (
    60  # messages go on being made for so long after the last client left, so that he can come back
)

TOPICS = {
    "position_update": "positions",
    "position_closed": "positions",
    "trade_update": "trades",
    "decision": "decisions",
    "overview": "overview",
    "health_update": "health",
    "alert": "alerts",
}
"""What a client may ask for, by the messages that belong to it."""
ALL_TOPICS = frozenset(TOPICS.values())


class Snapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that a client needs to start; parts of topics that it did not ask for are left out."""

    overview: Overview | None = None
    positions: list[Position] | None = None
    decisions: list[Decision] | None = None
    health: Health | None = None


class Client:
    """One WebSocket's end of the stream."""

    def __init__(self, identifier: str, wire: Wire, topics: frozenset[str] = ALL_TOPICS) -> None:
        self.identifier, self.topics, self._wire = identifier, topics, wire
        self.slow = asyncio.Event()
        """Set once it fell too far behind; it gets nothing more."""

    def offer(self, frames: bytes) -> None:
        if self.slow.is_set():
            return
        if self._wire.unread_bytes > UNREAD_BYTES_MAX:
            self.slow.set()
        else:
            self._wire.write(frames)


class Stream:
    """Follows the house, folds it, and tells clients. `run` is the loop; everything else is called from routes."""

    def __init__(
        self,
        replica: Replica,
        *,
        live: LiveStream,
        history: Callable[[int], Iterator[Entry]],
        health: Callable[[], Health],
        clock: Clock,
        observer: Observer,
    ) -> None:
        self.replica = replica
        self._live, self._history, self._health = live, history, health
        self._clock, self._observer = clock, observer
        self.id = secrets.token_hex(8)
        """Of this numbering: a number of another process means nothing here."""
        self._seq = 0
        self._clients: set[Client] = set()
        self._kept: deque[tuple[int, str, bytes]] = deque(maxlen=KEPT_MAX)
        """(number, topic, frame) of the last ones told, without a gap."""
        self._told: list[tuple[str, bytes]] = []
        """(topic, frame) of this flush."""
        self._outgoing: deque[tuple[Client, bytes]] = deque()
        """In order for each client."""
        self._writing = False
        self._listening_until_ns = 0
        self._dirty: dict[tuple[Part, TradeId | None], None] = {}
        self._decisions: list[Decision] = []
        self._alerts: list[AlertTold] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def clients(self) -> int:
        return len(self._clients)

    async def run(self) -> None:
        """Folds the whole journal once, then what comes; ends only by cancellation or when the house does."""
        await self._catch_up()
        async for item in self._live.follow():
            if isinstance(item, Entry) and item.seq > self.replica.seq + 1:
                await self._catch_up()  # written between the first reading and the first message
            self._fold(item)

    async def _catch_up(self) -> None:
        """Reads the journal from where we stand. It gives way to the loop now and then: journals get long."""
        for number, entry in enumerate(self._history(self.replica.seq + 1)):
            self._fold(entry)
            if number % 200 == 199:
                await asyncio.sleep(0)

    def _fold(self, item: Any) -> None:
        changes = self.replica.apply(item)
        if not changes:
            return
        for change in changes:
            self._mark(change)
        if self._clients or self._clock.monotonic_ns() < self._listening_until_ns:
            self._flush_in(ENTRY_DELAY_S if isinstance(item, Entry) else LIVE_DELAY_S)
        else:
            self._dirty.clear()
            self._decisions.clear()
            self._alerts.clear()
            self._kept.clear()  # what is not told now cannot be told later

    def _mark(self, change: Change) -> None:
        if change.part is Part.DECISION and change.decision is not None:
            self._decisions.append(change.decision)
        elif change.part is Part.ALERT and change.alert is not None:
            self._alerts.append(alert_told(change.alert))
        else:
            self._dirty[change.part, change.trade_id] = None

    def _flush_in(self, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + delay_s:
                return
            self._timer.cancel()
        self._timer = loop.call_later(delay_s, self.flush)

    def flush(self) -> None:
        """Sends what changed, each thing once, in its newest state."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        decisions, self._decisions = self._decisions, []
        alerts, self._alerts = self._alerts, []
        dirty, self._dirty = self._dirty, {}
        for decision in decisions:
            self._tell("decision", decision)
        for alert in alerts:
            self._tell("alert", alert)
        for part, trade_id in dirty:
            self._tell_part(part, trade_id)
        self._send()

    def _send(self) -> None:
        """Lines up what was told, joined once for all clients of the same topics."""
        told, self._told = self._told, []
        if not told:
            return
        joined: dict[frozenset[str], bytes] = {}
        for client in self._clients:
            if client.topics not in joined:
                joined[client.topics] = b"".join(frame for topic, frame in told if topic in client.topics)
            if frames := joined[client.topics]:
                self._outgoing.append((client, frames))
        if self._outgoing and not self._writing:
            self._write_some()

    def _write_some(self) -> None:
        for _ in range(min(WRITES_AT_ONCE, len(self._outgoing))):
            client, frames = self._outgoing.popleft()
            client.offer(frames)
        self._writing = bool(self._outgoing)
        if self._writing:
            asyncio.get_running_loop().call_soon(self._write_some)

    def _tell_part(self, part: Part, trade_id: TradeId | None) -> None:
        match part:
            case Part.POSITION if trade_id is not None:
                position = self.replica.position(trade_id)
                if position is not None:
                    closed = position.state == "CLOSED"
                    self._tell("position_closed" if closed else "position_update", position)
            case Part.TRADE if trade_id is not None:
                trade = self.replica.trade(trade_id)
                if trade is not None:
                    self._tell("trade_update", trade)
            case Part.OVERVIEW:
                self._tell("overview", self.replica.overview(self._clock.now_ms(), history=False))
            case Part.HEALTH:
                self._tell("health_update", self._health())
            case _:
                pass

    def _tell(self, kind: str, data: msgspec.Struct) -> None:
        self._seq += 1
        topic, frame = TOPICS[kind], text_frame(encode({"type": kind, "seq": self._seq, "data": data}))
        self._kept.append((self._seq, topic, frame))
        self._told.append((topic, frame))

    def snapshot(self, topics: frozenset[str] = ALL_TOPICS) -> bytes:
        """The frame of all that a client needs to start, with the number of the last message it contains."""
        data = Snapshot(
            overview=self.replica.overview(self._clock.now_ms(), history=True)
            if "overview" in topics
            else None,
            positions=self.replica.positions() if "positions" in topics else None,
            decisions=self.replica.decisions(SNAPSHOT_DECISIONS) if "decisions" in topics else None,
            health=self._health() if "health" in topics else None,
        )
        return text_frame(encode({"type": "snapshot", "seq": self._seq, "stream": self.id, "data": data}))

    def missed(self, stream: str, after: int, topics: frozenset[str]) -> bytes | None:
        """Frames of what was told since number `after`, after a `resumed`; None where that is not known whole."""
        oldest = self._kept[0][0] if self._kept else self._seq + 1
        if stream != self.id or not oldest - 1 <= after <= self._seq:
            return None
        resumed = text_frame(encode({"type": "resumed", "seq": after, "stream": self.id, "data": {}}))
        later = (frame for seq, topic, frame in self._kept if seq > after and topic in topics)
        return b"".join((resumed, *later))

    @asynccontextmanager
    async def client(
        self,
        identifier: str,
        wire: Wire,
        *,
        topics: frozenset[str] = ALL_TOPICS,
        stream: str = "",
        after: int = -1,
    ) -> AsyncIterator[Client | None]:
        """A client with what it missed since `after` of `stream` sent, or else a snapshot; forgotten at the end.

        None where the house is full.
        """
        if len(self._clients) >= CLIENTS_MAX:
            yield None
            return
        client = Client(identifier, wire, topics)
        self.flush()  # what is pending is in the snapshot; told afterwards it would come out of order
        client.offer(self.missed(stream, after, topics) or self.snapshot(topics))
        self._clients.add(client)
        self._observer.clients_counted(self.clients)
        try:
            yield client
        finally:
            with suppress(KeyError):
                self._clients.remove(client)
            self._listening_until_ns = self._clock.monotonic_ns() + LISTENING_FOR_S * 1_000_000_000
            self._observer.clients_counted(self.clients)
