"""The WebSocket server: subscribe and unsubscribe requests in, notifications out, one queue per client.

A client that reads too slowly is disconnected rather than remembered for ever. What is told, and when, is the
business of `ws_subscriptions`.
"""

import asyncio
from collections.abc import Callable
from itertools import count

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from chimera.domain.errors import ConfigError
from chimera.localnet.chain import EmbeddedChain
from chimera.localnet.intercept import Intercept
from chimera.localnet.rpc import Interrupted, act_out
from chimera.localnet.rpc_accounts import account_filters
from chimera.localnet.rpc_call import ACCOUNT_ENCODINGS, Call, choice, commitment, data_slice, flag, pubkey
from chimera.localnet.rpc_call import signature as read_signature
from chimera.localnet.rpc_errors import (
    RpcError,
    invalid_params,
    invalid_request,
    method_not_found,
    parse_error,
)
from chimera.localnet.ws_subscriptions import AccountWish, LogsWish, SignatureWish, SlotWish, Subscriptions

MESSAGE_BYTES_MAX = 64 * 1024
QUEUE_MAX = 20_000  # notifications waiting for one client: some seconds of a busy chain
SUBSCRIPTIONS_MAX = 10_000  # of one client
LAGGING = b"subscription client is lagging"


class WsOptions(msgspec.Struct, frozen=True):
    host: str = "127.0.0.1"
    port: int = 8900
    """0 takes a free one."""


class WsServer:
    def __init__(
        self, chain: EmbeddedChain, options: WsOptions, *, intercept: Intercept | None = None
    ) -> None:
        self._chain, self._options = chain, options
        self.intercept = intercept
        self.subscriptions = Subscriptions(chain)
        self._numbers = count(1)
        self._clients: set[web.WebSocketResponse] = set()
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """The port. Raises ConfigError where it is taken."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._serve)
        app.on_shutdown.append(self._hang_up)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._options.host, self._options.port).start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigError(f"WebSocket port {self._options.port} cannot be used: {error}") from None
        self._runner = runner
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        self.subscriptions.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _hang_up(self, _app: web.Application) -> None:
        for client in tuple(self._clients):
            await client.close(code=WSCloseCode.GOING_AWAY)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=MESSAGE_BYTES_MAX, heartbeat=30.0)
        if not socket.can_prepare(request):
            return web.Response(status=400, text="WebSocket upgrade expected\n")
        await socket.prepare(request)
        self._clients.add(socket)
        client = _Client(self._chain, self.subscriptions, self._numbers)
        writing = asyncio.create_task(client.write_to(socket))
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT and message.type is not WSMsgType.BINARY:
                    continue
                try:
                    await client.read(message.data, self.intercept)
                except Interrupted:
                    break
        finally:
            client.close()
            writing.cancel()
            self._clients.discard(socket)
        return socket


class _Client:
    def __init__(self, chain: EmbeddedChain, subscriptions: Subscriptions, numbers: "count[int]") -> None:
        self._chain, self._subscriptions, self._numbers = chain, subscriptions, numbers
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_MAX)
        self._known: dict[int, tuple[str, Callable[[], None]]] = {}
        self._lagging = False
        self._then: list[Callable[[], None]] = []
        self._subscribe: dict[str, Callable[[Call, int], Callable[[], None]]] = {
            "account": self._account,
            "logs": self._logs,
            "program": self._program,
            "root": self._root,
            "signature": self._signature,
            "slot": self._slot,
        }

    async def write_to(self, socket: web.WebSocketResponse) -> None:
        """Sends what is queued, until cancelled, or until the client lags too far behind."""
        try:
            while True:
                message = await self._waiting.get()
                if self._lagging or message is None:
                    await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=LAGGING)
                    return
                await socket.send_str(message.decode())
        except (ConnectionError, OSError):
            return  # the reading side notices as well, and cleans up

    async def read(self, text: str | bytes, intercept: Intercept | None) -> None:
        """Handles one message, a batch included. Raises Interrupted for a fault that cuts the connection."""
        try:
            request = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            self._queue({"jsonrpc": "2.0", "error": parse_error().shown(), "id": None})
            return
        for one in request if isinstance(request, list) else [request]:
            await self._answer(one, intercept)

    def close(self) -> None:
        for _, take_back in self._known.values():
            take_back()
        self._known.clear()

    async def _answer(self, request: object, intercept: Intercept | None) -> None:
        identity = request.get("id") if isinstance(request, dict) else None
        answered: dict[str, object] = {"jsonrpc": "2.0"}
        try:
            if not isinstance(request, dict) or not isinstance(request.get("method"), str):
                raise invalid_request()
            params = request.get("params")
            if not isinstance(params, list | None):
                raise invalid_params("`params` should be an array")
            if intercept is not None:
                await act_out(await intercept(request["method"]))
            answered["result"] = self._perform(request["method"], Call(self._chain, params or []))
        except RpcError as error:
            answered["error"] = error.shown()
        self._queue({**answered, "id": identity})
        # Only behind the answer may the first notification come.
        then, self._then = self._then, []
        for tell in then:
            tell()

    def _perform(self, method: str, call: Call) -> object:
        for kind, subscribe in self._subscribe.items():
            if method == f"{kind}Subscribe":
                if len(self._known) >= SUBSCRIPTIONS_MAX:
                    raise invalid_request(f"Too many subscriptions; max {SUBSCRIPTIONS_MAX}")
                number = next(self._numbers)
                self._known[number] = kind, subscribe(call, number)
                return number
            if method == f"{kind}Unsubscribe":
                found = self._known.get(call.u64(0))
                if found is None or found[0] != kind:
                    raise invalid_params("Invalid subscription id.")
                del self._known[call.u64(0)]
                found[1]()
                return True
        raise method_not_found()

    def _account(self, call: Call, number: int) -> Callable[[], None]:
        return self._subscriptions.add_account(self._account_wish(call, number, "accountNotification"))

    def _program(self, call: Call, number: int) -> Callable[[], None]:
        return self._subscriptions.add_program(self._account_wish(call, number, "programNotification"))

    def _account_wish(self, call: Call, number: int, notification: str) -> AccountWish:
        key, config = call.pubkey(0), call.config(1)
        return AccountWish(
            key=key,
            commitment=commitment(config),
            encoding=choice(config, "encoding", ACCOUNT_ENCODINGS, "binary"),
            data_slice=data_slice(config),
            filters=account_filters(config),
            tell=self._teller(notification, number),
        )

    def _signature(self, call: Call, number: int) -> Callable[[], None]:
        config = call.config(1)
        wish = SignatureWish(
            signature=read_signature(call.value(0)),
            commitment=commitment(config),
            tell_received=flag(config, "enableReceivedNotification"),
            tell=self._teller("signatureNotification", number),
            done=lambda: self._forget(number),
        )
        self._then.append(lambda: self._subscriptions.catch_up(wish))
        return self._subscriptions.add_signature(wish)

    def _logs(self, call: Call, number: int) -> Callable[[], None]:
        match call.value(0):
            case "all" | "allWithVotes":
                mentions = None
            case {"mentions": [one]}:
                mentions = pubkey(one)
            case {"mentions": [*_]}:
                raise invalid_params("Invalid Request: Only 1 address supported")
            case _:
                raise invalid_params("Invalid params: expected `all`, `allWithVotes` or `mentions`.")
        tell = self._teller("logsNotification", number)
        return self._subscriptions.add_logs(LogsWish(mentions, commitment(call.config(1)), tell))

    def _slot(self, _call: Call, number: int) -> Callable[[], None]:
        return self._subscriptions.add_slots(SlotWish(False, self._teller("slotNotification", number)))

    def _root(self, _call: Call, number: int) -> Callable[[], None]:
        return self._subscriptions.add_slots(SlotWish(True, self._teller("rootNotification", number)))

    def _teller(self, method: str, number: int) -> Callable[[object], None]:
        def tell(result: object) -> None:
            params = {"result": result, "subscription": number}
            self._queue({"jsonrpc": "2.0", "method": method, "params": params})

        return tell

    def _forget(self, number: int) -> None:
        found = self._known.pop(number, None)
        if found is not None:
            found[1]()

    def _queue(self, message: dict[str, object]) -> None:
        try:
            self._waiting.put_nowait(msgspec.json.encode(message))
        except asyncio.QueueFull:
            self._lagging = True
