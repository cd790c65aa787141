"""JSON-RPC 2.0 on the embedded chain: from a request's bytes to the answer's, batches included.

Knows the protocol, not the transport: `rpc_http` serves it. Methods are plain functions in the rpc_* modules,
each module with its own table.
"""

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from chimera.localnet import rpc_accounts, rpc_cluster, rpc_history, rpc_send
from chimera.localnet.chain import EmbeddedChain
from chimera.localnet.intercept import UNTOUCHED, FaultDecision, Intercept
from chimera.localnet.rpc_call import Call
from chimera.localnet.rpc_errors import (
    RpcError,
    invalid_params,
    invalid_request,
    method_not_found,
    node_unhealthy,
    parse_error,
)

Method = Callable[[Call], object]

METHODS: Mapping[str, Method] = {
    **rpc_accounts.METHODS,
    **rpc_cluster.METHODS,
    **rpc_history.METHODS,
    **rpc_send.METHODS,
}


class Interrupted(Exception):
    """A fault that the transport must act out: no answer, or an HTTP status in its place."""

    def __init__(self, decision: FaultDecision) -> None:
        super().__init__("interrupted by a fault")
        self.decision = decision


class RpcFront:
    """One per chain. `intercept` may be set at any time."""

    def __init__(self, chain: EmbeddedChain, *, intercept: Intercept | None = None) -> None:
        self.chain = chain
        self.intercept = intercept

    async def answer(self, body: bytes) -> bytes:
        """The answer's bytes, empty when nothing is to be answered. Raises Interrupted."""
        try:
            request = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError):
            return _encode(_failed(None, parse_error()))
        if not isinstance(request, list):
            answered = await self._answer_one(request)
            return b"" if answered is None else _encode(answered)
        if not request:
            return _encode(_failed(None, invalid_request()))
        answers = [answered for one in request if (answered := await self._answer_one(one)) is not None]
        return _encode(answers) if answers else b""

    async def _answer_one(self, request: object) -> object:
        """The response object; None for a notification."""
        identity = request.get("id") if isinstance(request, dict) else None
        if not isinstance(request, dict) or isinstance(identity, bool | list | dict):
            return _failed(None, invalid_request())
        method, params = request.get("method"), request.get("params")
        if request.get("jsonrpc") != "2.0":
            return _failed(identity, invalid_request("Unsupported JSON-RPC protocol version"))
        if not isinstance(method, str):
            return _failed(identity, invalid_request())
        try:
            result = await self._perform(method, params)
        except RpcError as error:
            answered = _failed(identity, error)
        else:
            answered = {"jsonrpc": "2.0", "result": result, "id": identity}
        return answered if "id" in request else None

    async def _perform(self, name: str, params: object) -> object:
        method = METHODS.get(name)
        if method is None:
            raise method_not_found()
        if params is None:
            params = []
        if not isinstance(params, list):
            raise invalid_params("`params` should be an array")
        decision = UNTOUCHED if self.intercept is None else await self.intercept(name)
        if decision is not UNTOUCHED:
            await act_out(decision)
        result = method(Call(self.chain, params, decision=decision))
        if decision.drop_answer:
            raise Interrupted(decision)
        return result


async def act_out(decision: FaultDecision) -> None:
    """Waits as decided. Raises Interrupted where the transport must act, RpcError where the node is unwell."""
    if decision.delay_seconds:
        await asyncio.sleep(decision.delay_seconds)
    if decision.drop or decision.http_status is not None:
        raise Interrupted(decision)
    if decision.unhealthy_slots is not None:
        raise node_unhealthy(decision.unhealthy_slots or None)


def _failed(identity: object, error: RpcError) -> dict[str, object]:
    return {"jsonrpc": "2.0", "error": error.shown(), "id": identity}


def _encode(value: object) -> bytes:
    return msgspec.json.encode(value)
