"""The documented API, attacked with what its own document allows and what it does not.

CHIMERA_FUZZ_CASES sets how many requests each operation gets; `make test` sends a few, a nightly run 200.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from sqlalchemy import Engine

from chimera.adapters.resources import MachineResources
from chimera.adapters.store import SqlTables
from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_keys import SqlKeys
from chimera.adapters.store_logins import SqlLogins
from chimera.adapters.store_portfolios import SqlPortfolios
from chimera.adapters.store_reader import SqlReader
from chimera.adapters.store_statistics import SqlStatistics
from chimera.adapters.wallet_proof import signed_by
from chimera.config import Settings
from chimera.control.sessions import Identity
from chimera.domain.commands import Answer, ChangeConfig, ChangeWallet, KeepPortfolio, UndoConfig
from chimera.engine import Engine as Thinking
from chimera.execution.books import Books
from chimera.market.view import MarketView
from chimera.plugins import venues
from chimera.risk.roster import Roster
from chimera.roles.clerk import Switchboard
from chimera.roles.configuration import ConfigurationRole
from chimera.roles.portfolios import PortfoliosRole
from chimera.roles.screens import HouseScreens
from chimera.roles.wallets import WalletsRole
from chimera.testing.stories import entries
from chimera.wiring import rules
from chimera.wiring.steering import LiveSettings

CASES = int(os.environ.get("CHIMERA_FUZZ_CASES", "12"))
load_all_checks()
WANTED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)


@dataclass
class Served:
    url: str
    key: str


@pytest.fixture
async def served(house_type: type, tmp_path: Path) -> AsyncIterator[Served]:
    """As much of the real house as needs no chain: tables, settings, roster, keys, logins, screens."""
    house = house_type(tmp_path)
    engine: Engine = open_engine(tmp_path / "chimera.db")
    SqlTables(engine).fold(entries(3))
    house.commands.answer = Answer(ok=True, before="0", after="0")
    given_settings, keys, roster = Settings(), SqlKeys(engine), Roster()
    live = LiveSettings(given_settings)
    house.journal.listen(live.fold)
    house.journal.listen(lambda entry: roster.apply(entry.fact))
    wallets = WalletsRole(roster=roster, journal=house.journal, clock=house.clock)
    configuration = ConfigurationRole(configuration=live, journal=house.journal, clock=house.clock)
    portfolios = PortfoliosRole(strategies=["copy_trade"], journal=house.journal)
    house.journal.listen(portfolios.fold)
    limits = rules.risk_limits(given_settings)
    server = await house.start(
        reader=SqlReader(engine),
        statistics=SqlStatistics(engine),
        portfolios=SqlPortfolios(engine),
        resources=MachineResources(tmp_path),
        keys=keys,
        identity=Identity(logins=SqlLogins(engine), signed_by=signed_by, secret=b"s" * 32),
        configuration=live,
        screens=HouseScreens(
            view=MarketView(venues()),
            books=Books(loss=rules.loss_limits(given_settings), tokens=limits.tokens),
            engine=Thinking([]),
            strategies=(),
            params=lambda: rules.strategy_sections(live.settings_now),
            limits=lambda: limits,
            symbol_of=lambda _: "",
            clock=house.clock,
        ),
        commands=Switchboard(
            {
                ChangeWallet: wallets.perform,
                KeepPortfolio: portfolios.perform,
                ChangeConfig: configuration.perform,
                UndoConfig: configuration.perform,
            },
            otherwise=house.commands,
        ),
        calls_per_minute=1_000_000,
    )
    yield Served(house.url, keys.create_key(role="admin", identifier="fuzz", by="test", at_ms=0))
    await house.stop(server)
    engine.dispose()


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_no_request_breaks_the_api_or_its_word(served: Served) -> None:
    failures = await asyncio.to_thread(_attack, served)
    assert not failures, "\n\n".join(failures)


def _attack(served: Served) -> list[str]:
    schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    checks = CHECKS.get_by_names(list(WANTED))
    failures, attacked = [], 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path == "/metrics":
            continue  # Prometheus's own format
        attacked += 1
        try:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                _attack_one(operation, mode, served, checks)
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - every operation is tried
            told = "; ".join(map(str, getattr(error, "exceptions", ()))) or repr(error)
            failures.append(f"{operation.method.upper()} {operation.path}: {told}"[:3_000])
    assert attacked > 40
    return failures


def _attack_one(operation: Any, mode: GenerationMode, served: Served, checks: list[Any]) -> None:
    if mode is GenerationMode.NEGATIVE and not (
        operation.body or operation.query or operation.path_parameters
    ):
        return  # nothing in it that could be wrong

    @settings(
        max_examples=CASES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def attack(case: Any) -> None:
        response = case.call(headers={"Authorization": f"Bearer {served.key}"}, timeout=20)
        case.validate_response(response, checks=checks)

    attack()
