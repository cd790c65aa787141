"""Which of a copied wallet's buys are copied, and how large: its pause, bounds, re-buys, budget, quality.

Must not know stops nor how a sale is copied.
"""

from collections.abc import Iterable

import msgspec

from chimera.domain.ids import Address
from chimera.domain.intent import Signal
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Position
from chimera.domain.units import BPS, mul_div_ceil, mul_div_floor, sol_text
from chimera.parameters.copy_trade import CopyChoice, CopyQuality, CopyTradeParams
from chimera.ports.strategy import Context
from chimera.strategies.copy_trade.memory import Memory
from chimera.strategies.copy_trade.quality import Seen, refused, unproven
from chimera.strategies.copy_trade.sizing import scaled_lamports


class Asked(msgspec.Struct, frozen=True):
    """One buy of a copied wallet, and what it is weighed against."""

    signal: Signal
    first: bool
    """Its first buy of this token, as far as is known."""
    held: tuple[Position, ...]
    """Copies of this wallet."""
    on_their_way: int
    """Lamports of copies of this wallet that are bought just now."""
    copy_bps: int


def choose(asked: Asked, params: CopyTradeParams, memory: Memory, context: Context) -> int | Refusal:
    """Lamports to buy, or why not."""
    signal, choice, now = asked.signal, params.choice, context.now_ms
    agree = agreed(signal.mint, signal.wallet, params.quality, memory, now)
    return (
        _paused(signal.wallet, choice, memory, now)
        or _of_trader(signal, choice)
        or _again(asked, choice, memory, now)
        or refused(_seen(signal, context, agree=agree), memory.record(signal.wallet), params.quality)
        or _within_budget(asked, choice, _size(asked, params, memory, context, agree=agree))
    )


def agreed(mint: Address, wallet: Address, rules: CopyQuality, memory: Memory, now_ms: int) -> bool:
    """Whether several wallets want it: within minutes, or more of them within hours.

    Of those whose copies look like chance the one that buys now may be among them, and no other: luck has no vote.
    """
    return any(
        _voices(mint, wallet, rules, memory, now_ms - span_s * 1_000) >= most
        for span_s, most in (
            (rules.consensus_s, rules.consensus_wallets),
            (rules.cluster_s, rules.cluster_wallets),
        )
    )


def _voices(mint: Address, wallet: Address, rules: CopyQuality, memory: Memory, since_ms: int) -> int:
    return sum(
        one == wallet or unproven(memory.record(one), rules, agree=False) is None
        for one in memory.buyers(mint, since_ms)
    )


def _size(
    asked: Asked, params: CopyTradeParams, memory: Memory, context: Context, *, agree: bool
) -> int | Refusal:
    match params.choice.sizing:
        case "fixed":
            return params.choice.fixed_lamports
        case "percent":
            return mul_div_floor(asked.signal.amount_lamports, asked.copy_bps, BPS)
        case "scaled":
            record = memory.record(asked.signal.wallet)
            size = scaled_lamports(
                params.scaled,
                record,
                equity_lamports=context.books.equity_at_cost_lamports,
                agree=agree,
                now_ms=context.now_ms,
            )
            return size or Refusal(
                Reason.POSITION_SIZE_ZERO,
                limit="an edge by Kelly's rule",
                observed=f"{record.wins} of {record.trades} copies won, {record.sum_bps // record.trades} bps each",
            )


def _seen(signal: Signal, context: Context, *, agree: bool) -> Seen:
    wallet, token = context.wallets.get(signal.wallet), context.features.token(signal.mint)
    return Seen(
        wallet_score=wallet.wqs_score if wallet is not None else None,
        agree=agree,
        liquidity_micro_usd=context.market.liquidity_micro_usd(signal.mint),
        age_ms=context.now_ms - token.first_ms if token is not None else None,
    )


def _paused(wallet: Address, choice: CopyChoice, memory: Memory, now_ms: int) -> Refusal | None:
    began_ms = memory.record(wallet).paused_ms
    if not choice.wallet_losses_max or began_ms is None:
        return None
    left_ms = began_ms + choice.wallet_pause_s * 1_000 - now_ms
    if left_ms <= 0:
        return None
    told = f"paused for another {left_ms // 1_000} s after its losses"
    limit = f"{choice.wallet_losses_max} losses in a row"
    return Refusal(Reason.WALLET_NOT_ACTIVE, limit=limit, observed=told)


def _again(asked: Asked, choice: CopyChoice, memory: Memory, now_ms: int) -> Refusal | None:
    if choice.first_buy_only and not asked.first:
        return Refusal(
            Reason.POSITION_OPEN, limit="a wallet's first buy of a token", observed="it bought before"
        )
    if not choice.rebuys_max:
        return None
    signal = asked.signal
    times = memory.copies(signal.wallet, signal.mint, now_ms - choice.rebuy_window_s * 1_000)
    if times < choice.rebuys_max:
        return None
    limit = f"{choice.rebuys_max} copies in {choice.rebuy_window_s} s"
    return Refusal(Reason.POSITION_OPEN, limit=limit, observed=str(times))


def _of_trader(signal: Signal, choice: CopyChoice) -> Refusal | None:
    spent, least, most = signal.amount_lamports, choice.trader_lamports_min, choice.trader_lamports_max
    if spent >= least and (not most or spent <= most):
        return None
    limit = f"{sol_text(least)} to {sol_text(most)} SOL" if most else f"at least {sol_text(least)} SOL"
    return Refusal(Reason.POSITION_SIZE_ZERO, limit=limit, observed=f"the wallet spent {sol_text(spent)} SOL")


def _within_budget(asked: Asked, choice: CopyChoice, size: int | Refusal) -> int | Refusal:
    if isinstance(size, Refusal) or not choice.wallet_budget_lamports:
        return size
    engaged = asked.on_their_way + _cost(asked.held)
    if engaged + size <= choice.wallet_budget_lamports:
        return size
    limit = f"{sol_text(choice.wallet_budget_lamports)} SOL for this wallet"
    return Refusal(Reason.STRATEGY_HEAT_LIMIT, limit=limit, observed=f"{sol_text(engaged + size)} SOL")


def _cost(held: Iterable[Position]) -> int:
    """Of what is left of them, rounded up."""
    return sum(
        mul_div_ceil(one.cost_lamports, one.tokens, one.tokens_bought) for one in held if one.tokens_bought
    )
