"""What roles in one process share when others run elsewhere: bus, clock, pools, the journal followed, vitals.

Each plane is put together in a file of its own and is handed an `Around`; it says what it has running by `loops`,
what may be wrong with it by `vitals`, and what it folds by `folds`.
"""

import contextlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chimera import __version__
from chimera.adapters.bus_nats import NatsBus
from chimera.adapters.bus_seal import BusSeal
from chimera.adapters.clocks import WallClock
from chimera.adapters.pool_cache import PoolCache
from chimera.adapters.vitals import Vitals
from chimera.config import Settings
from chimera.domain.errors import ConfigError
from chimera.domain.intent import Signal, TradeIntent
from chimera.domain.live import LiveMessage
from chimera.domain.market import MarketEvent, WalletBalance
from chimera.domain.messages import Entry
from chimera.domain.record import Maker
from chimera.market.view import MarketView
from chimera.observe import Observer
from chimera.plugins import venues
from chimera.ports.apart import (
    ControlRequest,
    ControlResponse,
    FactOffered,
    JournalHead,
    PoolTrusted,
    Sealer,
    WalletTouched,
    read_legacy,
)
from chimera.roles import topics
from chimera.wiring.identity import jwt_secret
from chimera.wiring.motion import Loops

TYPES: Mapping[str, Any] = {
    topics.MARKET: MarketEvent,
    topics.WALLET_BALANCES: WalletBalance,
    topics.INTENTS: TradeIntent,
    topics.EXECUTION_RESULTS: Entry,
    topics.DECISION_RECORDS: Entry,
    topics.CONTROL_REQUESTS: ControlRequest,
    topics.CONTROL_RESPONSES: ControlResponse,
    topics.JOURNAL: Entry,
    topics.JOURNAL_HEAD: JournalHead,
    topics.SIGNALS: Signal,
    topics.FACTS: FactOffered,
    topics.WALLET_TOUCHED: WalletTouched,
    topics.POOL_TRUSTED: PoolTrusted,
    topics.LIVE: LiveMessage,
}
LEGACY = (topics.LEGACY_COMMANDS, topics.LEGACY_KILL, topics.LEGACY_RELOAD)
SLOT_AGE_MS_MAX = 5_000  # a dozen slots
DESK_SILENT_MS = 5_000  # it says how far its journal is every second


@dataclass(kw_only=True)
class Around:
    settings: Settings
    roles: frozenset[str]
    observer: Observer
    clock: WallClock
    maker: Maker
    bus: NatsBus
    cache: PoolCache
    view: MarketView
    """Kept fresh by the market role where that is here, else from the pool cache."""
    vitals: Vitals
    stack: contextlib.AsyncExitStack
    loops: Loops
    folds: list[Callable[[Entry], object]] = field(default_factory=list)
    """Who wants the journal's entries, from the first on, in a process that does not write it."""

    def new_id(self) -> str:
        return secrets.token_hex(16)

    def sealer(self) -> Sealer:
        return Sealer(jwt_secret(self.settings))

    def check(self, name: str, trouble: Callable[[], str]) -> None:
        self.vitals.checks[name] = trouble

    def check_pools(self) -> None:
        """Whether the chain's slots still come, by whichever way."""

        def trouble() -> str:
            age_ms = self.clock.now_ms() - self.view.slot_at_ms
            return f"no slot for {age_ms / 1_000:.0f} s" if age_ms > SLOT_AGE_MS_MAX else ""

        self.check("market data", trouble)


async def open_around(
    settings: Settings,
    roles: frozenset[str],
    *,
    component: str,
    observer: Observer,
    stack: contextlib.AsyncExitStack,
) -> Around:
    """Connected to the bus; nothing moves yet. Raises ConfigError."""
    if not settings.nats.url:
        raise ConfigError("nats.url: roles apart need a bus that others hear")
    clock = WallClock()
    maker = Maker(component=component, build=__version__, run_id=secrets.token_hex(8))
    prefix = settings.nats.prefix
    seal = BusSeal(jwt_secret(settings)) if settings.nats.sealed else None
    bus = NatsBus(
        settings.nats.url,
        types=TYPES,
        maker=maker,
        clock=clock,
        observer=observer,
        prefix=prefix,
        kept={topics.INTENTS: f"{prefix.replace('.', '_')}{topics.INTENTS_STREAM}"},
        plain={topic: _legacy(topic) for topic in LEGACY},
        seal=seal,
    )
    await stack.enter_async_context(bus)
    loops = Loops()
    stack.push_async_callback(loops.cancel)
    around = Around(
        settings=settings,
        roles=roles,
        observer=observer,
        clock=clock,
        maker=maker,
        bus=bus,
        cache=PoolCache(lambda: bus.client, maker=maker, now_ms=clock.now_ms, prefix=prefix, seal=seal),
        view=MarketView(venues(), keep_raw="market" in roles),
        vitals=Vitals(component=component, registry=observer.registry),
        stack=stack,
        loops=loops,
    )
    around.check("bus", lambda: "" if bus.client.is_connected else "NATS does not answer")
    return around


def _legacy(topic: str) -> Callable[[bytes], object]:
    return lambda data: read_legacy(topic, data)
