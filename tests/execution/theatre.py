"""A node with the world's genesis, a funded key, and the desk's own view of the market: plans are carried out here."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from solders.keypair import Keypair

from chimera.adapters.rpc import RpcChain, RpcOptions
from chimera.domain.chain import AccountUpdate, InstructionCall, TransactionUpdate
from chimera.domain.ids import WSOL, Address, Slot
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.risk import Refusal
from chimera.domain.trade import Fill
from chimera.execution.costs import Costs
from chimera.execution.outcomes import fill_of
from chimera.execution.planner import Plan, Planner
from chimera.localnet.bank import GenesisAccount
from chimera.localnet.genesis import genesis
from chimera.localnet.node import Node, NodeOptions
from chimera.market.view import MarketView
from chimera.onchain.transaction import attach_signatures, compile_v0, unsigned
from chimera.plugins import venues
from chimera.risk.gate import Approved
from chimera.testing.builders import AT_MS

SOL = 10**9


class Theatre:
    def __init__(self, node: Node, rpc: RpcChain, names: Sequence[str]) -> None:
        self.node, self.rpc = node, rpc
        self.keypair = Keypair()
        self.wallet = Address(str(self.keypair.pubkey()))
        self.view = MarketView({name: venues()[name] for name in names})
        self.planner = Planner(self.view, wallet=self.wallet, costs=Costs())

    async def look(self) -> None:
        """Reads every pool, as the market role does at start."""
        self.view.see_slot(Slot(self.node.chain.slot), AT_MS)
        for venue in self.view.venues.values():
            for wanted in venue.prefilter.accounts:
                if wanted.owner == venue.program:
                    slot, accounts = await self.rpc.program_accounts(wanted)
                    self.fold(slot, accounts)
        while missing := sorted(self.view.wanted):
            slot, found = await self.rpc.accounts(missing[:100])
            self.fold(slot, [account for account in found if account is not None])

    async def refresh(self) -> None:
        """Reads anew what the pools are made of."""
        self.view.see_slot(Slot(self.node.chain.slot), AT_MS)
        addresses = sorted(self.view.addresses)
        for start in range(0, len(addresses), 100):
            slot, found = await self.rpc.accounts(addresses[start : start + 100])
            self.fold(slot, [account for account in found if account is not None])

    def fold(self, slot: int, accounts: Any) -> None:
        for account in accounts:
            self.view.apply(AccountUpdate(account, Slot(slot), 0), AT_MS)

    async def plan(self, wanted: TradeIntent, *, close: bool = False) -> Plan:
        """A plan that the node would carry out."""
        plan = await self.planned(wanted, close=close)
        simulation = await self.rpc.simulate(unsigned(plan.message))
        assert simulation.error is None, (simulation.error, simulation.logs)
        return plan

    async def planned(self, wanted: TradeIntent, *, close: bool = False) -> Plan:
        blockhash = await self.rpc.latest_blockhash()
        plan = self.planner.plan(Approved(wanted, ()), blockhash=blockhash, bundle=False, close=close)
        assert not isinstance(plan, Refusal), plan
        return plan

    async def land(self, plan: Plan) -> TransactionUpdate:
        return await self.execute(plan.message, self.keypair)

    async def execute(self, message: bytes, *signers: Keypair) -> TransactionUpdate:
        """Lands it, without an error, several blocks deep."""
        signatures = [bytes(signer.sign_message(message)) for signer in signers]
        signature = await self.rpc.send(attach_signatures(message, signatures))
        self.pass_slots(5)
        landed = await self.rpc.transaction(signature)
        assert landed is not None
        assert landed.error is None, (landed.error, landed.logs)
        return landed

    async def do(self, person: Keypair, *calls: InstructionCall, also: tuple[Keypair, ...] = ()) -> None:
        """Somebody else's transaction."""
        blockhash = await self.rpc.latest_blockhash()
        payer = Address(str(person.pubkey()))
        message = compile_v0(list(calls), payer=payer, blockhash=blockhash.blockhash)
        signers = sorted(also, key=lambda signer: bytes(signer.pubkey()))
        await self.execute(message, person, *signers)

    def pass_slots(self, count: int) -> None:
        for _ in range(count):
            self.node.chain.advance_slot()

    async def lamports(self) -> int:
        return await self.lamports_of(self.wallet)

    async def lamports_of(self, address: Address) -> int:
        _, (account,) = await self.rpc.accounts([address])
        return account.lamports if account is not None else 0

    async def somebody(self, sol: int = 100) -> Keypair:
        person = Keypair()
        await self.rpc.airdrop(Address(str(person.pubkey())), sol * SOL)
        self.pass_slots(5)
        return person

    def fill(self, landed: TransactionUpdate, mint: Address, side: Side) -> Fill:
        """What it did; its double entry is exact."""
        fill = fill_of(
            landed, wallet=self.wallet, mint=mint, side=side, tip_accounts=frozenset(), at_ms=AT_MS
        )
        swapped = -fill.swap_lamports if side is Side.BUY else fill.swap_lamports
        wrapped = sum(change for token, change in fill.other_tokens if token == WSOL)
        costs = fill.fee_lamports + fill.tip_lamports + fill.rent_lamports
        assert fill.lamports_delta == swapped - costs - wrapped
        return fill


@asynccontextmanager
async def theatre(
    *names: str, seed: int = 7, more: Sequence[GenesisAccount] = (), sol: int = 20
) -> AsyncIterator[Theatre]:
    """With the venues of these names in view."""
    options = NodeOptions(rpc_port=0, ws_port=0, geyser_port=0, jito_port=0, admin_port=0)
    unhurried = RpcOptions(requests_per_second_max=10_000)
    accounts = {account.address: account for account in (*genesis(seed).accounts, *more)}
    async with (
        Node(options, genesis=tuple(accounts.values())) as node,
        RpcChain(node.endpoints["rpc"], options=unhurried) as rpc,
    ):
        stage = Theatre(node, rpc, names)
        await rpc.airdrop(stage.wallet, sol * SOL)
        stage.pass_slots(5)
        await stage.look()
        yield stage


def mint_of(symbol: str, seed: int = 7) -> Address:
    return next(listing.mint for listing in genesis(seed).tokens if listing.symbol == symbol)
