"""What people see and ask, plugged together: the control plane's application on its tables and a stream.

The same whether the desk is in this process or in another: whom commands and webhooks go to is told from outside.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import Engine as SqlEngine

from chimera.adapters.clocks import WallClock
from chimera.adapters.kept_answers import AnswerFile
from chimera.adapters.resources import MachineResources
from chimera.adapters.secret_ages import SecretAges
from chimera.adapters.store_keys import SqlKeys
from chimera.adapters.store_portfolios import SqlPortfolios
from chimera.adapters.store_reader import SqlReader
from chimera.adapters.store_statistics import SqlStatistics
from chimera.config import Settings
from chimera.control.app import create_app
from chimera.control.deps import ControlDeps
from chimera.domain.ids import Address
from chimera.domain.messages import Entry
from chimera.engine import Engine
from chimera.execution.books import Books
from chimera.market.view import MarketView
from chimera.observe import Observer
from chimera.ports.ingress import Ingress
from chimera.ports.runtime import Commands, LiveStream
from chimera.risk.checks import RiskLimits
from chimera.roles.screens import HouseScreens
from chimera.wiring import identity as people
from chimera.wiring import outside, rules
from chimera.wiring.archive import open_archive
from chimera.wiring.steering import LiveSettings


def build_front(
    settings: Settings,
    *,
    engine: SqlEngine,
    ingress: Ingress,
    commands: Commands,
    stream: LiveStream,
    history: Callable[[int], Iterator[Entry]],
    journal_trouble: Callable[[], str | None],
    live: LiveSettings,
    view: MarketView,
    books: Books,
    thinking: Engine,
    strategies: Iterable[str],
    limits: Callable[[], RiskLimits],
    symbol_of: Callable[[Address], str],
    clock: WallClock,
    observer: Observer,
    label: str,
) -> Any:
    """The ASGI application, keys of the settings in the tables; `label` is the mode that every screen shows."""
    keys = SqlKeys(engine)
    for key in settings.security.api_keys:
        keys.add_key(
            key.key.reveal(), role=key.role, identifier=key.identifier, by="settings", at_ms=clock.now_ms()
        )
    archive = open_archive(settings, engine)
    deps = ControlDeps(
        ingress=ingress,
        reader=SqlReader(engine, archive=archive),
        keys=keys,
        commands=commands,
        stream=stream,
        history=history,
        decimals=lambda mint: token.decimals if (token := view.mints.get(mint)) else None,
        config=lambda: outside.shown_config(live.settings_now),
        configuration=live,
        screens=HouseScreens(
            view=view,
            books=books,
            engine=thinking,
            strategies=strategies,
            params=lambda: rules.strategy_sections(live.settings_now),
            limits=limits,
            symbol_of=symbol_of,
            clock=clock,
        ),
        statistics=SqlStatistics(engine, archive=archive),
        portfolios=SqlPortfolios(engine),
        resources=MachineResources(outside.data_dir(settings)),
        secrets=SecretAges(people.secret_files(settings), keys.all),
        answers=AnswerFile(outside.data_dir(settings) / "answers.db"),
        identity=people.identity(settings, engine),
        clock=clock,
        observer=observer,
        label=label,
        dev=settings.dev_mode,
        journal_trouble=journal_trouble,
        public_health=settings.api.public_health,
        body_bytes_max=settings.webhook.body_bytes_max,
    )
    return create_app(deps)
