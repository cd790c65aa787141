"""Settings changed for one run are told by the option that said them."""

from pathlib import Path

import pytest

from chimera.domain.errors import ConfigError
from chimera.wiring.backtest import Wish, backtest
from chimera.wiring.changed import laid_over
from chimera.wiring.optimise import optimise, ranges_of


def test_a_change_is_laid_over_what_there_is() -> None:
    environ = laid_over({"momentum.stop_loss_bps": "700"}, (), {"OTHER": "1"}, option="--set")
    assert environ == {"OTHER": "1", "CHIMERA_MOMENTUM__STOP_LOSS_BPS": "700"}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"momentum.stop_loss": "5"}, r"--set momentum.stop_loss=5: there is no such setting; did you mean "),
        ({"nothing.near": "5"}, r"--set nothing.near=5: there is no such setting$"),
        (
            {"momentum.enabled": "true", "momentum.stop_loss_bps": "much"},
            r"--set momentum.stop_loss_bps=much:",
        ),
        ({"momentum.stop_loss_bps": "1000000"}, r"expected int <= 10000"),
    ],
)
def test_what_cannot_be_set_is_named_as_it_was_said(changed: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        laid_over(changed, (), {}, option="--set")


def test_a_range_that_no_setting_takes_is_refused_before_anything_runs() -> None:
    wish = Wish(strategies=("momentum",), data="world:7:1440")  # a day: it would be noticed
    ranges = ranges_of(["momentum.stop_loss_bps=500:100000"])
    with pytest.raises(ConfigError, match=r"--param momentum.stop_loss_bps=100000"):
        optimise(wish, ranges, trials=1, folds=1, embargo_ms=0)
    with pytest.raises(ConfigError, match="wanted is KEY=LOW:HIGH"):
        ranges_of(["momentum.stop_loss_bps=500:1000:-5"])


def test_an_end_before_its_beginning_is_refused_and_a_missing_recording_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--to: it must be later than --from"):
        backtest(Wish(strategies=("momentum",), data="world:7:1440", from_ms=20, to_ms=10))
    with pytest.raises(ConfigError, match="no recording in"):
        backtest(Wish(strategies=("momentum",), data=str(tmp_path)))
