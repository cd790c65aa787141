"""What `chimera run` does beside the whole house with its key: a few roles of it, or all of it on paper."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from chimera.commands.landing import landing_model
from chimera.domain.errors import ConfigError
from chimera.domain.units import MICRO_USD, lamports_from_sol

Run = Callable[[Callable[[asyncio.Event], Coroutine[Any, Any, Any]]], Any]
"""Runs a coroutine until it ends or a signal sets the event."""


def run_roles(settings: Any, roles: str, strategies: str, *, reread: Callable[[], Any], run: Run) -> None:
    from chimera import wiring
    from chimera.wiring.apart import read_roles, run_apart

    chosen, observer = read_roles(roles), wiring.observing(settings)
    run(
        lambda stop: run_apart(
            settings,
            chosen,
            only=[name.strip() for name in strategies.split(",") if name.strip()],
            signer=lambda: wiring.open_signer(settings),
            reread=reread,
            observer=observer,
            stop=stop,
            started=_say,
        )
    )


def run_paper(
    settings: Any,
    roles: str,
    capital: str,
    landing: list[str] | None,
    *,
    dollars: int,
    paper: bool,
    run: Run,
) -> None:
    from chimera import wiring
    from chimera.wiring.paper import LABEL, Paper, paper_settings

    if not paper:
        raise ConfigError("--landing: with --paper alone; real transactions land as they do")
    if roles != "all":
        raise ConfigError(
            f"--paper --roles {roles}: the simulated chain lives in the desk's own process, beside the market that it "
            "fills from; leave --roles away"
        )
    try:
        purse = Paper(lamports_from_sol(capital), dollars * MICRO_USD, landing=landing_model(landing))
    except ValueError as error:
        raise ConfigError(f"--capital: {error}") from None
    own = paper_settings(settings)

    async def trade(stop: asyncio.Event) -> None:
        house = wiring.build(own, purse, observer=wiring.observing(own, label=LABEL))
        await wiring.run(house, stop=stop, started=started)

    def started(port: int) -> None:
        door = f"{wiring.api_url(own, port)}/"
        _say({"dashboard": door, "wallet": purse.address, "mode": LABEL, "data_dir": own.data_dir})

    run(trade)


def _say(said: dict[str, Any]) -> None:
    print(json.dumps(said), flush=True)
