"""The world over the real wire: a coin that is launched is found by the market role, completed and followed."""

import asyncio

from tests.roles.test_market import SEED, SLOT_MS, running, settled

from chimera.localnet.coins import coins
from chimera.localnet.programs.pump_accounts import curve_address
from chimera.localnet.world_runner import run_world


async def test_a_launched_coin_is_found_on_the_stream_and_its_curve_is_the_chains() -> None:
    first = coins(SEED, 0)[0]
    curve = curve_address(first.mint)
    async with running(world=False) as plane:
        assert {pool.header.venue for pool in plane.view.pools.values()} == {
            "raydium_cpmm", "raydium_amm_v4", "pumpswap",
        }  # fmt: skip
        playing = run_world(SEED, plane.node.endpoints["rpc"], tick_ms=SLOT_MS, first_tick=first.tick)
        plane.world.append(asyncio.create_task(playing))
        await plane.until(
            lambda: curve in plane.view.pools and plane.view.pools[curve].complete, "the curve is complete"
        )
        assert plane.view.pools[curve].header.mint_a == first.mint
        assert plane.view.mints[first.mint].mint_authority is None
        traded = {trade.swap.pool for trade in plane.trades()}
        await plane.until(
            lambda: curve in {trade.swap.pool for trade in plane.trades()}, f"a trade on it, after {traded}"
        )
        await settled(plane)
        assert plane.differences() == []
        assert plane.view.undecodable == 0
