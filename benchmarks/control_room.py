"""The control room with a year behind it: 100,000 round trips in the tables, the demo trading, people looking.

A really started desk trades for a while; its own rows are then multiplied in the database, dated back over a year,
and the desk is started again. Each endpoint is asked over one kept connection; then so many WebSockets listen, and
an entry's age on arrival is its distance from the time that the journal gave it (one machine, one clock).
The floor of a simple query is the same statement on the same file, asked of SQLite with nothing around it.

    python benchmarks/control_room.py [--trades 100000] [--asks 300] [--clients 500] [--listen 20]
"""

import argparse
import asyncio
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import uvloop

from chimera.demo.stage import Stage

DAY_MS = 86_400_000
API_P95_MS_MAX = 100.0
QUERY_MS_MAX = 10.0
STREAM_P95_MS_MAX = 50.0
SAMPLED = 10  # of so many clients one takes its messages apart
TRADES_FIRST = 3
TRADES_WITHIN_S = 120

ENDPOINTS = (
    "/api/v1/overview",
    "/api/v1/positions?limit=100",
    "/api/v1/trades?limit=100",
    "/api/v1/trades?limit=100&status=CLOSED&offset=50000",
    "/api/v1/trades/{uuid}",
    "/api/v1/wallets",
    "/api/v1/decisions?limit=50",
    "/api/v1/incidents/dead-letter?limit=50",
    "/api/v1/why/{uuid}",
)
SIMPLE = {
    "one round trip": "SELECT * FROM trades WHERE trade_uuid = '{uuid}'",
    "its fills": "SELECT * FROM fills WHERE trade_uuid = '{uuid}' ORDER BY slot, at_ms",
    "newest hundred": "SELECT * FROM trades ORDER BY created_at_ms DESC, id DESC LIMIT 100",
    "open positions": "SELECT * FROM positions WHERE state = 'ACTIVE'",
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--trades", type=int, default=100_000)
    options.add_argument("--asks", type=int, default=300, help="times each endpoint is asked")
    options.add_argument("--clients", type=int, default=500, help="WebSockets that listen")
    options.add_argument("--listen", type=float, default=20.0, help="seconds they listen")
    options.add_argument("--seed", type=int, default=7)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="chimera-room-") as folder:
        sys.exit(0 if uvloop.run(measured(Path(folder), given)) else 1)


async def measured(folder: Path, given: argparse.Namespace) -> bool:
    stage = Stage(seed=given.seed, port=0, data_dir=folder, environ=os.environ)
    async with stage:
        desk, _ = await stage.desk()
        database = stage.folder / "chimera.db"
        await _traded(database)
        await desk.stop()
        uuid = multiply(database, given.trades)
        started = time.monotonic()
        desk, url = await stage.desk()
        cores = os.cpu_count()
        print(f"control room, {platform.machine()}, {cores} cores, Python {platform.python_version()}")
        print(
            f"{given.trades:,} round trips stored; the desk was up again after {time.monotonic() - started:.1f} s"
        )
        headers = {"Authorization": f"Bearer {stage.key}"}
        async with aiohttp.ClientSession(base_url=url, headers=headers) as session:
            quick = [await ask(session, path.format(uuid=uuid), given.asks) for path in ENDPOINTS]
            told = queries(database, uuid)
            heard = await listen(url, stage.key, given.clients, given.listen)
        await desk.stop()
    held = all((*quick, told, heard))
    print("held" if held else "not held")
    return held


async def _traded(database: Path) -> None:
    """Waits until a few round trips have closed."""
    ends = time.monotonic() + TRADES_WITHIN_S
    while time.monotonic() < ends:
        await asyncio.sleep(1)
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as rows:
            (closed,) = rows.execute("SELECT count(*) FROM trades WHERE status = 'CLOSED'").fetchone()
        if closed >= TRADES_FIRST:
            return
    raise SystemExit(f"fewer than {TRADES_FIRST} round trips closed within {TRADES_WITHIN_S} s")


# a year of rows


def multiply(database: Path, wanted: int) -> str:
    """Copies closed round trips, with fills and profits, until so many are there; the uuid of one of them.

    Copies get keys below zero, since those of real rows are places in the journal.
    """
    with sqlite3.connect(database) as rows:
        closed = rows.execute("SELECT trade_uuid FROM trades WHERE status = 'CLOSED'").fetchall()
        (there,) = rows.execute("SELECT count(*) FROM trades").fetchone()
        columns = {name: _plain(rows, name) for name in ("trades", "positions", "fills", "realised")}
        rows.execute("CREATE TEMP TABLE copies (n INTEGER PRIMARY KEY, source TEXT, back_ms INTEGER)")
        count = max(0, wanted - there)
        rows.executemany(
            "INSERT INTO copies VALUES (?, ?, ?)",
            ((n, closed[n % len(closed)][0], (n * 365 * DAY_MS) // count) for n in range(1, count + 1)),
        )
        for table, names in columns.items():
            chosen = ", ".join(_copied(name) for name in names)
            rows.execute(
                f"INSERT INTO {table} ({', '.join(names)}) SELECT {chosen} FROM {table} AS t"
                " JOIN copies ON copies.source = t.trade_uuid"
            )
    return f"{closed[count % len(closed)][0]}-{count}" if count else str(closed[0][0])


def _plain(rows: sqlite3.Connection, table: str) -> list[str]:
    """Columns that are stored, not computed."""
    return [name for _, name, *_, hidden in rows.execute(f"PRAGMA table_xinfo({table})") if not hidden]


def _copied(name: str) -> str:
    if name in ("id", "seq"):
        return f"-(copies.n * 1000000 + t.{name})"
    if name in ("trade_uuid", "leg_id", "signature", "tx_signature", "exit_signature", "signal_id"):
        return f"t.{name} || '-' || copies.n"
    return f"t.{name} - copies.back_ms" if name.endswith("_ms") else f"t.{name}"


# asking


async def ask(session: aiohttp.ClientSession, path: str, times: int) -> bool:
    took: list[float] = []
    size = 0
    for _ in range(times):
        began = time.perf_counter()
        async with session.get(path) as response:
            body = await response.read()
        took.append((time.perf_counter() - began) * 1e3)
        size = len(body)
        if response.status == 429:
            await asyncio.sleep(float(response.headers.get("Retry-After", 1)))
            took.pop()
        elif response.status != 200:
            print(f"{path}: {response.status} {body[:200]!r}")
            return False
    return _line(path.replace("/api/v1", "")[:58], took, API_P95_MS_MAX, f"{size / 1024:7.1f} kB")


def queries(database: Path, uuid: str) -> bool:
    held = []
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as rows:
        for name, text in SIMPLE.items():
            statement = text.format(uuid=uuid)
            took = [_timed(lambda s=statement: rows.execute(s).fetchall()) for _ in range(200)]  # type: ignore[misc]
            held.append(_line(f"SQL: {name}", took, QUERY_MS_MAX))
    return all(held)


def _timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1e3


# listening


async def listen(url: str, key: str, clients: int, seconds: float) -> bool:
    """In a process of their own: what is measured is the desk, not how Python reads five hundred sockets."""
    script = Path(__file__).with_name("listeners.py")
    arguments = (script, url, clients, seconds, SAMPLED)
    child = await asyncio.create_subprocess_exec(
        sys.executable, *map(str, arguments), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await child.communicate(f"{key}\n".encode())
    if child.returncode:
        return False
    found = msgspec.json.decode(told)
    ages: list[float] = found["ages"]
    print(
        f"{clients} WebSockets for {seconds:.0f} s: {found['lost']} lost, {found['quiet']} heard nothing, "
        f"{found['bytes'] / seconds / 1e6:.2f} MB/s, {len(ages)} decisions timed"
    )
    if found["lost"] or found["quiet"] or not ages:
        return False
    return _line("journal entry -> message in the client", ages, STREAM_P95_MS_MAX)


def _line(name: str, took: list[float], target: float, note: str = "") -> bool:
    took.sort()
    p50, p95, p99 = (took[min(len(took) - 1, int(len(took) * share))] for share in (0.5, 0.95, 0.99))
    print(
        f"{name:60} p50 {p50:8.2f} ms  p95 {p95:8.2f}  p99 {p99:8.2f}  to {target:g} ms {p95 / target:5.2f} {note}"
    )
    return p95 <= target


if __name__ == "__main__":
    main()
