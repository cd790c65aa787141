"""Circles through pools: planned exactly, carried out by the real programs, or refused."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.execution.theatre import SOL, Theatre, mint_of
from tests.execution.theatre import theatre as staged

from chimera.domain.ids import TOKEN_PROGRAM, USDC, WSOL, Address, IntentId
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.domain.risk import Reason, Refusal
from chimera.execution.costs import Costs
from chimera.execution.cycles import CyclePlanner
from chimera.execution.outcomes import fill_of
from chimera.execution.planner import Plan, Planner
from chimera.market.view import MarketView
from chimera.onchain.keys import associated_token_address
from chimera.onchain.token_instructions import create_token_account, sync_native, system_transfer
from chimera.onchain.transaction import unsigned
from chimera.risk.gate import Approved
from chimera.testing.builders import intent

LEAST = 1_000_000
TIP_ACCOUNT = Address("96gYZGLnJYVFmbjzopPSU6QiEV5fGqZNyN9nmNhvrZU5")


@pytest.fixture
async def theatre() -> AsyncIterator[Theatre]:
    async with staged("raydium_cpmm", "raydium_amm_v4") as stage:
        yield stage


def pool_at(view: MarketView, venue: str, mint: Address, other: Address = WSOL) -> Address:
    return next(p.header.address for p in view.pools_between(mint, other) if p.header.venue == venue)


def circle(view: MarketView, *venues: str, symbol: str = "LUMEN", amount: int = SOL) -> TradeIntent:
    mint = mint_of(symbol)
    return intent(
        id=IntentId("circle"), side=Side.CYCLE, style=Style.SPEAR, mint=mint, symbol=symbol, amount=amount,
        pools=tuple(pool_at(view, venue, mint) for venue in venues), profit_lamports_min=LEAST, wallet=None,
    )  # fmt: skip


async def planned(
    stage: Theatre, wanted: TradeIntent, held: dict[Address, int] | None = None
) -> Plan | Refusal:
    planner = CyclePlanner(stage.view, wallet=stage.wallet, costs=Costs(), tip_accounts=(TIP_ACCOUNT,))
    blockhash = await stage.rpc.latest_blockhash()
    return planner.plan(Approved(wanted, ()), blockhash=blockhash, bundle=False, held=held or {})


async def push(stage: Theatre, symbol: str, lamports: int) -> None:
    """Somebody buys on the CPMM pool alone: from then on the token is dearer there."""
    person = await stage.somebody()
    wallet = Address(str(person.pubkey()))
    alone = MarketView({"raydium_cpmm": stage.view.venues["raydium_cpmm"]})
    whole, stage.view = stage.view, alone
    await stage.look()
    planner = Planner(alone, wallet=wallet, costs=Costs())
    wanted = intent(mint=mint_of(symbol), amount=lamports, slippage_bps_max=9_000)
    plan = planner.plan(
        Approved(wanted, ()), blockhash=await stage.rpc.latest_blockhash(), bundle=False, close=False
    )
    assert not isinstance(plan, Refusal), plan
    await stage.execute(plan.message, person)
    stage.view = whole
    await stage.refresh()


async def test_a_gap_between_two_venues_is_closed_at_a_profit_and_nothing_is_left_behind(
    theatre: Theatre,
) -> None:
    await push(theatre, "LUMEN", 15 * SOL)
    wanted = circle(theatre.view, "raydium_amm_v4", "raydium_cpmm")
    plan = await planned(theatre, wanted)
    assert isinstance(plan, Plan), plan
    before = await theatre.lamports()
    fill = theatre.fill(await theatre.land(plan), wanted.mint, Side.CYCLE)
    assert await theatre.lamports() - before == fill.lamports_delta >= LEAST
    assert fill.swap_lamports == plan.expected_out - plan.amount_in, "to the lamport as quoted"
    assert fill.lamports_delta == fill.swap_lamports - plan.fees.total_lamports, "all costs were foreseen"
    assert (fill.token_delta, fill.rent_lamports, fill.other_tokens) == (0, 0, ())
    own = associated_token_address(
        owner=theatre.wallet,
        mint=wanted.mint,
        token_program=theatre.view.token_program(wanted.mint) or Address(""),
    )
    _, (account,) = await theatre.rpc.accounts([own])
    assert account is None, "the account on the way is closed and its rent is back"


async def test_the_other_way_round_is_refused_with_what_it_would_lose(theatre: Theatre) -> None:
    await push(theatre, "LUMEN", 15 * SOL)
    refused = await planned(theatre, circle(theatre.view, "raydium_cpmm", "raydium_amm_v4"))
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.UNPROFITABLE
    assert refused.observed.startswith("-")


async def test_what_moves_the_pools_within_its_bounds_leaves_at_least_the_demanded_profit(
    theatre: Theatre,
) -> None:
    await push(theatre, "LUMEN", 15 * SOL)
    first = await planned(theatre, circle(theatre.view, "raydium_amm_v4", "raydium_cpmm"))
    second = await planned(theatre, circle(theatre.view, "raydium_amm_v4", "raydium_cpmm", amount=SOL + 1))
    assert isinstance(first, Plan)
    assert isinstance(second, Plan)
    await theatre.land(first)
    fill = theatre.fill(await theatre.land(second), mint_of("LUMEN"), Side.CYCLE)
    assert LEAST <= fill.lamports_delta < second.expected_out - second.amount_in - second.fees.total_lamports
    assert (fill.token_delta, fill.rent_lamports, fill.other_tokens) == (0, 0, ()), "and nothing between"


async def test_what_moves_the_pools_further_makes_all_of_it_fail(theatre: Theatre) -> None:
    await push(theatre, "LUMEN", 15 * SOL)
    wanted = circle(theatre.view, "raydium_amm_v4", "raydium_cpmm")
    first = await planned(theatre, wanted)
    assert isinstance(first, Plan)
    nearly_all = first.expected_out - first.amount_in - first.fees.total_lamports - 1_000
    tight = await planned(theatre, msgspec.structs.replace(wanted, profit_lamports_min=nearly_all))
    assert isinstance(tight, Plan)
    await theatre.land(first)
    simulation = await theatre.rpc.simulate(unsigned(tight.message))
    assert simulation.error is not None, "the first took what the second was planned on"


async def test_three_pools_by_way_of_dollars_lead_back_to_sol(theatre: Theatre) -> None:
    view, symbol = theatre.view, "CORAL"
    mint = mint_of(symbol)
    assert view.pools_between(mint, USDC), "the world lists it against dollars too"
    await push(theatre, symbol, 15 * SOL)
    pools = (
        pool_at(view, "raydium_cpmm", USDC), pool_at(view, "raydium_cpmm", mint, USDC), pool_at(view, "raydium_cpmm", mint),
    )  # fmt: skip
    wanted = msgspec.structs.replace(circle(view, symbol=symbol), pools=pools)
    plan = await planned(theatre, wanted)
    assert isinstance(plan, Plan), plan
    fill = theatre.fill(await theatre.land(plan), mint, Side.CYCLE)
    assert fill.lamports_delta >= LEAST
    assert (fill.token_delta, fill.rent_lamports, fill.other_tokens) == (0, 0, ())


async def test_a_token_that_is_held_keeps_its_account(theatre: Theatre) -> None:
    await push(theatre, "LUMEN", 15 * SOL)
    wanted = circle(theatre.view, "raydium_amm_v4", "raydium_cpmm")
    mine, closed = await planned(theatre, wanted, {wanted.mint: 5}), await planned(theatre, wanted)
    assert isinstance(mine, Plan)
    assert isinstance(closed, Plan)
    assert len(mine.message) < len(closed.message)


async def test_sol_that_lies_wrapped_is_spent_first_and_all_of_it_comes_back(theatre: Theatre) -> None:
    await push(theatre, "LUMEN", 15 * SOL)
    base = associated_token_address(owner=theatre.wallet, mint=WSOL, token_program=TOKEN_PROGRAM)
    opened = create_token_account(
        payer=theatre.wallet, owner=theatre.wallet, mint=WSOL, token_program=TOKEN_PROGRAM
    )
    moved = system_transfer(source=theatre.wallet, destination=base, lamports=SOL // 4)
    await theatre.do(theatre.keypair, opened, moved, sync_native(base))
    plan = await planned(theatre, circle(theatre.view, "raydium_amm_v4", "raydium_cpmm"), {WSOL: SOL // 4})
    assert isinstance(plan, Plan)
    before = await theatre.lamports()
    landed = await theatre.land(plan)
    fill = fill_of(
        landed, wallet=theatre.wallet, mint=mint_of("LUMEN"), side=Side.CYCLE, tip_accounts=frozenset(), at_ms=0
    )  # fmt: skip
    assert fill.swap_lamports == plan.expected_out - plan.amount_in, "the profit, whatever pocket it was in"
    assert dict(fill.other_tokens) == {WSOL: -SOL // 4}
    back = SOL // 4 + fill.swap_lamports - plan.fees.total_lamports - fill.rent_lamports
    assert await theatre.lamports() - before == back


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pools": ()}, Reason.POOL_NOT_FOUND),
        ({"amount": 0}, Reason.AMOUNT_OUT_OF_RANGE),
        ({"profit_lamports_min": SOL}, Reason.UNPROFITABLE),
    ],
)
async def test_a_circle_that_cannot_pay_is_refused(
    theatre: Theatre, change: dict[str, object], reason: Reason
) -> None:
    await push(theatre, "LUMEN", 15 * SOL)
    wanted = msgspec.structs.replace(circle(theatre.view, "raydium_amm_v4", "raydium_cpmm"), **change)
    refused = await planned(theatre, wanted)
    assert isinstance(refused, Refusal)
    assert refused.reason is reason


async def test_a_pool_in_doubt_or_a_way_that_does_not_close_is_refused(theatre: Theatre) -> None:
    wanted = circle(theatre.view, "raydium_amm_v4", "raydium_cpmm")
    open_ended = await planned(theatre, msgspec.structs.replace(wanted, pools=wanted.pools[:1]))
    assert isinstance(open_ended, Refusal)
    assert open_ended.reason is Reason.POOL_NOT_FOUND
    theatre.view.pools[wanted.pools[0]].drift["pool"] = "it looks strange"
    doubtful = await planned(theatre, wanted)
    assert isinstance(doubtful, Refusal)
    assert doubtful.reason is Reason.STALE_DATA
