"""What a review looked at: plain values, so that a decision can be kept whole and made again."""

import msgspec

from chimera.domain.risk import Refusal
from chimera.domain.token import TokenInfo, TokenReport
from chimera.domain.trade import TradeState


class Circumstances(msgspec.Struct, frozen=True):
    """Everything a review may look at, gathered at one instant."""

    now_ms: int
    slot_at_ms: int
    kill_refusal: Refusal | None
    """The kill switch's word on the intent's side."""
    breaker_refusal: Refusal | None
    token: TokenInfo | None
    report: TokenReport | None
    liquidity_micro_usd: int | None
    pool_doubt: str | None
    """Why every pool of the token is in doubt, or None while one is fine."""
    lamports: int
    reserved_lamports: int
    equity_lamports: int
    engaged_lamports: int
    """Of the intent's own style."""
    open_positions: int
    """Legs under way counted."""
    held_tokens: int
    """Of the intent's round trip; of a swap what is held of its payment and of no round trip."""
    lost_today_lamports: int
    strategy_engaged_lamports: int = 0
    """Of the intent's own strategy."""
    token_engaged_lamports: int = 0
    """In the intent's token, over all strategies."""
    correlated_lamports: tuple[tuple[int, int], ...] = ()
    """(correlation in bps, lamports engaged) of each held token that the intent's is known to move with."""
    trade_state: TradeState | None = None
    """Of the intent's round trip."""
    position_lamports: int = 0
    """What the tokens still held of it have cost, the price of the swaps alone."""
    spear_disabled: str = ""
    """Why Spear is off, or empty."""
    bundles: bool = False
    """Whether the block engine takes bundles now."""
    worth_lamports: int | None = None
    """Of a swap: what its payment would fetch in SOL now, by exact quotes; None where nobody knows."""
