"""DLMM's quotes: one state's answer to any amount at any moment.

What a quote needs of a state is worked out once and kept with it (`Desk`), since many are asked for between two
states: a quote is then a search on a ladder, one bin's arithmetic and the transfer fees. Must not fetch or wait.
"""

import msgspec

from chimera.domain.ids import TOKEN_PROGRAM, Address
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import U64_MAX
from chimera.onchain.layouts import NO_TRANSFER_FEES, TransferFees
from chimera.venues.meteora_dlmm.book import CALM, DECAYING, FRESH, DlmmPool, ladder, missing, spot_price
from chimera.venues.meteora_dlmm.ladder import Fault, Ladder, Trade
from chimera.venues.meteora_dlmm.layout import Mint
from chimera.venues.meteora_dlmm.prices import BPS, SCALE

NAME = "meteora_dlmm"
PERMISSION, CUSTOMIZABLE = 1, 2  # pair types that have an activation point
BY_SLOT = 0  # the activation type; else by time


class Side(msgspec.Struct, frozen=True):
    """One direction."""

    x_to_y: bool
    output_mint: Address
    in_vault: int
    """What can be paid out."""
    fees_in: TransferFees | None
    """None where no transfer fee was ever set."""
    fees_out: TransferFees | None


class Desk(msgspec.Struct, frozen=True):
    """What quotes need of a state."""

    refusal: Refusal | None
    """Why it does not swap, whatever the moment and the amount."""
    opens_at: int
    """Slot or Unix seconds; 0 where it has been open from the first."""
    opens_by_slot: bool
    fresh_until: int
    """Unix seconds up to which the last swap counts as just now."""
    decaying_until: int
    price: int | None
    """The active bin's."""
    sides: dict[Address, Side]
    """By input mint."""


def quote(pool: DlmmPool, request: QuoteRequest, moment: Moment) -> Quote | Refusal:
    desk = pool.book.desk
    if not isinstance(desk, Desk):
        desk = pool.book.desk = _open(pool)
    mint, amount = request.input_mint, request.amount
    side = desk.sides.get(mint)
    if side is None:
        return Refusal(Reason.QUOTE_UNAVAILABLE, observed=f"the pool does not trade {mint}")
    if not 0 < amount <= U64_MAX:
        return Refusal(Reason.AMOUNT_OUT_OF_RANGE, limit=f"1 to {U64_MAX}", observed=str(amount))
    if desk.refusal is not None:
        return desk.refusal
    if desk.opens_at:
        now = moment.slot if desk.opens_by_slot else moment.unix_timestamp
        if now < desk.opens_at:
            return Refusal(Reason.POOL_DISABLED, limit=f"opens at {desk.opens_at}", observed=str(now))
    second = moment.unix_timestamp
    age = FRESH if second < desk.fresh_until else DECAYING if second < desk.decaying_until else CALM
    # `ladder_key` spelled out: a call would cost a tenth of the quote
    way = pool.book.ladders.get(2 * age + side.x_to_y)
    if way is None:
        way = ladder(pool, x_to_y=side.x_to_y, age=age)
    if way is None:
        return Refusal(Reason.POOL_DISABLED, observed="a volatility that the program cannot hold")
    if request.kind is SwapKind.EXACT_IN:
        fees_in, fees_out = side.fees_in, side.fees_out
        sent, epoch = amount, moment.epoch
        trade = way.exact_in(amount if fees_in is None else amount - fees_in.at(epoch).on(amount))
        received = 0 if isinstance(trade, Fault) else trade.amount_out
        if fees_out is not None:
            received -= fees_out.at(epoch).on(received)
    else:
        received = amount
        sent, trade = _buying(way, side, amount, moment.epoch)
    if isinstance(trade, Fault) or received <= 0:
        return _no_trade(way, request, trade)
    if trade.amount_out > side.in_vault:
        limit = f"{side.in_vault} in the vault"
        return Refusal(Reason.AMOUNT_OUT_OF_RANGE, limit=limit, observed=f"{trade.amount_out} out")
    fee = trade.fee
    fee_in, fee_out = (fee, 0) if way.fee_on_input else (0, fee)
    impact_bps = _impact_bps(trade.amount_in - fee_in, trade.amount_out + fee_out, desk.price, side.x_to_y)
    slot = way.steps[trade.bins - 1].slot
    return Quote(
        pool.address, NAME, mint, side.output_mint, sent, received, fee_in, fee_out, impact_bps, slot
    )


def _buying(way: Ladder, side: Side, amount: int, epoch: int) -> tuple[int, Trade | Fault]:
    """(what leaves the user, the trade) for an amount that shall reach the user."""
    fees_in, fees_out = side.fees_in, side.fees_out
    if fees_in is None and fees_out is None:
        trade = way.exact_out(amount)
        return 0 if isinstance(trade, Fault) else trade.amount_in, trade
    withheld = 0 if fees_out is None else fees_out.at(epoch).inverse(amount)
    trade = way.exact_out(amount + withheld) if withheld is not None else Fault.PROGRAM_FAILS
    if isinstance(trade, Fault):
        return 0, trade
    added = 0 if fees_in is None else fees_in.at(epoch).inverse(trade.amount_in)
    return (0, Fault.PROGRAM_FAILS) if added is None else (trade.amount_in + added, trade)


def _no_trade(way: Ladder, request: QuoteRequest, trade: Trade | Fault) -> Refusal:
    wanted = f"{request.kind} {request.amount}"
    if trade is Fault.BINS_END and way.end:
        return Refusal(Reason.QUOTE_UNAVAILABLE, observed=f"{wanted}: {way.end}")
    limit = trade.value if isinstance(trade, Fault) else "too little to get anything"
    return Refusal(Reason.AMOUNT_OUT_OF_RANGE, limit=limit, observed=wanted)


def _impact_bps(traded_in: int, traded_out: int, price: int | None, x_to_y: bool) -> int:  # noqa: FBT001
    """How far out/in is from the active bin's price, fees apart; rounded up, never negative."""
    if not price or traded_in <= 0:
        return BPS
    if x_to_y:
        at_spot, got = traded_in * price, traded_out << SCALE
    else:
        at_spot, got = traded_in << SCALE, traded_out * price
    return -((got - at_spot) * BPS // at_spot) if got < at_spot else 0


def _open(pool: DlmmPool) -> Desk:
    state = pool.state
    fees_x, fees_y = _transfer_fees(pool.mint_x), _transfer_fees(pool.mint_y)
    amount_x, amount_y = (0 if vault is None else vault.amount for vault in (pool.reserve_x, pool.reserve_y))
    return Desk(
        refusal=_closed(pool),
        opens_at=state.activation_point if state.pair_type in (PERMISSION, CUSTOMIZABLE) else 0,
        opens_by_slot=state.activation_type == BY_SLOT,
        fresh_until=state.last_update_timestamp + state.filter_period,
        decaying_until=state.last_update_timestamp + max(state.filter_period, state.decay_period),
        price=spot_price(pool),
        sides={
            state.mint_x: Side(True, state.mint_y, amount_y, fees_x, fees_y),
            state.mint_y: Side(False, state.mint_x, amount_x, fees_y, fees_x),
        },
    )


def _closed(pool: DlmmPool) -> Refusal | None:
    """Why the pool does not swap, whatever the moment and the amount."""
    state = pool.state
    if state.status:
        return Refusal(Reason.POOL_DISABLED, observed=f"status {state.status}")
    mints_known = (pool.mint_x is not None or state.program_x == TOKEN_PROGRAM) and (
        pool.mint_y is not None or state.program_y == TOKEN_PROGRAM
    )
    # What the nearest bins lie in may be missing too; then only that direction has no quotes.
    if pool.reserve_x is None or pool.reserve_y is None or not mints_known:
        return Refusal(Reason.QUOTE_UNAVAILABLE, observed=f"unknown: {', '.join(missing(pool))}")
    if pool.reserve_x.frozen or pool.reserve_y.frozen:
        return Refusal(Reason.POOL_DISABLED, observed="a vault is frozen")
    if any(mint is not None and mint.has_hook for mint in (pool.mint_x, pool.mint_y)):
        return Refusal(Reason.POOL_DISABLED, observed="a mint's transfers call a program of its own")
    return None


def _transfer_fees(mint: Mint | None) -> TransferFees | None:
    return None if mint is None or mint.transfer_fees == NO_TRANSFER_FEES else mint.transfer_fees
