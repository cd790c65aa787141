"""Slippage: learned by route and size from fills alone, only ever tightening, refused before anything is built."""

import pytest

from chimera.domain.ids import Address, IntentId, Slot, TradeId
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.messages import Entry, Fact, LegLanded, LegPlanned
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Fill, Hop, LegRef
from chimera.risk.slippage import Slippage, SlippagePolicy
from chimera.testing.builders import AT_MS, BONK, address, intent

POOL, OTHER = address("pool"), address("other")
DAY_MS = 86_400_000
LEARNING = SlippagePolicy(learn=True)


class Past:
    def __init__(self, policy: SlippagePolicy) -> None:
        self.book, self.seq, self.now = Slippage(policy), 0, AT_MS

    def tell(self, fact: Fact) -> None:
        self.seq += 1
        self.book.apply(Entry(self.seq, self.now, "run", fact))

    def fill(self, got: int, *, expected: int = 10_000, impact_bps: int = 20, pool: Address = POOL) -> None:
        self.seq += 1
        leg = LegRef(f"leg{self.seq}", IntentId("i"), TradeId("t"))
        hop = Hop("raydium_cpmm", pool, address("a"), BONK, 100, expected)
        self.tell(LegPlanned(leg, (hop,), 100, expected, 1, Slot(1), 1, 1, 0, impact_bps))
        filled = Fill("sig", Slot(2), Side.BUY, BONK, got, -100, 100, 0, 0, 0, self.now)  # type: ignore[arg-type]
        self.tell(LegLanded(leg, filled))

    def asked(self, wanted: TradeIntent, impact_bps: int = 20, pool: Address = POOL) -> int | Refusal:
        return self.book.review(wanted, pools=(pool,), impact_bps=impact_bps)


def learned(policy: SlippagePolicy = LEARNING) -> Past:
    """A hundred fills that lost 1 to 100 bps."""
    past = Past(policy)
    for bps in range(1, 101):
        past.fill(10_000 - bps)
    return past


@pytest.mark.parametrize(("percentile", "usual"), [(95, 95), (99, 99)])
def test_it_learns_the_percentile_of_what_fills_lost(percentile: int, usual: int) -> None:
    past = learned(SlippagePolicy(learn=True, percentile=percentile))
    assert past.book.usual_bps((POOL,), 20) == usual


def test_what_was_learned_tightens_a_buy_with_a_fifth_on_top() -> None:
    assert learned().asked(intent(slippage_bps_max=300)) == 114


def test_it_never_loosens_what_the_strategy_allows() -> None:
    assert learned().asked(intent(slippage_bps_max=115)) == 114
    assert Past(LEARNING).asked(intent(slippage_bps_max=70)) == 70


def test_it_is_off_unless_it_is_switched_on() -> None:
    assert learned(SlippagePolicy()).asked(intent(slippage_bps_max=300)) == 300


@pytest.mark.parametrize(("pool", "impact_bps"), [(OTHER, 20), (POOL, 150), (POOL, 900)])
def test_another_pool_or_size_knows_nothing_of_it(pool: Address, impact_bps: int) -> None:
    assert learned().book.usual_bps((pool,), impact_bps) is None


def test_too_few_and_too_old_fills_teach_nothing() -> None:
    past = Past(LEARNING)
    for _ in range(19):
        past.fill(9_950)
    assert past.book.usual_bps((POOL,), 20) is None
    past.fill(9_950)
    assert past.book.usual_bps((POOL,), 20) == 50
    past.now += DAY_MS
    past.fill(9_950)
    assert past.book.usual_bps((POOL,), 20) is None


def test_a_fill_better_than_its_quote_lost_nothing() -> None:
    past = Past(LEARNING)
    for _ in range(20):
        past.fill(10_500)
    assert past.book.usual_bps((POOL,), 20) == 0
    assert past.asked(intent(slippage_bps_max=300)) == 1


def test_an_estimate_over_the_limit_is_refused_before_anything_is_built() -> None:
    refused = learned().asked(intent(slippage_bps_max=100))
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.SLIPPAGE
    assert refused.observed == "20 bps price impact and 95 bps that such fills lose"


@pytest.mark.parametrize(("profile_bps", "passes"), [(50, False), (100, True), (200, True)])
def test_the_risk_profile_bounds_what_a_buy_may_lose(profile_bps: int, passes: bool) -> None:
    past = Past(SlippagePolicy(profile_bps=profile_bps))
    outcome = past.asked(intent(slippage_bps_max=500), impact_bps=60)
    assert outcome == profile_bps if passes else isinstance(outcome, Refusal)


def test_an_exit_may_lose_what_its_strategy_allows_and_is_never_refused_here() -> None:
    past = Past(SlippagePolicy(profile_bps=50))
    assert past.asked(intent(side=Side.SELL, slippage_bps_max=1_000), impact_bps=5_000) == 1_000
