"""A trader's own strategy is steered like ours: bounded, journalled, in force at once, kept over a restart."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.wiring.test_steering import Steered

from chimera.config import Settings
from chimera.config.strategy_tree import OwnStrategies
from chimera.wiring import rules
from chimera.wiring.rehearsing import parameters, section_of

FILE = '''
import msgspec
from chimera.domain.bounds import Bps, Lamports

class Exits(msgspec.Struct, frozen=True):
    stop_bps: Bps = 800
    target_bps: Bps = 900

    def __post_init__(self):
        if self.stop_bps > self.target_bps:
            raise ValueError("the stop lies beyond the target")

class Params(msgspec.Struct, frozen=True):
    size_lamports: Lamports = 50_000_000
    """Of each buy."""
    dip: float = 0.5
    exits: Exits = Exits()

class Mine:
    name = "mine"
    params_type = Params
    def __init__(self, params): self.params = params
    def on_event(self, event, context): return ()
    def levels(self, position): return None, None

STRATEGY = Mine
'''
PLACE = "strategies.own.mine."


def given(folder: Path, **said: Any) -> Settings:
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text(FILE)
    return msgspec.structs.replace(
        Settings(), strategies=OwnStrategies(folder=str(folder), own={"mine": said})
    )


@pytest.fixture
def steered(tmp_path: Path) -> Iterator[Steered]:
    made = Steered(tmp_path / "journal", given(tmp_path / "own", share_percent=5))
    yield made
    made.journal.close()


def mine(steered: Steered) -> Any:
    return next(one for one in steered.strategies if one.name == "mine")


async def test_its_parameters_are_listed_with_words_and_ranges_said_in_the_file_or_not(
    steered: Steered,
) -> None:
    known = {one.key: one for one in steered.live.settings() if one.key.startswith(PLACE)}
    assert [key.removeprefix(PLACE) for key in known] == [
        "enabled", "share_percent", "size_lamports", "dip", "exits.stop_bps", "exits.target_bps",
    ]  # fmt: skip
    size = known[f"{PLACE}size_lamports"]
    assert (size.value, size.minimum, size.text) == ("50000000", 0, "Of each buy.")
    assert known[f"{PLACE}share_percent"].value == 5
    assert rules.strategy_sections(steered.live.settings_now)["mine"]["exits"]["target_bps"] == 900


async def test_a_change_reaches_it_and_the_gate_at_once(steered: Steered) -> None:
    done = await steered.change(
        {
            f"{PLACE}size_lamports": "0.2 SOL",
            f"{PLACE}dip": "0.7",
            f"{PLACE}exits.stop_bps": 700,
            f"{PLACE}share_percent": 7,
        }
    )
    assert done.ok, done
    params = mine(steered).params
    assert (params.size_lamports, params.dip, params.exits.stop_bps) == (200_000_000, 0.7, 700)
    assert steered.gate.limits.strategy_bps["mine"] == 700
    assert [fact.key for fact in steered.facts()][:1] == [f"{PLACE}size_lamports"]
    assert {(fact.by, fact.cause) for fact in steered.facts()} == {("ann", "test")}
    assert (await steered.change({f"{PLACE}enabled": False})).ok
    assert "mine" in steered.gate.limits.paused


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"size_lamports": -1}, "size_lamports"),
        ({"exits.stop_bps": 10_001}, "exits.stop_bps"),
        ({"dip": "much"}, "dip"),
        ({"nothing": 1}, "there is no such setting"),
        ({"exits.stop_bps": 950}, "the stop lies beyond the target"),
    ],
)
async def test_what_it_would_not_take_is_refused_and_nothing_changes(
    steered: Steered, changes: dict[str, Any], told: str
) -> None:
    before = mine(steered).params
    done = await steered.change({f"{PLACE}{key}": value for key, value in changes.items()})
    assert not done.ok and told in str(done)
    assert mine(steered).params == before and not steered.facts()


async def test_a_change_outlives_a_restart_and_is_undone_as_it_was_made(tmp_path: Path) -> None:
    settings = given(tmp_path / "own")
    first = Steered(tmp_path / "journal", settings)
    assert (await first.change({f"{PLACE}exits.stop_bps": 700})).ok
    first.journal.close()
    again = Steered(tmp_path / "journal", settings)
    assert mine(again).params.exits.stop_bps == 700 and not again.edited
    entry = next(one.seq for one in again.journal.read() if getattr(one.fact, "key", "").startswith(PLACE))
    assert (await again.undo(entry)).ok
    assert mine(again).params.exits.stop_bps == 800
    again.journal.close()


async def test_where_the_file_was_edited_since_the_file_wins(tmp_path: Path) -> None:
    first = Steered(tmp_path / "journal", given(tmp_path / "own"))
    assert (await first.change({f"{PLACE}size_lamports": 7})).ok
    first.journal.close()
    again = Steered(tmp_path / "journal", given(tmp_path / "own", size_lamports=9))
    assert mine(again).params.size_lamports == 9
    assert [fact.key for fact in again.edited] == [f"{PLACE}size_lamports"]
    again.journal.close()


async def test_a_change_that_a_newer_file_no_longer_takes_is_left_out(tmp_path: Path) -> None:
    settings = given(tmp_path / "own")
    first = Steered(tmp_path / "journal", settings)
    assert (await first.change({f"{PLACE}exits.stop_bps": 700})).ok
    first.journal.close()
    file = tmp_path / "own" / "mine.py"
    file.write_text(FILE.replace("stop_bps: Bps = 800", "halt_bps: Bps = 0").replace("self.stop_bps", "0"))
    rules.found_strategies.cache_clear()
    again = Steered(tmp_path / "journal", settings)
    assert mine(again).params.exits.target_bps == 900
    again.journal.close()
    rules.found_strategies.cache_clear()


def test_what_is_shown_of_a_strategy_of_ours_comes_from_the_same_place() -> None:
    known = {
        name: (value, one.maximum) for name, value, one in parameters(section_of(Settings(), "copy_trade"))
    }
    assert known["shield.stop_loss_bps"] == (800, 10_000) and "enabled" not in known
