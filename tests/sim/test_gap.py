"""A difference in profit, taken apart: each planted cause moves its own part, and the parts add up."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from chimera.cli import app
from chimera.domain.errors import ConfigError
from chimera.domain.messages import Entry, IntentEmitted, SignalAccepted
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
