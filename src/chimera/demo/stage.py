"""The demo's stage: a fresh folder, an embedded chain, a funded key, a world; and a desk, as often as wanted.

Each is a process of its own. The desk may be started again on the same books, which is how a kill is survived.
"""

import asyncio
import contextlib
import json
import secrets
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import yaml

from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.adapters.signers.vault import create
from chimera.demo.processes import Child
from chimera.domain.chain import Commitment
from chimera.domain.errors import ConfigError
from chimera.domain.ids import Address
from chimera.domain.units import LAMPORTS_PER_SOL
from chimera.localnet.genesis import genesis
from chimera.onchain.layouts import is_token_account, read_token_account

FUNDS_LAMPORTS = 20 * LAMPORTS_PER_SOL
RUNS_KEPT = 5
CALLS_PER_S = 200  # the embedded chain is ours: no provider's limit to keep
SECRET_VARIABLE = "CHIMERA_SECURITY__WEBHOOK_SECRET"  # noqa: S105 (a name)
PASSPHRASE_VARIABLE = "CHIMERA_SECURITY__VAULT_PASSPHRASE"  # noqa: S105 (a name)
KEYS_VARIABLE = "CHIMERA_SECURITY__API_KEYS"


class Stage:
    """Open it with `async with`; what it started it stops, in the opposite order."""

    def __init__(self, *, seed: int, port: int, data_dir: Path, environ: Mapping[str, str]) -> None:
        self.seed, self.port = seed, port
        self.folder = fresh_folder(data_dir, seed)
        self.key = secrets.token_urlsafe(32)
        self.endpoints: Mapping[str, str] = {}
        self.wallet = Address("")
        self._environ = dict(environ)
        self._secret = environ.get(SECRET_VARIABLE) or secrets.token_hex(32)
        self._passphrase = secrets.token_urlsafe(32)
        self.started: list[Child] = []
        """Every process, oldest first, those that ended included."""
        self._stack = contextlib.AsyncExitStack()
        self._rpc: RpcChain | None = None
        self._world_runs = False

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as started:
            self._stack = started
            await self._set()
            self._stack = started.pop_all()  # all is up: from here on our own exit stops it
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    @property
    def secret_file(self) -> Path:
        """The webhook's secret, for the shell; readable by its owner alone."""
        return self.folder / "webhook.secret"

    @property
    def key_file(self) -> Path:
        """The dashboard's key, likewise."""
        return self.folder / "api.key"

    async def desk(self) -> tuple[Child, str]:
        """A running desk on this stage's books, and the address of its dashboard; the first one wakes the world."""
        environ = {
            **self._environ,
            SECRET_VARIABLE: self._secret,
            PASSPHRASE_VARIABLE: self._passphrase,
            KEYS_VARIABLE: json.dumps([{"identifier": "demo", "role": "admin", "key": self.key}]),
        }
        arguments = ["run", "-c", str(self.folder / "config.yaml")]
        child = await self._child("desk", arguments, environ)
        dashboard = str((await child.first_line())["dashboard"])
        if not self._world_runs:
            # only now: the first wallet worth copying buys within seconds
            self._world_runs = True
            world = ["world", "--rpc-url", self.endpoints["rpc"], "--seed", str(self.seed)]
            await self._child("world", world, self._environ)
        return child, dashboard

    async def chain(self) -> Child:
        """The running chain; after a kill it is the same one again, at the same addresses."""
        arguments = ["chain", "--seed", str(self.seed), "--keep", str(self.folder / "chain.ledger")]
        for front in ("rpc", "ws", "geyser", "jito", "admin"):
            # the system picks each port: a second demo, or a node of the user's own, is not in the way
            known = self.endpoints.get(front)
            port = 0 if known is None else urlsplit(known).port
            arguments += ["--port" if front == "rpc" else f"--{front}-port", str(port)]
        child = await self._child("chain", arguments, self._environ)
        self.endpoints = await child.first_line()
        return child

    async def holdings(self) -> tuple[int, dict[Address, int]]:
        """(lamports, tokens by mint) of the desk's wallet, asked of the chain itself."""
        if self._rpc is None:
            raise ConfigError("the stage is not set")
        _, (account,) = await self._rpc.accounts([self.wallet])
        _, found = await self._rpc.token_accounts(self.wallet)
        tokens: dict[Address, int] = {}
        for token in (read_token_account(known) for known in found if is_token_account(known)):
            tokens[token.mint] = tokens.get(token.mint, 0) + token.amount
        return account.lamports if account else 0, tokens

    async def _set(self) -> None:
        await self.chain()
        self.wallet = create(self.folder / "vault.json", self._passphrase)
        options = RpcOptions(requests_per_second_max=CALLS_PER_S)
        self._rpc = RpcChain(self.endpoints["rpc"], who="embedded chain", options=options)
        await self._stack.enter_async_context(self._rpc)
        await self._fund(self._rpc)
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self._settings(), sort_keys=False), "utf-8")
        for file, secret in ((self.secret_file, self._secret), (self.key_file, self.key)):
            file.touch(mode=0o600)
            file.write_text(secret, "utf-8")

    async def _child(self, name: str, arguments: list[str], environ: Mapping[str, str]) -> Child:
        child = await Child.start(name, arguments, log=self.folder / f"{name}.log", environ=environ)
        self._stack.push_async_callback(child.stop)
        self.started.append(child)
        return child

    async def _fund(self, rpc: RpcChain) -> None:
        signature = await rpc.airdrop(self.wallet, FUNDS_LAMPORTS)
        for _ in range(200):
            (status,) = await rpc.statuses([signature])
            if status is not None and status.commitment is not Commitment.PROCESSED:
                return
            await asyncio.sleep(0.1)
        raise ConfigError("the faucet's transaction was not confirmed within 20 s")

    def _settings(self) -> dict[str, Any]:
        """What a trader would write by hand: where the chain is, which tokens have names, whom to copy."""
        world = genesis(self.seed)
        return {
            "mode": "localnet",
            "data_dir": str(self.folder),
            "rpc": {
                "primary_url": self.endpoints["rpc"],
                "ws_url": self.endpoints["ws"],
                "rate_per_s": CALLS_PER_S,
            },
            "geyser": {"url": self.endpoints["geyser"]},
            "jito": {"url": self.endpoints["jito"]},
            "api": {"port": self.port},
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


def fresh_folder(parent: Path, seed: int) -> Path:
    """A new folder for one run, `latest` pointing at it: an embedded chain begins anew, and so must its books."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder = parent.absolute() / f"{stamp}-seed{seed}-{secrets.token_hex(2)}"
    try:
        folder.mkdir(parents=True, mode=0o700)
        latest = folder.parent / "latest"
        latest.unlink(missing_ok=True)
        latest.symlink_to(folder.name)
    except OSError as error:
        raise ConfigError(f"--data-dir: cannot use {parent}: {error.strerror}") from None
    for old in sorted(path for path in folder.parent.glob("*-seed*") if path.is_dir())[:-RUNS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return folder
