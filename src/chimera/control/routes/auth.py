"""Logging in by wallet, staying in, leaving, and showing a second factor."""

import base64
import binascii
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from chimera.control.answers import answer, described, read_body, takes
from chimera.control.auth import Doorkeeper, Role
from chimera.control.challenge import Challenge
from chimera.control.login_schemas import (
    ChallengeBody,
    CodeBody,
    Done,
    LoginAnswer,
    RefreshBody,
    StepUpAnswer,
    StepUpBody,
    WalletBody,
)
from chimera.control.schemas import Identity as Who
from chimera.control.sessions import Enrolment, Factors, Login, Sessions
from chimera.control.wire import Problem
from chimera.ports.store import KeyHolder

OPEN: dict[str, Any] = {"security": []}


def auth_routes(doorkeeper: Doorkeeper, sessions: Sessions) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/auth", tags=["identity"])
    anyone = Annotated[KeyHolder, Depends(doorkeeper.needs(Role.READONLY))]
    counted = Depends(doorkeeper.counted)

    @routes.post(
        "/challenge",
        dependencies=[counted],
        openapi_extra={**takes(ChallengeBody), **OPEN},
        responses=described(Challenge),
        summary="A text for a wallet to sign: for one address, this site and two minutes, good once",
    )
    async def challenge(request: Request) -> Response:
        body = await read_body(request, ChallengeBody)
        if body.purpose not in {"login", "step-up"}:
            raise Problem(400, "purpose is login or step-up.", code="INVALID_BODY")
        made = sessions.challenge(body.address, host=_host(request), purpose=body.purpose)
        return _private(answer(made))

    @routes.post(
        "/wallet",
        dependencies=[counted],
        openapi_extra={**takes(WalletBody), **OPEN},
        responses=described(LoginAnswer),
        summary="Log in with a signed challenge",
    )
    async def wallet(request: Request) -> Response:
        body = await read_body(request, WalletBody)
        with doorkeeper.guessing(request):
            login = await sessions.login(
                body.address, body.message, _signature(body.signature), host=_host(request)
            )
        return _logged_in(login)

    @routes.post(
        "/refresh",
        dependencies=[counted],
        openapi_extra={**takes(RefreshBody), **OPEN},
        responses=described(LoginAnswer),
        summary="The next token of a login; each refresh token is good once",
    )
    async def refresh(request: Request) -> Response:
        body = await read_body(request, RefreshBody)
        with doorkeeper.guessing(request):
            login = await sessions.refresh(body.refresh_token)
        return _logged_in(login)

    @routes.post("/logout", responses=described(Done), summary="End this login everywhere")
    async def logout(holder: anyone) -> Response:
        await sessions.logout(holder)
        return _private(answer(Done()))

    @routes.get("/factors", responses=described(Factors), summary="Which second factors you have")
    async def factors(holder: anyone) -> Response:
        return _private(answer(await sessions.factors(holder)))

    @routes.post(
        "/totp", responses=described(Enrolment), summary="Begin to enrol an authenticator app; told once"
    )
    async def enrol(request: Request, holder: anyone) -> Response:
        await sessions.demand(holder, request.headers.get("x-step-up", ""))
        return _private(answer(await sessions.enrol(holder)))

    @routes.post(
        "/totp/confirm",
        openapi_extra=takes(CodeBody),
        responses=described(Done),
        summary="Confirm the app by its first code; from then on it is asked for",
    )
    async def confirm(request: Request, holder: anyone) -> Response:
        await sessions.take_code(holder, (await read_body(request, CodeBody)).code)
        return _private(answer(Done()))

    @routes.delete("/totp", responses=described(Done), summary="Remove the authenticator app")
    async def forget(request: Request, holder: anyone) -> Response:
        await sessions.demand(holder, request.headers.get("x-step-up", ""))
        return _private(answer(Done(success=await sessions.forget(holder))))

    @routes.post(
        "/step-up",
        openapi_extra=takes(StepUpBody),
        responses=described(StepUpAnswer),
        summary="Show a second factor; the token goes as X-Step-Up with one protected action",
    )
    async def step_up(request: Request, holder: anyone) -> Response:
        body = await read_body(request, StepUpBody)
        if (body.code is None) == (body.wallet is None):
            raise Problem(400, "Send either code or wallet.", code="INVALID_BODY")
        if body.code is not None:
            if not (await sessions.factors(holder)).totp:
                raise Problem(409, "No authenticator app is enrolled.")
            await sessions.take_code(holder, body.code)
        elif body.wallet is not None:
            await sessions.step_up_by_wallet(
                holder,
                address=body.wallet.address,
                message=body.wallet.message,
                signature=_signature(body.wallet.signature),
                host=_host(request),
            )
        return _private(answer(StepUpAnswer(token=sessions.stepped_up(holder))))

    return routes


def _logged_in(login: Login) -> Response:
    who = Who(identifier=login.holder.identifier, role=login.holder.role)
    return _private(answer(LoginAnswer(token=login.token, refresh_token=login.refresh, user=who)))


def _private(response: Response) -> Response:
    response.headers["cache-control"] = "no-store"
    return response


def _host(request: Request) -> str:
    return request.headers.get("host", "").lower()


def _signature(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Problem(400, "signature is base64 of 64 bytes.", code="INVALID_BODY") from None
