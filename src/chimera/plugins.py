"""Finds venues, strategies and notifiers, so that nobody has to name one.

A plugin is a module that ends with `VENUE = ...`, `STRATEGY = ...` or `NOTIFIER = ...`. Ours lie in one package a
kind; others come as entry points of the same names or as files in a folder of the user's.
Must not know any concrete plugin, nor what is done with what it finds.
"""

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from chimera.domain.errors import ConfigError
from chimera.ports.strategy import Strategy
from chimera.ports.venue import Venue


class Kind(Enum):
    """(constant, package of ours, entry point group and folder of the user's, what it must be able to do)"""

    VENUE = ("VENUE", "chimera.venues", "venues", ("decode", "apply", "quote", "build"))
    STRATEGY = ("STRATEGY", "chimera.strategies", "strategies", ("on_event",))
    NOTIFIER = ("NOTIFIER", "chimera.adapters.notifiers", "notifiers", ("notify",))

    def __init__(self, constant: str, package: str, plural: str, verbs: tuple[str, ...]) -> None:
        self.constant, self.package, self.plural, self.verbs = constant, package, plural, verbs


BROKEN = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, OSError, RuntimeError,
    SyntaxError, TypeError, ValueError,
)  # fmt: skip
"""What running somebody's module may raise; the list is explicit so that an interrupt is none of it."""


def venues(folder: Path | None = None) -> dict[str, Venue[Any]]:
    """Every venue by its module's name; raises ConfigError for one that is broken."""
    return cast(dict[str, Venue[Any]], discover(Kind.VENUE, folder))


def strategies(folder: Path | None = None) -> dict[str, Callable[..., Strategy]]:
    """Every strategy's factory by its module's name; raises ConfigError for one that is broken."""
    return cast(dict[str, Callable[..., Strategy]], discover(Kind.STRATEGY, folder))


def discover(kind: Kind, folder: Path | None = None) -> dict[str, object]:
    """The constants of all plugins of a kind by module name: ours, installed ones, then those in the user's folder.

    Sorted by name within each of the three, so that two starts always agree. `folder` holds `venues/`,
    `strategies/` and `notifiers/`, each of which may be missing. Raises ConfigError where a plugin cannot be
    loaded, lacks its constant or a verb of it, or bears the name of another one.
    """
    found: dict[str, object] = {}
    places: dict[str, str] = {}
    for name, place, load in (*ours(kind), *installed(kind), *dropped(kind, folder)):
        if name in found:
            raise ConfigError(
                f"two {kind.plural} are called {name!r}: {places[name]} and {place}; rename one"
            )
        found[name], places[name] = checked(kind, place, load), place
    return found


Plugin = tuple[str, str, Callable[[], object]]
"""(name, place for people, loads the module or the object)"""


def ours(kind: Kind) -> Iterator[Plugin]:
    """The modules of our own package; none where the package does not exist."""
    if importlib.util.find_spec(kind.package) is None:
        return
    package = importlib.import_module(kind.package)
    for name in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        if not name.startswith("_"):
            place = f"{kind.package}.{name}"
            yield name, place, lambda place=place: importlib.import_module(place)  # type: ignore[misc]


def installed(kind: Kind) -> Iterator[Plugin]:
    """Entry points of other distributions."""
    for point in sorted(entry_points(group=f"chimera.{kind.plural}"), key=lambda point: point.name):
        yield point.name, f"entry point {point.name} = {point.value}", point.load


def dropped(kind: Kind, folder: Path | None) -> Iterator[Plugin]:
    """Python files and packages in the user's folder."""
    if folder is None:
        return
    place = folder / kind.plural
    if kind is Kind.STRATEGY and not place.is_dir():
        place = folder  # a folder of nothing but strategies
    if not place.is_dir():
        return
    for path in sorted(place.iterdir()):
        file = path / "__init__.py" if path.is_dir() else path
        if file.suffix == ".py" and file.is_file() and not path.name.startswith("_"):
            yield path.stem, str(path), lambda file=file, name=path.stem: from_file(kind, name, file)  # type: ignore[misc]


def from_file(kind: Kind, name: str, file: Path) -> ModuleType:
    """The module of a file, known to Python under a name that no installed module has."""
    full_name = f"chimera_user_{kind.plural}.{name}"
    spec = importlib.util.spec_from_file_location(
        full_name, file, submodule_search_locations=[str(file.parent)] if file.name == "__init__.py" else None
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and structs look their module up while it is being run.
    sys.modules[full_name] = module
    try:
        spec.loader.exec_module(module)
    except BROKEN:
        del sys.modules[full_name]
        raise
    return module


def checked(kind: Kind, place: str, load: Callable[[], object]) -> object:
    """What the plugin offers; raises ConfigError saying what is wrong with it."""
    try:
        loaded = load()
    except BROKEN as cause:
        raise ConfigError(f"{place} cannot be loaded: {type(cause).__name__}: {cause}") from cause
    offered = getattr(loaded, kind.constant, None) if isinstance(loaded, ModuleType) else loaded
    if offered is None:
        raise ConfigError(f"{place} does not end with `{kind.constant} = ...`")
    missing = [verb for verb in kind.verbs if not callable(getattr(offered, verb, None))]
    if missing:
        raise ConfigError(f"the {kind.constant} of {place} lacks {', '.join(missing)}")
    return offered
