"""Plans, held against the embedded chain: what is planned can be executed, and gives what was promised."""

from collections.abc import AsyncIterator

import pytest
from tests.execution.theatre import SOL, Theatre, mint_of
from tests.execution.theatre import theatre as staged

from chimera.domain.ids import TOKEN_PROGRAM, USDC, WSOL, Address, IntentId
from chimera.domain.intent import Side, Style
from chimera.domain.risk import Refusal
from chimera.onchain.token_instructions import create_token_account, sync_native, system_transfer
from chimera.onchain.transaction import unsigned
from chimera.roles.probing import measure
from chimera.testing.builders import intent


@pytest.fixture
async def theatre() -> AsyncIterator[Theatre]:
    async with staged("raydium_cpmm") as stage:
        yield stage


@pytest.mark.parametrize(("symbol", "hops"), [("BONK", 1), ("PLUM", 2)])
async def test_a_round_trip_lands_as_planned_and_its_double_entry_is_exact(
    theatre: Theatre, symbol: str, hops: int
) -> None:
    mint = mint_of(symbol)
    bought = await theatre.plan(intent(mint=mint, amount=SOL // 2))
    assert len(bought.hops) == hops
    landed = await theatre.land(bought)
    fill = theatre.fill(landed, mint, Side.BUY)
    assert fill.swap_lamports == SOL // 2
    assert bought.minimum_out <= fill.token_delta <= bought.expected_out
    await theatre.look()
    wanted = intent(
        id=IntentId("out"),
        side=Side.SELL,
        style=Style.EXIT,
        mint=mint,
        amount=fill.token_delta,
        slippage_bps_max=500,
    )
    sold = await theatre.plan(wanted, close=True)
    out = theatre.fill(await theatre.land(sold), mint, Side.SELL)
    assert out.token_delta == -fill.token_delta
    assert out.swap_lamports >= sold.minimum_out
    assert out.rent_lamports < 0, "the sold-out account's rent came back"
    if hops == 2:
        assert [other for other, _ in out.other_tokens] == [USDC], "what the second leg did not take is known"


async def test_a_probe_of_a_sound_token_gives_most_of_it_back(theatre: Theatre) -> None:
    probe = theatre.planner.probe(
        mint_of("BONK"), lamports=SOL // 100, blockhash=await theatre.rpc.latest_blockhash()
    )
    assert not isinstance(probe, Refusal)
    simulation = await theatre.rpc.simulate(unsigned(probe.message), accounts=[probe.measured])
    assert simulation.error is None


async def test_a_probe_of_a_token_that_cannot_be_sold_fails_on_the_way_back(theatre: Theatre) -> None:
    from chimera.execution.outcomes import failed_instruction

    probe = theatre.planner.probe(
        mint_of("TRAP"), lamports=SOL // 100, blockhash=await theatre.rpc.latest_blockhash()
    )
    assert not isinstance(probe, Refusal)
    simulation = await theatre.rpc.simulate(unsigned(probe.message), accounts=[probe.measured])
    failed_at = failed_instruction(simulation.error)
    assert failed_at is not None
    assert failed_at >= probe.sell_starts_at


async def test_wrapped_sol_that_lies_there_already_is_not_taken_for_what_came_back(theatre: Theatre) -> None:
    """Else whoever sends us some could make a trap look sound."""
    blockhash = await theatre.rpc.latest_blockhash()
    probe = theatre.planner.probe(mint_of("BONK"), lamports=SOL // 100, blockhash=blockhash)
    assert not isinstance(probe, Refusal)
    sound = await measure(theatre.rpc, probe)
    giver, base = await theatre.somebody(), probe.measured
    by = Address(str(giver.pubkey()))
    await theatre.do(
        giver,
        create_token_account(payer=by, owner=theatre.wallet, mint=WSOL, token_program=TOKEN_PROGRAM),
        system_transfer(source=by, destination=base, lamports=SOL),
        sync_native(base),
    )
    again = await measure(theatre.rpc, probe)
    assert again.simulation is not None and again.simulation.error is None
    assert again.returned_lamports == sound.returned_lamports < SOL // 100
