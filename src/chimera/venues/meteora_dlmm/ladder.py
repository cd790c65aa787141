"""DLMM's arithmetic: what a swap costs and gives on its way from bin to bin, every step rounded as the program rounds.

A ladder is one direction through the bins at one state of the volatility. It sums up the bins that a swap would empty,
as far as somebody has asked, so that a quote at any depth is a search and one bin's arithmetic.
Source: `quote.rs` of MeteoraAg/dlmm-sdk's `commons`; where the program itself differs, the program (see `exact_out`).
Knows bins and rates; no accounts, no time, no transfer fees.
"""

from bisect import bisect_right
from collections.abc import Generator
from enum import Enum

import msgspec

from chimera.domain.ids import Slot
from chimera.domain.units import U64_MAX
from chimera.onchain.curves import ceil_div
from chimera.venues.meteora_dlmm.layout import Bin
from chimera.venues.meteora_dlmm.prices import FEE_ONE, SCALE, Rates, fee_in, fee_on_top

FEE_FITS_BELOW = U64_MAX - U64_MAX // 10 - 1  # at the highest fee rate, 10 %
NEVER = 1 << 200  # more than any u64: a threshold that no amount reaches


class Way(msgspec.Struct, frozen=True):
    """What all bins of a ladder share."""

    x_to_y: bool
    fee_on_input: bool
    fills_orders: bool


class Trade(msgspec.Struct, frozen=True):
    """A swap, computed; transfer fees apart."""

    amount_in: int
    amount_out: int
    fee: int
    """Of the input or of the output, as the way says."""
    bins: int
    """How many steps of the ladder it touches."""


class Fault(Enum):
    """Why there is no trade."""

    BINS_END = "the bins end before"
    PROGRAM_FAILS = "the program fails"


class Step(msgspec.Struct, frozen=True):
    """One bin on the way."""

    bin_id: int
    slot: Slot
    """The oldest among this bin's account and those before it."""
    price: int
    rate: int
    layers: tuple[tuple[int, int], ...]
    """(what is there, what all of it costs before the fee), in the order in which a swap takes them."""
    simple: bool
    """Whether it has one layer, whose cost a u64 holds."""


Source = Generator[tuple[Bin, int], None, str]
"""Bins with their accounts' slots, nearest first; returns why there are no more."""


class Ladder:
    """The bins of one direction, nearest first, with running totals; grows as quotes need it."""

    __slots__ = ("_fees", "_in_stops", "_out_stops", "_paid", "_rates", "_received", "_source", "_way", "_x_to_y",
                 "end", "fee_on_input", "steps")  # fmt: skip

    def __init__(self, way: Way, rates: Rates, source: Source) -> None:
        self._way, self._rates, self._source = way, rates, source
        self.fee_on_input, self._x_to_y = way.fee_on_input, way.x_to_y
        self.steps: list[Step] = []
        self.end: str | None = None
        """Why there are no more bins, once that has been found out."""
        # before the step of the same place: input and output with the fees, and the fees
        self._paid, self._received, self._fees = [0], [0], [0]
        # the least total that empties the step and goes on to the next
        self._in_stops: list[int] = []
        self._out_stops: list[int] = []

    def exact_in(self, amount: int) -> Trade | Fault:
        """The trade that spends all of `amount`; the program fails where a number leaves u64."""
        stops = self._in_stops
        while not stops or stops[-1] <= amount:
            if not self._grow():
                return Fault.BINS_END
        at = bisect_right(stops, amount)
        spent = self._spend(self.steps[at], amount - self._paid[at])
        if spent is None:
            return Fault.PROGRAM_FAILS
        return Trade(amount, self._received[at] + spent[0], self._fees[at] + spent[1], at + 1)

    def exact_out(self, amount: int) -> Trade | Fault:
        """The trade that brings `amount`.

        The program asks a bin for all that is wanted of it as if it were one amount, then fills its layers one by one:
        where their roundings add up, it gets less than it wants and fails ("UndeterminedError"). The SDK does not.
        """
        stops = self._out_stops
        while not stops or stops[-1] <= amount:
            if self._received[-1] == amount and stops:
                break
            if not self._grow():
                return Fault.BINS_END
        at = bisect_right(stops, amount)
        if amount > FEE_FITS_BELOW and not self._fees_fit(amount, at):
            return Fault.PROGRAM_FAILS
        paid, fee = self._paid[at], self._fees[at]
        wanted = amount - self._received[at]
        if wanted:
            cost = self._buy(self.steps[at], wanted)
            if cost is None:
                return Fault.PROGRAM_FAILS
            paid, fee, at = paid + cost[0], fee + cost[1], at + 1
        return Trade(paid, amount, fee, at) if paid <= U64_MAX else Fault.PROGRAM_FAILS

    def last_step(self, trade: Trade) -> tuple[int, int]:
        """(what came into, what left) the bin that an `exact_in` trade ends in, fees apart."""
        at = trade.bins - 1
        went, fee = trade.amount_out - self._received[at], trade.fee - self._fees[at]
        came = trade.amount_in - self._paid[at]
        return (came - fee, went) if self.fee_on_input else (came, went + fee)

    def _fees_fit(self, amount: int, at: int) -> bool:
        """Whether the program can add each bin's fee to what it still wants there, even where it gets less."""
        return self.fee_on_input or all(
            wanted + fee_on_top(wanted, step.rate) <= U64_MAX
            for step, wanted in zip(
                self.steps[: at + 1], (amount - had for had in self._received), strict=False
            )
        )

    def _spend(self, step: Step, amount: int) -> tuple[int, int] | None:
        """(output without, fee) of an amount that ends within the step."""
        on_input = self.fee_on_input
        fee = -(-amount * step.rate // FEE_ONE) if on_input else 0
        left, out = amount - fee, 0
        for there, cost in step.layers:
            if cost > U64_MAX:
                return None
            if left < cost:
                part = left * step.price >> SCALE if self._x_to_y else (left << SCALE) // step.price
                out += part
                break
            out += there
            left -= cost
            if not left:
                break
        if not on_input:
            fee = -(-out * step.rate // FEE_ONE)
            out -= fee
        return out, fee

    def _buy(self, step: Step, wanted: int) -> tuple[int, int] | None:
        """(input with, fee) of an output that the step has more of than wanted."""
        rate, price, on_input = step.rate, step.price, self.fee_on_input
        gross = wanted if on_input else wanted - (-wanted * rate // (FEE_ONE - rate))
        cost = -(-(gross << SCALE) // price) if self._x_to_y else -(-gross * price >> SCALE)
        if on_input:
            cost -= -cost * rate // (FEE_ONE - rate)
            if step.simple and cost <= U64_MAX:  # what was rounded up once gives no less than was wanted
                return cost, -(-cost * rate // FEE_ONE)
        if gross > U64_MAX or cost > U64_MAX:
            return None
        spent = self._spend(step, cost)
        return (cost, spent[1]) if spent is not None and spent[0] >= wanted else None

    def _grow(self) -> bool:
        """Adds the next bin that has something to give; False where there is none."""
        while self.end is None:
            try:
                found, slot = next(self._source)
            except StopIteration as stop:
                self.end = stop.value
                break
            layers = self._layers(found)
            if layers:
                self._add(found, slot, layers)
                return True
        return False

    def _layers(self, found: Bin) -> tuple[tuple[int, int], ...]:
        """Market makers first, then orders that are being filled, then waiting ones."""
        x_to_y = self._x_to_y
        amounts = [found.y if x_to_y else found.x]
        if self._way.fills_orders and found.orders_sell_x is not x_to_y:
            amounts += [found.processed, found.waiting]
        price = found.price
        return tuple(
            (amount, ceil_div(amount << SCALE, price) if x_to_y else ceil_div(amount * price, 1 << SCALE))
            for amount in amounts
            if amount
        )

    def _add(self, found: Bin, slot: int, layers: tuple[tuple[int, int], ...]) -> None:
        rate = self._rates.at(found.bin_id)
        gives, costs = sum(there for there, _ in layers), sum(cost for _, cost in layers)
        if self.fee_on_input:
            fee = fee_on_top(costs, rate)
            paid, received = costs + fee, gives
            in_stop, out_stop = ceil_div((costs + 1) * FEE_ONE, FEE_ONE - rate), gives
        else:
            fee = fee_in(gives, rate)
            paid, received = costs, gives - fee
            # the least output that, with its fee on top, is all there is
            in_stop, out_stop = costs + 1, (gives - 1) * (FEE_ONE - rate) // FEE_ONE + 1
        if gives > U64_MAX:
            layers = ((gives, NEVER),)  # the program cannot even say how much there is
        if gives > U64_MAX or paid > U64_MAX:
            in_stop = out_stop = NEVER  # nor count what would empty it
        simple = len(layers) == 1 and layers[0][1] <= U64_MAX
        if self.steps:
            slot = min(slot, int(self.steps[-1].slot))
        self.steps.append(Step(found.bin_id, Slot(slot), found.price, rate, layers, simple))
        self._in_stops.append(self._paid[-1] + in_stop)
        self._out_stops.append(self._received[-1] + out_stop)
        self._paid.append(self._paid[-1] + paid)
        self._received.append(self._received[-1] + received)
        self._fees.append(self._fees[-1] + fee)
