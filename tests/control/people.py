"""People who log in: wallets, keys and a clock that moves, around one served control plane."""

import base64
from pathlib import Path
from typing import Any

import httpx2
from nacl.signing import SigningKey

from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_keys import SqlKeys
from chimera.adapters.store_logins import SqlLogins
from chimera.adapters.wallet_proof import signed_by
from chimera.control.sessions import Identity
from chimera.onchain.keys import address_text

SECRET = b"a secret of thirty-two bytes or more, for tests"


class MovableClock:
    """The wall's time, moved by hand."""

    def __init__(self, inner: Any) -> None:
        self._inner, self.ahead_ms = inner, 0

    def now_ms(self) -> int:
        return self._inner.now_ms() + self.ahead_ms

    def monotonic_ns(self) -> int:
        return self._inner.monotonic_ns() + self.ahead_ms * 1_000_000


class People:
    """A served control plane with wallets that may log in."""

    def __init__(self, house: Any, folder: Path) -> None:
        self.house = house
        self.clock = MovableClock(house.clock)
        self.engine = open_engine(folder / "people.db")
        self.keys = SqlKeys(self.engine)
        self.logins = SqlLogins(self.engine)
        self.identity = Identity(logins=self.logins, signed_by=signed_by, secret=SECRET)
        self.wallet = SigningKey.generate()
        self.address = self.address_of(self.wallet)
        self.keys.add_wallet(self.address, role="admin", identifier="ann", by="test", at_ms=0)

    @staticmethod
    def address_of(wallet: SigningKey) -> str:
        return address_text(bytes(wallet.verify_key))

    async def post(self, path: str, body: Any, token: str = "", **headers: str) -> httpx2.Response:
        told = {**({"Authorization": f"Bearer {token}"} if token else {}), **headers}
        return await self.house.http.post(f"/api/v1/{path}", json=body, headers=told)

    async def whoami(self, token: str) -> httpx2.Response:
        return await self.house.http.get("/api/v1/whoami", headers={"Authorization": f"Bearer {token}"})

    async def signed(
        self, wallet: SigningKey | None = None, *, purpose: str = "login", address: str = "", **headers: str
    ) -> dict[str, str]:
        key = wallet or self.wallet
        address = address or self.address_of(key)
        asked = await self.post("auth/challenge", {"address": address, "purpose": purpose}, **headers)
        message = asked.json()["message"]
        return {"address": address, "message": message, "signature": self.signature(message, key)}

    def signature(self, message: str, wallet: SigningKey | None = None) -> str:
        return base64.b64encode((wallet or self.wallet).sign(message.encode()).signature).decode()

    async def login(self) -> dict[str, Any]:
        answered = await self.post("auth/wallet", await self.signed())
        assert answered.status_code == 200, answered.text
        return answered.json()
