"""CPMM's arithmetic: what a swap costs and gives, every step rounded as the program rounds it.

None is wherever the program refuses, panics or would overflow. Knows amounts and rates; no accounts, no addresses.
The creator's fee lies on the input or on the output, by the pool's choice. On the input, the program takes one fee
for both rates, rounded up, and then splits it with the creator's part rounded down.
"""

import msgspec

from chimera.domain.units import BPS, U64_MAX
from chimera.onchain.curves import fee_ceil, gross_of_net, impact_bps, in_given_out, out_given_in
from chimera.onchain.layouts import TransferFee

RATE_ONE = 1_000_000  # rates are millionths


class Side(msgspec.Struct, frozen=True):
    """One end of a swap."""

    balance: int
    """All that lies in the vault."""
    uncollected: tuple[int, int, int]
    """Protocol's, fund's and creator's fees among it, which are no one's to trade against."""
    transfer_fee: TransferFee

    @property
    def reserve(self) -> int:
        return self.balance - sum(self.uncollected)


class Rates(msgspec.Struct, frozen=True):
    """Millionths: trade's and creator's of the amount, protocol's and fund's of the trade's fee."""

    trade: int
    protocol: int
    fund: int
    creator: int
    """0 where the pool takes none."""
    creator_on_input: bool

    @property
    def on_input(self) -> int:
        return self.trade + self.creator if self.creator_on_input else self.trade


class Trade(msgspec.Struct, frozen=True):
    """A swap, computed."""

    sent: int
    """What leaves the user's account."""
    received: int
    """What reaches it."""
    amount_in: int
    """What reaches the vault: `sent` without the transfer fee."""
    traded_in: int
    """What the curve sees of it: the pool's fees off."""
    traded_out: int
    """What the curve gives, before a creator's fee on the output."""
    trade_fee: int
    creator_fee: int


def exact_in(sent: int, source: Side, target: Side, rates: Rates) -> Trade | None:
    """The trade that spends `sent`."""
    if source.reserve <= 0 or target.reserve <= 0:
        return None
    amount_in = sent - source.transfer_fee.on(sent)
    fees = _input_fees(fee_ceil(amount_in, rates.on_input, one=RATE_ONE), rates)
    if amount_in <= 0 or fees is None:
        return None
    trade_fee, creator_fee = fees
    traded_in = amount_in - trade_fee - creator_fee
    if traded_in <= 0:
        return None
    traded_out = amount_out = out_given_in(traded_in, reserve_in=source.reserve, reserve_out=target.reserve)
    if not rates.creator_on_input:
        creator_fee = fee_ceil(traded_out, rates.creator, one=RATE_ONE)
        amount_out -= creator_fee
    if amount_out <= 0:
        return None
    received = amount_out - target.transfer_fee.on(amount_out)
    if received <= 0:
        return None
    trade = Trade(sent, received, amount_in, traded_in, traded_out, trade_fee, creator_fee)
    return trade if _fits(trade, source, target, rates) else None


def plain_exact_in(
    sent: int,
    source: tuple[int, tuple[int, int, int]],
    target: tuple[int, tuple[int, int, int]],
    rates: tuple[int, int, int, int],
) -> tuple[int, int, int] | None:
    """(received, fee on the input, price impact in bps) as `exact_in` has them, in a third of its time.

    Where no token takes transfer fees and no fee lies on the output, which is most of the market: the hot path.
    Sides: (balance, uncollected); rates: trade's, protocol's, fund's and creator's, the sum of the first and last
    not 0.
    """
    (balance_in, (protocol, fund, creator)), (balance_out, (owed_0, owed_1, owed_2)) = source, target
    trade_rate, protocol_rate, fund_rate, creator_rate = rates
    reserve_in, reserve_out = balance_in - protocol - fund - creator, balance_out - owed_0 - owed_1 - owed_2
    if reserve_in <= 0 or reserve_out <= 0:
        return None
    on_input = trade_rate + creator_rate
    fee = -(-sent * on_input // RATE_ONE)
    traded_in = sent - fee
    if traded_in <= 0:
        return None
    spot = traded_in * reserve_out
    received = spot // (reserve_in + traded_in)
    if received <= 0:
        return None
    creator_fee = fee * creator_rate // on_input
    trade_fee = fee - creator_fee
    if (
        balance_in + sent > U64_MAX
        or protocol + trade_fee * protocol_rate // RATE_ONE > U64_MAX
        or fund + trade_fee * fund_rate // RATE_ONE > U64_MAX
        or creator + creator_fee > U64_MAX
    ):
        return None
    return received, fee, -((received * reserve_in - spot) * BPS // spot)


def exact_out(received: int, source: Side, target: Side, rates: Rates) -> Trade | None:
    """The trade that brings `received`."""
    if source.reserve <= 0 or target.reserve <= 0 or received <= 0:
        return None
    withheld = target.transfer_fee.inverse(received)
    if withheld is None:
        return None
    amount_out = received + withheld
    traded_out = (
        amount_out if rates.creator_on_input else gross_of_net(amount_out, rates.creator, one=RATE_ONE)
    )
    if traded_out is None:
        return None
    traded_in = in_given_out(traded_out, reserve_in=source.reserve, reserve_out=target.reserve)
    if traded_in is None:
        return None
    amount_in = gross_of_net(traded_in, rates.on_input, one=RATE_ONE)
    if amount_in is None or amount_in > U64_MAX:
        return None
    fees = _input_fees(amount_in - traded_in, rates)
    added = source.transfer_fee.inverse(amount_in)
    if fees is None or added is None:
        return None
    trade_fee, creator_fee = fees
    if not rates.creator_on_input:
        creator_fee = traded_out - amount_out
    trade = Trade(amount_in + added, received, amount_in, traded_in, traded_out, trade_fee, creator_fee)
    return trade if _fits(trade, source, target, rates) else None


def price_impact_bps(trade: Trade, source: Side, target: Side) -> int:
    """How far the trade's price, fees apart, is from the pool's before it; rounded up."""
    return impact_bps(
        traded_in=trade.traded_in,
        traded_out=trade.traded_out,
        reserve_in=source.reserve,
        reserve_out=target.reserve,
    )


def _input_fees(total: int, rates: Rates) -> tuple[int, int] | None:
    """(trade's, creator's) parts of the one fee on the input."""
    if not rates.creator_on_input:
        return total, 0
    if rates.on_input == 0:
        return None  # the program divides by the sum of the rates here
    creator_fee = total * rates.creator // rates.on_input
    return total - creator_fee, creator_fee


def _fits(trade: Trade, source: Side, target: Side, rates: Rates) -> bool:
    """Whether the amounts, the vault and the fee counters stay within u64; beyond it the transaction fails."""
    protocol, fund, creator = source.uncollected
    if not rates.creator_on_input:
        creator = target.uncollected[2]
    return all(
        amount <= U64_MAX
        for amount in (
            trade.sent,
            source.balance + trade.amount_in,
            protocol + trade.trade_fee * rates.protocol // RATE_ONE,
            fund + trade.trade_fee * rates.fund // RATE_ONE,
            creator + trade.creator_fee,
        )
    )
