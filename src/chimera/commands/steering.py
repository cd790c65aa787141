"""`chimera status`, `positions`, `trades`, `decisions`, `close`, `kill` and `resume`: a running desk from the shell.

All of it goes through the desk's API; the key comes from CHIMERA_API_KEY. Every change is a journalled fact with who
and why. Must not know how the desk decides: it shows what it is told.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from chimera.commands.desk import DESK_URL, desk_client
from chimera.domain.errors import ConfigError, Rejected
from chimera.domain.units import sol_text

PAGE_MAX = 1_000  # the most that the desk gives at once
EVERY = "all"

Url = Annotated[str, typer.Option(help="Of the running desk.")]
Json = Annotated[bool, typer.Option("--json", help="As the API answers, one object a line.")]
Because = Annotated[str, typer.Option("--because", help="Why, for the record.")]
Many = Annotated[int, typer.Option("--limit", "-n", min=1, max=PAGE_MAX, help="So many, the newest.")]
Run = Callable[[Callable[[asyncio.Event], Coroutine[Any, Any, Any]]], Any]


def add_steering(app: typer.Typer, run: Run) -> None:
    """Adds the commands to `chimera`."""

    @app.command()
    def status(*, json_: Json = False, url: Url = DESK_URL) -> None:
        """Tell how the desk is: health, money, what is open, what stops it. Exit code 1 where it is not healthy."""
        health, overview = run(lambda _: _read(url, "/health", "/overview"))
        if json_:
            print(json.dumps({"health": health, "overview": overview}))
        else:
            for line in _state(health, overview):
                print(line)
        raise typer.Exit(0 if health["status"] == "healthy" else 1)

    @app.command()
    def positions(
        *,
        all_: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
        limit: Many = 100,
        json_: Json = False,
        url: Url = DESK_URL,
    ) -> None:
        """Show what is held, the newest first."""
        (told,) = run(lambda _: _read(url, f"/positions?limit={PAGE_MAX}"))
        rows = [row for row in told["items"] if all_ or row["state"] != "CLOSED"]
        _print(rows[:limit], _position, json_=json_, none="nothing is held")

    @app.command()
    def trades(*, limit: Many = 20, json_: Json = False, url: Url = DESK_URL) -> None:
        """Show round trips, the newest first."""
        (told,) = run(lambda _: _read(url, f"/trades?limit={limit}"))
        _print(told["items"], _trade, json_=json_, none="no trades yet")

    @app.command()
    def decisions(
        *,
        refused: Annotated[bool, typer.Option("--refused", help="Only what did not happen.")] = False,
        limit: Many = 20,
        json_: Json = False,
        url: Url = DESK_URL,
    ) -> None:
        """Show what was decided and why, the newest first: the answer to "why no trade?"."""
        outcome = "&outcome=refused" if refused else ""
        (told,) = run(lambda _: _read(url, f"/decisions?limit={limit}{outcome}"))
        _print(told["items"], _decision, json_=json_, none="nothing was decided yet")

    @app.command()
    def close(
        position: Annotated[str, typer.Argument(metavar="ID", help=f"Of the position, or {EVERY!r}.")],
        *,
        because: Because,
        percent: Annotated[int, typer.Option(min=1, max=100, help="Of what is held.")] = 100,
        url: Url = DESK_URL,
    ) -> None:
        """Sell a position, or a part of it, now. The beginning of an id is enough where only one begins so."""
        for line in run(lambda _: _close(url, position, because, percent)):
            print(line)

    @app.command()
    def kill(
        *,
        scope: Annotated[str, typer.Option(help="halt_all, or halt_buys to let exits pass.")] = "halt_all",
        cause: Annotated[str, typer.Option(help="Why, for the record.")] = "asked on the command line",
        url: Url = DESK_URL,
    ) -> None:
        """Halt trading now. Needs no second factor."""
        print(json.dumps(run(lambda _: _post(url, "/kill", {"mode": scope, "reason": cause}))))

    @app.command()
    def resume(*, because: Because, url: Url = DESK_URL) -> None:
        """Trade again after a halt. Who has a second factor does it on the dashboard."""
        run(lambda _: _resume(url, because))
        print("trading goes on")


async def _read(url: str, *paths: str) -> list[dict[str, Any]]:
    async with desk_client(url) as desk:
        return [await desk.get(f"/api/v1{path}") for path in paths]


async def _post(url: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    async with desk_client(url) as desk:
        return await desk.post(f"/api/v1{path}", body)


async def _resume(url: str, because: str) -> None:
    try:
        await _post(url, "/kill/reset", {"reason": because})
    except Rejected as error:
        if error.code == 403 and "second factor" in error.what:
            raise ConfigError(
                "your second factor is asked for: resume on the dashboard's Risk screen"
            ) from None
        raise


async def _close(url: str, wanted: str, because: str, percent: int) -> list[str]:
    """A line for each position whose sale is under way. Raises ConfigError for an id that is not exactly one's."""
    async with desk_client(url) as desk:
        told = await desk.get(f"/api/v1/positions?state=ACTIVE&limit={PAGE_MAX}")
        found = [
            row
            for row in told["items"]
            if wanted == EVERY or (wanted and row["trade_uuid"].startswith(wanted))
        ]
        if wanted != EVERY and len(found) != 1:
            many = "no open position begins so" if not found else f"{len(found)} positions begin so"
            raise ConfigError(f"{wanted}: {many}; `chimera positions` shows them")
        lines = []
        for row in found:
            body = {"reason": because, "fraction_bps": percent * 100}
            await desk.post(f"/api/v1/positions/{row['trade_uuid']}/exit", body)
            lines.append(f"{row['trade_uuid']}  {row['token_symbol']}: {percent} % is being sold")
    return lines or ["nothing is held"]


def _state(health: dict[str, Any], overview: dict[str, Any]) -> list[str]:
    halted, breaker = health["kill_switch"], health["circuit_breaker"]
    market, books = health["market"], overview["ledger_matches_chain"]
    trading = "trading"
    if halted["active"]:
        trading = f"halted ({halted['mode']}): {halted['reason']}"
    elif not breaker["trading_allowed"]:
        wait = breaker["cooldown_remaining_secs"]
        trading = f"not buying: {breaker['trip_reason']}" + (f", for {wait} s more" if wait else "")
    elif health["breakers_open"]:
        trading = f"not buying everything: {', '.join(health['breakers_open'])} breaker open"
    agree = {True: "agree with the chain", False: "DIFFER from the chain", None: "not compared yet"}[books]
    unknown = overview["unrealised_pnl_lamports"] is None
    open_worth = "unknown" if unknown else f"{_sol(overview['unrealised_pnl_lamports'])} SOL"
    return [
        f"{health['status']}, {health['mode']}, {trading}",
        f"wallet     {overview['wallet']}",
        f"balance    {_sol(overview['balance_lamports'])} SOL, equity {_sol(overview['equity_lamports'])} SOL",
        (
            f"profit     {_sol(overview['realised_pnl_lamports'])} SOL realised, {open_worth} open, "
            f"{_sol(overview['pnl_24h_lamports'])} SOL in 24 h"
        ),
        (
            f"trades     {overview['open_positions']} open, {overview['closed_trades']} closed "
            f"({overview['wins']} won, {overview['losses']} lost), {overview['refused']} refused"
        ),
        (
            f"market     slot {market['slot']}, {_age(market['slot_age_ms'])}, {market['feed']}, "
            f"{market['pools_fresh']} of {market['pools']} pools fresh"
        ),
        f"books      {agree}",
    ]


def _position(row: dict[str, Any]) -> str:
    closed = row["state"] == "CLOSED"
    profit = row["realised_pnl_lamports"] if closed else row["unrealised_pnl_lamports"]
    return (
        f"{row['trade_uuid']}  {row['token_symbol'][:12]:<12} {row['strategy']:<8} {row['state']:<8} "
        f"cost {_sol(row['entry_lamports']):>13}  worth {_sol(row['value_lamports']):>13}  profit {_sol(profit):>13}"
    )


def _trade(row: dict[str, Any]) -> str:
    why = row["error_message"] or row["exit_reason"] or ""
    return (
        f"{_at(row['created_at'])}  {row['trade_uuid']}  {row['token_symbol'][:12]:<12} {row['strategy']:<8} "
        f"{row['status']:<11} {_sol(row['realised_pnl_lamports']):>13}  {why}".rstrip()
    )


def _decision(row: dict[str, Any]) -> str:
    return f"{row['seq']:>8}  {_at(row['at'])}  {row['text']}"


def _print(
    rows: Iterable[dict[str, Any]], line: Callable[[dict[str, Any]], str], *, json_: bool, none: str
) -> None:
    shown = [json.dumps(row) if json_ else line(row) for row in rows]
    for each in shown:
        print(each)
    if not shown and not json_:
        print(none)


def _age(ms: int | None) -> str:
    return "of unknown age" if ms is None else f"{ms} ms old"


def _sol(lamports: str | None) -> str:
    return "unknown" if lamports is None else sol_text(int(lamports))


def _at(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%m-%d %H:%M:%S")
