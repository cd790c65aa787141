"""The business in numbers for Prometheus: worked out from the control plane's own copy when somebody scrapes.

Amounts are SOL as floats, for charts; the API has them exact. What is not known is left out, never 0.
"""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from chimera.control.replica import Replica
from chimera.domain.units import LAMPORTS_PER_SOL, MICRO_USD

AMOUNTS = {
    "equity_lamports": ("chimera_equity_sol", "Balance and what positions would fetch"),
    "balance_lamports": ("chimera_balance_sol", "Of the trading wallet, by the books"),
    "realised_pnl_lamports": ("chimera_realised_pnl_sol", "Profit or loss of all time, costs in"),
    "unrealised_pnl_lamports": (
        "chimera_unrealised_pnl_sol",
        "Of open positions; absent while a price is unknown",
    ),
    "pnl_24h_lamports": ("chimera_pnl_24h_sol", "Realised in the last 24 hours"),
    "fees_lamports": ("chimera_network_fees_sol", "Paid for transactions, of all time"),
    "tips_lamports": ("chimera_tips_sol", "Paid to block engines, of all time"),
}


class HouseMetrics(Collector):
    def __init__(self, replica: Replica, now_ms: Callable[[], int]) -> None:
        self._replica, self._now_ms = replica, now_ms

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        overview = self._replica.overview(self._now_ms(), history=False)
        for field, (name, text) in AMOUNTS.items():
            lamports = getattr(overview, field)
            if lamports is not None:
                yield GaugeMetricFamily(name, text, value=int(lamports) / LAMPORTS_PER_SOL)
        if overview.sol_usd_micro is not None:
            price = int(overview.sol_usd_micro) / MICRO_USD
            yield GaugeMetricFamily("chimera_sol_usd", "What a SOL costs", value=price)
        closed = CounterMetricFamily("chimera_round_trips_closed", "By how they ended", labels=["outcome"])
        even = overview.closed_trades - overview.wins - overview.losses
        for outcome, count in (("win", overview.wins), ("loss", overview.losses), ("even", even)):
            closed.add_metric([outcome], count)
        yield closed
        alerts = CounterMetricFamily("chimera_alerts", "By class, repeated ones too", labels=["severity"])
        for severity, count in self._replica.alerts.counts.items():
            alerts.add_metric([str(severity)], count)
        yield alerts


def register(registry: CollectorRegistry, replica: Replica, now_ms: Callable[[], int]) -> None:
    """The business beside the application's own numbers, and the process with its memory, time and files."""
    registry.register(HouseMetrics(replica, now_ms))
    ProcessCollector(registry=registry)
