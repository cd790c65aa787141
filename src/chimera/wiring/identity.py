"""People: who may come in, by which key, and the secret that signs what they carry."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from chimera.adapters.clocks import WallClock
from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_keys import KeyRow, SqlKeys
from chimera.adapters.store_logins import SqlLogins
from chimera.adapters.wallet_proof import signed_by
from chimera.config import Settings
from chimera.control.sessions import Identity
from chimera.domain.errors import ConfigError
from chimera.wiring.outside import data_dir, vault_path

JWT_SECRET_FILE = "jwt.secret"  # noqa: S105 - its name
BY = "command line"


def identity(settings: Settings, engine: Engine) -> Identity:
    return Identity(
        logins=SqlLogins(engine),
        signed_by=signed_by,
        secret=jwt_secret(settings),
        domains=settings.api.domains,
        plain=settings.security.plain_wallet_login,
    )


def jwt_secret(settings: Settings) -> bytes:
    """From the environment; else the data folder's own, made there the first time, readable by its owner alone."""
    given = settings.security.jwt_secret.reveal()
    if given:
        return given.encode()
    path = data_dir(settings) / JWT_SECRET_FILE
    try:
        return _made(path) if not path.exists() else _read(path)
    except OSError as error:
        raise ConfigError(
            f"security.jwt_secret: cannot keep one in {path}: {error.strerror}; "
            "set CHIMERA_SECURITY__JWT_SECRET instead"
        ) from None


def secret_files(settings: Settings) -> dict[str, Path | None]:
    """Where each secret of this house lies; None for one that the environment gave."""
    security = settings.security
    return {
        "vault with the trading key": vault_path(settings),
        "secret that signs logins": None if security.jwt_secret else data_dir(settings) / JWT_SECRET_FILE,
        **({"webhook secret": None} if security.webhook_secret else {}),
        **({"webhook secret before, in its grace": None} if security.webhook_secret_previous else {}),
    }


def _made(path: Path) -> bytes:
    secret = secrets.token_hex(32).encode()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # a second process was faster
        return _read(path)
    with os.fdopen(handle, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    return secret


def _read(path: Path) -> bytes:
    """Raises ConfigError where others can read it, or where it is no secret of ours."""
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"{path}: others can read it; chmod 600 it, or delete it to have a new one made")
    secret = path.read_bytes()
    if len(secret) < 32:
        raise ConfigError(f"{path}: too short to be a secret; delete it to have a new one made")
    return secret


def create_key(settings: Settings, *, role: str, identifier: str) -> str:
    """A new API key in plain text, this one time."""
    with _keys(settings) as (keys, now_ms):
        return keys.create_key(role=role, identifier=identifier, by=BY, at_ms=now_ms)


def list_people(settings: Settings) -> tuple[KeyRow, ...]:
    """API keys by their beginnings, and wallets; revoked ones too."""
    with _keys(settings) as (keys, _):
        return keys.all()


def revoke_key(settings: Settings, *, name: str) -> int:
    """How many of somebody's keys, or of keys that begin so, were switched off now."""
    with _keys(settings) as (keys, now_ms):
        return keys.revoke(identifier=name, at_ms=now_ms) or keys.revoke_prefix(prefix=name, at_ms=now_ms)


def add_admin(settings: Settings, *, address: str, role: str, identifier: str) -> None:
    with _keys(settings) as (keys, now_ms):
        keys.add_wallet(address, role=role, identifier=identifier or address, by=BY, at_ms=now_ms)


def revoke_admin(settings: Settings, *, address: str) -> int:
    with _keys(settings) as (keys, now_ms):
        return keys.revoke_wallet(address, at_ms=now_ms)


def forget_factor(settings: Settings, *, identifier: str) -> bool:
    engine = open_engine(data_dir(settings) / "chimera.db")
    try:
        return SqlLogins(engine).forget_factor(identifier)
    finally:
        engine.dispose()


@contextmanager
def _keys(settings: Settings) -> Iterator[tuple[SqlKeys, int]]:
    engine = open_engine(data_dir(settings) / "chimera.db")
    try:
        yield SqlKeys(engine), WallClock().now_ms()
    finally:
        engine.dispose()
