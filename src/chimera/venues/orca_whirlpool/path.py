"""The way a swap can go: from the current price from tick to tick, as far as the tick arrays that it names reach.

A swap instruction names five arrays around the current one (0, +1, +2 and, as a supplement, -1, -2); in its
direction the program uses at most three, in order, up to the first that was not named. An array that was named but
does not exist has no ticks. Knows ticks and prices; no amounts.
Source: whirlpool `util/sparse_swap.rs`, `util/swap_tick_sequence.rs` and the loop of `manager/swap_manager.rs`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from chimera.venues.orca_whirlpool.ticks import MAX_TICK, MIN_TICK, sqrt_price_of

TICKS_AN_ARRAY: Final = 88
NAMED: Final = (0, 1, 2, -1, -2)
"""Arrays that an instruction names, counted from the current one, in the order of its accounts."""
LEFTWARDS: Final = (0, -1, -2)
RIGHTWARDS: Final = (0, 1, 2)

Ticks = Sequence[tuple[int, int]]
"""(tick, liquidity that enters when it is crossed upwards) of an array's initialized ticks, rising."""


class Station(NamedTuple):
    """Where a step of the way ends."""

    tick: int
    price: int
    liquidity: int
    """In force on the way to here."""


class Way(NamedTuple):
    stations: tuple[Station, ...]
    unknown: int | None
    """Start of the array that would have to be known to go on; None where the way ends for another reason.

    A swap that reaches the last station of such a way cannot be told.
    """
    open_end: bool
    """Ends at the lowest or highest price there is, so that a swap stops there without failing."""


def span(spacing: int) -> int:
    """Ticks that an array covers."""
    return TICKS_AN_ARRAY * spacing


def current_start(tick: int, spacing: int) -> int:
    """Start of the array that the tick lies in."""
    return tick // span(spacing) * span(spacing)


def is_start(start: int, spacing: int) -> bool:
    """Whether an array may start here: within the ticks there are, or just below them."""
    return start % span(spacing) == 0 and MIN_TICK - span(spacing) < start <= MAX_TICK


def named_starts(tick: int, spacing: int) -> tuple[int, ...]:
    """Starts of the arrays that an instruction names at this tick; some may lie beyond the ticks there are."""
    return tuple(current_start(tick, spacing) + step * span(spacing) for step in NAMED)


def find_way(
    tick: int, liquidity: int, spacing: int, arrays: Mapping[int, Ticks], *, a_to_b: bool
) -> Way | None:
    """The way from here; None where crossing a tick would leave the liquidity's range (no state of a real pool)."""
    base, length = current_start(tick, spacing), span(spacing)
    named = set(named_starts(tick, spacing))
    shifted = not a_to_b and tick + spacing >= base + length
    steps = LEFTWARDS if a_to_b else tuple(step + shifted for step in RIGHTWARDS)
    starts = [start for step in steps if is_start(start := base + step * length, spacing) and start in named]
    stations: list[Station] = []
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        if start not in arrays:
            return Way(tuple(stations), start, open_end=False)
        passed_last_place = False
        for crossed, net in _in_order(arrays[start], tick, a_to_b=a_to_b):
            stations.append(Station(crossed, sqrt_price_of(crossed), liquidity))
            liquidity += -net if a_to_b else net
            if not 0 <= liquidity < 2**128:
                return None
            passed_last_place = crossed == (start if a_to_b else start + length - spacing)
        # Past its last place the search goes on in the next array, without a look at where this one ends.
        if passed_last_place:
            continue
        if start <= MIN_TICK if a_to_b else start + length > MAX_TICK:
            edge = MIN_TICK if a_to_b else MAX_TICK
            return Way((*stations, Station(edge, sqrt_price_of(edge), liquidity)), None, open_end=True)
        if following is None or following not in arrays:
            # The program stops here where no further array was named; where one was that we do not know,
            # it goes on to an unknown tick beyond, and a swap that ends before is still the same.
            edge = start if a_to_b else start + length - 1
            stations.append(Station(edge, sqrt_price_of(edge), liquidity))
    return Way(tuple(stations), None, open_end=False)


def _in_order(ticks: Ticks, tick: int, *, a_to_b: bool) -> Iterator[tuple[int, int]]:
    """The array's ticks that lie ahead, nearest first; the current one is ahead on the way down only."""
    if a_to_b:
        return (known for known in reversed(ticks) if known[0] <= tick)
    return (known for known in ticks if known[0] > tick)
