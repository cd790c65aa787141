"""A season of the world: coins are launched, graduate, fade and rob; tokens trend; two venues disagree. On chain."""

from collections import defaultdict
from functools import cache

import pytest
from tests.localnet.eyes import Eyes
from tests.localnet.season import FEES, LOOK_EVERY, Season

from chimera.localnet import markets
from chimera.localnet.coins import PER_SEASON, SEASON_TICKS, SOUND, TRAPS, Nature, coins, nature_of
from chimera.localnet.programs import PROGRAMS
from chimera.localnet.stage import coin_markets
from chimera.localnet.stepped import SteppedWorld
from chimera.localnet.tokens import SECONDS, TOKENS, TRENDING
from chimera.localnet.traders import Role
from chimera.localnet.world import World
from chimera.localnet.world_plan import Deed
from chimera.onchain.layouts import read_mint

SEED = 7
SUPPLY = 10**15


@cache
def season_of(seed: int) -> Season:
    return Season(seed)


@pytest.fixture(scope="module")
def season() -> Season:
    return season_of(SEED)


# the plan


def test_every_token_has_a_nature_in_the_plan_and_no_two_have_a_name_in_common() -> None:
    world = World(SEED)
    told = world.natures(2 * SEASON_TICKS)
    made = world.coins(2 * SEASON_TICKS)
    assert len(made) == 2 * PER_SEASON
    assert len({coin.key for coin in made}) == len({coin.mint for coin in made}) == len(made)
    assert set(told) == {token.mint for token in TOKENS + TRENDING} | {coin.mint for coin in made}
    assert all(told[coin.mint] is coin.nature for coin in made)
    assert {nature_of(token) for token in TOKENS + TRENDING} | {coin.nature for coin in made} == set(Nature)
    assert not SOUND & TRAPS


@pytest.mark.parametrize("seed", range(10))
def test_a_season_has_graduates_honest_coins_and_every_kind_of_trap(seed: int) -> None:
    natures = [coin.nature for coin in coins(seed, 0)]
    assert natures.count(Nature.GRADUATING) == natures.count(Nature.CASHED_OUT) == 1
    assert natures.count(Nature.HONEST) == 3
    made_in_runs = {
        Nature.FREEZABLE,
        Nature.MINTABLE,
        Nature.TAXED,
        Nature.PULLED,
        Nature.DUMPED,
        Nature.CASHED_OUT,
    }
    assert made_in_runs | {Nature.BUNDLED, Nature.DEV_HEAVY, Nature.SERIAL} <= set(natures)
    trends = World(seed).trends(SEASON_TICKS)
    assert len({trend.symbol for trend in trends}) == len(trends) == 2
    assert all((trend.top - trend.tick) * 0.4 > 180 for trend in trends), "several minutes"


@pytest.mark.parametrize("seed", range(10))
def test_a_serial_rugger_has_robbed_before_and_the_earnest_never_do(seed: int) -> None:
    earnest: set[str] = set()
    robbed: set[str] = set()
    for coin in [*coins(seed, 0), *coins(seed, 1)]:
        if coin.nature is Nature.SERIAL:
            assert coin.maker in robbed
        (robbed if coin.nature.trap else earnest).add(coin.maker)
    assert not earnest & robbed


def test_foresight_buys_of_coins_only_what_graduates_in_earnest_and_luck_buys_none() -> None:
    natures = {coin.key: coin.nature for coin in coins(SEED, 0)}
    bought: dict[str, set[Nature]] = defaultdict(set)
    for tick in range(SEASON_TICKS):
        for decision in World(SEED).decisions(tick):
            if decision.deed is Deed.BUY and decision.symbol in natures:
                bought[decision.trader.rsplit("-", 1)[0]].add(natures[decision.symbol])
    assert bought[Role.FORESIGHT] == {Nature.GRADUATING}
    assert Role.LUCKY not in bought


# on the chain


def test_a_season_goes_as_planned_and_only_the_trapped_fail(season: Season) -> None:
    failed = [one for one in season.done if one.record is not None and one.record.error is not None]
    reasons = {(one.decision.why.split(" ")[0], one.decision.deed) for one in failed}
    frozen = {("freeze", Deed.UNWIND), ("ordinary", Deed.BUY), ("ordinary", Deed.UNWIND)}
    assert {("trap", Deed.UNWIND), ("freezable", Deed.UNWIND)} <= reasons
    # who comes while the last tokens of a curve go gets none
    assert reasons - frozen <= {
        ("trap", Deed.UNWIND), ("freezable", Deed.UNWIND), ("graduating", Deed.BUY), ("cashed", Deed.BUY),
    }  # fmt: skip
    assert len(failed) < len(season.done) / 100
    done = {one.decision.deed for one in season.done if one.record is not None and one.record.error is None}
    assert done == set(Deed)


def test_one_or_two_coins_complete_their_curve_and_trade_on_in_a_pool(season: Season) -> None:
    graduated = []
    for coin in [coin for coin in coins(SEED, 0) if coin.on_curve]:
        pool, curve = coin_markets(coin, season.world.stage.cast[coin.maker])
        assert season.world.account(curve.pool) is not None, f"{coin.key} was never launched"
        if season.world.account(pool.pool) is not None:
            graduated.append(coin.nature)
            assert markets.curve_complete(season.world.account(curve.pool))
            later = [
                one.record
                for one in season.done
                if one.decision.symbol == coin.key and one.record is not None and one.record.error is None
            ]
            programs = {str(key) for record in later[-20:] for key in record.keys}
            assert next(at for at, name in PROGRAMS.items() if name == "pump_swap") in programs
    assert sorted(graduated) == [Nature.CASHED_OUT, Nature.GRADUATING]


def test_a_graduate_in_earnest_is_worth_more_after_its_season_than_at_its_migration(season: Season) -> None:
    (coin,) = season.of(Nature.GRADUATING)
    assert season.gained(coin, Role.FORESIGHT) > 10**9
    price = season.pool_price(coin)
    assert price is not None
    begun = 30 * 10**9 / 1_073_000_000_000_000
    assert price > 5 * begun


def test_traps_take_the_crowds_money_and_their_makers_get_it(season: Season) -> None:
    for coin in coins(SEED, 0):
        if not coin.nature.trap or coin.tick > SEASON_TICKS - 200:
            continue
        assert season.gained(coin, Role.CROWD) < 0, coin
        makers = sum(season.gained(coin, role) for role in (Role.MAKER, Role.RUGGER, Role.INSIDER))
        if coin.nature not in (Nature.FREEZABLE, Nature.TAXED):  # these leave it in the pool, for later
            assert makers > 0, coin


def test_only_the_plan_says_what_a_coin_is_except_where_its_mint_does(season: Season) -> None:
    for coin in coins(SEED, 0):
        mint = season.world.account(coin.mint)
        assert mint is not None
        told = read_mint(mint, slot=1)
        assert (told.mint_authority is not None) is (coin.nature is Nature.MINTABLE), coin
        assert (told.freeze_authority is not None) is (coin.nature is Nature.FREEZABLE), coin
        assert told.transfer_fee_bps == (900 if coin.nature is Nature.TAXED else 0), coin


def test_makers_and_their_friends_are_seen_in_the_first_slot_of_the_traps_that_are_made_so(
    season: Season,
) -> None:
    bought: dict[str, set[str]] = defaultdict(set)
    for one in season.done:
        at = season.first_slot.get(one.decision.symbol)
        if at is not None and one.record is not None and one.record.slot == at:
            bought[one.decision.symbol].add(one.decision.trader)
    for coin in [coin for coin in coins(SEED, 0) if coin.on_curve]:
        share = season.held_at_launch[coin.key] / SUPPLY
        friends = {name for name in bought[coin.key] if name.startswith(Role.INSIDER)}
        assert (share > 0.2) is (coin.nature is Nature.DEV_HEAVY), (coin, share)
        assert bool(friends) is (coin.nature is Nature.BUNDLED), coin
        if coin.nature is Nature.BUNDLED:
            assert len(friends) == 5


def test_trending_tokens_rise_for_minutes_and_come_home_later(season: Season) -> None:
    first, second = World(SEED).trends(SEASON_TICKS)
    rise = season.prices[first.symbol]
    top = rise[first.top // LOOK_EVERY]
    assert top > 1.5 * rise[first.tick // LOOK_EVERY]
    quarters = [rise[(first.tick + (first.top - first.tick) * part // 4) // LOOK_EVERY] for part in range(5)]
    assert quarters == sorted(quarters)
    assert rise[-1] < 1.2
    assert max(season.prices[second.symbol]) > 1.4
    (still,) = {token.symbol for token in TRENDING} - {first.symbol, second.symbol}
    assert all(0.95 < price < 1.05 for price in season.prices[still]), "nobody touches the third one"


def test_two_venues_disagree_now_and_then_and_agree_again(season: Season) -> None:
    for second in SECONDS:
        gaps = season.gaps(second.symbol)
        assert sum(gap > FEES for gap in gaps) > len(gaps) / 20, second
        assert sum(gap < FEES for gap in gaps) > len(gaps) / 20, second
        assert max(gaps) < 0.5, second


def test_nothing_is_wrong_with_a_season(season: Season) -> None:
    assert season.wrong() == []


def test_the_same_seed_is_the_same_to_the_byte_and_another_is_not() -> None:
    def signatures(seed: int) -> list[str]:
        played = SteppedWorld(seed).play(160)
        return [str(one.record.signature) for one in played if one.record is not None]

    assert signatures(3) == signatures(3) != signatures(4)


def test_nobody_goes_broke(season: Season) -> None:
    cast = season.world.stage.cast.values()
    purses = season.world.accounts(trader.address for trader in cast)
    assert [name for name, purse in purses.items() if purse is None or purse.lamports < 20 * 10**9] == []


# the desk's eyes


def test_the_desk_finds_every_pool_and_each_trades_exactly_as_its_venue_quotes() -> None:
    eyes = Eyes(SteppedWorld(SEED))
    began = len(eyes.view.pools)
    seen: set[str] = set()
    for _ in range(6):  # curves at all heights, pools young and old
        eyes.watch(130)
        for where, pool in list(eyes.view.pools.items()):
            assert pool.complete, pool.header
            sold_out = pool.native and markets.left_on_curve(eyes.world.account(where)) < 5 * 10**12
            emptied = min(pool.venue.reserves(pool.state) or (0,)) < 10**7  # its liquidity was pulled
            if not sold_out and not emptied:
                eyes.trade_as_quoted(pool)
                seen.add(pool.header.venue)
    assert seen == {"raydium_cpmm", "raydium_amm_v4", "pumpfun", "pumpswap"}
    made = [coin for coin in eyes.world.world.coins(eyes.world.tick) if coin.tick < eyes.world.tick - 20]
    graduates = sum(coin.nature in (Nature.GRADUATING, Nature.CASHED_OUT) for coin in made)
    assert len(eyes.view.pools) >= began + len(made) + graduates
    assert eyes.view.quarantined == {} and eyes.view.undecodable == 0 and eyes.view.nameless == 0
    assert eyes.events["Trade"] > 1_000
    assert eyes.events["PoolCreated"] == len(eyes.view.pools)
