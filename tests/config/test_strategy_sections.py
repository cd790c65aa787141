"""Sections of strategies in the settings and the strategies' own parameters say the same; a trader's own ones fit too."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from chimera.config import Settings, load
from chimera.config.live import changeable
from chimera.domain.errors import ConfigError
from chimera.plugins import strategies
from chimera.wiring import rules

OWN = """
import msgspec

class Params(msgspec.Struct, frozen=True):
    size_lamports: int = 5

class Mine:
    name = "mine"
    params_type = Params
    def __init__(self, params): self.params = params
    def on_event(self, event, context): return ()
    def levels(self, position): return None, None

STRATEGY = Mine
"""


def loaded(tmp_path: Path, text: str = "") -> Settings:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    return load([file], {"CHIMERA_SECURITY__WEBHOOK_SECRET": "5f" * 32})


def test_what_every_strategy_goes_by_is_said_once() -> None:
    ours = {name: factory for name, factory in strategies().items() if hasattr(Settings(), name)}
    assert set(ours) >= {"arbitrage", "copy_trade", "momentum", "reentry", "sniper"}
    for name, factory in ours.items():
        params, section = factory.params_type, type(getattr(Settings(), name))  # type: ignore[attr-defined]
        assert issubclass(section, params), f"the settings do not continue the parameters of {name}"
        said_again = set(section.__annotations__) & set(params.__struct_fields__)
        assert not said_again, f"{name} says {said_again} twice"


def test_words_and_ranges_of_parameters_reach_whoever_asks_for_them() -> None:
    known = {one.key: one for one in changeable()}
    probe = known["momentum.probe_bps"]
    assert (probe.minimum, probe.maximum) == (0, 10_000)
    assert probe.text == "Share of the size that is bought first."
    keys = [key for key in known if key.startswith("momentum.")]
    assert keys[:3] == ["momentum.enabled", "momentum.share_percent", "momentum.size_lamports"]
    assert known["copy_trade.choice.rebuys_max"].minimum == 0


def test_a_strategy_that_is_off_by_default_is_built_once_it_is_switched_on(tmp_path: Path) -> None:
    assert "momentum" not in {one.name for one in rules.built_strategies(loaded(tmp_path))}
    on = loaded(tmp_path, "momentum: {enabled: true, size_lamports: 0.2 SOL, share_percent: 7}")
    built = {one.name: one for one in rules.built_strategies(on)}
    assert built["momentum"].params.size_lamports == 200_000_000  # type: ignore[attr-defined]
    assert rules.risk_limits(on).strategy_bps["momentum"] == 700


def test_a_file_of_a_trader_s_own_is_built_with_its_parameters_and_its_share(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "mine.py").write_text(OWN)
    text = f"strategies: {{folder: {folder}, own: {{mine: {{size_lamports: 9, share_percent: 5}}}}}}"
    settings = loaded(tmp_path, text)
    built = {one.name: one for one in rules.built_strategies(settings)}
    assert built["mine"].params.size_lamports == 9  # type: ignore[attr-defined]
    assert rules.risk_limits(settings).strategy_bps["mine"] == 500
    assert rules.strategy_sections(settings)["mine"]["size_lamports"] == "9"


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"mine": {"size": 1}}, "unknown parameter size"),
        ({"mine": {"size_lamports": "much"}}, "size_lamports"),
        ({"other": {}}, "no such file"),
    ],
)
def test_what_does_not_fit_a_trader_s_own_strategy_is_told(tmp_path: Path, own: Any, told: str) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "mine.py").write_text(OWN)
    settings = loaded(
        tmp_path, msgspec.json.encode({"strategies": {"folder": str(folder), "own": own}}).decode()
    )
    with pytest.raises(ConfigError, match=told):
        list(rules.built_strategies(settings))


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no folder"):
        list(rules.built_strategies(loaded(tmp_path, "strategies: {folder: /nowhere}")))
