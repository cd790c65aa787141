"""The internal hot path: the webhook's body in memory -> signed transaction bytes ready to send.

Real parts: admission, journal on this disk (the signal is durable before it goes on), queue, engine, copy_trade,
gate, planner, venue, signer. The log is at INFO; it is written a moment later, here between the turns. Left out: the
node's answer to the simulation, which is its time and not ours; it is answered at once. Beside it, in the same run
and by turns, a floor: HMAC, solders' compile and sign of the same instructions, one append with fdatasync.

    python benchmarks/hot_path.py [--rounds 5] [--each 300]
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop
from prometheus_client import CollectorRegistry
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from chimera.config import load
from chimera.domain.chain import Account, AccountUpdate, Blockhash, Simulation
from chimera.domain.errors import Unreachable
from chimera.domain.ids import Slot
from chimera.domain.messages import CapitalMoved, LegSigned, TokenChecked
from chimera.domain.token import TokenReport
from chimera.execution import tables as planning
from chimera.execution.effects import StatusesRead
from chimera.localnet.genesis import genesis
from chimera.observe import Log, Observer, Redactor, make_log
from chimera.ports.ingress import WebhookRequest
from chimera.wiring.house import build

BLOCKHASH = "EkSnNWid2cvwEVnVx9aBqawnmiCNiDgp3gUdkDPTKN1N"
SECRET = "5f" * 32
FOREVER = 10**9


class InstantNode:
    """Answers simulations at once and takes no transaction: everything but its own time."""

    async def simulate(self, transaction: bytes, *, accounts: Any = ()) -> Simulation:
        return Simulation(Slot(5), None, (), 50_000)

    async def send(self, transaction: bytes) -> str:
        raise Unreachable("bench", "nothing is sent")

    async def close(self) -> None:
        return None


class Captured:
    """Keeps the last transaction's calls, so that the floor compiles the same."""

    calls: Any = None


def percentiles(taken_us: list[float]) -> tuple[float, float, float]:
    ordered = sorted(taken_us)
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.95, 0.99)]
    return at[0], at[1], at[2]


def prepared(folder: Path) -> tuple[Any, Any]:
    """A house with the world's pools, a key and capital, and no chain behind it."""
    from chimera.adapters.signers.vault import VaultSigner, create

    world = genesis(7)
    environ = {
        "CHIMERA_SECURITY__WEBHOOK_SECRET": SECRET,
        "CHIMERA_DATA_DIR": str(folder),
        "CHIMERA_WEBHOOK__RATE_PER_S": "1000000",
        "CHIMERA_EXECUTION__RETRIES_MAX": "0",  # a leg that waits for another try takes up room
        "CHIMERA_COPY_TRADE__POSITIONS_PER_TOKEN_MAX": "1000000",
        "CHIMERA_TOKENS": json.dumps([{"symbol": t.symbol, "mint": t.mint} for t in world.tokens]),
        "CHIMERA_WALLETS": json.dumps(
            [{"address": w.address, "status": str(w.status)} for w in world.wallets]
        ),
    }
    settings = load([], environ)
    create(folder / "vault.json", "a passphrase for the bench")
    signer = VaultSigner.open(folder / "vault.json", "a passphrase for the bench")
    house = build(settings, signer, observer=Observer(_log(folder), CollectorRegistry()))
    put_behind(house, InstantNode())
    now = house.clock.now_ms()
    for _ in range(2):  # pools first, then what belongs to them
        for account in world.accounts:
            read = Account(account.address, account.owner, account.lamports, bytes(account.data))
            house.view.apply(AccountUpdate(read, Slot(5), 0), now)
    house.journal.append(CapitalMoved(100_000 * 10**9, Slot(5), "bench"))
    for token in world.tokens:
        report = TokenReport(token.mint, Slot(5), now, None, 10_000_000, 9_900_000)
        house.journal.append(TokenChecked(report))
    house.books.kill_switch.ready = True
    house.execution._desk.blockhash = Blockhash(BLOCKHASH, FOREVER, 5)
    return house, signer


def put_behind(house: Any, node: Any) -> None:
    """The desk's calls go to this node."""
    role = house.execution
    for holder in (role, getattr(role, "_performer", None)):
        if holder is not None and hasattr(holder, "_chain"):
            holder._chain = node


def _log(folder: Path) -> Log:
    """As a desk logs, into a file."""
    return make_log(level="INFO", json=True, redactor=Redactor((SECRET,)), stream=(folder / "log").open("w"))


async def measure(rounds: int, each: int) -> tuple[list[list[float]], list[list[float]]]:
    ours: list[list[float]] = []
    floor: list[list[float]] = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("CHIMERA_BENCH_DIR")) as name:
        folder = Path(name)
        house, _ = prepared(folder)
        original = planning.compile_v0

        def capture(calls: Any, **named: Any) -> bytes:
            Captured.calls = calls
            return original(calls, **named)

        planning.compile_v0 = capture
        signed: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def heard(entry: Any) -> None:
            if isinstance(entry.fact, LegSigned) and not signed.done():
                signed.set_result(time.perf_counter_ns())

        house.journal.listen(heard)
        loops = [
            asyncio.create_task(house.execution.follow_intents()),
            asyncio.create_task(house.strategy.follow_signals()),
            asyncio.create_task(house.strategy.follow_trades()),
        ]
        number = 0

        async def one() -> float:
            nonlocal signed, number
            number += 1
            now = house.clock.now_ms()
            house.view.see_slot(Slot(5), now)
            body = (
                '{"strategy":"SHIELD","token":"BONK","action":"BUY",'
                f'"amount_sol":0.{100_000_000 + number:09d},'
                '"wallet_address":"7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"}'
            ).encode()
            stamp = str(now // 1000)
            signature = hmac.digest(SECRET.encode(), stamp.encode() + body, "sha256").hex()
            signed = asyncio.get_running_loop().create_future()
            request = WebhookRequest(body, signature, stamp, "127.0.0.1", "r")
            began = time.perf_counter_ns()
            answer = asyncio.ensure_future(house.ingress.receive(request))
            done = await asyncio.wait_for(signed, 5)
            verdict = await answer
            if verdict.refusal is not None:
                raise SystemExit(f"refused: {verdict.refusal}")
            for _ in range(5):
                await asyncio.sleep(0)
            watched = house.execution._desk.watched()
            for _ in range(2):  # the leg ends, so that every turn begins alike
                house.execution._process(StatusesRead(FOREVER + 1_000, {w.signature: None for w in watched}))
            await house.journal.durable(house.journal.last_seq)  # no remains for the next one
            house.observer.heard_later.drain()
            return (done - began) / 1_000

        keypair = Keypair()
        descriptor = os.open(folder / "floor", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

        def bare() -> float:
            body, stamp = os.urandom(150), b"1790000000"
            calls = [
                Instruction(
                    Pubkey.from_string(call.program),
                    call.data,
                    [
                        AccountMeta(Pubkey.from_string(m.address), m.is_signer, m.is_writable)
                        for m in call.accounts
                    ],
                )
                for call in Captured.calls
            ]
            payer = calls[2].accounts[0].pubkey
            blockhash = Hash.from_string(BLOCKHASH)
            line = b"x" * 700
            began = time.perf_counter_ns()
            hmac.new(SECRET.encode(), stamp + body, hashlib.sha256).hexdigest()
            message = MessageV0.try_compile(payer, calls, [], blockhash)
            signature = keypair.sign_message(bytes(message))
            bytes(VersionedTransaction.populate(message, [signature]))
            os.write(descriptor, line)
            os.fdatasync(descriptor)
            return (time.perf_counter_ns() - began) / 1_000

        for _ in range(50):
            await one()
            bare()
        for _ in range(rounds):
            ours.append([await one() for _ in range(each)])
            floor.append([bare() for _ in range(each)])
        for loop in loops:
            loop.cancel()
        house.journal.close()
        planning.compile_v0 = original
    return ours, floor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--each", type=int, default=300)
    chosen = parser.parse_args()
    ours, floor = uvloop.run(measure(chosen.rounds, chosen.each))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"hot path, {chosen.rounds} rounds of {chosen.each}, {machine}, {time.strftime('%Y-%m-%d')}")
    print(f"{'':24}{'p50 us':>10}{'p95 us':>10}{'p99 us':>10}")
    rows = {}
    for name, samples in (("body -> signed bytes", ours), ("floor", floor)):
        each = [percentiles(round_) for round_ in samples]
        rows[name] = [statistics.median(values) for values in zip(*each, strict=True)]
        print(f"{name:24}" + "".join(f"{value:10.0f}" for value in rows[name]))
    ratios = [
        statistics.median(
            percentiles(a)[place] / percentiles(b)[place] for a, b in zip(ours, floor, strict=True)
        )
        for place in range(3)
    ]
    print(f"{'ratio':24}" + "".join(f"{value:10.2f}" for value in ratios))
    p99 = rows["body -> signed bytes"][2]
    print(f"targets: p99 {p99 / 1000:.2f} ms (below 5), p50 {ratios[0]:.2f}x the floor (at most 3)")


if __name__ == "__main__":
    main()
