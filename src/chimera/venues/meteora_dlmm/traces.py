"""What a swap leaves behind in a pair: its active bin, what lies in the bins that it went through, its volatility.

For replays of a market with trades that were not there. What fills a limit order goes to whoever placed it and is no
liquidity any more. Knows no vaults; a bin of an array that is not known stays unknown.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from chimera.domain.chain import Account
from chimera.domain.pool import Moment
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import U64_MAX
from chimera.venues.meteora_dlmm.book import (
    CALM,
    DECAYING,
    FRESH,
    U32_MAX,
    Book,
    DlmmPool,
    ladder,
    rates_of,
)  # fmt: skip
from chimera.venues.meteora_dlmm.ladder import Fault, Ladder, Trade
from chimera.venues.meteora_dlmm.layout import (
    BINS_PER_ARRAY,
    BITMAP_HALF,
    PROGRAM,
    Bin,
    BinArray,
    State,
)
from chimera.venues.meteora_dlmm.prices import BIN_ID_MAX, BPS

BINS_AT, BIN_BYTES = 56, 144
X, Y, WAITING, PROCESSED = slice(0, 8), slice(8, 16), slice(112, 120), slice(128, 136)
"""Of a bin's bytes."""
BITMAP: Final = slice(584, 712)


def after(pool: DlmmPool, amount: int, moment: Moment, *, x_to_y: bool) -> DlmmPool | Refusal:
    """With bins and volatility as a swap of exactly `amount` leaves them."""
    state, second = pool.state, moment.unix_timestamp
    since = second - state.last_update_timestamp
    age = FRESH if since < state.filter_period else DECAYING if since < state.decay_period else CALM
    way, rates = ladder(pool, x_to_y=x_to_y, age=age), rates_of(state, age)
    mint = pool.mint_x if x_to_y else pool.mint_y
    fees = 0 if mint is None else mint.transfer_fees.at(moment.epoch).on(amount)
    trade = way.exact_in(amount - fees) if way is not None and 0 < amount <= U64_MAX else None
    if way is None or rates is None or trade is None or isinstance(trade, Fault):
        return Refusal(Reason.AMOUNT_OUT_OF_RANGE, observed=str(trade))
    active = way.steps[trade.bins - 1].bin_id
    volatility = rates.volatility_reference + abs(rates.index_reference - active) * BPS
    moved = msgspec.structs.replace(
        state,
        active_id=active,
        volatility_reference=rates.volatility_reference,
        index_reference=rates.index_reference,
        volatility_accumulator=min(volatility, rates.volatility_max),
        # only a swap that moves the price counts as the last one: a recorded run of the program says so
        last_update_timestamp=second if active != state.active_id else state.last_update_timestamp,
    )
    filled = {bin_id: (came, went) for bin_id, came, went in _filled(way, trade)}
    return _made(pool, moved, filled, x_to_y=x_to_y)


def shifted(pool: DlmmPool, *, by: DlmmPool, than: DlmmPool) -> DlmmPool | None:
    """None where the price would leave its bounds; no bin holds less than nothing."""
    state, ours, plain = pool.state, by.state, than.state
    active = state.active_id + ours.active_id - plain.active_id
    if abs(active) > BIN_ID_MAX:
        return None
    volatility = state.volatility_accumulator + ours.volatility_accumulator - plain.volatility_accumulator
    reference = state.volatility_reference + ours.volatility_reference - plain.volatility_reference
    moved = msgspec.structs.replace(
        state,
        active_id=active,
        index_reference=state.index_reference + ours.index_reference - plain.index_reference,
        volatility_reference=min(max(reference, 0), U32_MAX),
        volatility_accumulator=min(max(volatility, 0), state.max_volatility_accumulator),
    )
    ours_bins, plain_bins = _bins(by), _bins(than)
    arrays = tuple(_array_shifted(array, ours_bins, plain_bins) for array in pool.arrays)
    return _with(pool, moved, arrays)


def written(pool: DlmmPool, role: str, account: Account, index: int | None) -> Account:
    if role == "pool":
        return _pair_written(account, pool.state)
    array = pool.array(index) if index is not None else None
    if array is None or account.owner != PROGRAM:  # of one that is not there no bin can be written
        return account
    data, there = bytearray(account.data), {found.bin_id: found for found in array.bins}
    for place in range(BINS_PER_ARRAY):
        at = BINS_AT + place * BIN_BYTES
        found = there.get(array.index * BINS_PER_ARRAY + place)
        one = memoryview(data)[at : at + BIN_BYTES]
        for part, value in (
            (X, found.x if found else 0),
            (Y, found.y if found else 0),
            (WAITING, found.waiting if found else 0),
            (PROCESSED, found.processed if found else 0),
        ):
            one[part] = value.to_bytes(8, "little")
        one.release()
    return msgspec.structs.replace(account, data=bytes(data))


def _pair_written(account: Account, state: State) -> Account:
    data = bytearray(account.data)
    data[40:44] = state.volatility_accumulator.to_bytes(4, "little")
    data[44:48] = state.volatility_reference.to_bytes(4, "little")
    data[48:52] = state.index_reference.to_bytes(4, "little", signed=True)
    data[56:64] = state.last_update_timestamp.to_bytes(8, "little", signed=True)
    data[76:80] = state.active_id.to_bytes(4, "little", signed=True)
    data[BITMAP] = state.bitmap.to_bytes(128, "little")
    return msgspec.structs.replace(account, data=bytes(data))


def _filled(way: Ladder, trade: Trade) -> Iterator[tuple[int, int, int]]:
    """(bin, what came into it, what left it), fees apart, of each step that the trade touches."""
    for step in way.steps[: trade.bins - 1]:
        gives = sum(there for there, _ in step.layers)
        yield step.bin_id, sum(cost for _, cost in step.layers), gives
    last = way.steps[trade.bins - 1]
    came, went = way.last_step(trade)
    yield last.bin_id, came, went


def _made(pool: DlmmPool, state: State, filled: Mapping[int, tuple[int, int]], *, x_to_y: bool) -> DlmmPool:
    arrays = tuple(
        msgspec.structs.replace(
            array,
            bins=tuple(
                _traded(found, *filled[found.bin_id], x_to_y=x_to_y) if found.bin_id in filled else found
                for found in array.bins
            ),
        )
        if any(found.bin_id in filled for found in array.bins)
        else array
        for array in pool.arrays
    )
    return _with(pool, state, arrays)


def _traded(found: Bin, came: int, went: int, *, x_to_y: bool) -> Bin:
    """Market makers' liquidity goes first, and what comes for it stays; then orders, whose owners get what comes."""
    there = found.y if x_to_y else found.x
    of_makers = min(went, there)
    left = went - of_makers
    processed = max(0, found.processed - left)
    waiting = max(0, found.waiting - max(0, left - found.processed))
    if left:  # the makers' part of what came, as the program counts it: their whole cost, rounded up
        price = found.price
        came = -(-(there << 64) // price) if x_to_y else -(-there * price >> 64)
    x, y = (found.x + came, found.y - of_makers) if x_to_y else (found.x - of_makers, found.y + came)
    return msgspec.structs.replace(found, x=x, y=y, processed=processed, waiting=waiting)


def _bins(pool: DlmmPool) -> dict[int, Bin]:
    return {found.bin_id: found for array in pool.arrays for found in array.bins}


def _array_shifted(array: BinArray, ours: Mapping[int, Bin], plain: Mapping[int, Bin]) -> BinArray:
    known = {found.bin_id: found for found in array.bins}
    first = array.index * BINS_PER_ARRAY
    bins = []
    for bin_id in range(first, first + BINS_PER_ARRAY):
        mine, other, here = ours.get(bin_id), plain.get(bin_id), known.get(bin_id)
        model = here or mine or other
        if model is None:
            continue
        amounts = {
            part: max(0, sum(
                sign * getattr(found, part)
                for sign, found in ((1, here), (1, mine), (-1, other))
                if found is not None
            ))
            for part in ("x", "y", "processed", "waiting")
        }  # fmt: skip
        if any(amounts.values()):
            bins.append(msgspec.structs.replace(model, **amounts))
    return msgspec.structs.replace(array, bins=tuple(bins))


def _with(pool: DlmmPool, state: State, arrays: tuple[BinArray, ...]) -> DlmmPool:
    """The pair's own bitmap says of each known array whether there is anything in it."""
    bitmap = state.bitmap
    for array in arrays:
        bit = array.index + BITMAP_HALF
        if 0 <= bit < 2 * BITMAP_HALF:
            holds = any(found.x or found.y or found.processed or found.waiting for found in array.bins)
            bitmap = bitmap | 1 << bit if holds else bitmap & ~(1 << bit)
    state = msgspec.structs.replace(state, bitmap=bitmap)
    return msgspec.structs.replace(pool, state=state, arrays=arrays, book=Book())
