"""Deals with dead letters on an operator's behalf, and hands every command to whoever performs it.

A letter is dealt with once: let in again as an operator's signal with an id of its own, or discarded; both are in
the journal, with who and why. A second try that is refused leaves the letter where it is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from chimera.audit.projections import dead_letter
from chimera.domain.commands import Answer, Command, DiscardDeadLetter, RetryDeadLetter
from chimera.domain.ids import SignalId, TradeId, derived_id
from chimera.domain.intent import Side, Signal, TradeIntent
from chimera.domain.messages import DeadLetterHandled, Entry, SignalRefused, TradeMoved
from chimera.domain.risk import Reason, Refusal
from chimera.portfolio import Ledger
from chimera.ports.runtime import Clock, Commands
from chimera.ports.store import DeadLetterRow, Journal
from chimera.risk.payload import Wish, read_wish
from chimera.roles.ingress import IngressRole

Perform = Callable[[Command], Awaitable[Answer]]


class Switchboard:
    """`ports.runtime.Commands`: each command to its own performer, the rest to the desk."""

    def __init__(self, performers: Mapping[type[Command], Perform], *, otherwise: Commands) -> None:
        self._performers, self._otherwise = dict(performers), otherwise

    async def perform(self, command: Command) -> Answer:
        performer = self._performers.get(type(command))
        return await (performer(command) if performer is not None else self._otherwise.perform(command))


class ClerkRole:
    FOLDS = frozenset({DeadLetterHandled})
    """What it folds; of other facts it need not be told."""

    def __init__(self, *, ingress: IngressRole, ledger: Ledger, journal: Journal, clock: Clock) -> None:
        self._ingress, self._ledger, self._journal, self._clock = ingress, ledger, journal, clock
        self._settled: set[int] = set()
        self._busy = asyncio.Lock()

    def fold(self, entry: Entry) -> None:
        """In the journal's order, each entry once, those of former runs included."""
        if isinstance(entry.fact, DeadLetterHandled) and entry.fact.outcome != "refused":
            self._settled.add(entry.fact.letter)

    async def perform(self, command: Command) -> Answer:
        """`ports.runtime.Commands`, for the two that are about dead letters."""
        if not isinstance(command, RetryDeadLetter | DiscardDeadLetter):
            return Answer(ok=False, code="UNSUPPORTED", message="that is not for the clerk")
        async with self._busy:  # of two at once the second meets a letter that is dealt with
            letter, opening = await self._letter(command.letter)
            if letter is None:
                return Answer(ok=False, code="UNKNOWN", message="there is no such dead letter")
            if letter.seq in self._settled:
                return Answer(ok=False, code="NOT_ACTIVE", message="this dead letter is dealt with")
            if isinstance(command, DiscardDeadLetter):
                return await self._note(command, "discarded")
            return await self._retry(command, letter, opening)

    async def _retry(
        self, command: RetryDeadLetter, letter: DeadLetterRow, opening: TradeIntent | None
    ) -> Answer:
        now = self._clock.now_ms()
        wish = _wish(letter, opening, now_ms=now)
        if not letter.can_retry or isinstance(wish, Refusal):
            return Answer(
                ok=False, code="NOT_RETRYABLE", message="what is in it cannot be let in; it can be discarded"
            )
        # the same id for the same letter: a crash between the two records below must not make a second signal
        signal_id = SignalId(derived_id("dead letter", str(letter.seq)))
        note = f"dead letter {letter.seq}, {command.by}: {command.cause}"
        verdict = await self._ingress.enter_again(wish, signal_id=signal_id, note=note)
        if isinstance(verdict, Signal) or verdict.reason is Reason.DUPLICATE_SIGNAL:
            return await self._note(command, "retried", signal_id)
        await self._note(command, "refused")
        return Answer(ok=False, code=str(verdict.reason), message=f"refused again: {verdict}")

    async def _note(
        self,
        command: RetryDeadLetter | DiscardDeadLetter,
        outcome: str,
        signal_id: SignalId | None = None,
    ) -> Answer:
        fact = DeadLetterHandled(command.letter, outcome, command.cause, command.by, signal_id)
        entry = self._journal.append(fact)
        await self._journal.durable(entry.seq)
        return Answer(ok=True, message=f"the dead letter is {outcome}", before="open", after=signal_id or "")

    async def _letter(self, seq: int) -> tuple[DeadLetterRow | None, TradeIntent | None]:
        """The letter that an entry made, and the intent that its trade began with."""
        if seq <= 0:
            return None, None
        reading = self._journal.read(seq)
        entry = await asyncio.to_thread(next, reading, None)
        if entry is None or entry.seq != seq or not isinstance(entry.fact, SignalRefused | TradeMoved):
            return None, None
        opening = self._opening(entry.fact.trade_id) if isinstance(entry.fact, TradeMoved) else None
        return dead_letter(entry, opening), opening

    def _opening(self, trade_id: TradeId) -> TradeIntent | None:
        buys = (intent for intent in self._ledger.intents.values() if intent.side is Side.BUY)
        return next((intent for intent in buys if intent.trade_id == trade_id), None)


def _wish(letter: DeadLetterRow, opening: TradeIntent | None, *, now_ms: int) -> Wish | Refusal:
    """What the letter wants: a trade's first intent again, or what its payload says."""
    if opening is None or opening.wallet is None:
        return read_wish(letter.payload.encode(), timestamp=str(now_ms // 1_000))
    return Wish(
        id="",
        style=opening.style,
        side=opening.side,
        token=opening.mint,
        amount_lamports=opening.amount,
        wallet=opening.wallet,
    )
