"""The world: what it decides, what its genesis holds, and what its traders and tokens do on the embedded chain."""

from collections import defaultdict

import pytest
from solders.pubkey import Pubkey

from chimera import plugins
from chimera.domain.chain import Account as ChainAccount
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, USDC, WSOL, Address, Slot
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind
from chimera.domain.wallet import WalletStatus
from chimera.localnet.chain import Landed
from chimera.localnet.coin_orders import Stand, stand_orders
from chimera.localnet.genesis import genesis
from chimera.localnet.genesis_tables import world_table
from chimera.localnet.ledger import TransactionRecord
from chimera.localnet.stepped import SteppedWorld
from chimera.localnet.tokens import BY_SYMBOL, TOKENS, TRENDING, Quirk
from chimera.localnet.traders import DEMO_WALLET, Role, traders, with_role
from chimera.localnet.world import World
from chimera.localnet.world_orders import SLIPPAGE_BPS, expected_out, place, token_amount
from chimera.localnet.world_plan import ACT_TICKS, FORESIGHT_SELLS_AT, NEWS_AT, Decision, Deed, act
from chimera.onchain.keys import associated_token_address
from chimera.onchain.transaction import attach_signatures, compile_v0, signed_size

SEED = 7
FIRST_MINUTE = 150  # ticks of 400 ms


class Theatre(SteppedWorld):
    """The world on a chain, without a network between them, and a few questions about it."""

    def data(self, address: Address) -> bytes | None:
        account = self.account(address)
        return None if account is None else account.data

    def known(self, address: Address) -> ChainAccount:
        found = self.account(address)
        assert found is not None
        return found

    def lamports(self, address: Address) -> int:
        account = self.account(address)
        return 0 if account is None else account.lamports

    def until(self, tick: int) -> list[tuple[Decision, TransactionRecord | None]]:
        """What was done before that tick and after what was asked for last."""
        return [(played.decision, played.record) for played in self.play(tick - self.tick)]

    def held(self, trader: str, symbol: str) -> int:
        token = BY_SYMBOL[symbol]
        owner = self.stage.cast[trader].address
        return token_amount(self.data(associated_token_address(owner, token.mint, token.program)))


@pytest.fixture
def theatre() -> Theatre:
    return Theatre(SEED)


def buy(trader: str, symbol: str, amount: int, *, quote: str = "SOL") -> Decision:
    return Decision(1, trader, Deed.BUY, symbol, quote, amount=amount)


def unwind(trader: str, symbol: str, *, quote: str = "SOL") -> Decision:
    return Decision(2, trader, Deed.UNWIND, symbol, quote, share_bps=10_000)


# -- decisions --------------------------------------------------------------------------------------------------


def test_the_same_seed_decides_the_same_in_whatever_order_it_is_asked() -> None:
    forwards = [World(SEED).decisions(tick) for tick in range(3 * ACT_TICKS)]
    backwards = [World(SEED).decisions(tick) for tick in reversed(range(3 * ACT_TICKS))]
    assert forwards == backwards[::-1]
    assert forwards != [World(SEED + 1).decisions(tick) for tick in range(3 * ACT_TICKS)]


def test_every_decision_happens_at_its_own_tick_and_none_is_lost_between_acts() -> None:
    planned = [decision for number in range(4) for decision in act(SEED, number)]
    told = [decision for tick in range(5 * ACT_TICKS) for decision in World(SEED).decisions(tick)]
    assert all(decision in told for decision in planned)
    assert [decision.tick for decision in told] == sorted(decision.tick for decision in told)


def test_the_decisions_of_a_seed_are_the_ones_of_yesterday() -> None:
    first = World(1).campaigns(60)
    assert [(made.tick, made.wallet, made.symbol, made.stake_lamports) for made in first] == [
        (12, "foresight-1", "ZEPHYR", 7_600_000_000),
        (26, "foresight-2", "LUMEN", 8_000_000_000),
        (42, "foresight-3", "CORAL", 5_400_000_000),
        (58, "foresight-1", "OTTER", 7_900_000_000),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_foresight_starts_within_six_seconds_and_several_cycles_fit_into_45(seed: int) -> None:
    campaigns = World(seed).campaigns(FIRST_MINUTE)
    assert campaigns[0].tick * 0.4 <= 6
    ended = [made for made in campaigns if (made.tick + FORESIGHT_SELLS_AT) * 0.4 <= 45]
    assert len(ended) >= 4
    assert len({made.wallet for made in ended}) == 3
    assert len({made.symbol for made in ended}) == len(ended)
    assert all(made.symbol != "BONK" for made in World(seed).campaigns(2_000))


def test_there_are_five_to_ten_trades_a_second() -> None:
    decided = sum(len(World(SEED).decisions(tick)) for tick in range(FIRST_MINUTE))
    assert 5 <= decided / (FIRST_MINUTE * 0.4) <= 10


# -- genesis ----------------------------------------------------------------------------------------------------


def test_the_same_seed_begins_with_the_same_bytes() -> None:
    assert genesis(SEED) == genesis(SEED)
    assert genesis(SEED).accounts != genesis(SEED + 1).accounts
    addresses = [account.address for account in genesis(SEED).accounts]
    assert len(addresses) == len(set(addresses))
    assert WSOL not in addresses


def test_the_fee_tier_lies_at_its_real_address_and_bonk_at_its_real_mint() -> None:
    begun = genesis(SEED)
    assert "D4FPEruKEHrG5TenZ2mpDGEfu1iUvTiqBxvpU8HLBvC2" in {account.address for account in begun.accounts}
    listed = {token.symbol: token.mint for token in begun.tokens}
    assert listed["BONK"] == "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"
    assert len(listed) >= 12


def test_the_roster_holds_the_demo_wallet_the_foresight_a_candidate_and_a_rejected_one() -> None:
    statuses = {wallet.address: wallet.status for wallet in genesis(SEED).wallets}
    assert statuses[DEMO_WALLET] is WalletStatus.ACTIVE
    assert all(statuses[trader.address] is WalletStatus.ACTIVE for trader in with_role(SEED, Role.FORESIGHT))
    assert sorted(statuses.values()) == ["ACTIVE"] * 4 + ["CANDIDATE", "REJECTED"]
    assert DEMO_WALLET not in {trader.address for trader in traders(SEED).values()}


def test_every_account_is_rent_exempt_and_every_supply_is_somewhere(theatre: Theatre) -> None:
    held: dict[Address, int] = defaultdict(int)
    supplies = {}
    for account in theatre.genesis.accounts:
        assert account.lamports >= theatre.chain.bank.rent_exempt_minimum(len(account.data)), account.address
        if account.owner not in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM):
            continue
        if len(account.data) == 82 or account.data[165:166] == b"\x01":
            supplies[account.address] = int.from_bytes(account.data[36:44], "little")
        else:
            mint = Address(str(Pubkey.from_bytes(account.data[:32])))
            held[mint] += token_amount(account.data)
    for token in TOKENS + TRENDING:
        assert held[token.mint] == supplies[token.mint], token.symbol
    assert held[USDC] <= supplies[USDC]


def test_a_buy_on_pumpswap_is_a_quarter_shorter_with_the_worlds_lookup_table_and_lands(
    theatre: Theatre,
) -> None:
    decision = Decision(1, "crowd-1", Deed.BUY, "SOLACE", amount=10**9, program="pump_swap")
    where = theatre.stage.place(decision)
    trader = theatre.stage.cast["crowd-1"]
    assert isinstance(where, Stand)
    calls = stand_orders(decision, trader, where, theatre.accounts(where.wanted))
    blockhash = str(theatre.chain.blockhashes.latest(up_to_slot=theatre.chain.slot).blockhash)
    plain, short = (
        compile_v0(calls, payer=trader.address, blockhash=blockhash, tables=tables)
        for tables in ((), (world_table(),))
    )
    assert signed_size(short) < signed_size(plain) * 3 // 4
    theatre.chain.advance_slot()
    outcome = theatre.execute(
        attach_signatures(short, [bytes(theatre.stage.key(trader).sign_message(short))])
    )
    assert isinstance(outcome, Landed)
    assert outcome.record.error is None, outcome.record.logs
    assert theatre.held("crowd-1", "SOLACE") > 0


def test_liquidity_is_what_the_catalogue_promises() -> None:
    usd: dict[str, int] = defaultdict(int)
    for pool in genesis(SEED).pools:
        usd[pool.symbol] += 2 * pool.quote_amount * (150 if pool.quote == "SOL" else 1_000) // 10**9
    assert 5_000 <= usd["SPROUT"] < 10_000
    assert usd["DUST"] < 5_000
    assert all(
        usd[token.symbol] >= 10_000 for token in TOKENS + TRENDING if token.symbol not in ("SPROUT", "DUST")
    )


def test_lucky_wallets_were_lucky_and_foresight_was_right() -> None:
    begun = genesis(SEED)

    def profit(trader_role: Role) -> list[int]:
        return [
            sum(trade.received_lamports - trade.spent_lamports for trade in begun.histories[trader.address])
            for trader in with_role(SEED, trader_role)
        ]

    assert all(gained > 0 for gained in profit(Role.FORESIGHT) + profit(Role.LUCKY))


# -- on the chain -----------------------------------------------------------------------------------------------


def test_every_pool_swaps_both_ways_at_about_the_quoted_price(theatre: Theatre) -> None:
    for pool in theatre.genesis.pools:
        unsellable = pool.symbol in BY_SYMBOL and BY_SYMBOL[pool.symbol].quirk is Quirk.UNSELLABLE
        spend = pool.quote_amount // 1_000
        trader = theatre.stage.cast["bull-1"]
        where = place(trader, pool)
        seen = theatre.accounts(where.wanted)
        before = token_amount(theatre.data(where.token_account))
        expected = expected_out(where, seen, spend, buying=True)
        bought = theatre.perform(buy("bull-1", pool.symbol, spend, quote=pool.quote))
        assert bought is not None
        assert bought.error is None, (pool.symbol, bought.logs)
        got = token_amount(theatre.data(where.token_account)) - before
        assert abs(got - expected) <= 1 + expected // 1_000, pool.symbol
        if pool.symbol == "SOL":
            continue
        sold = theatre.perform(unwind("bull-1", pool.symbol, quote=pool.quote))
        assert sold is not None
        assert (sold.error is None) is not unsellable, (pool.symbol, sold.logs)


def test_the_desks_venue_reads_every_pool_and_quotes_what_the_program_does(theatre: Theatre) -> None:
    venue = plugins.venues()["raydium_cpmm"]
    trader = theatre.stage.cast["bull-1"]
    for pool in theatre.genesis.pools:
        theatre.perform(
            buy("whale-2", pool.symbol, pool.quote_amount // 777, quote=pool.quote)
        )  # fees wait inside
        account = theatre.known(pool.at.pool)
        assert venue.recognise(account)
        state = venue.decode(account, slot=1)
        for role, address in venue.roles(state).items():
            state = venue.apply(state, role, theatre.known(address), slot=1)
        assert venue.missing(state) == ()
        where = place(trader, pool)
        spend = pool.quote_amount // 991
        request = QuoteRequest(input_mint=where.quote, kind=SwapKind.EXACT_IN, amount=spend)
        moment = Moment(unix_timestamp=int(theatre.unix_seconds), slot=Slot(theatre.chain.slot), epoch=0)
        quote = venue.quote(state, request, moment)
        assert isinstance(quote, Quote), (pool.symbol, quote)
        before = token_amount(theatre.data(where.token_account))
        theatre.perform(buy("bull-1", pool.symbol, spend, quote=pool.quote))
        assert token_amount(theatre.data(where.token_account)) - before == quote.amount_out, pool.symbol


def test_what_cannot_be_sold_is_told_by_the_pools_vault_and_by_nothing_on_the_mint(theatre: Theatre) -> None:
    theatre.perform(buy("bull-5", "TRAP", 10**9))
    held = theatre.held("bull-5", "TRAP")
    assert held > 0
    failed = theatre.perform(unwind("bull-5", "TRAP"))
    assert failed is not None
    assert failed.error is not None
    assert failed.error.json == {"InstructionError": [2, {"Custom": 36}]}  # Token-2022: NoMemo
    assert theatre.held("bull-5", "TRAP") == held
    mint = theatre.data(BY_SYMBOL["TRAP"].mint)
    assert mint is not None
    assert len(mint) == 82
    assert mint[:4] == mint[46:50] == bytes(4)


def test_a_taxed_token_loses_one_percent_on_each_transfer(theatre: Theatre) -> None:
    bought = theatre.perform(buy("bull-5", "TAXI", 10**9))
    assert bought is not None
    assert bought.error is None
    (pool,) = (pool for pool in theatre.genesis.pools if pool.symbol == "TAXI")
    vault = pool.at.vaults[pool.at.mints.index(BY_SYMBOL["TAXI"].mint)]
    left = pool.token_amount - token_amount(theatre.data(vault))
    held = theatre.held("bull-5", "TAXI")
    assert left - held == -(-left // 100)


def test_the_authorities_are_where_the_catalogue_says_and_nowhere_else(theatre: Theatre) -> None:
    for token in TOKENS:
        mint = theatre.data(token.mint)
        assert mint is not None
        assert (mint[0] == 1) is (token.quirk is Quirk.MINTABLE), token.symbol
        assert (mint[46] == 1) is (token.quirk is Quirk.FREEZABLE), token.symbol


def test_the_first_two_minutes_go_as_planned(theatre: Theatre) -> None:
    done = theatre.until(2 * FIRST_MINUTE)
    failed = [decision.why for decision, record in done if record is not None and record.error is not None]
    assert set(failed) == {"trap", "freeze"}
    deeds = {decision.deed for decision, record in done if record is not None and record.error is None}
    assert deeds == set(Deed) - {Deed.MIGRATE}  # no curve is complete by then
    idle = [decision for decision, record in done if record is None]
    assert len(idle) < len(done) / 10


def test_pulled_liquidity_leaves_a_pool_of_dust_and_its_holders_with_nothing(theatre: Theatre) -> None:
    (pool,) = (pool for pool in theatre.genesis.pools if pool.symbol == "RUGGY")
    vault = pool.at.vaults[pool.at.mints.index(WSOL)]
    done = theatre.until(140)
    ((rug, pulled),) = ((d, record) for d, record in done if d.deed is Deed.PULL)
    assert pulled is not None
    assert pulled.error is None
    assert 40 <= rug.tick * 0.4 <= 60
    assert token_amount(theatre.data(vault)) < pool.quote_amount // 1_000
    assert any(theatre.held(f"bull-{number}", "RUGGY") > 0 for number in range(1, 17))


def follow(seed: int, late_ticks: int) -> tuple[int, int]:
    """(staked, gained) by a wallet that copies every foresight trade of the first minute, each one so late."""
    theatre = Theatre(seed)
    follower = "developer-SPROUT"  # wraps, and does nothing else
    address = theatre.stage.cast[follower].address
    stake = 2 * 10**8
    orders: dict[int, list[Decision]] = defaultdict(list)
    campaigns = theatre.world.campaigns(FIRST_MINUTE)
    for made in campaigns:
        orders[made.tick + late_ticks].append(buy(follower, made.symbol, stake))
        orders[made.tick + FORESIGHT_SELLS_AT + late_ticks].append(unwind(follower, made.symbol))
    before = theatre.lamports(address)
    for tick in range(FIRST_MINUTE + FORESIGHT_SELLS_AT + late_ticks + 1):
        theatre.until(tick + 1)
        for decision in orders[tick]:
            record = theatre.perform(decision)
            assert record is not None
            assert record.error is None, record.logs
    return stake * len(campaigns), theatre.lamports(address) - before


@pytest.mark.parametrize("late_ticks", [2, 5, 8])
def test_a_follower_who_is_up_to_three_seconds_late_gains(late_ticks: int) -> None:
    results = [follow(seed, late_ticks) for seed in range(3)]
    staked, gained = (sum(side) for side in zip(*results, strict=True))
    assert gained > staked * 8 // 100


def test_a_follower_who_is_too_late_loses() -> None:
    _, gained = follow(SEED, 22)
    assert gained < 0


def test_who_looks_lucky_has_no_edge(theatre: Theatre) -> None:
    staked = gained = 0
    for decision, record in theatre.until(1_500):
        if decision.trader.startswith(Role.LUCKY) and record is not None:
            gained += record.post_balances[0] - record.pre_balances[0]
            staked += decision.amount
    assert staked > 50 * 10**9
    assert gained < staked * 2 // 100


def test_foresight_gains_on_every_campaign_of_the_first_minute(theatre: Theatre) -> None:
    done = theatre.until(FIRST_MINUTE + FORESIGHT_SELLS_AT)
    changes: dict[str, int] = defaultdict(int)
    for decision, record in done:
        if decision.trader.startswith(Role.FORESIGHT) and record is not None:
            changes[decision.why] += record.post_balances[0] - record.pre_balances[0]
    ended = [f"campaign {made.number}" for made in theatre.world.campaigns(FIRST_MINUTE)]
    assert len(ended) >= 8
    assert all(changes[why] > 0 for why in ended), dict(changes)


def test_foresight_buys_before_the_news_and_leaves_before_the_whales() -> None:
    decisions = [decision for tick in range(ACT_TICKS) for decision in World(SEED).decisions(tick)]
    for made in World(SEED).campaigns(80):
        mine = [decision for decision in decisions if decision.why == f"campaign {made.number}"]
        whales_buy = [d.tick for d in mine if d.trader.startswith("whale") and d.deed is Deed.BUY]
        whales_sell = [d.tick for d in mine if d.trader.startswith("whale") and d.deed is Deed.UNWIND]
        sells = [d.tick for d in mine if d.trader == made.wallet and d.deed is Deed.UNWIND]
        assert min(whales_buy) == made.tick + NEWS_AT
        assert max(whales_buy) < min(sells) <= max(sells) < min(whales_sell)


@pytest.mark.slow
def test_half_an_hour_later_sound_tokens_still_cost_about_what_they_did(theatre: Theatre) -> None:
    theatre.until(4_500)
    for pool in theatre.genesis.pools:
        token = BY_SYMBOL.get(pool.symbol)
        if token is not None and not token.sound:
            continue
        quote, other = (WSOL, pool.at.mints) if pool.quote == "SOL" else (USDC, pool.at.mints)
        side = other.index(quote)
        quote_now, token_now = (token_amount(theatre.data(pool.at.vaults[s])) for s in (side, 1 - side))
        ratio = quote_now * pool.token_amount / (token_now * pool.quote_amount)
        assert 0.7 < ratio < 1.5, (pool.symbol, pool.quote, ratio)


def test_a_trader_refuses_a_price_far_from_what_it_saw(theatre: Theatre) -> None:
    decision = buy("bull-5", "KITE", 10**10)
    where = theatre.stage.place(decision)
    seen = theatre.accounts(where.wanted)
    theatre.perform(buy("whale-1", "KITE", 200 * 10**9))  # moves the price by half
    blockhash = str(theatre.chain.blockhashes.latest(up_to_slot=theatre.chain.slot).blockhash)
    wire = theatre.stage.transaction(decision, seen, blockhash=blockhash)
    assert wire is not None
    outcome = theatre.chain.execute(wire)
    assert isinstance(outcome, Landed)
    assert outcome.record.error is not None
    assert outcome.record.error.json == {"InstructionError": [3, {"Custom": 6005}]}  # ExceededSlippage
    assert SLIPPAGE_BPS < 5_000
