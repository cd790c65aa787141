"""The adaptive fee: how it grows while a swap crosses groups of ticks, and where each step must stop for it.

The swap's own progress moves the fee, so a swap is split at every border of a tick group near the reference; far
from it the fee is at its maximum and whole stretches go in one step.
Source: whirlpool `manager/fee_rate_manager.rs` and `state/oracle.rs`. Knows ticks and prices; no accounts.
"""

from typing import Final

import msgspec

from chimera.venues.orca_whirlpool.ticks import MAX_TICK, MIN_TICK, sqrt_price_of, tick_of

RATE_MAX: Final = 100_000  # millionths: 10 %
ACCUMULATOR_ONE: Final = 10_000  # one tick group
REDUCTION_ONE: Final = 10_000
CONTROL_ONE: Final = 100_000
REFERENCE_AGE_MAX_S: Final = 3_600


class FeeRules(msgspec.Struct, frozen=True):
    """The pool's constants (AdaptiveFeeConstants)."""

    filter_period_s: int
    decay_period_s: int
    reduction: int
    """Ten-thousandths of the accumulator that are kept as the next reference."""
    control: int
    """Hundred-thousandths by which the squared movement counts."""
    accumulator_max: int
    group_size: int
    """Ticks a group."""


class FeeMemory(msgspec.Struct, frozen=True):
    """What the last swaps left behind (AdaptiveFeeVariables)."""

    reference_at: int
    major_swap_at: int
    reference: int
    """Accumulator that a swap starts from."""
    group_reference: int
    accumulator: int


class FeeCourse:
    """The fee in the course of one swap.

    Raises ValueError where the program fails: time runs backwards, or the memory is above the maximum.
    """

    def __init__(
        self, rules: FeeRules, memory: FeeMemory, *, tick: int, now: int, static_rate: int, a_to_b: bool
    ) -> None:
        self._size, self._control, self._max = rules.group_size, rules.control, rules.accumulator_max
        self._static_rate, self._a_to_b = static_rate, a_to_b
        self._ahead = -1 if a_to_b else 1
        self._group = tick // self._size
        self._reference, self._centre = _start(rules, memory, self._group, now)
        if self._reference > self._max:
            raise ValueError(f"the fee's reference {self._reference} is above its maximum {self._max}")
        self._accumulator = memory.accumulator
        reach = -(-(self._max - self._reference) // ACCUMULATOR_ONE)
        self._low, self._high = self._centre - reach, self._centre + reach
        self._low_price = self._border(self._low * self._size)
        self._high_price = self._border((self._high + 1) * self._size)

    def rate(self) -> int:
        """Millionths for the step that starts now."""
        self._accumulate()
        moved = self._accumulator * self._size
        rate = -(-self._control * moved * moved // (CONTROL_ONE * ACCUMULATOR_ONE * ACCUMULATOR_ONE))
        return min(self._static_rate + rate, RATE_MAX)

    def stop(self, target: int, liquidity: int) -> tuple[int, bool]:
        """(price where the step must end at the latest, whether it may cross groups on the way)"""
        if self._control == 0 or liquidity == 0:
            return target, True
        if self._low_price is not None and self._group < self._low:
            return (target if self._a_to_b else min(target, self._low_price)), True
        if self._high_price is not None and self._group > self._high:
            return (max(target, self._high_price) if self._a_to_b else target), True
        if self._a_to_b:
            return max(target, sqrt_price_of(_bounded(self._group * self._size))), False
        return min(target, sqrt_price_of(_bounded((self._group + 1) * self._size))), False

    def advance(self) -> None:
        """After a step within one group."""
        self._group += self._ahead

    def advance_across(self, price: int, station_tick: int, station_price: int) -> None:
        """After a step that may have crossed groups, up to `price`."""
        tick = station_tick if price == station_price else tick_of(price)
        on_border = tick % self._size == 0 and (price == station_price or price == sqrt_price_of(tick))
        last = tick // self._size - (on_border and not self._a_to_b)
        if last < self._group if self._a_to_b else last > self._group:
            self._group = last
            self._accumulate()
        self._group += self._ahead

    def _accumulate(self) -> None:
        moved = abs(self._centre - self._group) * ACCUMULATOR_ONE
        self._accumulator = min(self._reference + moved, self._max)

    @staticmethod
    def _border(tick: int) -> int | None:
        return sqrt_price_of(tick) if MIN_TICK < tick < MAX_TICK else None


def _start(rules: FeeRules, memory: FeeMemory, group: int, now: int) -> tuple[int, int]:
    """(reference, group it counts from) for a swap that starts now."""
    last = max(memory.reference_at, memory.major_swap_at)
    if now < last:
        raise ValueError(f"the fee's memory is of {last}, later than {now}")
    if now - memory.reference_at > REFERENCE_AGE_MAX_S:
        return 0, group
    elapsed = now - last
    if elapsed < rules.filter_period_s:
        return memory.reference, memory.group_reference
    if elapsed < rules.decay_period_s:
        return memory.accumulator * rules.reduction // REDUCTION_ONE, group
    return 0, group


def _bounded(tick: int) -> int:
    return max(MIN_TICK, min(tick, MAX_TICK))
