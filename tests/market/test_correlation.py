"""Rolling correlation of tokens, held against numpy over prices made here, and silent where it knows too little."""

from math import ceil
from random import Random

import numpy as np
import pytest

from chimera.domain.features import PRICE_UNITS
from chimera.domain.ids import WSOL, Address, Signature, Slot
from chimera.domain.market import Trade
from chimera.domain.pool import Swap
from chimera.market.correlation import BAR_MS, RETURNS_MIN, WINDOW_BARS, CorrelationBook
from chimera.market.features import FeatureExtractor

ONE, OTHER, THIRD = Address("one"), Address("other"), Address("third")
START = 1_000 * BAR_MS


def walk(seed: int, length: int, *, beside: list[int] | None = None, share: float = 0.0) -> list[int]:
    """Prices of a token; `share` of each move is that of the series beside."""
    rng, price, prices = Random(seed), 10**9, list[int]()
    for place in range(length):
        prices.append(price)
        move = rng.gauss(0, 0.02) * (1 - share)
        if beside is not None and place + 1 < len(beside):
            move += share * float(np.log(beside[place + 1] / beside[place]))
        price = max(1, int(price * float(np.exp(move))))
    return prices


class Market:
    def __init__(self, **series: list[int | None]) -> None:
        self.features = FeatureExtractor()
        self.book = CorrelationBook(self.features)
        length = max(map(len, series.values()))
        self.now = START + length * BAR_MS
        for place in range(length):
            for mint, prices in series.items():
                if place < len(prices) and (price := prices[place]) is not None:
                    self.trade(Address(mint), price, START + place * BAR_MS + 7)

    def trade(self, mint: Address, price: int, at_ms: int) -> None:
        swap = Swap(
            "v", Address("p"), Address("u"), WSOL, mint, price, PRICE_UNITS, Signature("s"), Slot(1), 0
        )
        self.features.fold(Trade(swap, at_ms), lambda: None)

    def bps(self, one: Address = ONE, other: Address = OTHER) -> int | None:
        return dict(self.book.with_each(one, [other], self.now)).get(other)


def expected_bps(one: list[int], other: list[int]) -> int:
    """Over the returns of the window, told by numpy alone."""
    last = WINDOW_BARS + 1
    x, y = (np.diff(np.log(np.array(prices[-last:], dtype=float))) for prices in (one, other))
    return ceil(float(np.corrcoef(x, y)[0, 1]) * 10_000)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("length", [RETURNS_MIN + 1, 45, 200])
def test_it_is_the_correlation_of_the_windows_returns(share: float, length: int) -> None:
    one = walk(1, length)
    other = walk(2, length, beside=one, share=share)
    found = Market(one=list(one), other=list(other)).bps()
    assert found is not None
    assert abs(found - expected_bps(one, other)) <= 1, "sums in another order may end in another last digit"


def test_tokens_that_move_alike_are_at_one_and_against_each_other_at_minus_one() -> None:
    one = walk(3, 40)
    against = [10**18 // price for price in one]
    market = Market(one=list(one), other=[price * 3 for price in one], third=list(against))
    assert market.bps() == 10_000
    assert market.bps(ONE, THIRD) == pytest.approx(-10_000, abs=2)


def test_too_few_returns_in_common_give_no_figure() -> None:
    prices = walk(4, RETURNS_MIN)
    assert Market(one=list(prices), other=list(prices)).bps() is None
    longer = walk(4, RETURNS_MIN + 1)
    assert Market(one=list(longer), other=list(longer)).bps() == 10_000


def test_where_nothing_traded_no_price_is_made_up() -> None:
    one = walk(5, 60)
    holes: list[int | None] = [None if place % 2 else price for place, price in enumerate(walk(6, 60))]
    assert Market(one=list(one), other=holes).bps() is None, "it never has two bars in a row"
    gap: list[int | None] = list(walk(6, 60))
    gap[30] = None
    market = Market(one=list(one), other=gap)
    x = np.diff(np.log(np.array(one, dtype=float)))
    known = [place for place in range(59) if gap[place] and gap[place + 1]]
    y = {place: float(np.log(gap[place + 1] / gap[place])) for place in known}  # type: ignore[operator]
    expected = float(np.corrcoef([x[place] for place in known], [y[place] for place in known])[0, 1])
    assert market.bps() == pytest.approx(expected * 10_000, abs=1.001)


def test_a_price_that_never_moves_has_no_correlation_and_an_unknown_token_neither() -> None:
    market = Market(one=list(walk(7, 40)), other=[10**9] * 40)
    assert market.bps() is None
    assert market.bps(ONE, Address("stranger")) is None


def test_it_rolls_what_is_older_than_the_window_is_forgotten() -> None:
    one = walk(8, 100)
    other = [*walk(9, 39), *[price * 2 for price in one[39:]]]
    assert Market(one=list(one), other=list(other)).bps() == 10_000


def test_the_matrix_has_each_with_each_and_sol_last() -> None:
    one = walk(10, 60)
    market = Market(one=list(one), other=[price * 2 for price in one])
    for place, price in enumerate(one):
        market.book.see_sol(lambda price=price: price // 10, START + place * BAR_MS + 1)  # type: ignore[misc]
    seen = market.book.seen([OTHER, ONE, ONE], market.now)
    assert seen.mints == (ONE, OTHER, WSOL)
    assert seen.returns == (59, 59, 59)
    assert [row[place] for place, row in enumerate(seen.bps)] == [10_000] * 3
    assert seen.bps[0][1] == seen.bps[1][0] == 10_000
    with_sol = seen.bps[0][2]
    assert with_sol is not None and with_sol >= 9_990, "the same prices, but for what division cut off"
    nothing = Market(one=[10**9]).book.seen([ONE], market.now)
    assert nothing.bps == ((None, None), (None, None))
