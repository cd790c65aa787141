"""A journal decided again: every review from its own record, every move by the table, every balance by the books.

Under the limits of the run nothing may come out differently; under other limits the differences are the answer
to "what would that rule have done?". Facts alone are read: no chain, no clock, no market.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from chimera.domain.errors import ConfigError
from chimera.domain.ids import WSOL, IntentId
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.messages import (
    Entry,
    IntentApproved,
    IntentEmitted,
    IntentRefused,
    LegLanded,
    Reconciled,
    RunStarted,
    TradeMoved,
)
from chimera.domain.risk import Refusal
from chimera.domain.trade import Fill
from chimera.execution.lifecycle import TRANSITIONS
from chimera.portfolio import Ledger
from chimera.risk.checks import RiskLimits
from chimera.risk.gate import Gate

MOVES = frozenset((before, after) for (before, _), after in TRANSITIONS.items())


class Difference(msgspec.Struct, frozen=True):
    """Where the journal and its replay part."""

    seq: int
    what: str
    """decision, move or balance."""
    id: str
    journal: str
    replay: str


class Replayed(msgspec.Struct, frozen=True):
    entries: int
    decisions: int
    """Reviews that were made again."""
    differences: tuple[Difference, ...]


def replay(entries: Iterable[Entry], *, changes: Mapping[str, Any] | None = None) -> Replayed:
    """Decides everything again. `changes` are limits to alter, by dotted name: {"open_positions_max": 3}.

    Raises ConfigError for a limit that does not exist or a value that does not fit.
    """
    ledger, intents = Ledger(), dict[IntentId, TradeIntent]()
    gate = Gate(changed(RiskLimits(), changes))
    count = decisions = 0
    differences: list[Difference] = []
    for entry in entries:
        count += 1
        ledger.apply(entry)
        match entry.fact:
            case RunStarted(limits=limits):
                began = msgspec.convert(limits, RiskLimits) if limits else RiskLimits()
                gate = Gate(changed(began, changes))
            case IntentEmitted(intent):
                intents[intent.id] = intent
            case IntentApproved(intent_id, seen=seen) | IntentRefused(intent_id, seen=seen) if (
                seen is not None
            ):
                decisions += 1
                outcome = gate.review(intents[intent_id], seen)
                differences += _decided(entry, entry.fact, outcome)
            case TradeMoved() as moved if (moved.before, moved.after) not in MOVES:
                differences.append(
                    Difference(
                        entry.seq, "move", moved.trade_id, f"{moved.before} -> {moved.after}", "no such move"
                    )
                )
            case LegLanded(leg, fill):
                differences += _balanced(entry.seq, leg.leg_id, fill.lamports_delta, _sum(fill))
            case Reconciled() as seen_on_chain:
                expected = ledger.lamports
                if seen_on_chain.expected_lamports != expected:
                    differences += _balanced(entry.seq, "books", seen_on_chain.expected_lamports, expected)
            case _:
                pass
    return Replayed(count, decisions, tuple(differences))


def changed(limits: RiskLimits, changes: Mapping[str, Any] | None) -> RiskLimits:
    """The limits with some of them altered; `tokens.transfer_fee_bps_max` reaches into the token limits."""
    plain = msgspec.to_builtins(limits)
    for name, value in (changes or {}).items():
        *path, last = name.split(".")
        part = plain
        for step in path:
            part = part.get(step) if isinstance(part, dict) else None
        if not isinstance(part, dict) or last not in part or isinstance(part[last], dict):
            raise ConfigError(f"there is no limit {name}; known: {', '.join(names(limits))}")
        part[last] = value
    try:
        return msgspec.convert(plain, RiskLimits, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"a limit does not fit: {error}") from None


def names(limits: RiskLimits) -> Iterator[str]:
    for name, value in msgspec.to_builtins(limits).items():
        if isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in value)
        else:
            yield name


def _decided(entry: Entry, fact: IntentApproved | IntentRefused, outcome: object) -> Iterator[Difference]:
    then = str(fact.refusal.reason) if isinstance(fact, IntentRefused) else "approved"
    now = str(outcome.reason) if isinstance(outcome, Refusal) else "approved"
    if then != now:
        told = str(outcome) if isinstance(outcome, Refusal) else "approved"
        yield Difference(entry.seq, "decision", fact.intent_id, then, told)


def _sum(fill: Fill) -> int:
    """What double entry says the wallet's change must be."""
    swapped = -fill.swap_lamports if fill.side is Side.BUY else fill.swap_lamports
    # what went into our wrapped SOL, or came out of it, is ours all the same
    wrapped = sum(change for mint, change in fill.other_tokens if mint == WSOL)
    return swapped - fill.fee_lamports - fill.tip_lamports - fill.rent_lamports - wrapped


def _balanced(seq: int, id_: str, journal: int, books: int) -> Iterator[Difference]:
    if journal != books:
        yield Difference(seq, "balance", id_, str(journal), str(books))
