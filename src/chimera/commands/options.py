"""Options that many commands share, said once: where the settings and the books are."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

ConfigFiles = Annotated[
    list[Path] | None, typer.Option("-c", "--config", help="A settings file; later ones win.", metavar="FILE")
]
DataDir = Annotated[Path | None, typer.Option(help="Folder of journal, tables and vault.", metavar="DIR")]
LoadSettings = Callable[[list[Path] | None, Path | None], Any]
"""Reads the settings: the files given, and a data folder that goes before theirs."""
