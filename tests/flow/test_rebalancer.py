"""A whole house beside a quantitative engine: all dollars on the chain become what the trusted trader holds, once."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from solders.keypair import Keypair
from tests.flow.running_desk import RunningDesk, soon

from chimera.adapters.quant import PATH
from chimera.adapters.rpc import RpcChain
from chimera.control.quant_server import QuantServer
from chimera.control.server import ControlServer, bind
from chimera.demo.stage import Stage
from chimera.demo.summary import summarise
from chimera.domain.ids import TOKEN_PROGRAM, USDC, Address
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.messages import (
    IntentEmitted,
    LegLanded,
    LegSigned,
    StrategyDecided,
    TradeMoved,
)
from chimera.domain.trade import TradeState
from chimera.localnet.tokens import BY_SYMBOL
from chimera.localnet.traders import traders
from chimera.onchain.keys import associated_token_address
from chimera.onchain.token_instructions import create_token_account, transfer_checked
from chimera.onchain.transaction import attach_signatures, compile_v0
from chimera.wiring.rebalancing import ranking_of

KEY = "a key of the engine's"
DOLLARS = 500 * 10**6
LUMEN = BY_SYMBOL["LUMEN"].mint  # against SOL alone: dollars reach it over two pools
SEED = 7


def figures(folder: Path, weights: dict[Address, int]) -> Path:
    """Two steady traders; the better one holds `weights`."""
    wallets = ("11111111111111111111111111111112", "11111111111111111111111111111113")
    told = [
        {"trader": one, "daily": [0.01, 0.02 * place] * 45, "trades": 60, "weights_bps": weights}
        for place, one in enumerate(wallets)
    ]
    file = folder / "figures.json"
    file.write_text(json.dumps(told))
    return file


@asynccontextmanager
async def set_stage(folder: Path) -> AsyncIterator[Stage]:
    """A chain on which the wallet has dollars, and an engine to ask; no desk yet."""
    file = figures(folder, {LUMEN: 10_000})
    server = QuantServer(lambda: ranking_of(file), key=KEY)
    async with ControlServer(server.app(), bind("127.0.0.1", 0)) as engine:
        stage = Stage(
            seed=SEED,
            port=0,
            data_dir=folder / "house",
            environ={
                **os.environ,
                "CHIMERA_REBALANCER__ENABLED": "true",
                "CHIMERA_REBALANCER__TRADES": "true",
                "CHIMERA_REBALANCER__CYCLE_S": "1",
                "CHIMERA_REBALANCER__URL": f"http://127.0.0.1:{engine.port}",
                "CHIMERA_REBALANCER__KEY": KEY,
                "CHIMERA_COPY_TRADE__WATCH_WALLETS": "false",
            },
        )
        async with stage:
            async with RpcChain(stage.endpoints["rpc"]) as rpc:
                await give_dollars(rpc, stage.wallet)
            yield stage


async def give_dollars(rpc: RpcChain, wallet: Address) -> None:
    """A whale of the world sends them."""
    whale = Keypair.from_seed(traders(SEED)["whale-1"].secret)
    payer = Address(str(whale.pubkey()))
    source, target = (
        associated_token_address(owner=owner, mint=USDC, token_program=TOKEN_PROGRAM)
        for owner in (payer, wallet)
    )
    calls = [
        create_token_account(payer=payer, owner=wallet, mint=USDC, token_program=TOKEN_PROGRAM),
        transfer_checked(
            source=source, mint=USDC, destination=target, owner=payer, amount=DOLLARS, decimals=6,
            token_program=TOKEN_PROGRAM,
        ),
    ]  # fmt: skip
    blockhash = await rpc.latest_blockhash()
    message = compile_v0(calls, payer=payer, blockhash=blockhash.blockhash)
    signature = await rpc.send(attach_signatures(message, [bytes(whale.sign_message(message))]))
    ends = time.monotonic() + 20
    while (landed := await rpc.transaction(signature)) is None:
        assert time.monotonic() < ends
        await asyncio.sleep(0.1)
    assert landed.error is None


@pytest.mark.timeout(300)
async def test_all_dollars_become_one_swap_on_the_chain_though_the_desk_is_killed_on_the_way(
    tmp_path: Path,
) -> None:
    assert PATH == "/api/v1/ranking"
    async with set_stage(tmp_path) as stage:
        assert (await stage.holdings())[1] == {USDC: DOLLARS}
        child, url = await stage.desk()
        desk = RunningDesk(stage, child, url)
        await soon(lambda: desk.facts(LegSigned), within_s=90)
        os.kill(child.pid, signal.SIGKILL)
        await child.wait()

        child, url = await stage.desk()
        desk = RunningDesk(stage, child, url)
        await soon(lambda: desk.facts(LegLanded), within_s=90)
        # it goes on looking, every second, and finds nothing more to do
        await soon(lambda: [one for one in decisions(desk) if one.code == "within_band"], within_s=60)
        await child.stop()

        # a busy machine may refuse the first for stale prices; it is asked for anew, and one alone lands
        wanted = {(one.side, one.pay_mint, one.mint, one.amount) for one in intents(desk)}
        assert wanted == {(Side.SWAP, USDC, LUMEN, DOLLARS)}
        (landed,) = desk.facts(LegLanded)
        assert dict(landed.fill.other_tokens) == {USDC: -DOLLARS}
        lamports, tokens = await stage.holdings()
        assert {mint: amount for mint, amount in tokens.items() if amount} == {LUMEN: landed.fill.token_delta}
        summary = summarise(
            desk.journal(), began_ms=0, dashboard="", chain_lamports=lamports, chain_tokens=tokens
        )
        assert summary.ledger_matches_chain
        assert desk.facts(TradeMoved)[-1].after is TradeState.CLOSED
        assert KEY not in (desk.folder / "desk.log").read_text()


def intents(desk: RunningDesk) -> list[TradeIntent]:
    return [fact.intent for fact in desk.facts(IntentEmitted)]


def decisions(desk: RunningDesk) -> list[StrategyDecided]:
    return [one for one in desk.facts(StrategyDecided) if one.strategy == "rebalancer"]
