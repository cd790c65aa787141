"""Dead letters: let in again once, under a new id and the operator's name; discarded once; never twice by a crash."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from chimera.adapters.clocks import SteppedClock
from chimera.adapters.journal_file import JournalFile
from chimera.domain.commands import Answer, Command, DiscardDeadLetter, Kill, RetryDeadLetter
from chimera.domain.ids import SignalId
from chimera.domain.intent import Side, Signal, Source
from chimera.domain.messages import (
    DeadLetterHandled,
    Fact,
    IntentEmitted,
    SignalAccepted,
    SignalRefused,
    TradeMoved,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import TradeState
from chimera.observe import Observer, Redactor, make_log
from chimera.portfolio import Ledger
from chimera.risk.admission import Admission, AdmissionRules
from chimera.roles.clerk import ClerkRole, Switchboard
from chimera.roles.inbox import SignalInbox
from chimera.roles.ingress import IngressDeps, IngressRole
from chimera.testing.builders import intent
from chimera.testing.surroundings import ACTIVE_WALLET, BONK, TableSurroundings

NOW_MS = 1_790_000_000_000
PAYLOAD = {
    "strategy": "SHIELD",
    "token": "BONK",
    "action": "BUY",
    "amount_sol": 0.1,
    "wallet_address": ACTIVE_WALLET,
}


class House:
    def __init__(self, folder: Path) -> None:
        self.clock = SteppedClock(NOW_MS)
        self.journal, _ = JournalFile.open(folder, clock=self.clock, run_id="run")
        self.ledger, self.queue, self.around = Ledger(), SignalInbox(), TableSurroundings()
        observer = Observer(make_log(level="error", json=True, redactor=Redactor()), CollectorRegistry())
        self.ingress = IngressRole(
            IngressDeps(
                admission=Admission(AdmissionRules(secrets=(b"s" * 32,)), self.around),
                journal=self.journal, queue=self.queue, clock=self.clock, observer=observer,
            )
        )  # fmt: skip
        self.clerk = ClerkRole(
            ingress=self.ingress, ledger=self.ledger, journal=self.journal, clock=self.clock
        )
        earlier = list(self.journal.read())
        for entry in earlier:
            self.ledger.apply(entry)
            self.clerk.fold(entry)
        self.ingress.resume(earlier)
        self.journal.listen(self.ledger.apply)
        self.journal.listen(self.clerk.fold)

    def refused(self, reason: Reason = Reason.QUEUE_FULL, payload: Any = PAYLOAD, **changes: Any) -> int:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        fact = SignalRefused(
            SignalId("first"), Refusal(reason), text, changes.pop("source", "webhook"), dead_letter=True
        )
        return self.journal.append(fact).seq

    async def retry(self, letter: int) -> Answer:
        return await self.clerk.perform(RetryDeadLetter(letter, "the queue is short again", "ops"))

    def facts(self, kind: type[Fact]) -> list[Any]:
        return [entry.fact for entry in self.journal.read() if isinstance(entry.fact, kind)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.journal.close()


async def test_a_retried_letter_is_an_operators_signal_with_a_new_id(house: House) -> None:
    letter = house.refused()
    answer = await house.retry(letter)
    assert answer.ok
    signal = await house.queue.get()
    assert isinstance(signal, Signal)
    assert (signal.source, signal.side, signal.mint) == (Source.OPERATOR, Side.BUY, BONK.mint)
    assert signal.id not in ("first", "") and signal.amount_lamports == 100_000_000
    assert f"dead letter {letter}" in signal.note and "ops" in signal.note
    (accepted,) = house.facts(SignalAccepted)
    assert accepted.signal == signal
    assert house.facts(DeadLetterHandled) == [
        DeadLetterHandled(letter, "retried", "the queue is short again", "ops", signal.id)
    ]


async def test_a_letter_is_dealt_with_once(house: House) -> None:
    letter = house.refused()
    assert (await house.retry(letter)).ok
    again = await house.retry(letter)
    late = await house.clerk.perform(DiscardDeadLetter(letter, "old", "ops"))
    assert (again.code, late.code) == ("NOT_ACTIVE", "NOT_ACTIVE")
    assert len(house.facts(SignalAccepted)) == 1


async def test_a_discarded_letter_does_nothing_but_stand_in_the_journal(house: House) -> None:
    letter = house.refused()
    assert (await house.clerk.perform(DiscardDeadLetter(letter, "too old", "ops"))).ok
    assert house.facts(DeadLetterHandled) == [DeadLetterHandled(letter, "discarded", "too old", "ops")]
    assert house.queue.depth == 0 and (await house.retry(letter)).code == "NOT_ACTIVE"


async def test_a_second_try_meets_admission_as_it_is_now_and_may_be_tried_again(house: House) -> None:
    letter = house.refused()
    house.around.killed[Side.BUY] = Refusal(Reason.KILL_SWITCH)
    answer = await house.retry(letter)
    assert (answer.ok, answer.code) == (False, "KILL_SWITCH_ACTIVE")
    assert house.facts(DeadLetterHandled)[0].outcome == "refused"
    house.around.killed.clear()
    assert (await house.retry(letter)).ok


@pytest.mark.parametrize(
    ("reason", "payload", "source"),
    [
        (Reason.PARSE_ERROR, "{", "webhook"),
        (Reason.VALIDATION_FAILED, PAYLOAD | {"amount_sol": -1}, "webhook"),
        (Reason.QUEUE_FULL, "raydium_cpmm abc", "watcher"),
    ],
)
async def test_what_cannot_be_let_in_can_only_be_discarded(
    house: House, reason: Reason, payload: Any, source: str
) -> None:
    letter = house.refused(reason, payload, source=source)
    assert (await house.retry(letter)).code == "NOT_RETRYABLE"
    assert (await house.clerk.perform(DiscardDeadLetter(letter, "broken", "ops"))).ok


async def test_a_given_up_trade_is_tried_again_as_a_round_trip_of_its_own(house: House) -> None:
    wanted = intent(mint=BONK.mint, wallet=ACTIVE_WALLET, amount=70_000_000)
    house.journal.append(IntentEmitted(wanted))
    letter = house.journal.append(
        TradeMoved(wanted.trade_id, TradeState.FAILED, TradeState.DEAD_LETTER, "after 3 retries", 3)
    )
    assert (await house.retry(letter.seq)).ok
    signal = await house.queue.get()
    assert str(signal.id) != str(wanted.trade_id) and (signal.mint, signal.amount_lamports) == (
        BONK.mint,
        70_000_000,
    )


@pytest.mark.parametrize("number", [0, -3, 2, 99])
async def test_what_is_no_letter_is_not_found(house: House, number: int) -> None:
    house.refused()
    house.journal.append(DeadLetterHandled(99, "discarded", "", ""))
    assert (await house.retry(number)).code == "UNKNOWN"


async def test_a_crash_between_the_signal_and_the_note_makes_no_second_signal(tmp_path: Path) -> None:
    first = House(tmp_path)
    letter = first.refused()
    await first.retry(letter)
    entries = list(first.journal.read())
    first.journal.close()
    second = House(tmp_path / "after")
    for entry in entries:
        if not isinstance(entry.fact, DeadLetterHandled):
            second.journal.append(entry.fact)
    second.journal.close()
    third = House(tmp_path / "after")
    assert (await third.retry(letter)).ok
    assert len(third.facts(SignalAccepted)) == 1 and third.facts(DeadLetterHandled)[0].outcome == "retried"
    third.journal.close()


async def test_the_switchboard_hands_everything_else_to_the_desk(house: House) -> None:
    class Desk:
        async def perform(self, command: Command) -> Answer:
            return Answer(ok=True, message="desk")

    board = Switchboard({RetryDeadLetter: house.clerk.perform}, otherwise=Desk())
    assert (await board.perform(Kill("halt_all", "drill", "ops"))).message == "desk"
    assert (await board.perform(RetryDeadLetter(7, "", "ops"))).code == "UNKNOWN"
