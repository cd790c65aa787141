"""A client of the desk's own API, as any user's script would be."""

from types import TracebackType
from typing import Any, Self

import aiohttp

from chimera.domain.errors import Garbled, Rejected, Unreachable

WHO = "desk"
TIMEOUT_S = 3.0


class DeskClient:
    def __init__(self, url: str, key: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str) -> dict[str, Any]:
        return await self._ask("GET", path, None)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._ask("POST", path, body)

    async def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._ask("PUT", path, body)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        if self._session is None:
            raise Unreachable(WHO, "the client is not open")
        try:
            async with self._session.request(method, self._url + path, json=body) as response:
                answer = await response.json(content_type=None)
                if response.status >= 400:
                    raise Rejected(WHO, f"{response.status} {answer.get('message', '')}", response.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(WHO, f"{self._url} does not answer: {type(error).__name__}") from None
        except ValueError as error:
            raise Garbled(WHO, str(error)) from None
        if not isinstance(answer, dict):
            raise Garbled(WHO, "not an object")
        return answer
