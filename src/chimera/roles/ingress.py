"""The door's loop: a request in, a durable signal in the queue, an answer out.

Holds no rules: `risk.admission` decides. Order of what it does: admit, journal, wait for the disk, queue, answer;
so that whatever was answered with "accepted" survives a crash, and whatever was refused is on record.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from chimera.domain.errors import InvariantBroken
from chimera.domain.ids import SignalId
from chimera.domain.intent import Side, Signal
from chimera.domain.market import Trade
from chimera.domain.messages import Entry, IntentEmitted, SignalAccepted, SignalDropped, SignalRefused
from chimera.domain.rate import RateLimit
from chimera.domain.risk import Reason, Refusal
from chimera.execution.queue import SignalQueueFull
from chimera.observe import Observer
from chimera.ports.ingress import WebhookAnswer, WebhookRequest
from chimera.ports.runtime import Clock, SignalQueue
from chimera.ports.store import Journal
from chimera.risk.admission import Admission
from chimera.risk.payload import Wish
from chimera.risk.watcher import WalletWatcher

STRANGERS = frozenset(
    {Reason.BAD_SIGNATURE, Reason.MISSING_SIGNATURE, Reason.STALE_TIMESTAMP, Reason.RATE_LIMITED}
)
STRANGERS_JOURNALLED_PER_S = 5  # enough to see an attack, too few to fill a disk with one
TURNS_AHEAD = 3  # of the loop, that a trade gets before its signal is answered: strategy, desk, simulation
REQUEUE_AGE_MS_MAX = 30_000  # a copied buy is worth nothing once its price has moved on


class IngressDeps(msgspec.Struct, frozen=True):
    admission: Admission
    journal: Journal
    queue: SignalQueue
    clock: Clock
    observer: Observer
    watcher: WalletWatcher | None = None


class IngressRole:
    """`ports.ingress.Ingress`, and the same for what the stream brings."""

    def __init__(self, deps: IngressDeps) -> None:
        self._admission, self._journal, self._queue = deps.admission, deps.journal, deps.queue
        self._clock, self._observer, self._watcher = deps.clock, deps.observer, deps.watcher
        self._settling = 0
        """Accepted but not yet in the queue: they wait for the disk, and already take up their room."""
        self._strangers = RateLimit(count=STRANGERS_JOURNALLED_PER_S)
        self._orphans: set[asyncio.Task[None]] = set()

    @property
    def depth(self) -> int:
        return self._queue.depth + self._settling

    async def receive(self, request: WebhookRequest) -> WebhookAnswer:
        """The answer to a webhook request. Of two equal ones at once the second is a duplicate."""
        now_ns = self._clock.monotonic_ns()
        verdict = self._admission.admit(
            request, now_ms=self._clock.now_ms(), now_ns=now_ns, queue_depth=self.depth
        )
        if isinstance(verdict, Signal):
            await self._enter(verdict, request_id=request.request_id)
            for _ in range(TURNS_AHEAD):
                await asyncio.sleep(0)
        else:
            self._turn_away(verdict, now_ns=now_ns)
        done_ns = self._clock.monotonic_ns()
        self._observer.webhook_answered(
            outcome="accepted" if isinstance(verdict, Signal) else "refused",
            took_us=(done_ns - now_ns) // 1_000,
        )
        rate = self._admission.rate(done_ns)
        return WebhookAnswer(
            signal_id=verdict.id if isinstance(verdict, Signal) else verdict.signal_id,
            refusal=None if isinstance(verdict, Signal) else verdict.refusal,
            rate_limit=rate.limit,
            rate_remaining=rate.remaining,
            rate_wait_ms=-(-rate.wait_ns // 1_000_000),
        )

    async def watch(self, trade: Trade) -> None:
        """Follows a trade seen on the stream, where it is one of a wallet that we copy."""
        signal = self._watcher.signal(trade) if self._watcher else None
        if signal is None:
            return
        verdict = self._admission.admit_seen(signal, queue_depth=self.depth)
        if isinstance(verdict, Signal):
            await self._enter(verdict, request_id="")
        elif verdict is not None:
            self._journal.append(verdict)

    async def enter_again(self, wish: Wish, *, signal_id: SignalId, note: str) -> Signal | Refusal:
        """Lets an operator's second try in, durable before it is answered, or says why not."""
        verdict = self._admission.admit_again(
            wish, signal_id=signal_id, now_ms=self._clock.now_ms(), queue_depth=self.depth, note=note
        )
        if isinstance(verdict, Signal):
            await self._enter(verdict, request_id="")
        return verdict

    def resume(self, entries: Iterable[Entry]) -> None:
        """Folds the journal at start: who was let in stays let in, and whoever still waited waits again.

        Buys older than half a minute are dropped, with a record; sales are always worth doing.
        """
        accepted: dict[SignalId, Signal] = {}
        open_signals: dict[SignalId, Signal] = {}
        for entry in entries:
            match entry.fact:
                case SignalAccepted(signal):
                    accepted[signal.id] = open_signals[signal.id] = signal
                case SignalDropped(signal_id):
                    open_signals.pop(signal_id, None)
                case IntentEmitted(intent) if intent.signal_id is not None:
                    open_signals.pop(intent.signal_id, None)
                case _:
                    pass
        self._admission.resume(accepted)
        now_ms = self._clock.now_ms()
        for signal in open_signals.values():
            age_ms = now_ms - signal.at_ms
            if signal.side is Side.BUY and age_ms > REQUEUE_AGE_MS_MAX:
                self._drop(signal, Reason.TTL_EXPIRED, f"{REQUEUE_AGE_MS_MAX} ms", f"{age_ms} ms at start")
                continue
            try:
                self._queue.put(signal)
            except SignalQueueFull as full:
                self._drop(signal, Reason.QUEUE_FULL, "", str(full))
        self._observer.queue_depth(self._queue.depth)

    def _drop(self, signal: Signal, reason: Reason, limit: str, observed: str) -> None:
        refusal = Refusal(reason, limit=limit, observed=observed)
        self._journal.append(SignalDropped(signal_id=signal.id, refusal=refusal))

    async def _enter(self, signal: Signal, *, request_id: str) -> None:
        entry = self._journal.append(SignalAccepted(signal=signal, request_id=request_id))
        self._settling += 1
        try:
            await self._settle(signal, entry.seq)
        except asyncio.CancelledError:
            # the caller went away; what stands in the journal is traded all the same
            self._orphans.add(orphan := asyncio.create_task(self._settle(signal, entry.seq)))
            orphan.add_done_callback(self._adopted)
            raise

    async def _settle(self, signal: Signal, seq: int) -> None:
        try:
            await self._journal.durable(seq)
        except InvariantBroken:
            self._settling -= 1
            raise
        self._settling -= 1
        self._queue.put(signal)
        self._observer.queue_depth(self.depth)

    def _adopted(self, orphan: asyncio.Task[None]) -> None:
        self._orphans.discard(orphan)
        if not orphan.cancelled() and (error := orphan.exception()) is not None:
            self._observer.role_failed(role="ingress", error=error)

    def _turn_away(self, refused: SignalRefused, *, now_ns: int) -> None:
        if refused.refusal.reason in STRANGERS and not self._strangers.take(now_ns):
            self._observer.signal_refused(refused)
            return
        self._journal.append(refused)
