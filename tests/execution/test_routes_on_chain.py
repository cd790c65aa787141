"""Routes of several pools, carried out by the real programs: side by side, and three in a row."""

from collections.abc import AsyncIterator

import pytest
from tests.execution.theatre import SOL, Theatre, mint_of
from tests.execution.theatre import theatre as staged

from chimera.domain.ids import WSOL, IntentId
from chimera.domain.intent import Side, Style
from chimera.testing.builders import intent


@pytest.fixture
async def theatre() -> AsyncIterator[Theatre]:
    async with staged("raydium_cpmm", "raydium_amm_v4", sol=60) as stage:
        yield stage


async def test_a_large_trade_goes_over_two_venues_side_by_side_and_back(theatre: Theatre) -> None:
    mint = mint_of("LUMEN")
    bought = await theatre.plan(intent(mint=mint, amount=40 * SOL, slippage_bps_max=4_000))
    assert {hop.venue for hop in bought.hops} == {"raydium_cpmm", "raydium_amm_v4"}
    assert {(hop.input_mint, hop.output_mint) for hop in bought.hops} == {(WSOL, mint)}
    assert sum(hop.amount_in for hop in bought.hops) == bought.amount_in == 40 * SOL
    assert sum(hop.amount_out for hop in bought.hops) == bought.expected_out
    fill = theatre.fill(await theatre.land(bought), mint, Side.BUY)
    assert fill.swap_lamports == 40 * SOL
    assert fill.token_delta == bought.expected_out, "every pool gave what it had quoted"
    await theatre.refresh()
    wanted = intent(
        id=IntentId("out"), side=Side.SELL, style=Style.EXIT, mint=mint, amount=fill.token_delta, slippage_bps_max=4_000
    )  # fmt: skip
    sold = await theatre.plan(wanted, close=True)
    assert len(sold.hops) == 2
    out = theatre.fill(await theatre.land(sold), mint, Side.SELL)
    assert (out.token_delta, out.swap_lamports) == (-fill.token_delta, sold.expected_out)
    assert out.other_tokens == (), "nothing is left between them"


async def test_a_split_gives_more_than_either_pool_alone(theatre: Theatre) -> None:
    mint = mint_of("LUMEN")
    whole = await theatre.planned(intent(mint=mint, amount=40 * SOL, slippage_bps_max=4_000))
    alone = []
    for name in ("raydium_cpmm", "raydium_amm_v4"):
        async with staged(name, sol=1) as other:
            plan = await other.planned(intent(mint=mint, amount=40 * SOL, slippage_bps_max=9_000))
            alone.append(plan.expected_out)
    assert whole.expected_out > max(alone)
