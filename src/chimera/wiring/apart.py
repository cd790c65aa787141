"""Roles in processes of their own, in any combination: who is alone here hears and tells the rest on the bus.

Only the execution role opens the key; any other process that could is refused (wall 2). One process for everything
is `wiring.run`.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from chimera.adapters.journal_reader import JournalReader
from chimera.adapters.signers.vault import VaultSigner
from chimera.config import Settings
from chimera.domain.errors import ConfigError
from chimera.observe import Observer
from chimera.roles.journal_sharing import JournalFollower
from chimera.roles.pool_sharing import PoolFollower
from chimera.wiring import control_process, execution_process, market_process, outside, strategy_process
from chimera.wiring.around import DESK_SILENT_MS, Around, open_around
from chimera.wiring.control_process import build_control
from chimera.wiring.execution_process import build_execution, start_execution
from chimera.wiring.market_process import start_market
from chimera.wiring.motion import READY_WITHIN_S, settle
from chimera.wiring.strategy_process import build_strategy

COMPONENTS = {
    "execution": execution_process.COMPONENT,
    "market": market_process.COMPONENT,
    "strategy": strategy_process.COMPONENT,
    "control": control_process.COMPONENT,
}
"""The role that a process is named after comes first."""
OFFSETS = {"market": (0,), "strategy": (1, 2), "execution": (3,)}
"""Above `nats.metrics_port`; the control plane has /metrics and /health on its own port."""
BEAT_EVERY_S = 0.5


def read_roles(text: str) -> frozenset[str]:
    """The roles of `--roles a,b`; raises ConfigError for one that there is not."""
    roles = frozenset(part.strip() for part in text.split(",") if part.strip())
    if not roles or roles - COMPONENTS.keys():
        raise ConfigError(f"--roles {text}: `all`, or one or more of {', '.join(sorted(COMPONENTS))}")
    return roles


async def run_apart(
    settings: Settings,
    roles: frozenset[str],
    *,
    only: Sequence[str],
    signer: Callable[[], VaultSigner],
    reread: Callable[[], Settings],
    observer: Observer,
    stop: asyncio.Event,
    started: Callable[[dict[str, Any]], None],
) -> None:
    """Runs until `stop`; `started` hears where its metrics and health are. Raises ConfigError."""
    refuse_key(settings, roles)
    component = next(name for role, name in COMPONENTS.items() if role in roles)
    if roles == {"strategy"} and only:
        component = "-".join(only)
    async with contextlib.AsyncExitStack() as stack:
        around = await open_around(settings, roles, component=component, observer=observer, stack=stack)
        said: dict[str, Any] = {"component": component, "roles": sorted(roles), "mode": settings.mode}
        desk = None
        if "execution" in roles:
            key = signer()
            desk, said["wallet"] = build_execution(around, key), key.address
        history = JournalReader(outside.data_dir(settings) / "journal")
        think = build_strategy(around, history, only=only) if "strategy" in roles else None
        show = build_control(around, history) if "control" in roles else None
        said |= _open_vitals(around)
        around.loops.start("beat", _beat(around))
        await _feed(around)
        if desk is not None:
            await start_execution(around, desk, reread=reread)
        await _follow_journal(around, history)
        if think is not None:
            await think()
        if show is not None:
            said["dashboard"] = f"{outside.api_url(settings, await show())}/"
        around.vitals.started = True
        started(said)
        await around.loops.first_of(stop.wait(), None)
        if desk is not None:
            await settle(desk)


def refuse_key(settings: Settings, roles: frozenset[str]) -> None:
    """Raises ConfigError where a process that signs nothing could."""
    if "execution" not in roles and settings.security.vault_passphrase:
        raise ConfigError(
            "security.vault_passphrase: this process signs nothing, so it must not be able to; unset it"
        )


async def _feed(around: Around) -> None:
    """Market data: read here, or followed. Who follows goes on without pools when there are none yet: a desk looks
    after what it holds, and buys nothing, until they come.
    """
    if "market" in around.roles:
        await start_market(around)
        return
    follower = PoolFollower(
        view=around.view, cache=around.cache, bus=around.bus, clock=around.clock, observer=around.observer
    )
    around.loops.start("pool follower", follower.run())
    around.check_pools()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_WITHIN_S / 3):
            await around.loops.first_of(follower.ready.wait(), None)


async def _follow_journal(around: Around, history: JournalReader) -> None:
    if not around.folds:
        return

    def fold(entry: Any) -> None:
        for each in around.folds:
            each(entry)

    follower = JournalFollower(
        history=history, bus=around.bus, fold=fold, clock=around.clock, observer=around.observer
    )

    def trouble() -> str:
        at = follower.head_at_ms
        silent_ms = None if at is None else around.clock.now_ms() - at
        if silent_ms is None:
            return "the execution process has not been heard of"
        return f"the execution process is silent for {silent_ms / 1_000:.0f} s" * (silent_ms > DESK_SILENT_MS)

    around.check("execution", trouble)
    await follower.open()
    around.loops.start("journal follower", follower.run())


def _open_vitals(around: Around) -> dict[str, str]:
    """Where metrics and health are, for a process without a port of its own for people."""
    first = next((OFFSETS[role] for role in COMPONENTS if role in around.roles & OFFSETS.keys()), None)
    if first is None:
        return {}
    base = around.settings.nats.metrics_port
    port = around.vitals.open(*([base + offset for offset in first] if base else [0]))
    around.stack.callback(around.vitals.close)
    return {"metrics": f"http://127.0.0.1:{port}/metrics", "health": f"http://127.0.0.1:{port}/health"}


async def _beat(around: Around) -> None:
    while True:
        around.vitals.beat()
        around.observer.plane.bus_counted(around.bus.depths())
        await asyncio.sleep(BEAT_EVERY_S)
