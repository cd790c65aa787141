"""`chimera vault` and `chimera config`: the trading key, kept encrypted, and the settings as the desk would read them.

Neither prints a secret; a passphrase comes from the environment or is asked for, never from the command line.
"""

import json
import sys
from typing import Any

import typer

from chimera.commands.options import ConfigFiles, DataDir, LoadSettings
from chimera.domain.errors import ConfigError


def vault_commands(settings: LoadSettings) -> typer.Typer:
    """The group `chimera vault`."""
    app = typer.Typer(help="The trading key, kept encrypted.", no_args_is_help=True)

    @app.command("init")
    def init(*, config: ConfigFiles = None, data_dir: DataDir = None) -> None:
        """Make a new trading key and keep it encrypted. Asks for a passphrase unless the environment has one."""
        from chimera import wiring
        from chimera.adapters.signers.vault import create

        read = settings(config, data_dir)
        path = wiring.vault_path(read)
        print(f"{create(path, _passphrase(read))}\nvault: {path}")

    @app.command("show")
    def show(*, config: ConfigFiles = None, data_dir: DataDir = None) -> None:
        """Print the vault's address. There is no way to print its key."""
        from chimera import wiring
        from chimera.adapters.signers import vault

        print(vault.show(wiring.vault_path(settings(config, data_dir))))

    @app.command("import")
    def import_(*, config: ConfigFiles = None, data_dir: DataDir = None) -> None:
        """Read a key from standard input (solana-keygen's JSON array, or base58) and keep it encrypted."""
        from chimera import wiring
        from chimera.adapters.signers.vault import import_key

        read = settings(config, data_dir)
        if sys.stdin.isatty():
            print("paste the key, then Ctrl-D:", file=sys.stderr)
        text = sys.stdin.read()
        path = wiring.vault_path(read)
        print(f"{import_key(path, key_text=text, passphrase=_passphrase(read))}\nvault: {path}")

    return app


def config_commands(settings: LoadSettings) -> typer.Typer:
    """The group `chimera config`."""
    app = typer.Typer(help="Settings.", no_args_is_help=True)

    @app.command("schema")
    def schema_() -> None:
        """Print the JSON schema of a settings file."""
        from chimera.config import schema

        print(json.dumps(schema(), indent=2))

    @app.command("show")
    def show(*, config: ConfigFiles = None, data_dir: DataDir = None) -> None:
        """Print the settings as the desk would read them, secrets cut out."""
        from chimera.config import redacted

        print(json.dumps(redacted(settings(config, data_dir)), indent=2))

    return app


def _passphrase(settings: Any) -> str:
    secret: str = settings.security.vault_passphrase.reveal()
    if secret:
        return secret
    if not sys.stdin.isatty():
        raise ConfigError("no passphrase: set CHIMERA_SECURITY__VAULT_PASSPHRASE")
    return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True))
