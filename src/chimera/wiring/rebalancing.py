"""The rebalancer plugged together, and the reference engine that it may ask (`chimera quant`)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from chimera.adapters.quant import QuantClient
from chimera.adapters.quant_figures import read_figures
from chimera.config import Settings
from chimera.control.quant_server import QuantServer
from chimera.control.server import ControlServer, bind
from chimera.domain.allocation import Profile, Ranking
from chimera.domain.units import MICRO_USD
from chimera.roles.rebalancing import RebalancingRole, Trading, Worths
from chimera.roles.topics import INTENTS
from chimera.treasury.rebalance import RebalanceRules
from chimera.treasury.trust import ranked
from chimera.wiring.house import House

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
async def rebalancing(house: House) -> AsyncIterator[RebalancingRole]:
    """The role with its past folded; its connection is closed at the end. Raises ConfigError."""
    rebalancer = house.settings.rebalancer
    async with QuantClient(rebalancer.url, key=rebalancer.key.reveal()) as engine:
        role = RebalancingRole(
            engine=engine,
            chain=house.desk.paper or house.chain,
            wallet=house.wallet,
            worths=Worths(
                lamports_of=house.view.value_lamports,
                sol_micro_usd=house.view.sol_micro_usd,
            ),
            ledger=house.books.ledger,
            trading=_trading(house) if rebalancer.trades else None,
            rules=rebalance_rules(house.settings),
            profile=Profile(rebalancer.profile),
            cycle_s=rebalancer.cycle_s,
            run_s_max=rebalancer.run_s_max,
            ranking_s_max=rebalancer.ranking_s_max,
            journal=house.journal,
            clock=house.clock,
            observer=house.observer,
        )
        for entry in house.journal.read():
            role.fold(entry)
        house.journal.listen(role.fold)
        yield role


def _trading(house: House) -> Trading:
    """Intents go to the desk the way that every strategy's do."""
    rebalancer = house.settings.rebalancer
    return Trading(
        submit=lambda intent: house.bus.publish(INTENTS, intent),
        slippage_bps_max=rebalancer.slippage_bps,
        ttl_ms=rebalancer.ttl_s * 1_000,
        symbol_of=house.desk.surroundings.symbol_of,
        token_program_of=house.view.token_program,
    )


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
