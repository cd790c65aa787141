"""A pair as far as its accounts are known, and the way through its bins.

The ladders of a pool are built when first asked for and thrown away with the state that they were built from.
Must not know moments or amounts.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

from chimera.domain.ids import TOKEN_PROGRAM, Address
from chimera.venues.meteora_dlmm.ladder import Ladder, Source, Way
from chimera.venues.meteora_dlmm.layout import (
    BITMAP_HALF,
    EXTENSION_BITS,
    FEE_ON_Y,
    BinArray,
    Extension,
    Mint,
    State,
    Vault,
    array_index,
)
from chimera.venues.meteora_dlmm.prices import BPS, SCALE, Rates, bin_price

ARRAYS_AHEAD: Final = 5
"""Arrays in either direction that are watched, and at most passed to a swap: more would outgrow a transaction."""
DRIFT_BINS: Final = 10  # how far the price may move between a plan and its landing
ARRAYS_KEPT = 64  # whoever delivered an array once goes on delivering it, so that those passed by stay true
LOWEST_ARRAY = -BITMAP_HALF - EXTENSION_BITS
U32_MAX = 2**32 - 1

CALM, DECAYING, FRESH = 2, 1, 0
"""How long ago the last swap was: beyond the decay period, beyond the filter period, or just now."""

EXTENSION = "bitmap_extension"
ARRAY = "bin_array_"  # and its index


class Book:
    """What is computed from a pool's state once. Equal to any other: it holds nothing that the state does not."""

    __slots__ = ("bits", "desk", "held", "ladders", "spot")

    def __init__(self) -> None:
        self.ladders: dict[int, Ladder | None] = {}
        self.bits: int | None = None
        self.held: tuple[int, int] | None = None
        self.spot: int | None = None
        self.desk: object = None
        """`quoting`'s own."""

    def same_bins(self) -> "Book":
        """For a state that differs in vaults or mints alone: what follows from bins and prices still holds."""
        other = Book()
        other.ladders, other.bits = self.ladders, self.bits
        other.held, other.spot = self.held, self.spot
        return other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Book)

    __hash__ = None  # type: ignore[assignment]  # pools are compared, never keys


class DlmmPool(msgspec.Struct, frozen=True):
    """A pair as far as its accounts are known."""

    address: Address
    state: State
    reserve_x: Vault | None = None
    reserve_y: Vault | None = None
    mint_x: Mint | None = None
    mint_y: Mint | None = None
    extension: Extension | None = None
    arrays: tuple[BinArray, ...] = ()
    """By index."""
    book: Book = msgspec.field(default_factory=Book)

    def array(self, index: int) -> BinArray | None:
        return next((array for array in self.arrays if array.index == index), None)


def with_array(pool: DlmmPool, array: BinArray) -> DlmmPool:
    """The pool with one array's new state; beyond the limit, those farthest from the price go."""
    others = [known for known in pool.arrays if known.index != array.index]
    here = array_index(pool.state.active_id)
    by_distance = sorted([*others, array], key=lambda known: (abs(known.index - here), known.index))
    kept = tuple(sorted(by_distance[:ARRAYS_KEPT], key=lambda known: known.index))
    return msgspec.structs.replace(pool, arrays=kept, book=Book())


def ladder(pool: DlmmPool, *, x_to_y: bool, age: int) -> Ladder | None:
    """The ladder at one of three ages of the last swap; None where the program could not compute its volatility."""
    known, key = pool.book.ladders, ladder_key(x_to_y=x_to_y, age=age)
    if key not in known:
        rates = rates_of(pool.state, age)
        way = Way(
            x_to_y=x_to_y,
            fee_on_input=not (x_to_y and pool.state.collect_fee_mode == FEE_ON_Y),
            fills_orders=pool.state.fills_orders,
        )
        known[key] = Ladder(way, rates, _ahead(pool, x_to_y)) if rates is not None else None
    return known[key]


def ladder_key(*, x_to_y: bool, age: int) -> int:
    """The ladder's place among a book's."""
    return 2 * age + x_to_y


def nearest(pool: DlmmPool, *, x_to_y: bool) -> list[int]:
    """The first arrays that a swap meets, as many as are watched."""
    return list(islice(indexes_ahead(pool, x_to_y=x_to_y), ARRAYS_AHEAD))


def behind(pool: DlmmPool, *, x_to_y: bool) -> list[int]:
    """The array that a swap would begin in if the price moved a few bins against its way first; at most one."""
    drifted = array_index(pool.state.active_id + (DRIFT_BINS if x_to_y else -DRIFT_BINS))
    here = array_index(pool.state.active_id)
    known = next((index for index in indexes_ahead(pool, x_to_y=not x_to_y) if index != here), None)
    return [known] if known == drifted and known is not None else []


def indexes_ahead(pool: DlmmPool, *, x_to_y: bool) -> Iterator[int]:
    """Arrays with liquidity in the order in which a swap meets them, the active bin's own first if it has any."""
    bits = _bits(pool)
    at = array_index(pool.state.active_id) - LOWEST_ARRAY
    if x_to_y:
        bits &= (2 << at) - 1
        while bits:
            top = bits.bit_length() - 1
            yield top + LOWEST_ARRAY
            bits ^= 1 << top
    else:
        bits = bits >> at << at
        while bits:
            lowest = bits & -bits
            yield lowest.bit_length() - 1 + LOWEST_ARRAY
            bits ^= lowest


def missing(pool: DlmmPool) -> Iterator[str]:
    """Roles without which nothing can be quoted: vaults, Token-2022's mints, and what holds the nearest bins."""
    state = pool.state
    if pool.reserve_x is None:
        yield "reserve_x"
    if pool.reserve_y is None:
        yield "reserve_y"
    # A mint of the older token program has nothing to say about a swap.
    if pool.mint_x is None and state.program_x != TOKEN_PROGRAM:
        yield "mint_x"
    if pool.mint_y is None and state.program_y != TOKEN_PROGRAM:
        yield "mint_y"
    if _needs_extension(pool):
        yield EXTENSION
        return
    firsts = (next(indexes_ahead(pool, x_to_y=x_to_y), None) for x_to_y in (True, False))
    yield from (
        f"{ARRAY}{index}"
        for index in dict.fromkeys(firsts)
        if index is not None and pool.array(index) is None
    )


def spot_price(pool: DlmmPool) -> int | None:
    """The active bin's price."""
    if pool.book.spot is None:
        pool.book.spot = bin_price(pool.state.active_id, pool.state.bin_step)
    return pool.book.spot


def held(pool: DlmmPool) -> tuple[int, int]:
    """(x, y) in all known bins, limit orders included where swaps fill them."""
    book = pool.book
    if book.held is None:
        x = y = 0
        for found in (found for array in pool.arrays for found in array.bins):
            orders = found.processed + found.waiting if pool.state.fills_orders else 0
            x += found.x + orders * found.orders_sell_x
            y += found.y + orders * (not found.orders_sell_x)
        book.held = x, y
    return book.held


def priced_reserves(pool: DlmmPool) -> tuple[int, int] | None:
    """(x, y) whose ratio is the active bin's price, neither more than what the known bins hold.

    The scarcer side decides: a pool that holds one token only is no market for the other.
    """
    price, (x, y) = spot_price(pool), held(pool)
    return (min(x, (y << SCALE) // price), min(y, x * price >> SCALE)) if price else None


def rates_of(state: State, age: int) -> Rates | None:
    """Source: `update_references`. The reference moves unless the last swap was just now, and decays with time."""
    reference, index = 0, state.active_id
    if age == FRESH:
        reference, index = state.volatility_reference, state.index_reference
    elif age == DECAYING:
        decayed = state.volatility_accumulator * state.reduction_factor
        if decayed > U32_MAX:
            return None
        reference = decayed // BPS
    return Rates(
        base_factor=state.base_factor,
        bin_step=state.bin_step,
        power_factor=state.base_fee_power_factor,
        variable_control=state.variable_fee_control,
        volatility_reference=reference,
        volatility_max=state.max_volatility_accumulator,
        index_reference=index,
    )


def _ahead(pool: DlmmPool, x_to_y: bool) -> Source:  # noqa: FBT001  # a coroutine of `ladder`'s
    """The bins that a swap meets. An array that the bitmaps do not tell of is passed over, whatever it holds."""
    active = pool.state.active_id
    if _needs_extension(pool):
        return f"{EXTENSION} is missing"
    for index in indexes_ahead(pool, x_to_y=x_to_y):
        array = pool.array(index)
        if array is None:
            return f"{ARRAY}{index} is missing"
        slot = min(pool.state.slot, array.slot)
        for held in reversed(array.bins) if x_to_y else array.bins:
            if held.bin_id <= active if x_to_y else held.bin_id >= active:
                yield held, slot
    return "" if pool.extension is not None else f"{EXTENSION} is missing"


def _needs_extension(pool: DlmmPool) -> bool:
    """Whether the price is where only an extension tells of arrays, and none is known."""
    known = pool.extension is not None and pool.extension.exists
    return not known and not -BITMAP_HALF <= array_index(pool.state.active_id) < BITMAP_HALF


def _bits(pool: DlmmPool) -> int:
    """Bit i says that array i + LOWEST_ARRAY has liquidity."""
    if pool.book.bits is None:
        bits = pool.state.bitmap << EXTENSION_BITS
        if pool.extension is not None:
            bits |= pool.extension.below | pool.extension.above << EXTENSION_BITS + 2 * BITMAP_HALF
        pool.book.bits = bits
    return pool.book.bits
