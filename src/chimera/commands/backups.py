"""`chimera backup`: copies of the books made, listed, checked and put back by hand, whether a desk runs or not."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from chimera.commands.options import ConfigFiles, DataDir, LoadSettings

Into = Annotated[Path | None, typer.Option("--into", help="Instead of the settings' folder.", metavar="DIR")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Of one backup.")]


def backup_commands(settings: LoadSettings) -> typer.Typer:
    """The group `chimera backup`."""
    app = typer.Typer(help="Copies of the books: journal and tables, with their sums.", no_args_is_help=True)

    @app.command("make")
    def make(*, into: Into = None, config: ConfigFiles = None, data_dir: DataDir = None) -> None:
        """Copy the books now; the desk may go on. The copy is checked before it gets its name."""
        from chimera.adapters.backups import make_backup
        from chimera.wiring.backups import archive_folder, backups_folder

        read = settings(config, data_dir)
        at_ms = time.time_ns() // 1_000_000
        made = make_backup(
            Path(read.data_dir), into or backups_folder(read), at_ms=at_ms, archive=archive_folder(read)
        )
        print(f"{made.folder}: {made.files} files, {made.bytes} bytes, checked")

    @app.command("list")
    def listed(*, into: Into = None, config: ConfigFiles = None, data_dir: DataDir = None) -> None:
        """Show them, oldest first."""
        from chimera.adapters.backups import backups
        from chimera.wiring.backups import backups_folder

        for one in backups(into or backups_folder(settings(config, data_dir))):
            made = datetime.fromtimestamp(one.at_ms / 1000, UTC).isoformat(timespec="seconds")
            print(f"{made}  {one.bytes:>12} bytes  {one.folder}")

    @app.command("verify")
    def verify(folder: Folder) -> None:
        """Check every sum, the tables' integrity and the journal's chain; exit code 1 where one is wrong."""
        from chimera.adapters.backups import check_backup

        found = check_backup(folder)
        print(f"ok: {found.entries} journal entries, chain unbroken; tables {found.tables}")

    @app.command("restore")
    def restore(folder: Folder, *, config: ConfigFiles = None, data_dir: DataDir = None) -> None:
        """Put a backup's books into an empty data folder. Nothing is overwritten; the vault is not in it."""
        from chimera.adapters.backups import restore_backup

        into = Path(settings(config, data_dir).data_dir)
        found = restore_backup(folder, into)
        print(f"{found.entries} journal entries and tables are in {into}; tables {found.tables}")
        print("put your vault file there, then start the desk: it looks up what happened since on the chain")

    return app
