"""The demo's course: a fresh folder, a chain, a funded key, a world, a desk; then watch, stop and check."""

import asyncio
import contextlib
import json
import secrets
import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml

from chimera.adapters.journal_segments import read_folder
from chimera.adapters.rpc import RpcChain
from chimera.adapters.signers.vault import create
from chimera.demo.desk_client import DeskClient
from chimera.demo.processes import Child
from chimera.demo.summary import Summary, summarise
from chimera.demo.view import Lines, LiveView, Look
from chimera.domain.chain import Commitment
from chimera.domain.errors import ConfigError, OutsideError
from chimera.domain.ids import Address
from chimera.domain.units import LAMPORTS_PER_SOL
from chimera.localnet.genesis import genesis
from chimera.onchain.layouts import is_token_account, read_token_account

FUNDS_LAMPORTS = 20 * LAMPORTS_PER_SOL
RUNS_KEPT = 5
LOOK_EVERY_S = 0.5
SECRET_VARIABLE = "CHIMERA_SECURITY__WEBHOOK_SECRET"  # noqa: S105 (a name)
PASSPHRASE_VARIABLE = "CHIMERA_SECURITY__VAULT_PASSPHRASE"  # noqa: S105 (a name)
KEYS_VARIABLE = "CHIMERA_SECURITY__API_KEYS"


class Wishes(msgspec.Struct, frozen=True):
    seed: int
    for_s: float | None
    headless: bool
    port: int
    data_dir: Path


async def show(wishes: Wishes, *, environ: Mapping[str, str], stop: asyncio.Event) -> Summary:
    """Runs until `stop` or the time is up; returns what happened. Raises ConfigError where it cannot start."""
    began_ms = _now_ms()
    folder = _fresh_folder(wishes)
    secret = environ.get(SECRET_VARIABLE) or secrets.token_hex(32)
    key = secrets.token_urlsafe(32)
    passphrase = secrets.token_urlsafe(32)
    view = Lines() if wishes.headless else LiveView()
    view.say(f"a run of its own in {folder}")
    async with contextlib.AsyncExitStack() as children:
        chain = await _child(children, "chain", _chain_arguments(wishes), folder, environ)
        endpoints = await chain.first_line()
        view.say(f"embedded chain: RPC {endpoints['rpc']}, Geyser {endpoints['geyser']}")
        wallet = create(folder / "vault.json", passphrase)
        rpc = await children.enter_async_context(RpcChain(endpoints["rpc"], who="embedded chain"))
        await _fund(rpc, wallet)
        view.say(
            f"a new key in {folder / 'vault.json'}, {FUNDS_LAMPORTS // LAMPORTS_PER_SOL} SOL from the faucet"
        )
        arguments = ["world", "--rpc-url", endpoints["rpc"], "--seed", str(wishes.seed)]
        await _child(children, "world", arguments, folder, environ)
        settings = _write_settings(folder, wishes, endpoints)
        _write_secret(folder, secret)
        desk_environ = {
            **environ,
            SECRET_VARIABLE: secret,
            PASSPHRASE_VARIABLE: passphrase,
            KEYS_VARIABLE: json.dumps([{"identifier": "demo", "role": "admin", "key": key}]),
        }
        desk = await _child(children, "desk", ["run", "-c", str(settings)], folder, desk_environ)
        url = (await desk.first_line())["dashboard"]
        dashboard = f"{url}#key={key}"
        view.up(dashboard, secret_file=folder / "webhook.secret", url=url)
        async with DeskClient(url, key) as client:
            await _watch(client, desk, view, wishes, began_ms, stop)
        view.down()
        await desk.stop()
        lamports, tokens = await _holdings(rpc, wallet)
    summary = summarise(
        read_folder(folder / "journal"),
        began_ms=began_ms,
        dashboard=dashboard,
        chain_lamports=lamports,
        chain_tokens=tokens,
    )
    view.end(summary, folder)
    return summary


async def _watch(
    client: DeskClient,
    desk: Child,
    view: "Lines | LiveView",
    wishes: Wishes,
    began_ms: int,
    stop: asyncio.Event,
) -> None:
    """Looks at the desk's API, as the dashboard does, until it is time to end."""
    ends_ms = began_ms + int(wishes.for_s * 1000) if wishes.for_s is not None else None
    while not stop.is_set() and (ends_ms is None or _now_ms() < ends_ms):
        if not desk.running:
            raise ConfigError(f"the desk ended: {desk.last_words()}")
        with contextlib.suppress(OutsideError):
            overview = await client.get("/api/v1/overview")
            positions = await client.get("/api/v1/positions?limit=20")
            decisions = await client.get("/api/v1/decisions?limit=50")
            health = await client.get("/api/v1/health")
            view.show(Look(overview, positions["items"], decisions["items"], health))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_EVERY_S)


async def _child(
    stack: contextlib.AsyncExitStack,
    name: str,
    arguments: list[str],
    folder: Path,
    environ: Mapping[str, str],
) -> Child:
    child = await Child.start(name, arguments, log=folder / f"{name}.log", environ=environ)
    stack.push_async_callback(child.stop)
    return child


def _chain_arguments(wishes: Wishes) -> list[str]:
    """Every port is picked by the system: a second demo, or a node of the user's own, is not in the way."""
    ports = [f"--{name}port" for name in ("", "ws-", "geyser-", "jito-", "admin-")]
    return ["chain", "--seed", str(wishes.seed), *(part for name in ports for part in (name, "0"))]


async def _fund(rpc: RpcChain, wallet: Address) -> None:
    signature = await rpc.airdrop(wallet, FUNDS_LAMPORTS)
    for _ in range(200):
        (status,) = await rpc.statuses([signature])
        if status is not None and status.commitment is not Commitment.PROCESSED:
            return
        await asyncio.sleep(0.1)
    raise ConfigError("the faucet's transaction was not confirmed within 20 s")


async def _holdings(rpc: RpcChain, wallet: Address) -> tuple[int, dict[Address, int]]:
    """(lamports, tokens by mint) of the desk's wallet, asked of the chain itself."""
    _, (account,) = await rpc.accounts([wallet])
    _, found = await rpc.token_accounts(wallet)
    tokens: dict[Address, int] = {}
    for token in (read_token_account(known) for known in found if is_token_account(known)):
        tokens[token.mint] = tokens.get(token.mint, 0) + token.amount
    return account.lamports if account else 0, tokens


def _fresh_folder(wishes: Wishes) -> Path:
    """A new folder for this run, `latest` pointing at it: an embedded chain begins anew, and so must its books."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder = wishes.data_dir.absolute() / f"{stamp}-seed{wishes.seed}-{secrets.token_hex(2)}"
    try:
        folder.mkdir(parents=True, mode=0o700)
        latest = folder.parent / "latest"
        latest.unlink(missing_ok=True)
        latest.symlink_to(folder.name)
    except OSError as error:
        raise ConfigError(f"--data-dir: cannot use {wishes.data_dir}: {error.strerror}") from None
    _forget_old(folder.parent)
    return folder


def _forget_old(parent: Path) -> None:
    runs = sorted(path for path in parent.glob("*-seed*") if path.is_dir())
    for old in runs[:-RUNS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _write_settings(folder: Path, wishes: Wishes, endpoints: Mapping[str, str]) -> Path:
    """What a trader would write by hand: where the chain is, which tokens have names, whom to copy."""
    world = genesis(wishes.seed)
    settings: dict[str, Any] = {
        "mode": "localnet",
        "data_dir": str(folder),
        "rpc": {"primary_url": endpoints["rpc"], "ws_url": endpoints["ws"], "rate_per_s": 200},
        "geyser": {"url": endpoints["geyser"]},
        "jito": {"url": endpoints["jito"]},
        "api": {"port": wishes.port},
        "copy_trade": {
            "shield": {"time_exit_s": 30, "size_lamports_max": "1 SOL"},
            "spear": {"time_exit_s": 60, "size_lamports_max": "0.5 SOL"},
        },
        "tokens": [{"symbol": token.symbol, "mint": token.mint} for token in world.tokens],
        "wallets": [
            {
                "address": wallet.address,
                "status": str(wallet.status),
                "strategy": str(wallet.strategy),
                "notes": wallet.notes,
            }
            for wallet in world.wallets
        ],
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")
    return path


def _write_secret(folder: Path, secret: str) -> None:
    """For the shell: `$(cat .../webhook.secret)`; readable by its owner alone."""
    path = folder / "webhook.secret"
    path.touch(mode=0o600)
    path.write_text(secret, "utf-8")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
