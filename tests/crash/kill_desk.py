"""Kills the desk, again and again, over one run of the world; then asks chain and books whether they agree.

    python tests/crash/kill_desk.py [--kills 50] [--seed 7] [--faults]

Nothing may be bought twice, nothing bought may be orphaned, and the ledger must equal the chain to the lamport.

With --faults the chain misbehaves at the same time, by the same seed. Most of its forks undo the slot in progress and
the one before it; now and then one goes deeper than what was confirmed, so that what was booked must be taken back.

The books are closed when they can be: a leg whose blockhash died in a fork is nobody's fault, and has its end only
when that blockhash's minute is over. So the last desk runs until whatever was signed in the bad times is final.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
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
from chimera.domain.messages import (
    Entry,
    LegLanded,
    LegReverted,
    LegSigned,
    LegUndone,
    UpkeepLanded,
    UpkeepSigned,
)
from chimera.portfolio import Ledger

ALIVE_S = (0.3, 6.0)  # after it said that it is up
LAST_RUN_S = 8.0  # at the least
CALM_WITHIN_S = 180.0  # a blockhash's minute, finality, and a machine that is busy with other things
STAGE_SET_SLOT = 45  # finality lags by 32: no fork reaches the money that the desk begins with
SLOT_MS, HURRIED_SLOT_MS, CALM_SLOT_MS = 400, 60, 150
"""As on mainnet; while nobody trades; while exits end and finality is waited for."""
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
STEADFAST = {
    f"CHIMERA_RISK__BREAKERS__{name}__ENABLED": "false"
    for name in ("SLIPPAGE", "SIGNING", "TRADE_FAILURE", "CONFIRMATION")
}
"""The faults would open these, and a desk that buys nothing any more proves little."""
JITO_DOWN: dict[str, Any] = {"kind": "jito_down"}
"""For the middle third of the run."""


async def torture(*, kills: int, seed: int, folder: Path, faults: bool = False) -> dict[str, Any]:
    """What was found at the end; `proved` says whether it is what it must be."""
    chance = random.Random(seed)
    stage = Stage(seed=seed, port=0, data_dir=folder, environ={**os.environ, **STEADFAST})
    struck: dict[str, int] = {}
    refused_starts = 0
    async with stage:
        admin = f"{stage.endpoints['admin']}/faults"
        if faults:
            await _until_the_stage_is_final(stage)
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
        calm_at_ms = time.time_ns() // 1_000_000
        desk, _ = await _started(stage)
        await calm(stage, since_ms=calm_at_ms)
        await desk.stop()
        lamports, tokens = await stage.holdings()
        on_chain = await signatures_paid_by(stage.endpoints["rpc"], stage.wallet)
    told = {"seed": seed, "kills": kills, "starts_refused": refused_starts, "faults_struck": struck}
    return told | _verdict(stage, lamports, tokens, on_chain)


async def calm(stage: Stage, *, since_ms: int) -> None:
    """Returns once all that was signed before `since_ms` is final and nothing is under way, or when time is up.

    The world ends first: from then on only exits are begun.
    """
    began = time.monotonic()
    await asyncio.sleep(LAST_RUN_S)
    while time.monotonic() - began < CALM_WITHIN_S and not landed(journal(stage)):
        await asyncio.sleep(1)
    await next(child for child in stage.started if child.name == "world").stop()
    await _ask("POST", f"{stage.endpoints['admin']}/slots", {"duration_ms": CALM_SLOT_MS})
    while time.monotonic() - began < CALM_WITHIN_S:
        ledger = Ledger()
        for entry in journal(stage):
            ledger.apply(entry)
        under_way = [*ledger.legs.values(), *ledger.upkeep.values()]
        old = [booked for booked in ledger.settling.values() if booked.leg.signed_at_ms < since_ms]
        if not under_way and not old:
            return
        await asyncio.sleep(1)


def journal(stage: Stage) -> list[Entry]:
    return list(read_folder(stage.folder / "journal"))


def landed(entries: list[Entry]) -> list[LegLanded]:
    return [entry.fact for entry in entries if isinstance(entry.fact, LegLanded)]


async def _until_the_stage_is_final(stage: Stage) -> None:
    slots = f"{stage.endpoints['admin']}/slots"
    await _ask("POST", slots, {"duration_ms": HURRIED_SLOT_MS})
    async with asyncio.timeout(CALM_WITHIN_S):
        while (await _ask("GET", slots))["slot"] < STAGE_SET_SLOT:
            await asyncio.sleep(0.2)
    await _ask("POST", slots, {"duration_ms": SLOT_MS})


async def _started(stage: Stage) -> tuple[Child, int]:
    """A running desk, and how many before it could not start; raises ConfigError after a few."""
    for refused in range(STARTS_MAX):
        try:
            return (await stage.desk())[0], refused
        except ConfigError as error:
            print(error, file=sys.stderr)
    return (await stage.desk())[0], STARTS_MAX


def _verdict(stage: Stage, lamports: int, tokens: dict[Any, int], on_chain: set[str]) -> dict[str, Any]:
    entries = journal(stage)
    summary = summarise(entries, began_ms=0, dashboard="", chain_lamports=lamports, chain_tokens=tokens)
    standing: dict[str, LegLanded] = {}
    known, signed = set[str](), set[str]()
    for entry in entries:
        match entry.fact:
            case LegLanded() as fact:
                standing[fact.leg.leg_id] = fact
                known.add(str(fact.fill.signature))
            case LegUndone() as fact:
                standing.pop(fact.leg.leg_id, None)
            case LegReverted() | UpkeepLanded() as fact:
                known.add(str(fact.signature))
            case LegSigned() | UpkeepSigned() as fact:
                signed.add(str(fact.signature))
            case _:
                pass
    bought = Counter(fact.leg.trade_id for fact in standing.values() if fact.fill.side is Side.BUY)
    return {
        "round_trips_closed": summary.closed,
        "legs_landed": len(landed(entries)),
        "legs_undone": sum(isinstance(entry.fact, LegUndone) for entry in entries),
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
    parser.add_argument("--keep", type=Path, help="a folder for journal and logs, which are else thrown away")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as thrown_away:
        folder = chosen.keep or Path(thrown_away)
        verdict = asyncio.run(
            torture(kills=chosen.kills, seed=chosen.seed, folder=folder, faults=chosen.faults)
        )
    print(json.dumps(verdict, indent=2))
    sys.exit(0 if proved(verdict) else 1)


if __name__ == "__main__":
    main()
