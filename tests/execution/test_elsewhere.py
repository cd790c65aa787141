"""Routes of others: believed as far as the instruction itself binds them, taken where they give more, else ours."""

import msgspec
import pytest
from tests.execution.theatre import SOL, Theatre, mint_of, theatre

from chimera.domain.chain import AccountMeta, InstructionCall
from chimera.domain.ids import WSOL, Address, Slot
from chimera.domain.pool import SwapKind
from chimera.domain.units import BPS
from chimera.execution.assembly import Assembly
from chimera.execution.costs import Costs
from chimera.execution.elsewhere import Elsewhere, Offer, promises
from chimera.execution.planner import ELSEWHERE, Plan, Planner
from chimera.execution.router import Route, best_route
from chimera.onchain.layouts import discriminator
from chimera.ports.services import RouteCalls, RouteQuote, RouteRequest
from chimera.risk.gate import Approved
from chimera.testing.builders import BONK, address, intent

PROGRAM = address("aggregator")
IN, OUT, SLIPPAGE = 100_000_000, 1_000_000, 100


def quote(*, out: int = OUT, amount: int = IN, slot: int = 9, mint: Address = BONK) -> RouteQuote:
    request = RouteRequest(WSOL, mint, SwapKind.EXACT_IN, amount, SLIPPAGE, Slot(slot))
    limit = out * (BPS - SLIPPAGE) // BPS
    return RouteQuote(request, amount, out, limit, Slot(slot), ("Somewhere",), 0.0, b"{}")


def data(name: str = "route", *, said: int = OUT, fee: int = 0, slippage: int = SLIPPAGE) -> bytes:
    amounts = IN.to_bytes(8, "little") + said.to_bytes(8, "little") + slippage.to_bytes(2, "little")
    head = discriminator("global", name)
    if name.endswith("v2"):
        own = b"\x07" if name.startswith("shared") else b""
        return head + own + amounts + fee.to_bytes(2, "little") + bytes(2) + b"the plan"
    return head + b"the plan" + amounts + bytes((fee,))


def offer(written: bytes, told: RouteQuote | None = None) -> Offer:
    metas = (AccountMeta(address("us"), is_signer=True, is_writable=True),)
    return Offer(told or quote(), RouteCalls((), InstructionCall(PROGRAM, metas, written), ()))


@pytest.mark.parametrize("name", ["route", "shared_accounts_route", "route_v2", "shared_accounts_route_v2"])
def test_an_instruction_must_say_what_the_quote_says(name: str) -> None:
    assert promises(offer(data(name)).calls.swap, quote())
    for lie in (data(name, said=OUT - 1), data(name, fee=1), data(name, slippage=SLIPPAGE + 1)):
        assert not promises(offer(lie).calls.swap, quote())


@pytest.mark.parametrize("odd", [b"", b"\0" * 8, data("exact_out_route"), discriminator("global", "route")])
def test_an_instruction_of_another_kind_promises_nothing(odd: bytes) -> None:
    assert not promises(offer(odd).calls.swap, quote())


def better(given: Offer, *, expected: int, minimum: int = 0, slot: int = 9) -> Offer | None:
    elsewhere, wanted = Elsewhere(margin_bps=20), intent(amount=IN)
    elsewhere.remember(wanted.id, given)
    found = elsewhere.better(wanted, expected_out=expected, minimum_out=minimum, slot=Slot(slot))
    again = elsewhere.better(wanted, expected_out=0, minimum_out=0, slot=Slot(slot))
    assert again is None, "each offer is looked at once, so that the retry goes our own way"
    return found


def test_an_offer_is_taken_only_above_the_margin_fresh_and_no_less_sure_than_ours() -> None:
    given, even = offer(data()), OUT * BPS // (BPS + 20)
    assert better(given, expected=even - 1) is given
    assert better(given, expected=even + 1) is None
    assert better(given, expected=even - 1, minimum=quote().limit + 1) is None
    assert better(given, expected=even - 1, slot=9 + 9) is None
    assert better(offer(data(said=OUT + 1)), expected=1) is None
    assert better(offer(data(), quote(amount=IN + 1)), expected=1) is None


async def test_a_better_offer_is_planned_in_our_wrapping_and_lands_by_its_own_instruction() -> None:
    """The aggregator's place is taken by a pool's own swap, so that the embedded chain can carry it out."""
    async with theatre("raydium_cpmm") as stage:
        mint = mint_of("BONK")
        wanted = intent(mint=mint, amount=SOL // 4, slippage_bps_max=SLIPPAGE)
        elsewhere = Trusting()
        stage.planner = Planner(stage.view, wallet=stage.wallet, costs=Costs(), elsewhere=elsewhere)
        ours = await stage.plan(wanted)
        assert ours.hops[0].venue == "raydium_cpmm"
        given = written_by_a_pool(stage, mint, wanted.amount, promised=ours.expected_out * 102 // 100)
        elsewhere.remember(wanted.id, given)
        theirs = await stage.plan(wanted)
        assert [hop.venue for hop in theirs.hops] == [ELSEWHERE]
        assert theirs.minimum_out >= ours.minimum_out
        fill = stage.fill(await stage.land(theirs), mint, wanted.side)
        assert (fill.swap_lamports, fill.token_delta) == (wanted.amount, ours.expected_out)
        retried = await stage.planned(wanted)
        assert retried.hops[0].venue == "raydium_cpmm"


class Trusting(Elsewhere):
    """Takes the instruction's word for given: the pool's swap is not in the aggregator's words."""

    def better(self, *args: object, **kwargs: object) -> Offer | None:  # type: ignore[override]
        return self._offers.popitem()[1] if self._offers else None


def written_by_a_pool(stage: Theatre, mint: Address, amount: int, *, promised: int) -> Offer:
    route = best_route(stage.view, input_mint=WSOL, output_mint=mint, amount=amount, doubtful=False)
    assert isinstance(route, Route)
    swaps = Assembly(stage.view, stage.wallet).swaps(
        route, minimum_out=1, programs=lambda one: stage.view.token_program(one) or WSOL
    )
    *setup, swap = swaps.calls  # type: ignore[union-attr]
    told = msgspec.structs.replace(quote(out=promised, amount=amount, mint=mint), slot=stage.view.slot)
    return Offer(told, RouteCalls(tuple(setup), swap, ()))


async def test_an_offer_too_large_for_a_transaction_leaves_ours() -> None:
    async with theatre("raydium_cpmm") as stage:
        wanted = intent(mint=mint_of("BONK"), amount=SOL // 4, slippage_bps_max=SLIPPAGE)
        elsewhere = Trusting()
        stage.planner = Planner(stage.view, wallet=stage.wallet, costs=Costs(), elsewhere=elsewhere)
        elsewhere.remember(wanted.id, offer(bytes(1_300), quote(mint=wanted.mint)))
        blockhash = await stage.rpc.latest_blockhash()
        plan = stage.planner.plan(Approved(wanted, ()), blockhash=blockhash, bundle=False, close=False)
        assert isinstance(plan, Plan) and plan.hops[0].venue == "raydium_cpmm"
