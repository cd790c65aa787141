"""Stops and targets that a person moves: on record, in force at once, and not where they would sell by surprise."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from chimera.adapters.clocks import SteppedClock
from chimera.adapters.journal_file import JournalFile
from chimera.domain.commands import Kill, SetLevels
from chimera.domain.ids import Signature, Slot, TradeId
from chimera.domain.intent import Style
from chimera.domain.messages import LevelsSet
from chimera.domain.trade import Levels, Position, TradeState
from chimera.portfolio import Ledger
from chimera.roles.levels import LevelsRole
from chimera.testing.stories import address

TRADE = TradeId("t1")
PAID = 1_000_000


class Books:
    def __init__(self, folder: Path) -> None:
        self.ledger, self.value = Ledger(), PAID
        position = Position(
            trade_id=TRADE, mint=address("BONK"), symbol="BONK", style=Style.SHIELD, wallet=None, tokens=1_000,
            tokens_bought=1_000, cost_lamports=PAID, received_lamports=0, swapped_lamports=PAID, opened_at_ms=1,
            opened_slot=Slot(1), entry_signature=Signature("e"),
        )  # fmt: skip
        self.ledger._keep(position)
        self.ledger.states[TRADE] = TradeState.ACTIVE
        self.journal, _ = JournalFile.open(folder, clock=SteppedClock(1_000), run_id="run")
        self.journal.listen(self.ledger.apply)
        self.role = LevelsRole(ledger=self.ledger, journal=self.journal, value_of=lambda _: self.value)

    @property
    def position(self) -> Position:
        return self.ledger.positions[TRADE]

    def facts(self) -> list[LevelsSet]:
        return [entry.fact for entry in self.journal.read() if isinstance(entry.fact, LevelsSet)]


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    made = Books(tmp_path)
    yield made
    made.journal.close()


def wish(stop: int | None, target: int | None) -> SetLevels:
    return SetLevels(TRADE, Levels(stop, target), "nervous", "ann")


async def test_levels_are_on_record_and_in_the_books_at_once(books: Books) -> None:
    done = await books.role.perform(wish(-500, 2_000))
    assert done.ok
    assert books.position.levels == Levels(-500, 2_000)
    assert books.facts() == [LevelsSet(TRADE, Levels(-500, 2_000), "nervous", "ann")]
    assert books.ledger.open_positions == [books.position]


async def test_levels_are_handed_back_to_the_strategy(books: Books) -> None:
    await books.role.perform(wish(-500, None))
    assert (await books.role.perform(SetLevels(TRADE, None, "calm", "ann"))).ok
    assert books.position.levels is None


@pytest.mark.parametrize(
    ("stop", "target", "said"),
    [
        (-10_000, None, "-100"),
        (None, 10_000_001, "100,000"),
        (500, 500, "below the target"),
        (0, None, "sell it at once"),
        (-100, -50, "sell it at once"),
    ],
)
async def test_levels_that_make_no_sense_are_refused_in_words(
    books: Books, stop: int | None, target: int | None, said: str
) -> None:
    done = await books.role.perform(wish(stop, target))
    assert (done.ok, done.code) == (False, "VALIDATION_FAILED")
    assert said in done.message
    assert books.facts() == []


async def test_a_stop_may_keep_a_profit_once_there_is_one(books: Books) -> None:
    assert not (await books.role.perform(wish(1_000, None))).ok
    books.value = PAID * 2
    assert (await books.role.perform(wish(1_000, None))).ok


async def test_what_is_not_active_or_not_there_keeps_its_levels(books: Books) -> None:
    unknown = msgspec.structs.replace(wish(-500, None), trade_id=TradeId("t2"))
    assert (await books.role.perform(unknown)).code == "UNKNOWN"
    books.ledger.states[TRADE] = TradeState.EXITING
    assert (await books.role.perform(wish(-500, None))).code == "NOT_ACTIVE"
    assert (await books.role.perform(Kill("halt_all", "x", "ann"))).code == "UNSUPPORTED"


async def test_the_same_levels_make_no_second_fact(books: Books) -> None:
    await books.role.perform(wish(-500, 900))
    assert (await books.role.perform(wish(-500, 900))).ok
    assert len(books.facts()) == 1
