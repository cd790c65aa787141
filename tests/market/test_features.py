"""The extractor against a plain twin that remembers every trade and computes everything anew."""

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from chimera.domain.features import PRICE_UNITS, BarKind, Window
from chimera.domain.ids import USDC, WSOL, Address, Signature, Slot
from chimera.domain.market import PoolCreated, Trade
from chimera.domain.pool import PoolHeader, Swap
from chimera.market.features import REPEATS, FeatureExtractor, FeatureLimits

MINT, OTHER = Address("mint"), Address("other")
Told = tuple[int, str, bool, int, int]
"""(time, user, whether it bought, lamports, tokens)"""


def trade(told: Told, *, mint: Address = MINT, quote: Address = WSOL, slot: int = 1) -> Trade:
    at_ms, user, bought, lamports, tokens = told
    ways = (quote, mint, lamports, tokens) if bought else (mint, quote, tokens, lamports)
    swap = Swap("v", Address("pool"), Address(user), *ways, Signature("s"), Slot(slot), 0)
    return Trade(swap, at_ms)


def created(mint: Address = MINT, slot: int = 1, at_ms: int = 0) -> PoolCreated:
    return PoolCreated(PoolHeader("v", Address("pool"), mint, WSOL), Slot(slot), at_ms)


def extracted(trades: list[Told], limits: FeatureLimits = FeatureLimits()) -> FeatureExtractor:  # noqa: B008
    made = FeatureExtractor(limits)
    for told in trades:
        made.fold(trade(told), lambda: None)
    return made


def plain(trades: list[Told], span_ms: int, now_ms: int) -> Window:
    """The twin."""
    inside = [told for told in trades if told[0] > now_ms - span_ms]
    prices = [lamports * PRICE_UNITS // tokens for *_, lamports, tokens in inside]
    known = prices or [trades[-1][3] * PRICE_UNITS // trades[-1][4] if trades else 0]
    traded: Counter[str] = Counter()
    for _, user, _, lamports, _ in inside:
        traded[user] += lamports
    return Window(
        span_ms=span_ms,
        trades=len(inside),
        buys=sum(bought for _, _, bought, _, _ in inside),
        buy_lamports=sum(lamports for _, _, bought, lamports, _ in inside if bought),
        sell_lamports=sum(lamports for _, _, bought, lamports, _ in inside if not bought),
        buyers=len({user for _, user, bought, _, _ in inside if bought}),
        traders=len(traded),
        largest_lamports=max(traded.values(), default=0),
        small_trades=sum(lamports < 10_000_000 for *_, lamports, _ in inside),
        repeaters=sum(times >= REPEATS for times in Counter(user for _, user, *_ in inside).values()),
        high=max(known),
        low=min(known),
        first_price=known[0],
        last_price=known[-1],
    )


def walk(seed: int, length: int, *, step_ms: int = 700) -> list[Told]:
    rng, now, made = Random(seed), 1_000, []
    for _ in range(length):
        now += rng.randrange(step_ms)
        made.append(
            (
                now,
                f"user{rng.randrange(9)}",
                rng.random() < 0.6,
                rng.randrange(1, 10**9),
                rng.randrange(1, 10**12),
            )
        )
    return made


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 9_000),
            st.sampled_from("abcde"),
            st.booleans(),
            st.integers(1, 10**8),
            st.integers(1, 10**14),
        ),
        max_size=60,
    ),
    st.sampled_from([1, 500, 5_000, 60_000]),
)
def test_windows_are_the_plain_twin_s(steps: list[Told], span_ms: int) -> None:
    now, trades = 0, []
    made = FeatureExtractor()
    for step, *rest in steps:
        now += step
        trades.append((now, *rest))
        made.fold(trade(trades[-1]), lambda: None)
        assert made.window(MINT, span_ms, now) == plain(trades, span_ms, now)
    assert made.window(MINT, span_ms, now + 1_000) == plain(trades, span_ms, now + 1_000)


@settings(max_examples=60)
@given(
    st.integers(0, 10**6),
    st.sampled_from([FeatureLimits(), FeatureLimits(holders_a_token_max=3), FeatureLimits(horizon_ms=2_000)]),
    st.sets(st.integers(0, 59)),
)
def test_it_does_not_matter_when_one_asks(seed: int, limits: FeatureLimits, asked_after: set[int]) -> None:
    """What follows from trades is worked in when somebody asks; nobody must see that."""
    trades = walk(seed, 60)
    asked, unasked = FeatureExtractor(limits), FeatureExtractor(limits)
    for made in (asked, unasked):
        made.fold(created(slot=1), lambda: None)
    for number, told in enumerate(trades):
        asked.fold(trade(told), lambda: None)
        unasked.fold(trade(told), lambda: None)
        if number in asked_after:
            asked.token(MINT)
            asked.window(MINT, 5_000, told[0])
            asked.bars(MINT, 3_000, told[0])
    now = trades[-1][0]
    assert asked.token(MINT) == unasked.token(MINT)
    assert asked.window(MINT, 9_000, now) == unasked.window(MINT, 9_000, now)
    assert list(asked.bars(MINT, 3_000, now)) == list(unasked.bars(MINT, 3_000, now))


def test_it_does_not_matter_when_one_asks_about_a_token_that_outgrows_its_bound() -> None:
    limits = FeatureLimits(trades_a_token_max=1_500)
    asked, unasked = FeatureExtractor(limits), FeatureExtractor(limits)
    trades = walk(11, 5_000, step_ms=3)
    for number, told in enumerate(trades):
        asked.fold(trade(told), lambda: None)
        unasked.fold(trade(told), lambda: None)
        if number % 100 == 0:
            asked.token(MINT)
    now = trades[-1][0]
    assert asked.token(MINT) == unasked.token(MINT)
    for span_ms in (100, 1_000, 300_000):
        assert asked.window(MINT, span_ms, now) == unasked.window(MINT, span_ms, now)
    held: Counter[str] = Counter()
    for _, user, bought, _, tokens in trades:
        held[user] = max(held[user] + (tokens if bought else -tokens), 0)
    seen = asked.token(MINT)
    assert seen is not None
    assert seen.holders == sum(tokens > 0 for tokens in held.values())
    top = sorted(held.values(), reverse=True)[:3]
    assert seen.holdings_top == tuple(-(-tokens * 10_000 // held.total()) for tokens in top)


def test_a_hot_token_grows_and_is_still_the_twin_s() -> None:
    """Where a ring of fixed size would have lost trades: thousands within one window."""
    trades = walk(3, 9_000, step_ms=3)
    now = trades[-1][0]
    made = extracted(trades)
    for span_ms in (100, 5_000, 300_000):
        assert made.window(MINT, span_ms, now) == plain(trades, span_ms, now)
    assert made.window(MINT, 300_000, now).trades == 9_000


def test_beyond_its_bound_a_window_says_that_it_is_not_whole() -> None:
    trades = walk(4, 5_000, step_ms=3)
    now = trades[-1][0]
    made = extracted(trades, FeatureLimits(trades_a_token_max=2_000))
    assert not made.window(MINT, 300_000, now).whole
    recent = made.window(MINT, 500, now)
    assert recent.whole
    assert recent == plain(trades, 500, now)


def test_what_lies_beyond_the_horizon_is_forgotten_and_windows_within_it_are_exact() -> None:
    trades = walk(5, 6_000, step_ms=700)
    now = trades[-1][0]
    made = extracted(trades, FeatureLimits(horizon_ms=60_000))
    assert made.window(MINT, 60_000, now) == plain(trades, 60_000, now)
    assert made.token(MINT).trades == 6_000  # type: ignore[union-attr]


def test_trades_against_usdc_count_with_what_usdc_is_worth_and_are_left_out_while_nobody_knows() -> None:
    made = FeatureExtractor()
    made.fold(trade((1_000, "a", True, 300_000_000, 50), quote=USDC), lambda: None)
    assert made.token(MINT) is None
    made.fold(trade((1_000, "a", True, 300_000_000, 50), quote=USDC), lambda: 150_000_000)
    assert made.window(MINT, 1_000, 1_000).buy_lamports == 2_000_000_000


def test_sol_itself_is_no_token() -> None:
    made = FeatureExtractor()
    made.fold(trade((1_000, "a", True, 5, 5), mint=USDC), lambda: 150_000_000)
    assert made.mints() == []


def test_bars_do_not_depend_on_when_one_began_to_ask() -> None:
    trades = walk(6, 900)
    now = trades[-1][0]
    early, late = FeatureExtractor(), FeatureExtractor()
    for kind, size in ((BarKind.TIME, 5_000), (BarKind.TRADES, 7), (BarKind.VOLUME, 3 * 10**9)):
        for number, told in enumerate(trades):
            early.fold(trade(told, mint=Address(kind)), lambda: None)
            late.fold(trade(told, mint=Address(kind)), lambda: None)
            if number == 0:
                early.bars(Address(kind), size, told[0], kind)
        found = list(early.bars(Address(kind), size, now, kind))
        assert found == list(late.bars(Address(kind), size, now, kind))
        assert len(found) > 50


def test_no_bar_is_told_before_it_is_over() -> None:
    made = extracted([(1_000, "a", True, 10, 10), (1_900, "a", True, 20, 10)])
    assert not made.bars(MINT, 1_000, 1_999)
    (bar,) = made.bars(MINT, 1_000, 2_000)
    assert (bar.end_ms, bar.close) == (2_000, 2 * PRICE_UNITS)


def test_the_creator_is_who_bought_first_where_the_pool_was_seen_to_appear() -> None:
    made = FeatureExtractor()
    made.fold(created(slot=9), lambda: None)
    made.fold(trade((1_000, "dev", True, 10**9, 700), slot=9), lambda: None)
    made.fold(trade((1_100, "b", True, 10**9, 200), slot=9), lambda: None)
    made.fold(trade((1_200, "dev", False, 10**9, 600), slot=10), lambda: None)
    seen = made.token(MINT)
    assert seen is not None
    assert (seen.creator, seen.creator_bought, seen.creator_sold) == ("dev", 700, 600)
    assert (seen.holders, seen.holdings_top) == (2, (6_667, 3_334))
    assert extracted([(1_000, "a", True, 1, 1)]).token(MINT).creator is None  # type: ignore[union-attr]


def test_who_sells_what_was_not_seen_to_be_bought_holds_nothing() -> None:
    seen = extracted([(1_000, "a", False, 10, 10), (1_001, "b", True, 10, 10)]).token(MINT)
    assert seen is not None
    assert seen.holdings_top == (10_000,)


def test_only_so_many_tokens_are_remembered_the_longest_untraded_goes() -> None:
    made = FeatureExtractor(FeatureLimits(tokens_max=2))
    for name in ("a", "b", "a", "c"):
        made.fold(trade((1_000, "u", True, 1, 1), mint=Address(name)), lambda: None)
    assert made.mints() == ["a", "c"]


def test_a_trade_told_late_joins_the_newest_moment() -> None:
    made = extracted([(2_000, "a", True, 1, 1), (1_500, "b", True, 1, 1)])
    assert made.window(MINT, 100, 2_050).trades == 2
