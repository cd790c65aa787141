"""Incidents over HTTP: who may look, who may act, what is asked of the house, and what the answers look like."""

from typing import Any

import pytest

from chimera.domain.commands import (
    Answer,
    DiscardDeadLetter,
    ResolveDiscrepancy,
    RetryDeadLetter,
    RunReconciliation,
)
from chimera.domain.ids import Signature, TradeId
from chimera.ports.store import ConfigAuditRow, DeadLetterRow, ReconciliationRow, ReconciliationState

LETTERS, RECONCILIATION = "/api/v1/incidents/dead-letter", "/api/v1/reconciliation"
BECAUSE = {"reason": "the queue is short again"}

LETTER = DeadLetterRow(
    seq=41, trade_uuid="t-1", payload="{}", reason="QUEUE_FULL", error_details="full", source_ip="127.0.0.1",
    retry_count=0, can_retry=True, received_at_ms=5, processed_at_ms=None,
)  # fmt: skip
DISCREPANCY = ReconciliationRow(
    seq=7, part=1, trade_uuid=TradeId("t-1"), mint="", expected_state="BOUGHT", actual_on_chain="UNKNOWN",
    discrepancy="MISSING_TRANSACTION", signature=Signature("s"), expected=2**63, actual=0, resolved_at_ms=None,
    resolved_by=None, notes="", created_at_ms=9,
)  # fmt: skip


async def test_dead_letters_are_shown_50_at_a_time_and_never_more_than_200(house: Any) -> None:
    house.reader.letter_rows = [LETTER]
    page = (await house.get(LETTERS)).json()
    assert (page["total"], page["limit"], page["offset"]) == (1, 50, 0)
    assert page["items"][0] == {
        "id": 41, "trade_uuid": "t-1", "payload": "{}", "reason": "QUEUE_FULL", "error_details": "full",
        "source_ip": "127.0.0.1", "retry_count": 0, "can_retry": True, "received_at": 5, "processed_at": None,
    }  # fmt: skip
    assert (await house.get(f"{LETTERS}?limit=200")).status_code == 200
    assert (await house.get(f"{LETTERS}?limit=201")).status_code == 400


async def test_the_audit_tells_who_changed_what_and_why(house: Any) -> None:
    house.reader.audit_rows = [
        ConfigAuditRow(
            seq=3, key="kill_switch", old_value="", new_value="halt_all", changed_by="ops", change_reason="drill",
            changed_at_ms=8,
        )
    ]  # fmt: skip
    page = (await house.get("/api/v1/incidents/config-audit")).json()
    assert page["limit"] == 50 and page["items"][0]["changed_by"] == "ops"
    assert page["items"][0]["changed_at"] == 8
    assert (await house.get("/api/v1/incidents/config-audit?limit=201")).status_code == 400


@pytest.mark.parametrize("name", ["41", "t-1"])
async def test_a_letter_is_retried_by_its_number_or_its_trade(house: Any, name: str) -> None:
    house.reader.letter_rows = [LETTER]
    house.commands.answer = Answer(ok=True, after="new-signal")
    answer = await house.post(f"{LETTERS}/{name}/retry", BECAUSE, key="operator-key")
    assert answer.json() == {"status": "retried", "signal_id": "new-signal"}
    assert house.commands.asked == [RetryDeadLetter(41, BECAUSE["reason"], "operator-1")]


async def test_a_letter_is_discarded_for_a_reason(house: Any) -> None:
    house.reader.letter_rows = [LETTER]
    assert (await house.post(f"{LETTERS}/41/discard", {})).status_code == 400
    answer = await house.post(f"{LETTERS}/41/discard", {"reason": "too\nold"}, key="operator-key")
    assert answer.json() == {"status": "discarded"}
    assert house.commands.asked == [DiscardDeadLetter(41, "too old", "operator-1")]


async def test_a_letter_that_was_dealt_with_is_a_conflict_and_an_unknown_one_not_found(house: Any) -> None:
    house.reader.letter_rows = [LETTER]
    house.commands.answer = Answer(ok=False, code="NOT_ACTIVE", message="this dead letter is dealt with")
    answer = await house.post(f"{LETTERS}/41/retry", BECAUSE)
    assert (answer.status_code, answer.json()["error"]) == (409, "NOT_ACTIVE")
    assert (await house.post(f"{LETTERS}/42/retry", BECAUSE)).status_code == 404


async def test_reconciliation_tells_its_count_its_last_run_and_its_rows(house: Any) -> None:
    house.reader.discrepancy_rows = [DISCREPANCY]
    house.reader.reconciled = ReconciliationState(
        unresolved=1, last_run_ms=6, last_positions=4, last_found=2, last_cause="daily"
    )
    told = (await house.get(RECONCILIATION)).json()
    assert (told["unresolved"], told["last_run_at"], told["last_positions"], told["last_cause"]) == (
        1,
        6,
        4,
        "daily",
    )
    (row,) = told["items"]
    assert (row["id"], row["mint"], row["expected_amount"]) == ("7-1", None, str(2**63))
    assert (row["discrepancy"], row["on_chain_tx_signature"]) == ("MISSING_TRANSACTION", "s")


async def test_rows_are_filtered_by_kind_under_its_alias_too(house: Any) -> None:
    await house.get(f"{RECONCILIATION}?unresolved=true&discrepancy=MISSING_TX")
    name, asked = house.reader.asked[-1]
    assert name == "reconciliation"
    assert (asked["unresolved"], asked["discrepancy"]) == (True, "MISSING_TRANSACTION")
    assert (await house.get(f"{RECONCILIATION}?discrepancy=ODD")).status_code == 400


async def test_a_run_is_asked_for_and_tells_what_is_left(house: Any) -> None:
    house.commands.answer = Answer(ok=True, message="2 open positions: 0 new discrepancies", after="3")
    answer = await house.post(f"{RECONCILIATION}/run", {"reason": "cron"}, key="operator-key")
    assert answer.json()["unresolved"] == 3
    assert house.commands.asked == [RunReconciliation("cron", "operator-1")]


async def test_a_chain_that_does_not_answer_is_told_as_unavailable(house: Any) -> None:
    house.commands.answer = Answer(ok=False, code="UNREACHABLE", message="the chain does not answer")
    assert (await house.post(f"{RECONCILIATION}/run", BECAUSE)).status_code == 503


async def test_a_discrepancy_is_resolved_with_a_note(house: Any) -> None:
    answer = await house.post(f"{RECONCILIATION}/7-1/resolve", {"note": "a rug"}, key="operator-key")
    assert answer.json() == {"status": "resolved"}
    assert house.commands.asked == [ResolveDiscrepancy(7, 1, "a rug", "operator-1")]
    for wrong in ("7", "7-x", "½-1", "9" * 40 + "-1"):
        assert (await house.post(f"{RECONCILIATION}/{wrong}/resolve", {"note": "x"})).status_code == 404
    assert (await house.post(f"{RECONCILIATION}/7-1/resolve", {"note": " "})).status_code == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{LETTERS}/41/retry", BECAUSE),
        (f"{LETTERS}/41/discard", BECAUSE),
        (f"{RECONCILIATION}/run", BECAUSE),
        (f"{RECONCILIATION}/7-1/resolve", {"note": "n"}),
    ],
)
async def test_acting_needs_an_operator(house: Any, path: str, body: dict[str, str]) -> None:
    house.reader.letter_rows = [LETTER]
    assert (await house.post(path, body, key=None)).status_code == 401
    assert (await house.post(path, body, key="readonly-key")).status_code == 403
    assert house.commands.asked == []
