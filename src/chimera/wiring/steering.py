"""What can be steered while the house runs: settings in force, and who performs the commands about them.

Settings given at start are the ground; changes by hand are journalled and laid over it at every start. Where
somebody edits the file afterwards, the file wins for that key, and the journal says so.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from chimera.config import Settings
from chimera.config.live import Changeable, changeable, contradictions, with_values
from chimera.domain.errors import ConfigError
from chimera.domain.messages import ConfigChanged, Entry
from chimera.engine import Engine
from chimera.execution.books import Books
from chimera.execution.surroundings import HouseSurroundings
from chimera.ports.configuration import Planned, Setting
from chimera.ports.strategy import Strategy
from chimera.risk.gate import Gate
from chimera.wiring import rules

BY_SETTINGS = "settings"


class LiveSettings:
    """`ports.configuration.Configuration`. Fold it like every other part of the books."""

    FOLDS = frozenset({ConfigChanged})
    """What it folds; of other facts it need not be told."""

    def __init__(self, given: Settings) -> None:
        self.given = self.settings_now = given
        self.version = 0
        self._known = {one.key: one for one in changeable(rules.own_parameters(given))}
        self._values: dict[str, Any] = {}
        """Laid over what was given."""
        self._ground: dict[str, str] = {}
        """What the file said when a key was first changed, as the journal has it."""
        self._appliers: list[Callable[[Settings], None]] = []

    def _of(self, settings: Settings, key: str) -> Any:
        return self._known[key].value(settings)

    # folding

    def fold(self, entry: Entry) -> None:
        fact = entry.fact
        if not isinstance(fact, ConfigChanged) or fact.key not in self._known:
            return
        self.version = entry.seq
        if fact.by == BY_SETTINGS:
            self._ground.pop(fact.key, None)
            self._values.pop(fact.key, None)
            if fact.new == _text(self._of(self.given, fact.key)):
                return
            # read again while it ran: whoever was given the settings earlier learns of it here
            self._ground[fact.key] = fact.new
        self._ground.setdefault(fact.key, fact.old)
        try:
            self._values[fact.key] = self._known[fact.key].read(msgspec.json.decode(fact.new))
        except (ConfigError, msgspec.DecodeError):  # written by a version that allowed more
            self._values.pop(fact.key, None)

    def edited(self) -> list[ConfigChanged]:
        """Facts for keys that somebody edited in the file since; call once, after the journal was folded."""
        facts = []
        for key, ground in self._ground.items():
            said = _text(self._of(self.given, key))
            if said != ground:
                now = _text(self._values.get(key, self._of(self.given, key)))
                facts.append(ConfigChanged(key, now, said, "the settings were edited", BY_SETTINGS))
        left = {key: value for key, value in self._values.items() if key not in {fact.key for fact in facts}}
        if any(_wrong(with_values(self.given, left))):
            for key, value in left.items():
                cause = "changes by hand contradict the settings"
                said = _text(self._of(self.given, key))
                facts.append(ConfigChanged(key, _text(value), said, cause, BY_SETTINGS))
        return facts

    def read_again(self, given: Settings) -> list[ConfigChanged]:
        """Facts for keys that the settings now say otherwise; they go before changes by hand, as at a start.

        Raises ConfigError, and changes nothing, where the rest of the changes by hand contradicts them.
        """
        facts = []
        for key in self._known:
            said = _text(self._of(given, key))
            if said != _text(self._of(self.given, key)):
                now = _text(self._values.get(key, self._of(self.given, key)))
                facts.append(ConfigChanged(key, now, said, "the settings were read again", BY_SETTINGS))
        left = {key: value for key, value in self._values.items() if key not in {fact.key for fact in facts}}
        for key, what in _wrong(with_values(given, left)):
            raise ConfigError(f"{key}: {what}")
        self.given = given
        return facts

    def adopt(self) -> None:
        self.settings_now = with_values(self.given, self._values)
        for apply in self._appliers:
            apply(self.settings_now)

    def on_change(self, apply: Callable[[Settings], None]) -> None:
        """Tells now and whenever it changes."""
        self._appliers.append(apply)
        apply(self.settings_now)

    # `ports.configuration.Configuration`

    def settings(self) -> tuple[Setting, ...]:
        return tuple(
            Setting(
                key=one.key,
                value=_shown(one.key, self._of(self.settings_now, one.key)),
                file_value=_shown(one.key, self._of(self.given, one.key)),
                kind=one.kind,
                minimum=one.minimum,
                maximum=one.maximum,
                text=one.text,
                role=one.role,
                loosens=one.loosens,
            )
            for one in self._known.values()
        )

    def plan(self, changes: Mapping[str, Any]) -> tuple[Planned, ...]:
        wanted: dict[str, Any] = {}
        planned = []
        for key, value in changes.items():
            known = self._known.get(key)
            if known is None:
                raise ConfigError(f"{key[:80]}: there is no such setting, or it is read at start alone")
            wanted[key] = known.read(value)
            of_strategy = key.endswith(".enabled") and not key.startswith("risk.")
            if of_strategy and wanted[key] and not self._of(self.given, key):
                raise ConfigError(
                    f"{key}: the settings given at start switch it off; change them and start again"
                )
            before = self._of(self.settings_now, key)
            if wanted[key] != before:
                planned.append(
                    Planned(
                        key,
                        _text(before),
                        _text(wanted[key]),
                        known.role,
                        _loosens(known, before, wanted[key]),
                    )
                )
        for key, what in _wrong(with_values(self.settings_now, wanted)):
            raise ConfigError(f"{key}: {what}")
        return tuple(planned)


def steer(
    live: LiveSettings,
    *,
    gate: Gate,
    books: Books,
    surroundings: HouseSurroundings,
    strategies: Iterable[Strategy],
) -> None:
    """Brings every change to the rooms that decide by it."""
    built: Sequence[Strategy] = tuple(strategies)

    def apply(settings: Settings) -> None:
        limits = rules.risk_limits(settings)
        gate.limits = surroundings.limits = limits
        books.breaker.limits = rules.loss_limits(settings)
        books.breakers.tune(rules.breaker_policies(settings))
        books.reports.limits = limits.tokens
        rules.tune(built, settings)

    live.on_change(apply)


def think(live: LiveSettings, strategies: Iterable[Strategy], *, elsewhere: Iterable[str] = ()) -> Engine:
    """The engine of these strategies, steered by every change; it counts this thread's processor time."""
    engine = Engine(list(strategies), elsewhere=frozenset(elsewhere), spent_ns=time.thread_time_ns)

    def apply(settings: Settings) -> None:
        limits = rules.risk_limits(settings)
        engine.paused = limits.paused
        engine.limits = msgspec.structs.replace(
            engine.limits, exit_slippage_bps_max=limits.exit_slippage_bps_max, correlate=limits.correlates
        )

    live.on_change(apply)
    return engine


def _wrong(settings: Settings) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) where settings do not go together, or a strategy does not take its parameters."""
    yield from contradictions(settings)
    yield from rules.refused_parameters(settings)


def _loosens(known: Changeable, before: Any, after: Any) -> bool:
    if not known.loosens:
        return False
    return bool(after > before) if known.loosens == "up" else bool(after < before)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _shown(key: str, value: Any) -> Any:
    return str(value) if "lamports" in key else value
