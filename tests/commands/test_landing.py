"""What the command line says of how simulated transactions land."""

import pytest
from typer.testing import CliRunner

from chimera.cli import app
from chimera.commands.landing import landing_model
from chimera.domain.errors import ConfigError
from chimera.sim.landing import LandingModel


def test_parts_that_are_named_are_changed_and_the_others_stay() -> None:
    assert landing_model(None) == LandingModel()
    assert landing_model(["dropped_bps=1000", "slots_max=9"]) == LandingModel(dropped_bps=1_000, slots_max=9)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("dropped=5", "there are slots_min, slots_max, dropped_bps"),
        ("dropped_bps", "wanted is KEY=VALUE"),
        ("dropped_bps=many", "Expected `int`"),
        ("dropped_bps=10001", "from 0 to 10000"),
        ("slots_max=0", "slots_max must not be below slots_min"),
        ("confirmed_after=40", "up to finalized_after"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(said: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        landing_model([said])


def test_a_desk_with_real_money_takes_no_model_and_paper_no_roles() -> None:
    for arguments, told in (
        (["--landing", "slots_max=2"], "with --paper alone"),
        (["--paper", "--roles", "market"], "leave --roles away"),
        (["--paper", "--landing", "slots_max=-1"], "slots_max must not be below slots_min"),
    ):
        result = CliRunner().invoke(app, ["run", *arguments])
        assert isinstance(result.exception, ConfigError) and told in str(result.exception)
