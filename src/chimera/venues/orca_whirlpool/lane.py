"""The fast way to a quote: one direction of a pool whose fee is fixed and whose tokens charge none for moving.

All that does not depend on the amount is worked out once a state: the sums behind every station, and per station the
products that its last step needs. What is left is a search and one step. Whatever is unusual (an amount that ends on
a station, rounding that reaches one, the end of the known) is not answered here but by the plain swap, and a test
holds the two together.
"""

from bisect import bisect_left
from typing import NamedTuple

from chimera.domain.units import BPS, U64_MAX
from chimera.venues.orca_whirlpool.path import Way
from chimera.venues.orca_whirlpool.step import FEE_ONE, SHIFTABLE, WORD
from chimera.venues.orca_whirlpool.swap import Table

Told = tuple[int, int, int, int]
"""(amount in, amount out, fee, price impact in bps)"""


class Stretch(NamedTuple):
    """The way up to one station, and what lies behind its start."""

    price: int
    target: int
    liquidity: int
    raised: int
    """liquidity, a word up"""
    priced: int
    """liquidity * price, a word up"""
    paid: int
    received: int
    fees: int


class Lane:
    __slots__ = ("_a_to_b", "_fee_rate", "_held", "_kept", "_room", "_square", "_table", "slot", "stretches")

    def __init__(
        self,
        way: Way,
        table: Table,
        price: int,
        *,
        fee_rate: int,
        a_to_b: bool,
        room: int,
        held: int,
        slot: int,
    ) -> None:
        """`room` is what may still enter the one vault, `held` what lies in the other, `slot` a quote's."""
        self.slot = slot
        self._a_to_b, self._fee_rate, self._kept = a_to_b, fee_rate, FEE_ONE - fee_rate
        self._room, self._held, self._square, self._table = room, held, price * price, table
        self.stretches: list[Stretch] = []
        sums = zip([0, *table.paid], [0, *table.received], [0, *table.fees], strict=True)
        for station, (paid, received, fees) in zip(way.stations[: len(table.paid)], sums, strict=False):
            priced = station.liquidity * price
            if priced >= SHIFTABLE:
                break
            raised = station.liquidity << WORD
            self.stretches.append(
                Stretch(price, station.price, station.liquidity, raised, priced << WORD, paid, received, fees)
            )
            price = station.price

    def exact_in(self, amount: int) -> Told | None:
        """What `amount` brings; None where the plain swap has to say."""
        at = bisect_left(self._table.paid, amount)
        if at >= len(self.stretches) or self._table.paid[at] == amount:
            return None
        price, target, liquidity, raised, priced, paid, received, fees = self.stretches[at]
        left = amount - paid
        usable = left * self._kept // FEE_ONE
        if self._a_to_b:
            reached = -(-priced // (raised + usable * price))
            if reached <= target:
                return None
            moved = liquidity * (price - reached)
            amount_in = -(-(moved << WORD) // (price * reached))
            received += moved >> WORD
        else:
            reached = price + (usable << WORD) // liquidity
            if reached >= target:
                return None
            moved = liquidity * (reached - price)
            amount_in = -(-moved >> WORD)
            received += (moved << WORD) // (price * reached)
        fees += left - amount_in
        if amount > self._room or received > self._held or amount_in > left:
            return None
        return amount, received, fees, self._impact_bps(amount - fees, received)

    def exact_out(self, amount: int) -> Told | None:
        """What `amount` costs; None where the plain swap has to say."""
        at = bisect_left(self._table.received, amount)
        if at >= len(self.stretches) or self._table.received[at] == amount:
            return None
        price, target, liquidity, raised, priced, paid, received, fees = self.stretches[at]
        left = amount - received
        if self._a_to_b:
            reached = price + (-(left << WORD) // liquidity)
            if reached <= target:
                return None
            moved = liquidity * (price - reached)
            amount_in = -(-(moved << WORD) // (price * reached))
            amount_out = moved >> WORD
        else:
            rest = raised - left * price
            if rest <= 0:
                return None
            reached = -(-priced // rest)
            if reached >= target:
                return None
            moved = liquidity * (reached - price)
            amount_in = -(-moved >> WORD)
            amount_out = (moved << WORD) // (price * reached)
        fee = -(-amount_in * self._fee_rate // self._kept)
        paid, fees = paid + amount_in + fee, fees + fee
        if amount_out < left or paid > self._room or amount > self._held or paid > U64_MAX:
            return None
        return paid, amount, fees, self._impact_bps(paid - fees, amount)

    def _impact_bps(self, traded_in: int, traded_out: int) -> int:
        """As `quoting.price_impact_bps`."""
        if self._a_to_b:
            at_spot, given = traded_in * self._square, traded_out << 128
        else:
            at_spot, given = traded_in << 128, traded_out * self._square
        return max(0, -((given - at_spot) * BPS // at_spot)) if at_spot else 0
