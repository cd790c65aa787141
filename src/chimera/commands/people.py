"""`chimera keys` and `chimera admins`: who may use the dashboard and its API.

Settings come from whoever reads them; nothing here knows what they hold.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer

from chimera.commands.options import ConfigFiles, DataDir

Settings = Callable[[list[Path] | None, Path | None], Any]
"""(settings files, data folder) -> what wiring takes."""

JsonLines = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Role = Annotated[str, typer.Option(help="readonly, operator or admin.")]
Wallet = Annotated[str, typer.Argument(help="The wallet's address.")]


def keys_commands(settings: Settings) -> typer.Typer:
    app = typer.Typer(help="API keys of the dashboard and its API.", no_args_is_help=True)

    @app.command("create")
    def create(
        identifier: Annotated[str, typer.Argument(help="Whose key it is.")],
        *,
        role: Role = "readonly",
        config: ConfigFiles = None,
        data_dir: DataDir = None,
    ) -> None:
        """Make an API key. It is printed this one time and kept only as a hash."""
        from chimera import wiring

        print(wiring.create_key(settings(config, data_dir), role=role, identifier=identifier))

    @app.command("list")
    def listed(*, json_: JsonLines = False, config: ConfigFiles = None, data_dir: DataDir = None) -> None:
        """Show whose keys there are, by their first characters."""
        from chimera import wiring

        rows = [row for row in wiring.list_people(settings(config, data_dir)) if row.key_prefix is not None]
        _print(rows, json_=json_)

    @app.command("revoke")
    def revoke(
        name: Annotated[str, typer.Argument(help="Whose keys, or a key's first characters as listed.")],
        *,
        config: ConfigFiles = None,
        data_dir: DataDir = None,
    ) -> None:
        """Switch keys off, at once and for good."""
        from chimera import wiring

        count = wiring.revoke_key(settings(config, data_dir), name=name)
        if not count:
            _fail(f"there is no key of {name} to revoke; see `chimera keys list`")
        print(f"revoked: {count}")

    return app


def admins_commands(settings: Settings) -> typer.Typer:
    app = typer.Typer(help="Wallets that may log in to the dashboard.", no_args_is_help=True)

    @app.command("add")
    def add(
        address: Wallet,
        *,
        role: Role = "readonly",
        identifier: Annotated[
            str, typer.Option("--as", help="Whose it is; the address where not given.")
        ] = "",
        config: ConfigFiles = None,
        data_dir: DataDir = None,
    ) -> None:
        """Let a wallet log in, or change its role."""
        from chimera import wiring

        wiring.add_admin(settings(config, data_dir), address=address, role=role, identifier=identifier)
        print(f"{address}: {role}")

    @app.command("list")
    def listed(*, json_: JsonLines = False, config: ConfigFiles = None, data_dir: DataDir = None) -> None:
        """Show the wallets that may log in."""
        from chimera import wiring

        people = wiring.list_people(settings(config, data_dir))
        _print([row for row in people if row.wallet_address is not None], json_=json_)

    @app.command("revoke")
    def revoke(address: Wallet, *, config: ConfigFiles = None, data_dir: DataDir = None) -> None:
        """Shut a wallet out; its logins end at once."""
        from chimera import wiring

        if not wiring.revoke_admin(settings(config, data_dir), address=address):
            _fail(f"{address} may not log in anyway; see `chimera admins list`")
        print(f"revoked: {address}")

    @app.command("unenrol")
    def unenrol(
        identifier: Annotated[str, typer.Argument(help="Whose authenticator app is lost.")],
        *,
        config: ConfigFiles = None,
        data_dir: DataDir = None,
    ) -> None:
        """Remove somebody's second factor, so that he can enrol a new one."""
        from chimera import wiring

        if not wiring.forget_factor(settings(config, data_dir), identifier=identifier):
            _fail(f"{identifier} has no second factor")
        print(f"forgotten: {identifier}")

    return app


def _print(rows: Iterable[Any], *, json_: bool) -> None:
    for row in rows:
        if json_:
            print(msgspec.json.encode(row).decode())
        else:
            state = "revoked" if row.revoked_at_ms is not None else row.role
            print(f"{row.key_prefix or row.wallet_address:<44}  {state:<8}  {row.identifier}")


def _fail(text: str) -> NoReturn:
    print(f"chimera: {text}", file=sys.stderr)
    sys.exit(1)
