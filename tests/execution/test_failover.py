"""When the house leaves its primary node, what that means, and how it comes back."""

from typing import Any

import pytest

from chimera.domain.messages import ConfigChanged, Entry
from chimera.execution.failover import (
    ENGINE,
    FALLBACK,
    HURRY_MS,
    KEY,
    PRIMARY,
    STANDARD,
    Call,
    Failover,
    FailoverPolicy,
)

FAILED = Call(PRIMARY, "Unreachable", what="getSlot")
FINE = Call(PRIMARY, "ok", 3_000)
PROBE_MS = FailoverPolicy().probe_ms


class House:
    """Records what the failover decides, as the wiring does."""

    def __init__(self, *, fallback: bool = True, **policy: Any) -> None:
        self.failover = Failover(FailoverPolicy(**policy), fallback=fallback)
        self.entries: list[Entry] = []
        self.now = 1_000

    def record(self, fact: ConfigChanged | None) -> ConfigChanged | None:
        if fact is not None:
            self.entries.append(Entry(len(self.entries) + 1, self.now, "r", fact))
            self.failover.apply(self.entries[-1])
        return fact

    def hear(self, *calls: Call) -> list[ConfigChanged]:
        return [fact for call in calls if (fact := self.record(self.failover.heard(call, self.now)))]

    def probed(self, trouble: str = "") -> ConfigChanged | None:
        return self.record(self.failover.probed(trouble, self.now))


def test_three_failures_of_the_primary_in_a_row_lead_to_the_fallback_with_spear_off() -> None:
    house = House()
    assert house.hear(FAILED, FAILED) == []
    assert (house.failover.node, house.failover.spear_disabled) == (PRIMARY, "")
    (switch,) = house.hear(FAILED)
    assert (switch.key, switch.old, switch.new, switch.by) == (KEY, PRIMARY, FALLBACK, "house")
    assert switch.cause == "the primary failed 3 times in a row, last: getSlot: Unreachable"
    assert (house.failover.node, house.failover.active) == (FALLBACK, FALLBACK)
    assert "the primary failed" in house.failover.spear_disabled


def test_an_answer_in_between_starts_the_count_anew() -> None:
    assert House().hear(FAILED, FAILED, FINE, FAILED, FAILED) == []


@pytest.mark.parametrize("outcome", ["Unreachable", "Garbled", "RateLimited"])
def test_each_kind_of_failure_counts(outcome: str) -> None:
    assert len(House().hear(*[Call(PRIMARY, outcome)] * 3)) == 1


def test_a_node_that_says_no_has_answered() -> None:
    assert House().hear(FAILED, FAILED, Call(PRIMARY, "Rejected"), FAILED) == []


def test_rate_limits_count_only_where_the_policy_says_so() -> None:
    limited = Call(PRIMARY, "RateLimited")
    assert House(rate_limits_count=False).hear(*[limited] * 9) == []
    assert len(House(rate_limits_count=False).hear(FAILED, FAILED, limited, FAILED)) == 1


@pytest.mark.parametrize("outcome", ["OwnLimit", "CancelledError"])
def test_what_we_did_not_wait_for_says_nothing_about_the_node(outcome: str) -> None:
    assert House().hear(*[Call(PRIMARY, outcome)] * 9) == []
    assert len(House().hear(FAILED, FAILED, Call(PRIMARY, outcome), FAILED)) == 1


def test_answers_that_take_more_than_two_seconds_are_failures_but_not_of_calls_that_may_take_long() -> None:
    assert House().hear(*[Call(PRIMARY, "ok", 2_000_000)] * 9) == []
    (switch,) = House().hear(*[Call(PRIMARY, "ok", 2_000_001, what="getSlot")] * 3)
    assert switch.cause.endswith("getSlot: 2000 ms")
    assert House().hear(*[Call(PRIMARY, "ok", 9_000_000, patient=True)] * 9) == []


def test_a_block_engine_that_is_down_leads_to_the_fallback_too() -> None:
    house = House()
    (switch,) = house.hear(*[Call(ENGINE, "Unreachable")] * 3)
    assert switch.new == FALLBACK
    assert "the block engine failed 3 times" in house.failover.spear_disabled


def test_failures_of_node_and_engine_are_counted_apart_and_those_of_an_idle_fallback_change_nothing() -> None:
    engine = Call(ENGINE, "Unreachable")
    assert House().hear(FAILED, engine, FAILED, engine) == []
    assert House().hear(*[Call(FALLBACK, "Unreachable")] * 9) == []


def test_without_a_second_node_the_lane_is_standard_and_the_node_stays() -> None:
    house = House(fallback=False)
    (switch,) = house.hear(FAILED, FAILED, FAILED)
    assert switch.new == STANDARD
    assert (house.failover.node, house.failover.triggered) == (PRIMARY, True)
    assert house.failover.spear_disabled


def test_the_primary_is_probed_every_five_minutes_and_only_a_probe_leads_back() -> None:
    house = House()
    assert not house.failover.probe_due(10**12)
    house.hear(FAILED, FAILED, FAILED)
    assert house.hear(*[FINE] * 9) == []
    for _ in range(2):
        assert not house.failover.probe_due(house.now + PROBE_MS - 1)
        house.now += PROBE_MS
        assert house.failover.probe_due(house.now)
        assert house.probed("getHealth: Unreachable") is None
    back = house.probed()
    assert back is not None
    assert (back.old, back.new) == (FALLBACK, PRIMARY)
    assert "the primary failed 3 times" in back.cause
    assert (house.failover.node, house.failover.spear_disabled) == (PRIMARY, "")
    assert house.probed() is None
    assert len(house.entries) == 2


def test_after_the_return_three_new_failures_are_needed() -> None:
    house = House()
    house.hear(FAILED, FAILED, FAILED)
    house.probed()
    assert house.hear(FAILED, FAILED) == []
    assert len(house.hear(FAILED)) == 1


def test_a_fallback_that_fails_too_brings_the_next_probe_forward() -> None:
    house = House()
    house.hear(FAILED, FAILED, FAILED)
    house.hear(*[Call(FALLBACK, "Unreachable")] * 3)
    assert not house.failover.probe_due(house.now + HURRY_MS - 1)
    assert house.failover.probe_due(house.now + HURRY_MS)


def test_a_restart_stands_where_the_last_run_stood() -> None:
    house = House()
    house.hear(FAILED, FAILED, FAILED)
    again = House()
    for entry in house.entries:
        again.failover.apply(entry)
    assert (again.failover.node, again.failover.spear_disabled) == (FALLBACK, house.failover.spear_disabled)
    assert again.failover.probe_due(house.now + PROBE_MS)


def test_a_restart_without_the_second_node_is_still_away_but_asks_the_only_node_there_is() -> None:
    house = House()
    house.hear(FAILED, FAILED, FAILED)
    again = House(fallback=False)
    again.failover.apply(house.entries[0])
    assert (again.failover.active, again.failover.node) == (STANDARD, PRIMARY)


def test_changes_of_other_settings_are_none_of_its_business() -> None:
    house = House()
    house.record(ConfigChanged("risk.open_positions_max", "12", "3", "careful", "ops"))
    assert house.failover.active == PRIMARY


def test_only_the_last_node_that_is_left_speaks_for_the_network() -> None:
    two, alone = Failover(FailoverPolicy(), fallback=True), Failover(FailoverPolicy(), fallback=False)
    assert two.last_word(FAILED) is None, "there is another to go to"
    assert (alone.last_word(FAILED), alone.last_word(FINE)) == (False, True)
    assert alone.last_word(Call(ENGINE, "Unreachable")) is None
    assert alone.last_word(Call(PRIMARY, "OwnLimit")) is None
    two.apply(Entry(1, 0, "r", ConfigChanged("rpc.active", PRIMARY, FALLBACK, "gone", "house")))
    assert two.last_word(FAILED) is None
    assert two.last_word(Call(FALLBACK, "Unreachable")) is False
