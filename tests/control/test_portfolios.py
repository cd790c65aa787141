"""Portfolios over HTTP: kept by their owners, seen by nobody else, and worth what the books say."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chimera.adapters.store import SqlTables
from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_keys import SqlKeys
from chimera.adapters.store_portfolios import SqlPortfolios
from chimera.adapters.store_reader import SqlReader
from chimera.domain.allotment import part_of
from chimera.domain.commands import KeepPortfolio
from chimera.domain.messages import Entry
from chimera.roles.clerk import Switchboard
from chimera.roles.portfolios import PortfoliosRole
from chimera.testing.stories import entries

HALF = [{"by": "strategy", "of": "copy_trade", "share_bps": 5_000}]
QUARTER = [{"by": "strategy", "of": "copy_trade", "share_bps": 2_500}]
PATHS = ("", "/positions", "/trades", "/history")


@pytest.fixture
async def shared(house_type: type, tmp_path: Path) -> AsyncIterator[Any]:
    """A house with real tables, a real keeper of portfolios, and a key for each of four people."""
    engine = open_engine(tmp_path / "chimera.db")
    house, tables, keys = house_type(tmp_path), SqlTables(engine), SqlKeys(engine)
    role = PortfoliosRole(strategies=["copy_trade"], journal=house.journal)

    def fold(entry: Entry) -> None:
        role.fold(entry)
        tables.fold([entry])

    house.journal.listen(fold)
    house.told = {
        name: keys.create_key(role=role_name, identifier=name, by="t", at_ms=1)
        for name, role_name in (
            ("ann", "admin"),
            ("bob", "operator"),
            ("eve", "operator"),
            ("ron", "readonly"),
        )
    }
    house.books = SqlPortfolios(engine)
    server = await house.start(
        reader=SqlReader(engine),
        portfolios=house.books,
        keys=keys,
        commands=Switchboard({KeepPortfolio: role.perform}, otherwise=house.commands),
    )
    yield house
    await house.stop(server)
    engine.dispose()


async def ask(house: Any, who: str, method: str, path: str = "", body: Any = None, **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {house.told[who]}"}
    return await house.http.request(method, f"/api/v1/portfolios{path}", headers=headers, json=body, **more)


async def opened(house: Any, who: str, **changes: Any) -> Any:
    body = {"name": f"{who}'s", "allotments": HALF, "reason": "a share", **changes}
    told = await ask(house, who, "POST", "", body)
    assert told.status_code == 201, told.text
    return told.json()


def trade(house: Any) -> None:
    """A story's round trips happen."""
    for entry in entries(1, trades=6)[2:]:
        house.journal.append(entry.fact)


async def test_a_portfolio_is_worth_its_part_of_what_the_ledger_says(shared: Any) -> None:
    mine = await opened(shared, "bob")
    trade(shared)
    state = (await ask(shared, "bob", "GET", f"/{mine['id']}")).json()
    assert (state["owner"], state["name"], state["allotments"]) == ("bob", "bob's", HALF)
    trades = (await ask(shared, "bob", "GET", f"/{mine['id']}/trades")).json()
    parts = [part_of(int(one["trade"]["realised_pnl_lamports"] or 0), 5_000) for one in trades["items"]]
    assert state["realised_pnl_lamports"] == str(sum(parts)) != "0"
    assert state["trades"] == trades["total"] > 0
    held = (await ask(shared, "bob", "GET", f"/{mine['id']}/positions")).json()["items"]
    assert len(held) == state["open_positions"] > 0
    assert all(one["value_lamports"] is None for one in held), "no price is known here"
    assert state["open_value_lamports"] is None and int(state["open_cost_lamports"]) > 0
    points = (await ask(shared, "bob", "GET", f"/{mine['id']}/history")).json()["items"]
    assert points[-1][1] == state["realised_pnl_lamports"]


async def test_nobody_sees_or_touches_what_is_anothers(shared: Any) -> None:
    """The same words for a portfolio of somebody else and for one that is nowhere."""
    theirs = await opened(shared, "bob")
    trade(shared)
    body = {"name": "mine now", "allotments": HALF, "reason": "x"}
    for path in PATHS:
        for who in ("eve", "ron"):
            told = await ask(shared, who, "GET", f"/{theirs['id']}{path}")
            nowhere = await ask(shared, who, "GET", f"/{'0' * 16}{path}")
            assert (told.status_code, told.json()) == (nowhere.status_code, nowhere.json())
            assert told.status_code == 404
    assert (await ask(shared, "eve", "PUT", f"/{theirs['id']}", body)).status_code == 404
    assert (await ask(shared, "eve", "DELETE", f"/{theirs['id']}?reason=x")).status_code == 404
    for who in ("eve", "ron"):
        for query in ("", "?owner=bob", "?owner=", "?owner=%25", "?owner=' OR '1'='1"):
            assert (await ask(shared, who, "GET", query)).json()["items"] == []
    assert (await ask(shared, "eve", "POST", "", {**body, "owner": "bob"})).status_code == 400
    audit = await shared.http.get(
        "/api/v1/incidents/config-audit", headers={"Authorization": f"Bearer {shared.told['eve']}"}
    )
    assert f"portfolio.{theirs['id']}" in audit.text and "bob's" not in audit.text
    assert (await ask(shared, "bob", "GET", f"/{theirs['id']}")).json()["name"] == "bob's"


async def test_an_admin_sees_all_and_opens_for_others(shared: Any) -> None:
    await opened(shared, "bob")
    for_ron = await opened(shared, "ann", owner="ron", name="ron's", allotments=QUARTER)
    assert for_ron["owner"] == "ron"
    everybodys = (await ask(shared, "ann", "GET")).json()
    assert {one["owner"] for one in everybodys["items"]} == {"bob", "ron"} and everybodys["total"] == 2
    assert [one["name"] for one in (await ask(shared, "ann", "GET", "?owner=ron")).json()["items"]] == [
        "ron's"
    ]
    assert [one["name"] for one in (await ask(shared, "ron", "GET")).json()["items"]] == ["ron's"]
    assert (await ask(shared, "ron", "GET", f"/{for_ron['id']}")).status_code == 200
    changed = {"name": "ron's own", "allotments": QUARTER, "reason": "his wish"}
    assert (await ask(shared, "ron", "PUT", f"/{for_ron['id']}", changed)).status_code == 403, "he only looks"
    assert (await ask(shared, "ann", "PUT", f"/{for_ron['id']}", changed)).json()["owner"] == "ron"


async def test_a_closed_portfolio_keeps_what_it_was_given_and_gets_nothing_more(shared: Any) -> None:
    mine = await opened(shared, "bob")
    trade(shared)
    before = (await ask(shared, "bob", "GET", f"/{mine['id']}")).json()
    told = await ask(shared, "bob", "DELETE", f"/{mine['id']}?reason=done")
    assert (told.status_code, told.json()["closed"]) == (200, True)
    after = (await ask(shared, "bob", "GET", f"/{mine['id']}")).json()
    assert after["realised_pnl_lamports"] == before["realised_pnl_lamports"]
    again = await ask(shared, "bob", "DELETE", f"/{mine['id']}?reason=done")
    assert (again.status_code, again.json()["error"]) == (409, "NOT_ACTIVE")
    nothing = await ask(shared, "bob", "DELETE", f"/{mine['id']}")
    assert nothing.status_code == 400, "nothing is done without a reason"


async def test_more_than_there_is_is_refused_with_what_is_left(shared: Any) -> None:
    await opened(shared, "bob")
    body = {"name": "greedy", "allotments": [{**HALF[0], "share_bps": 5_001}], "reason": "x"}
    told = await ask(shared, "eve", "POST", "", body)
    assert (told.status_code, told.json()["error"]) == (409, "TAKEN")
    assert "5000 bps are left" in told.json()["message"]
