"""`chimera run --roles trades`: what Grafana asks, answered from flat files."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

Run = Callable[[Callable[[asyncio.Event], Coroutine[Any, Any, Any]]], Any]
"""Runs a coroutine until it ends or a signal sets the event."""


def run_trades(settings: Any, run: Run) -> None:
    from chimera.wiring.trades import serve_trades

    def started(said: dict[str, Any]) -> None:
        print(json.dumps(said), flush=True)

    run(lambda stop: serve_trades(settings, stop=stop, started=started))
