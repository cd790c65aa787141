"""What signs, and all that belongs to it: journal, books, door, desk, upkeep, paperwork, commands.

The same whether the rest of the house is in this process or in others. It needs a bus, a view of the pools that
somebody keeps fresh, and the one key; it knows no strategy's loop, no table and no screen. Start-up is recovery.
"""

import secrets
from dataclasses import dataclass
from itertools import chain as chain_of
from pathlib import Path

import msgspec

from chimera import __version__
from chimera.adapters.clocks import WallClock
from chimera.adapters.jito import JitoClient
from chimera.adapters.journal_file import JournalFile
from chimera.adapters.jupiter import JupiterRoutes
from chimera.adapters.paper import PaperChain, PaperPerformer
from chimera.adapters.rpc_nodes import RpcNodes
from chimera.adapters.signers.vault import VaultSigner
from chimera.config import Settings
from chimera.domain.commands import (
    ChangeConfig,
    ChangeWallet,
    KeepPortfolio,
    ParkStrategy,
    ReleasePool,
    ResumeStrategy,
    SetLevels,
    UndoConfig,
)
from chimera.domain.ids import Address
from chimera.domain.messages import RunStarted
from chimera.domain.token import TokenListing
from chimera.execution.books import Books
from chimera.execution.costs import Costs
from chimera.execution.cycles import CyclePlanner
from chimera.execution.desk import Desk
from chimera.execution.elsewhere import Elsewhere
from chimera.execution.failover import Call, Failover
from chimera.execution.keeper import Keeper
from chimera.execution.mev.parameters import FeeParameters
from chimera.execution.mev.workers import MevWorkers
from chimera.execution.planner import Planner
from chimera.execution.sales import DustSales
from chimera.execution.surroundings import HouseSurroundings
from chimera.execution.tables import Tables
from chimera.execution.wsol import spendable
from chimera.market.view import MarketView
from chimera.observe import Observer
from chimera.onchain.tips import TIP_ACCOUNTS
from chimera.ports.bus import Bus
from chimera.ports.strategy import Remembers, Strategy
from chimera.risk.admission import Admission
from chimera.risk.gate import Gate
from chimera.risk.loss_breaker import NAME as LOSS
from chimera.risk.roster import Roster
from chimera.risk.watcher import WalletWatcher
from chimera.roles.backup import BackupRole
from chimera.roles.clerk import Switchboard
from chimera.roles.configuration import ConfigurationRole
from chimera.roles.costs import CostsRole
from chimera.roles.elsewhere import ElsewhereRole
from chimera.roles.execution import ExecutionRole
from chimera.roles.failover import FailoverRole, HeardLane
from chimera.roles.inbox import SignalInbox
from chimera.roles.ingress import IngressDeps, IngressRole
from chimera.roles.levels import LevelsRole
from chimera.roles.mev import MevRole
from chimera.roles.parking import ParkingRole
from chimera.roles.performing import NodePerformer
from chimera.roles.pool_release import PoolReleaseRole
from chimera.roles.portfolios import PortfoliosRole
from chimera.roles.tables import TablesRole
from chimera.roles.valuing import ValuingRole
from chimera.roles.wallets import WalletsRole
from chimera.wiring import outside, rules
from chimera.wiring.backups import daily_backups
from chimera.wiring.bookkeeping import Bookkeeping, bookkeeping
from chimera.wiring.cluster import ClusterWatch
from chimera.wiring.folding import Folding
from chimera.wiring.paper import Paper, open_paper
from chimera.wiring.steering import LiveSettings, steer

LOOKUP_TABLES_MAX = 16  # more are more than a planner should look through


@dataclass(kw_only=True)
class DeskParts:
    """The signing half of a house, plugged together and not yet moving."""

    folder: Path
    journal: JournalFile
    books: Books
    roster: Roster
    live: LiveSettings
    gate: Gate
    strategies: list[Strategy]
    """Built from the settings; whether they think in this process is another's business."""
    surroundings: HouseSurroundings
    wallet: Address
    chain: RpcNodes
    cluster: ClusterWatch | None
    """None on paper: there the money is not real whatever the node is of."""
    paper: PaperChain | None
    """Where our own trades land instead, for a desk on paper."""
    bundles: JitoClient | None
    queue: SignalInbox
    failover: FailoverRole
    costs: CostsRole
    tables: TablesRole
    routes: JupiterRoutes | None
    mev: MevRole
    ingress: IngressRole
    execution: ExecutionRole
    papers: Bookkeeping
    wallets: WalletsRole
    backup: BackupRole | None
    valuing: ValuingRole | None
    """Puts down what a SOL costs; None where nobody is asked."""
    commands: Switchboard
    """Everything that an operator may ask for."""


def build_desk(
    settings: Settings,
    signer: VaultSigner | Paper,
    *,
    bus: Bus,
    view: MarketView,
    clock: WallClock,
    observer: Observer,
) -> DeskParts:
    """The desk with its books folded from the journal; nothing moves yet. Raises ConfigError."""
    folder = outside.data_dir(settings)
    run_id = secrets.token_hex(8)
    journal, repair = JournalFile.open(folder / "journal", clock=clock, run_id=run_id)
    if repair is not None:
        observer.told("journal repaired", repair=str(repair))
    books, roster = rules.books(settings), Roster()
    costs = Costs(
        rules.fee_policy(settings),
        tips=rules.tip_policy(settings),
        prices=rules.price_policy(settings),
        slippage=rules.slippage_policy(settings),
        parameters=FeeParameters(on=settings.mev.fee_parameters),
    )
    failover = Failover(rules.failover_policy(settings), fallback=bool(settings.rpc.fallback_url))
    live = LiveSettings(settings)
    entries = list(journal.read())

    folding = Folding()
    folding.add(live.fold, of=live.FOLDS)
    folding.add(books.fold)
    folding.add(lambda entry: roster.apply(entry.fact), of=roster.FOLDS)
    folding.add(costs.apply)
    folding.add(failover.apply, of=failover.FOLDS)
    for entry in entries:
        folding(entry)
    observer.breakers({LOSS: books.breaker.state, **books.breakers.states})
    # a curve that nobody trades on while we start would stay nameless, and what we hold of it without a price
    view.expect(position.mint for position in books.ledger.open_positions)
    view.expect(Address(token.mint) for token in settings.tokens)
    journal.listen(folding)
    journal.listen(observer.heard_later)
    edited = live.edited()
    live.adopt()
    limits = rules.risk_limits(live.settings_now)
    journal.append(RunStarted(run_id, __version__, signer.address, msgspec.to_builtins(limits)))
    for change in edited:
        journal.append(change)
    live.adopt()
    for wallet in rules.listed_wallets(settings, roster):
        journal.append(wallet)

    def heard(call: Call) -> None:
        failover_role.heard(call)  # made below: nobody calls before the house moves
        well = failover.last_word(call)
        if well is not None:
            books.breakers.hear_call(well=well, at_ms=clock.now_ms())

    chain = outside.open_nodes(settings, observer, failover=failover, heard=heard)
    bundles = outside.open_block_engine(settings)
    paper: PaperChain | None = None
    performer: NodePerformer | PaperPerformer
    if isinstance(signer, Paper):
        paper = open_paper(signer, folder=folder, past=entries, node=chain, view=view, clock=clock)
        journal.listen(paper.simulated.hear)
        performer = PaperPerformer(paper.simulated, journal=journal)
    else:
        performer = NodePerformer(
            chain=chain,
            bundles=None if bundles is None else HeardLane(bundles, heard=heard, clock=clock),
            signer=signer,
            journal=journal,
            observer=observer,
            failover=failover,
            race=settings.execution.lanes == "race",
        )
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
            admission=Admission(
                rules.admission_rules(
                    settings, grace_until_ms=outside.webhook_grace(settings, now_ms=clock.now_ms())
                ),
                surroundings,
            ),
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
    for one in strategies:
        if isinstance(one, Remembers):
            one.recall(entries)
    steer(live, gate=gate, books=books, surroundings=surroundings, strategies=strategies)
    tables, elsewhere = Tables(), Elsewhere(margin_bps=settings.jupiter.margin_bps)
    desk = Desk(
        gate=gate,
        planner=Planner(
            view,
            wallet=signer.address,
            costs=costs,
            tip_accounts=tip_accounts,
            tables=tables,
            elsewhere=elsewhere,
            exclusions=books.exclusions,
            standing=(lambda: spendable(books.ledger)) if settings.upkeep.standing_wsol else None,
        ),
        cycles=CyclePlanner(
            view, wallet=signer.address, costs=costs, tip_accounts=tip_accounts, tables=tables
        ),
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
        sales=DustSales(view, wallet=signer.address, costs=costs, standing=settings.upkeep.standing_wsol)
        if settings.upkeep.sell_dust
        else None,
    )
    for entry in entries:
        keeper.fold(entry)
    folding.add(keeper.fold, of=keeper.FOLDS)
    workers = MevWorkers(view, rules.mev_limits(settings))
    for entry in entries:
        workers.on_entry(
            entry, 0
        )  # no pool is known yet: what was under way is remembered, nothing is wanted
    mev = MevRole(workers=workers, bus=bus, clock=clock, observer=observer)
    folding.add(mev.heard, of=mev.FOLDS)
    execution = ExecutionRole(
        desk=desk,
        keeper=keeper if settings.upkeep.enabled else None,
        books=books,
        chain=paper or chain,
        performer=performer,
        wallet=signer.address,
        journal=journal,
        view=view,
        queue=queue,
        bus=bus,
        clock=clock,
        observer=observer,
        concurrency=settings.execution.concurrency,
        failover=failover,
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
    papers = bookkeeping(
        chain=paper or chain,
        wallet=signer.address,
        tip_accounts=frozenset(tip_accounts),
        books=books,
        journal=journal,
        ingress=ingress,
        clock=clock,
        observer=observer,
        # what was appended since is not on the disk yet: nothing of it is read a second time
        past=chain_of(entries, journal.read(entries[-1].seq + 1 if entries else 1)),
    )
    papers.join(folding)
    routes = outside.open_routes(settings)
    if routes is not None:
        execution.elsewhere = ElsewhereRole(
            elsewhere=elsewhere,
            service=routes,
            tables=tables,
            chain=chain,
            view=view,
            wallet=signer.address,
            record=journal.append,
            observer=observer,
            within_s=settings.jupiter.timeout_ms / 1_000,
        )
    execution.unsettled = lambda: papers.capital.unsettled
    ingress.resume(entries)
    wallets = WalletsRole(roster=roster, journal=journal, clock=clock)
    parking = ParkingRole(strategies=[one.name for one in strategies], journal=journal)
    folding.add(parking.fold, of=parking.FOLDS)
    portfolios = PortfoliosRole(strategies=[one.name for one in strategies], journal=journal)
    for entry in entries:
        portfolios.fold(entry)
    folding.add(portfolios.fold, of=portfolios.FOLDS)
    valuing = outside.open_valuing(settings, view=view, journal=journal, clock=clock, observer=observer)
    if valuing is not None:
        journal.listen(valuing.hear)
    levels = LevelsRole(
        ledger=books.ledger,
        journal=journal,
        value_of=lambda held: view.value_lamports(held.mint, held.tokens),
    )
    configuration = ConfigurationRole(configuration=live, journal=journal, clock=clock)
    return DeskParts(
        folder=folder,
        journal=journal,
        books=books,
        roster=roster,
        live=live,
        gate=gate,
        strategies=strategies,
        surroundings=surroundings,
        wallet=signer.address,
        chain=chain,
        cluster=(ClusterWatch(chain, mode=settings.mode, observer=observer) if paper is None else None),
        paper=paper,
        bundles=bundles,
        queue=queue,
        failover=failover_role,
        mev=mev,
        routes=routes,
        tables=TablesRole(
            tables=tables,
            addresses=tuple(map(Address, settings.execution.lookup_tables[:LOOKUP_TABLES_MAX])),
            chain=chain,
            observer=observer,
        ),
        costs=CostsRole(
            costs=costs,
            fees=chain,
            engine=bundles,
            prices_every_s=settings.execution.price_poll_s,
            tips_every_s=settings.jito.poll_s,
            clock=clock,
            observer=observer,
        ),
        ingress=ingress,
        execution=execution,
        papers=papers,
        wallets=wallets,
        valuing=valuing,
        backup=daily_backups(settings, clock=clock, observer=observer),
        commands=Switchboard(
            {
                ChangeWallet: wallets.perform,
                ChangeConfig: configuration.perform,
                UndoConfig: configuration.perform,
                SetLevels: levels.perform,
                KeepPortfolio: portfolios.perform,
                ReleasePool: PoolReleaseRole(
                    view=view, exclusions=books.exclusions, journal=journal, bus=bus, clock=clock
                ).perform,
                ParkStrategy: parking.perform,
                ResumeStrategy: parking.perform,
            },
            otherwise=papers.switchboard(execution),
        ),
    )
