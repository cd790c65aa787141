"""Everything that the execution plane remembers, in one fold: money, kill switch, breakers, token reports.

The same `fold` serves the running house and its start, so that a restart ends where the last run stopped.
"""

from collections.abc import Iterator, Mapping

from chimera.domain.messages import (
    BreakerMoved,
    CapitalMoved,
    Entry,
    LegLanded,
    LegReverted,
    TokenChecked,
    TradeMoved,
)
from chimera.domain.risk import Refusal
from chimera.domain.trade import TradeState
from chimera.execution.exits import ExitWatch
from chimera.portfolio import Ledger
from chimera.risk.breakers import BreakerKind, BreakerPolicy
from chimera.risk.exclusion import PoolExclusions
from chimera.risk.failures import Breakers
from chimera.risk.kill_switch import KillSwitch
from chimera.risk.loss_breaker import LossBreaker, LossLimits
from chimera.risk.token_safety import TokenLimits, TokenReports


class Books:
    def __init__(
        self,
        *,
        loss: LossLimits,
        tokens: TokenLimits,
        breakers: Mapping[BreakerKind, BreakerPolicy] | None = None,
    ) -> None:
        """Without `breakers` there is the loss breaker alone."""
        self.ledger = Ledger()
        self.kill_switch = KillSwitch()
        self.breaker = LossBreaker(loss)
        self.breakers = Breakers(breakers or {})
        self.exits = ExitWatch()
        self.exclusions = PoolExclusions()
        self.reports = TokenReports(tokens)
        self.last_trade_at_ms: int | None = None

    def fold(self, entry: Entry) -> None:
        """In the journal's order, each entry once."""
        self.ledger.apply(entry)
        self.kill_switch.apply(entry.fact)
        self.breaker.apply(entry)
        self.breakers.apply(entry, self.ledger.intents.get)
        self.exits.apply(entry)
        self.exclusions.apply(entry)
        match entry.fact:
            case TokenChecked(report):
                self.reports.apply(report)
            case CapitalMoved(lamports):
                # capital that comes or goes is neither gain nor drawdown
                self.breaker.peak_lamports += lamports
                self.breaker.see_equity(self.ledger.equity_at_cost_lamports)
            case LegLanded() | LegReverted():
                self.last_trade_at_ms = entry.at_ms
                self.breaker.see_equity(self.ledger.equity_at_cost_lamports)
            case TradeMoved(trade_id, after=TradeState.CLOSED) if not self.ledger.swapped(trade_id):
                # a swap is no round trip: what it costs is no loss of one
                position = self.ledger.positions[trade_id]
                profit = position.realised_lamports
                self.breaker.see_closed(profit, entry.at_ms)
                self.breakers.see_closed(position.style, profit, trade_id=trade_id, at_ms=entry.at_ms)
            case _:
                pass

    def breaker_refusal(self) -> Refusal | None:
        """Why nothing new may be bought, of all breakers."""
        return self.breaker.review() or self.breakers.review()

    def breaker_moves(self, now_ms: int, sol_micro_usd: int | None) -> Iterator[BreakerMoved]:
        """What is due now, for the journal."""
        moved = self.breaker.advance(now_ms, sol_micro_usd)
        if moved is not None:
            yield moved
        yield from self.breakers.due(now_ms)
