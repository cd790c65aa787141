"""What goes over the wire about the rebalancer: its cycles, its swaps, and what its tokens have cost."""

import msgspec

from chimera.audit.rebalances import CycleSeen, Rebalances, SwapSeen, SwapState
from chimera.audit.swap_lots import SwapLot
from chimera.control.schemas import Page
from chimera.domain.ids import USDC, Address
from chimera.domain.units import BPS, mul_div_floor


class RebalancerCycle(msgspec.Struct, frozen=True):
    at: int
    verdict: str
    """WAIT; SHADOW where its swaps were proposed, TRADE where the desk was asked for them."""
    code: str
    """Why, in one word."""
    detail: str


class RebalancerHolding(msgspec.Struct, frozen=True):
    """A token as it was when wallet and target were last compared, beside what was wanted of it."""

    token_address: str
    amount: str
    worth_micro_usd: str
    share_bps: int
    """Of all that was counted, rounded down."""
    target_bps: int
    cost_lamports: str | None
    """What all that final swaps left of it has cost; None where there is none, or some came from outside."""


class RebalancerSwap(msgspec.Struct, frozen=True):
    key: str
    at: int
    status: SwapState
    """PROPOSED: nothing was asked for."""
    input_token: str
    output_token: str
    amount_in: str
    amount_out: str | None
    worth_micro_usd: str
    trader: str
    trade_uuid: str | None
    signature: str | None
    cost_lamports: str | None
    """Fee, tip and rent."""
    gain_lamports: str | None
    """On what was paid with, by its worth in SOL; None before it is final, or where its cost is not known."""
    reason: str
    """Why it failed."""


class RebalancerState(msgspec.Struct, frozen=True):
    trader: str | None
    """Who was followed when wallet and target were last compared."""
    trust_score: float | None
    holdings: tuple[RebalancerHolding, ...]
    cycles: tuple[RebalancerCycle, ...]
    """The latest first."""


class RebalancerLot(msgspec.Struct, frozen=True):
    """A part of one swap's payment that came from one purchase; lamports are worths, no SOL changed hands."""

    trade_uuid: str
    sold_token: str
    bought_token: str
    tokens: str
    acquired_at: int | None
    """None: before the books."""
    disposed_at: int
    cost_lamports: str | None
    proceeds_lamports: str | None
    gain_lamports: str | None
    disposed_signature: str


def lot_told(lot: SwapLot) -> RebalancerLot:
    return RebalancerLot(
        trade_uuid=lot.trade_uuid,
        sold_token=lot.token_address,
        bought_token=lot.into_address,
        tokens=str(lot.tokens),
        acquired_at=lot.acquired_at_ms or None,
        disposed_at=lot.disposed_at_ms,
        cost_lamports=_text(lot.cost_lamports),
        proceeds_lamports=_text(lot.proceeds_lamports),
        gain_lamports=_text(lot.gain_lamports),
        disposed_signature=lot.disposed_signature,
    )


def state_of(seen: Rebalances) -> RebalancerState:
    cycles = tuple(
        RebalancerCycle(one.at_ms, one.verdict, one.code, one.detail) for one in reversed(seen.cycles)
    )
    last = seen.picture
    if last is None:
        return RebalancerState(None, None, (), cycles)
    return RebalancerState(
        trader=str(last.data["trader"]),
        trust_score=int(last.data["trust"]) / 100,
        holdings=_holdings(last, seen),
        cycles=cycles,
    )


def swap_told(one: SwapSeen) -> RebalancerSwap:
    return RebalancerSwap(
        key=one.key,
        at=one.at_ms,
        status=one.state,
        input_token=one.input_mint,
        output_token=one.output_mint,
        amount_in=str(one.amount),
        amount_out=_text(one.got),
        worth_micro_usd=str(one.micro_usd),
        trader=one.trader,
        trade_uuid=one.trade_uuid,
        signature=one.signature,
        cost_lamports=_text(one.cost_lamports),
        gain_lamports=_text(one.gain_lamports),
        reason=one.reason,
    )


def _holdings(cycle: CycleSeen, seen: Rebalances) -> tuple[RebalancerHolding, ...]:
    """Every token that is held or wanted, the most worth first; what no weight takes is wanted in dollars."""
    held, target = cycle.data["held"], dict(cycle.data["target_bps"])
    target[USDC] = target.get(USDC, 0) + BPS - sum(target.values())
    worths = {mint: int(one["micro_usd"]) for mint, one in held.items()}
    whole = sum(worths.values())
    mints = sorted(
        held.keys() | {mint for mint, bps in target.items() if bps}, key=lambda m: (-worths.get(m, 0), m)
    )
    return tuple(
        RebalancerHolding(
            token_address=mint,
            amount=str(held[mint]["amount"]) if mint in held else "0",
            worth_micro_usd=str(worths.get(mint, 0)),
            share_bps=mul_div_floor(worths.get(mint, 0), BPS, whole) if whole else 0,
            target_bps=target.get(mint, 0),
            cost_lamports=_cost(seen, mint),
        )
        for mint in mints
    )


def _cost(seen: Rebalances, mint: str) -> str | None:
    tokens, cost = seen.basis.cost_of(Address(mint))
    return _text(cost) if tokens else None


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)


DOCUMENTED = (RebalancerState, Page[RebalancerSwap], RebalancerLot)
