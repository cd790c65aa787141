"""`chimera sim`: days of bad luck for the real desk, by seed; a failing one is printed and can be played again."""

import json
from typing import Annotated

import typer


def add_storms(app: typer.Typer) -> None:
    """Adds the command to `chimera`."""

    @app.command()
    def sim(
        *,
        seeds: Annotated[int, typer.Option(min=1, help="How many days.")] = 300,
        first: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
        json_: Annotated[bool, typer.Option("--json", help="One JSON object a day.")] = False,
    ) -> None:
        """Try the desk against a simulated chain with seeded faults and kills, in virtual time.

        Exit code 1 where something did not hold; `--first SEED --seeds 1` plays that day again.
        """
        import msgspec

        from chimera.sim.storm import storm

        kills = landed = undone = hours = 0
        broken = []
        for seed in range(first, first + seeds):
            found = storm(seed)
            kills, landed, undone = kills + found.kills, landed + found.landed, undone + found.undone
            hours += found.virtual_s
            if found.broken:
                broken.append(seed)
            if json_:
                print(json.dumps(msgspec.to_builtins(found)))
            elif found.broken:
                print(f"seed {seed}: {found.broken}")
        told = f"{kills} kills, {landed} legs landed, {undone} undone by forks, {hours / 3_600:.1f} simulated hours"
        print(f"{seeds - len(broken)} of {seeds} days held: {told}")
        raise typer.Exit(1 if broken else 0)
