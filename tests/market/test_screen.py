"""One pass over all rows gives what computing every row gives: on any input, the largest numbers included."""

from hypothesis import example, given, settings
from hypothesis import strategies as draw

from chimera.market.screen import Screen, Terms

U64 = 2**64 - 1


def plain(rows: list[Terms], amount: int) -> tuple[int, int] | None:
    """Every row in integers; the first of equals."""
    best: tuple[int, int] | None = None
    for place, terms in enumerate(rows):
        kept = amount - -(-amount * terms.fee_numerator // terms.fee_denominator)
        if kept <= 0 or terms.reserve_in <= 0:
            continue
        out = kept * terms.reserve_out // (terms.reserve_in + kept)
        if out > 0 and (best is None or out > best[1]):
            best = place, out
    return best


anything = draw.one_of(draw.integers(0, 20), draw.integers(0, 10**9), draw.integers(0, U64), draw.just(U64))
fees = draw.sampled_from(
    [(0, 1), (25, 10_000), (1, 100), (2_500, 1_000_000), (9_999, 10_000), (1, 1), (7, 3)]
)
terms = draw.builds(lambda x, y, fee: Terms(x, y, *fee), anything, anything, fees)
many = draw.lists(terms, max_size=30)


@settings(max_examples=2_000, deadline=None)
@given(many, anything)
@example([Terms(U64, U64, 0, 1), Terms(U64, U64 - 1, 0, 1), Terms(U64 - 1, U64, 0, 1)], U64)
@example([Terms(1, U64, 1, 10_000), Terms(1, U64, 0, 1)], 1)
@example([Terms(0, U64, 0, 1)], 5)
@example([], 5)
def test_the_best_row_is_that_of_computing_every_row(rows: list[Terms], amount: int) -> None:
    assert Screen(rows).best(amount) == plain(rows, amount)


near = draw.builds(
    lambda size, skew, fee: Terms(size, size + skew, *fee),
    draw.integers(10**15, U64 - 10**6), draw.integers(-1_000, 1_000), draw.sampled_from([(25, 10_000), (30, 10_000)]),
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(draw.lists(near, min_size=2, max_size=30), draw.integers(1, U64))
def test_rows_that_floats_cannot_tell_apart_are_told_apart(rows: list[Terms], amount: int) -> None:
    assert Screen(rows).best(amount) == plain(rows, amount)


@settings(max_examples=300, deadline=None)
@given(
    draw.lists(terms, min_size=1, max_size=10), draw.lists(draw.tuples(draw.integers(0, 9), terms)), anything
)
def test_a_changed_row_is_priced_as_it_is_now(
    rows: list[Terms], changes: list[tuple[int, Terms]], amount: int
) -> None:
    screen, now = Screen(rows), list(rows)
    for place, changed in changes:
        screen.change(place % len(now), changed)
        now[place % len(now)] = changed
    assert screen.best(amount) == plain(now, amount)


def test_most_rows_are_never_computed_one_by_one() -> None:
    rows = [Terms(10**12 + n * 10**9, 10**12, 25, 10_000) for n in range(10_000)]
    screen = Screen(rows)
    asked: list[int] = []

    class Counted(Terms, frozen=True):
        def out(self, amount: int) -> int:
            asked.append(amount)
            return super().out(amount)

    screen.rows = [Counted(r.reserve_in, r.reserve_out, r.fee_numerator, r.fee_denominator) for r in rows]
    assert screen.best(10**9) == plain(rows, 10**9)
    assert len(asked) < 10
