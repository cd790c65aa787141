"""The market plane in a process of its own: reads the chain once, for everybody on the bus.

It holds no key and refuses to start where it finds one (wall 2). Nothing here decides.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import start_http_server

from chimera import __version__
from chimera.adapters.bus_nats import NatsBus
from chimera.adapters.clocks import WallClock
from chimera.adapters.geyser import GeyserFeed
from chimera.adapters.pool_cache import PoolCache
from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.adapters.signers import vault
from chimera.config import Settings
from chimera.domain.errors import ConfigError
from chimera.domain.ids import SYSTEM_PROGRAM, Address
from chimera.domain.live import LiveMessage
from chimera.domain.market import MarketEvent, WalletBalance
from chimera.domain.record import Maker
from chimera.market.view import MarketView
from chimera.observe import Observer
from chimera.plugins import venues
from chimera.roles.market import MarketRole
from chimera.roles.pool_sharing import PoolGiver
from chimera.roles.topics import LIVE, MARKET, WALLET_BALANCES
from chimera.wiring.outside import vault_path
from chimera.wiring.run import READY_WITHIN_S, Loops

COMPONENT = "market-data"
TYPES: Mapping[str, Any] = {MARKET: MarketEvent, WALLET_BALANCES: WalletBalance, LIVE: LiveMessage}


async def run_market(
    settings: Settings,
    *,
    observer: Observer,
    stop: asyncio.Event,
    started: Callable[[dict[str, Any]], None],
) -> None:
    """Runs until `stop`; `started` hears where its metrics are. Raises ConfigError."""
    if not settings.nats.url:
        raise ConfigError("nats.url: a market process apart needs a bus that others hear")
    if settings.security.vault_passphrase:
        raise ConfigError(
            "security.vault_passphrase: this process signs nothing, so it must not be able to; unset it"
        )
    clock = WallClock()
    maker = Maker(component=COMPONENT, build=__version__, run_id=secrets.token_hex(8))
    rpc = settings.rpc
    options = RpcOptions(timeout_s=rpc.timeout_ms / 1_000, requests_per_second_max=rpc.rate_per_s)
    async with contextlib.AsyncExitStack() as stack:
        bus = await stack.enter_async_context(
            NatsBus(
                settings.nats.url,
                types=TYPES,
                maker=maker,
                clock=clock,
                observer=observer,
                prefix=settings.nats.prefix,
            )
        )
        chain = await stack.enter_async_context(RpcChain(rpc.primary_url, who="primary", options=options))
        view = MarketView(venues(), keep_raw=True)
        cache = PoolCache(lambda: bus.client, maker=maker, now_ms=clock.now_ms, prefix=settings.nats.prefix)
        market = MarketRole(
            feed=GeyserFeed(settings.geyser.url, x_token=settings.geyser.token.reveal() or None),
            chain=chain,
            view=view,
            bus=bus,
            clock=clock,
            observer=observer,
            wallet=_watched_wallet(settings, observer),
        )
        giver = PoolGiver(view=view, cache=cache, bus=bus, clock=clock, observer=observer)
        # its thread is its own: metrics answer while the loop is busy
        try:
            server, thread = start_http_server(
                settings.nats.metrics_port, addr="127.0.0.1", registry=observer.registry
            )
        except OSError as error:
            raise ConfigError(
                f"nats.metrics_port: {settings.nats.metrics_port} cannot be used: {error.strerror}"
            ) from None
        stack.callback(thread.join)
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        loops = Loops()
        stack.push_async_callback(loops.cancel)
        loops.start("market", market.run())
        loops.start("market health", market.report())
        loops.start("pool giver", giver.run())
        await loops.first_of(market.ready.wait(), READY_WITHIN_S)
        started({"metrics": f"http://127.0.0.1:{server.server_port}/metrics", "component": COMPONENT})
        await loops.first_of(stop.wait(), None)


def _watched_wallet(settings: Settings, observer: Observer) -> Address:
    """Whose balances are told: the vault's address, which its file says without a passphrase."""
    path = vault_path(settings)
    if path.exists():
        return vault.show(path)
    observer.told("no vault: balances of no wallet are told", path=str(path))
    return SYSTEM_PROGRAM
