"""Recordings plugged in: beside a market role of any process, or in one of their own (`chimera record`)."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from chimera import __version__
from chimera.adapters.bus_local import LocalBus
from chimera.adapters.clocks import WallClock
from chimera.adapters.geyser import GeyserFeed
from chimera.adapters.recording_writer import RecordingLimits, RecordingWriter
from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.config import Settings
from chimera.domain.errors import ConfigError
from chimera.domain.ids import Address
from chimera.domain.record import Maker
from chimera.domain.recording import RawItem
from chimera.market.view import MarketView
from chimera.observe import Observer
from chimera.observe.recording import RecordingObserver
from chimera.onchain.keys import address_text
from chimera.plugins import venues
from chimera.ports.bus import Bus
from chimera.ports.runtime import Clock
from chimera.roles.market import MarketRole
from chimera.roles.recording import RecordingRole
from chimera.wiring.motion import READY_WITHIN_S, Loops
from chimera.wiring.outside import data_dir

COMPONENT = "market-data"
NOBODY: Address = address_text(sha256(b"nobody's wallet").digest())
"""Whose balances a recorder follows. Not the System Program: nearly every transaction mentions that one."""


def recording_folder(settings: Settings) -> Path:
    return Path(settings.recording.folder or data_dir(settings) / "recording")


def recording(
    settings: Settings,
    *,
    view: MarketView,
    bus: Bus,
    clock: Clock,
    observer: Observer,
    run_id: str,
) -> RecordingRole:
    """A recorder for a market role whose view keeps raw accounts. Raises ConfigError, for a folder in use too."""
    wished = settings.recording
    limits = RecordingLimits(
        segment_records=wished.segment_records,
        segment_bytes=wished.segment_bytes,
        segment_ms=wished.segment_s * 1_000,
        keep_bytes=wished.keep_bytes,
        keep_days=wished.keep_days,
        free_bytes_min=wished.free_bytes_min,
    )
    maker = Maker(component=COMPONENT, build=__version__, run_id=run_id)
    return RecordingRole(
        sink=RecordingWriter(recording_folder(settings), maker=maker, limits=limits),
        view=view,
        bus=bus,
        clock=clock,
        observer=RecordingObserver(observer),
        capacity=wished.queue,
        snapshot_every_s=wished.snapshot_s,
    )


def recording_beside(
    settings: Settings, *, view: MarketView, bus: Bus, clock: Clock, observer: Observer, run_id: str
) -> RecordingRole | None:
    """A recorder where the settings want one."""
    if not settings.recording.enabled:
        return None
    return recording(settings, view=view, bus=bus, clock=clock, observer=observer, run_id=run_id)


def keeping(recorder: RecordingRole | None) -> Callable[[RawItem, int], object]:
    """What the market role is given: nothing is kept where nobody records."""
    return recorder.keep if recorder is not None else lambda item, at_ms: None


async def record(
    settings: Settings,
    *,
    observer: Observer,
    stop: asyncio.Event,
    started: Callable[[dict[str, Any]], None],
) -> None:
    """Reads the chain and records it until `stop`: no key, no trades. Raises ConfigError."""
    if settings.security.vault_passphrase:
        raise ConfigError(
            "security.vault_passphrase: this process signs nothing, so it must not be able to; unset it"
        )
    clock, bus, rpc = WallClock(), LocalBus(), settings.rpc
    options = RpcOptions(timeout_s=rpc.timeout_ms / 1_000, requests_per_second_max=rpc.rate_per_s)
    view = MarketView(venues(), keep_raw=True)
    recorder = recording(
        settings, view=view, bus=bus, clock=clock, observer=observer, run_id=secrets.token_hex(8)
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(recorder.close)
        chain = await stack.enter_async_context(RpcChain(rpc.primary_url, who="primary", options=options))
        market = MarketRole(
            feed=GeyserFeed(settings.geyser.url, x_token=settings.geyser.token.reveal() or None),
            chain=chain,
            view=view,
            bus=bus,
            clock=clock,
            observer=observer,
            wallet=NOBODY,
            keep=recorder.keep,
        )
        loops = Loops()
        stack.push_async_callback(loops.cancel)
        loops.start("recording", recorder.run(market.ready))
        loops.start("market", market.run())
        loops.start("market health", market.report())
        await loops.first_of(market.ready.wait(), READY_WITHIN_S)
        started({"recording": str(recording_folder(settings)), "pools": len(view.pools)})
        await loops.first_of(stop.wait(), None)
