"""How large a copy is. `scaled` follows SPEC ST-10: a base that agreement, the hour and the wallet's record change.

Lamports, rounded down. Must not know whether the buy is copied at all.
"""

from chimera.domain.units import BPS, mul_div_floor
from chimera.parameters.copy_trade import CopySizing
from chimera.strategies.copy_trade.memory import Record

HOUR_MS = 3_600_000


def scaled_lamports(
    rules: CopySizing, record: Record, *, equity_lamports: int, agree: bool, now_ms: int
) -> int:
    """What to spend, within the bounds; 0 where the record says that there is nothing to win."""
    if rules.kelly_trades and record.trades >= rules.kelly_trades:
        edge = kelly_bps(record)
        if edge <= 0:
            return 0
        size = mul_div_floor(equity_lamports, edge * rules.kelly_percent, BPS * 100)
    else:
        size = rules.base_lamports
        if record.trades < rules.thin_trades:
            size = mul_div_floor(size, record.trades, rules.thin_trades)
    if agree:
        size = mul_div_floor(size, rules.consensus_percent, 100)
    if off_hours(rules, now_ms):
        size = mul_div_floor(size, rules.off_hours_percent, 100)
    return min(max(size, rules.lamports_min), rules.lamports_max)


def kelly_bps(record: Record) -> int:
    """Share of the capital by Kelly's rule, rounded down: p - (1-p)/r, r being the mean gain by the mean loss.

    With w wins of n that sum to G, and losses that sum to L, that is w/n * (1 - L/G).
    """
    if not record.wins or not record.won_bps:
        return 0
    return BPS * record.wins * (record.won_bps - record.lost_bps) // (record.trades * record.won_bps)


def off_hours(rules: CopySizing, now_ms: int) -> bool:
    """Whether the hour, UTC, lies between the two; over midnight where the first is the later one."""
    first, end, hour = rules.off_hours_from, rules.off_hours_to, now_ms // HOUR_MS % 24
    return first <= hour < end if first <= end else hour >= first or hour < end
