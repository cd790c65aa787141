"""Stops buying after losses: too much in 24 hours, too many in a row, or too deep below the peak.

CLOSED trades, OPEN does not, HALF_OPEN (cooldown over) trades on trial: the first closed gain closes it,
the first loss opens it again. Exits are never its business. Folded from facts; time comes in.
"""

from collections import deque
from enum import StrEnum

import msgspec

from chimera.domain.messages import BreakerMoved, Entry
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import BPS, LAMPORTS_PER_SOL, MICRO_USD, mul_div_ceil

NAME = "loss"
DAY_MS = 86_400_000


class BreakerState(StrEnum):
    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class LossLimits(msgspec.Struct, frozen=True):
    loss_24h_micro_usd_max: int = 500 * MICRO_USD
    losses_in_row_max: int = 5
    drawdown_bps_max: int = 1500
    cooldown_ms: int = 1_800_000


class LossBreaker:
    def __init__(self, limits: LossLimits) -> None:
        self.limits = limits
        self.state = BreakerState.CLOSED
        self.cause = ""
        self.opened_at_ms = 0
        self.losses_in_row = 0
        self.peak_lamports = 0
        self.equity_lamports = 0
        self._closed: deque[tuple[int, int]] = deque()

    # folding

    def apply(self, entry: Entry) -> None:
        if isinstance(entry.fact, BreakerMoved) and entry.fact.breaker == NAME:
            self.state = BreakerState(entry.fact.after)
            self.cause = entry.fact.cause
            if self.state is BreakerState.OPEN:
                self.opened_at_ms = entry.at_ms
            if self.state is BreakerState.CLOSED:
                # a reset clears what had tripped it, or it would trip again at once
                self.losses_in_row = 0
                self.peak_lamports = self.equity_lamports
                self._closed.clear()

    def see_equity(self, lamports: int) -> None:
        """Equity at cost; its peak is what drawdown is measured from."""
        self.equity_lamports = lamports
        self.peak_lamports = max(self.peak_lamports, lamports)

    def see_closed(self, profit_lamports: int, at_ms: int) -> None:
        """A round trip ended. Zero is no loss."""
        self._closed.append((at_ms, profit_lamports))
        if profit_lamports < 0:
            self.losses_in_row += 1
        elif profit_lamports > 0:
            self.losses_in_row = 0

    # deciding

    def advance(self, now_ms: int, sol_micro_usd: int | None) -> BreakerMoved | None:
        """The move that is due now, for the journal; None when the state stays."""
        while self._closed and self._closed[0][0] <= now_ms - DAY_MS:
            self._closed.popleft()
        if self.state is BreakerState.OPEN:
            if now_ms >= self.opened_at_ms + self.limits.cooldown_ms:
                return self._moved(BreakerState.HALF_OPEN, "cooldown over, trading on trial")
            return None
        if self.state is BreakerState.HALF_OPEN:
            after_cooldown = self.opened_at_ms + self.limits.cooldown_ms
            trial = next((p for at, p in self._closed if p and at >= after_cooldown), None)
            if trial is None:
                return None
            if trial < 0:
                return self._moved(BreakerState.OPEN, "a loss while on trial")
            return self._moved(BreakerState.CLOSED, "a gain while on trial")
        cause = self._trip(sol_micro_usd)
        return self._moved(BreakerState.OPEN, cause) if cause else None

    def review(self) -> Refusal | None:
        """For buys only."""
        if self.state is BreakerState.OPEN:
            return Refusal(Reason.BREAKER_OPEN, observed=self.cause)
        return None

    @property
    def lost_lamports(self) -> int:
        """Net loss of the round trips closed in the last 24 hours; 0 where they gained."""
        return max(-sum(profit for _, profit in self._closed), 0)

    def cooldown_remaining_ms(self, now_ms: int) -> int:
        if self.state is not BreakerState.OPEN:
            return 0
        return max(self.opened_at_ms + self.limits.cooldown_ms - now_ms, 0)

    def _trip(self, sol_micro_usd: int | None) -> str:
        lost = self.lost_lamports
        if lost and sol_micro_usd is not None:
            lost_usd = mul_div_ceil(lost, sol_micro_usd, LAMPORTS_PER_SOL)
            if lost_usd > self.limits.loss_24h_micro_usd_max:
                return (
                    f"lost {lost_usd // MICRO_USD} USD in 24 hours, "
                    f"limit {self.limits.loss_24h_micro_usd_max // MICRO_USD}"
                )
        if self.losses_in_row >= self.limits.losses_in_row_max:
            return f"{self.losses_in_row} losses in a row, limit {self.limits.losses_in_row_max}"
        if self.peak_lamports > 0:
            drawdown = mul_div_ceil(self.peak_lamports - self.equity_lamports, BPS, self.peak_lamports)
            if drawdown > self.limits.drawdown_bps_max:
                return f"drawdown {drawdown} bps, limit {self.limits.drawdown_bps_max}"
        return ""

    def _moved(self, after: BreakerState, cause: str) -> BreakerMoved:
        return BreakerMoved(breaker=NAME, before=self.state, after=after, cause=cause, by="loss_breaker")
