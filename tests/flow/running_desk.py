"""A really started desk on its own embedded chain, and everything that it ever said to us: for tests from outside."""

import asyncio
import hashlib
import hmac
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from nacl.bindings import crypto_sign_seed_keypair
from solders.keypair import Keypair

from chimera.adapters.journal_segments import read_folder
from chimera.adapters.signers.vault import VaultSigner
from chimera.demo.processes import Child
from chimera.demo.stage import Stage
from chimera.domain.messages import Entry

WITHIN_S = 60.0  # what takes longer hangs, on a busy machine too
DEMO_WALLET = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
TRACES = ("Traceback (most recent call last)", 'File "/', "site-packages", "raise ")


@dataclass
class Said:
    """One answer of the desk."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.text)


@dataclass
class RunningDesk:
    stage: Stage
    child: Child
    url: str
    answers: list[Said] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.stage.folder

    @property
    def host(self) -> tuple[str, int]:
        name, port = self.url.removeprefix("http://").rstrip("/").split(":")
        return name, int(port)

    def signed(self, body: bytes, *, at_s: float | None = None, secret: str | None = None) -> dict[str, str]:
        """The headers that a sender makes in the shell."""
        stamp = str(int(time.time() if at_s is None else at_s))
        key = (secret or self.stage._secret).encode()
        signature = hmac.digest(key, stamp.encode() + body, hashlib.sha256).hex()
        return {"Content-Type": "application/json", "X-Timestamp": stamp, "X-Signature": signature}

    async def ask(self, method: str, path: str, *, keyed: bool = True, **sent: Any) -> Said:
        headers = {"Authorization": f"Bearer {self.stage.key}"} if keyed else {}
        headers |= sent.pop("headers", {})
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.url.rstrip("/") + path, headers=headers, **sent) as response,
        ):
            body = await response.read()
            return self._heard(Said(response.status, body.decode(errors="replace"), dict(response.headers)))

    async def post(self, body: bytes, headers: dict[str, str] | None = None) -> Said:
        """A webhook call, rightly signed unless other headers are given."""
        sent = self.signed(body) if headers is None else headers
        return await self.ask("POST", "/api/v1/webhook", keyed=False, data=body, headers=sent)

    async def signal(self, **fields: Any) -> Said:
        return await self.post(payload(**fields))

    async def raw(self, request: bytes) -> Said:
        """What comes back for bytes that no client library would send; status 0 for a closed connection."""
        reader, writer = await asyncio.open_connection(*self.host)
        try:
            writer.write(request)
            async with asyncio.timeout(20):
                head = await reader.readuntil(b"\r\n\r\n")
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                body = await reader.readexactly(int(length[0].split(b":")[1])) if length else b""
        except (asyncio.IncompleteReadError, ConnectionError):
            return Said(0, "", {})
        finally:
            writer.close()
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        return self._heard(Said(int(lines[0].split()[1]), body.decode(errors="replace"), headers))

    def journal(self) -> list[Entry]:
        return list(read_folder(self.folder / "journal"))

    def facts(self, kind: type) -> list[Any]:
        return [entry.fact for entry in self.journal() if isinstance(entry.fact, kind)]

    def log(self) -> list[dict[str, Any]]:
        """Every line of the desk's log; raises ValueError for one that is not JSON."""
        return [json.loads(line) for line in (self.folder / "desk.log").read_text().splitlines()]

    def secrets(self) -> dict[str, str]:
        """What must never be seen, by name: the key in each form in which people write keys."""
        signer = VaultSigner.open(self.folder / "vault.json", self.stage._passphrase)
        pair = bytes(signer._secret)
        assert crypto_sign_seed_keypair(pair[:32])[1] == pair
        return {
            "webhook secret": self.stage._secret,
            "vault passphrase": self.stage._passphrase,
            "API key": self.stage.key,
            "key in base58": str(Keypair.from_bytes(pair)),
            "key as an array": json.dumps(list(pair)),
            "key as a dense array": json.dumps(list(pair), separators=(",", ":")),
            "key in hex": pair[:32].hex(),
        }

    def _heard(self, said: Said) -> Said:
        self.answers.append(said)
        assert not any(trace in said.text for trace in TRACES), said.text
        return said


def payload(**fields: Any) -> bytes:
    """The documented body with some fields changed."""
    whole = {
        "strategy": "SHIELD",
        "token": "BONK",
        "action": "BUY",
        "amount_sol": 0.1,
        "wallet_address": DEMO_WALLET,
    }
    return json.dumps({**whole, **fields}).encode()


@asynccontextmanager
async def running_desk(folder: Path, *, seed: int, log: Path | None = None) -> AsyncIterator[RunningDesk]:
    """A stage in `folder` and a desk on it; `log` takes the desk's log elsewhere, to another disk for example."""
    stage = Stage(seed=seed, port=0, data_dir=folder, environ=os.environ)
    async with stage:
        if log is not None:
            (stage.folder / "desk.log").symlink_to(log)
        child, url = await stage.desk()
        yield RunningDesk(stage, child, url)


async def soon(what: Callable[[], Any], *, within_s: float = WITHIN_S) -> Any:
    """The first true answer; fails by name when time is up."""
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        if found := what():
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"not within {within_s} s: {getattr(what, '__name__', what)}")
