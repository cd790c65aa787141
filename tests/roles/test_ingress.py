"""The door's loop: durable before answered, one of two equal ones, nothing lost by a crash or a cancelled caller."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from chimera.adapters.clocks import SteppedClock
from chimera.adapters.journal_file import JournalFile
from chimera.domain.errors import InvariantBroken
from chimera.domain.ids import WSOL, Address, IntentId, SignalId, Signature, Slot, TradeId
from chimera.domain.intent import Origin, Side, Signal, Source, Style, TradeIntent
from chimera.domain.market import Trade
from chimera.domain.messages import Entry, Fact, IntentEmitted, SignalAccepted, SignalDropped, SignalRefused
from chimera.domain.pool import Swap
from chimera.domain.risk import Reason, Refusal
from chimera.observe import Observer, Redactor, make_log
from chimera.ports.ingress import WebhookAnswer, WebhookRequest
from chimera.risk.admission import Admission, AdmissionRules
from chimera.risk.watcher import WalletWatcher
from chimera.roles.inbox import SignalInbox
from chimera.roles.ingress import IngressDeps, IngressRole
from chimera.testing.surroundings import ACTIVE_WALLET, BONK, TableSurroundings

SECRET = b"a secret of thirty-two bytes....."
NOW_MS = 1_790_000_000_000


class House:
    """A real journal on disk behind the door, and a clock turned by hand."""

    def __init__(self, folder: Path, *, capacity: int = 1_000) -> None:
        self.clock = SteppedClock(NOW_MS)
        self.journal, _ = JournalFile.open(folder, clock=self.clock, run_id="run")
        self.around = TableSurroundings()
        self.queue = SignalInbox(capacity)
        self.observer = Observer(make_log(level="error", json=True, redactor=Redactor()), CollectorRegistry())
        self.ingress = IngressRole(
            IngressDeps(
                admission=Admission(AdmissionRules(secrets=(SECRET,), queue_capacity=capacity), self.around),
                journal=self.journal,
                queue=self.queue,
                clock=self.clock,
                observer=self.observer,
                watcher=WalletWatcher(
                    wallet=self.around.wallets.get,
                    symbol_of=lambda mint: "BONK" if mint == BONK.mint else mint[:4],
                    lamports_of=lambda mint, amount: amount if mint == WSOL else None,
                ),
            )
        )

    def facts(self) -> list[Fact]:
        return [entry.fact for entry in self.journal.read()]

    async def send(self, *, signature: str | None = None, **changes: Any) -> WebhookAnswer:
        call = {
            "strategy": "SHIELD",
            "token": "BONK",
            "action": "BUY",
            "amount_sol": 0.1,
            "wallet_address": ACTIVE_WALLET,
        }
        body = json.dumps({**call, **changes}).encode()
        stamp = str(self.clock.now_ms() // 1_000)
        signature = signature or hmac.new(SECRET, stamp.encode() + body, hashlib.sha256).hexdigest()
        return await self.ingress.receive(
            WebhookRequest(body=body, signature=signature, timestamp=stamp, request_id="r-1")
        )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path / "journal")
    yield built
    built.journal.close()


async def test_an_accepted_signal_is_on_disk_and_queued_when_the_answer_comes(house: House) -> None:
    answer = await house.send()
    assert answer.refusal is None
    accepted = house.facts()[-1]
    assert isinstance(accepted, SignalAccepted)
    assert house.journal.durable_seq == house.journal.last_seq == 1
    assert (accepted.signal.id, accepted.request_id) == (answer.signal_id, "r-1")
    assert await house.queue.get() == accepted.signal


async def test_a_trade_is_thought_about_before_its_signal_is_answered(house: House) -> None:
    """What the caller waits for is the disk; the answer itself may come after the trade has gone ahead."""
    order: list[str] = []

    async def think() -> None:
        await house.queue.get()
        order.append("thought")

    thinking = asyncio.create_task(think())
    await house.send()
    order.append("answered")
    await thinking
    assert order == ["thought", "answered"]


async def test_of_two_equal_requests_at_once_one_is_accepted(house: House) -> None:
    answers = await asyncio.gather(*(house.send() for _ in range(5)))
    refusals = [answer.refusal.reason for answer in answers if answer.refusal]
    assert refusals == [Reason.DUPLICATE_SIGNAL] * 4
    assert len({answer.signal_id for answer in answers}) == 1
    assert house.queue.depth == 1


async def test_a_refusal_is_on_record_with_its_reason(house: House) -> None:
    answer = await house.send(token="NOPE")
    assert answer.refusal is not None
    refused = house.facts()[-1]
    assert isinstance(refused, SignalRefused)
    assert (refused.refusal.reason, refused.symbol, refused.wallet) == (
        Reason.UNKNOWN_TOKEN,
        "NOPE",
        ACTIVE_WALLET,
    )


async def test_strangers_cannot_fill_the_journal(house: House) -> None:
    for _ in range(200):
        await house.send(signature="0" * 64)
    assert len(house.facts()) == 5
    counted = house.observer.registry.get_sample_value(
        "chimera_webhook_rejections_total", {"reason": "SIGNATURE_INVALID"}
    )
    assert counted == 195, "those beyond are counted, since the journal does not tell of them"


async def test_signals_that_wait_for_the_disk_already_take_up_their_room(tmp_path: Path) -> None:
    house = House(tmp_path / "journal", capacity=3)
    answers = await asyncio.gather(*(house.send(amount_sol=number) for number in range(1, 6)))
    reasons = [answer.refusal.reason if answer.refusal else None for answer in answers]
    assert reasons == [None, None, None, Reason.QUEUE_FULL, Reason.QUEUE_FULL]
    assert house.queue.depth == 3
    house.journal.close()


async def test_a_caller_that_goes_away_takes_no_accepted_signal_with_it(house: House) -> None:
    call = asyncio.create_task(house.send())
    while not house.facts():
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    signal = await asyncio.wait_for(house.queue.get(), 5)
    assert signal.side is Side.BUY
    assert house.ingress.depth == 0


async def test_what_the_disk_refuses_is_not_accepted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", full)
    with pytest.raises(InvariantBroken, match="No space left"):
        await house.send()
    monkeypatch.undo()
    assert (house.queue.depth, house.ingress.depth) == (0, 0)


async def test_a_restart_remembers_who_was_let_in_and_queues_who_still_waited(tmp_path: Path) -> None:
    before = House(tmp_path / "journal")
    answers = [await before.send(amount_sol=number) for number in (1, 2, 3)]
    served, declined = await before.queue.get(), await before.queue.get()
    before.journal.append(IntentEmitted(intent=_intent_for(served)))
    before.journal.append(SignalDropped(signal_id=declined.id, refusal=Refusal(Reason.MAX_OPEN_POSITIONS)))
    before.journal.close()

    after = House(tmp_path / "journal")
    after.ingress.resume(after.journal.read())
    assert after.queue.depth == 1
    assert (await after.queue.get()).id == answers[2].signal_id
    for number in (1, 2, 3):
        again = await after.send(amount_sol=number)
        assert again.refusal is not None
        assert again.refusal.reason is Reason.DUPLICATE_SIGNAL
    after.journal.close()


async def test_an_old_buy_is_dropped_on_record_at_start_and_an_old_sale_is_not(house: House) -> None:
    house.around.held.add((ACTIVE_WALLET, BONK.mint))
    await house.send()
    await house.send(strategy="EXIT", action="SELL")
    entries = list(house.journal.read())
    house.clock.advance(31_000)
    reborn = SignalInbox()
    role = IngressRole(
        IngressDeps(
            admission=Admission(AdmissionRules(secrets=(SECRET,)), house.around),
            journal=house.journal,
            queue=reborn,
            clock=house.clock,
            observer=house.observer,
        )
    )
    role.resume(entries)
    assert (await reborn.get()).side is Side.SELL
    assert reborn.depth == 0
    dropped = house.facts()[-1]
    assert isinstance(dropped, SignalDropped)
    assert dropped.refusal.reason is Reason.TTL_EXPIRED


async def test_more_waiting_signals_than_fit_are_dropped_on_record(house: House) -> None:
    for number in (1, 2):
        await house.send(amount_sol=number)
    entries = list(house.journal.read())
    role = IngressRole(
        IngressDeps(
            admission=Admission(AdmissionRules(secrets=(SECRET,)), house.around),
            journal=house.journal,
            queue=SignalInbox(1),
            clock=house.clock,
            observer=house.observer,
        )
    )
    role.resume(entries)
    dropped = house.facts()[-1]
    assert isinstance(dropped, SignalDropped)
    assert dropped.refusal.reason is Reason.QUEUE_FULL


async def test_a_watched_wallets_swap_becomes_the_same_signal_once(house: House) -> None:
    await house.ingress.watch(_trade(WSOL, BONK.mint))
    await house.ingress.watch(_trade(WSOL, BONK.mint))
    (fact,) = house.facts()
    assert isinstance(fact, SignalAccepted)
    assert (await house.queue.get()).amount_lamports == 5_000
    await house.ingress.watch(_trade(BONK.mint, WSOL))
    refused = house.facts()[-1]
    assert isinstance(refused, SignalRefused)
    assert refused.refusal.reason is Reason.NO_ACTIVE_POSITION


async def test_strangers_swaps_leave_no_trace(house: House) -> None:
    await house.ingress.watch(_trade(WSOL, BONK.mint, user=Address("bob")))
    assert house.facts() == []


async def test_a_cancelled_getter_of_the_inbox_loses_nothing() -> None:
    inbox = SignalInbox()
    first, second = (asyncio.create_task(inbox.get()) for _ in range(2))
    await asyncio.sleep(0)
    waiting = _signal(Style.SHIELD)
    inbox.put(waiting)
    first.cancel()
    assert await asyncio.wait_for(second, 5) == waiting


def test_the_observer_hears_of_every_fact_in_the_journal_without_choking(house: House) -> None:
    entry = Entry(seq=1, at_ms=1, run_id="r", fact=SignalAccepted(signal=_signal(Style.SPEAR)))
    house.observer.heard(entry)
    assert house.observer.registry.get_sample_value(
        "chimera_signals_total", {"source": "webhook", "outcome": "accepted"}
    )


def _trade(pays: Address, gets: Address, *, user: Address = ACTIVE_WALLET) -> Trade:
    return Trade(
        swap=Swap(
            venue="raydium_cpmm",
            pool=Address("pool"),
            user=user,
            input_mint=pays,
            output_mint=gets,
            amount_in=5_000,
            amount_out=7_000,
            signature=Signature(f"{pays[:3]}-{user[:3]}"),
            slot=Slot(7),
            position=0,
        ),
        at_ms=NOW_MS,
    )


def _signal(style: Style) -> Signal:
    return Signal(
        id=SignalId("s"),
        source=Source.WEBHOOK,
        strategy=style,
        side=Side.BUY,
        mint=BONK.mint,
        symbol="BONK",
        amount_lamports=1,
        wallet=ACTIVE_WALLET,
        at_ms=NOW_MS,
    )


def _intent_for(signal: Signal) -> TradeIntent:
    return TradeIntent(
        id=IntentId("i"),
        trade_id=TradeId(signal.id),
        signal_id=signal.id,
        source="copy_trade",
        origin=Origin.STRATEGY_A,
        style=Style.SHIELD,
        side=Side.BUY,
        mint=signal.mint,
        symbol=signal.symbol,
        amount=1,
        slippage_bps_max=100,
        created_at_ms=signal.at_ms,
        ttl_ms=5_000,
        reason="copies",
    )
