"""A route service is asked about Shield's buys alone, within its time, and a silent one costs nothing but that time."""

import asyncio
import io

import pytest
from prometheus_client import CollectorRegistry
from tests.roles.test_execution_lanes import House

from chimera.domain.chain import InstructionCall
from chimera.domain.errors import Unreachable
from chimera.domain.ids import WSOL, Address, IntentId, Slot
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.domain.messages import Noted
from chimera.domain.risk import Reason, Refusal
from chimera.execution.effects import Arrived
from chimera.execution.elsewhere import Elsewhere
from chimera.execution.tables import Tables
from chimera.market.view import MarketView
from chimera.observe import Observer, Redactor, make_log
from chimera.ports.services import RouteCalls, RouteQuote, RouteRequest
from chimera.roles.elsewhere import ElsewhereRole
from chimera.roles.topics import INTENTS
from chimera.testing.builders import address, intent
from chimera.testing.fakes import MemoryJournal, StandingClock


class Service:
    """Answers rightly, or as told."""

    def __init__(self, answer: Exception | Refusal | None = None, *, hangs: bool = False) -> None:
        self.answer, self.hangs = answer, hangs
        self.asked: list[RouteRequest] = []

    async def quote(self, request: RouteRequest) -> RouteQuote | Refusal:
        self.asked.append(request)
        if self.hangs:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            return self.answer
        return RouteQuote(request, request.amount, 10**9, 9 * 10**8, Slot(5), ("Somewhere",), 0.0, b"{}")

    async def calls(self, quote: RouteQuote, *, user: Address) -> RouteCalls:
        return RouteCalls((), InstructionCall(address("aggregator"), (), b""), ())


def role(service: Service) -> tuple[ElsewhereRole, Elsewhere, MemoryJournal]:
    elsewhere, journal = Elsewhere(), MemoryJournal(StandingClock())
    log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
    made = ElsewhereRole(
        elsewhere=elsewhere,
        service=service,
        tables=Tables(),
        chain=None,  # type: ignore[arg-type]
        view=MarketView({}),
        wallet=address("us"),
        record=journal.append,
        observer=Observer(log, CollectorRegistry()),
        within_s=0.05,
    )
    return made, elsewhere, journal


async def test_an_offer_is_remembered_for_its_intent() -> None:
    service = Service()
    made, elsewhere, journal = role(service)
    wanted = intent()
    await made.ask(wanted)
    assert list(elsewhere._offers) == [wanted.id] and journal.facts() == []
    (request,) = service.asked
    assert (request.input_mint, request.output_mint, request.amount) == (WSOL, wanted.mint, wanted.amount)


@pytest.mark.parametrize(
    ("service", "cause"),
    [
        (Service(Unreachable("jupiter", "quote: HTTP 503")), "503"),
        (Service(Refusal(Reason.QUOTE_UNAVAILABLE, observed="NO_ROUTES_FOUND")), "NO_ROUTES_FOUND"),
        (Service(hangs=True), "no answer within 0.05 s"),
    ],
)
async def test_what_came_of_it_otherwise_is_on_record_and_nothing_is_remembered(
    service: Service, cause: str
) -> None:
    made, elsewhere, journal = role(service)
    await made.ask(intent())
    (noted,) = journal.facts()
    assert isinstance(noted, Noted) and noted.data["intent_id"] == intent().id
    assert cause in noted.data["cause"] and not elsewhere._offers


def test_exits_and_spear_do_not_wait_for_anybody() -> None:
    made, _, _ = role(Service())
    assert made.asks(intent(style=Style.SHIELD))
    assert not made.asks(intent(style=Style.SPEAR))
    assert not made.asks(intent(side=Side.SELL, style=Style.EXIT))


class Slow:
    """Stands for the role: answers when told to."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.asked: list[TradeIntent] = []

    def asks(self, intent: TradeIntent) -> bool:
        return intent.side is Side.BUY

    async def ask(self, intent: TradeIntent) -> None:
        self.asked.append(intent)
        await self.may.wait()


async def test_while_a_buy_is_asked_about_an_exit_goes_past_it_to_the_desk() -> None:
    house, slow = House(), Slow()
    house.role.elsewhere = slow  # type: ignore[assignment]
    buy = intent()
    sale = intent(id=IntentId("out"), side=Side.SELL, style=Style.EXIT)
    following = asyncio.create_task(house.role.follow_intents())
    try:
        house.role._bus.publish(INTENTS, buy)
        house.role._bus.publish(INTENTS, sale)
        async with asyncio.timeout(5):
            while len(house.desk.told) < 1 or not slow.asked:
                await asyncio.sleep(0.001)
        assert (slow.asked, house.desk.told) == ([buy], [Arrived(sale)])
        slow.may.set()
        async with asyncio.timeout(5):
            while len(house.desk.told) < 2:
                await asyncio.sleep(0.001)
        assert house.desk.told[1] == Arrived(buy)
    finally:
        following.cancel()
