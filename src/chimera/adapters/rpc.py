"""A node over JSON-RPC: `ports.chain.Chain` on aiohttp and msgspec.

Each call goes once. Whether to ask again, or to ask another node, is the caller's decision, because only he knows
whether repeating is harmless. Time-outs, broken connections and 5xx are Unreachable, which means: unknown.
Must not know intents, trades or keys; never logs a URL, which may carry a provider's key.
"""

import asyncio
import base64
import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

import aiohttp
import msgspec

from chimera.adapters import rpc_wire as wire
from chimera.adapters.rpc_pacer import Pacer, Urgency
from chimera.domain.chain import (
    Account,
    Blockhash,
    Commitment,
    SignatureSeen,
    SignatureStatus,
    Simulation,
    TransactionUpdate,
)
from chimera.domain.errors import DecodeError, Garbled, OutsideError, RateLimited, Rejected, Unreachable
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Address, Signature, Slot
from chimera.onchain.keys import base58_encode
from chimera.onchain.transaction import signature_in
from chimera.ports.venue import AccountFilter

T = TypeVar("T")

ACCOUNTS_MAX = 100  # of getMultipleAccounts, a node's own limit
STATUSES_MAX = 256  # of getSignatureStatuses, a node's own limit
ANSWER_BYTES_MAX = 64 * 1024 * 1024  # getProgramAccounts of a large venue has tens of megabytes
RETRY_AFTER_S = 1.0  # where a node says 429 without saying until when
NODE_UNHEALTHY = -32005  # JSON_RPC_SERVER_ERROR_NODE_UNHEALTHY: behind, so what it would say is worth nothing
HISTORY_PAGE = 1_000  # of getSignaturesForAddress, a node's own limit
URGENT = {"sendTransaction", "getSignatureStatuses"}


class RpcOptions(msgspec.Struct, frozen=True):
    timeout_s: float = 2.0
    """From the call to the answer, the wait for our own limiter included."""
    requests_per_second_max: float = 40.0
    bootstrap_timeout_s: float = 30.0
    """For getProgramAccounts, which no node answers within two seconds."""
    idle_ping_s: float = 10.0
    """`keep_warm` asks something this often, so that a send never pays for a handshake."""


class OwnLimit(RateLimited):
    """Our own limiter said later: nothing has left the house, and it says nothing about the node."""


class CallSeen(msgspec.Struct, frozen=True):
    """One call, for the record."""

    method: str
    latency_us: int
    outcome: str
    """ok, or the name of the error; CancelledError where nobody waited for the answer any more."""
    waited_us: int = 0
    """How much of the latency was our own limiter's."""


class RpcChain:
    def __init__(
        self,
        url: str,
        *,
        who: str = "rpc",
        options: RpcOptions | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        observe: Callable[[CallSeen], None] | None = None,
    ) -> None:
        """`who` names the node in errors and records."""
        options = options or RpcOptions()
        self._url, self._who, self._options = url, who, options
        self._monotonic = monotonic
        self._observe = observe
        self._pacer = Pacer(per_second=options.requests_per_second_max, monotonic=monotonic)
        self._session: aiohttp.ClientSession | None = None
        self._ids = itertools.count(1)
        self._rents: dict[int, int] = {}
        self._last_call_at = monotonic()
        self.latency_us: int | None = None
        """Of the last answered call; None before there was one."""

    # -- accounts ---------------------------------------------------------------------------------------------

    async def accounts(
        self, addresses: Sequence[Address], *, commitment: Commitment = Commitment.PROCESSED
    ) -> tuple[int, tuple[Account | None, ...]]:
        """As the port says. More than 100 are asked for in parts, and the slot is that of the oldest part."""
        if not addresses:
            return await self.slot(commitment=commitment), ()
        asks = (
            self._call(
                "getMultipleAccounts",
                [list(part), {"encoding": "base64", "commitment": commitment}],
                wire.InContext[list[wire.WireAccount | None]],
            )
            for part in _parts(addresses, ACCOUNTS_MAX)
        )
        answers = await asyncio.gather(*asks)
        found = [account for answer in answers for account in answer.value]
        if len(found) != len(addresses):
            raise Garbled(self._who, f"{len(found)} accounts for {len(addresses)} addresses")
        slot = min(answer.context.slot for answer in answers)
        return slot, tuple(map(self._account, addresses, found))

    async def program_accounts(self, wanted: AccountFilter) -> tuple[int, tuple[Account, ...]]:
        filters: list[dict[str, object]] = []
        if wanted.data_size is not None:
            filters.append({"dataSize": wanted.data_size})
        for offset, data in wanted.memcmp:
            filters.append({"memcmp": {"offset": offset, "bytes": base58_encode(data)}})
        config = {"encoding": "base64", "commitment": "processed", "withContext": True, "filters": filters}
        answer = await self._call(
            "getProgramAccounts",
            [wanted.owner, config],
            wire.InContext[list[wire.KeyedAccount]],
            timeout_s=self._options.bootstrap_timeout_s,
        )
        return answer.context.slot, self._keyed(answer.value)

    async def token_accounts(self, owner: Address) -> tuple[int, tuple[Account, ...]]:
        asks = (
            self._call(
                "getTokenAccountsByOwner",
                [owner, {"programId": program}, {"encoding": "base64", "commitment": "processed"}],
                wire.InContext[list[wire.KeyedAccount]],
            )
            for program in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM)
        )
        answers = await asyncio.gather(*asks)
        accounts = tuple(account for answer in answers for account in self._keyed(answer.value))
        return min(answer.context.slot for answer in answers), accounts

    # -- where the chain is -----------------------------------------------------------------------------------

    async def slot(self, *, commitment: Commitment = Commitment.PROCESSED) -> int:
        return await self._call("getSlot", [{"commitment": commitment}], int)

    async def block_height(self, *, commitment: Commitment = Commitment.CONFIRMED) -> int:
        return await self._call("getBlockHeight", [{"commitment": commitment}], int)

    async def genesis_hash(self) -> str:
        """Which cluster the node belongs to."""
        return await self._call("getGenesisHash", [], str)

    async def latest_blockhash(self) -> Blockhash:
        """The newest confirmed one: a processed one may lie on a fork that dies, and our transaction with it."""
        answer = await self._call(
            "getLatestBlockhash", [{"commitment": "confirmed"}], wire.InContext[wire.WireBlockhash]
        )
        value = answer.value
        return Blockhash(value.blockhash, value.last_valid_block_height, Slot(answer.context.slot))

    async def priority_fees(self, written: Sequence[Address]) -> tuple[int, ...]:
        """As the port says; a node remembers 150 slots."""
        found = await self._call("getRecentPrioritizationFees", [list(written)], list[wire.WirePrice])
        return tuple(one.prioritization_fee for one in found)

    async def rent_exempt_minimum(self, size: int) -> int:
        """Asked once per size: it changes only with a network upgrade."""
        if size not in self._rents:
            self._rents[size] = await self._call("getMinimumBalanceForRentExemption", [size], int)
        return self._rents[size]

    # -- transactions -----------------------------------------------------------------------------------------

    async def simulate(self, transaction: bytes, *, accounts: Sequence[Address] = ()) -> Simulation:
        config: dict[str, object] = {
            "encoding": "base64",
            "commitment": "processed",
            "sigVerify": False,
            "replaceRecentBlockhash": True,
        }
        if accounts:
            config["accounts"] = {"encoding": "base64", "addresses": list(accounts)}
        answer = await self._call(
            "simulateTransaction",
            [base64.b64encode(transaction).decode(), config],
            wire.InContext[wire.WireSimulation],
        )
        result = answer.value
        after = result.accounts or []
        if len(after) != len(accounts) and result.err is None:
            raise Garbled(self._who, f"simulated {len(after)} accounts for {len(accounts)} asked")
        return Simulation(
            slot=Slot(answer.context.slot),
            error=wire.error_text(result.err),
            logs=tuple(result.logs or ()),
            compute_units=result.units_consumed or 0,
            accounts=tuple(map(self._account, accounts, after)),
        )

    async def send(self, transaction: bytes) -> Signature:
        """Without the node's preflight and without its retries: simulating and sending again are ours to do."""
        signature = signature_in(transaction)
        config = {"encoding": "base64", "skipPreflight": True, "maxRetries": 0}
        answer = await self._call("sendTransaction", [base64.b64encode(transaction).decode(), config], str)
        if answer != signature:
            raise Garbled(self._who, f"answered {answer[:100]} to the transaction {signature}")
        return signature

    async def statuses(self, signatures: Sequence[Signature]) -> tuple[SignatureStatus | None, ...]:
        """As the port says; the node's history is searched too, so that an old one is found after a restart."""
        asks = (
            self._call(
                "getSignatureStatuses",
                [list(part), {"searchTransactionHistory": True}],
                wire.InContext[list[wire.WireStatus | None]],
            )
            for part in _parts(signatures, STATUSES_MAX)
        )
        found = [status for answer in await asyncio.gather(*asks) for status in answer.value]
        if len(found) != len(signatures):
            raise Garbled(self._who, f"{len(found)} statuses for {len(signatures)} signatures")
        return tuple(None if status is None else wire.status_from(status) for status in found)

    async def transaction(self, signature: Signature) -> TransactionUpdate | None:
        config = {"encoding": "json", "commitment": "confirmed", "maxSupportedTransactionVersion": 0}
        answer = await self._ask("getTransaction", [signature, config], wire.WireTransaction)
        if answer is None:
            return None
        try:
            return wire.transaction_from(answer)
        except (IndexError, ValueError, DecodeError) as error:
            raise Garbled(self._who, f"transaction {signature}: {error}") from error

    async def signatures_of(
        self, address: Address, *, after_slot: int, pages_max: int = 20
    ) -> tuple[SignatureSeen, ...]:
        found: list[SignatureSeen] = []
        for _ in range(pages_max):
            config: dict[str, object] = {"commitment": "confirmed", "limit": HISTORY_PAGE}
            if found:
                config["before"] = found[-1].signature
            page = await self._call("getSignaturesForAddress", [address, config], list[wire.WireSignature])
            new = [line for line in page if line.slot > after_slot]
            found += [
                SignatureSeen(line.signature, Slot(line.slot), wire.error_text(line.err)) for line in new
            ]
            if len(new) < len(page) or len(page) < HISTORY_PAGE:
                return tuple(reversed(found))
        raise Garbled(self._who, f"more than {pages_max * HISTORY_PAGE} transactions since slot {after_slot}")

    async def airdrop(self, to: Address, lamports: int) -> Signature:
        """The signature of a gift from the faucet; a real network's node rejects it."""
        return Signature(await self._call("requestAirdrop", [to, lamports], str))

    # -- the connection ---------------------------------------------------------------------------------------

    async def healthy(self) -> bool:
        """Whether the node says that it keeps up; raises as every call, except for being behind."""
        return await self._call("getHealth", [], str) == "ok"

    async def keep_warm(self) -> None:
        """Runs until cancelled: asks for the node's health whenever the connection has been idle for a while."""
        idle = self._options.idle_ping_s
        while True:
            waited = self._monotonic() - self._last_call_at
            if waited >= idle:
                with contextlib.suppress(OutsideError):  # who needs an answer meets the same error and acts
                    await self.healthy()
                waited = 0.0
            await asyncio.sleep(idle - waited)

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

    # -- inside -----------------------------------------------------------------------------------------------

    async def _call(
        self, method: str, params: list[Any], shape: type[T], *, timeout_s: float | None = None
    ) -> T:
        """The typed result, where null would be none."""
        result = await self._ask(method, params, shape, timeout_s=timeout_s)
        if result is None:
            raise Garbled(self._who, f"{method}: null")
        return result

    async def _ask(
        self, method: str, params: list[Any], shape: type[T], *, timeout_s: float | None = None
    ) -> T | None:
        timeout_s = self._options.timeout_s if timeout_s is None else timeout_s
        began = admitted = self._monotonic()
        outcome = "ok"
        try:
            await self._admit(method, timeout_s)
            admitted = self._monotonic()
            left = max(0.001, timeout_s - (admitted - began))
            status, headers, body = await self._post(method, params, left)
            self.latency_us = int((self._monotonic() - began) * 1e6)
            return self._read(method, status, headers, body, shape)
        except (OutsideError, asyncio.CancelledError) as error:
            outcome = type(error).__name__
            raise
        finally:
            self._last_call_at = self._monotonic()
            if self._observe is not None:
                took_us = int((self._last_call_at - began) * 1e6)
                self._observe(CallSeen(method, took_us, outcome, int((admitted - began) * 1e6)))

    async def _admit(self, method: str, wait_s_max: float) -> None:
        urgency = Urgency.URGENT if method in URGENT else Urgency.ORDINARY
        if not await self._pacer.admit(urgency, wait_s_max=wait_s_max):
            # Nothing has left the house, so this is no unknown.
            soon = 1 / self._options.requests_per_second_max
            raise OwnLimit(self._who, f"{method}: our own limit", soon)

    async def _post(
        self, method: str, params: list[Any], timeout_s: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        """(HTTP status, headers, body), or Unreachable."""
        request = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        if self._session is None:
            # Let go before the node does: a request on a connection that it has just closed is lost without a trace.
            connector = aiohttp.TCPConnector(limit=32, keepalive_timeout=1.5 * self._options.idle_ping_s)
            self._session = aiohttp.ClientSession(
                connector=connector, headers={"Content-Type": "application/json"}
            )
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._session.post(self._url, data=msgspec.json.encode(request)) as response,
            ):
                if (response.content_length or 0) > ANSWER_BYTES_MAX:
                    raise Garbled(self._who, f"{method}: an answer of {response.content_length} bytes")
                return response.status, response.headers, await response.read()
        except TimeoutError:
            raise Unreachable(self._who, f"{method}: no answer within {timeout_s:.1f} s") from None
        except (aiohttp.ClientError, OSError) as error:
            # The class says enough; the text of some holds the URL, and with it a provider's key.
            raise Unreachable(self._who, f"{method}: {type(error).__name__}") from None

    def _read(
        self, method: str, status: int, headers: Mapping[str, str], body: bytes, shape: type[T]
    ) -> T | None:
        if status == 429:
            raise RateLimited(self._who, f"{method}: HTTP 429", _retry_after(headers))
        if status >= 500:
            raise Unreachable(self._who, f"{method}: HTTP {status}")
        try:
            answer: wire.Envelope[T] = msgspec.json.decode(body, type=wire.Envelope[shape])  # type: ignore[valid-type]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if status >= 400:
                raise Rejected(self._who, f"{method}: HTTP {status}", code=status) from None
            raise Garbled(self._who, f"{method}: {error}") from None
        if answer.error is not None:
            self._refuse(method, answer.error)
        if status >= 400:
            raise Rejected(self._who, f"{method}: HTTP {status}", code=status)
        if answer.result is msgspec.UNSET:
            raise Garbled(self._who, f"{method}: neither result nor error")
        return answer.result

    def _refuse(self, method: str, error: wire.RpcError) -> NoReturn:
        told = f"{method}: {error.message[:300]} ({error.code})"
        match error.code:
            case 429 | -32429:
                raise RateLimited(self._who, told, RETRY_AFTER_S)
            case code if code == NODE_UNHEALTHY:
                raise Unreachable(self._who, told)
            case code:
                raise Rejected(self._who, told, code=code, data=error.data)

    def _account(self, address: Address, found: wire.WireAccount | None) -> Account | None:
        try:
            return None if found is None else wire.account_from(address, found)
        except ValueError as error:
            raise Garbled(self._who, f"account {address}: {error}") from error

    def _keyed(self, found: Sequence[wire.KeyedAccount]) -> tuple[Account, ...]:
        accounts = (self._account(keyed.pubkey, keyed.account) for keyed in found)
        return tuple(account for account in accounts if account is not None)


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds; the date form of the header is answered with the default."""
    try:
        return max(0.0, float(headers.get("Retry-After", RETRY_AFTER_S)))
    except ValueError:
        return RETRY_AFTER_S
