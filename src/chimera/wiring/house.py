"""One desk, plugged together and not yet moving: Feed, Clock, Chain and Signer are chosen here, by the mode.

Order: journal, books, market, door, desk, planes, tables, control. Start-up is recovery.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import msgspec

from chimera import __version__
from chimera.adapters.bus_local import BusStream, LocalBus
from chimera.adapters.clocks import WallClock
from chimera.adapters.geyser import GeyserFeed
from chimera.adapters.jito import JitoClient
from chimera.adapters.journal_file import JournalFile
from chimera.adapters.resources import MachineResources
from chimera.adapters.rpc_nodes import RpcNodes
from chimera.adapters.signers.vault import VaultSigner
from chimera.adapters.store import SqlTables, catch_up
from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_keys import SqlKeys
from chimera.adapters.store_reader import SqlReader
from chimera.adapters.store_statistics import SqlStatistics
from chimera.config import Settings
from chimera.control.app import create_app
from chimera.control.deps import ControlDeps
from chimera.domain.commands import ChangeConfig, ChangeWallet, UndoConfig
from chimera.domain.ids import Address
from chimera.domain.messages import Entry, RunStarted
from chimera.domain.token import TokenListing
from chimera.engine import Engine
from chimera.execution.books import Books
from chimera.execution.costs import Costs
from chimera.execution.desk import Desk
from chimera.execution.failover import Call, Failover
from chimera.execution.keeper import Keeper
from chimera.execution.planner import Planner
from chimera.execution.surroundings import HouseSurroundings
from chimera.market.view import MarketView
from chimera.observe import Observer
from chimera.onchain.tips import TIP_ACCOUNTS
from chimera.plugins import venues
from chimera.risk.admission import Admission
from chimera.risk.gate import Gate
from chimera.risk.roster import Roster
from chimera.risk.watcher import WalletWatcher
from chimera.roles.clerk import Switchboard
from chimera.roles.configuration import ConfigurationRole
from chimera.roles.costs import CostsRole
from chimera.roles.execution import ExecutionRole
from chimera.roles.failover import FailoverRole, HeardLane
from chimera.roles.inbox import SignalInbox
from chimera.roles.ingress import IngressDeps, IngressRole
from chimera.roles.market import MarketRole
from chimera.roles.recorder import RecorderRole
from chimera.roles.screens import HouseScreens
from chimera.roles.strategy import StrategyRole
from chimera.roles.topics import LIVE, LIVE_CAPACITY, TRADES
from chimera.roles.wallets import WalletsRole
from chimera.wiring import identity as people
from chimera.wiring import outside, rules
from chimera.wiring.bookkeeping import Bookkeeping, bookkeeping
from chimera.wiring.steering import LiveSettings, steer


@dataclass(kw_only=True)
class House:
    """Everything of one running desk, plugged together and not yet moving."""

    settings: Settings
    clock: WallClock
    observer: Observer
    bus: LocalBus
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
    tables: SqlTables
    wallet: Address
    app: Any


def build(settings: Settings, signer: VaultSigner, *, observer: Observer) -> House:
    """The house with its books folded from the journal; nothing moves yet. Raises ConfigError."""
    clock, bus = WallClock(), LocalBus()
    folder = outside.data_dir(settings)
    run_id = secrets.token_hex(8)
    journal, repair = JournalFile.open(folder / "journal", clock=clock, run_id=run_id)
    if repair is not None:
        observer.told("journal repaired", repair=str(repair))
    limits = rules.risk_limits(settings)
    books, roster = Books(loss=rules.loss_limits(settings), tokens=limits.tokens), Roster()
    costs = Costs(
        rules.fee_policy(settings), tips=rules.tip_policy(settings), prices=rules.price_policy(settings)
    )
    failover = Failover(rules.failover_policy(settings), fallback=bool(settings.rpc.fallback_url))
    live = LiveSettings(settings)
    entries = list(journal.read())

    def fold(entry: Entry) -> None:
        live.fold(entry)
        books.fold(entry)
        roster.apply(entry.fact)
        costs.apply(entry)
        failover.apply(entry)

    for entry in entries:
        fold(entry)
    journal.listen(fold)
    journal.listen(observer.heard_later)
    journal.listen(lambda entry: bus.publish(TRADES, entry))
    edited = live.edited()
    live.adopt()
    limits = rules.risk_limits(live.settings_now)
    journal.append(RunStarted(run_id, __version__, signer.address, msgspec.to_builtins(limits)))
    for change in edited:
        journal.append(change)
    live.adopt()
    for wallet in rules.listed_wallets(settings, roster):
        journal.append(wallet)

    view = MarketView(venues())

    def heard(call: Call) -> None:
        failover_role.heard(call)  # made below: nobody calls before the house moves

    chain = outside.open_nodes(settings, observer, failover=failover, heard=heard)
    bundles = outside.open_block_engine(settings)
    queue = SignalInbox(settings.webhook.queue_capacity)
    surroundings = HouseSurroundings(
        books=books,
        view=view,
        roster=roster,
        limits=limits,
        tokens=[TokenListing(token.symbol, Address(token.mint)) for token in settings.tokens],
    )
    ingress = IngressRole(
        IngressDeps(
            admission=Admission(rules.admission_rules(settings), surroundings),
            journal=journal,
            queue=queue,
            clock=clock,
            observer=observer,
            watcher=WalletWatcher(
                wallet=roster.get, symbol_of=surroundings.symbol_of, lamports_of=surroundings.lamports_of
            )
            if settings.copy_trade.watch_wallets
            else None,
        )
    )
    tip_accounts = TIP_ACCOUNTS if bundles is not None else ()
    gate, strategies = Gate(limits), list(rules.built_strategies(settings))
    steer(live, gate=gate, books=books, surroundings=surroundings, strategies=strategies)
    desk = Desk(
        gate=gate,
        planner=Planner(view, wallet=signer.address, costs=costs, tip_accounts=tip_accounts),
        books=books,
        view=view,
        limits=rules.desk_limits(settings, bundles=bundles is not None),
        wallet=signer.address,
        tip_accounts=frozenset(tip_accounts),
        record=journal.append,
    )
    keeper = Keeper(
        books=books,
        limits=rules.keeper_limits(settings),
        wallet=signer.address,
        decimals=lambda mint: token.decimals if (token := view.mints.get(mint)) else None,
        record=journal.append,
    )
    for entry in entries:
        keeper.fold(entry)
    journal.listen(keeper.fold)
    execution = ExecutionRole(
        desk=desk,
        keeper=keeper if settings.upkeep.enabled else None,
        books=books,
        chain=chain,
        bundles=None if bundles is None else HeardLane(bundles, heard=heard, clock=clock),
        signer=signer,
        journal=journal,
        view=view,
        queue=queue,
        bus=bus,
        clock=clock,
        observer=observer,
        concurrency=settings.execution.concurrency,
        failover=failover,
        race=settings.execution.lanes == "race",
    )
    failover_role = FailoverRole(
        failover=failover,
        probe=chain.probe,
        engine=bundles,
        engine_every_s=settings.jito.poll_s,
        switches=(desk, surroundings),
        journal=journal,
        clock=clock,
        observer=observer,
    )
    thinking = Engine(strategies)
    strategy = StrategyRole(
        engine=thinking,
        queue=queue,
        ingress=ingress,
        ledger=books.ledger,
        view=view,
        journal=journal,
        bus=bus,
        clock=clock,
        observer=observer,
        room=execution.room,
    )
    papers = bookkeeping(
        chain=chain,
        wallet=signer.address,
        tip_accounts=frozenset(tip_accounts),
        books=books,
        journal=journal,
        ingress=ingress,
        clock=clock,
        observer=observer,
        past=journal.read(),
    )
    journal.listen(papers.fold)
    execution.unsettled = lambda: papers.capital.unsettled
    market = MarketRole(
        feed=GeyserFeed(settings.geyser.url, x_token=settings.geyser.token.reveal() or None),
        chain=chain,
        view=view,
        bus=bus,
        clock=clock,
        observer=observer,
        wallet=signer.address,
        touched=papers.capital.heard,
        record=journal.append,
    )
    engine = open_engine(folder / "chimera.db")
    tables, keys = SqlTables(engine), SqlKeys(engine)
    catch_up(tables, journal)
    for key in settings.security.api_keys:
        keys.add_key(
            key.key.reveal(), role=key.role, identifier=key.identifier, by="settings", at_ms=clock.now_ms()
        )
    ingress.resume(entries)
    wallets = WalletsRole(roster=roster, journal=journal, clock=clock)
    configuration = ConfigurationRole(configuration=live, journal=journal, clock=clock)
    deps = ControlDeps(
        ingress=ingress,
        reader=SqlReader(engine),
        keys=keys,
        commands=Switchboard(
            {
                ChangeWallet: wallets.perform,
                ChangeConfig: configuration.perform,
                UndoConfig: configuration.perform,
            },
            otherwise=papers.switchboard(execution),
        ),
        stream=BusStream(bus, TRADES, LIVE, capacity=LIVE_CAPACITY),
        history=journal.read,
        decimals=lambda mint: token.decimals if (token := view.mints.get(mint)) else None,
        config=lambda: outside.shown_config(live.settings_now),
        configuration=live,
        screens=HouseScreens(
            view=view,
            books=books,
            engine=thinking,
            strategies=[one.name for one in strategies],
            params=lambda: rules.strategy_sections(live.settings_now),
            limits=lambda: gate.limits,
            symbol_of=surroundings.symbol_of,
            clock=clock,
        ),
        statistics=SqlStatistics(engine),
        resources=MachineResources(folder),
        identity=people.identity(settings, engine),
        clock=clock,
        observer=observer,
        label=settings.mode,
        dev=settings.dev_mode,
        journal_trouble=lambda: journal.broken,
        public_health=settings.api.public_health,
        body_bytes_max=settings.webhook.body_bytes_max,
    )
    return House(
        settings=settings,
        clock=clock,
        observer=observer,
        bus=bus,
        journal=journal,
        books=books,
        roster=roster,
        view=view,
        chain=chain,
        bundles=bundles,
        failover=failover_role,
        costs=CostsRole(
            costs=costs,
            fees=chain,
            engine=bundles,
            prices_every_s=settings.execution.price_poll_s,
            tips_every_s=settings.jito.poll_s,
            clock=clock,
            observer=observer,
        ),
        market=market,
        ingress=ingress,
        strategy=strategy,
        execution=execution,
        papers=papers,
        wallets=wallets,
        recorder=RecorderRole(journal=journal, tables=tables, bus=bus, observer=observer),
        tables=tables,
        wallet=signer.address,
        app=create_app(deps),
    )
