"""Swaps of one token into another, planned, landed on the embedded chain and read back from their metadata."""

import msgspec
from tests.execution.test_elsewhere import Trusting, quote
from tests.execution.theatre import SOL, Theatre, mint_of, theatre

from chimera.domain.ids import USDC, WSOL, Address
from chimera.domain.intent import Side, TradeIntent
from chimera.execution.assembly import Assembly
from chimera.execution.costs import Costs
from chimera.execution.elsewhere import Offer
from chimera.execution.planner import ELSEWHERE, Plan, Planner
from chimera.execution.router import Route, best_route
from chimera.execution.tips import TIP_LAMPORTS_MIN, TipPolicy
from chimera.onchain.layouts import is_token_account, read_token_account
from chimera.ports.services import RouteCalls
from chimera.risk.gate import Approved
from chimera.testing.builders import intent


async def holdings(stage: Theatre) -> dict[Address, int]:
    _, accounts = await stage.rpc.token_accounts(stage.wallet)
    held = [read_token_account(account) for account in accounts if is_token_account(account)]
    return {one.mint: one.amount for one in held}


async def dollars(stage: Theatre, sol: int = SOL) -> int:
    """Buys some; returns how many the wallet has."""
    await stage.land(await stage.plan(intent(mint=USDC, amount=sol)))
    await stage.refresh()
    return (await holdings(stage))[USDC]


def swap(amount: int, mint: Address) -> TradeIntent:
    return intent(side=Side.SWAP, pay_mint=USDC, mint=mint, amount=amount)


async def test_all_dollars_become_a_token_over_one_pool_or_over_sol_and_not_a_lamport_is_unaccounted_for() -> (
    None
):
    async with theatre("raydium_cpmm") as stage:
        for symbol, pools in (("PLUM", 1), ("LUMEN", 2)):
            mint, paid = mint_of(symbol), await dollars(stage)
            before, lamports = await holdings(stage), await stage.lamports()
            plan = await stage.plan(swap(paid, mint))
            assert len(plan.hops) == pools
            assert (plan.hops[0].input_mint, plan.hops[-1].output_mint) == (USDC, mint)
            fill = stage.fill(await stage.land(plan), mint, Side.SWAP)
            after = await holdings(stage)
            assert (after[USDC], after[mint] - before.get(mint, 0)) == (0, fill.token_delta)
            assert WSOL not in after, "what stood wrapped in between came back"
            assert dict(fill.other_tokens) == {USDC: -paid}
            assert fill.token_delta >= plan.minimum_out
            assert await stage.lamports() - lamports == fill.lamports_delta
            # over SOL the second pool takes what the first one surely gives; the rest comes back, and is no more
            surely = 0 if pools == 1 else plan.hops[0].amount_out * 30 // 10_000
            assert abs(fill.swap_lamports - surely) <= 1


async def test_a_swap_that_no_sol_goes_through_offers_a_tip_for_what_it_is_worth() -> None:
    async with theatre("raydium_cpmm") as stage:
        wanted = swap(await dollars(stage), mint_of("PLUM"))
        blockhash = await stage.rpc.latest_blockhash()
        plan = stage.planner.plan(Approved(wanted, ()), blockhash=blockhash, bundle=True, close=False)
        assert isinstance(plan, Plan)
        assert WSOL not in {mint for hop in plan.hops for mint in (hop.input_mint, hop.output_mint)}
        assert plan.fees.tip_lamports == TipPolicy().floor_lamports > TIP_LAMPORTS_MIN


async def test_a_better_offer_from_elsewhere_carries_out_a_swap_too() -> None:
    async with theatre("raydium_cpmm") as stage:
        mint, paid = mint_of("PLUM"), await dollars(stage)
        elsewhere = Trusting()
        stage.planner = Planner(stage.view, wallet=stage.wallet, costs=Costs(), elsewhere=elsewhere)
        wanted = swap(paid, mint)
        route = best_route(stage.view, input_mint=USDC, output_mint=mint, amount=paid, doubtful=False)
        assert isinstance(route, Route)
        written = Assembly(stage.view, stage.wallet).swaps(
            route, minimum_out=1, programs=lambda one: stage.view.token_program(one) or WSOL
        )
        *setup, call = written.calls  # type: ignore[union-attr]
        told = msgspec.structs.replace(
            quote(out=route.amount_out, amount=paid, mint=mint), slot=stage.view.slot
        )
        elsewhere.remember(wanted.id, Offer(told, RouteCalls(tuple(setup), call, ())))
        plan = await stage.plan(wanted)
        assert [(hop.venue, hop.input_mint) for hop in plan.hops] == [(ELSEWHERE, USDC)]
        fill = stage.fill(await stage.land(plan), mint, Side.SWAP)
        assert (fill.swap_lamports, fill.token_delta, fill.other_tokens) == (
            0,
            route.amount_out,
            ((USDC, -paid),),
        )
