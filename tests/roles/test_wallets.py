"""Promoting and demoting wallets: on somebody's word, for a time, and after it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chimera.adapters.clocks import SteppedClock
from chimera.adapters.journal_file import JournalFile
from chimera.domain.commands import ChangeWallet, Kill
from chimera.domain.ids import Address
from chimera.domain.intent import Style
from chimera.domain.messages import WalletChanged
from chimera.domain.wallet import Wallet, WalletStatus
from chimera.risk.roster import Roster
from chimera.roles.wallets import BY_TTL, WalletsRole
from chimera.testing.stories import address

ANN = address("copied")


class Books:
    def __init__(self, folder: Path) -> None:
        self.clock, self.roster = SteppedClock(1_000), Roster()
        self.journal, _ = JournalFile.open(folder, clock=self.clock, run_id="run")
        self.journal.listen(lambda entry: self.roster.apply(entry.fact))
        self.journal.append(WalletChanged(Wallet(ANN, WalletStatus.CANDIDATE, notes="seen"), "listed", "t"))
        self.role = WalletsRole(roster=self.roster, journal=self.journal, clock=self.clock)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    made = Books(tmp_path)
    yield made
    made.journal.close()


def promote(**changes: object) -> ChangeWallet:
    told = {"address": ANN, "status": WalletStatus.ACTIVE, "cause": "proven", "by": "ann", **changes}
    return ChangeWallet(**told)  # type: ignore[arg-type]


async def test_a_promotion_is_on_record_and_keeps_what_was_not_said(books: Books) -> None:
    done = await books.role.perform(promote(strategy=Style.SPEAR))
    assert (done.ok, done.before, done.after) == (True, "CANDIDATE", "ACTIVE")
    wallet = books.roster.get(ANN)
    assert wallet == Wallet(ANN, WalletStatus.ACTIVE, Style.SPEAR, notes="seen")
    last = list(books.journal.read())[-1].fact
    assert isinstance(last, WalletChanged) and (last.by, last.cause) == ("ann", "proven")


async def test_a_wallet_is_demoted_when_its_time_is_up_and_not_before(books: Books) -> None:
    await books.role.perform(promote(ttl_ms=5_000))
    books.clock.advance(4_999)
    books.role.demote_due()
    assert books.roster.wallets[ANN].status is WalletStatus.ACTIVE
    books.clock.advance(1)
    books.role.demote_due()
    books.role.demote_due()
    assert books.roster.wallets[ANN] == Wallet(ANN, WalletStatus.CANDIDATE, notes="seen")
    by = [entry.fact.by for entry in books.journal.read() if isinstance(entry.fact, WalletChanged)]
    assert by == ["t", "ann", BY_TTL]


async def test_a_promotion_for_good_ends_an_older_time(books: Books) -> None:
    await books.role.perform(promote(ttl_ms=5_000))
    await books.role.perform(promote())
    books.clock.advance(10_000)
    books.role.demote_due()
    assert books.roster.wallets[ANN].status is WalletStatus.ACTIVE


async def test_what_is_so_already_makes_no_fact(books: Books) -> None:
    await books.role.perform(promote())
    before = books.journal.last_seq
    assert (await books.role.perform(promote())).ok
    assert books.journal.last_seq == before


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (promote(address=address("stranger")), "UNKNOWN"),
        (promote(address=Address("nope"), new=True), "VALIDATION_FAILED"),
        (promote(status=WalletStatus.REJECTED, ttl_ms=1), "VALIDATION_FAILED"),
        (Kill(scope="halt_all", cause="x", by="y"), "UNSUPPORTED"),
    ],
)
async def test_what_cannot_be_done_leaves_the_roster_as_it_is(
    books: Books, command: ChangeWallet, code: str
) -> None:
    before = dict(books.roster.wallets)
    assert (await books.role.perform(command)).code == code
    assert books.roster.wallets == before


async def test_a_stranger_is_taken_in_when_that_is_meant(books: Books) -> None:
    done = await books.role.perform(
        promote(address=address("stranger"), new=True, status=WalletStatus.CANDIDATE, notes="tip")
    )
    assert (done.ok, done.before) == (True, "")
    assert books.roster.wallets[address("stranger")].notes == "tip"
