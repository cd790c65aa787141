"""Flat files plugged in behind a journal, and the server that shows them (`chimera run --roles trades`)."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chimera import __version__
from chimera.adapters.clocks import WallClock
from chimera.adapters.trade_logs import TradeLogFiles, TradeLogReader
from chimera.config import Settings
from chimera.control.server import ControlServer, bind
from chimera.control.trades_server import TradesServer
from chimera.domain.errors import ConfigError
from chimera.observe import Observer
from chimera.ports.bus import Bus
from chimera.ports.store import History
from chimera.roles.recorder import RecorderRole
from chimera.wiring.outside import data_dir

HOST = "127.0.0.1"  # it asks for no key, so it answers this machine alone
COMPONENT = "execution-engine"


def trade_logs_folder(settings: Settings) -> Path:
    return Path(settings.trade_logs.folder or data_dir(settings) / "trade_logs")


def trade_logs(settings: Settings, *, journal: History, bus: Bus, observer: Observer) -> RecorderRole | None:
    """What writes the flat files, behind everybody's back; None where the settings want none."""
    if not settings.trade_logs.enabled:
        return None
    try:
        files = TradeLogFiles(
            trade_logs_folder(settings),
            component=COMPONENT,
            build=__version__,
            keep_days=settings.trade_logs.keep_days,
            journal=journal,
        )
    except OSError as error:
        raise ConfigError(f"trade_logs.folder: {error.filename}: {error.strerror}") from None
    return RecorderRole(journal=journal, tables=files, bus=bus, observer=observer)


async def serve_trades(
    settings: Settings, *, stop: asyncio.Event, started: Callable[[dict[str, Any]], None]
) -> None:
    """Answers until `stop`; holds no key and talks to nobody else. Raises ConfigError for a port in use."""
    if settings.security.vault_passphrase:
        raise ConfigError(
            "security.vault_passphrase: this process signs nothing, so it must not be able to; unset it"
        )
    app = TradesServer(TradeLogReader(trade_logs_folder(settings)), WallClock()).app()
    async with ControlServer(app, bind(HOST, settings.trade_logs.port, setting="trade_logs.port")) as server:
        started({"component": "trades-server", "trades": f"{server.url}/trades"})
        await stop.wait()
