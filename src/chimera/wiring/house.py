"""One house in one process, plugged together and not yet moving: Feed, Clock, Chain and Signer are chosen here, by
the mode.

The desk comes first (`wiring.desk`: its journal is what everything else folds), then strategies, market, tables and
the control plane. Roles that run apart are put together in `wiring.apart`.
"""

from dataclasses import dataclass
from typing import Any

from chimera.adapters.bus_local import BusStream, LocalBus
from chimera.adapters.clocks import WallClock
from chimera.adapters.geyser import GeyserFeed
from chimera.adapters.jito import JitoClient
from chimera.adapters.journal_file import JournalFile
from chimera.adapters.paper import PaperFeed
from chimera.adapters.rpc_nodes import RpcNodes
from chimera.adapters.signers.vault import VaultSigner
from chimera.adapters.store import SqlTables, catch_up
from chimera.adapters.store_engine import open_engine
from chimera.config import Settings
from chimera.domain.ids import Address
from chimera.execution.books import Books
from chimera.market.view import MarketView
from chimera.observe import Observer
from chimera.plugins import venues
from chimera.risk.roster import Roster
from chimera.roles.archiving import ArchivingRole
from chimera.roles.costs import CostsRole
from chimera.roles.execution import ExecutionRole
from chimera.roles.failover import FailoverRole
from chimera.roles.ingress import IngressRole
from chimera.roles.market import MarketRole
from chimera.roles.recorder import RecorderRole
from chimera.roles.recording import RecordingRole
from chimera.roles.strategy import StrategyRole
from chimera.roles.topics import LIVE, LIVE_CAPACITY, TRADES
from chimera.roles.wallets import WalletsRole
from chimera.wiring.archive import archiving
from chimera.wiring.bookkeeping import Bookkeeping
from chimera.wiring.desk import DeskParts, build_desk
from chimera.wiring.front import build_front
from chimera.wiring.paper import LABEL, Paper
from chimera.wiring.recording import keeping, recording_beside
from chimera.wiring.steering import think
from chimera.wiring.trades import trade_logs


@dataclass(kw_only=True)
class House:
    """Everything of one running desk, plugged together and not yet moving."""

    settings: Settings
    clock: WallClock
    observer: Observer
    bus: LocalBus
    desk: DeskParts
    """The signing half, whose parts are named again below for those who look at one."""
    journal: JournalFile
    books: Books
    roster: Roster
    view: MarketView
    chain: RpcNodes
    bundles: JitoClient | None
    failover: FailoverRole
    costs: CostsRole
    market: MarketRole
    ingress: IngressRole
    strategy: StrategyRole
    execution: ExecutionRole
    papers: Bookkeeping
    wallets: WalletsRole
    recorder: RecorderRole
    recording: RecordingRole | None
    """Of the market, where the settings want one."""
    archiving: ArchivingRole | None
    """Of decisions of long ago."""
    trade_logs: RecorderRole | None
    """Flat files of what was decided and executed, folded as the tables are."""
    tables: SqlTables
    wallet: Address
    app: Any


def build(settings: Settings, signer: VaultSigner | Paper, *, observer: Observer) -> House:
    """The house with its books folded from the journal; nothing moves yet. Raises ConfigError."""
    clock, bus = WallClock(), LocalBus()
    on_paper = isinstance(signer, Paper)  # whose own trades are put into the raw accounts
    view = MarketView(venues(), keep_raw=settings.recording.enabled or on_paper)
    desk = build_desk(settings, signer, bus=bus, view=view, clock=clock, observer=observer)
    journal, books = desk.journal, desk.books
    journal.listen(lambda entry: bus.publish(TRADES, entry))
    thinking = think(desk.live, desk.strategies)
    strategy = StrategyRole(
        engine=thinking,
        queue=desk.queue,
        ingress=desk.ingress,
        ledger=books.ledger,
        view=view,
        journal=journal,
        bus=bus,
        clock=clock,
        observer=observer,
        room=desk.execution.room,
        wallets=desk.roster,
    )
    recording = recording_beside(
        settings, view=view, bus=bus, clock=clock, observer=observer, run_id=journal.run_id
    )
    feed = GeyserFeed(settings.geyser.url, x_token=settings.geyser.token.reveal() or None)
    market = MarketRole(
        feed=feed if desk.paper is None else PaperFeed(feed, desk.paper.simulated.impact),
        chain=desk.paper or desk.chain,
        view=view,
        bus=bus,
        clock=clock,
        observer=observer,
        wallet=desk.wallet,
        # on paper nobody but us can touch it: what bears its name on the real chain is not ours
        touched=desk.papers.capital.heard if desk.paper is None else lambda _: None,
        record=journal.append,
        keep=keeping(recording),
    )
    engine = open_engine(desk.folder / "chimera.db")
    tables = SqlTables(engine)
    catch_up(tables, journal)
    app = build_front(
        settings,
        engine=engine,
        ingress=desk.ingress,
        commands=desk.commands,
        stream=BusStream(bus, TRADES, LIVE, capacity=LIVE_CAPACITY),
        history=journal.read,
        journal_trouble=lambda: journal.broken,
        live=desk.live,
        view=view,
        books=books,
        thinking=thinking,
        strategies=[one.name for one in desk.strategies],
        limits=lambda: desk.gate.limits,
        symbol_of=desk.surroundings.symbol_of,
        clock=clock,
        observer=observer,
        label=LABEL if on_paper else settings.mode,
    )
    return House(
        settings=settings,
        clock=clock,
        observer=observer,
        bus=bus,
        desk=desk,
        journal=journal,
        books=books,
        roster=desk.roster,
        view=view,
        chain=desk.chain,
        bundles=desk.bundles,
        failover=desk.failover,
        costs=desk.costs,
        market=market,
        ingress=desk.ingress,
        strategy=strategy,
        execution=desk.execution,
        papers=desk.papers,
        wallets=desk.wallets,
        recorder=RecorderRole(journal=journal, tables=tables, bus=bus, observer=observer),
        recording=recording,
        trade_logs=trade_logs(settings, journal=journal, bus=bus, observer=observer),
        archiving=archiving(settings, engine, clock=clock, observer=observer),
        tables=tables,
        wallet=desk.wallet,
        app=app,
    )
