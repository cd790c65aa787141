"""Tax lots: what was sold, which purchase it came from, what both cost, and so what was gained.

Each sale takes from its own round trip's purchases, oldest first; it never touches another round trip's tokens,
though the mint be the same. Every fee, tip and rent is in: the gains of a closed round trip sum up to its realised
profit, to the lamport. Values are in SOL alone: the house keeps no history of what a SOL cost in money.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from chimera.domain.ids import Address, Signature, TradeId
from chimera.domain.intent import Side
from chimera.domain.trade import TradeState
from chimera.domain.units import mul_div_ceil, mul_div_floor
from chimera.ports.store import FillRow, TradeRow


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """A part of one sale that came from one purchase."""

    trade_uuid: TradeId
    token_address: Address
    token_symbol: str
    strategy: str
    acquired_at_ms: int
    disposed_at_ms: int
    tokens: int
    """Base units."""
    cost_lamports: int
    """Its share of all that was paid to buy it, fees, tips and rent included, rounded up, and of failed attempts."""
    proceeds_lamports: int
    """Its share of what the sale brought after its own costs, returned rent included, rounded down."""
    acquired_signature: Signature
    disposed_signature: Signature

    @property
    def gain_lamports(self) -> int:
        return self.proceeds_lamports - self.cost_lamports


@dataclass
class _Bought:
    fill: FillRow
    tokens: int
    cost: int
    """Of the tokens that are left."""


def lots_of(trade: TradeRow, fills: Sequence[FillRow]) -> list[Lot]:
    """The lots of one round trip, in the order of its sales; `fills` are all of its own, oldest first."""
    bought: list[_Bought] = []
    lots: list[Lot] = []
    for fill in fills:
        costs = fill.fee_lamports + fill.tip_lamports + max(fill.rent_lamports, 0)
        if fill.side is Side.BUY:
            bought.append(_Bought(fill, fill.amount_out, fill.amount_in + costs))
        else:
            lots += _sold(trade, fill, fill.amount_out - costs + max(-fill.rent_lamports, 0), bought)
    if trade.status is TradeState.CLOSED and lots:
        # attempts that failed cost their fees and are no fills; their round trip's last lot bears them
        missing = sum(lot.gain_lamports for lot in lots) - (trade.received_lamports - trade.spent_lamports)
        lots[-1] = msgspec.structs.replace(lots[-1], cost_lamports=lots[-1].cost_lamports + missing)
    return lots


def _sold(trade: TradeRow, fill: FillRow, proceeds: int, bought: list[_Bought]) -> list[Lot]:
    """One sale, cut where purchases end. The last piece takes what rounding left, so that nothing gets lost."""
    lots, tokens = [], fill.amount_in
    while tokens and bought:
        first = bought[0]
        taken = min(tokens, first.tokens)
        cost = mul_div_ceil(first.cost, taken, first.tokens)
        share = mul_div_floor(proceeds, taken, tokens)
        lots.append(
            Lot(
                trade_uuid=trade.trade_uuid,
                token_address=trade.token_address,
                token_symbol=trade.token_symbol,
                strategy=str(trade.strategy),
                acquired_at_ms=first.fill.at_ms,
                disposed_at_ms=fill.at_ms,
                tokens=taken,
                cost_lamports=cost,
                proceeds_lamports=share,
                acquired_signature=first.fill.signature,
                disposed_signature=fill.signature,
            )
        )
        tokens, proceeds = tokens - taken, proceeds - share
        first.tokens, first.cost = first.tokens - taken, first.cost - cost
        if not first.tokens:
            bought.pop(0)
    return lots
