"""`chimera blacklist`: mints and creators that the sniper never buys, changed on the running desk.

The list is a setting (`sniper.blacklist`), so every change is a journalled fact with a cause and can be undone; the
key comes from CHIMERA_API_KEY. Must not keep a list of its own.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from chimera.commands.desk import DESK_URL, desk_client
from chimera.domain.errors import ConfigError, DecodeError
from chimera.domain.ids import Address
from chimera.onchain.keys import address_bytes

SETTING = "sniper.blacklist"

Url = Annotated[str, typer.Option(help="Of the running desk.")]
Because = Annotated[str, typer.Option("--because", help="Why, for the record.")]
Marked = Annotated[str, typer.Argument(metavar="ADDRESS", help="Of a mint or of a creator.")]
Run = Callable[[Callable[[asyncio.Event], Coroutine[Any, Any, Any]]], Any]


def blacklist_commands(run: Run) -> typer.Typer:
    """The group `chimera blacklist`."""
    app = typer.Typer(help="Mints and creators that the sniper never buys.", no_args_is_help=True)

    @app.command("list")
    def listed(*, url: Url = DESK_URL) -> None:
        """Show them, one a line."""
        known, _ = run(lambda _: _read(url))
        for address in known:
            print(address)

    @app.command("add")
    def add(address: Marked, *, because: Because, url: Url = DESK_URL) -> None:
        """Never buy it, or never buy of him, from now on."""
        try:
            address_bytes(Address(address))
        except DecodeError:
            raise ConfigError(f"{address} is no address") from None
        print(run(lambda _: _change(url, because, lambda known: [*known, address])))

    @app.command("remove")
    def remove(address: Marked, *, because: Because, url: Url = DESK_URL) -> None:
        """Take it off the list."""
        told = run(lambda _: _change(url, because, lambda known: [one for one in known if one != address]))
        print(told)

    return app


async def _change(url: str, because: str, changed: Callable[[list[str]], list[str]]) -> str:
    """What was done, as a sentence; the desk refuses where somebody else has changed settings in between."""
    known, version = await _read(url)
    wanted = list(dict.fromkeys(changed(known)))
    if wanted == known:
        return f"nothing to change: {len(known)} on the list"
    body = {"changes": {SETTING: ", ".join(wanted)}, "reason": because, "version": version}
    async with desk_client(url) as desk:
        await desk.put("/api/v1/config", body)
    return f"{len(wanted)} on the list"


async def _read(url: str) -> tuple[list[str], int]:
    """(the list, version of the settings)"""
    async with desk_client(url) as desk:
        told = await desk.get("/api/v1/config/settings")
    value = next((one["value"] for one in told["items"] if one["key"] == SETTING), None)
    if value is None:
        print(f"the desk knows no setting {SETTING}", file=sys.stderr)
        raise typer.Exit(1)
    return value.replace(",", " ").split(), told["version"]
