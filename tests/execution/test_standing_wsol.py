"""SOL that stands wrapped: buys spend of it what is free, sells leave theirs there, and the books stay the chain's."""

from tests.execution.theatre import SOL, Theatre, mint_of, theatre

from chimera.domain.chain import Blockhash
from chimera.domain.ids import WSOL, IntentId, Slot, TradeId
from chimera.domain.intent import Side, Style
from chimera.domain.messages import CapitalMoved, Entry, LegLanded
from chimera.domain.trade import Fill, LegRef, LegState
from chimera.domain.upkeep import Chore, Upkeep
from chimera.execution.costs import Costs
from chimera.execution.planner import Planner
from chimera.execution.upkeep import landed_of, plan_upkeep
from chimera.execution.wsol import spendable
from chimera.onchain.layouts import is_token_account, read_token_account
from chimera.portfolio import Ledger, Leg
from chimera.testing.builders import AT_MS, BONK, intent


def books(*, wrapped: int) -> Ledger:
    ledger = Ledger()
    ledger.apply(Entry(1, AT_MS, "r", CapitalMoved(10 * SOL, Slot(1), "opening", tokens=((WSOL, wrapped),))))
    return ledger


def leg(side: Side, amount: int) -> Leg:
    return Leg(
        ref=LegRef("l", IntentId("i"), TradeId("t")), side=side, mint=BONK, amount=amount, state=LegState.SENT
    )


def test_what_buys_under_way_may_spend_is_not_counted_on() -> None:
    ledger = books(wrapped=SOL)
    assert spendable(ledger) == SOL
    ledger.legs["l"] = leg(Side.BUY, SOL // 4)
    assert spendable(ledger) == SOL * 3 // 4
    ledger.legs["l"] = leg(Side.BUY, 2 * SOL)
    assert spendable(ledger) == 0
    ledger.legs["l"] = leg(Side.SELL, 2 * SOL)
    assert spendable(ledger) == SOL


def test_nothing_is_counted_on_while_the_account_may_be_closed() -> None:
    ledger = books(wrapped=SOL)
    ledger.legs["l"] = leg(Side.CYCLE, 1)
    assert spendable(ledger) == 0
    ledger.legs.clear()
    ledger.upkeep["u"] = leg(Side.SELL, 0)
    assert spendable(ledger) == 0


def test_wrapped_sol_is_capital_like_any_other() -> None:
    ledger = books(wrapped=SOL)
    assert (ledger.liquid_lamports, ledger.equity_at_cost_lamports) == (11 * SOL, 11 * SOL)


class Standing:
    """A wallet on the chain whose SOL stands wrapped, and its books."""

    def __init__(self, stage: Theatre, lamports: int) -> None:
        self.stage, self.ledger = stage, Ledger()
        self.ledger.lamports = lamports
        stage.planner = Planner(
            stage.view, wallet=stage.wallet, costs=Costs(), standing=lambda: spendable(self.ledger)
        )

    async def wrap(self, lamports: int) -> None:
        stage = self.stage
        blockhash: Blockhash = await stage.rpc.latest_blockhash()
        chore = Upkeep(id="w", chore=Chore.WRAP, reason="", lamports=lamports)
        plan = plan_upkeep(chore, {}, wallet=stage.wallet, decimals=None, blockhash=blockhash)
        landed = await stage.execute(plan.message, stage.keypair)  # type: ignore[union-attr]
        self.ledger.apply(Entry(1, AT_MS, "r", landed_of("w", landed, wallet=stage.wallet)))

    async def trade(self, **wanted: object) -> Fill:
        stage, asked = self.stage, intent(slippage_bps_max=500, **wanted)
        plan = await stage.plan(asked, close=asked.side is Side.SELL)
        fill = stage.fill(await stage.land(plan), asked.mint, asked.side)
        self.ledger.intents[asked.id] = self.ledger._entries[asked.trade_id] = asked
        ref = LegRef(str(asked.id), asked.id, asked.trade_id)
        self.ledger.apply(Entry(2, AT_MS, "r", LegLanded(ref, fill)))
        await stage.refresh()
        return fill

    async def agrees(self) -> bool:
        _, found = await self.stage.rpc.token_accounts(self.stage.wallet)
        tokens = {
            token.mint: token.amount
            for token in (read_token_account(one) for one in found if is_token_account(one))
            if token.amount
        }
        ours = {mint: amount for mint, amount in self.ledger.tokens.items() if amount}
        return (self.ledger.lamports, ours) == (await self.stage.lamports(), tokens)


async def test_a_round_trip_out_of_standing_sol_moves_no_native_lamports_but_costs() -> None:
    async with theatre("raydium_cpmm") as stage:
        house = Standing(stage, await stage.lamports())
        await house.wrap(2 * SOL)
        assert await house.agrees()
        bought = await house.trade(mint=BONK_HERE, amount=SOL // 2)
        assert bought.swap_lamports == SOL // 2
        assert bought.lamports_delta == -bought.fee_lamports - bought.rent_lamports
        assert house.ledger.tokens[WSOL] == 2 * SOL - SOL // 2 and await house.agrees()
        sold = await house.trade(
            id=IntentId("out"), side=Side.SELL, style=Style.EXIT, mint=BONK_HERE, amount=bought.token_delta
        )
        assert sold.lamports_delta == -sold.fee_lamports - sold.rent_lamports and sold.rent_lamports < 0
        assert house.ledger.tokens[WSOL] == 2 * SOL - SOL // 2 + sold.swap_lamports and await house.agrees()


async def test_a_buy_beyond_what_stands_wraps_all_of_its_own() -> None:
    async with theatre("raydium_cpmm") as stage:
        house = Standing(stage, await stage.lamports())
        await house.wrap(SOL // 10)
        bought = await house.trade(mint=BONK_HERE, amount=SOL // 2)
        assert bought.swap_lamports == SOL // 2
        assert house.ledger.tokens[WSOL] == SOL // 10 and await house.agrees()


BONK_HERE = mint_of("BONK")
