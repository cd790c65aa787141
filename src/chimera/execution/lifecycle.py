"""The life of a round trip and of each of its legs, as two tables.

Two rules: everything about transitions lives in this file, and this file knows nothing of chains or money.
A pair that is not listed is a late answer: `advance` returns None and the caller records it, but does not obey.
"""

from enum import StrEnum

from chimera.domain.trade import LegState, TradeState


class Happened(StrEnum):
    """What moves a round trip."""

    VALIDATED = "validated"
    REFUSED = "refused"
    APPROVED = "approved"
    ENTRY_LANDED = "entry landed"
    ENTRY_LOST = "entry lost"
    RETRIED = "retried"
    EXHAUSTED = "retries exhausted"
    EXIT_APPROVED = "exit approved"
    EXIT_LANDED = "exit landed"
    PART_LANDED = "part of the exit landed"
    EXIT_LOST = "exit lost"
    ENTRY_UNDONE = "a fork undid the entry"
    EXIT_UNDONE = "a fork undid the exit"
    REOPENED = "a fork left something of it"
    ADD_REFUSED = "adding was refused"
    ADD_LANDED = "more was bought"
    ADD_LOST = "adding came to nothing"
    ADD_UNDONE = "a fork undid what was added"
    CYCLE_LANDED = "cycle landed"
    CYCLE_UNDONE = "a fork undid the cycle"
    SWAP_LANDED = "swap landed"
    SWAP_UNDONE = "a fork undid the swap"


T = TradeState
H = Happened

TRANSITIONS: dict[tuple[TradeState, Happened], TradeState] = {
    (T.PENDING, H.VALIDATED): T.QUEUED,
    (T.QUEUED, H.APPROVED): T.EXECUTING,
    (T.QUEUED, H.REFUSED): T.FAILED,
    (T.EXECUTING, H.ENTRY_LANDED): T.ACTIVE,
    (T.EXECUTING, H.ENTRY_LOST): T.FAILED,
    (T.FAILED, H.RETRIED): T.RETRY,
    (T.FAILED, H.EXHAUSTED): T.DEAD_LETTER,
    (T.RETRY, H.APPROVED): T.EXECUTING,
    (T.RETRY, H.REFUSED): T.FAILED,
    (T.ACTIVE, H.EXIT_APPROVED): T.EXITING,
    (T.EXITING, H.EXIT_LANDED): T.CLOSED,
    (T.EXITING, H.PART_LANDED): T.ACTIVE,
    (T.EXITING, H.EXIT_LOST): T.ACTIVE,
    # what landed, or reverted, is unknown again; only this reopens what was closed
    (T.ACTIVE, H.ENTRY_UNDONE): T.EXECUTING,
    (T.FAILED, H.ENTRY_UNDONE): T.EXECUTING,
    (T.RETRY, H.ENTRY_UNDONE): T.EXECUTING,
    (T.DEAD_LETTER, H.ENTRY_UNDONE): T.EXECUTING,
    (T.ACTIVE, H.EXIT_UNDONE): T.EXITING,
    (T.CLOSED, H.EXIT_UNDONE): T.EXITING,
    (T.CLOSED, H.REOPENED): T.ACTIVE,
    # a second buy of an open round trip: it stays open whatever becomes of it
    (T.ACTIVE, H.ADD_REFUSED): T.ACTIVE,
    (T.ACTIVE, H.ADD_LANDED): T.ACTIVE,
    (T.ACTIVE, H.ADD_LOST): T.ACTIVE,
    (T.ACTIVE, H.ADD_UNDONE): T.ACTIVE,
    (T.EXITING, H.ADD_UNDONE): T.EXITING,
    # cycles and swaps open and close in one transaction
    (T.EXECUTING, H.CYCLE_LANDED): T.CLOSED,
    (T.CLOSED, H.CYCLE_UNDONE): T.EXECUTING,
    (T.FAILED, H.CYCLE_UNDONE): T.EXECUTING,
    (T.EXECUTING, H.SWAP_LANDED): T.CLOSED,
    (T.CLOSED, H.SWAP_UNDONE): T.EXECUTING,
    (T.FAILED, H.SWAP_UNDONE): T.EXECUTING,
}

ADDING: dict[Happened, Happened | None] = {
    H.VALIDATED: None,
    H.APPROVED: None,
    H.REFUSED: H.ADD_REFUSED,
    H.ENTRY_LANDED: H.ADD_LANDED,
    H.ENTRY_LOST: H.ADD_LOST,
}
"""What a buy's happenings are where the round trip is ACTIVE already; None: it moves nothing."""

L = LegState

LEG_TRANSITIONS: dict[LegState, frozenset[LegState]] = {
    L.PLANNED: frozenset({L.SIMULATED, L.DROPPED}),
    L.SIMULATED: frozenset({L.SIGNED, L.DROPPED}),
    # SIGNED may land without SENT: the process died between handing the bytes over and noting it
    L.SIGNED: frozenset({L.SENT, L.LANDED, L.REVERTED, L.EXPIRED}),
    L.SENT: frozenset({L.LANDED, L.REVERTED, L.EXPIRED}),
    # a fork undid it: the same bytes are followed again
    L.LANDED: frozenset({L.SENT}),
    L.REVERTED: frozenset({L.SENT}),
    L.EXPIRED: frozenset(),
    L.DROPPED: frozenset(),
}


def advance(state: TradeState, happened: Happened) -> TradeState | None:
    """The next state, or None where the pair is not listed."""
    return TRANSITIONS.get((state, happened))


def of_a_buy(state: TradeState, happened: Happened) -> Happened | None:
    """The happening as it is where more is bought of what is open; None where nothing moves."""
    return ADDING.get(happened, happened) if state is TradeState.ACTIVE else happened


def leg_may(before: LegState, after: LegState) -> bool:
    return after in LEG_TRANSITIONS[before]
