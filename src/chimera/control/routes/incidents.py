"""What a person must look at, and what he may do about it: dead letters, discrepancies, who changed what."""

import asyncio
import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from chimera.audit.alerts import Severity
from chimera.control.answers import answer, described, read_body, takes
from chimera.control.auth import Doorkeeper, Role
from chimera.control.context import context
from chimera.control.incident_schemas import (
    AlertTold,
    ConfigChange,
    DeadLetter,
    Note,
    Reconciliation,
    ReconciliationRun,
    Retried,
    alert_told,
    config_change_of,
    dead_letter_of,
    discrepancy_of,
)
from chimera.control.orders import cause_of, perform, printable
from chimera.control.schemas import Accepted, Because, Page
from chimera.control.wire import Problem
from chimera.domain.commands import (
    DiscardDeadLetter,
    ResolveDiscrepancy,
    RetryDeadLetter,
    RunReconciliation,
)
from chimera.domain.discrepancy import read_mismatch
from chimera.ports.store import KeyHolder

Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]
CATCH_UP_TRIES, CATCH_UP_STEP_S = 20, 0.05  # the recorder folds several times a second
DISCREPANCY_ID = re.compile(r"(\d{1,18})-(\d{1,9})")


def incident_routes(doorkeeper: Doorkeeper) -> APIRouter:
    routes = APIRouter(prefix="/api/v1", tags=["incidents"])
    readonly = Depends(doorkeeper.needs(Role.READONLY))
    operator = Annotated[KeyHolder, Depends(doorkeeper.needs(Role.OPERATOR))]

    @routes.get(
        "/incidents/alerts",
        dependencies=[readonly],
        responses=described(Page[AlertTold]),
        summary="Alerts of the last times, newest first",
    )
    async def alerts(
        request: Request, severity: Severity | None = None, limit: Limit = 50, offset: Offset = 0
    ) -> Response:
        """The newest 500 are kept; what a restart forgot is folded from the journal again."""
        newest = context(request).stream.replica.alerts.newest()
        found = [one for one in newest if severity in (None, one.severity)]
        items = [alert_told(one) for one in found[offset : offset + limit]]
        return answer(Page(items=items, total=len(found), limit=limit, offset=offset))

    @routes.get(
        "/incidents/dead-letter",
        dependencies=[readonly],
        responses=described(Page[DeadLetter]),
        summary="Signals and trades that got lost, newest first",
    )
    async def dead_letters(request: Request, limit: Limit = 50, offset: Offset = 0) -> Response:
        reader = context(request).deps.reader
        page = await asyncio.to_thread(reader.dead_letters, limit=limit, offset=offset)
        items = [dead_letter_of(row) for row in page.items]
        return answer(Page(items=items, total=page.total, limit=limit, offset=offset))

    @routes.post(
        "/incidents/dead-letter/{letter_id}/retry",
        responses=described(Retried),
        openapi_extra=takes(Because),
        summary="Let a dead letter in again, as a new signal of the operator's",
    )
    async def retry(request: Request, letter_id: str, holder: operator) -> Response:
        cause, letter = await cause_of(request), await _letter(request, letter_id)
        done = await perform(request, RetryDeadLetter(letter=letter, cause=cause, by=holder.identifier))
        await _folded(request)
        return answer(Retried(status="retried", signal_id=done.after or None))

    @routes.post(
        "/incidents/dead-letter/{letter_id}/discard",
        responses=described(Accepted),
        openapi_extra=takes(Because),
        summary="Put a dead letter away for good",
    )
    async def discard(request: Request, letter_id: str, holder: operator) -> Response:
        cause, letter = await cause_of(request), await _letter(request, letter_id)
        await perform(request, DiscardDeadLetter(letter=letter, cause=cause, by=holder.identifier))
        await _folded(request)
        return answer(Accepted(status="discarded"))

    @routes.get(
        "/incidents/config-audit",
        dependencies=[readonly],
        responses=described(Page[ConfigChange]),
        summary="Who or what changed what, and why, newest first",
    )
    async def config_audit(request: Request, limit: Limit = 50, offset: Offset = 0) -> Response:
        page = await asyncio.to_thread(context(request).deps.reader.config_audit, limit=limit, offset=offset)
        items = [config_change_of(row) for row in page.items]
        return answer(Page(items=items, total=page.total, limit=limit, offset=offset))

    @routes.get(
        "/reconciliation",
        dependencies=[readonly],
        responses=described(Reconciliation),
        summary="What books and chain differ in, and what of it waits for a person",
    )
    async def reconciliation(
        request: Request,
        *,
        unresolved: bool = False,
        discrepancy: str | None = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> Response:
        kind = None if discrepancy is None else read_mismatch(discrepancy)
        if discrepancy is not None and kind is None:
            raise Problem(400, "discrepancy is one of the four documented kinds.", code="INVALID_PARAMETER")
        reader = context(request).deps.reader
        state = await asyncio.to_thread(reader.reconciliation_state)
        page = await asyncio.to_thread(
            reader.reconciliation, unresolved=unresolved, discrepancy=kind, limit=limit, offset=offset
        )
        return answer(
            Reconciliation(
                unresolved=state.unresolved,
                last_run_at=state.last_run_ms,
                last_positions=state.last_positions,
                last_found=state.last_found,
                last_cause=state.last_cause,
                items=[discrepancy_of(row) for row in page.items],
                total=page.total,
                limit=limit,
                offset=offset,
            )
        )

    @routes.post(
        "/reconciliation/run",
        responses=described(ReconciliationRun),
        openapi_extra=takes(Because),
        summary="Hold every open position against the chain now",
    )
    async def run(request: Request, holder: operator) -> Response:
        done = await perform(request, RunReconciliation(cause=await cause_of(request), by=holder.identifier))
        await _folded(request)
        return answer(
            ReconciliationRun(status="done", message=done.message, unresolved=int(done.after or "0"))
        )

    @routes.post(
        "/reconciliation/{discrepancy_id}/resolve",
        responses=described(Accepted),
        openapi_extra=takes(Note),
        summary="Say that a discrepancy has been looked at, and what it was",
    )
    async def resolve(request: Request, discrepancy_id: str, holder: operator) -> Response:
        note = printable((await read_body(request, Note)).note)
        named = DISCREPANCY_ID.fullmatch(discrepancy_id)
        if named is None:
            raise Problem(404, "There is no discrepancy of this id.")
        entry, part = int(named[1]), int(named[2])
        await perform(request, ResolveDiscrepancy(entry=entry, part=part, cause=note, by=holder.identifier))
        await _folded(request)
        return answer(Accepted(status="resolved"))

    return routes


async def _folded(request: Request) -> None:
    """Returns once the tables have what was just written, or after a second: they may be behind, and say so."""
    around = context(request)
    wanted = around.stream.replica.seq
    for _ in range(CATCH_UP_TRIES):
        if await asyncio.to_thread(around.deps.reader.last_seq) >= wanted:
            return
        await asyncio.sleep(CATCH_UP_STEP_S)


async def _letter(request: Request, wanted: str) -> int:
    """The number of a letter that is named by it or by the id of its trade."""
    row = await asyncio.to_thread(context(request).deps.reader.dead_letter, wanted)
    if row is None:
        raise Problem(404, "There is no dead letter of this id.")
    return row.seq
