"""How many SPL transfers a second the embedded chain takes over HTTP, and what that does to its slot clock.

Prints the rate next to its floor: the same transactions run straight on LiteSVM in the same process. The client
runs in a process of its own; transactions are signed beforehand.  uv run benchmarks/chain_load.py [count]
"""

import asyncio
import base64
import multiprocessing
import sys
import time
from multiprocessing.connection import Connection

import aiohttp
import msgspec
import uvloop
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from chimera.domain.ids import TOKEN_PROGRAM, Address
from chimera.localnet.bank import GenesisAccount
from chimera.localnet.chain import ChainOptions, EmbeddedChain
from chimera.localnet.genesis_accounts import mint, purse, token_account
from chimera.localnet.node import Node, NodeOptions

TOKEN = Pubkey.from_string(TOKEN_PROGRAM)
CONNECTIONS = 16
OWNER = Keypair.from_seed(b"o" * 32)
MINT, FIRST, SECOND = (Address(str(Pubkey.from_bytes(letter * 32))) for letter in (b"m", b"f", b"s"))


def accounts() -> list[GenesisAccount]:
    owner = Address(str(OWNER.pubkey()))
    return [
        purse(owner, 10**12),
        mint(MINT, decimals=6, supply=10**15),
        token_account(FIRST, mint=MINT, owner=owner, amount=10**15),
        token_account(SECOND, mint=MINT, owner=owner, amount=0),
    ]


def transfers(count: int, blockhash: Hash) -> list[bytes]:
    metas = [
        AccountMeta(Pubkey.from_string(FIRST), False, True),
        AccountMeta(Pubkey.from_string(SECOND), False, True),
        AccountMeta(OWNER.pubkey(), True, False),
    ]
    wires = []
    for amount in range(1, count + 1):
        call = Instruction(TOKEN, b"\3" + amount.to_bytes(8, "little"), metas)
        message = Message.new_with_blockhash([call], OWNER.pubkey(), blockhash)
        wires.append(bytes(VersionedTransaction(message, [OWNER])))
    return wires


def serve(wire: Connection) -> None:
    """The node's process: tells its address and a blockhash, then, when asked, how late its slots were."""
    uvloop.run(_serve(wire))


async def _serve(wire: Connection) -> None:
    options = NodeOptions(rpc_port=0, ws_port=0, geyser_port=0, jito_port=0, admin_port=0)
    async with Node(options, genesis=accounts()) as node:
        ticking = asyncio.create_task(node.clock.run())
        wire.send((node.endpoints["rpc"], str(node.chain.genesis_hash)))
        while not wire.poll():
            await asyncio.sleep(0.05)
        wire.recv()
        wire.send((node.clock.late_seconds_max, node.chain.slot, node.chain.ledger.transactions_total))
        ticking.cancel()


async def load(url: str, wires: list[bytes]) -> tuple[float, list[float]]:
    """(transfers a second, each answer's seconds)."""
    bodies = [
        msgspec.json.encode(
            {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "sendTransaction",
                "params": [base64.b64encode(wire).decode(), {"encoding": "base64", "skipPreflight": True}],
            }
        )
        for wire in wires
    ]
    waiting = iter(bodies)
    took: list[float] = []
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def one() -> None:
            for body in waiting:
                began = time.perf_counter()
                async with session.post(url, data=body) as response:
                    answer = await response.read()
                took.append(time.perf_counter() - began)
                assert b'"result"' in answer, answer

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
        return len(bodies) / (time.perf_counter() - began), took


def floor(count: int) -> float:
    """Transfers a second on LiteSVM alone: parsed, verified, executed, no metadata kept."""
    chain = EmbeddedChain(ChainOptions(), now=time.time, genesis=accounts())
    wires = transfers(count, chain.genesis_hash)
    svm = chain.bank._svm
    began = time.perf_counter()
    for wire in wires:
        svm.send_transaction(VersionedTransaction.from_bytes(wire))
    return count / (time.perf_counter() - began)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    url, blockhash = here.recv()
    wires = transfers(count, Hash.from_string(blockhash))
    rate, took = uvloop.run(load(url, wires))
    here.send("done")
    late, slot, total = here.recv()
    server.join(5)
    took.sort()
    bare = floor(min(count, 5_000))
    print(f"HTTP sendTransaction, skipPreflight   {rate:8.0f} /s  ({total} landed in {slot} slots)")
    print(f"floor: LiteSVM alone                  {bare:8.0f} /s  ratio {bare / rate:.1f}")
    print(f"answers p50 {took[count // 2] * 1e3:.1f} ms  p99 {took[count * 99 // 100] * 1e3:.1f} ms")
    print(f"slot clock late at most {late * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
