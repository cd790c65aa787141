"""Is all well with this installation? Each check looks, changes nothing, and says what it saw and what to do."""

import asyncio
import contextlib
import os
import shutil
import stat
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from chimera.adapters.backups import backups
from chimera.adapters.desk_health import ask_health
from chimera.adapters.geyser import GeyserFeed
from chimera.adapters.journal_segments import verify
from chimera.adapters.nats_health import ask_nats
from chimera.adapters.pool_cache import STREAM as POOL_CACHE
from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.adapters.signers import vault
from chimera.adapters.store_check import check_database
from chimera.config import Settings, without_credentials
from chimera.domain.chain import SlotUpdate
from chimera.domain.errors import ChimeraError, OutsideError
from chimera.domain.ids import Address
from chimera.ports.chain import Subscription
from chimera.roles.topics import INTENTS_STREAM
from chimera.wiring.backups import backups_folder
from chimera.wiring.cluster import judge_cluster
from chimera.wiring.outside import api_url, vault_path

CALLS, CALLS_MIN = 10, 8  # of a node, and how many must be answered
RPC_MS_MAX = 50.0
"""The mean above which a node is slow; sends are raced against others who have faster ones."""
CLOCK = Address("SysvarC1ock11111111111111111111111111111111")
DRIFT_S_MAX, DRIFT_S_WARN = 10, 2
"""The chain tells whole seconds, and mainnet's own clock wanders by one or two. Webhooks bear a time stamp."""
DISK_PERCENT_WARN, DISK_BYTES_MIN = 10, 256 * 1024 * 1024
FIRST_SLOT_WITHIN_S = 5.0
BACKUP_OLD_HOURS = 26  # made daily, and late by no more than a night's restart


class Finding(msgspec.Struct, frozen=True):
    name: str
    status: str
    """ok, warn or fail."""
    said: str


Look = Callable[[Settings], Awaitable[tuple[str, str]]]


async def examine(settings: Settings) -> list[Finding]:
    """Every check's finding, in a fixed order; a check that breaks is a finding of its own."""
    checks: dict[str, Look] = {
        "settings": _settings,
        "disk": _disk,
        "vault": _vault,
        "journal": _journal,
        "database": _database,
        "backups": _backups,
        "rpc": _rpc,
        "rpc fallback": _fallback,
        "cluster": _cluster,
        "clock": _clock,
        "geyser": _geyser,
        "nats": _nats,
        "desk": _desk,
    }
    findings = []
    for name, look in checks.items():
        try:
            status, said = await look(settings)
        except ChimeraError as error:
            status, said = "fail", str(error)
        except OSError as error:
            status, said = "fail", f"{error.filename or ''}: {error.strerror}"
        findings.append(Finding(name, status, said))
    return findings


async def _settings(settings: Settings) -> tuple[str, str]:
    if settings.dev_mode:
        return "warn", f"{settings.mode}, dev mode: webhooks need no signature"
    if not settings.security.webhook_secret:
        return "warn", f"{settings.mode}; no security.webhook_secret: webhooks are refused"
    return "ok", f"{settings.mode}, {len(settings.wallets)} wallets, {len(settings.tokens)} tokens by name"


async def _disk(settings: Settings) -> tuple[str, str]:
    return _room(Path(settings.data_dir))


def _room(folder: Path) -> tuple[str, str]:
    here = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(here, os.W_OK):
        return "fail", f"{here} cannot be written to"
    usage = shutil.disk_usage(here)
    free = f"{usage.free / 2**30:.1f} GiB of {usage.total / 2**30:.1f} GiB free at {here}"
    if usage.free < DISK_BYTES_MIN:
        return "fail", f"{free}: the journal stops the desk when it is full"
    return ("warn" if usage.free * 100 < usage.total * DISK_PERCENT_WARN else "ok"), free


async def _vault(settings: Settings) -> tuple[str, str]:
    path = vault_path(settings)
    if not path.exists():
        return "fail", f"no vault at {path}: make one with `chimera vault init`"
    address = vault.show(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return "fail", f"{path} can be read by others: chmod 600"
    passphrase = settings.security.vault_passphrase.reveal()
    if not passphrase:
        return "warn", f"{address}; not opened, since CHIMERA_SECURITY__VAULT_PASSPHRASE is not set"
    await asyncio.to_thread(vault.VaultSigner.open, path, passphrase)
    return "ok", f"{address}, opens"


async def _journal(settings: Settings) -> tuple[str, str]:
    folder = Path(settings.data_dir) / "journal"
    if not folder.exists():
        return "ok", "none yet"
    verdict = await asyncio.to_thread(verify, folder)
    if not verdict.ok:
        return "fail", f"entry {verdict.first_bad_seq} in {verdict.segment}: {verdict.what}"
    return "ok", f"{verdict.entries} entries, chain unbroken"


async def _database(settings: Settings) -> tuple[str, str]:
    path = Path(settings.data_dir) / "chimera.db"
    return ("ok", await asyncio.to_thread(check_database, path)) if path.exists() else ("ok", "none yet")


async def _backups(settings: Settings) -> tuple[str, str]:
    folder, wanted = backups_folder(settings), settings.backups
    known = await asyncio.to_thread(backups, folder)
    if not known:
        return "ok", f"none yet in {folder}" if wanted.enabled else "switched off (backups.enabled)"
    hours = (time.time_ns() // 1_000_000 - known[-1].at_ms) // 3_600_000
    told = f"the newest of {len(known)} in {folder} is {hours} h old"
    return "warn" if wanted.enabled and hours > BACKUP_OLD_HOURS else "ok", told


async def _rpc(settings: Settings) -> tuple[str, str]:
    return await _node(settings, settings.rpc.primary_url)


async def _fallback(settings: Settings) -> tuple[str, str]:
    url = settings.rpc.fallback_url
    return await _node(settings, url) if url else ("ok", "none set")


async def _node(settings: Settings, url: str) -> tuple[str, str]:
    options = RpcOptions(timeout_s=settings.rpc.timeout_ms / 1_000, requests_per_second_max=1_000)
    took: list[float] = []
    failed = ""
    slot = 0
    async with RpcChain(url, who="node", options=options) as chain:
        for _ in range(CALLS):
            began = time.monotonic()
            try:
                slot = await chain.slot()
            except OutsideError as error:
                failed = str(error)
                continue
            took.append((time.monotonic() - began) * 1_000)
    where = without_credentials(url)
    if len(took) < CALLS_MIN:
        return "fail", f"{where}: {len(took)} of {CALLS} calls answered; {failed}"
    mean = sum(took) / len(took)
    said = f"{where}: slot {slot}, {mean:.1f} ms on average, {len(took)} of {CALLS} calls"
    return ("warn" if mean > RPC_MS_MAX or failed else "ok"), said


async def _cluster(settings: Settings) -> tuple[str, str]:
    """Judged by those that answer; that one does not is another check's finding."""
    rpc = settings.rpc
    told: dict[str, str] = {}
    for name, url in {"primary": rpc.primary_url, "fallback": rpc.fallback_url}.items():
        if url:
            with contextlib.suppress(OutsideError):
                async with RpcChain(url, who=name) as chain:
                    told[name] = await chain.genesis_hash()
    if not told:
        return "warn", "no node answers"
    if warning := judge_cluster(settings.mode, told):
        return "warn", warning
    return "ok", "mainnet, as the mode says" if settings.mode == "live" else "not mainnet, as the mode says"


async def _clock(settings: Settings) -> tuple[str, str]:
    async with RpcChain(settings.rpc.primary_url, who="node") as chain:
        _, (account,) = await chain.accounts([CLOCK])
    if account is None or len(account.data) < 40:
        return "warn", "the node has no clock to compare with"
    drift = int(time.time()) - int.from_bytes(account.data[32:40], "little", signed=True)
    status = "fail" if abs(drift) > DRIFT_S_MAX else "warn" if abs(drift) > DRIFT_S_WARN else "ok"
    return status, f"{drift:+d} s against the chain's clock"


async def _geyser(settings: Settings) -> tuple[str, str]:
    where = without_credentials(settings.geyser.url)
    feed = GeyserFeed(settings.geyser.url, x_token=settings.geyser.token.reveal() or None)
    stream = feed.subscribe(Subscription())
    began = time.monotonic()
    try:
        async with asyncio.timeout(FIRST_SLOT_WITHIN_S):
            async for item in stream:
                if isinstance(item, SlotUpdate):
                    took_ms = (time.monotonic() - began) * 1_000
                    return "ok", f"{where}: slot {item.slot} after {took_ms:.0f} ms"
    except TimeoutError:
        pass
    finally:
        await stream.aclose()
    return "fail", f"{where}: no slot within {FIRST_SLOT_WITHIN_S:.0f} s"


async def _nats(settings: Settings) -> tuple[str, str]:
    """The bus between processes, where there are to be any."""
    if not settings.nats.url:
        return "ok", "none set: all roles in one process"
    prefix = settings.nats.prefix.replace(".", "_")
    streams = (f"{prefix}{POOL_CACHE}", f"{prefix}{INTENTS_STREAM}")
    took_ms, found = await ask_nats(settings.nats.url, streams=streams)
    shown = [f"{name} not made yet" if kept is None else f"{kept} in {name}" for name, kept in found.items()]
    return "ok", f"{without_credentials(settings.nats.url)}: {took_ms:.1f} ms; {', '.join(shown)}"


async def _desk(settings: Settings) -> tuple[str, str]:
    """The running desk's own word, and whether its counts add up: in = out + waiting + dropped by name."""
    if not settings.api.port:
        return "ok", "api.port is 0: a running desk cannot be found"
    try:
        health = await ask_health(api_url(settings, settings.api.port))
    except OutsideError:
        return "ok", "none is running"
    return judge_desk(health)


def judge_desk(health: dict[str, Any]) -> tuple[str, str]:
    """(status, words) of a health answer."""
    market = health.get("market") or {}
    said = f"{health.get('status', 'unknown')}"
    if "received" not in market:
        return "warn", f"{said}; what it counts needs a key, or public_health"
    dropped = dict(market.get("dropped") or {})
    out = int(market["passed"]) + int(market["held"]) + sum(dropped.values())
    named = ", ".join(f"{count} {name}" for name, count in dropped.items()) or "nothing dropped"
    said += f"; {market['received']} items in, {market['passed']} out, {market['held']} waiting, {named}"
    said += f"; {market.get('gaps', 0)} gaps"
    if int(market["received"]) != out:
        return "fail", f"{said}: {int(market['received']) - out} are unaccounted for"
    quarantined = int(market.get("pools_quarantined", 0))
    if quarantined:
        reasons = "; ".join(market.get("quarantine_reasons") or ())
        return "warn", f"{said}; {quarantined} pools quarantined: {reasons}"
    return ("ok" if health.get("status") == "healthy" else "warn"), said
