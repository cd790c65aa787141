"""`chimera sim`: days of bad luck for the real desk, by seed; a failing one is printed and can be played again."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from chimera.sim.storm import Found

DAYS_A_TASK = 20  # a day takes some 40 ms, handing it over to another process about one


def add_storms(app: typer.Typer) -> None:
    """Adds the command to `chimera`."""

    @app.command()
    def sim(
        *,
        seeds: Annotated[int, typer.Option(min=1, help="How many days.")] = 300,
        first: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
        jobs: Annotated[int, typer.Option(min=0, help="Processes at a time; 0: one a core.")] = 0,
        json_: Annotated[bool, typer.Option("--json", help="One JSON object a day.")] = False,
    ) -> None:
        """Try the desk against a simulated chain with seeded faults and kills, in virtual time.

        Exit code 1 where something did not hold; `--first SEED --seeds 1` plays that day again.
        """
        import msgspec

        kills = landed = undone = hours = 0
        broken = []
        for found in _days(range(first, first + seeds), jobs or os.cpu_count() or 1):
            kills, landed, undone = kills + found.kills, landed + found.landed, undone + found.undone
            hours += found.virtual_s
            if found.broken:
                broken.append(found.seed)
            if json_:
                print(json.dumps(msgspec.to_builtins(found)))
            elif found.broken:
                print(f"seed {found.seed}: {found.broken}", flush=True)
        told = f"{kills} kills, {landed} legs landed, {undone} undone by forks, {hours / 3_600:.1f} simulated hours"
        print(f"{seeds - len(broken)} of {seeds} days held: {told}")
        raise typer.Exit(1 if broken else 0)


def _days(seeds: range, jobs: int) -> "Iterator[Found]":
    """In the order of their seeds, whoever plays them."""
    from chimera.sim.storm import storm

    if jobs == 1 or len(seeds) <= DAYS_A_TASK:
        yield from map(storm, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(storm, seeds, chunksize=DAYS_A_TASK)
