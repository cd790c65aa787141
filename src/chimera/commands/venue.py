"""`chimera venue inspect`: what our decoders make of an account or transaction, with offsets.

Asks a node or reads a file, and prints; what is understood is decided next door (`market.anatomy`).
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

Settings = Callable[[list[Path] | None, Path | None], Any]
"""(settings files, data folder) -> what wiring takes."""


def venue_commands(settings: Settings) -> typer.Typer:
    app = typer.Typer(help="Venues: what is on chain, as we read it.", no_args_is_help=True)

    @app.callback()
    def only_groups() -> None:
        """A group even with one command in it."""

    @app.command("inspect")
    def inspect(
        what: Annotated[str, typer.Argument(metavar="ADDRESS|SIGNATURE|FILE")],
        *,
        url: Annotated[str | None, typer.Option(help="A node; else the settings' own.")] = None,
        owner: Annotated[str | None, typer.Option(help="Owner of an account that is bare bytes.")] = None,
        address: Annotated[str | None, typer.Option(help="Address of an account in a file.")] = None,
        json_: Annotated[bool, typer.Option("--json")] = False,
        config: Annotated[list[Path] | None, typer.Option("-c", "--config", metavar="FILE")] = None,
    ) -> None:
        """Decode an account or a transaction: every field with its offset, and what was not understood.

        Exit code 1 where something of a known venue could not be read.
        """
        import msgspec

        from chimera.commands.anatomy_text import told
        from chimera.wiring.inspect import inspect_chain, inspect_file

        if Path(what).exists():
            found = inspect_file(Path(what), owner=owner, address=address)
        else:
            node = url or settings(config, None).rpc.primary_url
            found = asyncio.run(inspect_chain(what, node))
        if json_:
            print(msgspec.json.encode(found).decode())
        else:
            for line in told(found):
                print(line)
        raise typer.Exit(0 if found.understood else 1)

    return app
