"""A whole swap: from station to station of its way until the amount is used up.

With a fixed fee the first stations can be passed at once: what each costs and gives does not depend on the amount,
so their running sums are tabled once a state and a swap starts with a search in them. Only its last step is computed.
"""

from bisect import bisect_left
from typing import Final, NamedTuple

from chimera.domain.units import U64_MAX
from chimera.venues.orca_whirlpool.adaptive import FeeCourse
from chimera.venues.orca_whirlpool.path import Way
from chimera.venues.orca_whirlpool.step import FEE_ONE, TOO_MUCH, delta_a, delta_b, swap_step

STEPS_MAX: Final = 2_000  # several times of what the program's compute budget allows in one instruction


class Swapped(NamedTuple):
    amount_in: int
    """Fee included."""
    amount_out: int
    fee: int
    left: int
    """Of the amount that was asked for; not 0 where the way ended before."""
    at_end: bool
    """The last station was reached."""
    price: int
    """Where it stopped."""
    at_station: int
    """How many stations it reached; the price is the last one's where it went no further."""


class Table(NamedTuple):
    """Running sums behind each station, as far as they are certain."""

    paid: list[int]
    received: list[int]
    fees: list[int]


def make_table(way: Way, price: int, fee_rate: int, *, a_to_b: bool) -> Table:
    """The sums for swaps from `price` on."""
    delta_in, delta_out = (delta_a, delta_b) if a_to_b else (delta_b, delta_a)
    table = Table([], [], [])
    paid = received = fees = 0
    for station in way.stations:
        amount_in = delta_in(price, station.price, station.liquidity, up=True)
        amount_out = delta_out(price, station.price, station.liquidity, up=False)
        if amount_in is None or amount_out is None or TOO_MUCH in (amount_in, amount_out):
            break
        fee = -(-amount_in * fee_rate // (FEE_ONE - fee_rate))
        paid, received, fees = paid + amount_in + fee, received + amount_out, fees + fee
        if paid > U64_MAX or received > U64_MAX:
            break
        table.paid.append(paid)
        table.received.append(received)
        table.fees.append(fees)
        price = station.price
    return table


def swap_with_table(
    way: Way, table: Table, price: int, amount: int, fee_rate: int, *, exact_in: bool, a_to_b: bool
) -> Swapped | None:
    """The swap at a fixed fee; None where the program fails."""
    sums = table.paid if exact_in else table.received
    # The first station that takes all of it or more: the program stops as soon as nothing is left.
    at = bisect_left(sums, amount)
    if at < len(sums) and sums[at] == amount:
        sums_there = table.paid[at], table.received[at], table.fees[at]
        return Swapped(*sums_there, 0, at + 1 == len(way.stations), way.stations[at].price, at + 1)
    paid = received = fees = 0
    left = amount
    if at:
        paid, received, fees = table.paid[at - 1], table.received[at - 1], table.fees[at - 1]
        left, price = amount - sums[at - 1], way.stations[at - 1].price
    stations = way.stations
    while left and at < len(stations):
        station = stations[at]
        step = swap_step(
            left, fee_rate, station.liquidity, price, station.price, exact_in=exact_in, a_to_b=a_to_b
        )
        if step is None:
            return None
        reached, amount_in, amount_out, fee = step
        used = amount_in + fee if exact_in else amount_out
        if used > left or (not used and reached == price != station.price):
            return None
        left -= used
        paid, received, fees, price = paid + amount_in + fee, received + amount_out, fees + fee, reached
        at += reached == station.price
    if paid > U64_MAX or received > U64_MAX:
        return None
    return Swapped(paid, received, fees, left, at == len(stations), price, at)


def swap_with_course(
    way: Way, course: FeeCourse, price: int, amount: int, *, exact_in: bool, a_to_b: bool
) -> Swapped | None:
    """The swap at an adaptive fee; None where the program fails."""
    paid = received = fees = steps = 0
    left, at, stations = amount, 0, way.stations
    while left and at < len(stations):
        station = stations[at]
        while True:
            steps += 1
            rate = course.rate()
            stop, across = course.stop(station.price, station.liquidity)
            step = swap_step(left, rate, station.liquidity, price, stop, exact_in=exact_in, a_to_b=a_to_b)
            if step is None or steps > STEPS_MAX:
                return None
            price, amount_in, amount_out, fee = step
            left -= amount_in + fee if exact_in else amount_out
            if left < 0:
                return None
            paid, received, fees = paid + amount_in + fee, received + amount_out, fees + fee
            if across:
                course.advance_across(price, station.tick, station.price)
            else:
                course.advance()
            if not left or price == station.price:
                break
        at += price == station.price
    if paid > U64_MAX or received > U64_MAX:
        return None
    return Swapped(paid, received, fees, left, at == len(stations), price, at)
