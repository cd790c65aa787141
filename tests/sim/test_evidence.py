import random

import pytest

from chimera.sim.evidence import (
    TRADES_MIN,
    bootstrap,
    chance_of_luck,
    deflated_sharpe,
    drawdown,
    drawdown_risk,
    evidence,
    sharpe,
)


def noise(count: int, *, edge: float, seed: int = 1) -> list[int]:
    chance = random.Random(seed)
    return [int(chance.gauss(edge, 1.0) * 1e6) for _ in range(count)]


def test_few_round_trips_say_not_enough_data_and_no_number() -> None:
    told = evidence([5] * (TRADES_MIN - 1), random.Random(1))
    assert told.trades == TRADES_MIN - 1
    figures = (told.profit_mean_lamports, told.win_rate, told.sharpe, told.deflated_sharpe)
    assert all(figure is None for figure in (*figures, told.chance_of_luck, told.drawdown))


def test_the_same_seed_says_the_same_and_another_seed_says_nearly_the_same() -> None:
    profits = noise(200, edge=0.3)
    one, again = (evidence(profits, random.Random(3), rounds=300) for _ in range(2))
    other = evidence(profits, random.Random(4), rounds=300)
    assert one == again != other
    assert one.sharpe and other.sharpe and one.sharpe.value == other.sharpe.value
    assert one.sharpe.low == pytest.approx(other.sharpe.low, abs=0.05)


def test_the_interval_of_a_mean_is_what_the_normal_law_says() -> None:
    told = bootstrap(noise(400, edge=0.0, seed=9), lambda v: sum(v) / len(v), random.Random(2))
    assert (told.high - told.low) / 1e6 == pytest.approx(2 * 1.645 / 20, rel=0.15)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(200):
        told = bootstrap(
            noise(60, edge=0.5, seed=seed), lambda v: sum(v) / len(v), random.Random(seed), rounds=200
        )
        held += told.low <= 0.5e6 <= told.high
    assert 0.82 <= held / 200 <= 0.96  # promised are 0.90


def test_an_edge_is_told_from_luck() -> None:
    assert chance_of_luck(noise(200, edge=0.4), random.Random(1)) < 0.01
    assert chance_of_luck(noise(200, edge=0.0, seed=5), random.Random(1)) > 0.05
    assert deflated_sharpe(noise(200, edge=0.4)) > 0.99


def test_the_more_was_tried_the_less_the_best_one_proves() -> None:
    profits = noise(100, edge=0.25)
    believed = [deflated_sharpe(profits, trials=trials) for trials in (1, 10, 100, 1_000)]
    assert believed == sorted(believed, reverse=True) and believed[0] > 0.9 and believed[-1] < 0.6


def test_the_best_of_a_hundred_lucky_ones_is_seldom_believed() -> None:
    believed = []
    for seed in range(40):
        best = max((noise(60, edge=0.0, seed=seed * 100 + one) for one in range(100)), key=sharpe)
        believed.append(deflated_sharpe(best, trials=100))
    assert sum(value > 0.95 for value in believed) <= 4
    assert all(deflated_sharpe(noise(60, edge=0.0, seed=s)) < 0.9999 for s in range(40))


def test_losses_with_fat_tails_lower_the_belief() -> None:
    even = [2, -1] * 50
    # same mean and deviation order, but the loss comes seldom and at once
    tailed = [1] * 95 + [-9] * 5
    assert sharpe(even) == pytest.approx(1 / 3, rel=0.01)
    assert deflated_sharpe([x * 1_000 for x in tailed]) < deflated_sharpe([x * 1_000 for x in even])


def test_the_deepest_fall_is_from_the_highest_point_before_it() -> None:
    assert drawdown([5, -3, 4, -8, 2]) == 8
    assert drawdown([1, 2, 3]) == 0
    assert drawdown([-4, 10]) == 4
    assert drawdown([]) == 0


def test_other_orders_of_the_same_round_trips_fall_deeper() -> None:
    lucky = sorted(noise(50, edge=0.0, seed=3), reverse=True)[:25] + sorted(noise(50, edge=0.0, seed=3))[25:]
    told = drawdown_risk([2, -1] * 40, random.Random(1))
    assert told.seen == 1 <= told.median <= told.worst_of_20
    assert drawdown_risk(lucky, random.Random(1), rounds=50).worst_of_20 >= 0


def test_nothing_that_varies_is_no_skill() -> None:
    assert sharpe([3, 3, 3]) == 0.0
    assert deflated_sharpe([0] * 40) == 0.5


def test_what_is_drawn_fast_is_what_the_generator_itself_would_draw() -> None:
    class Slow:
        """The same chance by its one documented door."""

        def __init__(self, seed: int) -> None:
            self._chance = random.Random(seed)

        def randrange(self, stop: int, /) -> int:
            return self._chance.randrange(stop)

    profits = noise(40, edge=0.1)
    assert evidence(profits, random.Random(5), rounds=50) == evidence(profits, Slow(5), rounds=50)
