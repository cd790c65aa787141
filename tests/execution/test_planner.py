"""Plans, held against the embedded chain: what is planned can be executed, and gives what was promised."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from solders.keypair import Keypair

from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.domain.chain import AccountUpdate, TransactionUpdate
from chimera.domain.ids import USDC, Address, IntentId, Slot
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.domain.risk import Refusal
from chimera.execution.costs import Costs
from chimera.execution.outcomes import fill_of
from chimera.execution.planner import Plan, Planner
from chimera.localnet.genesis import genesis
from chimera.localnet.node import Node, NodeOptions
from chimera.market.view import MarketView
from chimera.onchain.transaction import attach_signatures, unsigned
from chimera.plugins import venues
from chimera.risk.gate import Approved
from chimera.testing.builders import AT_MS, intent

SOL = 10**9


class Theatre:
    """A node with the world's genesis, a funded key, and the desk's own view of the market."""

    def __init__(self, node: Node, rpc: RpcChain) -> None:
        self.node, self.rpc = node, rpc
        self.keypair = Keypair()
        self.wallet = Address(str(self.keypair.pubkey()))
        self.view = MarketView({"raydium_cpmm": venues()["raydium_cpmm"]})
        self.planner = Planner(self.view, wallet=self.wallet, costs=Costs())

    async def look(self) -> None:
        """Reads every pool, as the market role does at start."""
        self.view.see_slot(Slot(self.node.chain.slot), AT_MS)
        (venue,) = self.view.venues.values()
        for wanted in venue.prefilter.accounts:
            if wanted.owner == venue.program:
                slot, accounts = await self.rpc.program_accounts(wanted)
                self.fold(slot, accounts)
        while missing := sorted(self.view.wanted):
            slot, found = await self.rpc.accounts(missing[:100])
            self.fold(slot, [account for account in found if account is not None])

    def fold(self, slot: int, accounts: Any) -> None:
        for account in accounts:
            self.view.apply(AccountUpdate(account, Slot(slot), 0), AT_MS)

    async def plan(self, wanted: TradeIntent, *, close: bool = False) -> Plan:
        blockhash = await self.rpc.latest_blockhash()
        plan = self.planner.plan(Approved(wanted, ()), blockhash=blockhash, bundle=False, close=close)
        assert not isinstance(plan, Refusal), plan
        simulation = await self.rpc.simulate(unsigned(plan.message))
        assert simulation.error is None, simulation.logs
        return plan

    async def land(self, plan: Plan) -> TransactionUpdate:
        signature = await self.rpc.send(
            attach_signatures(plan.message, [bytes(self.keypair.sign_message(plan.message))])
        )
        for _ in range(5):
            self.node.chain.advance_slot()
        landed = await self.rpc.transaction(signature)
        assert landed is not None
        assert landed.error is None
        return landed


@pytest.fixture
async def theatre() -> AsyncIterator[Theatre]:
    options = NodeOptions(rpc_port=0, ws_port=0, geyser_port=0, jito_port=0, admin_port=0)
    unhurried = RpcOptions(requests_per_second_max=10_000)
    async with (
        Node(options, genesis=genesis(7).accounts) as node,
        RpcChain(node.endpoints["rpc"], options=unhurried) as rpc,
    ):
        stage = Theatre(node, rpc)
        await rpc.airdrop(stage.wallet, 20 * SOL)
        for _ in range(5):
            node.chain.advance_slot()
        await stage.look()
        yield stage


def mint_of(symbol: str) -> Address:
    return next(listing.mint for listing in genesis(7).tokens if listing.symbol == symbol)


@pytest.mark.parametrize(("symbol", "hops"), [("BONK", 1), ("PLUM", 2)])
async def test_a_round_trip_lands_as_planned_and_its_double_entry_is_exact(
    theatre: Theatre, symbol: str, hops: int
) -> None:
    mint = mint_of(symbol)
    bought = await theatre.plan(intent(mint=mint, amount=SOL // 2))
    assert len(bought.hops) == hops
    landed = await theatre.land(bought)
    fill = _fill(theatre, landed, mint, Side.BUY)
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
    out = _fill(theatre, await theatre.land(sold), mint, Side.SELL)
    assert out.token_delta == -fill.token_delta
    assert out.swap_lamports >= sold.minimum_out
    assert out.rent_lamports < 0, "the sold-out account's rent came back"
    if hops == 2:
        assert [other for other, _ in out.other_tokens] == [USDC], "what the second leg did not take is known"


def _fill(theatre: Theatre, landed: TransactionUpdate, mint: Address, side: Side) -> Any:
    fill = fill_of(landed, wallet=theatre.wallet, mint=mint, side=side, tip_accounts=frozenset(), at_ms=AT_MS)
    swapped = -fill.swap_lamports if side is Side.BUY else fill.swap_lamports
    assert fill.lamports_delta == swapped - fill.fee_lamports - fill.tip_lamports - fill.rent_lamports
    return fill


async def test_a_probe_of_a_sound_token_gives_most_of_it_back(theatre: Theatre) -> None:
    probe = theatre.planner.probe(
        mint_of("BONK"), lamports=SOL // 100, blockhash=await theatre.rpc.latest_blockhash()
    )
    assert not isinstance(probe, Refusal)
    simulation = await theatre.rpc.simulate(unsigned(probe.message), accounts=[probe.base_account])
    assert simulation.error is None


async def test_a_probe_of_a_token_that_cannot_be_sold_fails_on_the_way_back(theatre: Theatre) -> None:
    from chimera.execution.outcomes import failed_instruction

    probe = theatre.planner.probe(
        mint_of("TRAP"), lamports=SOL // 100, blockhash=await theatre.rpc.latest_blockhash()
    )
    assert not isinstance(probe, Refusal)
    simulation = await theatre.rpc.simulate(unsigned(probe.message), accounts=[probe.base_account])
    failed_at = failed_instruction(simulation.error)
    assert failed_at is not None
    assert failed_at >= probe.sell_starts_at
