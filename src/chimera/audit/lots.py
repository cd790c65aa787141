"""Tax lots: what was sold, which purchase it came from, what both cost, and so what was gained.

Each sale takes from its own round trip's purchases, oldest first; it never touches another round trip's tokens,
though the mint be the same. What opens and closes in one transaction is a lot of its own, and so are attempts that
came to nothing but fees, and the wallet's own chores. Every fee, tip and rent is in: the gains of an ended round trip
sum up to its realised profit, to the lamport, and all lots together to the ledger. Dollars are by what a SOL cost when
the transaction landed, where that was put down; where it was not they are unknown, never 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from chimera.domain.ids import WSOL, Address, Signature, TradeId
from chimera.domain.intent import Side
from chimera.domain.messages import Entry, UpkeepLanded
from chimera.domain.trade import TradeState
from chimera.domain.units import LAMPORTS_PER_SOL, mul_div_ceil, mul_div_floor
from chimera.ports.store import FillRow, TradeRow

ENDED = (TradeState.CLOSED, TradeState.FAILED, TradeState.DEAD_LETTER)


class LotKind(StrEnum):
    SALE = "SALE"
    AT_ONCE = "AT_ONCE"
    """A cycle, or a swap of one token for another, which costs SOL only: tokens change places."""
    ATTEMPTS = "ATTEMPTS"
    """Fees of a round trip that never bought anything."""
    UPKEEP = "UPKEEP"
    """A chore of the wallet's own: accounts closed, dust sold, SOL wrapped."""


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """A part of one sale that came from one purchase."""

    kind: LotKind = LotKind.SALE
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
    fees_lamports: int = 0
    """Of the cost and of what was taken off the proceeds: fees and tips."""
    rent_lamports: int = 0
    """The same of rent, less what came back."""
    acquired_signature: Signature
    disposed_signature: Signature
    acquired_sol_micro_usd: int | None = None
    """What a SOL cost then; None where that is not known."""
    disposed_sol_micro_usd: int | None = None

    @property
    def gain_lamports(self) -> int:
        return self.proceeds_lamports - self.cost_lamports

    @property
    def cost_micro_usd(self) -> int | None:
        price = self.acquired_sol_micro_usd
        return None if price is None else mul_div_ceil(self.cost_lamports, price, LAMPORTS_PER_SOL)

    @property
    def proceeds_micro_usd(self) -> int | None:
        price = self.disposed_sol_micro_usd
        return None if price is None else mul_div_floor(self.proceeds_lamports, price, LAMPORTS_PER_SOL)

    @property
    def gain_micro_usd(self) -> int | None:
        cost, proceeds = self.cost_micro_usd, self.proceeds_micro_usd
        return None if cost is None or proceeds is None else proceeds - cost


@dataclass
class _Bought:
    fill: FillRow
    tokens: int
    cost: int
    """Of the tokens that are left, as what follows."""
    fees: int
    rent: int


def lots_of(trade: TradeRow, fills: Sequence[FillRow]) -> list[Lot]:
    """The lots of one round trip, in the order of its sales; `fills` are all of its own, oldest first."""
    bought: list[_Bought] = []
    lots: list[Lot] = []
    for fill in fills:
        fees = fill.fee_lamports + fill.tip_lamports
        match fill.side:
            case Side.BUY:
                cost = fill.amount_in + fees + max(fill.rent_lamports, 0)
                bought.append(_Bought(fill, fill.amount_out, cost, fees, fill.rent_lamports))
            case Side.SELL:
                lots += _sold(trade, fill, bought)
            case _:
                lots.append(_at_once(trade, fill))
    if not fills and trade.status in ENDED and trade.realised_lamports:
        lots.append(_attempts(trade))
    elif trade.status is TradeState.CLOSED and lots:
        # attempts that failed cost their fees and are no fills; their round trip's last lot bears them
        missing = sum(lot.gain_lamports for lot in lots) - (trade.received_lamports - trade.spent_lamports)
        last = lots[-1]
        lots[-1] = msgspec.structs.replace(
            last, cost_lamports=last.cost_lamports + missing, fees_lamports=last.fees_lamports + missing
        )
    return lots


def chore_lot(entry: Entry) -> Lot | None:
    """What a chore of the wallet cost or brought; None for any other entry, and where it moved nothing."""
    fact = entry.fact
    if not isinstance(fact, UpkeepLanded):
        return None
    wrapped = sum(change for mint, change in fact.tokens if mint == WSOL)
    swapped = fact.lamports_delta + fact.fee_lamports + fact.rent_lamports + wrapped
    cost = fact.fee_lamports + max(fact.rent_lamports, 0) + max(-swapped, 0)
    proceeds = max(-fact.rent_lamports, 0) + max(swapped, 0)
    if not cost and not proceeds:
        return None
    return Lot(
        kind=LotKind.UPKEEP,
        trade_uuid=TradeId(""),
        token_address=WSOL,
        token_symbol="SOL",  # noqa: S106 (a symbol, no secret)
        strategy="",
        acquired_at_ms=entry.at_ms,
        disposed_at_ms=entry.at_ms,
        tokens=0,
        cost_lamports=cost,
        proceeds_lamports=proceeds,
        fees_lamports=fact.fee_lamports,
        rent_lamports=fact.rent_lamports,
        acquired_signature=fact.signature,
        disposed_signature=fact.signature,
    )


def _sold(trade: TradeRow, fill: FillRow, bought: list[_Bought]) -> list[Lot]:
    """One sale, cut where purchases end. The last piece takes what rounding left, so that nothing gets lost."""
    fees, rent = fill.fee_lamports + fill.tip_lamports, fill.rent_lamports
    proceeds, tokens = fill.amount_out - fees - rent, fill.amount_in
    lots: list[Lot] = []
    while tokens and bought:
        first = bought[0]
        taken = min(tokens, first.tokens)
        cost = mul_div_ceil(first.cost, taken, first.tokens)
        share = mul_div_floor(proceeds, taken, tokens)
        own_fees, own_rent = mul_div_ceil(fees, taken, tokens), mul_div_ceil(rent, taken, tokens)
        their_fees = mul_div_ceil(first.fees, taken, first.tokens)
        their_rent = mul_div_ceil(first.rent, taken, first.tokens)
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
                fees_lamports=own_fees + their_fees,
                rent_lamports=own_rent + their_rent,
                acquired_signature=first.fill.signature,
                disposed_signature=fill.signature,
                acquired_sol_micro_usd=first.fill.sol_micro_usd,
                disposed_sol_micro_usd=fill.sol_micro_usd,
            )
        )
        tokens, proceeds = tokens - taken, proceeds - share
        fees, rent = fees - own_fees, rent - own_rent
        first.tokens, first.cost = first.tokens - taken, first.cost - cost
        first.fees, first.rent = first.fees - their_fees, first.rent - their_rent
        if not first.tokens:
            bought.pop(0)
    return lots


def _at_once(trade: TradeRow, fill: FillRow) -> Lot:
    """Bought and sold by one transaction: what it took and gave is the round trip's own, costs in."""
    return Lot(
        kind=LotKind.AT_ONCE,
        trade_uuid=trade.trade_uuid,
        token_address=trade.token_address,
        token_symbol=trade.token_symbol,
        strategy=str(trade.strategy),
        acquired_at_ms=fill.at_ms,
        disposed_at_ms=fill.at_ms,
        tokens=fill.amount_in if fill.side is Side.SWAP else 0,
        cost_lamports=trade.spent_lamports,
        proceeds_lamports=trade.received_lamports,
        fees_lamports=fill.fee_lamports + fill.tip_lamports,
        rent_lamports=fill.rent_lamports,
        acquired_signature=fill.signature,
        disposed_signature=fill.signature,
        acquired_sol_micro_usd=fill.sol_micro_usd,
        disposed_sol_micro_usd=fill.sol_micro_usd,
    )


def _attempts(trade: TradeRow) -> Lot:
    none = Signature("")
    return Lot(
        kind=LotKind.ATTEMPTS,
        trade_uuid=trade.trade_uuid,
        token_address=trade.token_address,
        token_symbol=trade.token_symbol,
        strategy=str(trade.strategy),
        acquired_at_ms=trade.updated_at_ms,
        disposed_at_ms=trade.updated_at_ms,
        tokens=0,
        cost_lamports=-(trade.realised_lamports or 0),
        proceeds_lamports=0,
        fees_lamports=-(trade.realised_lamports or 0),
        acquired_signature=none,
        disposed_signature=none,
    )
