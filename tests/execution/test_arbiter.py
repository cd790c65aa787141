"""Who goes first when more is wanted than may be under way."""

from typing import Any

from chimera.domain.ids import IntentId
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.execution.arbiter import WAITING_MAX, Arbiter, ArbiterLimits, score
from chimera.testing.builders import AT_MS, intent


def wanted(name: str, style: Style = Style.SHIELD, **changes: Any) -> TradeIntent:
    side = Side.SELL if style is Style.EXIT else Side.BUY
    return intent(id=IntentId(name), style=style, side=side, **changes)


def order(arbiter: Arbiter, *, under_way: int = 0) -> list[str]:
    taken = []
    while (found := arbiter.take(AT_MS, under_way=under_way, free=lambda _: True)) is not None:
        taken.append(str(found.id))
    return taken


def filled(*intents: TradeIntent, **limits: int) -> Arbiter:
    arbiter = Arbiter(ArbiterLimits(**limits))
    for one in intents:
        assert arbiter.enter(one)
    return arbiter


def test_class_comes_before_everything_and_arrival_decides_among_equals() -> None:
    arbiter = filled(
        wanted("spear", Style.SPEAR, expected_edge_bps=9_000),
        wanted("shield 1"),
        wanted("exit"  , Style.EXIT),
        wanted("shield 2"),
    )  # fmt: skip
    assert order(arbiter) == ["exit", "shield 1", "shield 2", "spear"]


def test_within_a_class_the_higher_score_goes_first_and_tier_before_score() -> None:
    arbiter = filled(
        wanted("small", expected_edge_bps=10),
        wanted("large", expected_edge_bps=200),
        wanted("urgent", expected_edge_bps=100, urgency=2),
        wanted("tier 0", tier=0),
    )
    assert order(arbiter) == ["tier 0", "urgent", "large", "small"]


def test_a_nearing_deadline_raises_the_score() -> None:
    one = wanted("x", expected_edge_bps=100)
    assert score(one, AT_MS + 4_000) == 5 * score(one, AT_MS)


def test_nothing_starts_beyond_the_concurrency_but_exits_have_half_as_much_again() -> None:
    arbiter = filled(wanted("buy"), wanted("exit", Style.EXIT), concurrency=4)
    assert order(arbiter, under_way=4) == ["exit"]
    assert order(arbiter, under_way=3) == ["buy"]
    arbiter = filled(wanted("exit", Style.EXIT), concurrency=4)
    assert order(arbiter, under_way=6) == []


def test_a_locked_mint_is_passed_by_and_served_once_it_is_free() -> None:
    arbiter = filled(wanted("locked"), wanted("free"))
    found = arbiter.take(AT_MS, under_way=0, free=lambda one: one.id != "locked")
    assert found is not None
    assert found.id == "free"
    assert order(arbiter) == ["locked"]


def test_one_that_was_passed_over_too_often_goes_first() -> None:
    arbiter = filled(wanted("patient", expected_edge_bps=1), passed_over_max=3)
    for number in range(3):
        arbiter.enter(wanted(f"rich {number}", expected_edge_bps=500))
        found = arbiter.take(AT_MS, under_way=0, free=lambda _: True)
        assert found is not None
        assert found.id == f"rich {number}"
    arbiter.enter(wanted("rich again", expected_edge_bps=500))
    assert order(arbiter) == ["patient", "rich again"]


def test_what_waited_beyond_its_life_is_handed_back() -> None:
    arbiter = filled(wanted("late"), wanted("long", ttl_ms=60_000))
    assert [one.id for one in arbiter.expired(AT_MS + 5_000)] == ["late"]
    assert len(arbiter) == 1


def test_a_full_house_takes_exits_only() -> None:
    arbiter = filled(*(wanted(str(number)) for number in range(WAITING_MAX)))
    assert not arbiter.enter(wanted("one more"))
    assert arbiter.enter(wanted("exit", Style.EXIT))
