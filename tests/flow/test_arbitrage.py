"""A whole house closes a gap between two venues: seen on the stream, sized, planned, bundled, booked to the lamport.

A real desk in its own process, with its strategies; the chain runs in ours and nobody trades beside us, so that the
only gap is the one that a stranger's large buy opens.
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.execution.test_cycles import push
from tests.execution.theatre import SOL, Theatre, mint_of
from tests.flow.running_desk import RunningDesk, soon
from tests.flow.test_failover import Here

from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.demo.processes import Child
from chimera.demo.stage import Stage
from chimera.domain.intent import Origin, Side
from chimera.domain.messages import IntentEmitted, LegLanded, LegSent, Reconciled, StrategyDecided, TradeMoved
from chimera.domain.trade import TradeState
from chimera.localnet.genesis import genesis
from chimera.localnet.node import Node, NodeOptions

SEED = 7
UNHURRIED = RpcOptions(requests_per_second_max=10_000)


class Alone(Stage):
    """A stage whose chain is in our process, without a world."""

    live = True

    async def _child(self, name: str, arguments: list[str], environ: Mapping[str, str]) -> Child:
        if name == "chain":
            return await self._chain_here()  # type: ignore[return-value]
        if name == "world":
            return Here({})  # type: ignore[return-value]
        return await super()._child(name, arguments, environ)

    async def _chain_here(self) -> Here:
        options = NodeOptions(
            slot_ms=200, rpc_port=0, ws_port=0, geyser_port=0, jito_port=0, admin_port=0, seed=self.seed
        )
        self.node = await self._stack.enter_async_context(Node(options, genesis=genesis(self.seed).accounts))
        slots = asyncio.create_task(self.node.clock.run())
        self._stack.callback(slots.cancel)
        return Here(self.node.endpoints)

    def _settings(self) -> dict[str, Any]:
        return {**super()._settings(), "arbitrage": {"live": self.live}}


class Shadow(Alone):
    live = False


class Backrun(Alone):
    """The desk's own reaction, without the strategy."""

    def _settings(self) -> dict[str, Any]:
        off = {"arbitrage": {"enabled": False}, "mev": {"backrun": True, "jit_liquidity": True}}
        return {**super()._settings(), **off}


@pytest.mark.parametrize("kind", [Alone, Shadow])
async def test_a_gap_that_a_stranger_opens_is_closed_at_a_profit_or_told_in_the_shadow(
    kind: type[Alone], tmp_path: Path
) -> None:
    stage = kind(seed=SEED, port=0, data_dir=tmp_path, environ=os.environ)
    async with stage:
        child, url = await stage.desk()
        desk = RunningDesk(stage, child, url)
        rpc_url = stage.node.endpoints["rpc"]
        async with RpcChain(rpc_url, options=UNHURRIED) as rpc:
            stranger = Theatre(stage.node, rpc, ["raydium_cpmm", "raydium_amm_v4"])
            await push(stranger, "LUMEN", 15 * SOL)
        if stage.live:
            await _lands(desk)
        else:
            await _is_told(desk)


async def test_a_strangers_trade_is_followed_in_its_name_after_it_has_happened(tmp_path: Path) -> None:
    stage = Backrun(seed=SEED, port=0, data_dir=tmp_path, environ=os.environ)
    async with stage:
        child, url = await stage.desk()
        desk = RunningDesk(stage, child, url)
        async with RpcChain(stage.node.endpoints["rpc"], options=UNHURRIED) as rpc:
            await push(Theatre(stage.node, rpc, ["raydium_cpmm", "raydium_amm_v4"]), "LUMEN", 15 * SOL)
            await soon(lambda: [fact for fact in desk.facts(TradeMoved) if fact.after is TradeState.CLOSED])
            (first, *_) = desk.facts(IntentEmitted)
            assert (first.intent.source, first.intent.origin) == ("mev.backrun", Origin.EXECUTION_MEV_B)
            landed = next(one for one in desk.facts(LegLanded) if one.leg.intent_id == first.intent.id)
            assert first.intent.parent is not None
            parent = await rpc.transaction(first.intent.parent)
            assert parent is not None
            assert parent.fee_payer != stage.wallet
            assert parent.slot <= landed.fill.slot, "after it, never before"
            assert landed.fill.lamports_delta >= first.intent.profit_lamports_min
        said = [line for line in desk.log() if line["event"] == "worker stays off"]
        assert [line["worker"] for line in said] == ["jit_liquidity"]


async def _lands(desk: RunningDesk) -> None:
    await soon(lambda: [fact for fact in desk.facts(TradeMoved) if fact.after is TradeState.CLOSED])
    (first, *_) = desk.facts(IntentEmitted)
    wanted = first.intent
    assert wanted.side is Side.CYCLE
    assert (wanted.source, wanted.mint) == ("arbitrage", mint_of("LUMEN"))
    landed = next(fact for fact in desk.facts(LegLanded) if fact.leg.intent_id == wanted.id)
    assert landed.fill.lamports_delta >= wanted.profit_lamports_min
    assert (landed.fill.token_delta, landed.fill.rent_lamports, landed.fill.other_tokens) == (0, 0, ())
    assert landed.fill.tip_lamports > 0, "it went as a bundle"
    assert {fact.lane for fact in desk.facts(LegSent) if fact.leg.intent_id == wanted.id} == {"bundle"}
    told = await desk.ask("GET", f"/api/v1/trades/{wanted.trade_id}")
    assert told.status == 200, told.text
    trade = told.json.get("trade", told.json)
    assert (trade["side"], trade["status"]) == ("CYCLE", "CLOSED")
    await soon(lambda: desk.facts(Reconciled), within_s=30)
    last = desk.facts(Reconciled)[-1]
    assert last.expected_lamports == last.actual_lamports
    assert last.token_differences == ()


async def _is_told(desk: RunningDesk) -> None:
    told = await soon(lambda: [fact for fact in desk.facts(StrategyDecided) if fact.verdict == "SHADOW"])
    assert told[0].code == "profitable"
    assert int(told[0].data["profit_lamports"]) >= 10_000_000
    assert desk.facts(IntentEmitted) == []
