"""Reconciliation as it runs: at start, when its hour has come, never of what moves; and watching for strangers."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from chimera.domain.chain import Commitment, SignatureSeen, SignatureStatus, TransactionUpdate
from chimera.domain.commands import ResolveDiscrepancy, RunReconciliation
from chimera.domain.discrepancy import Mismatch
from chimera.domain.errors import Unreachable
from chimera.domain.ids import Address, Signature, Slot
from chimera.domain.messages import (
    CapitalMoved,
    DiscrepancyResolved,
    IntentEmitted,
    KillSwitchMoved,
    LegFinalized,
    LegLanded,
    LegPlanned,
    LegSigned,
    PositionsReconciled,
    TradeMoved,
)
from chimera.domain.trade import LegRef, TradeState
from chimera.observe import Observer, Redactor, make_log
from chimera.portfolio import Ledger
from chimera.ports.chain import PartlyKnown
from chimera.risk.kill_switch import KillSwitch
from chimera.roles import capital as capital_role
from chimera.roles import reconciler as reconciler_role
from chimera.roles.capital import CapitalRole
from chimera.roles.reconciler import ReconcilerRole
from chimera.testing.builders import address, fill, intent
from chimera.testing.fakes import MemoryJournal, StandingClock

DAY, HOUR = 86_400_000, 3_600_000
MIDNIGHT = 20_000 * DAY
WALLET, OTHER = address("desk"), address("somebody")


class ToldChain:
    """A node that says what it is told to; `during` happens while it is asked."""

    def __init__(self) -> None:
        self.known: dict[Signature, TransactionUpdate] = {}
        self.commitment = Commitment.CONFIRMED
        self.history: list[SignatureSeen] = []
        self.asked_since: list[int] = []
        self.down: list[Exception] = []
        self.during: Callable[[], None] = lambda: None

    async def slot(self, *, commitment: Commitment = Commitment.PROCESSED) -> int:
        if self.down:
            raise self.down.pop()
        return 1_000

    async def statuses(self, signatures: Sequence[Signature]) -> tuple[SignatureStatus | None, ...]:
        if self.down:
            raise self.down.pop()
        self.during()
        status = SignatureStatus(Slot(900), self.commitment, None)
        return tuple(status if name in self.known else None for name in signatures)

    async def transaction(self, signature: Signature) -> TransactionUpdate | None:
        return self.known.get(signature)

    async def token_accounts(self, owner: Address) -> tuple[int, tuple[Any, ...]]:
        return 1_000, ()

    async def signatures_of(self, address: Address, *, after_slot: int, pages_max: int = 20) -> Any:
        self.asked_since.append(after_slot)
        return tuple(line for line in self.history if line.slot > after_slot)


class House:
    def __init__(self) -> None:
        self.clock = StandingClock(MIDNIGHT)
        self.journal = MemoryJournal(self.clock)
        self.ledger, self.chain, self.switch = Ledger(), ToldChain(), KillSwitch()
        self.observer = Observer(make_log(level="error", json=True, redactor=Redactor()), CollectorRegistry())
        parts: dict[str, Any] = {
            "chain": self.chain, "wallet": WALLET, "journal": self.journal, "clock": self.clock,
            "observer": self.observer,
        }  # fmt: skip
        self.reconciler = ReconcilerRole(**parts, tip_accounts=frozenset(), ledger=self.ledger)
        self.capital = CapitalRole(**parts, kill_switch=self.switch)
        self.journal.listeners += [
            self.ledger.apply,
            self.reconciler.fold,
            self.capital.fold,
            lambda entry: self.switch.apply(entry.fact),
        ]
        self.journal.append(CapitalMoved(10**10, Slot(500), "opening balance"))

    def holds(self) -> None:
        """A position of which the chain knows nothing."""
        wanted = intent()
        self.journal.append(IntentEmitted(wanted))
        self.journal.append(LegLanded(LegRef("leg", wanted.id, wanted.trade_id), fill()))
        self.journal.append(TradeMoved(wanted.trade_id, TradeState.EXECUTING, TradeState.ACTIVE, ""))

    def facts(self, kind: type) -> list[Any]:
        return [fact for fact in self.journal.facts() if isinstance(fact, kind)]


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(reconciler_role, "ASK_EVERY_S", 0.005)
    monkeypatch.setattr(reconciler_role, "AGAIN_AFTER_S", 0.005)
    monkeypatch.setattr(reconciler_role, "QUIET_WITHIN_S", 0.02)
    monkeypatch.setattr(reconciler_role, "QUIET_STEP_S", 0.01)
    monkeypatch.setattr(capital_role, "ASK_EVERY_S", 0.005)
    return House()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.005)


async def test_it_runs_at_start_and_at_four_once_a_day(house: House) -> None:
    loop = asyncio.create_task(house.reconciler.run())

    def runs() -> list[str]:
        return [fact.cause for fact in house.facts(PositionsReconciled)]

    await until(lambda: runs() == ["at start"])
    house.clock.forward(4 * HOUR - 1)
    await asyncio.sleep(0.05)
    assert runs() == ["at start"]
    house.clock.forward(1)
    await until(lambda: runs() == ["at start", "daily"])
    house.clock.forward(DAY - 1)
    await asyncio.sleep(0.05)
    assert len(runs()) == 2
    house.clock.forward(1)
    await until(lambda: runs() == ["at start", "daily", "daily"])
    loop.cancel()


async def test_what_a_fork_may_still_move_is_left_to_the_desk_that_watches_it(house: House) -> None:
    wanted = intent()
    leg = LegRef("leg", wanted.id, wanted.trade_id)
    landed = fill()
    house.journal.append(IntentEmitted(wanted))
    house.journal.append(LegPlanned(leg, (), 1, 1, 1, Slot(1), 1, 1, 0, 0))
    house.journal.append(LegSigned(leg, landed.signature, b"bytes", 200))
    house.journal.append(LegLanded(leg, landed))
    house.journal.append(TradeMoved(wanted.trade_id, TradeState.EXECUTING, TradeState.ACTIVE, ""))
    told = await house.reconciler.reconcile("at start")
    assert (told.positions, told.found, told.left_out) == (0, (), 1)
    assert list(house.ledger.settling) == ["leg"], "or nobody would notice that a fork undid it"
    house.journal.append(LegFinalized(leg, landed.signature, landed.slot))
    told = await house.reconciler.reconcile("again")
    assert [one.kind for one in told.found] == [Mismatch.MISSING, Mismatch.STATE]


async def test_a_node_that_does_not_answer_is_asked_again(house: House) -> None:
    house.chain.down = [Unreachable("rpc", "down")] * 3
    loop = asyncio.create_task(house.reconciler.run())
    await until(lambda: len(house.facts(PositionsReconciled)) == 1)
    loop.cancel()


async def test_what_is_found_is_told_once_and_resolved_by_a_person(house: House) -> None:
    house.holds()
    first = await house.reconciler.perform(RunReconciliation("look", "ops"))
    assert first.ok and first.after == "2"
    (fact,) = house.facts(PositionsReconciled)
    assert {found.kind for found in fact.found} == {Mismatch.MISSING, Mismatch.STATE}
    assert (fact.cause, fact.positions, fact.still_open) == ("ops: look", 1, 0)
    again = await house.reconciler.reconcile("daily")
    assert (again.found, again.still_open) == ((), 2)
    entry = next(e.seq for e in house.journal.read() if isinstance(e.fact, PositionsReconciled))
    done = await house.reconciler.perform(ResolveDiscrepancy(entry, 1, "a rug", "ops"))
    assert (done.ok, done.after) == (True, "1")
    assert house.facts(DiscrepancyResolved) == [DiscrepancyResolved(entry, 1, "a rug", "ops")]
    assert (await house.reconciler.perform(ResolveDiscrepancy(entry, 1, "x", "ops"))).code == "UNKNOWN"
    assert house.journal.durable_seq == len(house.journal.facts())


async def test_a_position_that_moves_while_it_is_looked_at_is_left_out(house: House) -> None:
    house.holds()
    wanted = intent()

    def sold() -> None:
        house.journal.append(TradeMoved(wanted.trade_id, TradeState.ACTIVE, TradeState.EXITING, ""))
        ref = LegRef("exit", wanted.id, wanted.trade_id)
        house.journal.append(LegPlanned(ref, (), 5, 5, 5, Slot(1), 1, 1, 0))

    house.chain.during = sold
    fact = await house.reconciler.reconcile("daily")
    assert (fact.positions, fact.found, fact.left_out) == (0, (), 1)


async def test_a_run_that_is_asked_for_tells_when_the_chain_is_away(house: House) -> None:
    house.chain.down = [Unreachable("rpc", "down")]
    answer = await house.reconciler.perform(RunReconciliation("look", "ops"))
    assert (answer.ok, answer.code) == (False, "UNREACHABLE")
    assert house.facts(PositionsReconciled) == []


# strangers


def stranger(name: str, *, slot: int = 900, lamports: int = 7, payer: Address = OTHER) -> TransactionUpdate:
    accounts = (payer, WALLET) if payer != WALLET else (WALLET, OTHER)
    change = (-5_000 - lamports, lamports) if payer != WALLET else (-5_000, 0)
    return TransactionUpdate(
        signature=Signature(name), slot=Slot(slot), index=0, accounts=accounts, instructions=(),
        fee_lamports=5_000, pre_lamports=(10**9, 10**9), pre_tokens=(), post_tokens=(), logs=(), compute_units=1,
        post_lamports=(10**9 + change[0], 10**9 + change[1]),
    )  # fmt: skip


async def watching(house: House, true: Callable[[], bool]) -> None:
    loop = asyncio.create_task(house.capital.run())
    try:
        await until(true)
    finally:
        loop.cancel()


async def test_a_gift_that_is_only_processed_waits_until_it_is_confirmed(house: House) -> None:
    house.chain.known[Signature("gift")] = stranger("gift")
    house.chain.commitment = Commitment.PROCESSED
    house.capital.heard(Signature("gift"))
    loop = asyncio.create_task(house.capital.run())
    await asyncio.sleep(0.05)
    assert house.capital.unsettled and len(house.facts(CapitalMoved)) == 1
    house.chain.commitment = Commitment.CONFIRMED
    await until(lambda: len(house.facts(CapitalMoved)) == 2)
    loop.cancel()
    assert not house.capital.unsettled and house.ledger.lamports == 10**10 + 7


async def test_a_transaction_that_a_fork_took_is_given_up(house: House) -> None:
    house.capital.heard(Signature("gone"))
    loop = asyncio.create_task(house.capital.run())
    await asyncio.sleep(0.03)
    assert house.capital.unsettled
    house.clock.forward(capital_role.GIVEN_UP_AFTER_MS + 1)
    await until(lambda: not house.capital.unsettled)
    loop.cancel()
    assert len(house.facts(CapitalMoved)) == 1


async def test_nothing_is_settled_until_the_history_since_the_last_run_was_read(house: House) -> None:
    assert house.capital.unsettled, "books and chain are not compared before that"
    await watching(house, lambda: not house.capital.unsettled)
    assert house.chain.asked_since


async def test_the_history_brings_what_happened_while_we_slept_and_nothing_twice(house: House) -> None:
    for name, slot in (("before", 500), ("night", 600)):
        house.chain.known[Signature(name)] = stranger(name, slot=slot)
        house.chain.history.append(SignatureSeen(Signature(name), Slot(slot), None))
    house.capital.heard(Signature("before"))  # the stream may repeat what the opening balance holds already
    await watching(house, lambda: len(house.facts(CapitalMoved)) == 2 and not house.capital.unsettled)
    assert house.facts(CapitalMoved)[1].signature == "night"
    assert house.chain.asked_since == [500]
    house.capital.heard(Signature("night"))
    assert not house.capital.unsettled


async def test_our_key_in_a_strangers_hand_halts_buying_and_leaves_a_stricter_halt_alone(
    house: House,
) -> None:
    house.chain.known[Signature("theft")] = stranger("theft", payer=WALLET)
    house.capital.heard(Signature("theft"))
    await watching(house, lambda: len(house.facts(KillSwitchMoved)) == 1)
    (halt,) = house.facts(KillSwitchMoved)
    assert (halt.active, halt.scope) == (True, "halt_buys") and "theft" in halt.cause
    house.journal.append(KillSwitchMoved(True, "halt_all", "people look into it", "ops"))
    house.chain.known[Signature("again")] = stranger("again", payer=WALLET)
    house.capital.heard(Signature("again"))
    await watching(house, lambda: len(house.facts(CapitalMoved)) == 3)
    assert house.switch.scope == "halt_all"


async def test_of_a_partly_known_answer_only_the_known_part_is_used(house: House) -> None:
    house.chain.known[Signature("gift")] = stranger("gift")
    house.capital.heard(Signature("gift"))
    house.capital.heard(Signature("doubtful"))
    status = SignatureStatus(Slot(900), Commitment.CONFIRMED, None)
    answered = house.chain.statuses
    told: list[int] = []

    async def partly(signatures: Sequence[Signature]) -> Any:
        told.append(len(signatures))
        raise PartlyKnown("rpc", "one node is away", {Signature("gift"): status})

    house.chain.statuses = partly  # type: ignore[method-assign]
    await watching(house, lambda: len(house.facts(CapitalMoved)) == 2)
    house.chain.statuses = answered  # type: ignore[method-assign]
    assert house.capital.unsettled  # of the other one nothing may be concluded
