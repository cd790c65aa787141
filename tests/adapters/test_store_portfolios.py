"""Portfolios in the tables: parts of round trips that sum up to the ledger, by what was allotted when they opened."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, literal, select

from chimera.adapters.store import SqlTables
from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_portfolios import SqlPortfolios, _cost, _part
from chimera.adapters.store_reader import SqlReader
from chimera.domain.allotment import Allotment, AllottedBy, Portfolio, cost_part_of, part_of
from chimera.domain.intent import Side
from chimera.domain.messages import Entry, Fact, IntentEmitted, PortfolioChanged
from chimera.portfolio import Ledger
from chimera.testing.stories import address, entries

COPIES, NOW_MS = "copy_trade", 1_790_000_100_000
MEMORY = create_engine("sqlite://")


def portfolio(name: str, *allotments: Allotment, closed: bool = False) -> Portfolio:
    return Portfolio(id=name * 16, owner=f"owner-{name}", name=name, allotments=allotments, closed=closed)


def of_strategy(share_bps: int, strategy: str = COPIES) -> Allotment:
    return Allotment(AllottedBy.STRATEGY, strategy, share_bps)


def of_wallet(name: str, share_bps: int) -> Allotment:
    return Allotment(AllottedBy.WALLET, address(name), share_bps)


def with_changes(story: list[Entry], changes: dict[int, Portfolio]) -> list[Entry]:
    """The story with a portfolio's change before the entry of that place."""
    facts: list[tuple[Fact, int]] = []
    for place, entry in enumerate(story):
        if place in changes:
            facts.append((PortfolioChanged(changes[place], "shared out", "ann"), entry.at_ms))
        facts.append((entry.fact, entry.at_ms))
    return [Entry(seq=seq, at_ms=at, run_id="run", fact=fact) for seq, (fact, at) in enumerate(facts, 1)]


def opened(story: list[Entry]) -> list[IntentEmitted]:
    return [
        one.fact
        for one in story
        if isinstance(one.fact, IntentEmitted) and one.fact.intent.side is not Side.SELL
    ]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine(tmp_path / "chimera.db")
    yield made
    made.dispose()


@pytest.mark.parametrize("seed", range(4))
def test_the_parts_of_all_portfolios_and_the_houses_own_are_the_ledger(engine: Engine, seed: int) -> None:
    story = with_changes(
        entries(seed, trades=10),
        {1: portfolio("a", of_strategy(3_333)), 2: portfolio("b", of_strategy(6_667))},
    )
    SqlTables(engine).fold(story)
    ledger = Ledger()
    for entry in story:
        ledger.apply(entry)
    reader, books = SqlReader(engine), SqlPortfolios(engine)
    trades = reader.trades(limit=1_000).items
    found = {name: books.standing(name * 16, now_ms=NOW_MS) for name in "ab"}
    for name, share in (("a", 3_333), ("b", 6_667)):
        mine = books.trades(name * 16, limit=1_000, offset=0)
        assert {one.trade.trade_uuid for one in mine.items} == {one.intent.trade_id for one in opened(story)}
        expected = sum(part_of(one.trade.realised_lamports or 0, share) for one in mine.items)
        assert found[name].realised_lamports == expected
        assert found[name].spent_lamports == sum(
            cost_part_of(one.trade.spent_lamports, share) for one in mine.items
        )
        history = books.history(name * 16, limit=1_000)
        assert (history[-1][1] if history else 0) == expected
        assert found[name].realised_30d_lamports == expected
        assert found[name].open_positions == len(books.positions(name * 16)) == len(ledger.open_positions)
    whole = ledger.realised_lamports
    parts = found["a"].realised_lamports + found["b"].realised_lamports
    assert whole - len(trades) <= parts <= whole, (
        "rounding leaves at most a lamport a round trip to the house"
    )
    assert parts or not whole


def test_a_round_trip_stays_whose_it_was_when_it_opened(engine: Engine) -> None:
    story = entries(3, trades=8)
    middle = next(place for place, one in enumerate(story) if one.fact == opened(story)[3])
    story = with_changes(
        story,
        {
            1: portfolio("a", of_strategy(10_000)),
            middle: portfolio("a", of_strategy(10_000), closed=True),
            middle + 1: portfolio("b", of_strategy(10_000)),
        },
    )
    SqlTables(engine).fold(story)
    changed = [one.seq for one in story if isinstance(one.fact, PortfolioChanged)]
    books = SqlPortfolios(engine)
    for name, first, last in (("a", changed[0], changed[1]), ("b", changed[2], story[-1].seq + 1)):
        theirs = [one for one in story if first < one.seq < last]
        mine = {one.trade.trade_uuid for one in books.trades(name * 16, limit=1_000, offset=0).items}
        assert mine == {one.intent.trade_id for one in opened(theirs)} != set()


def test_a_copied_wallet_goes_before_its_strategy(engine: Engine) -> None:
    story = with_changes(
        entries(5, trades=12),
        {1: portfolio("a", of_wallet("copied0", 5_000)), 2: portfolio("b", of_strategy(10_000))},
    )
    SqlTables(engine).fold(story)
    books = SqlPortfolios(engine)
    by_wallet = {one.intent.trade_id: one.intent.wallet for one in opened(story)}
    shares = {
        (name, one.trade.trade_uuid): one.share_bps
        for name in "ab"
        for one in books.trades(name * 16, limit=1_000, offset=0).items
    }
    expected = {
        ("a", trade) if wallet == address("copied0") else ("b", trade): 5_000
        if wallet == address("copied0")
        else 10_000
        for trade, wallet in by_wallet.items()
    }
    assert shares == expected and {name for name, _ in shares} == {"a", "b"}


def test_however_it_is_batched_and_rebuilt_the_shares_are_the_same(tmp_path: Path) -> None:
    story = with_changes(
        entries(7, trades=6),
        {1: portfolio("a", of_strategy(2_500)), 40: portfolio("a", of_strategy(7_500))},
    )
    found = []
    for number, size in enumerate((len(story), 1, 7)):
        made = open_engine(tmp_path / f"{number}.db")
        tables = SqlTables(made)
        for at in range(0, len(story), size):
            tables.fold(story[at : at + size])
        books = SqlPortfolios(made)
        found.append((books.one("a" * 16), books.trades("a" * 16, limit=1_000, offset=0)))
        if size == 7:
            tables.rebuild(story)
            found.append((books.one("a" * 16), books.trades("a" * 16, limit=1_000, offset=0)))
        made.dispose()
    assert len({msgspec.json.encode(one) for one in found}) == 1


def test_days_sum_up_to_the_whole(engine: Engine) -> None:
    story = with_changes(entries(3, trades=10), {1: portfolio("a", of_strategy(1_111))})
    SqlTables(engine).fold(story)
    books, end = SqlPortfolios(engine), story[-1].at_ms
    whole = books.standing("a" * 16, now_ms=end).realised_lamports
    cut = story[len(story) // 2].at_ms
    after = books._realised_since("a" * 16, cut)
    upto = sum(1 for at, _ in books.history("a" * 16, limit=1_000) if at <= cut)
    history = books.history("a" * 16, limit=1_000)
    assert 0 < upto < len(history)
    assert history[upto - 1][1] + after == whole


@given(amount=st.integers(-(6 * 10**17), 6 * 10**17), share=st.integers(1, 10_000))
def test_the_database_rounds_as_the_house_does(amount: int, share: int) -> None:
    parts = select(_part(literal(amount), literal(share)), _cost(literal(amount), literal(share)))
    with MEMORY.connect() as connection:
        assert tuple(connection.execute(parts).one()) == (part_of(amount, share), cost_part_of(amount, share))
