"""From an accepted intent to bytes in a socket beside a busy market, from a signal to a confirmed trade, and replay.

1. the desk alone, its journal on this disk: webhook's body -> bytes written to a socket, while 2,000 pool updates and
   500 wallet updates a second go through the same process; beside it the same without them. The node is a socket that
   nobody answers from, and simulations are answered at once: a node's time is not ours. Its floor, by turns: the two
   appends with fdatasync that the walls ask for, of the signal and of the signature.
2. the journal of part 1 decided again: decisions a second.
3. a desk on the embedded chain, both really started: signal -> confirmed, in milliseconds and in slots.

    python benchmarks/whole_trade.py [--each 400] [--trades 20]
"""

import argparse
import asyncio
import hmac
import itertools
import json
import os
import platform
import statistics
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop
from hot_path import BLOCKHASH, FOREVER, SECRET, percentiles, prepared, put_behind

from chimera.adapters.journal_segments import read_folder
from chimera.audit.replay import replay
from chimera.demo.stage import Stage
from chimera.domain.chain import Account, AccountUpdate, Blockhash, Simulation
from chimera.domain.errors import Unreachable
from chimera.domain.ids import Slot
from chimera.domain.intent import Side
from chimera.domain.messages import IntentEmitted, LegLanded, LegSimulated, SignalAccepted
from chimera.execution.effects import StatusesRead
from chimera.localnet.genesis import genesis
from chimera.localnet.traders import roster
from chimera.ports.ingress import WebhookRequest

POOLS_A_SECOND, WALLETS_A_SECOND = 2_000, 500
BURST_S = 0.002  # a stream delivers in small bunches, not one by one
TARGET_MS = 5.0
PAUSE_S = 0.01


class SocketNode:
    """Simulates at once, and writes what is sent into a socket; no answer ever comes."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.sent: asyncio.Future[int] | None = None

    async def simulate(self, transaction: bytes, *, accounts: Any = ()) -> Simulation:
        return Simulation(Slot(5), None, (), 50_000)

    async def send(self, transaction: bytes) -> str:
        head = b"POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: "
        body = (
            b'{"jsonrpc":"2.0","id":1,"method":"sendTransaction","params":["'
            + transaction.hex().encode()
            + b'"]}'
        )
        self._writer.write(head + str(len(body)).encode() + b"\r\n\r\n" + body)
        if self.sent is not None and not self.sent.done():
            self.sent.set_result(time.perf_counter_ns())
        raise Unreachable("bench", "nobody answers")

    async def close(self) -> None:
        return None


class Flood:
    """Pool and wallet updates by their rates, through the market role's own entrance."""

    def __init__(self, house: Any) -> None:
        self._take = house.market._receive
        known = {one.address: one for one in genesis(7).accounts}
        vaults = [
            known[address]
            for pool in house.view.pools.values()
            for role, address in pool.venue.roles(pool.state).items()
            if "vault" in role and address in known
        ]
        self._vaults = itertools.cycle([self._account(one) for one in vaults])
        strangers = [one for one in known.values() if one.address not in {vault.address for vault in vaults}]
        self._wallets = itertools.cycle([self._account(one) for one in strangers if len(one.data) == 165])
        self._version = 0
        self.taken = 0

    def _account(self, one: Any) -> Account:
        return Account(one.address, one.owner, one.lamports, bytes(one.data))

    async def run(self) -> None:
        began, done = time.perf_counter(), 0
        while True:
            due = int((time.perf_counter() - began) * (POOLS_A_SECOND + WALLETS_A_SECOND))
            for number in range(done, due):
                of = self._wallets if number % 5 == 0 else self._vaults
                self._version += 1
                self._take(AccountUpdate(next(of), Slot(5), self._version))
            self.taken, done = due, due
            await asyncio.sleep(BURST_S)


async def desk_alone(each: int) -> tuple[list[float], list[float], list[float], float, str]:
    """(microseconds quiet, beside the flood, of the floor; updates a second that were taken; what replay says)."""
    sink = await asyncio.start_server(_swallow, "127.0.0.1", 0)
    port = sink.sockets[0].getsockname()[1]
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    with tempfile.TemporaryDirectory(dir=os.environ.get("CHIMERA_BENCH_DIR")) as name:
        folder = Path(name)
        house, _ = prepared(folder)
        node = SocketNode(writer)
        put_behind(house, node)
        house.execution._desk.blockhash = Blockhash(BLOCKHASH, FOREVER, 5)
        loops = [
            asyncio.create_task(house.execution.follow_intents()),
            asyncio.create_task(house.strategy.follow_signals()),
            asyncio.create_task(house.strategy.follow_trades()),
            asyncio.create_task(house.strategy.follow_market()),
        ]
        numbers = itertools.count(1)

        async def one() -> float:
            now = house.clock.now_ms()
            house.view.see_slot(Slot(5), now)
            body = (
                '{"strategy":"SHIELD","token":"BONK","action":"BUY",'
                f'"amount_sol":0.{100_000_000 + next(numbers):09d},'
                '"wallet_address":"7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"}'
            ).encode()
            stamp = str(now // 1000)
            signature = hmac.digest(SECRET.encode(), stamp.encode() + body, "sha256").hex()
            node.sent = asyncio.get_running_loop().create_future()
            began = time.perf_counter_ns()
            answer = asyncio.ensure_future(
                house.ingress.receive(WebhookRequest(body, signature, stamp, "127.0.0.1", "r"))
            )
            done = await asyncio.wait_for(node.sent, 5)
            verdict = await answer
            if verdict.refusal is not None:
                raise SystemExit(f"refused: {verdict.refusal}")
            await asyncio.sleep(PAUSE_S)
            watched = house.execution._desk.watched()
            for _ in range(2):  # the leg ends, so that every turn begins alike
                house.execution._process(StatusesRead(FOREVER + 1_000, {w.signature: None for w in watched}))
            return (done - began) / 1_000

        descriptor = os.open(folder / "floor", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

        def bare() -> float:
            began = time.perf_counter_ns()
            for _ in range(2):
                os.write(descriptor, b"x" * 1_000)
                os.fdatasync(descriptor)
            return (time.perf_counter_ns() - began) / 1_000

        for _ in range(30):
            await one()
        quiet, floor = [], []
        for _ in range(each):
            quiet.append(await one())
            floor.append(bare())
        flood = Flood(house)
        flooding = asyncio.create_task(flood.run())
        began = time.perf_counter()
        beside = [await one() for _ in range(each)]
        rate = flood.taken / (time.perf_counter() - began)
        for loop in (*loops, flooding):
            loop.cancel()
        await asyncio.gather(*loops, flooding, return_exceptions=True)
        house.journal.close()
        said = _replayed(folder / "journal")
    writer.close()
    sink.close()
    return quiet, beside, floor, rate, said


def _replayed(journal: Path) -> str:
    entries = list(read_folder(journal))
    began = time.perf_counter()
    done = replay(entries)
    took = time.perf_counter() - began
    return (
        f"replay: {done.decisions} decisions of {done.entries} entries in {took:.2f} s: "
        f"{done.decisions / took:,.0f} decisions/s, {done.entries / took:,.0f} entries/s, "
        f"{len(done.differences)} differences"
    )


async def on_chain(trades: int) -> list[tuple[float, int]]:
    """(milliseconds, slots) from each accepted signal to its confirmed buy."""
    wallet = next(str(one.address) for one in roster(7) if one.status == "ACTIVE")
    tokens = [token.symbol for token in genesis(7).tokens]
    with tempfile.TemporaryDirectory() as name:
        stage = Stage(seed=7, port=0, data_dir=Path(name), environ=os.environ)
        async with stage:
            child, url = await stage.desk()
            await asyncio.sleep(5)
            for number in range(trades):
                await _signal(stage, url, wallet, tokens[number % len(tokens)], number)
                await asyncio.sleep(2)
            await asyncio.sleep(5)
            await child.stop()
        return _times(stage.folder / "journal")


def _times(journal: Path) -> list[tuple[float, int]]:
    accepted: dict[str, int] = {}
    by_trade: dict[str, int] = {}
    slots: dict[str, int] = {}
    found = []
    for entry in read_folder(journal):
        match entry.fact:
            case SignalAccepted(signal):
                accepted[signal.id] = entry.at_ms
            case IntentEmitted(intent) if intent.signal_id in accepted and intent.side is Side.BUY:
                by_trade[intent.trade_id] = accepted[str(intent.signal_id)]
            case LegSimulated(leg, slot=slot):
                slots[leg.trade_id] = slot
            case LegLanded(leg, fill) if leg.trade_id in by_trade:
                found.append(
                    (float(entry.at_ms - by_trade.pop(leg.trade_id)), fill.slot - slots[leg.trade_id])
                )
            case _:
                pass
    return found


async def _signal(stage: Stage, url: str, wallet: str, token: str, number: int) -> None:
    import aiohttp

    wish = {"strategy": "SHIELD", "token": token, "action": "BUY", "amount_sol": 0.05 + number / 1_000}
    body = json.dumps(wish | {"wallet_address": wallet}).encode()
    stamp = str(int(time.time()))
    signature = hmac.digest(stage._secret.encode(), stamp.encode() + body, "sha256").hex()
    headers = {"X-Timestamp": stamp, "X-Signature": signature, "Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url.rstrip('/')}/api/v1/webhook", data=body, headers=headers) as answer,
    ):
        await answer.read()


async def _swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while await reader.read(65_536):
            pass
    writer.close()


async def main(each: int, trades: int) -> None:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"whole trade, {machine}, {time.strftime('%Y-%m-%d')}, load {os.getloadavg()[0]:.1f}")
    quiet, beside, floor, rate, said = await desk_alone(each)
    for name, samples in (
        ("quiet", quiet),
        (f"beside {rate:,.0f} updates/s", beside),
        ("floor: two fdatasyncs", floor),
    ):
        p50, p95, p99 = percentiles(samples)
        print(f"1. body -> socket, {name:24} p50 {p50:7.0f} us  p95 {p95:7.0f}  p99 {p99:7.0f}")
    p99 = percentiles(beside)[2] / 1_000
    ratio = percentiles(beside)[0] / percentiles(quiet)[0]
    to_floor = percentiles(quiet)[0] / percentiles(floor)[0]
    print(
        f"   p99 {p99:.2f} ms (wanted: below {TARGET_MS:.0f}), p50 {ratio:.2f} times the quiet one, "
        f"which is {to_floor:.2f} times its floor"
    )
    print(f"2. {said}")
    if trades:
        found = await on_chain(trades)
        if not found:
            raise SystemExit("3. nothing landed")
        took, slots = [ms for ms, _ in found], [count for _, count in found]
        p50, p95, _ = percentiles(took)
        print(
            f"3. signal -> confirmed, {len(found)} buys: p50 {p50:.0f} ms, p95 {p95:.0f} ms (wanted: below 2,000); "
            f"{statistics.median(slots):.0f} slots of 400 ms from simulation to landing, at most {max(slots)}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--each", type=int, default=400)
    parser.add_argument("--trades", type=int, default=20)
    chosen = parser.parse_args()
    uvloop.run(main(chosen.each, chosen.trades))
