"""The roster: who is copied, looked at, promoted, demoted, for how long, one by one or many at once."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from chimera.control.answers import answer, described, read_body, takes
from chimera.control.auth import Doorkeeper, Role
from chimera.control.context import context
from chimera.control.exports import Table, attachment, rows_of
from chimera.control.orders import perform, printable
from chimera.control.schemas import Wallet, wallet_of
from chimera.control.steering_schemas import (
    ADDRESS,
    NewWallet,
    WalletChange,
    WalletChanged,
    WalletsChange,
    WalletsChanged,
)
from chimera.control.wire import Problem
from chimera.domain.commands import Answer, ChangeWallet
from chimera.domain.ids import Address
from chimera.ports.store import KeyHolder

HOUR_MS = 3_600_000
PATH = "/{address}"
Known = Annotated[str, Path(pattern=ADDRESS)]
EXPORTED_MAX = 10_000
CATCH_UP_TRIES, CATCH_UP_STEP_S = 20, 0.05  # the recorder folds several times a second
HEARD_AFTER = 2  # of those tries, an entry of ours has come round to us


def wallet_routes(doorkeeper: Doorkeeper) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/wallets", tags=["wallets"])
    readonly = Depends(doorkeeper.needs(Role.READONLY))
    operator = Annotated[KeyHolder, Depends(doorkeeper.needs(Role.OPERATOR))]

    @routes.post(
        "",
        responses=described(WalletChanged, status=201, text="On the roster"),
        openapi_extra=takes(NewWallet),
        status_code=201,
        summary="Take a wallet onto the roster",
    )
    async def add(request: Request, holder: operator) -> Response:
        body = await read_body(request, NewWallet)
        wish = _command(body.address, body, holder, new=True)
        done = await perform(request, wish)
        await _in_tables(request, wish)
        return answer(_changed(body.address, done), status=201)

    @routes.post(
        "/bulk",
        responses=described(WalletsChanged),
        openapi_extra=takes(WalletsChange),
        summary="Promote or demote many; each says how it went",
    )
    async def bulk(request: Request, holder: operator) -> Response:
        body = await read_body(request, WalletsChange)
        items, last = [], None
        for address in dict.fromkeys(body.addresses):
            try:
                wish = _command(address, body, holder)
                items.append(_changed(address, await perform(request, wish)))
                last = wish
            except Problem as problem:
                items.append(
                    WalletChanged(
                        address=address,
                        ok=False,
                        code=problem.code,
                        message=problem.message,
                        before="",
                        after="",
                    )
                )
        if last is not None:
            await _in_tables(request, last)  # they are written in order
        return answer(WalletsChanged(items))

    @routes.get(
        "/export",
        dependencies=[readonly],
        responses=attachment("csv", "json"),
        summary="The roster as a file",
    )
    async def export(request: Request, format: str = "csv") -> Response:  # noqa: A002 - the query's name
        reader = context(request).deps.reader
        rows = await asyncio.to_thread(
            rows_of, lambda limit, offset: reader.wallets(limit=limit, offset=offset), EXPORTED_MAX
        )
        return Table("wallets", [wallet_of(row) for row in rows]).response(format, known=("csv", "json"))

    @routes.get(PATH, dependencies=[readonly], responses=described(Wallet), summary="One wallet")
    async def wallet(request: Request, address: Known) -> Response:
        page = await asyncio.to_thread(context(request).deps.reader.wallets, address=address, limit=1)
        if not page.items:
            raise Problem(404, "This wallet is not on the roster.")
        return answer(wallet_of(page.items[0]))

    @routes.put(
        PATH,
        responses=described(WalletChanged),
        openapi_extra=takes(WalletChange),
        summary="Promote or demote a wallet, for a time or for good",
    )
    async def change(request: Request, address: Known, holder: operator) -> Response:
        body = await read_body(request, WalletChange)
        wish = _command(address, body, holder)
        done = await perform(request, wish)
        await _in_tables(request, wish)
        return answer(_changed(address, done))

    return routes


def _command(address: str, body: WalletChange, holder: KeyHolder, *, new: bool = False) -> ChangeWallet:
    return ChangeWallet(
        address=Address(address),
        status=body.status,
        cause=printable(body.reason),
        by=holder.identifier,
        ttl_ms=None if body.ttl_hours is None else body.ttl_hours * HOUR_MS,
        strategy=body.strategy,
        notes=body.notes,
        new=new,
    )


async def _in_tables(request: Request, wish: ChangeWallet) -> None:
    """Returns once the tables show the change, or after a second: then they are behind, and health says so."""
    around = context(request)
    reader = around.deps.reader
    for tried in range(CATCH_UP_TRIES):
        page = await asyncio.to_thread(reader.wallets, address=wish.address, limit=1)
        row = page.items[0] if page.items else None
        if (
            row is not None
            and row.status == wish.status
            and wish.strategy in (None, row.strategy)
            and wish.notes in (None, row.notes)
            and (row.active_until_ms is None) == (wish.ttl_ms is None)
        ):
            return
        if tried >= HEARD_AFTER and await asyncio.to_thread(reader.last_seq) >= around.stream.replica.seq:
            return  # they have all that was heard: somebody else has changed it again
        await asyncio.sleep(CATCH_UP_STEP_S)


def _changed(address: str, done: Answer) -> WalletChanged:
    return WalletChanged(address=address, ok=True, message=done.message, before=done.before, after=done.after)
