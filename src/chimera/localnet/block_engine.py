"""A Jito block engine in front of the embedded chain: JSON-RPC over HTTP, paths and words as Jito's.

  POST /api/v1/bundles        sendBundle getBundleStatuses getInflightBundleStatuses getTipAccounts
  POST /api/v1/transactions   sendTransaction (?bundleOnly=true: as a bundle of one; its id in x-bundle-id)
  POST /api/v1/<method>       the three questions, each under its own path too
  GET  /api/v1/bundles/tip_floor

Refusals are HTTP 400 with a JSON-RPC error, as Jito answers them. Rules and order of bundles are the auction's.
"""

import asyncio
import base64
import binascii
import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import msgspec
from aiohttp import web

from chimera.domain.errors import ConfigError
from chimera.localnet.auction import Auction, BundleRefused
from chimera.localnet.chain import EmbeddedChain
from chimera.localnet.encode_bytes import base58_decode
from chimera.localnet.intercept import UNTOUCHED, FaultDecision, Intercept, SendFault
from chimera.localnet.tips import locks_tip_account, tip_genesis
from chimera.localnet.wire import WireError, parse_transaction
from chimera.onchain.tips import TIP_ACCOUNTS

__all__ = ["TIP_ACCOUNTS", "BlockEngine", "BlockEngineOptions", "tip_genesis"]

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
CONGESTED = -32097
CONGESTED_TEXT = "Network congested. Endpoint is globally rate limited."
BODY_BYTES_MAX = 64 * 1024  # five transactions of 1,232 bytes are 9 kB in base58
IDS_MAX = 5
LAMPORTS_PER_SOL = 10**9
FAULT_PREFIX = "jito:"
"""Before a method's name where faults are asked for: sendTransaction is also a node's method."""


class BlockEngineOptions(msgspec.Struct, frozen=True):
    host: str = "127.0.0.1"
    port: int = 8898
    """0 takes a free one."""
    auction_every_s: float = 0.05
    """Jito's own is 0.2; shorter, so that a bundle keeps up with the shorter slots of a test."""


class MethodError(Exception):
    def __init__(self, code: int, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Call(msgspec.Struct):
    method: str
    params: list[object] = msgspec.field(default_factory=list)
    id: int | str | float | None = None
    jsonrpc: str = "2.0"


class BlockEngine:
    def __init__(
        self,
        chain: EmbeddedChain,
        options: BlockEngineOptions,
        *,
        now: Callable[[], float],
        intercept: Intercept | None = None,
    ) -> None:
        self._chain, self._options, self._now = chain, options, now
        self._intercept = intercept
        self.auction = Auction(chain, now=now)
        self._questions: Mapping[str, Callable[[Sequence[object]], object]] = {
            "getBundleStatuses": self._bundle_statuses,
            "getInflightBundleStatuses": self._inflight_statuses,
            "getTipAccounts": self._tip_accounts,
        }
        self._runner: web.AppRunner | None = None
        self._auctions: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """The port. Raises ConfigError where it is taken."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_get("/api/v1/bundles/tip_floor", self._tip_floor)
        for path in ("bundles", "transactions", *self._questions):
            app.router.add_post(f"/api/v1/{path}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, self._options.host, self._options.port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigError(f"block engine port {self._options.port} cannot be used: {error}") from None
        self._runner = runner
        self._auctions = asyncio.create_task(self._hold_auctions(), name="jito-auctions")
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        if self._auctions is not None:
            self._auctions.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _hold_auctions(self) -> None:
        while True:
            await asyncio.sleep(self._options.auction_every_s)
            self.auction.run()

    # -- HTTP -----------------------------------------------------------------------------------------------

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            call = msgspec.json.decode(await request.read(), type=Call)
        except web.HTTPRequestEntityTooLarge:
            return _failure(None, MethodError(INVALID_REQUEST, "request body too large", status=413))
        except msgspec.ValidationError as error:
            return _failure(None, MethodError(INVALID_REQUEST, f"Invalid request: {error}"))
        except msgspec.DecodeError:
            return _failure(None, MethodError(PARSE_ERROR, "Parse error"))
        decision = await self._decide(call.method)
        if decision.delay_seconds:
            await asyncio.sleep(decision.delay_seconds)
        if decision.drop:
            return _hang_up(request)
        if decision.http_status is not None:
            return _unwilling(call, decision)
        try:
            result, headers = await self._handle(call, request, decision)
        except MethodError as error:
            return _failure(call.id, error)
        if decision.drop_answer:
            return _hang_up(request)
        body = msgspec.json.encode({"jsonrpc": "2.0", "result": result, "id": call.id})
        return web.Response(body=body, content_type="application/json", headers=headers)

    async def _decide(self, method: str) -> FaultDecision:
        return UNTOUCHED if self._intercept is None else await self._intercept(FAULT_PREFIX + method)

    async def _handle(
        self, call: Call, request: web.Request, decision: FaultDecision
    ) -> tuple[object, dict[str, str]]:
        if call.method == "sendBundle":
            return self._send_bundle(call.params, decision), {}
        if call.method == "sendTransaction":
            alone = request.query.get("bundleOnly", "").lower() == "true"
            return self._send_transaction(call.params, decision, bundle_only=alone)
        question = self._questions.get(call.method)
        if question is None:
            raise MethodError(METHOD_NOT_FOUND, "Method not found")
        return question(call.params), {}

    async def _tip_floor(self, request: web.Request) -> web.StreamResponse:
        decision = await self._decide("tip_floor")
        if decision.delay_seconds:
            await asyncio.sleep(decision.delay_seconds)
        if decision.drop:
            return _hang_up(request)
        if decision.http_status is not None:
            return web.Response(status=decision.http_status)
        floor = self.auction.tip_floor()
        at = dt.datetime.fromtimestamp(self._now(), tz=dt.UTC)
        shown = {
            "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "landed_tips_25th_percentile": floor.p25 / LAMPORTS_PER_SOL,
            "landed_tips_50th_percentile": floor.p50 / LAMPORTS_PER_SOL,
            "landed_tips_75th_percentile": floor.p75 / LAMPORTS_PER_SOL,
            "landed_tips_95th_percentile": floor.p95 / LAMPORTS_PER_SOL,
            "landed_tips_99th_percentile": floor.p99 / LAMPORTS_PER_SOL,
            "ema_landed_tips_50th_percentile": floor.ema_p50 / LAMPORTS_PER_SOL,
        }
        return web.Response(body=msgspec.json.encode([shown]), content_type="application/json")

    # -- methods --------------------------------------------------------------------------------------------

    def _send_bundle(self, params: Sequence[object], decision: FaultDecision) -> str:
        wires = _transactions(params)
        try:
            bundle = self.auction.enter(
                wires,
                late_slots=decision.land_after_slots if decision.send is SendFault.LATE else 0,
                vanish=decision.send is SendFault.LOST,
            )
            if decision.send is SendFault.TWICE:
                self.auction.enter(wires)
        except BundleRefused as error:
            raise MethodError(INVALID_PARAMS, str(error)) from None
        return bundle.id

    def _send_transaction(
        self, params: Sequence[object], decision: FaultDecision, *, bundle_only: bool
    ) -> tuple[str, dict[str, str]]:
        (wire,) = _transactions([[params[0]] if params else [], *params[1:]])
        late = decision.land_after_slots if decision.send is SendFault.LATE else 0
        lost = decision.send is SendFault.LOST
        try:
            transaction = parse_transaction(wire)
        except WireError as error:
            raise MethodError(INVALID_PARAMS, str(error)) from None
        if not locks_tip_account(transaction):
            raise MethodError(INVALID_PARAMS, "Transaction must write lock at least one tip account")
        signature = str(transaction.signatures[0])
        if bundle_only:
            try:
                bundle = self.auction.enter([wire], late_slots=late, vanish=lost)
            except BundleRefused as error:
                raise MethodError(INVALID_PARAMS, str(error)) from None
            return signature, {"x-bundle-id": bundle.id}
        if late:
            self.auction.delay(wire, late_slots=late)
        elif not lost:
            self._chain.submit(wire)
        return signature, {}

    def _bundle_statuses(self, params: Sequence[object]) -> object:
        landed = [self.auction.landed(identity) for identity in _identities(params)]
        value = [
            {
                "bundle_id": one.id,
                "transactions": [str(signature) for signature in one.signatures],
                "slot": one.slot,
                "confirmation_status": one.commitment.value,
                "err": {"Ok": None},
            }
            for one in landed
            if one is not None  # Jito leaves out what has not landed
        ]
        return {"context": {"slot": self._chain.slot}, "value": value}

    def _inflight_statuses(self, params: Sequence[object]) -> object:
        value = []
        for identity in _identities(params):
            state, slot = self.auction.inflight(identity)
            value.append({"bundle_id": identity, "status": state.value, "landed_slot": slot})
        return {"context": {"slot": self._chain.slot}, "value": value}

    def _tip_accounts(self, _params: Sequence[object]) -> object:
        return list(TIP_ACCOUNTS)


def _transactions(params: Sequence[object]) -> list[bytes]:
    """The bytes of params [[text, ...], {"encoding": ...}]; base58 where no encoding is named."""
    texts = params[0] if params else None
    options = params[1] if len(params) > 1 else {}
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise MethodError(INVALID_PARAMS, "Invalid params: expected an array of encoded transactions")
    encoding = options.get("encoding", "base58") if isinstance(options, dict) else None
    if encoding not in ("base58", "base64"):
        raise MethodError(INVALID_PARAMS, "Invalid params: encoding must be base58 or base64")
    wires = []
    for number, text in enumerate(texts):
        try:
            wires.append(
                base64.b64decode(text, validate=True) if encoding == "base64" else base58_decode(text)
            )
        except (binascii.Error, ValueError):
            raise MethodError(INVALID_PARAMS, f"transaction #{number} could not be decoded") from None
    return wires


def _identities(params: Sequence[object]) -> list[str]:
    wanted = params[0] if params else None
    if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
        raise MethodError(INVALID_PARAMS, "Invalid params: expected an array of bundle ids")
    if len(wanted) > IDS_MAX:
        raise MethodError(INVALID_PARAMS, f"Invalid params: at most {IDS_MAX} bundle ids")
    return [str(one) for one in wanted]


def _failure(identity: object, error: MethodError) -> web.Response:
    body = {"jsonrpc": "2.0", "error": {"code": error.code, "message": error.message}, "id": identity}
    return web.Response(status=error.status, body=msgspec.json.encode(body), content_type="application/json")


def _unwilling(call: Call, decision: FaultDecision) -> web.Response:
    status = decision.http_status or 503
    if status == 429:
        response = _failure(call.id, MethodError(CONGESTED, CONGESTED_TEXT, status=429))
        if decision.retry_after_seconds is not None:
            response.headers["Retry-After"] = str(decision.retry_after_seconds)
        return response
    return web.Response(status=status, text="upstream unavailable")


def _hang_up(request: web.Request) -> web.Response:
    """Closes the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
