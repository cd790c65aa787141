"""`chimera reconcile` and `chimera dead-letters`: what a person must look at, asked of the running desk.

The desk alone writes the journal, so both go through its API; the key comes from CHIMERA_API_KEY. Where no desk runs,
`chimera reconcile --offline` opens the books itself.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from chimera.commands.desk import DESK_URL, desk_client
from chimera.domain.errors import Unreachable

ROWS = 200  # the API's own limit of a page
NO_DESK = 4  # exit code; ops/reconcile.sh then opens the books itself
WITHIN_S = 90.0  # a run waits for legs under way and asks a node about every fill

Url = Annotated[str, typer.Option(help="Of the running desk.")]
Because = Annotated[str, typer.Option("--because", help="Why, for the record.")]
Letter = Annotated[str, typer.Argument(metavar="ID", help="As listed, or the id of its trade.")]
Json = Annotated[bool, typer.Option("--json", help="As the API answers.")]
Run = Callable[[Callable[[asyncio.Event], Coroutine[Any, Any, Any]]], Any]
"""Runs a coroutine function to its end, stopped by Ctrl-C."""


ConfigFiles = Annotated[
    list[Path] | None, typer.Option("--config", help="Of the desk that is not running; may be repeated.")
]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Its journal and tables.")]
LoadSettings = Callable[[list[Path] | None, Path | None], Any]


def add_paperwork(app: typer.Typer, run: Run, settings: LoadSettings) -> None:
    """Adds the commands to `chimera`."""

    @app.command()
    def reconcile(
        *,
        because: Because = "asked on the command line",
        url: Url = DESK_URL,
        offline: Annotated[
            bool, typer.Option("--offline", help="No desk runs: open its books here.")
        ] = False,
        config: ConfigFiles = None,
        data_dir: DataDir = None,
        json_: Json = False,
    ) -> None:
        """Hold every open position against the chain now.

        Exit code 1 where something waits for a person, 4 where no desk answers.
        """
        if offline:
            raise typer.Exit(_offline(settings(config, data_dir), because, run, as_json=json_))
        try:
            done = run(lambda _: _ask(url, "POST", "/reconciliation/run", {"reason": because}))
        except Unreachable as error:
            print(f"chimera: {error}; where none runs, --offline opens its books", file=sys.stderr)
            raise typer.Exit(NO_DESK) from None
        told = run(lambda _: _ask(url, "GET", f"/reconciliation?unresolved=true&limit={ROWS}", None))
        if json_:
            print(json.dumps({"run": done, "unresolved": told}))
        else:
            print(done["message"])
            for row in told["items"]:
                print(_line(row))
        raise typer.Exit(1 if done["unresolved"] else 0)

    letters = typer.Typer(help="Signals and trades that got lost.", no_args_is_help=True)
    app.add_typer(letters, name="dead-letters")

    @letters.command("list")
    def listed(*, url: Url = DESK_URL, json_: Json = False) -> None:
        """Show the newest, those first that nobody has dealt with."""
        told = run(lambda _: _ask(url, "GET", f"/incidents/dead-letter?limit={ROWS}", None))
        if json_:
            print(json.dumps(told))
            return
        for row in sorted(told["items"], key=lambda row: row["processed_at"] is not None):
            state = "done" if row["processed_at"] else "can be retried" if row["can_retry"] else "waits"
            print(f"{row['id']:>8}  {row['reason']:<18} {state:<15} {row['error_details']}")
        if told["total"] > len(told["items"]):
            print(f"{told['total'] - len(told['items'])} older ones are not shown", file=sys.stderr)

    @letters.command("retry")
    def retry(letter: Letter, *, because: Because, url: Url = DESK_URL) -> None:
        """Let it in again, as a new signal of yours."""
        path = f"/incidents/dead-letter/{quote(letter, safe='')}/retry"
        print(json.dumps(run(lambda _: _ask(url, "POST", path, {"reason": because}))))

    @letters.command("discard")
    def discard(letter: Letter, *, because: Because, url: Url = DESK_URL) -> None:
        """Put it away for good."""
        path = f"/incidents/dead-letter/{quote(letter, safe='')}/discard"
        print(json.dumps(run(lambda _: _ask(url, "POST", path, {"reason": because}))))


def _offline(settings: Any, because: str, run: Run, *, as_json: bool) -> int:
    import msgspec

    from chimera import wiring
    from chimera.wiring.offline import reconcile_offline, told

    observer = wiring.observing(settings)
    found = run(lambda _: reconcile_offline(settings, cause=because, observer=observer))
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        print(told(found))
        for row in found.rows:
            print(
                _line(
                    {
                        **msgspec.structs.asdict(row),
                        "id": f"{row.seq}-{row.part}",
                        "on_chain_amount": row.actual,
                        "expected_amount": row.expected,
                    }
                )
            )
    return 1 if found.unresolved else 0


def _line(row: dict[str, Any]) -> str:
    books = f"{row['expected_state']} {row['expected_amount']}"
    chain = f"{row['actual_on_chain']} {row['on_chain_amount']}"
    about = row["trade_uuid"] or "the wallet"
    return f"{row['id']:>10}  {row['discrepancy']:<20} {about}: {books} in the books, {chain} on chain"


async def _ask(url: str, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
    async with desk_client(url, timeout_s=WITHIN_S) as desk:
        if method == "POST":
            return await desk.post(f"/api/v1{path}", body or {})
        return await desk.get(f"/api/v1{path}")
