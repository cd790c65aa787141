"""Kills the desk, again and again, over one run of the world; then asks chain and books whether they agree.

    python tests/crash/kill_desk.py [--kills 50] [--seed 7] [--faults]

Nothing may be bought twice, nothing bought may be orphaned, and the ledger must equal the chain to the lamport.

With --faults the chain misbehaves at the same time, by the same seed. Most of its forks undo the slot in progress and
the one before it; now and then one goes deeper than what was confirmed, so that what was booked must be taken back.
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
from chimera.demo.processes import Child
from chimera.demo.stage import Stage
from chimera.demo.summary import summarise
from chimera.domain.errors import ConfigError
from chimera.domain.intent import Side
from chimera.domain.messages import LegLanded, LegReverted, LegSigned, LegUndone

ALIVE_S = (0.3, 6.0)  # after it said that it is up
LAST_RUN_S = 20
STARTS_MAX = 5  # a desk that a fault kept from starting is started again, as its supervisor would

FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "delay", "rate": 0.05, "delay_ms": 100, "delay_ms_max": 1_500},
    {"kind": "drop", "rate": 0.02},
    {"kind": "drop_answer", "rate": 0.02},
    {"kind": "rate_limit", "rate": 0.03, "retry_after_s": 1},
    {"kind": "server_error", "rate": 0.02},
    {"kind": "unhealthy", "rate": 0.01},
    {"kind": "stale", "rate": 0.03, "slots": 3},
    {"kind": "lose", "rate": 0.1},
    {"kind": "land_late", "rate": 0.1, "slots": 5},
    {"kind": "duplicate", "rate": 0.1},
    {"kind": "fork", "rate": 0.03, "slots": 1},
    {"kind": "fork", "rate": 0.01, "slots": 7},
    {"kind": "geyser_disconnect", "rate": 0.02},
    {"kind": "server_error", "rate": 0.3, "methods": ["jito:*"]},
)
"""At what rate a request or a slot is struck; a fork of 1 undoes two slots, the one in progress and one sealed.

Confirmed lags by two slots, so that a fork of 7 undoes some that were confirmed."""
JITO_DOWN: dict[str, Any] = {"kind": "jito_down"}
"""For the middle third of the run."""


async def torture(*, kills: int, seed: int, folder: Path, faults: bool = False) -> dict[str, Any]:
    """What was found at the end; `proved` says whether it is what it must be."""
    chance = random.Random(seed)
    stage = Stage(seed=seed, port=0, data_dir=folder, environ=os.environ)
    struck: dict[str, int] = {}
    refused_starts = 0
    async with stage:
        admin = f"{stage.endpoints['admin']}/faults"
        for wish in FAULTS if faults else ():
            await _ask("POST", admin, wish)
        for number in range(kills):
            if faults and number == kills // 3:
                outage = (await _ask("POST", admin, JITO_DOWN))["id"]
            if faults and number == 2 * kills // 3:
                await _ask("DELETE", f"{admin}/{outage}")
            desk, refused = await _started(stage)
            refused_starts += refused
            await asyncio.sleep(chance.uniform(*ALIVE_S))
            os.kill(desk.pid, signal.SIGKILL)
            await desk.wait()
        struck = (await _ask("GET", admin))["counts"]
        await _ask("DELETE", admin)
        desk, _ = await _started(stage)
        await asyncio.sleep(LAST_RUN_S)
        await desk.stop()
        lamports, tokens = await stage.holdings()
        on_chain = await signatures_paid_by(stage.endpoints["rpc"], stage.wallet)
    told = {"seed": seed, "kills": kills, "starts_refused": refused_starts, "faults_struck": struck}
    return told | _verdict(stage, lamports, tokens, on_chain)


async def _started(stage: Stage) -> tuple[Child, int]:
    """A running desk, and how many before it could not start; raises ConfigError after a few."""
    for refused in range(STARTS_MAX):
        try:
            return (await stage.desk())[0], refused
        except ConfigError as error:
            print(error, file=sys.stderr)
    return (await stage.desk())[0], STARTS_MAX


def _verdict(stage: Stage, lamports: int, tokens: dict[Any, int], on_chain: set[str]) -> dict[str, Any]:
    entries = list(read_folder(stage.folder / "journal"))
    summary = summarise(entries, began_ms=0, dashboard="", chain_lamports=lamports, chain_tokens=tokens)
    landed = [entry.fact for entry in entries if isinstance(entry.fact, LegLanded)]
    bought: Counter[str] = Counter(fact.leg.trade_id for fact in landed if fact.fill.side is Side.BUY)
    undone = [entry.fact for entry in entries if isinstance(entry.fact, LegUndone)]
    buys = {fact.leg.leg_id for fact in landed if fact.fill.side is Side.BUY}
    bought.subtract(fact.leg.trade_id for fact in undone if fact.leg.leg_id in buys)
    known = {str(fact.fill.signature) for fact in landed}
    known |= {str(entry.fact.signature) for entry in entries if isinstance(entry.fact, LegReverted)}
    signed = {str(entry.fact.signature) for entry in entries if isinstance(entry.fact, LegSigned)}
    return {
        "round_trips_closed": summary.closed,
        "legs_landed": len(landed),
        "legs_undone": len(undone),
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


async def _ask(method: str, url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.request(method, url, json=body) as response:
        answer: dict[str, Any] = await response.json()
        assert response.status < 300, answer
        return answer


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
    parser.add_argument("--faults", action="store_true", help="the chain misbehaves meanwhile")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        verdict = asyncio.run(
            torture(kills=chosen.kills, seed=chosen.seed, folder=Path(folder), faults=chosen.faults)
        )
    print(json.dumps(verdict, indent=2))
    sys.exit(0 if proved(verdict) else 1)


if __name__ == "__main__":
    main()
