"""A cycle's decision: whom to follow, what is counted, and each reason for which nothing is done."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain.allocation import Profile, RankedTrader, Ranking
from chimera.domain.ids import USDC, WSOL, Address
from chimera.treasury.cycle import Swaps, Waits, decide, followed
from chimera.treasury.rebalance import RebalanceRules, without_sol

JUP, BONK, JUNK = Address("JUP"), Address("BONK"), Address("JUNK")
USD = 1_000_000
NOW = 1_000_000


def ann(trust: int = 10_000, **weights: int) -> RankedTrader:
    mints = {"jup": JUP, "bonk": BONK, "sol": WSOL, "usdc": USDC}
    return RankedTrader(Address("Ann"), trust, {mints[name]: bps for name, bps in weights.items()})


def decided(trader: RankedTrader, held: dict[Address, int], **known: Any) -> Swaps | Waits:
    """A unit of everything but JUNK is worth a micro-dollar; the chain has what the books have."""
    taken: dict[Address, int] = known.pop("taken", {})
    return decide(
        trader, booked=held, on_chain=known.pop("on_chain", held), free=lambda mint: held[mint] - taken.get(mint, 0),
        worth=lambda mint, amount: None if mint == JUNK else amount, rules=RebalanceRules(), wallet=Address("us"),
        now_ms=NOW, **known,
    )  # fmt: skip


def follow(
    *traders: RankedTrader, at_ms: int = NOW, profile: Profile = Profile.CONSERVATIVE
) -> RankedTrader | Waits:
    return followed(Ranking(at_ms, traders), profile, now_ms=NOW, ranking_ms_max=60_000)


def test_all_dollars_into_jup_is_one_swap_of_all_of_them() -> None:
    found = decided(ann(jup=10_000), {USDC: 123 * USD})
    assert isinstance(found, Swaps)
    (swap,) = found.swaps
    assert (swap.input_mint, swap.output_mint, swap.amount) == (USDC, JUP, 123 * USD)


def test_the_most_trusted_above_the_profile_s_threshold_is_followed() -> None:
    bold = Profile.AGGRESSIVE
    assert follow(ann(8_600), ann(8_700), profile=bold) == ann(8_700)
    assert follow(ann(9_500), ann(9_501)) == ann(9_501)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (follow(ann(9_500)), "nobody_trusted"),
        (follow(), "nobody_trusted"),
        (follow(ann(), at_ms=NOW - 60_001), "ranking_stale"),
        (follow(ann(), at_ms=NOW + 60_001), "ranking_stale"),
        (follow(ann(sol=10_000)), "all_in_sol"),
        (decided(ann(jup=10_000), {JUP: 5 * USD}), "within_band"),
        (decided(ann(jup=10_000), {}), "within_band"),
        (decided(ann(jup=10_000), {USDC: 5 * USD}, on_chain={USDC: 5 * USD - 1}), "books_differ"),
        (decided(ann(jup=10_000), {USDC: 5 * USD}, on_chain={}), "books_differ"),
    ],
)
def test_each_reason_to_wait(found: object, code: str) -> None:
    assert isinstance(found, Waits)
    assert found.code == code


def test_sol_is_left_out_on_both_sides_and_the_rest_makes_the_whole() -> None:
    assert without_sol({WSOL: 5_000, JUP: 2_500}) == {JUP: 5_000}
    assert without_sol({WSOL: 10_000}) is None
    found = decided(ann(sol=5_000, jup=2_500), {USDC: 100 * USD, WSOL: 10**12})
    assert isinstance(found, Swaps)
    assert [(one.output_mint, one.amount) for one in found.swaps] == [(JUP, 50 * USD)]


def test_an_open_round_trip_s_tokens_are_not_counted_nor_sold() -> None:
    found = decided(ann(usdc=10_000), {BONK: 90 * USD, USDC: 1}, taken={BONK: 80 * USD})
    assert isinstance(found, Swaps)
    assert [(one.input_mint, one.amount) for one in found.swaps] == [(BONK, 10 * USD)]
    # and where all of it is theirs, a chain that has less of it is nothing to wait for
    assert isinstance(decided(ann(usdc=10_000), {BONK: 9}, taken={BONK: 9}, on_chain={}), Waits)


def test_whoever_sends_something_worthless_does_not_stop_a_cycle() -> None:
    found = decided(ann(jup=10_000), {USDC: 123 * USD, JUNK: 10**15})
    assert isinstance(found, Swaps)
    assert [one.input_mint for one in found.swaps] == [USDC]
    waits = decided(ann(usdc=10_000), {USDC: 123 * USD, JUNK: 10**15})
    assert isinstance(waits, Waits)
    assert waits.picture is not None
    assert [one.mint for one in waits.picture.holdings] == [USDC]
    assert waits.detail.endswith("left out, since nobody knows their worth: 1")


@given(
    held=st.dictionaries(st.sampled_from([USDC, JUP, BONK, WSOL, JUNK]), st.integers(1, 10**15)),
    sol=st.integers(0, 9_999),
    jup=st.integers(0, 10_000),
)
def test_nothing_is_paid_beyond_what_is_held_nor_in_sol_nor_in_what_nobody_can_value(
    held: dict[Address, int], sol: int, jup: int
) -> None:
    found = decided(ann(sol=sol, jup=min(jup, 10_000 - sol)), held)
    paid: dict[Address, int] = {}
    for one in found.swaps if isinstance(found, Swaps) else ():
        paid[one.input_mint] = paid.get(one.input_mint, 0) + one.amount
        assert {one.input_mint, one.output_mint}.isdisjoint({WSOL, JUNK})
    assert all(amount <= held[mint] for mint, amount in paid.items())
