"""The rebalancer plugged together, and the reference engine that it may ask (`chimera quant`)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from chimera.adapters.clocks import WallClock
from chimera.adapters.quant import QuantClient
from chimera.adapters.quant_figures import read_figures
from chimera.config import Settings
from chimera.control.quant_server import QuantServer
from chimera.control.server import ControlServer, bind
from chimera.domain.allocation import Profile, Ranking
from chimera.domain.units import MICRO_USD
from chimera.market.view import MarketView
from chimera.observe import Observer
from chimera.ports.bus import Bus
from chimera.roles.rebalancing import RebalancingRole, Trading, Worths
from chimera.roles.topics import INTENTS
from chimera.treasury.rebalance import RebalanceRules
from chimera.treasury.trust import ranked
from chimera.wiring.desk import DeskParts

BUCKET_MS = 300_000  # SPEC RB-07


def rebalance_rules(settings: Settings) -> RebalanceRules:
    rebalancer = settings.rebalancer
    return RebalanceRules(
        band_bps=rebalancer.band_bps,
        band_micro_usd=rebalancer.band_usd * MICRO_USD,
        trade_micro_usd_min=rebalancer.trade_usd_min * MICRO_USD,
        trades_max=rebalancer.trades_max,
        # what the desk refused may be asked for again in the next cycle, however short cycles are
        bucket_ms=min(BUCKET_MS, rebalancer.cycle_s * 1_000),
    )


@asynccontextmanager
async def rebalancing(
    desk: DeskParts, *, settings: Settings, view: MarketView, bus: Bus, clock: WallClock, observer: Observer
) -> AsyncIterator[RebalancingRole]:
    """The role with its past folded; its connection is closed at the end. Raises ConfigError.

    It runs where the desk does: what it asks for it looks up in the desk's own books, and nobody else's.
    """
    rebalancer = settings.rebalancer
    async with QuantClient(rebalancer.url, key=rebalancer.key.reveal()) as engine:
        role = RebalancingRole(
            engine=engine,
            chain=desk.paper or desk.chain,
            wallet=desk.wallet,
            worths=Worths(lamports_of=view.value_lamports, sol_micro_usd=view.sol_micro_usd),
            ledger=desk.books.ledger,
            symbol_of=desk.surroundings.symbol_of,
            # intents go to the desk the way that every strategy's do
            trading=Trading(
                submit=lambda intent: bus.publish(INTENTS, intent),
                slippage_bps_max=rebalancer.slippage_bps,
                ttl_ms=rebalancer.ttl_s * 1_000,
                token_program_of=view.token_program,
            )
            if rebalancer.trades
            else None,
            rules=rebalance_rules(settings),
            profile=Profile(rebalancer.profile),
            cycle_s=rebalancer.cycle_s,
            run_s_max=rebalancer.run_s_max,
            ranking_s_max=rebalancer.ranking_s_max,
            journal=desk.journal,
            clock=clock,
            observer=observer,
        )
        for entry in desk.journal.read():
            role.fold(entry)
        desk.journal.listen(role.fold)
        yield role


def ranking_of(figures: Path) -> Ranking:
    """Worked out anew, dated with the file's own time, so that it grows stale by itself. Raises ConfigError."""
    told, at_ms = read_figures(figures)
    return ranked(told, at_ms=at_ms)


async def serve_quant(
    figures: Path, *, host: str, port: int, key: str, stop: asyncio.Event, started: Callable[[str], None]
) -> None:
    """Answers until `stop`. Raises ConfigError for a weak key, unreadable figures or a port in use."""
    app = QuantServer(lambda: ranking_of(figures), key=key).app()
    async with ControlServer(app, bind(host, port, setting="--port")) as server:
        started(server.url)
        await stop.wait()
