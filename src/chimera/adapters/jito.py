"""A Jito block engine over JSON-RPC: bundles in, what became of them, and what tips cost.

Each call goes once; whether to ask again is the caller's decision. A bundle id is a receipt, neither a
signature nor a sign that anything landed: what landed is asked of the chain, by signature. Must not know
intents or trades, builds no tip, and never logs a URL, which may carry a key.
"""

import asyncio
import base64
import itertools
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from types import TracebackType
from typing import Any, NewType, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from chimera.domain.chain import Commitment
from chimera.domain.errors import ConfigError, Garbled, RateLimited, Rejected, Unreachable
from chimera.domain.ids import Address, Signature, Slot
from chimera.domain.units import LAMPORTS_PER_SOL, Lamports
from chimera.ports.chain import TipFloor

T = TypeVar("T")

BundleId = NewType("BundleId", str)
"""SHA-256 over the bundle's signatures, in hex. Never a Signature, although both are text."""

WHO = "jito"
BUNDLE_TRANSACTIONS_MAX = 5
IDS_MAX = 5  # of a status call
ANSWER_BYTES_MAX = 1024 * 1024
RETRY_AFTER_S = 1.0  # Jito's limits count by the second; where it says nothing
CONGESTED = -32097  # its own code for "globally rate limited"
TOO_MANY = 429


class BundleState(StrEnum):
    INVALID = "Invalid"
    """The engine does not know it, or not any more: nothing is known of its fate."""
    PENDING = "Pending"
    FAILED = "Failed"
    LANDED = "Landed"


class BundleStatus(msgspec.Struct, frozen=True):
    bundle: BundleId
    state: BundleState
    landed_slot: Slot | None


class LandedBundle(msgspec.Struct, frozen=True):
    bundle: BundleId
    signatures: tuple[Signature, ...]
    slot: Slot
    commitment: Commitment


class JitoClient:
    def __init__(
        self,
        url: str,
        *,
        tip_floor_url: str | None = None,
        auth: str | None = None,
        timeout_s: float = 2.0,
    ) -> None:
        """`url`: of the engine, without a path. `tip_floor_url`: its full address, for engines that have it
        elsewhere (Jito: bundles.jito.wtf). `auth`: the UUID for higher limits, where one was given.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("the block engine's url must be http://host[:port] or https://host[:port]")
        self._base = url.rstrip("/") + "/api/v1"
        self._tip_floor_url = tip_floor_url or f"{self._base}/bundles/tip_floor"
        self._headers = {"Content-Type": "application/json"} | ({"x-jito-auth": auth} if auth else {})
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._ids = itertools.count(1)

    async def send_bundle(self, transactions: Sequence[bytes]) -> BundleId:
        """The receipt for 1 to 5 signed transactions, which will land together or not at all.

        Unreachable says nothing about whether they will. Rejected: they were not let in, and why.
        """
        if not 1 <= len(transactions) <= BUNDLE_TRANSACTIONS_MAX:
            raise ValueError(
                f"a bundle has 1 to {BUNDLE_TRANSACTIONS_MAX} transactions, not {len(transactions)}"
            )
        texts = [base64.b64encode(one).decode() for one in transactions]
        result, _ = await self._call("bundles", "sendBundle", [texts, {"encoding": "base64"}], str)
        return BundleId(result)

    async def send_transaction(
        self, transaction: bytes, *, bundle_only: bool
    ) -> tuple[Signature, BundleId | None]:
        """(signature, the bundle it became, if any). `bundle_only`: it lands well or leaves no trace."""
        text = base64.b64encode(transaction).decode()
        path = "transactions?bundleOnly=true" if bundle_only else "transactions"
        params = [text, {"encoding": "base64"}]
        result, headers = await self._call(path, "sendTransaction", params, str)
        bundle = headers.get("x-bundle-id")
        return Signature(result), BundleId(bundle) if bundle else None

    async def statuses(self, bundles: Sequence[BundleId]) -> tuple[BundleStatus, ...]:
        """What the engine says of up to five bundles of the last five minutes, in the order asked for."""
        answer, _ = await self._ask(
            "getInflightBundleStatuses", "getInflightBundleStatuses", [_few(bundles)], _Inflight
        )
        known = {one.bundle_id: one for one in (answer.value if answer else None) or [] if one is not None}
        found = []
        for bundle in bundles:
            one = known.get(bundle)
            state = BundleState.INVALID if one is None else one.status
            slot = None if one is None or one.landed_slot is None else Slot(one.landed_slot)
            found.append(BundleStatus(bundle, state, slot))
        return tuple(found)

    async def landed(self, bundles: Sequence[BundleId]) -> tuple[LandedBundle | None, ...]:
        """Where each of up to five bundles stands on chain, in the order asked for; None: it is not there."""
        answer, _ = await self._ask("getBundleStatuses", "getBundleStatuses", [_few(bundles)], _OnChain)
        known = {one.bundle_id: one for one in (answer.value if answer else None) or [] if one is not None}
        return tuple(_landed(bundle, known.get(bundle)) for bundle in bundles)

    async def tip_accounts(self) -> tuple[Address, ...]:
        result, _ = await self._call("getTipAccounts", "getTipAccounts", [], list[str])
        if not result:
            raise Garbled(WHO, "getTipAccounts: none")
        return tuple(map(Address, result))

    async def tip_floor(self) -> TipFloor:
        status, headers, body = await self._exchange("tip_floor", "GET", self._tip_floor_url, None)
        _refuse_status("tip_floor", status, headers, body)
        try:
            shown = msgspec.json.decode(body, type=list[_Floor])
        except msgspec.DecodeError as error:
            raise Garbled(WHO, f"tip_floor: {error}") from None
        if not shown:
            raise Garbled(WHO, "tip_floor: empty")
        one = shown[0]
        return TipFloor(
            p25_lamports=_lamports(one.landed_tips_25th_percentile),
            p50_lamports=_lamports(one.landed_tips_50th_percentile),
            p75_lamports=_lamports(one.landed_tips_75th_percentile),
            p95_lamports=_lamports(one.landed_tips_95th_percentile),
            p99_lamports=_lamports(one.landed_tips_99th_percentile),
            ema_p50_lamports=_lamports(one.ema_landed_tips_50th_percentile),
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- inside ---------------------------------------------------------------------------------------------

    async def _call(
        self, path: str, method: str, params: list[Any], shape: type[T]
    ) -> tuple[T, Mapping[str, str]]:
        """(result, HTTP headers), where null would be none."""
        result, headers = await self._ask(path, method, params, shape)
        if result is None:
            raise Garbled(WHO, f"{method}: null")
        return result, headers

    async def _ask(
        self, path: str, method: str, params: list[Any], shape: type[T]
    ) -> tuple[T | None, Mapping[str, str]]:
        question = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        url = f"{self._base}/{path}"
        status, headers, body = await self._exchange(method, "POST", url, msgspec.json.encode(question))
        # Refusals come as HTTP 400 with a JSON-RPC error in it, so the body is looked at first.
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except msgspec.DecodeError as error:
            _refuse_status(method, status, headers, body)
            raise Garbled(WHO, f"{method}: {error}") from None
        if answer.error is not None:
            if answer.error.code == CONGESTED or status == TOO_MANY:
                raise RateLimited(WHO, f"{method}: {answer.error.message}", _retry_after(headers))
            raise Rejected(WHO, f"{method}: {answer.error.message}", answer.error.code, answer.error.data)
        _refuse_status(method, status, headers, body)
        if bytes(answer.result) == b"null":
            return None, headers
        try:
            return msgspec.json.decode(answer.result, type=shape), headers
        except msgspec.DecodeError as error:
            raise Garbled(WHO, f"{method}: {error}") from None

    async def _exchange(
        self, what: str, verb: str, url: str, body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers)
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.request(verb, url, data=body) as response,
            ):
                answer = await response.content.read(ANSWER_BYTES_MAX + 1)
                while len(answer) <= ANSWER_BYTES_MAX and not response.content.at_eof():
                    answer += await response.content.read(ANSWER_BYTES_MAX + 1 - len(answer))
                if len(answer) > ANSWER_BYTES_MAX:
                    raise Garbled(WHO, f"{what}: an answer of more than {ANSWER_BYTES_MAX} bytes")
                return response.status, response.headers, answer
        except TimeoutError:
            raise Unreachable(WHO, f"{what}: no answer within {self._timeout_s:.1f} s") from None
        except (aiohttp.ClientError, OSError) as error:
            # The class says enough; the text of some holds the URL.
            raise Unreachable(WHO, f"{what}: {type(error).__name__}") from None


class _Error(msgspec.Struct):
    code: int
    message: str
    data: object = None


class _Answer(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Error | None = None


class _InflightOne(msgspec.Struct):
    bundle_id: str
    status: BundleState
    landed_slot: int | None = None


class _Inflight(msgspec.Struct):
    value: list[_InflightOne | None] | None = None


class _OnChainOne(msgspec.Struct):
    bundle_id: str
    transactions: list[str]
    slot: int
    confirmation_status: Commitment | None = None
    confirmationStatus: Commitment | None = None  # noqa: N815 - the documents have both spellings


class _OnChain(msgspec.Struct):
    value: list[_OnChainOne | None] | None = None


class _Floor(msgspec.Struct):
    landed_tips_25th_percentile: Decimal
    landed_tips_50th_percentile: Decimal
    landed_tips_75th_percentile: Decimal
    landed_tips_95th_percentile: Decimal
    landed_tips_99th_percentile: Decimal
    ema_landed_tips_50th_percentile: Decimal


def _landed(bundle: BundleId, one: _OnChainOne | None) -> LandedBundle | None:
    if one is None:
        return None
    commitment = one.confirmation_status or one.confirmationStatus or Commitment.PROCESSED
    return LandedBundle(bundle, tuple(map(Signature, one.transactions)), Slot(one.slot), commitment)


def _few(bundles: Sequence[BundleId]) -> list[str]:
    if len(bundles) > IDS_MAX:
        raise ValueError(f"at most {IDS_MAX} bundles a question, not {len(bundles)}")
    return list(bundles)


def _lamports(sol: Decimal) -> Lamports:
    return Lamports(int((sol * LAMPORTS_PER_SOL).to_integral_value(ROUND_CEILING)))


def _refuse_status(what: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    if status == TOO_MANY:
        raise RateLimited(WHO, f"{what}: HTTP 429", _retry_after(headers))
    if status >= 500:
        raise Unreachable(WHO, f"{what}: HTTP {status}")
    if status >= 400:
        text = body[:200].decode(errors="replace")
        raise Rejected(WHO, f"{what}: HTTP {status}: {text}", status)


def _retry_after(headers: Mapping[str, str]) -> float:
    try:
        return max(0.0, float(headers.get("Retry-After", RETRY_AFTER_S)))
    except ValueError:
        return RETRY_AFTER_S
