"""What a message says of itself once it leaves the process."""

import msgspec
import pytest

from chimera.domain.ids import SYSTEM_PROGRAM, TOKEN_PROGRAM, WSOL, Signature, Slot
from chimera.domain.market import (
    EventSource,
    MarketEvent,
    MarketGap,
    PoolCreated,
    PoolQuarantined,
    PoolReleased,
    PoolUpdated,
    SlotAdvanced,
    TokenMintInfo,
    Trade,
    WalletBalance,
)
from chimera.domain.messages import Entry, Noted
from chimera.domain.pool import PoolHeader, Swap
from chimera.domain.record import Maker, Record, event_id, record
from chimera.domain.token import TokenInfo
from chimera.testing.builders import address, intent

POOL = PoolHeader("raydium_cpmm", address("pool"), WSOL, address("mint"))
SLOT = Slot(77)
EVENTS: list[MarketEvent] = [
    PoolCreated(POOL, SLOT, 5, EventSource.RPC),
    PoolUpdated(POOL, 1, 2, SLOT, 5),
    Trade(Swap("raydium_cpmm", POOL.address, address("who"), WSOL, address("mint"), 1, 2, Signature("1" * 64), SLOT, 3), 5),
    TokenMintInfo(TokenInfo(address("mint"), TOKEN_PROGRAM, 6, 10, None, None, SLOT), 5),
    SlotAdvanced(SLOT, 5),
    WalletBalance(address("who"), SYSTEM_PROGRAM, address("who"), 9, SLOT, 5),
    MarketGap(Slot(70), SLOT, "a hole", 5),
    PoolQuarantined("raydium_cpmm", POOL.address, "pool", "2 bytes", SLOT, 5),
    PoolReleased("raydium_cpmm", POOL.address, "pool", SLOT, 5),
]  # fmt: skip
MAKER = Maker(component="market-data", build="0.1.0", run_id="abc")


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_market_event_gets_a_whole_header_and_reads_back(event: MarketEvent) -> None:
    made = record(event, MAKER, at_ms=1_790_000_000_000)
    assert (made.schema_version, made.ts_unix_ms) == (1, 1_790_000_000_000)
    assert (made.component, made.build, made.run_id) == ("market-data", "0.1.0", "abc")
    assert (made.kind, made.slot) == (type(event).__name__, SLOT)
    assert made.source == ("rpc" if isinstance(event, PoolCreated) else "geyser")

    class Read(Record, frozen=True, kw_only=True):
        payload: MarketEvent

    line = msgspec.json.encode(made)
    assert msgspec.json.decode(line, type=Read).payload == event


def test_there_is_an_event_here_of_every_kind() -> None:
    assert {type(event) for event in EVENTS} == set(MarketEvent.__args__)


def test_the_same_fact_seen_later_has_the_same_id_and_another_fact_another_one() -> None:
    later = [msgspec.structs.replace(event, at_ms=9_999) for event in EVENTS]
    assert [event_id(event) for event in later] == [event_id(event) for event in EVENTS]
    assert len({event_id(event) for event in EVENTS}) == len(EVENTS)
    moved = PoolUpdated(POOL, 1, 3, SLOT, 5)
    assert event_id(moved) != event_id(EVENTS[1])


def test_intents_keep_their_own_id_and_entries_have_one_by_run_and_number() -> None:
    assert record(intent(), MAKER, at_ms=1).event_id == intent().id
    first, other_run = (Entry(1, 5, run, Noted("x")) for run in ("a", "b"))
    assert event_id(first) != event_id(other_run)
    assert record(first, MAKER, at_ms=1).kind == "Noted"
    assert record(first, MAKER, at_ms=1).source == "market-data"
