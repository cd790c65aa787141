"""The world's own road to a node: a few JSON-RPC calls, as any user's script makes them.

Not the desk's adapter: the world is a stranger to the desk, and its patience is its own.
"""

import asyncio
import base64
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from chimera.domain.chain import Account
from chimera.domain.errors import Garbled, RateLimited, Rejected, Unreachable
from chimera.domain.ids import Address
from chimera.localnet.markets import Seen

ACCOUNTS_MAX = 100
WHO = "the world's node"


class WorldNode:
    def __init__(self, url: str, *, timeout_s: float = 3.0) -> None:
        self._url, self._timeout_s = url, timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def healthy(self) -> bool:
        return bool(await self._call("getHealth", []) == "ok")

    async def blockhash(self) -> str:
        """The newest confirmed one."""
        answer = await self._call("getLatestBlockhash", [{"commitment": "confirmed"}])
        return str(_field(_field(answer, "value"), "blockhash"))

    async def accounts(self, addresses: Sequence[Address]) -> Seen:
        """As they are at `processed`, None where there is none."""
        return dict(await self._accounts(addresses))

    async def lamports(self, addresses: Sequence[Address]) -> dict[Address, int]:
        return {address: found.lamports if found else 0 for address, found in await self._accounts(addresses)}

    async def send(self, transaction: bytes) -> str:
        """The signature; whether it lands is not waited for."""
        encoded = base64.b64encode(transaction).decode()
        return str(
            await self._call("sendTransaction", [encoded, {"encoding": "base64", "skipPreflight": True}])
        )

    async def airdrop(self, to: Address, lamports: int) -> str:
        return str(await self._call("requestAirdrop", [to, lamports]))

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

    async def _accounts(self, addresses: Sequence[Address]) -> list[tuple[Address, Account | None]]:
        made: list[tuple[Address, Account | None]] = []
        for start in range(0, len(addresses), ACCOUNTS_MAX):
            part = addresses[start : start + ACCOUNTS_MAX]
            config = {"encoding": "base64", "commitment": "processed"}
            values = _field(await self._call("getMultipleAccounts", [list(part), config]), "value")
            if len(values) != len(part):
                raise Garbled(WHO, f"{len(values)} accounts for {len(part)}")
            for address, value in zip(part, values, strict=True):
                made.append((address, None if value is None else _account(address, value)))
        return made

    async def _call(self, method: str, params: list[Any]) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Content-Type": "application/json"})
        body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        try:
            async with asyncio.timeout(self._timeout_s), self._session.post(self._url, data=body) as response:
                status, answered = response.status, await response.read()
        except TimeoutError:
            raise Unreachable(WHO, f"{method}: no answer within {self._timeout_s} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(WHO, f"{method}: {error}") from None
        if status == 429:
            raise RateLimited(WHO, method)
        if status >= 500:
            raise Unreachable(WHO, f"{method}: HTTP {status}")
        try:
            answer = msgspec.json.decode(answered, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise Garbled(WHO, f"{method}: {error}") from None
        if (failed := answer.get("error")) is not None:
            raise Rejected(WHO, f"{method}: {failed}")
        return answer.get("result")


def _account(address: Address, value: dict[str, Any]) -> Account:
    owner, data = Address(_field(value, "owner")), base64.b64decode(_field(value, "data")[0])
    return Account(address, owner, _field(value, "lamports"), data)


def _field(value: Any, name: str) -> Any:
    try:
        return value[name]
    except (TypeError, KeyError):
        raise Garbled(WHO, f"no {name} in the answer") from None
