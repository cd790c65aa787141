"""What a strategy asks for leaves its plane with what the market knows of the token."""

import io

import pytest
from prometheus_client import CollectorRegistry

from chimera.adapters.bus_local import LocalBus
from chimera.domain.chain import Account, AccountUpdate
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address, Slot
from chimera.domain.intent import TradeIntent
from chimera.domain.market import SlotAdvanced
from chimera.engine import Engine
from chimera.market.view import MarketView
from chimera.observe import Observer, Redactor, make_log
from chimera.portfolio import Ledger
from chimera.roles.inbox import SignalInbox
from chimera.roles.room import Room
from chimera.roles.strategy import StrategyRole
from chimera.roles.topics import INTENTS
from chimera.testing.builders import AT_MS, BONK, intent
from chimera.testing.fakes import MemoryJournal, StandingClock

MINT_DATA = bytes(36) + (10**9).to_bytes(8, "little") + bytes((6, 1)) + bytes(36)


class Asks:
    """Says what it is told to, once."""

    name = "asks"

    def __init__(self, wanted: TradeIntent) -> None:
        self.wanted = [wanted]

    def on_event(self, event: object, context: object) -> list[TradeIntent]:
        wanted, self.wanted = self.wanted, []
        return wanted


async def published(wanted: TradeIntent, *, mint_owner: Address | None) -> TradeIntent:
    log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
    bus, clock, view = LocalBus(), StandingClock(), MarketView({})
    if mint_owner is not None:
        view.apply(AccountUpdate(Account(BONK, mint_owner, 1, MINT_DATA), Slot(1), 1), 0)
    heard = bus.subscribe(INTENTS, capacity=8)
    role = StrategyRole(
        engine=Engine([Asks(wanted)]),  # type: ignore[list-item]
        queue=SignalInbox(4),
        ingress=None,  # type: ignore[arg-type]
        ledger=Ledger(),
        view=view,
        journal=MemoryJournal(clock),
        bus=bus,
        clock=clock,
        observer=Observer(log, CollectorRegistry()),
        room=Room(1, lambda: 0),
    )
    role._process(SlotAdvanced(Slot(5), AT_MS))
    async for message in heard:
        assert isinstance(message, TradeIntent)
        return message
    raise AssertionError("nothing was published")


@pytest.mark.parametrize("owner", [TOKEN_PROGRAM, TOKEN_2022_PROGRAM])
async def test_an_intent_names_the_program_that_owns_its_mint(owner: Address) -> None:
    wanted = intent(source="asks", created_at_ms=StandingClock().now_ms())
    assert (await published(wanted, mint_owner=owner)).token_program == owner


async def test_a_strategy_that_knows_better_is_believed_and_an_unknown_mint_stays_unknown() -> None:
    now = StandingClock().now_ms()
    sure = intent(source="asks", token_program=TOKEN_2022_PROGRAM, created_at_ms=now)
    assert (await published(sure, mint_owner=TOKEN_PROGRAM)).token_program == TOKEN_2022_PROGRAM
    assert (await published(intent(source="asks", created_at_ms=now), mint_owner=None)).token_program is None
