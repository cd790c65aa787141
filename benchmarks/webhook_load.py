"""The door under load: a really started server with a real journal, signed requests at a fixed rate from outside.

Open loop: each request has its moment, and its time counts from then, so a stalling server cannot hide behind a
waiting client. At the end the journal on disk is read: every id that was answered "accepted" must be in it.

    python benchmarks/webhook_load.py [--rate 200] [--seconds 30] [--connections 32]
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import msgspec
import uvloop
from prometheus_client import CollectorRegistry

from chimera.adapters.bus_local import BusStream, LocalBus
from chimera.adapters.clocks import WallClock
from chimera.adapters.journal_file import JournalFile
from chimera.adapters.store import SqlTables
from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_keys import SqlKeys
from chimera.adapters.store_reader import SqlReader
from chimera.control.app import create_app
from chimera.control.deps import ControlDeps
from chimera.control.server import ControlServer, bind
from chimera.domain.commands import Answer, Command
from chimera.domain.messages import SignalAccepted
from chimera.observe import Observer, Redactor, make_log
from chimera.risk.admission import Admission, AdmissionRules
from chimera.roles.inbox import SignalInbox
from chimera.roles.ingress import IngressDeps, IngressRole
from chimera.roles.recorder import RecorderRole
from chimera.roles.topics import TRADES, TRADES_CAPACITY
from chimera.testing.surroundings import ACTIVE_WALLET, TableSurroundings

SECRET = b"5f" * 32
P99_MS_MAX = 50.0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rate", type=int, default=200, help="requests a second")
    options.add_argument("--seconds", type=int, default=30)
    options.add_argument("--connections", type=int, default=32)
    options.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.serve is not None:
        uvloop.run(serve(given.serve))
        return
    with tempfile.TemporaryDirectory(prefix="chimera-load-") as folder:
        server = subprocess.Popen(
            [sys.executable, __file__, "--serve", folder], stdout=subprocess.PIPE, stdin=subprocess.PIPE
        )
        assert server.stdout is not None
        port = int(server.stdout.readline())
        results = uvloop.run(load(port, given.rate, given.seconds, given.connections))
        server.communicate(b"stop\n", timeout=30)
        sys.exit(report(results, Path(folder), given.rate, given.seconds))


# the server's side


async def serve(folder: Path) -> None:
    """The door, its journal and its tables, until a line comes on stdin."""
    clock = WallClock()
    journal, _ = JournalFile.open(folder / "journal", clock=clock, run_id="load")
    log = (folder / "log").open("w")
    observer = Observer(
        make_log(level="info", json=True, redactor=Redactor((SECRET.decode(),)), stream=log),
        CollectorRegistry(),
    )
    bus, queue = LocalBus(), SignalInbox()
    journal.listen(observer.heard)
    journal.listen(lambda entry: bus.publish(TRADES, entry))
    ingress = IngressRole(
        IngressDeps(
            admission=Admission(AdmissionRules(secrets=(SECRET,)), TableSurroundings()),
            journal=journal,
            queue=queue,
            clock=clock,
            observer=observer,
        )
    )
    engine = open_engine(folder / "chimera.db")
    tables = SqlTables(engine)
    deps = ControlDeps(
        ingress=ingress,
        reader=SqlReader(engine),
        keys=SqlKeys(engine),
        commands=NoCommands(),
        stream=BusStream(bus, TRADES, capacity=TRADES_CAPACITY),
        history=journal.read,
        decimals=lambda _: None,
        config={},
        clock=clock,
        observer=observer,
        label="load test",
    )
    loop = asyncio.get_running_loop()
    recorder = RecorderRole(journal=journal, tables=tables, bus=bus, observer=observer)
    working = [asyncio.create_task(_work(queue)), asyncio.create_task(recorder.run())]
    async with ControlServer(create_app(deps), bind("127.0.0.1", 0)) as server:
        print(server.port, flush=True)
        await loop.run_in_executor(None, sys.stdin.readline)
    for task in working:
        task.cancel()
    journal.close()
    tables.close()
    log.close()


async def _work(queue: SignalInbox) -> None:
    """Takes signals as the desk does; what it would do with them is another benchmark's business."""
    while True:
        await queue.get()


class NoCommands:
    async def perform(self, command: Command) -> Answer:
        return Answer(ok=False, code="UNKNOWN")


# the sender's side


class Result(msgspec.Struct):
    status: int
    took_ms: float
    signal_id: str | None
    reason: str


async def load(port: int, rate: int, seconds: int, connections: int) -> list[Result]:
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(connections):
        idle.put_nowait(await Connection.open(port))
    results: list[Result] = []
    start = time.perf_counter() + 0.5
    sending = set()

    async def one(number: int, due: float) -> None:
        connection = await idle.get()
        status, body = await connection.post(signed(number))
        answer = json.loads(body)
        results.append(
            Result(
                status=status,
                took_ms=(time.perf_counter() - due) * 1e3,
                signal_id=answer.get("trade_uuid"),
                reason=answer.get("reason", ""),
            )
        )
        idle.put_nowait(connection)

    for number in range(rate * seconds):
        due = start + number / rate
        await asyncio.sleep(due - time.perf_counter())
        sending.add(asyncio.create_task(one(number, due)))
    await asyncio.gather(*sending)
    return results


class Connection:
    """One kept-alive connection, as thin as can be: the sender shares the machine with the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, request: bytes) -> tuple[int, bytes]:
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return int(head[9:12]), await self._reader.readexactly(length)


def signed(number: int) -> bytes:
    body = json.dumps(
        {
            "strategy": "SHIELD",
            "token": "BONK",
            "action": "BUY",
            "amount_sol": round(0.1 + number / 1e6, 6),
            "wallet_address": ACTIVE_WALLET,
        }
    ).encode()
    stamp = str(int(time.time())).encode()
    signature = hmac.digest(SECRET, stamp + body, hashlib.sha256).hex().encode()
    return (
        b"POST /api/v1/webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"X-Timestamp: %b\r\nX-Signature: %b\r\nContent-Length: %d\r\n\r\n%b"
        % (stamp, signature, len(body), body)
    )


def report(results: list[Result], folder: Path, rate: int, seconds: int) -> int:
    """Prints what happened; 0 where the door held."""
    journal, _ = JournalFile.open(folder / "journal", clock=WallClock(), run_id="check")
    kept = {entry.fact.signal.id for entry in journal.read() if isinstance(entry.fact, SignalAccepted)}
    journal.close()
    statuses = Counter(result.status for result in results)
    accepted = [result for result in results if result.status == 200]
    limited = [result for result in results if result.status == 429]
    other = len(results) - len(accepted) - len(limited)
    lost = [result for result in accepted if result.signal_id not in kept]
    most = 100 * (seconds + 1)
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(f"{len(results)} requests at {rate}/s for {seconds} s: {dict(sorted(statuses.items()))}")
    for name, group in (("all answers", results), ("accepted (durable)", accepted), ("429", limited)):
        if group:
            p50, p95, p99, worst = percentiles([result.took_ms for result in group])
            print(f"{name:20} p50 {p50:7.2f} ms   p95 {p95:7.2f}   p99 {p99:7.2f}   max {worst:7.2f}")
    print(f"accepted {len(accepted)}, rate limited {len(limited)}, other {other}")
    print(f"accepted but not in the journal: {len(lost)}; in the journal: {len(kept)}")
    p99 = percentiles([result.took_ms for result in results])[2]
    held = (
        not lost and not other and len(accepted) <= most and len(kept) == len(accepted) and p99 < P99_MS_MAX
    )
    print("held" if held else f"NOT held (p99 below {P99_MS_MAX} ms, at most {most} accepted, nothing lost)")
    return 0 if held else 1


def percentiles(values: list[float]) -> tuple[float, float, float, float]:
    ordered = sorted(values)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

    return at(0.50), at(0.95), at(0.99), ordered[-1]


if __name__ == "__main__":
    main()
