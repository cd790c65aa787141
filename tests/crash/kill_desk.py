"""Kills the desk, again and again, over one run of the world; then asks chain and books whether they agree.

    python tests/crash/kill_desk.py [--kills 50] [--seed 7]

Nothing may be bought twice, nothing bought may be orphaned, and the ledger must equal the chain to the lamport.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

from chimera.adapters.journal_segments import read_folder, verify
from chimera.demo.stage import Stage
from chimera.demo.summary import summarise
from chimera.domain.intent import Side
from chimera.domain.messages import LegLanded, LegReverted, LegSigned

ALIVE_S = (0.3, 6.0)  # after it said that it is up
LAST_RUN_S = 20


async def torture(*, kills: int, seed: int, folder: Path) -> dict[str, Any]:
    chance = random.Random(seed)
    stage = Stage(seed=seed, port=0, data_dir=folder, environ=os.environ)
    async with stage:
        for _ in range(kills):
            desk, _url = await stage.desk()
            await asyncio.sleep(chance.uniform(*ALIVE_S))
            os.kill(desk.pid, signal.SIGKILL)
            await desk.wait()
        desk, _url = await stage.desk()
        await asyncio.sleep(LAST_RUN_S)
        await desk.stop()
        lamports, tokens = await stage.holdings()
        on_chain = await signatures_paid_by(stage.endpoints["rpc"], stage.wallet)
    return _verdict(stage, lamports, tokens, on_chain, kills)


def _verdict(
    stage: Stage, lamports: int, tokens: dict[Any, int], on_chain: set[str], kills: int
) -> dict[str, Any]:
    entries = list(read_folder(stage.folder / "journal"))
    summary = summarise(entries, began_ms=0, dashboard="", chain_lamports=lamports, chain_tokens=tokens)
    landed = [entry.fact for entry in entries if isinstance(entry.fact, LegLanded)]
    bought = Counter(fact.leg.trade_id for fact in landed if fact.fill.side is Side.BUY)
    known = {str(fact.fill.signature) for fact in landed}
    known |= {str(entry.fact.signature) for entry in entries if isinstance(entry.fact, LegReverted)}
    signed = {str(entry.fact.signature) for entry in entries if isinstance(entry.fact, LegSigned)}
    return {
        "kills": kills,
        "round_trips_closed": summary.closed,
        "legs_landed": len(landed),
        "bought_twice": [trade for trade, times in bought.items() if times > 1],
        "landed_but_unknown_to_the_books": sorted(on_chain - known),
        "sent_without_a_record": sorted(on_chain - signed),
        "ledger_matches_chain": summary.ledger_matches_chain,
        "differences": list(summary.differences),
        "journal_ok": verify(stage.folder / "journal").ok,
    }


async def signatures_paid_by(rpc: str, wallet: str) -> set[str]:
    """Every transaction that the desk's wallet paid for, as the chain remembers them; the faucet paid the airdrop."""
    ask: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "getSignaturesForAddress", "params": [wallet]}
    async with aiohttp.ClientSession() as session:
        async with session.post(rpc, json=ask) as response:
            found = (await response.json())["result"]
        paid = set()
        for row in found:
            options = {"encoding": "json", "maxSupportedTransactionVersion": 0}
            ask = {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "getTransaction",
                "params": [row["signature"], options],
            }
            async with session.post(rpc, json=ask) as response:
                transaction = (await response.json())["result"]["transaction"]
            if transaction["message"]["accountKeys"][0] == wallet:
                paid.add(row["signature"])
    return paid


def proved(verdict: dict[str, Any]) -> bool:
    return (
        verdict["ledger_matches_chain"]
        and verdict["journal_ok"]
        and not verdict["bought_twice"]
        and not verdict["landed_but_unknown_to_the_books"]
        and not verdict["sent_without_a_record"]
        and verdict["legs_landed"] > 0
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        verdict = asyncio.run(torture(kills=chosen.kills, seed=chosen.seed, folder=Path(folder)))
    print(json.dumps(verdict, indent=2))
    sys.exit(0 if proved(verdict) else 1)


if __name__ == "__main__":
    main()
