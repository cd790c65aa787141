"""Where the books' copies lie, and who makes them, by the settings."""

from pathlib import Path

from chimera.adapters.backups import BackupFolder
from chimera.config import Settings
from chimera.observe import Observer
from chimera.ports.runtime import Clock
from chimera.roles.backup import BackupRole
from chimera.wiring.outside import data_dir


def backups_folder(settings: Settings) -> Path:
    return Path(settings.backups.folder or Path(settings.data_dir) / "backups")


def archive_folder(settings: Settings) -> Path:
    return Path(settings.archive.folder or Path(settings.data_dir) / "archive")


def daily_backups(settings: Settings, *, clock: Clock, observer: Observer) -> BackupRole | None:
    """None where the settings want none."""
    wanted = settings.backups
    if not wanted.enabled:
        return None
    folder = BackupFolder(
        data_dir(settings),
        backups_folder(settings),
        keep_days=wanted.keep_days,
        archive=archive_folder(settings),
    )
    return BackupRole(folder, hour_utc=wanted.hour_utc, clock=clock, observer=observer)
