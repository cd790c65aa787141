"""`chimera strategy`: which strategies there are, with which parameters; a new one from a template; its contract.

Prints; what is found and tried is decided next door (`wiring.rehearsing`).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

Settings = Callable[[list[Path] | None, Path | None], Any]
"""(settings files, data folder) -> what wiring takes."""

ConfigFiles = Annotated[
    list[Path] | None, typer.Option("-c", "--config", help="A settings file; later ones win.", metavar="FILE")
]
FolderOption = Annotated[
    Path | None, typer.Option(help="Folder of your own strategies; else `strategies.folder`.", metavar="DIR")
]
Json = Annotated[bool, typer.Option("--json")]


def strategy_commands(settings: Settings) -> typer.Typer:
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

        from chimera.wiring.rehearsing import section_of

        section = section_of(_with_folder(settings(config, None), folder), name)
        params = section.params()
        if json_:
            shape = msgspec.json.schema(section.factory.params_type)
            said = {"name": name, "params": msgspec.to_builtins(params), "schema": shape}
            print(msgspec.json.encode(said).decode())
            return
        place = f"strategies.own.{name}" if section.own else name
        print(f"{place}.enabled = {str(section.enabled).lower()}")
        for key, value in _leaves(msgspec.to_builtins(params), place):
            print(f"{key} = {value}")

    @app.command()
    def new(name: str, *, folder: FolderOption = None, config: ConfigFiles = None) -> None:
        """Write a strategy of your own from a template: it runs, and its comments say what to change."""
        from chimera.domain.errors import ConfigError
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


def _with_folder(settings: Any, folder: Path | None) -> Any:
    """The settings with another folder of strategies."""
    import msgspec

    if folder is None:
        return settings
    changed = msgspec.structs.replace(settings.strategies, folder=str(folder))
    return msgspec.structs.replace(settings, strategies=changed)


def _leaves(tree: dict[str, Any], at: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in tree.items():
        found += _leaves(value, f"{at}.{key}") if isinstance(value, dict) else [(f"{at}.{key}", value)]
    return found
