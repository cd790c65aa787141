"""Portfolios are kept on a person's word: journalled, within what is left to allot, and nobody else's."""

import msgspec
import pytest

from chimera.domain.allotment import Allotment, AllottedBy, Portfolio
from chimera.domain.commands import Answer, KeepPortfolio, Kill
from chimera.domain.messages import PortfolioChanged
from chimera.onchain.keys import address_text
from chimera.roles.portfolios import PortfoliosRole
from chimera.testing.fakes import MemoryJournal, StandingClock

WALLET = address_text(bytes(range(32)))


def role() -> tuple[PortfoliosRole, MemoryJournal]:
    journal = MemoryJournal(StandingClock())
    made = PortfoliosRole(strategies=["copy_trade", "momentum"], journal=journal)
    journal.listeners.append(made.fold)
    return made, journal


def share(share_bps: int, of: str = "copy_trade", by: AllottedBy = AllottedBy.STRATEGY) -> Allotment:
    return Allotment(by, of, share_bps)


def of(owner: str, *allotments: Allotment, name: str = "mine", number: str = "1") -> Portfolio:
    return Portfolio(id=f"{owner}{number}", owner=owner, name=name, allotments=allotments or (share(5_000),))


async def keep(
    made: PortfoliosRole, wanted: Portfolio, by: str, *, new: bool = True, anyones: bool = False
) -> Answer:
    return await made.perform(KeepPortfolio(wanted, "because", by, new=new, anyones=anyones))


async def test_a_portfolio_is_opened_altered_and_closed_each_with_who_and_why() -> None:
    made, journal = role()
    first = of("bob")
    assert (await keep(made, first, "bob")).ok
    second = msgspec.structs.replace(first, name="other", allotments=(share(7_000),))
    assert (await keep(made, second, "bob", new=False)).ok
    closed = msgspec.structs.replace(second, closed=True)
    assert (await keep(made, closed, "bob", new=False)).ok
    assert journal.facts() == [PortfolioChanged(one, "because", "bob") for one in (first, second, closed)]
    assert journal.durable_seq == 3
    assert (await keep(made, second, "bob", new=False)).code == "NOT_ACTIVE"


async def test_saying_the_same_again_is_no_second_fact() -> None:
    made, journal = role()
    await keep(made, of("bob"), "bob")
    assert (await keep(made, of("bob"), "bob", new=False)).ok
    assert len(journal.facts()) == 1


async def test_another_persons_portfolio_is_as_if_it_were_not_there() -> None:
    made, journal = role()
    theirs = of("bob")
    await keep(made, theirs, "bob")
    for wanted in (
        msgspec.structs.replace(theirs, name="seized"),
        msgspec.structs.replace(theirs, owner="eve"),
        msgspec.structs.replace(theirs, closed=True),
    ):
        assert (await keep(made, wanted, "eve", new=False)).code == "UNKNOWN"
    assert (await keep(made, of("nobody"), "eve", new=False)).code == "UNKNOWN"
    assert (await keep(made, theirs, "eve")).code == "UNKNOWN", "an id that is there is not opened again"
    assert (await keep(made, of("carol"), "eve")).code == "VALIDATION_FAILED"
    assert len(journal.facts()) == 1
    assert (await keep(made, msgspec.structs.replace(theirs, name="tidy"), "ann", new=False, anyones=True)).ok


async def test_no_more_is_given_away_than_there_is() -> None:
    made, _ = role()
    await keep(made, of("bob", share(6_000)), "bob")
    refused = await keep(made, of("carol", share(4_001)), "carol")
    assert (refused.code, "4000 bps are left" in refused.message) == ("TAKEN", True)
    assert (await keep(made, of("ann", share(4_001)), "ann", anyones=True)).code == "TAKEN"
    assert (await keep(made, of("carol", share(4_000)), "carol")).ok
    widened = msgspec.structs.replace(of("carol"), allotments=(share(4_001),))
    assert (await keep(made, widened, "carol", new=False)).code == "TAKEN"
    await keep(made, msgspec.structs.replace(of("bob", share(6_000)), closed=True), "bob", new=False)
    assert (await keep(made, widened, "carol", new=False)).ok, "what is closed is free again"


async def test_a_wallet_that_would_take_from_anothers_strategy_is_an_admins_to_allot() -> None:
    made, _ = role()
    await keep(made, of("bob", share(6_000)), "bob")
    wanted = of("carol", share(10_000, WALLET, AllottedBy.WALLET))
    assert (await keep(made, wanted, "carol")).code == "TAKEN"
    assert (await keep(made, wanted, "ann", anyones=True)).ok


@pytest.mark.parametrize(
    "wanted",
    [
        of("bob", share(0)),
        of("bob", share(10_001)),
        of("bob", share(-1)),
        of("bob", share(1, "no such strategy")),
        of("bob", share(1, "not an address", AllottedBy.WALLET)),
        of("bob", share(1), share(2)),
        of("bob", name=" "),
        of("bob", name="x" * 81),
        of("bob", name="two\nlines"),
        msgspec.structs.replace(of("bob"), allotments=()),
        msgspec.structs.replace(of("bob"), allotments=tuple(share(1) for _ in range(51))),
    ],
)
async def test_nonsense_is_refused_with_a_word(wanted: Portfolio) -> None:
    made, journal = role()
    refused = await keep(made, wanted, "bob")
    assert (refused.ok, refused.code) == (False, "VALIDATION_FAILED")
    assert refused.message and journal.facts() == []


async def test_names_are_taken_once_a_person_and_other_commands_are_not_ours() -> None:
    made, _ = role()
    await keep(made, of("bob", share(1)), "bob")
    assert (await keep(made, of("bob", share(1), number="2"), "bob")).code == "ALREADY_THERE"
    assert (await keep(made, of("carol", share(1)), "carol")).ok
    assert (await made.perform(Kill("halt_all", "x", "ops"))).code == "UNSUPPORTED"
