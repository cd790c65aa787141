"""`chimera quant`: a small quantitative engine of our own, for the rebalancer to ask."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

KEY = "CHIMERA_REBALANCER__KEY"
Run = Callable[[Callable[[asyncio.Event], Coroutine[Any, Any, Any]]], Any]


def add_quant(app: typer.Typer, run: Run) -> None:
    """Adds the command to `chimera`."""

    @app.command()
    def quant(
        figures: Annotated[
            Path, typer.Argument(metavar="FIGURES", help="Daily returns and holdings, as JSON.")
        ],
        *,
        host: Annotated[str, typer.Option(help="Where it listens.")] = "127.0.0.1",
        port: Annotated[int, typer.Option(help="0 picks a free one.", min=0, max=65_535)] = 9900,
    ) -> None:
        """Rank traders by trust, for whoever has the key in CHIMERA_REBALANCER__KEY."""
        from chimera.wiring.rebalancing import serve_quant

        def started(url: str) -> None:
            print(f"ranking on {url}/api/v1/ranking", flush=True)

        key = os.environ.get(KEY, "")
        run(lambda stop: serve_quant(figures, host=host, port=port, key=key, stop=stop, started=started))
