"""The door under load: signed requests at a fixed rate from outside at a really started desk, its world trading.

Open loop: each request has its moment, and its time counts from then, so a stalling desk cannot hide behind a
waiting client. Everything shares this machine: chain, world, desk and sender. At the end the journal on disk is
read: every id that was answered "accepted" must be in it, with what became of it, and books must equal chain.

    python benchmarks/webhook_load.py [--rate 200] [--seconds 30] [--connections 32]
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import msgspec
import uvloop

from chimera.adapters.journal_segments import read_folder
from chimera.demo.stage import Stage
from chimera.demo.summary import Summary, summarise
from chimera.domain.messages import Entry, IntentEmitted, LegLanded, SignalAccepted, SignalDropped
from chimera.localnet.tokens import TOKENS
from chimera.localnet.traders import DEMO_WALLET

SYMBOLS = [token.symbol for token in TOKENS if token.sound]
P99_MS_MAX = 50.0
RATE_LIMIT = 100
"""A second, as the desk's settings have it."""
WARM_UP_S = 8  # after the desk said that it is up; the world begins to trade then
OUTCOMES_WITHIN_S = 60


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rate", type=int, default=200, help="requests a second")
    options.add_argument("--seconds", type=int, default=30)
    options.add_argument("--connections", type=int, default=32)
    options.add_argument("--seed", type=int, default=7)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="chimera-load-") as folder:
        results, entries, summary = uvloop.run(
            measured(Path(folder), given.seed, given.rate, given.seconds, given.connections)
        )
    sys.exit(report(results, entries, summary, rate=given.rate, seconds=given.seconds))


async def measured(
    folder: Path, seed: int, rate: int, seconds: int, connections: int
) -> tuple[list["Result"], list[Entry], Summary]:
    """What the sender saw, what the journal holds, and whether books and chain agree."""
    stage = Stage(seed=seed, port=0, data_dir=folder, environ=os.environ)
    async with stage:
        desk, url = await stage.desk()
        await asyncio.sleep(WARM_UP_S)
        secret = stage.secret_file.read_bytes()
        results = await load(int(url.rstrip("/").rpartition(":")[2]), secret, rate, seconds, connections)
        ends = time.monotonic() + OUTCOMES_WITHIN_S
        while _open(entries := _journal(stage)) and time.monotonic() < ends:
            await asyncio.sleep(1)
        await desk.stop()
        lamports, tokens = await stage.holdings()
        entries = _journal(stage)
    summary = summarise(entries, began_ms=0, dashboard="", chain_lamports=lamports, chain_tokens=tokens)
    return results, entries, summary


def _journal(stage: Stage) -> list[Entry]:
    return list(read_folder(stage.folder / "journal"))


def _open(entries: list[Entry]) -> set[str]:
    """Ids of accepted signals of which nothing has become yet."""
    waiting: set[str] = set()
    for entry in entries:
        match entry.fact:
            case SignalAccepted(signal):
                waiting.add(signal.id)
            case SignalDropped(signal_id):
                waiting.discard(signal_id)
            case IntentEmitted(intent):
                waiting.discard(intent.signal_id or "")
    return waiting


# the sender's side


class Result(msgspec.Struct):
    status: int
    took_ms: float
    signal_id: str | None
    reason: str


async def load(port: int, secret: bytes, rate: int, seconds: int, connections: int) -> list[Result]:
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(connections):
        idle.put_nowait(await Connection.open(port))
    results: list[Result] = []
    start = time.perf_counter() + 0.5
    sending = set()

    async def one(number: int, due: float) -> None:
        connection = await idle.get()
        status, body = await connection.post(signed(number, secret))
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


def signed(number: int, secret: bytes) -> bytes:
    body = json.dumps(
        {
            "strategy": "SHIELD",
            "token": SYMBOLS[number % len(SYMBOLS)],
            "action": "BUY",
            "amount_sol": round(0.1 + number / 1e6, 6),
            "wallet_address": DEMO_WALLET,
        }
    ).encode()
    stamp = str(int(time.time())).encode()
    signature = hmac.digest(secret, stamp + body, hashlib.sha256).hex().encode()
    return (
        b"POST /api/v1/webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"X-Timestamp: %b\r\nX-Signature: %b\r\nContent-Length: %d\r\n\r\n%b"
        % (stamp, signature, len(body), body)
    )


def report(results: list[Result], entries: list[Entry], summary: Summary, *, rate: int, seconds: int) -> int:
    """Prints what happened; 0 where the door held."""
    kept = {entry.fact.signal.id for entry in entries if isinstance(entry.fact, SignalAccepted)}
    waiting = _open(entries)
    landed = sum(isinstance(entry.fact, LegLanded) for entry in entries)
    accepted = [result for result in results if result.status == 200]
    limited = [result for result in results if result.status == 429]
    refused = [result for result in results if result.status == 422]
    other = len(results) - len(accepted) - len(limited) - len(refused)
    lost = [result for result in accepted if result.signal_id not in kept or result.signal_id in waiting]
    let_in, most = len(accepted) + len(refused), RATE_LIMIT * (seconds + 1)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"webhook load, {machine}, {time.strftime('%Y-%m-%d')}")
    statuses = dict(sorted(Counter(result.status for result in results).items()))
    print(f"{len(results)} requests at {rate}/s for {seconds} s: {statuses}")
    reasons = dict(Counter(result.reason for result in refused))
    print(f"let in by the rate limit: {let_in} of at most {most}; refused for other reasons: {reasons}")
    groups: dict[str, list[Result]] = {
        "all answers": results,
        "accepted (durable)": accepted,
        "refused (422)": refused,
        "rate limited (429)": limited,
    }
    for name, group in groups.items():
        if group:
            p50, p95, p99, worst = percentiles([result.took_ms for result in group])
            print(f"{name:20} p50 {p50:7.2f} ms   p95 {p95:7.2f}   p99 {p99:7.2f}   max {worst:7.2f}")
    print(
        f"accepted {len(accepted)}, not in the journal or without an outcome {len(lost)}, other answers {other}"
    )
    print(f"meanwhile {landed} legs landed; books equal chain: {summary.ledger_matches_chain}")
    p99 = percentiles([result.took_ms for result in results])[2]
    held = not lost and not other and let_in <= most and p99 < P99_MS_MAX and summary.ledger_matches_chain
    print("held" if held else f"NOT held (p99 below {P99_MS_MAX} ms, rate limit, nothing lost, books equal)")
    return 0 if held else 1


def percentiles(values: list[float]) -> tuple[float, float, float, float]:
    ordered = sorted(values)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

    return at(0.50), at(0.95), at(0.99), ordered[-1]


if __name__ == "__main__":
    main()
