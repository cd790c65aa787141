"""Which of many constant-product pools gives most for an amount: all of them re-priced in one pass, exactly decided.

Floats only suggest. Each row's exact answer is bounded from both sides by what the float says and by how far fee and
output may be rounded; only rows that could still be the best are computed in integers, so the answer is that of
computing every row, for any reserves and amounts of 64 bits. Must not know venues: rows are bare terms.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

SURE = 1e-12
"""Far above the relative error of a dozen operations on 53 bits."""

Column = NDArray[np.float64]


class Terms(msgspec.Struct, frozen=True):
    """x * y = k with a fee taken from what goes in, rounded up; the output is rounded down."""

    reserve_in: int
    reserve_out: int
    fee_numerator: int
    fee_denominator: int

    def out(self, amount: int) -> int:
        """Exactly; 0 where it gives nothing."""
        traded = amount - -(-amount * self.fee_numerator // self.fee_denominator)
        if traded <= 0 or self.reserve_in <= 0:
            return 0
        return traded * self.reserve_out // (self.reserve_in + traded)


class Screen:
    """Columns of terms; a changed pool changes one row."""

    def __init__(self, rows: Sequence[Terms]) -> None:
        self.rows = list(rows)
        count = len(self.rows)
        self._x: Column = np.zeros(count)
        self._y: Column = np.zeros(count)
        self._keep: Column = np.zeros(count)
        for place, terms in enumerate(self.rows):
            self.change(place, terms)

    def change(self, place: int, terms: Terms) -> None:
        self.rows[place] = terms
        dead = terms.reserve_in <= 0 or terms.reserve_out <= 0
        # a dead row keeps a reserve, so that nothing is divided by nothing, and gives nothing
        self._x[place] = 1.0 if dead else float(terms.reserve_in)
        self._y[place] = 0.0 if dead else float(terms.reserve_out)
        kept = max(
            terms.fee_denominator - terms.fee_numerator, 0
        )  # in integers: 1 - fee would lose small rests
        self._keep[place] = kept / terms.fee_denominator

    def outs(self, amount: int) -> Column:
        """What every row gives, about: for people and for suggestions."""
        traded = float(amount) * self._keep
        result: Column = traded * self._y / (self._x + traded)
        return result

    def best(self, amount: int) -> tuple[int, int] | None:
        """(row, its exact output) of the row that gives most, the first of equals; None where none gives anything."""
        if amount <= 0 or not self.rows:
            return None
        told = self.outs(amount)
        traded = float(amount) * self._keep
        # the fee's rounding costs at most one unit of input, which is worth at most the price there; the output's, one
        worth = self._y * self._x / (self._x + np.maximum(traded - 1.0, 0.0)) ** 2
        least = told * (1 - SURE) - worth * (1 + SURE) - 1.0
        maybe = np.flatnonzero(told * (1 + SURE) >= least.max())
        found = max(((self.rows[place].out(amount), -place) for place in maybe.tolist()), default=(0, 0))
        return (-found[1], found[0]) if found[0] > 0 else None
