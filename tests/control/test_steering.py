"""Wallets and settings over HTTP: who may change what, how wrong ones are refused, what a file may hold."""

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_keys import SqlKeys
from chimera.adapters.store_logins import SqlLogins
from chimera.adapters.wallet_proof import signed_by
from chimera.config import Settings
from chimera.control.sessions import Identity
from chimera.domain.commands import Answer, ChangeConfig, ChangeWallet, UndoConfig
from chimera.domain.ids import Address
from chimera.domain.intent import Style
from chimera.domain.wallet import WalletStatus
from chimera.ports.store import Page, WalletRow
from chimera.testing.stories import address
from chimera.wiring.steering import LiveSettings

ANN, BOB = address("ann"), address("bob")
HOUR_MS = 3_600_000


def row(owner: Address, **changes: Any) -> WalletRow:
    told: dict[str, Any] = {
        "address": owner,
        "status": WalletStatus.ACTIVE,
        "strategy": Style.SHIELD,
        "wqs_score": None,
        "notes": "",
        "copied": 1,
        "pnl_lamports": -5,
        "last_trade_at_ms": None,
        "updated_at_ms": 1,
    }
    return WalletRow(**{**told, **changes})


@pytest.fixture
async def steered(house_type: type, tmp_path: Path) -> AsyncIterator[Any]:
    house = house_type(tmp_path)
    house.commands.answer = Answer(ok=True, message="done", before="1", after="2")
    server = await house.start(configuration=LiveSettings(Settings()))
    yield house
    await house.stop(server)


def put(house: Any, path: str, body: Any, *, key: str = "operator-key", **headers: str) -> Any:
    return house.http.put(path, json=body, headers={"Authorization": f"Bearer {key}", **headers})


# wallets


async def test_an_operator_promotes_a_wallet_for_a_time(steered: Any) -> None:
    body = {"status": "ACTIVE", "reason": "proven", "ttl_hours": 24, "strategy": "SPEAR"}
    told = await put(steered, f"/api/v1/wallets/{ANN}", body)
    assert (told.status_code, told.json()["address"], told.json()["ok"]) == (200, ANN, True)
    assert steered.commands.asked == [
        ChangeWallet(
            address=ANN,
            status=WalletStatus.ACTIVE,
            cause="proven",
            by="operator-1",
            ttl_ms=24 * HOUR_MS,
            strategy=Style.SPEAR,
        )
    ]


async def test_a_change_is_answered_only_once_the_tables_have_it(steered: Any) -> None:
    asked = []

    def wallets(**wanted: Any) -> Page[WalletRow]:
        asked.append(wanted)
        notes = "seen" if len(asked) > 2 else ""  # the recorder needs a moment
        return Page((row(ANN, notes=notes),), 1)

    steered.reader.wallets = wallets
    steered.reader.seq = -1
    body = {"status": "ACTIVE", "reason": "proven", "notes": "seen"}
    assert (await put(steered, f"/api/v1/wallets/{ANN}", body)).status_code == 200
    assert len(asked) == 3


async def test_a_readonly_key_changes_no_wallet(steered: Any) -> None:
    body = {"status": "ACTIVE", "reason": "x"}
    for method, path, sent in (
        ("PUT", f"/api/v1/wallets/{ANN}", body),
        ("POST", "/api/v1/wallets", {**body, "address": ANN}),
        ("POST", "/api/v1/wallets/bulk", {**body, "addresses": [ANN]}),
    ):
        told = await steered.http.request(
            method, path, json=sent, headers={"Authorization": "Bearer readonly-key"}
        )
        assert told.status_code == 403
    assert steered.commands.asked == []


@pytest.mark.parametrize(
    "body",
    [
        {"status": "BOSS", "reason": "x"},
        {"status": "ACTIVE"},
        {"status": "ACTIVE", "reason": " "},
        {"status": "ACTIVE", "reason": "x", "ttl_hours": 0},
        {"status": "ACTIVE", "reason": "x", "ttl_hours": 1.5},
        {"status": "ACTIVE", "reason": "x", "ttl_hours": 9_999},
        {"status": "ACTIVE", "reason": "x", "notes": "n" * 501},
        {"status": "ACTIVE", "reason": "x", "wqs_score": 100},
        [],
    ],
)
async def test_a_wrong_change_of_a_wallet_is_not_done(steered: Any, body: Any) -> None:
    assert (await put(steered, f"/api/v1/wallets/{ANN}", body)).status_code == 400
    assert steered.commands.asked == []


@pytest.mark.parametrize("path", ["..%2f..%2fetc", "x", "'; DROP TABLE wallets;--", "%00"])
async def test_what_is_no_address_is_none(steered: Any, path: str) -> None:
    told = await put(steered, f"/api/v1/wallets/{path}", {"status": "ACTIVE", "reason": "x"})
    assert told.status_code in {400, 404, 405}
    assert steered.commands.asked == []


async def test_many_wallets_are_changed_each_with_its_own_answer(steered: Any) -> None:
    answers = [Answer(ok=True, after="REJECTED"), Answer(ok=False, code="UNKNOWN", message="who?")]

    async def perform(command: Any) -> Answer:
        steered.commands.asked.append(command)
        return answers.pop(0)

    steered.commands.perform = perform
    body = {"status": "REJECTED", "reason": "cluster", "addresses": [ANN, BOB, ANN]}
    told = await steered.post("/api/v1/wallets/bulk", body, key="operator-key")
    assert [(one["address"], one["ok"], one["code"]) for one in told.json()["items"]] == [
        (ANN, True, ""),
        (BOB, False, "UNKNOWN"),
    ]


async def test_too_many_wallets_at_once_are_refused(steered: Any) -> None:
    body = {"status": "REJECTED", "reason": "x", "addresses": [ANN] * 201}
    assert (await steered.post("/api/v1/wallets/bulk", body)).status_code == 400
    assert (await steered.post("/api/v1/wallets/bulk", {**body, "addresses": []})).status_code == 400


async def test_the_roster_as_csv_holds_no_formula(steered: Any) -> None:
    notes = [
        '=HYPERLINK("http://evil")',
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        'plain, "quoted"\nnote',
    ]
    steered.reader.wallet_rows = [row(address(f"w{n}"), notes=note) for n, note in enumerate(notes)]
    told = await steered.get("/api/v1/wallets/export?format=csv")
    assert told.headers["content-type"].startswith("text/csv")
    assert told.headers["content-disposition"] == 'attachment; filename="wallets.csv"'
    rows = list(csv.DictReader(io.StringIO(told.content.decode("utf-8-sig"))))
    assert [one["notes"] for one in rows] == [f"'{note}" for note in notes[:5]] + [notes[5]]
    assert rows[0]["pnl_lamports"] == "-5", "a number stays one"


async def test_the_roster_as_json_says_what_the_api_says(steered: Any) -> None:
    steered.reader.wallet_rows = [row(address(f"w{n}")) for n in range(1_500)]
    told = (await steered.get("/api/v1/wallets/export?format=json")).json()
    assert len(told) == 1_500
    listed = (await steered.get("/api/v1/wallets?limit=1000")).json()["items"]
    assert told[:1_000] == listed
    assert (await steered.get("/api/v1/wallets/export?format=exe")).status_code == 400


async def test_one_wallet_is_found_by_its_address(steered: Any) -> None:
    steered.reader.wallet_rows = [row(ANN, active_until_ms=77)]
    assert (await steered.get(f"/api/v1/wallets/{ANN}")).json()["active_until"] == 77
    assert (await steered.get(f"/api/v1/wallets/{BOB}")).status_code == 404


# settings


async def test_every_changeable_setting_is_shown_with_its_range(steered: Any) -> None:
    told = (await steered.get("/api/v1/config/settings")).json()
    items = {one["key"]: one for one in told["items"]}
    assert told["version"] == 0
    assert items["risk.max_drawdown_percent"] | {"text": ""} == {
        "key": "risk.max_drawdown_percent",
        "value": 15,
        "file_value": 15,
        "kind": "integer",
        "minimum": "1",
        "maximum": "100",
        "text": "",
        "role": "admin",
        "loosens": "up",
    }
    assert items["risk.position_lamports_max"]["value"] == "2000000000"
    assert items["risk.position_lamports_max"]["maximum"] == str(2**63 - 1)
    assert not any("secret" in key or "url" in key for key in items)


async def test_an_operator_changes_parameters_and_no_breaker(steered: Any) -> None:
    fine = {"changes": {"copy_trade.shield.stop_loss_bps": 700}, "reason": "calmer", "version": 0}
    told = await put(steered, "/api/v1/config", fine)
    assert (told.status_code, told.json()) == (200, {"success": True, "version": 2, "message": "done"})
    breakers = ("max_loss_24h_usd", "max_consecutive_losses", "max_drawdown_percent", "cool_down_minutes")
    for name in breakers:
        body = {"changes": {f"risk.{name}": 1}, "reason": "x"}
        refused = await put(steered, "/api/v1/config", body)
        assert (refused.status_code, refused.json()["error"]) == (403, "FORBIDDEN")
        assert name in refused.json()["message"]
        mixed = {"changes": {**fine["changes"], f"risk.{name}": 1}, "reason": "x"}
        assert (await put(steered, "/api/v1/config", mixed)).status_code == 403
        assert (await put(steered, "/api/v1/config", body, key="admin-key")).status_code == 200
    assert [type(asked) for asked in steered.commands.asked] == [ChangeConfig] * 5
    assert steered.commands.asked[0] == ChangeConfig(
        changes={"copy_trade.shield.stop_loss_bps": 700}, cause="calmer", by="operator-1", version=0
    )


@pytest.mark.parametrize(
    "body",
    [
        {"changes": {"allocation.shield_percent": 80}, "reason": "x"},
        {"changes": {"risk.open_positions_max": -1}, "reason": "x"},
        {"changes": {"nothing.such": 1}, "reason": "x"},
        {"changes": {}, "reason": "x"},
        {"changes": {"risk.open_positions_max": 2}, "reason": ""},
        {"changes": {"risk.open_positions_max": 2}},
        {"changes": [], "reason": "x"},
    ],
)
async def test_a_wrong_setting_is_refused_before_anything_is_asked(steered: Any, body: Any) -> None:
    told = await put(steered, "/api/v1/config", body, key="admin-key")
    assert told.status_code == 400
    assert steered.commands.asked == []


async def test_an_undo_is_an_admins(steered: Any) -> None:
    body = {"seq": 5, "reason": "wrong"}
    assert (await steered.post("/api/v1/config/undo", body, key="operator-key")).status_code == 403
    assert (await steered.post("/api/v1/config/undo", body)).status_code == 200
    assert steered.commands.asked == [UndoConfig(entry=5, cause="wrong", by="admin-1")]


async def test_a_limit_goes_up_only_with_the_second_factor_and_down_without(
    house_type: type, tmp_path: Path
) -> None:
    engine = open_engine(tmp_path / "people.db")
    keys = SqlKeys(engine)
    key = keys.create_key(role="admin", identifier="ann", by="test", at_ms=0)
    keys.add_wallet(
        "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU", role="admin", identifier="ann", by="t", at_ms=0
    )
    house = house_type(tmp_path)
    house.commands.answer = Answer(ok=True, after="2")
    server = await house.start(
        configuration=LiveSettings(Settings()),
        keys=keys,
        identity=Identity(logins=SqlLogins(engine), signed_by=signed_by, secret=b"s" * 32),
    )
    up = await put(
        house, "/api/v1/config", {"changes": {"risk.open_positions_max": 99}, "reason": "x"}, key=key
    )
    down = await put(
        house, "/api/v1/config", {"changes": {"risk.open_positions_max": 2}, "reason": "x"}, key=key
    )
    await house.stop(server)
    engine.dispose()
    assert (up.status_code, up.json()["error"]) == (403, "STEP_UP_REQUIRED")
    assert down.status_code == 200
