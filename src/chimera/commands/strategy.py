"""`chimera strategy`: which strategies there are, with which parameters; a new one from a template; its contract.

Prints; what is found and tried is decided next door (`wiring.rehearsing`).
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from chimera.commands.desk import DESK_URL, desk_client
from chimera.domain.errors import ConfigError

Settings = Callable[[list[Path] | None, Path | None], Any]
"""(settings files, data folder) -> what wiring takes."""

ConfigFiles = Annotated[
    list[Path] | None, typer.Option("-c", "--config", help="A settings file; later ones win.", metavar="FILE")
]
FolderOption = Annotated[
    Path | None, typer.Option(help="Folder of your own strategies; else `strategies.folder`.", metavar="DIR")
]
Json = Annotated[bool, typer.Option("--json")]


Run = Callable[[Callable[[asyncio.Event], Coroutine[Any, Any, Any]]], Any]


def strategy_commands(settings: Settings, run: Run) -> typer.Typer:
    app = typer.Typer(help="Strategies: those there are, and your own.", no_args_is_help=True)

    @app.command("list")
    def list_(*, folder: FolderOption = None, json_: Json = False, config: ConfigFiles = None) -> None:
        """Every strategy that is found, and whether the settings switch it on."""
        import msgspec

        from chimera.wiring.rehearsing import sections

        for section in sections(_with_folder(settings(config, None), folder)):
            said = {
                "name": section.name,
                "enabled": section.enabled,
                "share_percent": section.share_percent,
                "own": section.own,
            }
            if json_:
                print(msgspec.json.encode(said).decode())
            else:
                state = "on " if section.enabled else "off"
                whose = "  your own" if section.own else ""
                print(f"{section.name:<14} {state}  {section.share_percent:>3} % of the equity{whose}")

    @app.command()
    def show(
        name: str, *, folder: FolderOption = None, json_: Json = False, config: ConfigFiles = None
    ) -> None:
        """The parameters of one strategy as the settings have them, with types and ranges."""
        import msgspec

        from chimera.wiring.rehearsing import parameters, section_of

        section = section_of(_with_folder(settings(config, None), folder), name)
        params = section.params()
        if json_:
            shape = msgspec.json.schema(section.factory.params_type)
            said = {"name": name, "params": msgspec.to_builtins(params), "schema": shape}
            print(msgspec.json.encode(said).decode())
            return
        print(f"{section.key}.enabled = {str(section.enabled).lower()}")
        for key, value, known in parameters(section):
            limits = "" if known.minimum is None else f"{known.minimum} to {known.maximum}"
            told = "; ".join(one for one in (limits, known.text.partition("\n")[0]) if one)
            print(
                f"{section.key}.{key} = {str(value).lower() if isinstance(value, bool) else value}  # {told}"
            )

    @app.command("set")
    def set_(
        name: str,
        changes: Annotated[list[str], typer.Argument(metavar="PARAM=VALUE...", help="All of them or none.")],
        *,
        because: Annotated[str, typer.Option("--because", help="Why, for the record.")],
        url: Annotated[str, typer.Option(help="Of the running desk.")] = DESK_URL,
    ) -> None:
        """Change parameters of a strategy, yours or ours, on the running desk: at once, journalled, within ranges."""
        print(run(lambda _: changed(url, name, changes, because)))

    @app.command()
    def new(name: str, *, folder: FolderOption = None, config: ConfigFiles = None) -> None:
        """Write a strategy of your own from a template: it runs, and its comments say what to change."""
        from chimera.wiring.rehearsing import write_template

        place = str(folder or settings(config, None).strategies.folder)
        if not place:
            raise ConfigError("strategies.folder is empty: name a folder with --folder")
        file = write_template(Path(place), name)
        print(f"{file} written; try it: chimera strategy check {name} --folder {place}")

    @app.command()
    def check(
        name: str,
        *,
        folder: FolderOption = None,
        recording: Annotated[
            Path | None, typer.Option(help="Play it through a recording.", metavar="FOLDER")
        ] = None,
        events: Annotated[int, typer.Option(help="At the most.", min=100, max=100_000_000)] = 12_000,
        seed: Annotated[
            int, typer.Option(help="Of the market made up where there is no recording.", min=0)
        ] = 1,
        json_: Json = False,
        config: ConfigFiles = None,
    ) -> None:
        """Run the contract suite: deterministic, bounded, limited, and blind to the future.

        Exit code 1 where a promise is broken. What it earned is not told: rehearsals fill for nothing.
        """
        import msgspec

        from chimera.wiring.rehearsing import section_of, tried

        section = section_of(_with_folder(settings(config, None), folder), name)
        found = tried(section, recording=recording, events=events, seed=seed)
        if json_:
            print(msgspec.json.encode(found).decode())
        elif found.broken:
            print(f"{name} breaks its contract: {found.broken}")
        else:
            words = ", ".join(f"{code} {times}" for code, times in found.words.items()) or "no words"
            print(f"{name} keeps its contract: {found.events} events, {found.intents} intents, {words}")
        raise typer.Exit(1 if found.broken else 0)

    return app


async def changed(url: str, name: str, changes: list[str], because: str) -> str:
    """What was done, as a sentence; raises ConfigError for what no running strategy knows."""
    wanted = dict(one.partition("=")[::2] for one in changes)
    async with desk_client(url) as desk:
        told = await desk.get("/api/v1/config/settings")
        known = {one["key"]: one["value"] for one in told["items"]}
        prefix = next(
            (
                place
                for place in (f"strategies.own.{name}.", f"{name}.")
                if any(key.startswith(place) for key in known)
            ),
            None,
        )
        if prefix is None:
            raise ConfigError(f"the desk runs no strategy {name} whose parameters may change")
        for param in wanted:
            if f"{prefix}{param}" not in known:
                names = ", ".join(key.removeprefix(prefix) for key in known if key.startswith(prefix))
                raise ConfigError(f"{name} has no parameter {param}; it has {names}")
        body = {
            "changes": {f"{prefix}{param}": _typed(value) for param, value in wanted.items()},
            "reason": because,
            "version": told["version"],
        }
        await desk.put("/api/v1/config", body)
    return ", ".join(f"{param} {known[prefix + param]} -> {value}" for param, value in wanted.items())


def _typed(value: str) -> Any:
    """`true` and `false` as such; numbers and "0.5 SOL" are read by the desk."""
    return {"true": True, "false": False}.get(value, value)


def _with_folder(settings: Any, folder: Path | None) -> Any:
    """The settings with another folder of strategies."""
    import msgspec

    if folder is None:
        return settings
    changed = msgspec.structs.replace(settings.strategies, folder=str(folder))
    return msgspec.structs.replace(settings, strategies=changed)
