"""The control plane apart: dashboard, API and tables. It sees the desk through the journal and the bus, and asks it
through sealed requests; it needs the desk's data folder, for the journal to read and the tables to keep.
"""

from collections.abc import Awaitable, Callable

from chimera.adapters.bus_local import BusStream
from chimera.adapters.journal_reader import JournalReader
from chimera.adapters.store import SqlTables
from chimera.adapters.store_engine import open_engine
from chimera.control.server import ControlServer, bind
from chimera.domain.ids import Address
from chimera.domain.messages import ConfigChanged, Entry, RunStarted, StrategyMoved
from chimera.engine import PARKED
from chimera.roles.recorder import RecorderRole
from chimera.roles.remote_desk import RemoteDesk
from chimera.roles.topics import LIVE, LIVE_CAPACITY, TRADES
from chimera.wiring import outside, rules
from chimera.wiring.analytics import analytics
from chimera.wiring.archive import archiving
from chimera.wiring.around import Around
from chimera.wiring.front import build_front
from chimera.wiring.steering import LiveSettings, think
from chimera.wiring.trades import trade_logs

COMPONENT = "control-plane"


def build_control(around: Around, history: JournalReader) -> Callable[[], Awaitable[int]]:
    """How to start it; that returns the port of the dashboard. Raises ConfigError."""
    settings, bus, clock, observer = around.settings, around.bus, around.clock, around.observer
    books, live = rules.books(settings), LiveSettings(settings)
    strategies = list(rules.built_strategies(settings))
    shown = think(live, strategies)  # never given an event: it only remembers who is parked

    def fold(entry: Entry) -> None:
        live.fold(entry)
        books.fold(entry)
        match entry.fact:
            case ConfigChanged():
                live.adopt()
            case StrategyMoved(name, _, after, cause, by):
                (shown.park if after == PARKED else shown.resume)(name, cause, by)
            case RunStarted():
                for name in list(shown.parked):
                    shown.resume(name, "", "")
            case _:
                pass

    around.folds.append(fold)
    live.on_change(lambda now: setattr(books.reports, "limits", rules.risk_limits(now).tokens))
    symbols = {Address(token.mint): token.symbol for token in settings.tokens}
    desk = RemoteDesk(bus=bus, sealer=around.sealer(), clock=clock, new_id=around.new_id)
    engine = open_engine(outside.data_dir(settings) / "chimera.db")
    tables = SqlTables(engine)
    around.stack.callback(tables.close)
    recorder = RecorderRole(journal=history, tables=tables, bus=bus, observer=observer)
    moving = archiving(settings, engine, clock=clock, observer=observer)
    told = analytics(settings, journal=history, bus=bus, observer=observer)
    logs = trade_logs(settings, journal=history, bus=bus, observer=observer)
    app = build_front(
        settings,
        engine=engine,
        ingress=desk,
        commands=desk,
        stream=BusStream(bus, TRADES, LIVE, capacity=LIVE_CAPACITY),
        history=history.read,
        journal_trouble=lambda: None,  # a desk whose journal is broken stops, and is missed
        live=live,
        view=around.view,
        books=books,
        thinking=shown,
        strategies=[one.name for one in strategies],
        limits=lambda: rules.risk_limits(live.settings_now),
        symbol_of=lambda mint: symbols.get(mint, ""),
        clock=clock,
        observer=observer,
        label=around.settings.mode,
    )

    async def start() -> int:
        around.loops.start("answers", desk.run())
        around.loops.start("recorder", recorder.run())
        if moving is not None:
            around.loops.start("archive", moving.run())
        if told is not None:
            around.loops.start("analytics", told.run())
        if logs is not None:
            around.loops.start("trade logs", logs.run())
        server = await around.stack.enter_async_context(
            ControlServer(app, bind(settings.api.host, settings.api.port), tls=outside.tls_files(settings))
        )
        return int(server.port)

    return start
