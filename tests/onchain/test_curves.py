"""Curve arithmetic: roundings against us, and inverses that never promise too much."""

from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from chimera.onchain import curves

U64 = 2**64 - 1
amount = st.one_of(st.integers(0, 10_000), st.integers(0, U64))
positive = st.one_of(st.integers(1, 10_000), st.integers(1, U64))
bps = st.integers(0, 10_000)


@given(amount, positive, positive)
def test_what_leaves_a_pool_is_the_curve_rounded_down(amount_in: int, x: int, y: int) -> None:
    out = curves.out_given_in(amount_in, reserve_in=x, reserve_out=y)
    assert 0 <= Fraction(amount_in * y, x + amount_in) - out < 1


@given(positive, positive, positive)
def test_what_must_enter_a_pool_is_the_least_that_is_enough(amount_out: int, x: int, y: int) -> None:
    needed = curves.in_given_out(amount_out, reserve_in=x, reserve_out=y)
    if amount_out >= y:
        assert needed is None
        return
    assert needed is not None
    assert curves.out_given_in(needed, reserve_in=x, reserve_out=y) >= amount_out
    assert curves.out_given_in(needed - 1, reserve_in=x, reserve_out=y) < amount_out


@given(amount, st.integers(0, 999_999))
def test_a_gross_amount_leaves_at_least_the_net_after_its_fee(net: int, rate: int) -> None:
    gross = curves.gross_of_net(net, rate, one=1_000_000)
    assert gross is not None
    assert gross - curves.fee_ceil(gross, rate, one=1_000_000) >= net


def test_a_fee_of_all_or_more_has_no_gross() -> None:
    assert curves.gross_of_net(1, 1_000_000, one=1_000_000) is None
    assert curves.gross_of_net(1, 2_000_000, one=1_000_000) is None


@given(amount, bps, amount)
def test_what_is_sent_on_top_lets_exactly_the_amount_arrive(net: int, rate: int, maximum: int) -> None:
    assume(rate < 10_000)
    added = curves.transfer_fee_inverse(net, bps=rate, maximum=maximum)
    if added is None:
        assert net + maximum > U64
        return
    assert added == curves.transfer_fee(net + added, bps=rate, maximum=maximum)


def test_a_transfer_fee_of_all_adds_its_maximum() -> None:
    assert curves.transfer_fee_inverse(5, bps=10_000, maximum=7) == 7
    assert curves.transfer_fee(5, bps=10_000, maximum=7) == 5
    assert curves.transfer_fee_inverse(U64, bps=10_000, maximum=7) is None


def test_a_transfer_fee_rounds_up_and_stops_at_its_maximum() -> None:
    assert [curves.transfer_fee(n, bps=100, maximum=3) for n in (0, 1, 100, 101, 10**6)] == [0, 1, 1, 2, 3]
    assert curves.transfer_fee_inverse(1, bps=10_001, maximum=7) is None


@given(positive, positive, positive)
def test_impact_is_never_negative_and_rounds_up(traded_in: int, x: int, y: int) -> None:
    out = curves.out_given_in(traded_in, reserve_in=x, reserve_out=y)
    impact = curves.impact_bps(traded_in=traded_in, traded_out=out, reserve_in=x, reserve_out=y)
    assert 0 <= impact <= 10_000
    assert impact >= Fraction(traded_in, x + traded_in) * 10_000


@given(amount)
def test_u64_holds_what_it_can(value: int) -> None:
    assert curves.u64(value) == value
    assert curves.u64(value + 2**64) is None
    assert curves.u64(-1 - value) is None


def test_ceil_div_rounds_up() -> None:
    assert [curves.ceil_div(n, 3) for n in (0, 1, 3, 4)] == [0, 1, 1, 2]
