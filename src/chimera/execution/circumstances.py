"""Everything that a review may look at, gathered at one instant from books and market."""

from chimera.domain.circumstances import Circumstances
from chimera.domain.ids import Address
from chimera.domain.intent import Side, TradeIntent, judged_as
from chimera.execution.books import Books
from chimera.market.view import MarketView


def circumstances(
    intent: TradeIntent,
    books: Books,
    view: MarketView,
    *,
    now_ms: int,
    spear_disabled: str,
    bundles: bool = False,
) -> Circumstances:
    """What is known now of the intent's token, the capital and the market."""
    ledger = books.ledger
    position = ledger.positions.get(intent.trade_id)
    pools = view.pools_of(intent.mint)
    doubts = [pool.doubtful for pool in pools]
    paid_with = intent.pay_mint if intent.side is Side.SWAP else None
    held = position.tokens if position else 0
    buying = sum(leg.side is Side.BUY for leg in ledger.legs.values())
    return Circumstances(
        now_ms=now_ms,
        slot_at_ms=view.slot_at_ms,
        kill_refusal=books.kill_switch.review(judged_as(intent.side, intent.mint)),
        breaker_refusal=books.breaker_refusal(),
        token=view.mints.get(intent.mint),
        report=books.reports.fresh(intent.mint, now_ms),
        liquidity_micro_usd=view.liquidity_micro_usd(intent.mint),
        pool_doubt=None if None in doubts or not doubts else doubts[0],
        lamports=ledger.liquid_lamports,
        reserved_lamports=ledger.reserved_lamports,
        equity_lamports=ledger.equity_at_cost_lamports,
        engaged_lamports=ledger.engaged_lamports(intent.style),
        strategy_engaged_lamports=ledger.engaged_lamports(strategy=intent.source),
        correlated_lamports=tuple(
            (bps, engaged)
            for mint, bps in intent.correlations
            if mint != intent.mint and (engaged := ledger.engaged_lamports(mint=mint))
        ),
        token_engaged_lamports=ledger.engaged_lamports(mint=intent.mint),
        open_positions=len(ledger.open_positions) + buying,
        held_tokens=held if paid_with is None else ledger.free_tokens(paid_with),
        trade_state=ledger.states.get(intent.trade_id),
        position_lamports=position.paid_lamports if position else 0,
        lost_today_lamports=books.breaker.lost_lamports,
        spear_disabled=spear_disabled or books.breakers.spear_disabled,
        bundles=bundles,
        worth_lamports=None if paid_with is None else worth_of(view, paid_with, intent.amount),
    )


def worth_of(view: MarketView, mint: Address, amount: int) -> int | None:
    """What an amount would fetch in SOL; of dollars by the mid price, for which no pool of theirs need be asked."""
    known = view.worth_lamports(mint, amount)
    return view.value_lamports(mint, amount) if known is None else known
