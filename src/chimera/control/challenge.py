"""What a wallet signs to log in: one text, for one address, one domain and two minutes, good once.

The server keeps nothing until a text comes back signed: its nonce carries a MAC over everything else, under a key
of this run, so asking for a million challenges fills nothing, and what was made before a restart is void.
Modelled on Sign In With Solana's field order, so that wallets show it as what it is.
"""

import base64
import hmac
import re
import secrets
from collections import OrderedDict
from datetime import UTC, datetime
from hashlib import sha256

import msgspec

LIFETIME_MS = 120_000
USED_KEPT = 100_000  # signed ones only, each for two minutes: nobody reaches that
PLAIN = "Chimera authentication message"
"""What the first description of the system lets wallets sign. It can be replayed, so it needs a setting."""

_TEXT = (
    "{domain} wants you to sign in with your Solana account:\n"
    "{address}\n\n"
    "{statement}\n\n"
    "Version: 1\n"
    "Nonce: {nonce}\n"
    "Issued At: {issued}\n"
    "Expiration Time: {expires}"
)
STATEMENTS = {
    "login": "Sign in to Chimera. This moves no money.",
    "step-up": "Confirm a protected action in Chimera. This moves no money.",
}
_READ = re.compile(
    r"(?P<domain>[^\s]{1,255}) wants you to sign in with your Solana account:\n"
    r"(?P<address>[1-9A-HJ-NP-Za-km-z]{32,44})\n\n"
    r"(?P<statement>[^\n]{1,100})\n\n"
    r"Version: 1\n"
    r"Nonce: (?P<nonce>[\w-]{20,120})\n"
    r"Issued At: (?P<issued>[\dTZ:.-]{20,30})\n"
    r"Expiration Time: (?P<expires>[\dTZ:.-]{20,30})"
)


class Challenge(msgspec.Struct, frozen=True):
    message: str
    nonce: str
    domain: str
    expires_at: int


class Challenges:
    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._used: OrderedDict[str, int] = OrderedDict()

    def make(self, address: str, *, domain: str, purpose: str, now_ms: int) -> Challenge:
        expires_ms = now_ms + LIFETIME_MS
        random = base64.urlsafe_b64encode(secrets.token_bytes(12)).decode()
        mac = self._mac(random, address, domain, purpose, str(now_ms), str(expires_ms))
        nonce = random + mac
        text = _TEXT.format(
            domain=domain,
            address=address,
            statement=STATEMENTS[purpose],
            nonce=nonce,
            issued=_time(now_ms),
            expires=_time(expires_ms),
        )
        return Challenge(text, nonce, domain, expires_ms)

    def read(
        self, message: str, *, address: str, domains: tuple[str, ...], purpose: str, now_ms: int
    ) -> str | None:
        """The nonce of a text that we made for exactly this and that is not over; None for any other."""
        told = _READ.fullmatch(message)
        if told is None or told["address"] != address or told["domain"] not in domains:
            return None
        if told["statement"] != STATEMENTS[purpose]:
            return None
        try:
            issued_ms, expires_ms = _millis(told["issued"]), _millis(told["expires"])
        except (ValueError, OverflowError):
            return None
        nonce = told["nonce"]
        mac = self._mac(nonce[:16], address, told["domain"], purpose, str(issued_ms), str(expires_ms))
        if not hmac.compare_digest(mac, nonce[16:]) or not issued_ms <= now_ms < expires_ms:
            return None
        return None if nonce in self._used else nonce

    def use(self, nonce: str, *, now_ms: int) -> bool:
        """Takes a nonce whose text came back signed; False where it was taken before."""
        while self._used and (
            next(iter(self._used.values())) < now_ms - LIFETIME_MS or len(self._used) >= USED_KEPT
        ):
            self._used.popitem(last=False)
        if nonce in self._used:
            return False
        self._used[nonce] = now_ms
        return True

    def _mac(self, *parts: str) -> str:
        told = hmac.digest(self._key, "\n".join(parts).encode(), sha256)
        return base64.urlsafe_b64encode(told[:18]).decode()


def _time(at_ms: int) -> str:
    moment = datetime.fromtimestamp(at_ms // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{at_ms % 1_000:03}Z"


def _millis(text: str) -> int:
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return int(moment.replace(microsecond=0).timestamp()) * 1_000 + moment.microsecond // 1_000
