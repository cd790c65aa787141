import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chimera.cli import app
from chimera.domain.errors import ConfigError
from chimera.sim.splits import walk_forward
from chimera.wiring.backtest import Wish
from chimera.wiring.optimise import Range, optimise, ranges_of

WISH = Wish(strategies=("copy_trade",), data="world:7:1.5")
RANGES = [Range("copy_trade.shield.stop_loss_bps", 100, 900, 100)]


def test_each_stretch_is_tested_after_what_it_was_learnt_on_and_the_embargo() -> None:
    splits = walk_forward(1_000, 41_000, folds=3, embargo_ms=2_000)
    assert [(one.learn_from_ms, one.learn_to_ms) for one in splits] == [
        (1_000, 11_000), (1_000, 21_000), (1_000, 31_000),
    ]  # fmt: skip
    assert [(one.test_from_ms, one.test_to_ms) for one in splits] == [
        (13_000, 21_000), (23_000, 31_000), (33_000, 41_000),
    ]  # fmt: skip


def test_stretches_within_the_embargo_are_refused() -> None:
    with pytest.raises(ConfigError, match="more data, fewer folds or a shorter --embargo"):
        walk_forward(0, 60_000, folds=5, embargo_ms=10_000)


def test_the_same_seed_finds_the_same_and_only_tested_stretches_are_reported() -> None:
    found = optimise(WISH, RANGES, trials=2, folds=1, embargo_ms=5_000)
    again = optimise(WISH, RANGES, trials=2, folds=1, embargo_ms=5_000)
    assert found == again
    fold = found.folds[0]
    assert 100 <= int(fold.best["copy_trade.shield.stop_loss_bps"]) <= 900
    assert found.result.end_lamports - found.result.start_lamports == fold.tested_lamports
    assert all(trip.opened_at_ms >= fold.split.test_from_ms for trip in found.result.trips)
    assert found.result.evidence.trials == found.trials == 2


@pytest.mark.parametrize("text", ["x", "x=1", "x=2:1", "x=1:5:0", "=1:2", "x=a:b", "x=1:2:3:4"])
def test_what_is_no_range_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="--param"):
        ranges_of([text])


def test_the_command_writes_what_it_found(tmp_path: Path) -> None:
    told = CliRunner().invoke(
        app,
        [
            *("optimise", "--strategy", "copy_trade", "--data", WISH.data, "--trials", "1", "--folds", "1"),
            *("--param", "copy_trade.shield.stop_loss_bps=100:900:100", "--embargo", "5"),
            *("--out", str(tmp_path)),
        ],
        catch_exceptions=False,
    )
    assert told.exit_code == 0 and "fold 1: copy_trade.shield.stop_loss_bps=" in told.output
    assert json.loads((tmp_path / "found.json").read_text())[0]["best"]
    assert "tested stretches only" in (tmp_path / "report.html").read_text()
