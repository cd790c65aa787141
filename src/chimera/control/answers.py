"""msgspec values as FastAPI answers, request bodies and OpenAPI schemas: one set of types for wire and docs."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from fastapi import Request, Response

from chimera.control import (
    breakers,
    correlation,
    incident_schemas,
    login_schemas,
    portfolio_schemas,
    rebalancer_schemas,
    report_schemas,
    schemas,
    steering_schemas,
)
from chimera.control.wire import Problem, encode

B = TypeVar("B")

REFS = "#/components/schemas/{name}"
DOCUMENTED: tuple[Any, ...] = (
    schemas.Problem,
    schemas.Health,
    schemas.Identity,
    schemas.Overview,
    schemas.Position,
    schemas.Page[schemas.Position],
    schemas.Page[schemas.Trade],
    schemas.Page[schemas.Wallet],
    schemas.TradeDetail,
    schemas.Decisions,
    schemas.Why,
    schemas.Because,
    schemas.KillBody,
    schemas.KillState,
    schemas.BreakerReset,
    schemas.Accepted,
    schemas.Marks,
    schemas.ExitBody,
    schemas.LevelsBody,
    schemas.HandLevels,
    schemas.WebhookBody,
    schemas.WebhookReply,
    *login_schemas.DOCUMENTED,
    *steering_schemas.DOCUMENTED,
    *report_schemas.DOCUMENTED,
    *incident_schemas.DOCUMENTED,
    *portfolio_schemas.DOCUMENTED,
    *rebalancer_schemas.DOCUMENTED,
    *breakers.DOCUMENTED,
    correlation.CorrelationTold,
)


def answer(value: Any, *, status: int = 200) -> Response:
    return Response(encode(value), status_code=status, media_type="application/json")


async def read_body(request: Request, kind: type[B]) -> B:
    """The body as `kind`; raises Problem 415 or 400 that says what is wrong with it."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "Content-Type must be application/json.")
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"The body is not what it should be: {error}", code="INVALID_BODY") from None


def described(kind: Any, *, status: int = 200, text: str = "Success") -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: its answer and what a refusal looks like."""
    problem = _content(schemas.Problem)
    return {
        status: {"description": text, "content": _content(kind)},
        401: {"description": "No key, or a wrong one", "content": problem},
        403: {"description": "The key's role does not suffice", "content": problem},
        429: {"description": "Too many calls", "content": problem},
        "default": {"description": "Anything else that was not done, and why", "content": problem},
    }


def takes(kind: Any) -> dict[str, Any]:
    """`openapi_extra=` of a route with a body."""
    return {"requestBody": {"required": True, "content": _content(kind)}}


def components() -> Mapping[str, Any]:
    """Schemas of everything documented, for OpenAPI's components."""
    _, schemas_by_name = msgspec.json.schema_components(DOCUMENTED, ref_template=REFS)
    plain: dict[str, Any] = _without_tuples(schemas_by_name)
    return plain


def _without_tuples(schema: Any) -> Any:
    """Tuples as arrays of either: many readers of OpenAPI stumble over `prefixItems`."""
    match schema:
        case {"prefixItems": parts, **rest}:
            either = [_without_tuples(part) for part in parts]
            return {**rest, "items": {"anyOf": either}}
        case dict():
            return {name: _without_tuples(part) for name, part in schema.items()}
        case list():
            return [_without_tuples(part) for part in schema]
        case _:
            return schema


def _content(kind: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components((kind,), ref_template=REFS)
    return {"application/json": {"schema": schema}}
