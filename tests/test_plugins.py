"""Plugins are found by where they lie, in an order that never changes, and a broken one says what is wrong."""

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from chimera import plugins
from chimera.domain.errors import ConfigError
from chimera.plugins import Kind, discover

GOOD = "class Quiet:\n    def on_event(self, event, context): return []\nSTRATEGY = Quiet\n"


def dropped(folder: Path, name: str, source: str) -> Path:
    (folder / "strategies").mkdir(exist_ok=True)
    (folder / "strategies" / name).write_text(source)
    return folder


def test_our_own_are_found_by_their_module_names() -> None:
    folder = Path(plugins.__file__).parent
    for kind, found in ((Kind.VENUE, plugins.venues()), (Kind.STRATEGY, plugins.strategies())):
        names = {path.stem for path in (folder / kind.plural).iterdir() if not path.name.startswith("_")}
        assert set(found) == names
    assert "raydium_cpmm" in plugins.venues()
    assert "copy_trade" in plugins.strategies()


def test_venues_bear_the_name_of_their_module() -> None:
    assert all(venue.name == name for name, venue in plugins.venues().items())


def test_a_kind_without_a_package_has_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kind.NOTIFIER, "package", "chimera.no_such_package")
    assert discover(Kind.NOTIFIER) == {}


def test_a_file_dropped_into_the_users_folder_is_a_plugin(tmp_path: Path) -> None:
    found = plugins.strategies(dropped(tmp_path, "quiet.py", GOOD))
    assert found["quiet"]().on_event(None, None) == []


def test_a_package_dropped_there_is_one_too_and_may_import_its_parts(tmp_path: Path) -> None:
    package = tmp_path / "strategies" / "loud"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from .part import Loud\nSTRATEGY = Loud\n")
    (package / "part.py").write_text("class Loud:\n    def on_event(self, event, context): return [1]\n")
    assert plugins.strategies(tmp_path)["loud"]().on_event(None, None) == [1]


def test_the_order_is_by_name_whatever_the_folder_says(tmp_path: Path) -> None:
    for name in ("zebra.py", "ant.py", "mole.py"):
        dropped(tmp_path, name, GOOD)
    assert [name for name in plugins.strategies(tmp_path) if name in {"zebra", "ant", "mole"}] == [
        "ant",
        "mole",
        "zebra",
    ]


def test_private_files_and_other_files_are_nobodys_plugins(tmp_path: Path) -> None:
    dropped(tmp_path, "_part.py", "raise RuntimeError")
    dropped(tmp_path, "notes.txt", "hello")
    assert set(plugins.strategies(tmp_path)) == set(plugins.strategies())


def test_an_entry_point_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint(
        name="foreign", value="chimera.strategies.copy_trade:STRATEGY", group="chimera.strategies"
    )
    monkeypatch.setattr(plugins, "entry_points", lambda group: EntryPoints([point]).select(group=group))
    assert "foreign" in plugins.strategies()
    assert "foreign" not in plugins.venues()


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("import no_such_module", "cannot be loaded: ModuleNotFoundError"),
        ("def (", "cannot be loaded: SyntaxError"),
        ("1 / 0", "cannot be loaded: ZeroDivisionError"),
        ("x = 1", "does not end with `STRATEGY = ...`"),
        ("STRATEGY = 7", "lacks on_event"),
    ],
)
def test_a_broken_plugin_is_a_clear_config_error(tmp_path: Path, source: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plugins.strategies(dropped(tmp_path, "broken.py", source))
    assert complaint in str(caught.value)
    assert "broken.py" in str(caught.value)


def test_a_module_that_failed_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        plugins.strategies(dropped(tmp_path, "halfway.py", "x = 1\n1 / 0"))
    assert not [name for name in sys.modules if name.endswith(".halfway")]


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two strategies are called 'copy_trade'"):
        plugins.strategies(dropped(tmp_path, "copy_trade.py", GOOD))


def test_two_processes_find_the_same_in_the_same_order() -> None:
    ask = [
        sys.executable,
        "-c",
        "from chimera import plugins; print(list(plugins.venues()), list(plugins.strategies()))",
    ]
    answers = {subprocess.run(ask, capture_output=True, check=True).stdout for _ in range(2)}
    assert len(answers) == 1
