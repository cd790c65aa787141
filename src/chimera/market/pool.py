"""One pool as it is now, who computes with it, and why it must not be bought from, if so.

Doubts come from two sides. Of the feed: slots are missing or were undone, so the state may be wrong; each such
doubt has a number and whoever healed it lifts it. Of the layout: bytes of the pool could not be read; they are
kept by role until the role reads well again. Either kind stops buys and lets exits pass.
"""

from chimera.domain.chain import AccountUpdate
from chimera.domain.ids import Address
from chimera.domain.pool import Moment, PoolHeader, Quote, QuoteRequest
from chimera.domain.risk import Reason, Refusal
from chimera.ports.venue import FiniteVenue, GraduatingVenue, LaunchVenue, NativeVenue, Venue

UNASKED = (-1, -1)  # stands for reserves that nobody has asked the venue for


class Pool:
    """Mutable; what the venue holds of it is not."""

    __slots__ = (
        "announced",
        "complete",
        "drift",
        "feed_doubts",
        "finished_slot",
        "graduating",
        "header",
        "known_reserves",
        "meanwhile",
        "native",
        "seen_at_ms",
        "slot",
        "state",
        "venue",
    )

    def __init__(self, venue: Venue[object], state: object, slot: int, at_ms: int = 0) -> None:
        """Raises DecodeError where the state does not say yet what the pool trades."""
        self.venue = venue
        self.header: PoolHeader = venue.header(state)
        self.native = isinstance(venue, NativeVenue) and venue.pays_lamports(state)
        """Whether it moves our own lamports instead of wrapped ones."""
        self.graduating = venue if isinstance(venue, GraduatingVenue) else None
        """The venue once more, where it is one whose pools fill up: asked once, since the question is dear."""
        self.finished_slot: int | None = None
        """When its program was heard to say that it trades no more; what the chain says later counts again."""
        self.announced = False
        self.drift: dict[str, str] = {}
        """By role (or `transaction`): what could not be read."""
        self.feed_doubts: dict[int, str] = {}
        self.meanwhile: dict[Address, AccountUpdate] = {}
        """The newest writes since the feed is in doubt: a node's answer may be older than these."""
        self.become(state, slot, at_ms)

    def become(self, state: object, slot: int, at_ms: int) -> None:
        """Takes a new state; whether it is complete is asked once, and read for every quote."""
        self.state, self.slot, self.seen_at_ms = state, slot, at_ms
        self.complete = not self.venue.missing(state)
        self.known_reserves: tuple[int, int] | None = UNASKED

    @property
    def reserves(self) -> tuple[int, int] | None:
        """As the venue tells them, in the header's order; asked once a state."""
        if self.known_reserves is UNASKED:
            self.known_reserves = self.venue.reserves(self.state)
        return self.known_reserves

    @property
    def doubtful(self) -> str | None:
        """Why it must not be bought from, or None."""
        if not self.drift and not self.feed_doubts:
            return None
        if self.drift:
            role, why = next(iter(self.drift.items()))
            return f"{role} cannot be read: {why}"
        return next(iter(self.feed_doubts.values()))

    @property
    def progress_bps(self) -> int | None:
        """How full its bonding curve is; None for a pool that is none."""
        return None if self.graduating is None else self.graduating.progress_bps(self.state)

    @property
    def creator(self) -> Address | None:
        """Who made its coin; None where its venue does not say."""
        return self.venue.creator(self.state) if isinstance(self.venue, LaunchVenue) else None

    def heard_error(self, code: int, slot: int) -> bool:
        """Whether that custom error of its program, met in `slot`, ends it; from then on it quotes nothing."""
        if not isinstance(self.venue, FiniteVenue) or code not in self.venue.finished_errors:
            return False
        self.finished_slot = slot
        return True

    def seen_itself(self, slot: int) -> None:
        """Its own account was read as of `slot`: that goes before an older word of its program."""
        if self.finished_slot is not None and slot > self.finished_slot:
            self.finished_slot = None

    def lift(self, doubt: int) -> None:
        """The feed's doubt of that number is settled."""
        self.feed_doubts.pop(doubt, None)
        if not self.feed_doubts:
            self.meanwhile = {}

    def quote(self, request: QuoteRequest, moment: Moment) -> Quote | Refusal:
        if not self.complete:
            missing = self.venue.missing(self.state)
            return Refusal(
                Reason.QUOTE_UNAVAILABLE, observed=f"{self.header.address} lacks {', '.join(missing)}"
            )
        if self.finished_slot is not None:
            return Refusal(
                Reason.POOL_DISABLED,
                observed=f"its program said in slot {self.finished_slot} that it is finished",
            )
        return self.venue.quote(self.state, request, moment)
