"""Where decisions of long ago go, and who moves them, by the settings."""

from sqlalchemy import Engine as SqlEngine

from chimera.adapters.archive import SqlArchive
from chimera.config import Settings
from chimera.observe import Observer
from chimera.ports.runtime import Clock
from chimera.roles.archiving import ArchivingRole
from chimera.wiring.backups import archive_folder


def open_archive(settings: Settings, engine: SqlEngine) -> SqlArchive:
    """To look into, whether or not anything is moved there."""
    return SqlArchive(engine, archive_folder(settings))


def archiving(
    settings: Settings, engine: SqlEngine, *, clock: Clock, observer: Observer
) -> ArchivingRole | None:
    """None where the settings keep everything in the tables."""
    days = settings.archive.after_days
    archive = open_archive(settings, engine)
    return ArchivingRole(archive, keep_days=days, clock=clock, observer=observer) if days else None
