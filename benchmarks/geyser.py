"""Account updates a second through our Geyser server and client on loopback, beside what bare gRPC gives.

Span: from the first update in the client's hands to the last, token-account sized, server in a process of its
own, client on uvloop; rounds interleaved. The floor sends and reads the same bytes with grpc.aio alone: no
chain, no filters, nothing decoded. Beside it what decoding one update costs by itself.
Run: .venv/bin/python benchmarks/geyser.py [updates a round]
"""

import asyncio
import multiprocessing
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import grpc
import uvloop
from solders.account import Account
from solders.pubkey import Pubkey
from solders.signature import Signature

from chimera.adapters.geyser import GeyserFeed
from chimera.adapters.geyser_wire import item
from chimera.domain.chain import AccountUpdate
from chimera.domain.ids import TOKEN_PROGRAM, Address
from chimera.localnet.chain import ChainOptions, EmbeddedChain
from chimera.localnet.events import AccountWritten
from chimera.localnet.geyser import GeyserOptions, GeyserServer
from chimera.localnet.geyser_messages import AccountMessage, names_prefix
from chimera.ports.chain import Subscription
from chimera.ports.venue import AccountFilter
from chimera.proto import service

ROUNDS = 5
UPDATES = 20_000
ACCOUNTS = 500  # different ones, as a subscription to some pools has
CHUNK = 200  # events between two turns of the server's loop
OWNER = Pubkey.from_string(TOKEN_PROGRAM)


def event(number: int) -> AccountWritten:
    key = Pubkey((number % ACCOUNTS).to_bytes(32, "big"))
    account = Account(2_039_280, bytes(157) + number.to_bytes(8, "little"), OWNER)
    return AccountWritten(key, account, 7, number, Signature(number.to_bytes(64, "big")))


async def serve_ours(port: Connection, updates: int) -> None:
    chain = EmbeddedChain(ChainOptions(), now=time.time)
    server = GeyserServer(chain, GeyserOptions(port=0, queue_messages_max=updates + 10), now_ns=time.time_ns)
    port.send(await server.start())
    while True:
        while not server.sessions:
            await asyncio.sleep(0.005)
        for number in range(updates):
            chain.listeners.account_written(event(number))
            if number % CHUNK == 0:
                await asyncio.sleep(0)
        while server.sessions:
            await asyncio.sleep(0.005)
        chain.advance_slot()


async def serve_floor(port: Connection, updates: int) -> None:
    messages = [names_prefix(("owners",)) + AccountMessage(event(n), 1).body() for n in range(ACCOUNTS)]

    async def subscribe(_requests: AsyncIterator[bytes], context: Any) -> None:
        for number in range(updates):
            await context.write(messages[number % ACCOUNTS])
        await asyncio.Event().wait()

    handler = grpc.stream_stream_rpc_method_handler(subscribe, None, None)
    server = grpc.aio.server()
    handlers = grpc.method_handlers_generic_handler(service.SERVICE, {service.SUBSCRIBE.name: handler})
    server.add_generic_rpc_handlers((handlers,))
    port.send(server.add_insecure_port("127.0.0.1:0"))
    await server.start()
    await server.wait_for_termination()


async def read_ours(port: int, updates: int) -> tuple[float, float]:
    """(seconds, of them CPU of this process)."""
    stream = GeyserFeed(f"http://127.0.0.1:{port}").subscribe(
        Subscription(accounts=(AccountFilter(owner=Address(TOKEN_PROGRAM)),))
    )
    seen, started, cpu = 0, 0.0, 0.0
    async for found in stream:
        if isinstance(found, AccountUpdate):
            if not seen:
                started, cpu = time.perf_counter(), time.process_time()
            seen += 1
            if seen == updates:
                break
    taken = time.perf_counter() - started, time.process_time() - cpu
    await stream.aclose()
    return taken


async def read_floor(port: int, updates: int) -> tuple[float, float]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: Any = channel.stream_stream(service.SUBSCRIBE.path, None, None)()
        await call.write(b"")
        await call.read()
        started, cpu = time.perf_counter(), time.process_time()
        for _ in range(updates - 1):
            await call.read()
        taken = time.perf_counter() - started, time.process_time() - cpu
        call.cancel()
        return taken


def decoding_us() -> float:
    messages = [names_prefix(("owners",)) + AccountMessage(event(n), 1).body() for n in range(ACCOUNTS)]
    started = time.perf_counter()
    for _ in range(20):
        for message in messages:
            item(message)
    return (time.perf_counter() - started) / (20 * ACCOUNTS) * 1e6


def spawn(serve: Callable[[Connection, int], Awaitable[None]], updates: int) -> tuple[Any, int]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=run_server, args=(serve, there, updates), daemon=True
    )
    process.start()
    return process, here.recv()


def run_server(serve: Callable[[Connection, int], Any], port: Connection, updates: int) -> None:
    uvloop.run(serve(port, updates))


async def measure(updates: int) -> None:
    ours_process, ours_port = spawn(serve_ours, updates)
    floor_process, floor_port = spawn(serve_floor, updates)
    ours, floor = [], []
    try:
        for _ in range(ROUNDS):
            floor.append(await read_floor(floor_port, updates))
            ours.append(await read_ours(ours_port, updates))
    finally:
        for process in (ours_process, floor_process):
            process.terminate()
    print(f"{updates} account updates, {ROUNDS} rounds interleaved, medians")
    for name, rounds in (("grpc floor", floor), ("ours", ours)):
        seconds, cpu = median(one for one, _ in rounds), median(one for _, one in rounds)
        print(
            f"{name:10}  {updates / seconds:8.0f} updates/s  {seconds / updates * 1e6:6.1f} us each"
            f"  client CPU {cpu / updates * 1e6:6.1f} us each"
        )
    ratio = median(one for one, _ in ours) / median(one for one, _ in floor)
    print(f"ours/floor  {ratio:.2f} in time;  decoding alone {decoding_us():.1f} us each")


if __name__ == "__main__":
    uvloop.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else UPDATES))
