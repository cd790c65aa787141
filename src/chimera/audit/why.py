"""Why something happened: the chain of facts that one signal, intent, leg, trade or transaction belongs to.

It reads entries and nothing else, so the answer is the same from the journal, the tables or a backup.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from chimera.audit.narrator import Narrator
from chimera.audit.sentences import About, sentence
from chimera.domain.messages import Entry, LegSigned, SignalAccepted, TokenChecked
from chimera.ports.store import DecisionRow

__all__ = ["Explanation", "Step", "explain", "sentence"]

PREFIX_LENGTH_MIN = 8  # of an id given in part; shorter ones fit too many
CANDIDATES_MAX = 5


class Step(msgspec.Struct, frozen=True):
    seq: int
    at_ms: int
    kind: str
    text: str
    outcome: str
    reason: str | None
    data: dict[str, Any]
    """The fact itself, without the bytes of its transaction."""


class Explanation(msgspec.Struct, frozen=True):
    id: str
    """In full, where it was given in part."""
    found: bool
    steps: tuple[Step, ...] = ()
    candidates: tuple[str, ...] = ()
    """Where a part fits several ids: the first of them."""


class _Told(msgspec.Struct, frozen=True):
    entry: Entry
    row: DecisionRow
    about: About

    def names(self) -> Iterator[str]:
        """Everything that one may ask for this entry by."""
        about = self.about
        for name in (
            about.trade_id,
            about.signal_id,
            about.intent_id,
            about.leg_id,
            about.signature,
            about.mint,
        ):
            if name:
                yield name


def explain(entries: Iterable[Entry], wanted: str) -> Explanation:
    """The steps of what `wanted` names, oldest first: an id or signature (8 characters suffice) or a mint.

    `entries` start with the first one of each trade in them: the whole journal, or `Reader.entries_about`.
    """
    narrator, found = Narrator(), list(entries)
    for (
        entry
    ) in found:  # names first: which of them a check of a token can know must not depend on what else is here
        if isinstance(entry.fact, SignalAccepted):
            narrator.name(mint=entry.fact.signal.mint, symbol=entry.fact.signal.symbol)
    told = [_Told(entry, narrator.tell(entry), narrator.about(entry.fact)) for entry in found]
    known = {name for one in told for name in one.names()}
    if wanted not in known:
        near = sorted(name for name in known if len(wanted) >= PREFIX_LENGTH_MIN and name.startswith(wanted))
        if len(near) != 1:
            return Explanation(id=wanted, found=False, candidates=tuple(near[:CANDIDATES_MAX]))
        wanted = near[0]
    return Explanation(id=wanted, found=True, steps=tuple(_step(one) for one in _chain(told, wanted)))


def _chain(told: list[_Told], wanted: str) -> list[_Told]:
    """Everything that belongs together with the entries that carry the name."""
    named = {one.entry.seq for one in told if wanted in one.names()}
    trades = {one.about.trade_id for one in told if one.entry.seq in named} - {None}
    belonging = [one for one in told if one.entry.seq in named or one.about.trade_id in trades]
    signals = {one.about.signal_id for one in belonging} - {None}
    chain = {one.entry.seq for one in belonging}
    chain |= {one.entry.seq for one in told if one.about.signal_id in signals}
    chain |= _checks(told, chain)
    return [one for one in told if one.entry.seq in chain]


def _checks(told: list[_Told], chain: set[int]) -> set[int]:
    """Checks of the same tokens: those in between, and the last one before."""
    first, last = min(chain), max(chain)
    mints = {one.about.mint for one in told if one.entry.seq in chain}
    found, before = set(), None
    for one in told:
        if isinstance(one.entry.fact, TokenChecked) and one.about.mint in mints and one.entry.seq <= last:
            if one.entry.seq >= first:
                found.add(one.entry.seq)
            else:
                before = one.entry.seq
    return found | ({before} if before is not None else set())


def _step(one: _Told) -> Step:
    fact = one.entry.fact
    data = msgspec.to_builtins(fact)
    if isinstance(fact, LegSigned):
        del data["transaction"]
    return Step(
        seq=one.entry.seq,
        at_ms=one.entry.at_ms,
        kind=one.row.kind,
        text=one.row.text,
        outcome=one.row.outcome,
        reason=one.row.reason,
        data=data,
    )
