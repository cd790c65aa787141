"""`chimera record` and `chimera recordings`: keep what the market did, and look at what was kept."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from chimera.commands.options import ConfigFiles, DataDir
from chimera.domain.errors import ConfigError

Settings = Callable[[list[Path] | None, Path | None], Any]
"""(settings files, data folder) -> what wiring takes."""
Run = Callable[[Callable[[asyncio.Event], Coroutine[Any, Any, Any]]], Any]
"""Runs a coroutine until it ends or a signal sets the event."""

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Of a recording.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Moment = Annotated[
    str | None, typer.Option(help="UTC, as in 2026-11-21T05:00, or Unix seconds.", metavar="TIME")
]


def add_record(app: typer.Typer, settings: Settings, run: Run) -> None:
    """`chimera record`."""

    @app.command()
    def record(
        *,
        out: Annotated[
            Path | None,
            typer.Option(help="The recording's folder; else the settings' own.", metavar="FOLDER"),
        ] = None,
        for_s: Annotated[
            float | None, typer.Option("--for", help="End by itself after so many seconds.", min=0.1)
        ] = None,
        config: ConfigFiles = None,
        data_dir: DataDir = None,
    ) -> None:
        """Record the market: raw updates and decoded events, as Parquet. Needs a stream and a node, and no key.

        A desk that runs anyway records beside its work with `recording.enabled: true`.
        """
        import msgspec

        from chimera import wiring
        from chimera.wiring.recording import record as keep

        wished = settings(config, data_dir)
        if out is not None:
            changed = msgspec.structs.replace(wished.recording, folder=str(out))
            wished = msgspec.structs.replace(wished, recording=changed)

        def started(said: dict[str, Any]) -> None:
            print(json.dumps(said), flush=True)

        async def until(stop: asyncio.Event) -> None:
            if for_s is not None:
                asyncio.get_running_loop().call_later(for_s, stop.set)
            await keep(wished, observer=wiring.observing(wished), stop=stop, started=started)

        run(until)


def recordings_commands() -> typer.Typer:
    """`chimera recordings ...`: reads only, also while the recording is being made."""
    app = typer.Typer(help="Recordings of the market.", no_args_is_help=True)

    @app.command("list")
    def list_(
        folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Of recordings, or of one.")] = Path(
            "data"
        ),
        *,
        json_: Json = False,
    ) -> None:
        """Tell which recordings lie in a folder and below it, and what they span."""
        from chimera.adapters.recording_folder import RecordingFolder, recordings_below

        found = recordings_below(folder)
        if not found:
            raise ConfigError(f"no recording in {folder} or below")
        for where in found:
            _print_info(where, RecordingFolder(where).info(), json_=json_)

    @app.command("show")
    def show(
        folder: Folder,
        *,
        from_: Annotated[
            str | None, typer.Option("--from", help="UTC, or Unix seconds.", metavar="TIME")
        ] = None,
        to: Moment = None,
        kind: Annotated[
            list[str] | None,
            typer.Option(help="Only such records, as in Trade or AccountUpdate.", metavar="KIND"),
        ] = None,
        limit: Annotated[int, typer.Option(help="At most so many lines.", min=1)] = 50,
        counts: Annotated[bool, typer.Option(help="How many of each kind, instead of the records.")] = False,
    ) -> None:
        """Print records as JSON lines, or count them."""
        from chimera.adapters.recording_folder import RecordingFolder
        from chimera.commands.recordings_text import kinds_counted, line_of

        start = moment_ms(from_)
        read = RecordingFolder(folder).read(from_ms=start, to_ms=moment_ms(to))
        # a reader is also given the snapshot before; people asked for a stretch of time
        records = (record for record in read if start is None or record.at_ms >= start)
        if counts:
            for name, count in kinds_counted(records):
                print(f"{count:>12}  {name}")
            return
        wanted, left = set(kind or ()), limit
        for record in records:
            if wanted and type(record.item).__name__ not in wanted:
                continue
            print(line_of(record))
            left -= 1
            if not left:
                break

    @app.command("verify")
    def verify(folder: Folder) -> None:
        """Read every record and hold it against what was written; tell what is damaged or missing.

        Exit code 1 for damage. A gap is no damage: it is told, as readers are told of it.
        """
        from chimera.adapters.recording_folder import RecordingFolder, segments, verify_segment
        from chimera.domain.recording import RecordingBroken

        info = RecordingFolder(folder).info()
        records = sum(
            found.records for path in segments(folder) if (found := verify_segment(path)) is not None
        )
        if not info.whole:
            for record in RecordingFolder(folder).read():
                if isinstance(record.item, RecordingBroken):
                    lost = "an unknown number of" if record.item.lost is None else record.item.lost
                    print(
                        f"before record {record.seq}, {_time(record.at_ms)}: {record.item.cause} ({lost} lost)"
                    )
        print(f"ok: {records} records in {len(segments(folder))} segments, as they were written")

    @app.command("export")
    def export(
        folder: Folder,
        *,
        out: Annotated[
            Path, typer.Option(help="A file: .jsonl, or .parquet for one typed table.", metavar="FILE")
        ],
        table: Annotated[
            str, typer.Option(help="Of a .parquet or .csv: trades, pools, mints, slots or gaps.")
        ] = "trades",
        from_: Annotated[
            str | None, typer.Option("--from", help="UTC, or Unix seconds.", metavar="TIME")
        ] = None,
        to: Moment = None,
    ) -> None:
        """Write the decoded events elsewhere: JSON lines with their headers, or a table for other tools."""
        from chimera.commands.recordings_text import export_to

        count = export_to(folder, out, table=table, from_ms=moment_ms(from_), to_ms=moment_ms(to))
        print(f"{count} rows in {out}")

    return app


def moment_ms(text: str | None) -> int | None:
    """Unix milliseconds; raises ConfigError."""
    if text is None:
        return None
    try:
        return int(float(text) * 1_000)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no time: write 2026-11-21T05:00 (UTC) or Unix seconds") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")


def _print_info(where: Path, info: Any, *, json_: bool) -> None:
    import msgspec

    if json_:
        print(msgspec.json.encode({"folder": str(where), **msgspec.to_builtins(info)}).decode())
        return
    whole = "whole" if info.whole else "with gaps"
    print(f"{where}")
    print(f"  {info.records} records, {info.bytes / 1e6:.1f} MB, {whole}, {len(info.snapshots)} snapshots")
    print(f"  {_time(info.first_ms)} to {_time(info.last_ms)}, slots {info.first_slot} to {info.last_slot}")
