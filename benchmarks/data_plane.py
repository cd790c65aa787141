"""From a write on the chain to a usable quote: age, cost by kind, and what a flood does to intents.

Six parts, each printed beside its floor. Chain and Geyser server run in a process of their own; clocks are the
machine's one monotonic clock, so ages are true across processes.
1. real: the embedded world trades; age of each vault write when its pool's quote can be used.
2. flood: synthetic vault updates at given rates, from the least server there can be (grpc's own would be what is
   measured); age p50 and p99, what was lost, CPU of our side with a quote after each update.
3. cost of one update by kind, without any network.
   Afterwards the same beside a recorder (`chimera.roles.recording`), whose segments are sealed meanwhile.
   And the same over TLS, as providers serve it, from the same sender.
4. intents: publish to hand-over beside a market flood of 5,000 updates a second, and without it, by turns.
Run: .venv/bin/python benchmarks/data_plane.py [seconds a round]
"""

import asyncio
import datetime as dt
import functools
import io
import ipaddress
import multiprocessing
import os
import random
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import CollectorRegistry
from solders.account import Account as RawAccount
from solders.pubkey import Pubkey

from chimera.adapters.bus_local import LocalBus
from chimera.adapters.clocks import WallClock
from chimera.adapters.geyser import GeyserFeed
from chimera.adapters.recording_folder import RecordingFolder
from chimera.adapters.recording_writer import RecordingLimits, RecordingWriter
from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.domain.chain import Account, AccountUpdate, SlotStatus, SlotUpdate
from chimera.domain.ids import WSOL, Address, Slot
from chimera.domain.pool import Quote, QuoteRequest, SwapKind
from chimera.domain.record import Maker
from chimera.localnet.events import AccountWritten, BlockSealed, SlotChanged, SlotPhase, TransactionExecuted
from chimera.localnet.genesis import genesis
from chimera.localnet.geyser_messages import AccountMessage, SlotMessage, names_prefix
from chimera.localnet.node import Node, NodeOptions
from chimera.localnet.world_runner import run_world
from chimera.market.sequencer import Sequencer
from chimera.market.view import MarketView
from chimera.observe import Observer, Redactor, make_log
from chimera.observe.recording import RecordingObserver
from chimera.plugins import venues
from chimera.roles.market import MarketRole
from chimera.roles.recording import RecordingRole
from chimera.roles.topics import INTENTS, MARKET, MARKET_CAPACITY
from chimera.testing.builders import address, intent
from chimera.wiring.recording import keeping

SECONDS = float(sys.argv[1]) if __name__ == "__main__" and len(sys.argv) > 1 else 5.0
SEED = 7
FIRST_VERSION = 10**12  # of synthetic writes: above what the chain counts itself
FLOODS = (1_000, 5_000, 10_000, 20_000)
AGE_TARGET_MS = 50.0
P99_TARGET_MS = 10.0
INTENT_EVERY_S = 0.005


class Times:
    """A chain listener: when each write was told, by its number."""

    def __init__(self) -> None:
        self.written: dict[int, int] = {}

    def account_written(self, event: AccountWritten) -> None:
        self.written[event.write_version] = time.monotonic_ns()

    def transaction_executed(self, event: TransactionExecuted) -> None: ...

    def block_sealed(self, event: BlockSealed) -> None: ...

    def slot_changed(self, event: SlotChanged) -> None: ...


def chain_process(pipe: Connection, key_file: str = "") -> None:
    uvloop.run(serve(pipe, key_file))


async def serve(pipe: Connection, key_file: str) -> None:
    """Does what it is told: ("world", s) lets traders trade, ("flood", rate, s) writes vaults, ("stop",).

    Without a key there is no secure tap.
    """
    options = NodeOptions(slot_ms=400, rpc_port=0, ws_port=0, geyser_port=0, jito_port=0, admin_port=0)
    world = genesis(SEED)
    async with Node(options, genesis=world.accounts) as node:
        ticking = asyncio.create_task(node.clock.run())
        taps: list[Tap] = []

        def tapped() -> Tap:
            taps.append(Tap())
            return taps[-1]

        loop = asyncio.get_running_loop()
        server = await loop.create_server(tapped, "127.0.0.1", 0)
        endpoints = {**node.endpoints, "tap": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}
        if key_file:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(key_file)
            context.set_alpn_protocols(["h2"])
            secure = await loop.create_server(tapped, "127.0.0.1", 0, ssl=context)
            endpoints["secure tap"] = f"https://127.0.0.1:{secure.sockets[0].getsockname()[1]}"
        talking = asyncio.create_task(slots(taps))
        pipe.send(endpoints)
        vaults = traded_vaults(world.accounts)
        version = FIRST_VERSION
        while True:
            while not pipe.poll():
                await asyncio.sleep(0.01)
            match pipe.recv():
                case ("world", seconds):
                    times = Times()
                    node.chain.listeners.add(times)
                    trading = asyncio.create_task(run_world(SEED, node.endpoints["rpc"], tick_ms=100))
                    await asyncio.sleep(seconds)
                    trading.cancel()
                    node.chain.listeners.remove(times)
                    pipe.send(times.written)
                case ("flood", rate, seconds):
                    first = version
                    version = await flood(taps, vaults, rate, seconds, version)
                    pipe.send(version - first)
                case _:
                    ticking.cancel()
                    talking.cancel()
                    return


def traded_vaults(accounts: Any) -> list[Any]:
    """Token accounts that are part of a pool: what the desk subscribes to."""
    view = MarketView(venues())
    for account in accounts:
        read = Account(account.address, account.owner, account.lamports, bytes(account.data))
        view.apply(AccountUpdate(read, Slot(1), 0), 0)
    return [account for account in accounts if account.address in view.addresses and len(account.data) == 165]


class Tap(asyncio.Protocol):
    """The least HTTP/2 server that our client accepts as gRPC: grpc's own takes 100 us a message, which would be
    all that a flood measures. One client, no filters, no flow control (the client's window is 16 MiB).
    """

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.open = False
        self._rest = b""
        self._greeted = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(frame(4, 0, 0, b""))

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if not self._greeted:
            self._rest, self._greeted = self._rest[24:], True
        while len(self._rest) >= 9 and len(self._rest) >= 9 + (size := int.from_bytes(self._rest[:3], "big")):
            kind, flags, payload = self._rest[3], self._rest[4], self._rest[9 : 9 + size]
            self._rest = self._rest[9 + size :]
            if kind in (4, 6) and not flags & 1:
                self.write(frame(kind, 1, 0, payload if kind == 6 else b""))
            elif kind == 1:
                # :status 200 from the static table, content-type by its index there
                self.write(frame(1, 4, 1, b"\x88\x5f\x10application/grpc"))
                self.open = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False

    def write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def say(self, message: bytes) -> None:
        self.write(frame(0, 0, 1, b"\0" + len(message).to_bytes(4, "big") + message))


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


async def slots(taps: list[Tap]) -> None:
    """A slot every 400 ms, as a node would say, so that nobody takes the stream for dead."""
    for slot in range(1_000_000, 2_000_000):
        for tap in taps:
            if tap.open:
                told = SlotMessage(SlotChanged(slot, slot - 1, SlotPhase.PROCESSED), time.time_ns())
                tap.say(names_prefix(("slots",)) + told.body())
        await asyncio.sleep(0.4)


async def flood(taps: list[Tap], vaults: list[Any], rate: int, seconds: float, version: int) -> int:
    """Writes vaults at an even pace, each with the time in its lamports; the next version."""
    tap = next(tap for tap in reversed(taps) if tap.open)
    prepared = [Prepared(one) for one in vaults]
    began, sent = time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < seconds:
        due = min(int(elapsed * rate) - sent, 100)  # then the loop's turn: that is when bytes leave
        for _ in range(due):
            tap.say(prepared[version % len(prepared)].message(version))
            version += 1
        sent += due
        await asyncio.sleep(0 if due == 100 else 0.001)
    return version


class Prepared:
    """An account's message with holes for time and version: making it anew would cost more than reading it."""

    def __init__(self, account: Any) -> None:
        marks = (time.monotonic_ns() | 1, FIRST_VERSION * 2 - 1)
        data, owner = bytes(account.data), Pubkey.from_string(account.owner)
        raw = RawAccount(marks[0], data, owner)
        event = AccountWritten(Pubkey.from_string(account.address), raw, 1_000_000, marks[1], None)
        whole = names_prefix(("addresses",)) + AccountMessage(event, time.time_ns()).body()
        self._head, rest = whole.split(varint(marks[0]))
        self._middle, self._tail = rest.split(varint(marks[1]))
        self._sizes = [len(varint(mark)) for mark in marks]

    def message(self, version: int) -> bytes:
        now, number = varint(time.monotonic_ns()), varint(version)
        if [len(now), len(number)] != self._sizes:
            raise SystemExit("a number outgrew its place; start again")
        return self._head + now + self._middle + number + self._tail


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


class Desk:
    """Our side: the market role, and a quote after each update of a pool."""

    def __init__(self, endpoints: dict[str, str], geyser: str, recording: Path | None) -> None:
        self.bus, self.view = LocalBus(), MarketView(venues(), keep_raw=recording is not None)
        log = make_log(level="ERROR", json=True, redactor=Redactor(), stream=io.StringIO())
        observer = Observer(log, CollectorRegistry())
        self.recorder = None if recording is None else recorder(recording, self.view, self.bus, observer)
        self.rpc = RpcChain(endpoints["rpc"], who="chain", options=RpcOptions(requests_per_second_max=10_000))
        self.role = MarketRole(
            feed=GeyserFeed(endpoints[geyser]), chain=self.rpc, view=self.view, bus=self.bus, clock=WallClock(),
            observer=observer, wallet=address("nobody"), keep=keeping(self.recorder),
        )  # fmt: skip
        self.heard: dict[int, tuple[int, int]] = {}
        """By version: when its quote was there, and the account's lamports."""
        apply = self.view.apply

        def applied(update: AccountUpdate, at_ms: int) -> Any:
            events = apply(update, at_ms)
            for pool, _ in self.view._watchers.get(update.account.address, ()):
                if not pool.complete:
                    continue
                request = QuoteRequest(pool.header.mint_a, SwapKind.EXACT_IN, 1_000_000)
                if isinstance(pool.quote(request, self.view.moment()), Quote):
                    self.heard[update.write_version] = (time.monotonic_ns(), update.account.lamports)
            return events

        self.view.apply = applied  # type: ignore[method-assign]


def spread(ages_ms: list[float]) -> str:
    ordered = sorted(ages_ms)
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99)]
    return f"p50 {at[0]:7.2f} ms   p99 {at[1]:7.2f} ms   max {ordered[-1]:7.2f} ms"


async def ask(pipe: Connection, *command: Any) -> Any:
    pipe.send(command)
    while not pipe.poll():
        await asyncio.sleep(0.01)
    return pipe.recv()


@asynccontextmanager
async def desk_on(
    endpoints: dict[str, str], geyser: str, recording: Path | None = None
) -> AsyncIterator[Desk]:
    desk = Desk(endpoints, geyser, recording)
    running = [asyncio.create_task(desk.role.run())]
    if desk.recorder is not None:
        running.append(asyncio.create_task(desk.recorder.run(desk.role.ready)))
    await desk.role.ready.wait()
    try:
        yield desk
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if desk.recorder is not None:
            await desk.recorder.close()
        await desk.rpc.close()


def recorder(folder: Path, view: MarketView, bus: LocalBus, observer: Observer) -> RecordingRole:
    limits = RecordingLimits(
        segment_records=50_000, segment_bytes=1 << 40, segment_ms=1 << 40, keep_bytes=0, keep_days=0
    )
    return RecordingRole(
        sink=RecordingWriter(folder, maker=Maker("market-data", "bench", "bench"), limits=limits),
        view=view, bus=bus, clock=WallClock(), observer=RecordingObserver(observer),
        capacity=100_000, snapshot_every_s=600,
    )  # fmt: skip


async def measure(pipe: Connection) -> None:
    endpoints = pipe.recv()
    async with desk_on(endpoints, "geyser") as desk:
        await part_real(pipe, desk)
    async with desk_on(endpoints, "tap") as desk:
        await part_flood(pipe, desk, "2. flood         ", FLOODS)
        part_cost(desk.view)
        await part_intents(pipe, desk)
    with tempfile.TemporaryDirectory() as name:
        async with desk_on(endpoints, "tap", Path(name)) as desk:
            await part_flood(pipe, desk, "5. recorded flood", FLOODS[:3])
        info = RecordingFolder(Path(name)).info()
        print(
            f"5. recorded {info.records} records, {info.bytes / 1e6:.1f} MB, {'whole' if info.whole else 'with gaps'}"
        )
    async with desk_on(endpoints, "secure tap") as desk:
        await part_flood(pipe, desk, "6. flood over TLS", FLOODS[1:])
    pipe.send(("stop",))


async def part_real(pipe: Connection, desk: Desk) -> None:
    written = await ask(pipe, "world", SECONDS)
    await asyncio.sleep(0.5)
    ages = [(desk.heard[v][0] - at) / 1e6 for v, at in written.items() if v in desk.heard]
    print(
        f"1. real trades, {len(ages)} writes of pools: {spread(ages)}   (age target {AGE_TARGET_MS:.0f} ms, ",
        end="",
    )
    print(f"ratio of p99 {sorted(ages)[int(len(ages) * 0.99)] / AGE_TARGET_MS:.3f})")


async def part_flood(pipe: Connection, desk: Desk, name: str, rates: tuple[int, ...]) -> None:
    for rate in rates:
        desk.heard.clear()
        cpu = time.process_time()
        sent = await ask(pipe, "flood", rate, SECONDS)
        quiet = 0
        while quiet != len(desk.heard):
            quiet = len(desk.heard)
            await asyncio.sleep(0.5)
        cpu = time.process_time() - cpu
        ages = [(at - lamports) / 1e6 for at, lamports in desk.heard.values()]
        p99 = sorted(ages)[int(len(ages) * 0.99)]
        print(
            f"{name} {sent / SECONDS:8.0f}/s: {spread(ages)}   ratio to {P99_TARGET_MS:.0f} ms "
            f"{p99 / P99_TARGET_MS:6.2f}   lost {sent - len(desk.heard)}   CPU {cpu / SECONDS:4.0%}"
            f"   {cpu / max(1, sent) * 1e6:5.1f} us each"
        )


def update(account: Account, number: int) -> AccountUpdate:
    return AccountUpdate(account, Slot(10**6 + number), number)


def part_cost(view: MarketView) -> None:
    """Sequencer and view alone, the median of five rounds."""
    pools = (pool for pool in view.pools.values() if pool.venue.name == "raydium_cpmm")
    pool = next(found for found in pools if WSOL in (found.header.mint_a, found.header.mint_b))
    by_role = pool.venue.roles(pool.state)
    known = {a.address: a for a in genesis(SEED).accounts}

    def of(where: Address) -> Account:
        found = known[where]
        return Account(where, found.owner, found.lamports, bytes(found.data))

    kinds: dict[str, Callable[[int], Any]] = {
        role: functools.partial(update, of(by_role[role])) for role in ("pool", "vault_0", "amm_config")
    }
    stranger = Account(address("stranger"), address("owner"), 1, bytes(165))
    kinds["unknown account"] = functools.partial(update, stranger)
    kinds["slot"] = lambda n: SlotUpdate(Slot(10**6 + n), Slot(10**6 + n - 1), SlotStatus.PROCESSED)
    apply = type(view).apply
    for name, make in kinds.items():
        rounds = []
        for turn in range(5):
            sequencer, items = Sequencer(), [make(turn * 3_000 + n) for n in range(3_000)]
            began = time.perf_counter_ns()
            for item in items:
                for passed in sequencer.process(item):
                    if isinstance(passed, AccountUpdate):
                        apply(view, passed, 0)
            rounds.append((time.perf_counter_ns() - began) / len(items) / 1_000)
        print(f"3. cost of one {name:16} {median(rounds):6.2f} us")


async def part_intents(pipe: Connection, desk: Desk) -> None:
    """Five rounds each, by turns; strategies listen to the market beside it."""
    intents = desk.bus.subscribe(INTENTS, capacity=1_000, refuse=True)
    market = desk.bus.subscribe(MARKET, capacity=MARKET_CAPACITY)
    took: list[float] = []
    chance = random.Random(5)
    sent_ns = 0

    async def engine() -> None:
        async for _ in intents:
            took.append((time.monotonic_ns() - sent_ns) / 1_000)

    async def strategies() -> None:
        handled = 0
        async for _ in market:
            handled += 1
            if handled % 64 == 0:
                await asyncio.sleep(0)

    loops = [asyncio.create_task(engine()), asyncio.create_task(strategies())]
    quiet: list[float] = []
    flooded: list[float] = []
    for turn in range(10):
        took.clear()
        flooding = asyncio.create_task(ask(pipe, "flood", 5_000, SECONDS / 2)) if turn % 2 else None
        ends = time.monotonic() + SECONDS / 2
        while time.monotonic() < ends:
            await asyncio.sleep(INTENT_EVERY_S * (0.5 + chance.random()))
            sent_ns = time.monotonic_ns()
            desk.bus.publish(INTENTS, intent())
        if flooding is not None:
            await flooding
        (flooded if turn % 2 else quiet).append(median(took))
    ratio = median(flooded) / median(quiet)
    told = f"{median(quiet):.1f} us quiet, {median(flooded):.1f} us in a flood of 5,000/s"
    print(f"4. intents: {told}, ratio {ratio:.2f} (target 1.10)")
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)


def key_and_certificate(folder: Path) -> Path:
    """A file with a key and a certificate of its own for 127.0.0.1, which this process is made to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
    today = dt.datetime.now(dt.UTC)
    where = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(where, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    text, pem = folder / "both.pem", serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    text.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem)
    )
    os.environ["SSL_CERT_FILE"] = str(text)
    return text


def main() -> None:
    ours, theirs = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        key_file = str(key_and_certificate(Path(folder)))
        process = multiprocessing.get_context("spawn").Process(
            target=chain_process, args=(theirs, key_file), daemon=True
        )
        process.start()
        uvloop.run(measure(ours))
        process.join(5)


if __name__ == "__main__":
    main()
