"""A difference in profit, taken apart: each planted cause moves its own part, and the parts add up."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from chimera.cli import app
from chimera.domain.errors import ConfigError
from chimera.domain.intent import Side
from chimera.domain.messages import (
    Entry,
    IntentEmitted,
    LegLanded,
    LegPlanned,
    LegReverted,
    SignalAccepted,
    TradeMoved,
)
from chimera.domain.trade import TradeState
from chimera.sim.gap import PARTS, Waterfall, waterfall
from chimera.sim.landing import LandingModel
from chimera.wiring.backtest import Wish, backtest

CALM = LandingModel(slots_min=1, slots_max=1, dropped_bps=0, tip_median_lamports=0)
WISH = Wish(strategies=("copy_trade",), data="world:7:1.5", landing=CALM)
SETTINGS = {
    "copy_trade.shield.size_lamports_max": "0.2 SOL",
    "copy_trade.spear.size_lamports_max": "0.2 SOL",
    "risk.max_consecutive_losses": "1000",
}


def journal(**changes: object) -> list[Entry]:
    changed = {**SETTINGS, **changes.pop("changed", {})}  # type: ignore[dict-item]
    wish = msgspec.structs.replace(WISH, changed=changed, **changes)
    return list(backtest(wish)[1].read())


@pytest.fixture(scope="module")
def theirs() -> list[Entry]:
    return journal()


def steps(found: Waterfall) -> dict[str, int]:
    parts = {step.part: step.lamports for step in found.steps}
    assert tuple(parts) == PARTS
    assert found.theirs_lamports + sum(parts.values()) == found.ours_lamports
    return parts


def without(entries: Iterable[Entry], trade_id: str) -> list[Entry]:
    return [one for one in entries if trade_id not in msgspec.json.encode(one.fact).decode()]


def test_two_equal_runs_have_no_gap(theirs: list[Entry]) -> None:
    found = waterfall(journal(), theirs)
    assert not any(steps(found).values()) and found.ours_lamports != 0


def test_a_signal_that_never_came_is_a_missed_round_trip(theirs: list[Entry]) -> None:
    lost = next(one.fact.signal.id for one in theirs if isinstance(one.fact, SignalAccepted))
    found = waterfall(without(theirs, lost), theirs)
    parts = steps(found)
    assert parts["missed"] != 0 and not any(value for part, value in parts.items() if part != "missed")
    assert found.missed[0][0] == lost
    back = steps(waterfall(theirs, without(theirs, lost)))
    assert back["extra"] == -parts["missed"]


def test_dearer_compute_shows_in_the_fees_and_nowhere_else(theirs: list[Entry]) -> None:
    dear = {
        "execution.cu_price_micro_lamports": "400000",
        "execution.cu_price_micro_lamports_max": "400000",
        "execution.exit_cu_price_micro_lamports": "400000",
        "execution.exit_cu_price_micro_lamports_max": "400000",
    }
    parts = steps(waterfall(journal(changed=dear), theirs))
    assert parts["fees"] < 0
    assert abs(parts["fees"]) > 20 * sum(abs(value) for part, value in parts.items() if part != "fees")


def test_slower_landing_shows_as_timing(theirs: list[Entry]) -> None:
    late = msgspec.structs.replace(CALM, slots_min=4, slots_max=4)
    parts = steps(waterfall(journal(landing=late), theirs))
    assert parts["timing"] != 0 and parts["fees"] == parts["tips"] == 0


def a_sale(entries: Iterable[Entry]) -> tuple[LegPlanned, LegLanded]:
    """Of a closed round trip, as it was planned and as it landed."""
    closed = {one.fact.trade_id for one in entries if is_closing(one)}  # type: ignore[union-attr]
    plans = {one.fact.leg.leg_id: one.fact for one in entries if isinstance(one.fact, LegPlanned)}
    for one in entries:
        fact = one.fact
        if isinstance(fact, LegLanded) and fact.fill.side is Side.SELL and fact.leg.trade_id in closed:
            return plans[fact.leg.leg_id], fact
    raise AssertionError("nothing was sold")


def is_closing(entry: Entry) -> bool:
    return isinstance(entry.fact, TradeMoved) and entry.fact.after is TradeState.CLOSED


def planted(
    entries: list[Entry], *, plan: dict[str, int] | None = None, fill: dict[str, int] | None = None
) -> list[Entry]:
    """The journal with that much added to fields of one sale's plan and fill."""
    known, landed = a_sale(entries)
    replace = msgspec.structs.replace
    changed = {
        id(known): replace(known, **more(known, plan)),
        id(landed): replace(landed, fill=replace(landed.fill, **more(landed.fill, fill))),
    }
    return [replace(one, fact=changed.get(id(one.fact), one.fact)) for one in entries]


def more(record: msgspec.Struct, by: dict[str, int] | None) -> dict[str, int]:
    return {field: getattr(record, field) + amount for field, amount in (by or {}).items()}


@pytest.mark.parametrize(
    ("part", "fill"),
    [
        ("fees", {"fee_lamports": 12_345, "lamports_delta": -12_345}),
        ("tips", {"tip_lamports": 12_345, "lamports_delta": -12_345}),
        ("rent", {"rent_lamports": 12_345, "lamports_delta": -12_345}),
        ("timing", {"swap_lamports": -12_345, "lamports_delta": -12_345}),
    ],
)
def test_each_planted_cost_moves_its_own_part_by_what_it_cost(
    theirs: list[Entry], part: str, fill: dict[str, int]
) -> None:
    parts = steps(waterfall(planted(theirs, fill=fill), theirs))
    assert parts.pop(part) == -12_345 and not any(parts.values()), parts


def test_what_failed_on_the_chain_costs_its_fee_as_failures(theirs: list[Entry]) -> None:
    _, landed = a_sale(theirs)
    reverted = LegReverted(landed.leg, landed.fill.signature, landed.fill.slot, "slippage", -5_000)
    at = next(at for at, one in enumerate(theirs) if one.fact is landed)
    ours = [*theirs[:at], msgspec.structs.replace(theirs[at], fact=reverted), *theirs[at:]]
    parts = steps(waterfall(ours, theirs))
    assert parts.pop("failures") == -5_000 and not any(parts.values())


def test_a_worse_price_at_the_decision_is_price_but_for_the_share_that_was_planned_as_impact(
    theirs: list[Entry],
) -> None:
    lower = {"swap_lamports": -100_000, "lamports_delta": -100_000}
    parts = steps(waterfall(planted(theirs, plan={"expected_out": -100_000}, fill=lower), theirs))
    share = parts.pop("impact")
    assert 0 <= share < 10_000 and parts.pop("price") == -100_000 - share and not any(parts.values())


def test_more_impact_in_the_plan_at_the_same_result_was_a_better_price(theirs: list[Entry]) -> None:
    parts = steps(waterfall(planted(theirs, plan={"price_impact_bps": 100}), theirs))
    impact = parts.pop("impact")
    assert impact < 0 and parts.pop("price") == -impact and not any(parts.values())


def test_a_position_that_is_still_held_is_open_and_nothing_else(theirs: list[Entry]) -> None:
    last = max(at for at, one in enumerate(theirs) if is_closing(one))
    parts = steps(waterfall([one for at, one in enumerate(theirs) if at != last], theirs))
    assert parts.pop("open") != 0 and not any(parts.values())


def test_a_journal_that_begins_in_the_middle_still_adds_up(theirs: list[Entry]) -> None:
    cut = [one for one in theirs if type(one.fact).__name__ != "LegPlanned"]
    parts = steps(waterfall(cut, theirs))
    assert parts["price"] == -(parts["timing"] + parts["impact"])


def test_intents_alone_are_no_round_trips(theirs: list[Entry]) -> None:
    only = [one for one in theirs if isinstance(one.fact, IntentEmitted)]
    found = waterfall(only, theirs)
    assert found.ours_lamports == 0 and steps(found)["missed"] == -found.theirs_lamports


def test_the_command_reads_what_backtests_leave(tmp_path: Path, theirs: list[Entry]) -> None:
    for name, entries in (("one", theirs), ("two", theirs[: len(theirs) // 2])):
        (tmp_path / name).mkdir()
        lines = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
        (tmp_path / name / "journal.jsonl").write_bytes(lines)
    told = CliRunner().invoke(
        app, ["gap", str(tmp_path / "two"), str(tmp_path / "one")], catch_exceptions=False
    )
    assert told.exit_code == 0 and "missed" in told.stdout
    with pytest.raises(ConfigError, match="neither a desk's data folder"):
        CliRunner().invoke(app, ["gap", str(tmp_path), str(tmp_path / "one")], catch_exceptions=False)
    (tmp_path / "two" / "journal.jsonl").write_text("no json\n")
    with pytest.raises(ConfigError, match="is no backtest's journal"):
        CliRunner().invoke(app, ["gap", str(tmp_path / "two"), str(tmp_path / "one")], catch_exceptions=False)
