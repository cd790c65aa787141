"""The analytics database plugged in behind a journal, where the settings name one."""

from chimera.adapters.clickhouse import ClickHouse, ClickHouseTables
from chimera.config import Settings
from chimera.observe import Observer
from chimera.ports.bus import Bus
from chimera.ports.store import History
from chimera.roles.recorder import RecorderRole


def analytics(settings: Settings, *, journal: History, bus: Bus, observer: Observer) -> RecorderRole | None:
    """What sends to it, behind everybody's back; None where the settings name none."""
    wanted = settings.analytics
    if not wanted.url:
        return None
    send = ClickHouse(wanted.url, user=wanted.user, password=wanted.password.reveal())
    tables = ClickHouseTables(send, database=wanted.database, desk=wanted.desk)
    return RecorderRole(journal=journal, tables=tables, bus=bus, observer=observer)
