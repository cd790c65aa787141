"""Strategies looked at and tried out beside the house: found by name, played through a scene, made from a template.

No key, no chain, no journal: what a rehearsal fills costs nothing and proves nothing about profit.
"""

import keyword
import re
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from chimera.adapters.recording_folder import RecordingFolder
from chimera.config import Settings
from chimera.config.live import OWN, Changeable, changeable
from chimera.domain.errors import ConfigError
from chimera.market.features import FeatureExtractor
from chimera.market.replay import MarketReplay
from chimera.plugins import venues
from chimera.ports.recording import Wanted
from chimera.ports.strategy import StrategyEvent
from chimera.testing.contracts import check_strategy
from chimera.testing.rehearsal import Rehearsal, Scene
from chimera.testing.scenes import MadeMarket
from chimera.wiring.rules import StrategySection, found_strategies, strategy_sections_of

TEMPLATE = Path(__file__).with_name("strategy_template.txt")


class Tried(msgspec.Struct, frozen=True):
    """What came of a check."""

    broken: str
    """The promise that was broken, or empty."""
    events: int = 0
    intents: int = 0
    words: dict[str, int] = {}
    """How often it said what, by code."""


def sections(settings: Settings) -> list[StrategySection]:
    """Every strategy that is found, those without a section with their own defaults."""
    known = {section.name: section for section in strategy_sections_of(settings)}
    for name, factory in found_strategies(settings.strategies.folder).items():
        if name not in known and hasattr(factory, "params_type"):
            known[name] = StrategySection(name, factory, enabled=False, share_percent=100, given={}, own=True)
    return [known[name] for name in sorted(known)]


def section_of(settings: Settings, name: str) -> StrategySection:
    """Raises ConfigError for a name that no strategy has."""
    found = {section.name: section for section in sections(settings)}
    if name not in found:
        raise ConfigError(f"there is no strategy {name}; there are {', '.join(found)}")
    return found[name]


def parameters(section: StrategySection) -> Iterator[tuple[str, Any, Changeable]]:
    """(name, value in the settings, what it is) of each parameter, those within sections with dots."""
    params, place = section.params(), f"{OWN}{section.name}."
    for one in changeable({section.name: section.factory.params_type}):
        name = one.key.removeprefix(place)
        if one.key.startswith(place) and name.partition(".")[0] in params.__struct_fields__:
            yield name, msgspec.to_builtins(attrgetter(name)(params)), one


def tried(section: StrategySection, *, recording: Path | None, events: int, seed: int) -> Tried:
    """The contract suite on a market made up from the seed, or on a recording. Raises ConfigError for that."""
    if recording is not None:
        # the future is cut off in the middle of what there is, so that is counted first
        events = sum(1 for _ in RecordedScene(recording, events=events))

    def scene(another: bool) -> Scene:  # noqa: FBT001
        if recording is not None:
            return RecordedScene(recording, events=events, half=another)
        made: Any = MadeMarket(FeatureExtractor(), seed=seed, events=events, future=int(another))  # type: ignore[arg-type]
        return made  # type: ignore[no-any-return]

    try:
        rehearsal = check_strategy(lambda: section.factory(section.params()), scene, bounded=section.own)
    except AssertionError as broken:
        return Tried(str(broken))
    return _told(rehearsal)


def _told(rehearsal: Rehearsal) -> Tried:
    words: dict[str, int] = {}
    intents = 0
    for said in rehearsal.said:
        code = getattr(said.output, "code", None)
        intents += hasattr(said.output, "amount")
        if code is not None:
            words[str(code)] = words.get(str(code), 0) + 1
    return Tried("", rehearsal.index, intents, dict(sorted(words.items())))


class RecordedScene:
    """`testing.rehearsal.Scene` of a recording: the view folded from its raw items, with exact quotes.

    `half`: it ends in the middle, so that whoever looked ahead would have seen nothing there.
    """

    def __init__(self, folder: Path, *, events: int, half: bool = False) -> None:
        self._folder = folder
        self._replay = MarketReplay(venues())
        self.prices = self.market = self._replay.view
        self.features = FeatureExtractor()
        self.common = events // 2
        self._events = self.common if half else events

    def __iter__(self) -> Iterator[tuple[int, StrategyEvent]]:
        told = 0
        view = self._replay.view
        for record in RecordingFolder(self._folder).read(wanted=Wanted.RAW):
            for event in self._replay.process(record.item, record.at_ms):  # type: ignore[arg-type]
                if told >= self._events:
                    return
                told += 1
                self.features.fold(event, view.sol_micro_usd)
                yield record.at_ms, event


def write_template(folder: Path, name: str) -> Path:
    """The file made; raises ConfigError for a name that is none or is taken."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name) or keyword.iskeyword(name):
        raise ConfigError(
            f"{name!r} is no name for a strategy: small letters, digits and _, as a module is called"
        )
    if name in found_strategies(""):
        raise ConfigError(f"there is a strategy {name} already; take another name")
    file = folder / f"{name}.py"
    if file.exists():
        raise ConfigError(f"{file} is there already")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = TEMPLATE.read_text("utf-8")
        file.write_text(text.replace("NAME_HERE", name).replace("ClassHere", _class_name(name)), "utf-8")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror or error}") from None
    return file


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
