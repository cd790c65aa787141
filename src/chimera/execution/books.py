"""Everything that the execution plane remembers, in one fold: money, kill switch, breaker, token reports.

The same `fold` serves the running house and its start, so that a restart ends where the last run stopped.
"""

from chimera.domain.messages import CapitalMoved, Entry, LegLanded, LegReverted, TokenChecked, TradeMoved
from chimera.domain.trade import TradeState
from chimera.execution.exits import ExitWatch
from chimera.portfolio import Ledger
from chimera.risk.kill_switch import KillSwitch
from chimera.risk.loss_breaker import LossBreaker, LossLimits
from chimera.risk.token_safety import TokenLimits, TokenReports


class Books:
    def __init__(self, *, loss: LossLimits, tokens: TokenLimits) -> None:
        self.ledger = Ledger()
        self.kill_switch = KillSwitch()
        self.breaker = LossBreaker(loss)
        self.exits = ExitWatch()
        self.reports = TokenReports(tokens)
        self.last_trade_at_ms: int | None = None

    def fold(self, entry: Entry) -> None:
        """In the journal's order, each entry once."""
        self.ledger.apply(entry)
        self.kill_switch.apply(entry.fact)
        self.breaker.apply(entry)
        self.exits.apply(entry)
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
                profit = self.ledger.positions[trade_id].realised_lamports
                self.breaker.see_closed(profit, entry.at_ms)
            case _:
                pass
