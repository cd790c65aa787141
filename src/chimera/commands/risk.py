"""`chimera pools` and `chimera breakers`: what the running desk does not buy, and letting a pool trade again.

The key comes from CHIMERA_API_KEY. Every release is a journalled fact with who and why.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from chimera.commands.desk import DESK_URL, desk_client
from chimera.domain.errors import ConfigError, DecodeError
from chimera.domain.ids import Address
from chimera.onchain.keys import address_bytes

PAGE = 1_000  # the most that the desk gives at once

Url = Annotated[str, typer.Option(help="Of the running desk.")]
Because = Annotated[str, typer.Option("--because", help="Why, for the record.")]
Json = Annotated[bool, typer.Option("--json")]
Marked = Annotated[str, typer.Argument(metavar="ADDRESS", help="Of a pool.")]
Run = Callable[[Callable[[asyncio.Event], Coroutine[Any, Any, Any]]], Any]


def add_risk(app: typer.Typer, run: Run) -> None:
    """The groups `chimera pools` and `chimera breakers`."""
    app.add_typer(_pools(run), name="pools")
    app.add_typer(_breakers(run), name="breakers")


def _pools(run: Run) -> typer.Typer:
    app = typer.Typer(help="Pools that are not bought from, and why.", no_args_is_help=True)

    @app.command("list")
    def listed(*, json_: Json = False, url: Url = DESK_URL) -> None:
        """Show pools in doubt, in quarantine or left out after failed sales, one a line."""
        for line in run(lambda _: doubtful(url, json_=json_)):
            print(line)

    @app.command()
    def release(address: Marked, *, because: Because, url: Url = DESK_URL) -> None:
        """Let buys go on where an unreadable transaction or failed sales stopped them."""
        try:
            address_bytes(Address(address))
        except DecodeError:
            raise ConfigError(f"{address} is no address") from None
        print(run(lambda _: released(url, address, because)))

    return app


def _breakers(run: Run) -> typer.Typer:
    app = typer.Typer(help="What stops buying by itself.", no_args_is_help=True)

    @app.command("list")
    def listed(*, json_: Json = False, url: Url = DESK_URL) -> None:
        """Show each breaker with what it counted, and what opens it."""
        for line in run(lambda _: breakers(url, json_=json_, now_ms=time.time_ns() // 1_000_000)):
            print(line)

    return app


async def doubtful(url: str, *, json_: bool) -> list[str]:
    """A line for each pool that is not bought from."""
    import msgspec

    async with desk_client(url) as desk:
        told = await desk.get(f"/api/v1/markets?doubtful=true&limit={PAGE}")
    if json_:
        return [msgspec.json.encode(one).decode() for one in told["items"]]
    lines = [f"{one['address']}  {one['venue']:<16} {one['doubt']}" for one in told["items"]]
    left = told["total"] - len(lines)
    return [*lines, f"and {left} more"] if left > 0 else lines or ["no pool is in doubt"]


async def released(url: str, address: str, because: str) -> str:
    """What was done, as a sentence; raises Rejected where nothing is held against the pool."""
    async with desk_client(url) as desk:
        await desk.post(f"/api/v1/markets/{address}/release", {"reason": because})
    return f"{address} may be bought from again"


async def breakers(url: str, *, json_: bool, now_ms: int) -> list[str]:
    """A line for each breaker."""
    import msgspec

    async with desk_client(url) as desk:
        told = await desk.get("/api/v1/risk/breakers")
    if json_:
        return [msgspec.json.encode(one).decode() for one in told["items"]]
    return [_line(one, now_ms) for one in told["items"]]


def _line(one: dict[str, Any], now_ms: int) -> str:
    said = f"{one['name']:<14} {one['state'] if one['enabled'] else 'off':<10}"
    counts = one["counts"]
    if counts is not None and one["name"] != "spear_losses":
        said += f" {counts['failures']} of {counts['failures_max']} failures,"
        said += f" {counts['in_row']} of {counts['in_row_max']} in a row"
    elif counts is not None:
        said += f" {counts['in_row']} of {counts['in_row_max']} losses in a row"
    if one["cause"]:
        said += f"; {one['cause']}"
    if one["until_ms"] is not None:
        said += f"; tries again in {max(0, one['until_ms'] - now_ms) // 60_000} min"
    return said
