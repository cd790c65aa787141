"""A message as it leaves the process: with the header that says what it is, whence and by whose build.

Made only at the edge (another process's bus, a file). Inside the house messages go bare, so the hot path pays
nothing for it: docs/adr/0006. The same fact always gets the same id, so a repeated delivery is a duplicate.
"""

from typing import Any

import msgspec

from chimera.domain.ids import derived_id
from chimera.domain.intent import TradeIntent
from chimera.domain.market import (
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
from chimera.domain.messages import Entry

SCHEMA_VERSION = 1


class Maker(msgspec.Struct, frozen=True):
    """Who writes records: the same for all of a run."""

    component: str
    """`market-data` and the like."""
    build: str
    run_id: str


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a file, one message of a bus. Readers skip fields that they do not know, and refuse versions."""

    schema_version: int = SCHEMA_VERSION
    ts_unix_ms: int
    component: str
    build: str
    run_id: str
    event_id: str
    source: str
    """geyser, rpc or ws for market events; else the component."""
    slot: int | None
    kind: str
    payload: Any


def record(message: Any, maker: Maker, *, at_ms: int) -> Record:
    """The message with its header; `at_ms` is when it leaves."""
    return Record(
        ts_unix_ms=at_ms,
        component=maker.component,
        build=maker.build,
        run_id=maker.run_id,
        event_id=event_id(message),
        source=str(getattr(message, "source", None) or _source(message, maker)),
        slot=_slot(message),
        kind=type(message.fact if isinstance(message, Entry) else message).__name__,
        payload=message,
    )


def event_id(message: Any) -> str:
    """A UUID that depends on the fact alone; messages that are no facts of their own depend on all they say."""
    parts: tuple[str, ...]
    match message:
        case Trade(swap):
            parts = (swap.signature, str(swap.position), str(swap.slot))
        case PoolCreated(pool, slot):
            parts = (pool.address, str(slot))
        case PoolUpdated(pool, reserve_a, reserve_b, slot):
            parts = (pool.address, str(reserve_a), str(reserve_b), str(slot))
        case TokenMintInfo(token):
            parts = (token.mint, str(token.slot), str(token.supply))
        case SlotAdvanced(slot):
            parts = (str(slot),)
        case WalletBalance(_, _, account, amount, slot):
            parts = (account, str(amount), str(slot))
        case MarketGap(first, last, cause):
            parts = (str(first), str(last), cause)
        case PoolQuarantined(_, pool, role, _, slot) | PoolReleased(_, pool, role, slot):
            parts = (pool, role, str(slot))
        case TradeIntent():
            return message.id
        case Entry(seq, _, run_id):
            parts = (run_id, str(seq))
        case _:
            parts = (msgspec.json.encode(message).decode(),)
    return derived_id(type(message).__name__, *parts)


def _slot(message: Any) -> int | None:
    swap = message.swap if isinstance(message, Trade) else message
    if isinstance(message, TokenMintInfo):
        swap = message.token
    found = getattr(swap, "slot", getattr(swap, "last_slot", None))
    return found if isinstance(found, int) else None


def _source(message: Any, maker: Maker) -> str:
    on_chain = Trade | SlotAdvanced | MarketGap | PoolQuarantined | PoolReleased
    return "geyser" if isinstance(message, on_chain) else maker.component
