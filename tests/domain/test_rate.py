"""The sliding window holds for every stretch of time, not only on average."""

from hypothesis import given
from hypothesis import strategies as st

from chimera.domain.rate import RateLimit, RateLimits


@given(st.lists(st.integers(0, 400), max_size=200), st.integers(1, 7))
def test_no_window_ever_holds_more_than_the_count(steps: list[int], count: int) -> None:
    limit, now, granted = RateLimit(count=count, window_ns=1_000), 0, []
    for step in steps:
        now += step
        if limit.take(now):
            granted.append(now)
        else:
            assert len([at for at in granted if now - at < 1_000]) == count, "refused though there was room"
    for start in granted:
        assert len([at for at in granted if start <= at < start + 1_000]) <= count


def test_the_view_says_what_is_left_and_for_how_long() -> None:
    limit = RateLimit(count=2, window_ns=1_000)
    assert (limit.view(0).remaining, limit.view(0).wait_ns) == (2, 0)
    limit.take(100)
    limit.take(300)
    view = limit.view(400)
    assert (view.limit, view.remaining, view.wait_ns) == (2, 0, 700)
    assert limit.view(1_100).remaining == 1


def test_each_caller_has_its_own_limit_and_the_forgotten_are_the_longest_silent() -> None:
    limits = RateLimits(count=1, window_ns=1_000, callers=2)
    assert limits.of("a").take(0)
    assert limits.of("b").take(0)
    assert not limits.of("a").take(1)
    limits.of("c")
    assert not limits.of("a").take(2), "a was heard of more recently than b"
    assert limits.of("b").take(2), "b was forgotten"
