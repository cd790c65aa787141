"""Fakes keep the promises of what they stand for; builders give equal, valid and changeable values."""

import pytest

from chimera.domain.errors import InvariantBroken
from chimera.domain.intent import Side
from chimera.domain.messages import Noted
from chimera.domain.wallet import WalletStatus
from chimera.onchain.keys import address_bytes
from chimera.ports.runtime import Clock
from chimera.ports.store import Journal
from chimera.testing import builders
from chimera.testing.fakes import MemoryJournal, StandingClock


def test_a_standing_clock_goes_only_where_it_is_put() -> None:
    clock: Clock = (standing := StandingClock(1_000))
    assert (clock.now_ms(), clock.monotonic_ns()) == (1_000, 0)
    standing.forward(5)
    assert (clock.now_ms(), clock.monotonic_ns()) == (1_005, 5_000_000)
    with pytest.raises(ValueError, match="backwards"):
        standing.forward(-1)


async def test_a_memory_journal_numbers_tells_and_reads_back() -> None:
    heard = []
    memory = MemoryJournal(StandingClock(7))
    memory.listeners.append(heard.append)
    journal: Journal = memory
    first, second = journal.append(Noted("a")), journal.append(Noted("b"))
    assert [(entry.seq, entry.at_ms) for entry in (first, second)] == [(1, 7), (2, 7)]
    assert heard == list(journal.read()) == [first, second]
    assert list(journal.read(2)) == [second]
    assert memory.facts() == [Noted("a"), Noted("b")]
    await journal.durable(2)
    assert memory.durable_seq == 2


async def test_a_broken_disk_and_an_unknown_entry_are_refused() -> None:
    memory = MemoryJournal(StandingClock())
    with pytest.raises(InvariantBroken, match="never appended"):
        await memory.durable(1)
    memory.append(Noted("a"))
    memory.break_disk()
    with pytest.raises(InvariantBroken, match="no space"):
        await memory.durable(1)
    assert memory.durable_seq == 0


def test_builders_give_equal_values_with_the_changes_asked_for() -> None:
    assert builders.signal() == builders.signal()
    assert builders.signal(side=Side.SELL).side is Side.SELL
    assert builders.intent().trade_id == builders.signal().id
    assert not builders.intent().expired(builders.AT_MS)
    assert builders.wallet(status=WalletStatus.REJECTED).status is WalletStatus.REJECTED
    assert len(address_bytes(builders.account().address)) == 32
    assert builders.address("a") != builders.address("b")


@pytest.mark.parametrize(("side", "delta"), [(Side.BUY, -100_012_000), (Side.SELL, 99_988_000)])
def test_a_built_fill_balances(side: Side, delta: int) -> None:
    assert builders.fill(side=side, tip_lamports=7_000, fee_lamports=5_000).lamports_delta == delta
