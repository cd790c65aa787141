"""Swaps to a target: the documented example to the unit, bands, the least and the most, one key a bucket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain.allocation import Holding, ProposedSwap
from chimera.domain.ids import USDC, Address
from chimera.treasury.rebalance import RebalanceRules, differences, proposed

JUP, BONK, WIF = Address("JUP"), Address("BONK"), Address("WIF")
WALLET = Address("wallet")
USD = 1_000_000
RULES = RebalanceRules()


def swaps(
    holdings: list[Holding], weights: dict[Address, int], rules: RebalanceRules = RULES, now_ms: int = 0
) -> list[ProposedSwap]:
    return list(proposed(holdings, weights, rules, wallet=WALLET, now_ms=now_ms))


def test_all_in_jup_with_only_usdc_is_one_swap_of_the_whole_usdc() -> None:
    (swap,) = swaps([Holding(USDC, 1_234_567_891, 1_234_567_891)], {JUP: 10_000})
    assert (swap.input_mint, swap.output_mint, swap.amount) == (USDC, JUP, 1_234_567_891)


def test_differences_name_every_mint_of_either_side() -> None:
    found = differences(
        [Holding(USDC, 60 * USD, 60 * USD), Holding(BONK, 5, 40 * USD)], {JUP: 2_500, BONK: 5_000}
    )
    assert {one.mint: (one.held_micro_usd, one.target_micro_usd) for one in found} == {
        BONK: (40 * USD, 50 * USD), JUP: (0, 25 * USD), USDC: (60 * USD, 25 * USD),
    }  # fmt: skip


def test_what_is_not_weighted_goes_to_dollars_and_a_holding_that_nobody_wants_is_sold_to_its_last_unit() -> (
    None
):
    (swap,) = swaps([Holding(BONK, 777_777_777_777, 33 * USD + 1)], {})
    assert (swap.input_mint, swap.output_mint, swap.amount) == (BONK, USDC, 777_777_777_777)


def test_the_largest_surplus_pays_for_the_largest_lack() -> None:
    found = swaps(
        [Holding(USDC, 70 * USD, 70 * USD), Holding(BONK, 3_000, 30 * USD)], {JUP: 6_000, WIF: 4_000}
    )
    assert [(one.input_mint, one.output_mint, one.amount, one.micro_usd) for one in found] == [
        (USDC, JUP, 60 * USD, 60 * USD), (BONK, WIF, 3_000, 30 * USD), (USDC, WIF, 10 * USD, 10 * USD),
    ]  # fmt: skip


def test_within_both_bands_nothing_happens_and_either_of_them_wakes_it() -> None:
    even = {BONK: 5_000}

    def held(off: int, whole: int) -> list[Holding]:
        return [Holding(USDC, whole // 2 + off, whole // 2 + off), Holding(BONK, 10**9, whole // 2 - off)]

    assert not swaps(held(USD, 200 * USD), even), "a dollar, and half a percent"
    assert swaps(held(USD + 1, 200 * USD), even)
    wide = RebalanceRules(band_micro_usd=100 * USD)
    assert not swaps(held(20 * USD, 2_000 * USD), even, wide)
    assert swaps(held(20 * USD + 1, 2_000 * USD), even, wide)


def test_too_small_trades_are_left_and_a_cycle_ends_at_its_most() -> None:
    assert not swaps([Holding(USDC, USD - 1, USD - 1)], {JUP: 10_000})
    many = {Address(f"m{number:02}"): 500 for number in range(20)}
    assert len(swaps([Holding(USDC, 1_000 * USD, 1_000 * USD)], many)) == 10


def test_the_same_swap_has_one_key_in_its_five_minutes_and_another_one_later() -> None:
    def key(now_ms: int, amount: int = 50 * USD, wallet: Address = WALLET) -> str:
        (swap,) = proposed(
            [Holding(USDC, amount, amount)], {JUP: 10_000}, RULES, wallet=wallet, now_ms=now_ms
        )
        return swap.key

    assert key(0) == key(299_999) != key(300_000)
    assert len(key(0)) == 64
    assert len({key(0), key(0, 51 * USD), key(0, wallet=Address("other"))}) == 3


@pytest.mark.parametrize("weights", [{JUP: 10_001}, {JUP: -1}, {JUP: 9_000, BONK: 1_001}])
def test_weights_that_are_none_are_refused(weights: dict[Address, int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        swaps([Holding(USDC, USD, USD)], weights)


def test_a_holding_of_unknown_worth_stops_the_cycle() -> None:
    with pytest.raises(ValueError, match="nobody knows what BONK"):
        swaps([Holding(USDC, USD, USD), Holding(BONK, 5, None)], {JUP: 10_000})


@given(
    st.lists(st.tuples(st.integers(1, 10**15), st.integers(0, 10**12)), min_size=1, max_size=6),
    st.lists(st.integers(0, 1_600), max_size=6),
)
def test_nothing_is_sold_that_is_not_held_and_no_mint_is_on_both_sides(
    held: list[tuple[int, int]], weights: list[int]
) -> None:
    holdings = [Holding(Address(f"m{place}"), *one) for place, one in enumerate(held)]
    found = swaps(holdings, {Address(f"m{place + 3}"): weight for place, weight in enumerate(weights)})
    for one in holdings:
        assert sum(swap.amount for swap in found if swap.input_mint == one.mint) <= one.amount
    assert not {swap.input_mint for swap in found} & {swap.output_mint for swap in found}
    assert len(found) <= RULES.trades_max
    assert len({swap.key for swap in found}) == len(found)
