"""Plans on bonding curves, which move native lamports: carried out by our pump programs, booked to the lamport."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from solders.keypair import Keypair
from tests.execution.theatre import SOL, Theatre, theatre

from chimera.domain.chain import Account
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, WSOL, Address, IntentId
from chimera.domain.intent import Side, Style
from chimera.domain.pool import SwapKind, SwapRequest
from chimera.domain.risk import Refusal
from chimera.execution.assembly import Assembly
from chimera.execution.effects import Probed
from chimera.execution.outcomes import BARE_ACCOUNT_LAMPORTS
from chimera.execution.probing import judged
from chimera.execution.router import best_route
from chimera.localnet.bank import GenesisAccount
from chimera.localnet.programs import pump_accounts, pump_launch
from chimera.onchain.keys import address_bytes, associated_token_address, derived_address
from chimera.onchain.token_instructions import create_token_account
from chimera.onchain.transaction import unsigned
from chimera.risk.gate import Approved
from chimera.risk.token_safety import TokenLimits
from chimera.roles.probing import measure
from chimera.testing.builders import AT_MS, intent


def as_genesis(account: Account) -> GenesisAccount:
    return GenesisAccount(account.address, account.lamports, account.owner, account.data)


class Launched:
    """A coin on its curve, made by a creator of its own."""

    def __init__(self, stage: Theatre, creator: Keypair, mint: Keypair) -> None:
        self.stage, self.creator, self.mint_key = stage, creator, mint
        self.mint, self.maker = Address(str(mint.pubkey())), Address(str(creator.pubkey()))
        self.curve = pump_accounts.curve_address(self.mint)
        self.vault = derived_address(pump_accounts.CURVE_PROGRAM, b"creator-vault", address_bytes(self.maker))

    def opened_by_the_first_buy(self, user: Address) -> tuple[Address, Address]:
        """The trader's account of the coin and of his volume."""
        volume = derived_address(pump_accounts.CURVE_PROGRAM, b"user_volume_accumulator", address_bytes(user))
        return associated_token_address(user, self.mint, TOKEN_2022_PROGRAM), volume

    async def seen(self) -> None:
        self.stage.view.tell_mints({self.curve: self.mint}, AT_MS)
        await self.stage.look()

    async def bought_by(self, person: Keypair, lamports: int) -> None:
        """Somebody else buys on the curve, by the venue's own instruction."""
        stage, buyer = self.stage, Address(str(person.pubkey()))
        route = best_route(
            stage.view, input_mint=WSOL, output_mint=self.mint, amount=lamports, doubtful=False
        )
        assert not isinstance(route, Refusal), route
        swaps = Assembly(stage.view, buyer).swaps(
            route, minimum_out=1, programs=lambda mint: stage.view.token_program(mint) or TOKEN_PROGRAM
        )
        assert not isinstance(swaps, Refusal)
        await stage.do(person, *swaps.calls)


@asynccontextmanager
async def coin(*names: str, sol: int = 20) -> AsyncIterator[Launched]:
    more = tuple(map(as_genesis, pump_accounts.genesis_accounts()))
    async with theatre("pumpfun", *names, more=more, sol=sol) as stage:
        creator, mint = await stage.somebody(), Keypair()
        launched = Launched(stage, creator, mint)
        create = pump_launch.create_v2(
            launched.mint, user=launched.maker, creator=launched.maker, name="Coin", symbol="CN"
        )
        await stage.do(creator, create, also=(mint,))
        await launched.seen()
        yield launched


def buying(launched: Launched, lamports: int) -> Approved:
    return Approved(intent(mint=launched.mint, amount=lamports, slippage_bps_max=500), ())


async def test_a_round_trip_on_a_curve_wraps_nothing_and_is_exact_to_the_lamport() -> None:
    async with coin() as launched:
        stage, mint = launched.stage, launched.mint
        before = await stage.lamports()
        bought = await stage.plan(buying(launched, SOL // 2).intent)
        assert [hop.venue for hop in bought.hops] == ["pumpfun"]
        landed = await stage.land(bought)
        fill = stage.fill(landed, mint, Side.BUY)
        assert fill.swap_lamports == SOL // 2, "what it spends, and no rent"
        assert fill.token_delta == bought.expected_out
        stood = [
            await stage.lamports_of(address) for address in launched.opened_by_the_first_buy(stage.wallet)
        ]
        assert all(stood)
        assert fill.rent_lamports == sum(stood) + BARE_ACCOUNT_LAMPORTS, "beside them, the creator's vault"
        assert await stage.lamports() == before + fill.lamports_delta
        ours = {balance.mint for balance in landed.post_tokens if balance.owner == stage.wallet}
        assert ours == {mint}, "nothing was wrapped"

        await stage.refresh()
        wanted = intent(
            id=IntentId("out"), side=Side.SELL, style=Style.EXIT, mint=mint, amount=fill.token_delta
        )
        sold = await stage.plan(wanted, close=True)
        out = stage.fill(await stage.land(sold), mint, Side.SELL)
        assert (out.token_delta, out.swap_lamports) == (-fill.token_delta, sold.expected_out)
        assert out.rent_lamports < 0, "the sold-out account's rent came back"
        assert await stage.lamports() == before + fill.lamports_delta + out.lamports_delta


async def test_the_second_buy_of_a_trader_pays_no_more_rent_for_accounts_that_stand() -> None:
    async with coin() as launched:
        stage = launched.stage
        await stage.land(await stage.plan(buying(launched, SOL // 10).intent))
        await stage.refresh()
        again = await stage.plan(buying(launched, SOL // 5).intent)
        fill = stage.fill(await stage.land(again), launched.mint, Side.BUY)
        assert (fill.rent_lamports, fill.swap_lamports) == (0, SOL // 5)
        assert fill.token_delta == again.expected_out


async def test_a_probe_on_a_curve_measures_the_lamports_that_came_back() -> None:
    async with coin() as launched:
        stage = launched.stage
        blockhash = await stage.rpc.latest_blockhash()
        probe = stage.planner.probe(launched.mint, lamports=SOL // 100, blockhash=blockhash)
        assert not isinstance(probe, Refusal), probe
        assert probe.measured == stage.wallet and probe.one_way is not None
        found = await measure(stage.rpc, probe)
        assert found.simulation is not None and found.simulation.error is None, found
        # two fees of 1.25 %, 2 % of the tokens kept back
        assert SOL // 100 * 945 // 1000 < found.returned_lamports < SOL // 100 * 96 // 100
        report = judged(found, TokenLimits(), AT_MS)
        assert not isinstance(report, Refusal) and report.refusal is None


async def test_a_wallet_that_moves_during_the_probe_gives_no_verdict() -> None:
    async with coin() as launched:
        stage = launched.stage
        blockhash = await stage.rpc.latest_blockhash()
        probe = stage.planner.probe(launched.mint, lamports=SOL // 100, blockhash=blockhash)
        assert not isinstance(probe, Refusal)
        simulate = stage.rpc.simulate

        async def restless(transaction: bytes, *, accounts: tuple[Address, ...] = ()) -> object:
            await stage.rpc.airdrop(stage.wallet, SOL)
            stage.pass_slots(1)
            return await simulate(transaction, accounts=accounts)

        stage.rpc.simulate = restless  # type: ignore[method-assign, assignment]
        found = await measure(stage.rpc, probe)
        assert isinstance(found, Probed) and found.simulation is None and "moved" in found.cause


async def test_a_graduation_in_between_is_marked_and_the_retry_trades_on_pumpswap() -> None:
    """SPEC DX-14: the curve's own error 6005, the mint's pool taken instead."""
    async with coin("pumpswap", sol=50) as launched:
        stage, mint = launched.stage, launched.mint
        whale = await stage.somebody(200)
        planned = await stage.plan(buying(launched, SOL).intent)
        account = create_token_account(
            payer=Address(str(whale.pubkey())),
            owner=Address(str(whale.pubkey())),
            mint=mint,
            token_program=TOKEN_2022_PROGRAM,
        )
        await stage.do(whale, account)
        await graduate(launched, whale)
        # our view has not heard of it yet: the plan is simulated, and the program says so
        simulation = await stage.rpc.simulate(unsigned(planned.message))
        assert simulation.error is not None and "6005" in simulation.error
        pool = stage.view.pools[launched.curve]
        assert pool.finished_slot is None
        stage.planner.learn(planned, f"SIMULATION_FAILED: {simulation.error}")
        assert pool.finished_slot == stage.view.slot

        await stage.do(whale, pump_launch.migrate_v2(mint, user=Address(str(whale.pubkey()))))
        swap_venue = stage.view.venues["pumpswap"]
        for wanted in swap_venue.prefilter.accounts:
            slot, accounts = await stage.rpc.program_accounts(wanted)
            stage.fold(slot, accounts)
        while missing := sorted(stage.view.wanted):
            slot, found = await stage.rpc.accounts(missing[:100])
            stage.fold(slot, [one for one in found if one is not None])
        again = await stage.plan(buying(launched, SOL).intent)
        assert [hop.venue for hop in again.hops] == ["pumpswap"]
        fill = stage.fill(await stage.land(again), mint, Side.BUY)
        assert fill.token_delta >= again.minimum_out
        assert SOL - 4 <= fill.swap_lamports <= SOL


async def graduate(launched: Launched, whale: Keypair) -> None:
    """Buys the curve out behind our view's back: by the venue's instruction, on a view of its own."""
    stage = launched.stage
    curve = stage.view.pools[launched.curve]
    known = curve.state
    for _ in range(12):
        slot, (account,) = await stage.rpc.accounts([launched.curve])
        assert account is not None
        state = curve.venue.apply(known, "pool", account, slot=slot + 1)
        if state.curve.complete:  # type: ignore[attr-defined]
            return
        left = state.curve.reserves.real_tokens  # type: ignore[attr-defined]
        await buy_tokens(launched, whale, state, left)
    raise AssertionError("the curve does not complete")


async def buy_tokens(launched: Launched, whale: Keypair, state: object, tokens: int) -> None:
    user = Address(str(whale.pubkey()))
    request = SwapRequest(
        kind=SwapKind.EXACT_OUT,
        input_mint=WSOL,
        amount=tokens,
        limit=190 * SOL,
        user=user,
        user_input_account=associated_token_address(user, WSOL, TOKEN_PROGRAM),
        user_output_account=associated_token_address(user, launched.mint, TOKEN_2022_PROGRAM),
    )
    venue = launched.stage.view.venues["pumpfun"]
    await launched.stage.do(whale, venue.build(state, request))


async def test_the_intents_word_on_the_token_program_decides_which_account_is_opened() -> None:
    """SPEC TP-02 and TP-03: a wrong word is stopped by the simulation, the right one opens the right account."""
    async with coin() as launched:
        stage = launched.stage
        approved = buying(launched, SOL // 10).intent
        wrong = await stage.planned(msgspec.structs.replace(approved, token_program=TOKEN_PROGRAM))
        simulation = await stage.rpc.simulate(unsigned(wrong.message))
        assert simulation.error is not None and "IncorrectProgramId" in simulation.error
        right = msgspec.structs.replace(approved, token_program=TOKEN_2022_PROGRAM)
        fill = stage.fill(await stage.land(await stage.plan(right)), launched.mint, Side.BUY)
        assert fill.token_delta > 0


async def test_a_curve_whose_mint_the_house_knows_needs_no_trade_to_be_told() -> None:
    """After a restart: what we hold there has a price at once, and can be sold."""
    async with coin() as launched:
        fresh = Theatre(launched.stage.node, launched.stage.rpc, ["pumpfun"])
        await fresh.look()
        assert launched.curve not in fresh.view.pools
        fresh.view.expect([launched.mint])
        await fresh.look()
        assert fresh.view.pools[launched.curve].complete
