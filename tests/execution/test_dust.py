"""What routes leave behind between their pools: counted from fills, sold once it is worth it, and nothing else."""

from collections.abc import Sequence

import msgspec
from tests.execution.test_upkeep import AT_MS, held, janitor, noted, open_ledger, raw
from tests.execution.theatre import SOL, Theatre, mint_of, theatre

from chimera.domain.ids import USDC, WSOL, Address, IntentId, Signature, Slot, TradeId
from chimera.domain.intent import Side, Style
from chimera.domain.messages import Entry, Fact, LegFinalized, LegLanded, LegUndone, UpkeepLanded
from chimera.domain.risk import Refusal
from chimera.domain.trade import LegRef
from chimera.domain.upkeep import Chore
from chimera.execution.costs import Costs
from chimera.execution.janitor import Held, Janitor, Leftovers, held_of
from chimera.execution.sales import DustSales
from chimera.execution.upkeep import landed_of
from chimera.portfolio import Ledger
from chimera.testing.builders import BONK, address, fill, intent

DAY = 24 * 3_600_000
GIFT = address("GIFT")


def landed(leg: str, *left: tuple[Address, int]) -> LegLanded:
    return LegLanded(LegRef(leg, IntentId("i"), TradeId("t")), fill(other_tokens=left))


def folded(fold: Leftovers | Janitor | Ledger, *facts: Fact) -> None:
    for seq, fact in enumerate(facts, 1):
        fold.apply(Entry(seq, AT_MS, "r", fact))


def sold(amount: int) -> UpkeepLanded:
    return UpkeepLanded("u", Signature("s"), Slot(9), 30_000_000 - 5_000, 5_000, 0, ((USDC, -amount),))


def test_leftovers_are_what_legs_left_less_what_was_taken_back_and_sold() -> None:
    left = Leftovers()
    folded(left, landed("one", (USDC, 700), (WSOL, 9)), landed("two", (USDC, 300)))
    assert (left.of(USDC), left.of(WSOL)) == (1_000, 0)
    ref = LegRef("two", IntentId("i"), TradeId("t"))
    folded(left, LegUndone(ref, Signature("s"), Slot(8), "a fork"))
    assert left.of(USDC) == 700
    folded(left, LegFinalized(LegRef("one", IntentId("i"), TradeId("t")), Signature("s"), Slot(8)))
    folded(left, LegUndone(LegRef("one", IntentId("i"), TradeId("t")), Signature("s"), Slot(8), "late"))
    assert left.of(USDC) == 700
    folded(left, sold(650))
    assert left.of(USDC) == 50


def sale(made: Janitor, worth: dict[Address, int | None], now_ms: int = AT_MS) -> tuple[Address | None, int]:
    accounts = held(raw(USDC, 5_000), raw(BONK, 105), raw(GIFT, 10**9), raw(WSOL, 9, native=True))
    due = made.sale(accounts, open_ledger(), worth=lambda mint, _: worth.get(mint), now_ms=now_ms)
    return (None, 0) if due is None else (due.mint, due.amount)


def test_only_what_legs_left_behind_is_sold_never_what_somebody_keeps_there() -> None:
    """5,000 USDC lie there, of which legs left 700; a gift is nobody's leftover; 5 BONK belong to a position."""
    made = janitor()
    rich = {USDC: 10_000_000, BONK: 9 * 10**9, GIFT: 9 * 10**9}
    assert sale(made, rich) == (None, 0)
    folded(made, landed("one", (USDC, 700)))
    assert sale(made, rich) == (USDC, 700)
    folded(made, landed("two", (BONK, 105)))
    assert sale(made, rich) == (BONK, 100), "what is worth most, without the position's own"


def test_dust_is_sold_once_a_day_and_only_above_the_limit() -> None:
    made = janitor()
    folded(made, landed("one", (USDC, 700)))
    assert sale(made, {USDC: 9_999_999}) == (None, 0)
    assert sale(made, {USDC: None}) == (None, 0)
    accounts = held(raw(USDC, 5_000))
    due = made.sale(accounts, Ledger(), worth=lambda *_: 10**8, now_ms=AT_MS)
    assert due is not None and due.chore is Chore.SELL
    made.apply(noted(due, AT_MS))
    assert sale(made, {USDC: 10**8}, AT_MS + DAY - 1) == (None, 0)
    assert sale(made, {USDC: 10**8}, AT_MS + DAY) == (USDC, 700)


def test_what_is_swapped_by_chores_is_told_apart_and_wrapping_is_no_swap() -> None:
    ledger = Ledger()
    folded(ledger, sold(700))
    assert (ledger.upkeep_swapped_lamports, ledger.tokens[USDC]) == (30_000_000, -700)
    rent, wrapped = 2_039_280, SOL
    wrap = UpkeepLanded(
        "w", Signature("s"), Slot(9), -wrapped - rent - 5_000, 5_000, rent, ((WSOL, wrapped),)
    )
    folded(ledger, wrap)
    assert ledger.upkeep_swapped_lamports == 30_000_000


async def test_dust_of_a_route_over_dollars_is_sold_on_the_chain_and_books_stay_equal() -> None:
    async with theatre("raydium_cpmm") as stage:
        plum = mint_of("PLUM")
        ledger = Ledger()
        ledger.lamports = await stage.lamports()
        made = Janitor(msgspec.structs.replace(janitor().limits, dust_lamports_min=1))
        bought = stage.fill(
            await stage.land(await stage.plan(intent(mint=plum, amount=SOL, slippage_bps_max=500))),
            plum,
            Side.BUY,
        )
        await stage.refresh()
        wanted = intent(
            id=IntentId("out"), side=Side.SELL, style=Style.EXIT, mint=plum, amount=bought.token_delta,
            slippage_bps_max=500,
        )  # fmt: skip
        out = stage.fill(await stage.land(await stage.plan(wanted, close=True)), plum, Side.SELL)
        left = sum(change for one in (bought, out) for mint, change in one.other_tokens if mint == USDC)
        assert left > 0
        for number, one in enumerate((bought, out)):
            fact = LegLanded(LegRef(str(number), IntentId("i"), TradeId("t")), one)
            made.apply(Entry(number + 1, AT_MS, "r", fact))
            ledger.lamports += one.lamports_delta
            ledger._count_tokens(((one.mint, one.token_delta), *one.other_tokens))
        await stage.refresh()
        sales = DustSales(stage.view, wallet=stage.wallet, costs=Costs(), standing=False)
        due = made.sale(await token_accounts(stage), ledger, worth=sales.worth, now_ms=AT_MS)
        assert due is not None and (due.mint, due.amount) == (USDC, left)
        plan = sales.plan(due, blockhash=await stage.rpc.latest_blockhash())
        assert not isinstance(plan, Refusal), plan
        landed_fact = landed_of(due.id, await stage.execute(plan.message, stage.keypair), wallet=stage.wallet)
        entry = Entry(3, AT_MS, "r", landed_fact)
        ledger.apply(entry)
        made.apply(entry)
        assert made.leftovers.of(USDC) == 0
        assert ledger.lamports == await stage.lamports()
        tokens = {one.account.mint: one.account.amount for one in await token_accounts(stage)}
        assert {mint: amount for mint, amount in ledger.tokens.items() if amount} == {
            mint: amount for mint, amount in tokens.items() if amount
        }
        assert ledger.upkeep_swapped_lamports > 0
        assert ledger.upkeep_swapped_lamports == landed_fact.lamports_delta + landed_fact.fee_lamports


async def token_accounts(stage: Theatre) -> Sequence[Held]:
    _, found = await stage.rpc.token_accounts(stage.wallet)
    return held_of(found, stage.wallet)
