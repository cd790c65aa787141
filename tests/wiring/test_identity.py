"""The secret that signs logins, and the commands that say who may come in."""

import os
import stat
from pathlib import Path

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_keys import SqlKeys
from chimera.cli import app
from chimera.config import Secret, Settings
from chimera.domain.errors import ConfigError
from chimera.wiring.identity import JWT_SECRET_FILE, jwt_secret

WALLET = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"


def settings(folder: Path, secret: str = "") -> Settings:
    given = Settings(data_dir=str(folder))
    security = msgspec.structs.replace(given.security, jwt_secret=Secret(secret))
    return msgspec.structs.replace(given, security=security)


def test_a_secret_is_made_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    made = jwt_secret(settings(tmp_path))
    assert len(made) >= 32 and jwt_secret(settings(tmp_path)) == made
    assert stat.S_IMODE((tmp_path / JWT_SECRET_FILE).stat().st_mode) == 0o600
    assert jwt_secret(settings(tmp_path / "other")) != made


def test_the_environments_secret_is_taken_and_written_nowhere(tmp_path: Path) -> None:
    assert jwt_secret(settings(tmp_path, "e" * 40)) == b"e" * 40
    assert not (tmp_path / JWT_SECRET_FILE).exists()


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    jwt_secret(settings(tmp_path))
    (tmp_path / JWT_SECRET_FILE).chmod(0o644)
    with pytest.raises(ConfigError, match="others can read it"):
        jwt_secret(settings(tmp_path))


def test_a_secret_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / JWT_SECRET_FILE
    path.write_bytes(b"short")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="too short"):
        jwt_secret(settings(tmp_path))


def test_where_nothing_can_be_kept_the_environment_is_named(tmp_path: Path) -> None:
    (tmp_path / JWT_SECRET_FILE).symlink_to(tmp_path / "gone" / "there")
    with pytest.raises(ConfigError, match="CHIMERA_SECURITY__JWT_SECRET"):
        jwt_secret(settings(tmp_path))


class Commands:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str) -> tuple[int, str]:
        done = CliRunner().invoke(
            app,
            [*words, "--data-dir", str(self.folder)],
            env={name: "" for name in os.environ if "CHIMERA" in name},
        )
        return done.exit_code, done.output if not isinstance(done.exception, ConfigError) else str(
            done.exception
        )


def test_keys_are_made_listed_without_what_opens_and_revoked(tmp_path: Path) -> None:
    commands = Commands(tmp_path)
    code, key = commands.run("keys", "create", "ann", "--role", "operator")
    key = key.strip()
    code, listed = commands.run("keys", "list")
    assert code == 0 and "ann" in listed and "operator" in listed and key not in listed
    engine = open_engine(tmp_path / "chimera.db")
    holder = SqlKeys(engine).lookup(key)
    assert holder is not None and holder.role == "operator"
    assert commands.run("keys", "revoke", key[:10])[0] == 0
    assert SqlKeys(engine).lookup(key) is None
    assert commands.run("keys", "revoke", "ann")[0] == 1
    engine.dispose()


def test_wallets_are_let_in_given_another_role_and_shut_out(tmp_path: Path) -> None:
    commands = Commands(tmp_path)
    assert commands.run("admins", "add", WALLET, "--role", "admin", "--as", "ann")[0] == 0
    assert commands.run("admins", "add", WALLET, "--role", "readonly")[0] == 0
    _, listed = commands.run("admins", "list", "--json")
    (row,) = [msgspec.json.decode(line) for line in listed.splitlines()]
    assert (row["wallet_address"], row["role"]) == (WALLET, "readonly")
    assert commands.run("admins", "revoke", WALLET)[0] == 0
    assert commands.run("admins", "revoke", WALLET)[0] == 1
    assert "not a Solana address" in commands.run("admins", "add", "nope")[1]
    assert "no role boss" in commands.run("admins", "add", WALLET, "--role", "boss")[1]
    assert commands.run("admins", "unenrol", "ann")[0] == 1


def test_the_command_line_knows_both_families() -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert set(known["keys"].commands) == {"create", "list", "revoke"}
    assert set(known["admins"].commands) == {"add", "list", "revoke", "unenrol"}
