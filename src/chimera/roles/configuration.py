"""Changes settings while the house runs: journalled with who and why, in force at once, undone as they were made."""

from collections.abc import Iterator

import msgspec

from chimera.domain.commands import Answer, ChangeConfig, Command, UndoConfig
from chimera.domain.errors import ConfigError
from chimera.domain.ids import derived_id
from chimera.domain.messages import ConfigChanged
from chimera.ports.configuration import Configuration
from chimera.ports.runtime import Clock
from chimera.ports.store import Journal

KEYS_A_CHANGE_MAX = 100  # facts of one change stand together; an undo looks so far around


class ConfigurationRole:
    def __init__(self, *, configuration: Configuration, journal: Journal, clock: Clock) -> None:
        self._configuration, self._journal, self._clock = configuration, journal, clock

    async def perform(self, command: Command) -> Answer:
        """`ports.runtime.Commands`, for the two that are about settings."""
        match command:
            case ChangeConfig():
                return await self._change(command)
            case UndoConfig():
                return await self._undo(command)
            case _:
                return Answer(ok=False, code="UNSUPPORTED", message="that is not about settings")

    async def _change(self, command: ChangeConfig) -> Answer:
        known = self._configuration.version
        if command.version is not None and command.version != known:
            return Answer(ok=False, code="CONFLICT", message="somebody changed the settings meanwhile")
        if len(command.changes) > KEYS_A_CHANGE_MAX:
            return Answer(
                ok=False, code="VALIDATION_FAILED", message=f"at most {KEYS_A_CHANGE_MAX} settings at a time"
            )
        try:
            planned = self._configuration.plan(command.changes)
        except ConfigError as error:
            return Answer(ok=False, code="VALIDATION_FAILED", message=str(error))
        if not planned:
            return Answer(ok=True, message="nothing to change", before=str(known), after=str(known))
        change_id = derived_id("config", command.by, str(self._clock.now_ms()), str(known))
        for one in planned:
            entry = self._journal.append(
                ConfigChanged(one.key, one.old, one.new, command.cause, command.by, change_id)
            )
        self._configuration.adopt()
        await self._journal.durable(entry.seq)
        told = ", ".join(f"{one.key}: {one.old} -> {one.new}" for one in planned)
        return Answer(ok=True, message=told, before=str(known), after=str(entry.seq))

    async def _undo(self, command: UndoConfig) -> Answer:
        made = list(self._facts_of(command.entry))
        keys = {one.key for one in self._configuration.settings()}
        if not made or not all(fact.key in keys for fact in made):
            return Answer(
                ok=False, code="UNKNOWN", message="that entry changed no setting that can be undone"
            )
        shown = {one.key: one.value for one in self._configuration.settings()}
        for fact in made:
            now = shown[fact.key]
            if str(now) != str(msgspec.json.decode(fact.new)):
                return Answer(
                    ok=False,
                    code="CONFLICT",
                    message=f"{fact.key} was changed again since; change it by hand",
                )
        changes = {fact.key: msgspec.json.decode(fact.old) for fact in made}
        return await self._change(ChangeConfig(changes=changes, cause=command.cause, by=command.by))

    def _facts_of(self, seq: int) -> Iterator[ConfigChanged]:
        """All facts of the change that an entry belongs to; the entry's own where it bears no change."""
        if seq < 1:
            return
        around: dict[int, ConfigChanged] = {}
        for entry in self._journal.read(max(1, seq - KEYS_A_CHANGE_MAX)):
            if entry.seq > seq + KEYS_A_CHANGE_MAX:
                break
            if isinstance(entry.fact, ConfigChanged):
                around[entry.seq] = entry.fact
        found = around.get(seq)
        if found is None:
            return
        if not found.change_id:
            yield found
            return
        yield from (fact for fact in around.values() if fact.change_id == found.change_id)
