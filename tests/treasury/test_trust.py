"""Trust: the documented formula, who is ranked at all, and what each risk profile asks for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain.allocation import Profile, RankedTrader, Ranking
from chimera.domain.ids import Address
from chimera.treasury.trust import Figures, chosen, drawdown, eligible, ranked, roi, score, sharpe

SHARES = st.floats(0, 1)


def figures(name: str, *daily: float, trades: int = 60) -> Figures:
    return Figures(Address(name), daily, trades, {})


def days(one: float, other: float = 0.0) -> tuple[float, ...]:
    return (one, other) * 45


def test_the_score_is_the_formula_with_the_best_of_all_at_the_top() -> None:
    assert score(1, 1, 0) == 10_000
    assert score(1, 0, 0) == 7_272  # 0.40 of 0.55
    assert score(0, 1, 0) == 2_727
    assert score(1, 1, 1) == 1_818  # 0.10 of 0.55
    assert score(0, 0, 1) == score(0, 0, 0) == 0


@given(SHARES, SHARES, SHARES, SHARES)
def test_more_earned_is_more_trust_and_more_fallen_is_less(
    one: float, other: float, a: float, b: float
) -> None:
    less, more = sorted((one, other))
    assert score(less, a, b) <= score(more, a, b)
    assert score(a, less, b) <= score(a, more, b)
    assert score(a, b, more) <= score(a, b, less)
    assert 0 <= score(one, other, a) <= 10_000


def test_the_figures_of_a_known_record() -> None:
    daily = (0.10, -0.50, 0.20)
    assert roi(daily) == pytest.approx(1.1 * 0.5 * 1.2 - 1)
    assert drawdown(daily) == pytest.approx(0.5)
    mean = -0.2 / 3
    deviation = math.sqrt(sum((day - mean) ** 2 for day in daily) / 3)
    assert sharpe(daily) == pytest.approx(mean / deviation * math.sqrt(365))
    assert sharpe((0.01,) * 5) == 0.0


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (figures("a", *days(0.01)[:89]), "89 days"),
        (figures("a", *days(0.01), trades=49), "49 trades"),
        (figures("a", *days(0.01)[:-1], 0.51), "a day of 51%"),
        (figures("a", *days(0.01)[:-1], -1.0), "lost everything"),
        (figures("a", *days(0.01)[:-1], math.nan), "no number"),
    ],
)
def test_who_is_not_ranked_and_why(one: Figures, why: str) -> None:
    told = eligible(one)
    assert told is not None
    assert why in told
    assert not ranked([one], at_ms=1).traders


def test_a_spike_before_the_window_is_forgiven_and_its_edge_is_allowed() -> None:
    assert eligible(figures("a", 0.9, *days(0.01))) is None
    assert eligible(figures("a", *days(0.5))) is None


def test_the_best_record_comes_first_and_the_worst_has_nothing() -> None:
    good, middling, bad = (
        figures("good", *days(0.02, 0.01)),
        figures("mid", *days(0.01, -0.005)),
        figures("bad", *days(0.01, -0.03)),
    )
    told = ranked([bad, good, middling], at_ms=7)
    assert told.at_ms == 7
    assert [one.trader for one in told.traders] == ["good", "mid", "bad"]
    assert (told.traders[0].trust, told.traders[-1].trust) == (10_000, 0)


@pytest.mark.parametrize(
    ("profile", "trusted"),
    [(Profile.CONSERVATIVE, 9_501), (Profile.BALANCED, 9_001), (Profile.AGGRESSIVE, 8_501)],
)
def test_each_profile_has_its_own_threshold(profile: Profile, trusted: int) -> None:
    def best(trust: int) -> RankedTrader | None:
        return chosen(Ranking(0, (RankedTrader(Address("a"), trust, {}),)), profile)

    assert best(trusted) is not None
    assert best(trusted - 1) is None


def test_the_most_trusted_is_followed_whatever_the_order_of_the_answer() -> None:
    told = tuple(
        RankedTrader(Address(name), trust, {}) for name, trust in (("b", 9_600), ("c", 9_900), ("a", 9_900))
    )
    followed = chosen(Ranking(0, told), Profile.CONSERVATIVE)
    assert followed is not None
    assert followed.trader == "a"
    assert chosen(Ranking(0, ()), Profile.AGGRESSIVE) is None
