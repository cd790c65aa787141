"""Circles whose accounts do not fit into a transaction: carried out through a lookup table, or refused by their size."""

from collections.abc import Iterator

from tests.execution.test_cycles import LEAST, TIP_ACCOUNT, pool_at
from tests.execution.theatre import SOL, Theatre, mint_of, theatre

from chimera.domain.ids import IntentId
from chimera.domain.intent import Side, Style
from chimera.domain.risk import Reason, Refusal
from chimera.execution.costs import Costs
from chimera.execution.cycles import CyclePlanner
from chimera.execution.planner import Plan
from chimera.execution.tables import Tables
from chimera.localnet.bank import GenesisAccount
from chimera.localnet.genesis_seconds import _pump_swap
from chimera.localnet.genesis_tables import WORLD_TABLE
from chimera.localnet.programs import amm_pools
from chimera.localnet.tokens import BY_SYMBOL, Second, invented_address
from chimera.localnet.tokens import SOL as SOL_QUOTE
from chimera.onchain.transaction import signed_size
from chimera.risk.gate import Approved
from chimera.testing.builders import intent

DEEP = 2_000 * SOL
VENUES = ("pumpswap", "raydium_amm_v4", "raydium_cpmm")
FIRST, SECOND = "SOLACE", "LUMEN"


def large_pools() -> Iterator[GenesisAccount]:
    """The second token on PumpSwap too, and a pool that gives a tenth more of it for the first than SOL would."""
    first, second = BY_SYMBOL[FIRST], BY_SYMBOL[SECOND]
    listing = Second(SECOND, "pump_swap", 0)
    yield from _pump_swap(listing, second, second.worth(DEEP, SOL_QUOTE), DEEP).accounts
    between = amm_pools.genesis_accounts(
        amm_pools.PoolAccounts(market=invented_address("market between two tokens")),
        coin=amm_pools.Side(first.mint, first.decimals, first.worth(DEEP, SOL_QUOTE)),
        pc=amm_pools.Side(second.mint, second.decimals, second.worth(DEEP, SOL_QUOTE) * 11 // 10),
    )
    yield from (GenesisAccount(one.address, one.lamports, one.owner, one.data) for one in between)


async def planned(stage: Theatre, tables: Tables) -> Plan | Refusal:
    view, first, second = stage.view, mint_of(FIRST), mint_of(SECOND)
    pools = (
        pool_at(view, "pumpswap", first), pool_at(view, "raydium_amm_v4", first, second), pool_at(view, "pumpswap", second),
    )  # fmt: skip
    wanted = intent(
        id=IntentId("circle"), side=Side.CYCLE, style=Style.SPEAR, mint=first, symbol=FIRST, amount=SOL,
        pools=pools, profit_lamports_min=LEAST, wallet=None,
    )  # fmt: skip
    planner = CyclePlanner(
        view, wallet=stage.wallet, costs=Costs(), tip_accounts=(TIP_ACCOUNT,), tables=tables
    )
    return planner.plan(
        Approved(wanted, ()), blockhash=await stage.rpc.latest_blockhash(), bundle=False, held={}
    )


async def test_three_large_pools_go_through_a_table_and_are_refused_by_size_without_one() -> None:
    async with theatre(*VENUES, more=tuple(large_pools())) as stage:
        refused = await planned(stage, Tables())
        assert isinstance(refused, Refusal), signed_size(refused.message)
        assert refused.reason is Reason.TRANSACTION_TOO_LARGE
        tables = Tables()
        slot, found = await stage.rpc.accounts([WORLD_TABLE])
        assert tables.see(found, slot=slot) == {}
        plan = await planned(stage, tables)
        assert isinstance(plan, Plan), plan
        assert signed_size(plan.message) <= 1_232
        assert len({hop.pool for hop in plan.hops}) == 3
        before = await stage.lamports()
        fill = stage.fill(await stage.land(plan), mint_of(FIRST), Side.CYCLE)
        assert await stage.lamports() - before == fill.lamports_delta >= LEAST
        assert fill.swap_lamports >= plan.expected_out - plan.amount_in, "at least what was quoted"
        assert (fill.token_delta, fill.other_tokens) == (0, ())
