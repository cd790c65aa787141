"""The machine and the parts of the house, for whoever keeps them running."""

import asyncio
import re
import time

from fastapi import APIRouter, Depends, Request, Response

from chimera.control.answers import answer, described
from chimera.control.auth import Doorkeeper, Role
from chimera.control.context import Context, context
from chimera.control.report_schemas import HealthCheck, HealthChecks, SecretsAge
from chimera.control.telemetry import Telemetry, telemetry
from chimera.domain.errors import OutsideError
from chimera.ports.screens import Resources, ResourcesSeen

PASSING, WARNING, FAILING = "passing", "warning", "failing"
BEHIND_MAX = 1_000
UNNAMED = re.compile(
    r"Task-\d+|starlette.*|anyio.*"
)  # of a request or a library; loops of the house bear names
DISK_FREE_PERCENT_MIN, DISK_FREE_BYTES_MIN = (
    10,
    256 * 1024 * 1024,
)  # below the second the journal will soon stop us


def operation_routes(doorkeeper: Doorkeeper, resources: Resources) -> APIRouter:
    routes = APIRouter(
        prefix="/api/v1/operations",
        tags=["operations"],
        dependencies=[Depends(doorkeeper.needs(Role.READONLY))],
    )

    @routes.get("/resources", responses=described(ResourcesSeen), summary="What the machine has left")
    async def machine() -> Response:
        return answer(await asyncio.to_thread(resources.look))

    @routes.get(
        "/telemetry",
        responses=described(Telemetry),
        summary="Loops, queues, latencies and failures, as /metrics counts them",
    )
    async def measured(request: Request) -> Response:
        loops = (task.get_name() for task in asyncio.all_tasks())
        named = {name for name in loops if not UNNAMED.fullmatch(name)}
        return answer(telemetry(context(request).deps.observer.registry, named))

    @routes.get("/secrets", responses=described(SecretsAge), summary="When each secret was last changed")
    async def secrets(request: Request) -> Response:
        known = context(request).deps.secrets
        return answer(SecretsAge(() if known is None else await asyncio.to_thread(known.look)))

    @routes.get(
        "/health-checks",
        responses=described(HealthChecks),
        summary="Every part, and how long it took to answer",
    )
    async def checks(request: Request) -> Response:
        around = context(request)
        found = [*_planes(around), await _database(around), await _disk(resources)]
        states = {check.status for check in found}
        overall = next((state for state in (FAILING, WARNING) if state in states), PASSING)
        return answer(HealthChecks(overall, found))

    return routes


def _planes(around: Context) -> list[HealthCheck]:
    """What the planes said of themselves; an answer from memory takes no time worth telling."""
    health = around.judge.health(around.deps.clock.now_ms())
    market, rpc = health.market, health.rpc
    feed = {"connected": PASSING, "down": FAILING}.get(market.feed, WARNING)
    node = PASSING if rpc.status == "healthy" and rpc.endpoint == "primary" else WARNING
    node = FAILING if rpc.status == "down" else node
    trading = health.circuit_breaker.trading_allowed
    trouble = around.deps.journal_trouble()
    return [
        HealthCheck("feed", feed, f"{market.feed}, slot {market.slot}", 0.0),
        HealthCheck("rpc", node, f"{rpc.status} at {rpc.endpoint}", rpc.latency_ms or 0.0),
        HealthCheck(
            "journal",
            FAILING if trouble else PASSING,
            trouble or f"{health.journal.seq} entries",
            0.0,
        ),
        HealthCheck(
            "trading",
            PASSING if trading else WARNING,
            "allowed"
            if trading
            else health.kill_switch.reason or health.circuit_breaker.trip_reason or "halted",
            0.0,
        ),
        HealthCheck("screens", FAILING if around.judge.blind else PASSING, around.judge.blind or "live", 0.0),
    ]


async def _database(around: Context) -> HealthCheck:
    began = time.perf_counter()
    try:
        folded = await asyncio.to_thread(around.deps.reader.last_seq)
    except OutsideError as error:
        return HealthCheck("database", FAILING, str(error)[:200], _since(began))
    behind = max(0, around.stream.replica.seq - folded)
    state = WARNING if behind > BEHIND_MAX else PASSING
    return HealthCheck("database", state, f"{behind} entries behind", _since(began))


async def _disk(resources: Resources) -> HealthCheck:
    began = time.perf_counter()
    seen = await asyncio.to_thread(resources.look)
    free = f"{seen.disk_free_bytes / 2**30:.1f} GiB free"
    if seen.disk_free_bytes < DISK_FREE_BYTES_MIN:
        return HealthCheck("disk", FAILING, free, _since(began))
    low = seen.disk_free_bytes * 100 < seen.disk_total_bytes * DISK_FREE_PERCENT_MIN
    return HealthCheck("disk", WARNING if low else PASSING, free, _since(began))


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1_000, 3)
