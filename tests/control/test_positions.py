"""Steering one position over HTTP: a part of it sold, its stop and target moved."""

from typing import Any

import pytest

from chimera.control.schemas import position_of
from chimera.domain.commands import Answer, ExitPosition, SetLevels
from chimera.domain.ids import Address, Signature, TradeId
from chimera.domain.intent import Style
from chimera.domain.live import PositionMarked
from chimera.domain.trade import Levels
from chimera.ports.store import PositionRow

LEVELS = "/api/v1/positions/t1/levels"


@pytest.fixture
def told(house: Any) -> Any:
    house.commands.answer = Answer(ok=True)
    return house


def put(house: Any, body: Any, *, key: str = "operator-key") -> Any:
    return house.http.put(LEVELS, json=body, headers={"Authorization": f"Bearer {key}"})


async def test_an_operator_sells_a_part(told: Any) -> None:
    body = {"reason": "some off the table", "fraction_bps": 2_500}
    done = await told.post("/api/v1/positions/t1/exit", body, key="operator-key")
    assert done.status_code == 202
    assert told.commands.asked == [
        ExitPosition(TradeId("t1"), "some off the table", "operator-1", fraction_bps=2_500)
    ]


@pytest.mark.parametrize("fraction", [0, 10_001, -1, "half", 0.5])
async def test_a_part_that_is_none_is_refused(told: Any, fraction: Any) -> None:
    done = await told.post("/api/v1/positions/t1/exit", {"reason": "x", "fraction_bps": fraction})
    assert (done.status_code, done.json()["error"]) == (400, "INVALID_BODY")
    assert told.commands.asked == []


async def test_an_operator_moves_stop_and_target(told: Any) -> None:
    done = await put(told, {"stop_bps": -500, "target_bps": 2_000, "reason": "nervous"})
    assert (done.status_code, done.json()) == (200, {"status": "in force"})
    assert told.commands.asked == [SetLevels(TradeId("t1"), Levels(-500, 2_000), "nervous", "operator-1")]


async def test_neither_level_gives_the_position_back_to_its_strategy(told: Any) -> None:
    assert (await put(told, {"reason": "calm again"})).status_code == 200
    assert told.commands.asked == [SetLevels(TradeId("t1"), None, "calm again", "operator-1")]


async def test_a_readonly_key_moves_no_level(told: Any) -> None:
    assert (await put(told, {"stop_bps": -500, "reason": "x"}, key="readonly-key")).status_code == 403
    assert told.commands.asked == []


@pytest.mark.parametrize("body", [{"stop_bps": -10_000, "reason": "x"}, {"stop_bps": -5}, {"reason": "  "}])
async def test_wrong_levels_are_refused_before_the_desk_hears_of_them(told: Any, body: Any) -> None:
    assert (await put(told, body)).status_code == 400
    assert told.commands.asked == []


def test_a_price_made_before_a_part_was_sold_counts_for_what_is_left() -> None:
    row = PositionRow(
        trade_uuid=TradeId("t1"), wallet_address=None, token_address=Address("7xKX" + "1" * 36 + "gAsU"),
        token_symbol="", strategy=Style.SHIELD, state="ACTIVE", token_amount=50, tokens_bought=100,
        entry_lamports=1_000, received_lamports=0, realised_lamports=0, opened_at_ms=1, closed_at_ms=None,
        entry_signature=Signature("e"), exit_signature=None, exit_reason=None,
    )  # fmt: skip
    mark = PositionMarked(TradeId("t1"), 1_101, 1, 900, 1_300, 5, tokens=100)
    told = position_of(row, mark, 6)
    assert (told.value_lamports, told.stop_lamports, told.target_lamports) == ("550", "450", "650")
    assert told.unrealised_pnl_lamports == "50"
    assert told.token_symbol == "7xKX…gAsU"  # a coin an hour old has no name yet
