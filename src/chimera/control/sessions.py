"""Logins from challenge to logout, and the second look that protected actions ask for.

Roles come from the tables at every call, never out of a token: who is revoked is out at once.
"""

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass

import msgspec

from chimera.control.challenge import PLAIN, Challenge, Challenges
from chimera.control.tokens import ACCESS, ACCESS_S, STEP_UP, STEP_UP_S, Tokens, looks_like_token
from chimera.control.totp import STEP_MS, Seal, base32, new_secret, step_of, uri
from chimera.control.wire import Problem
from chimera.domain.rate import RateLimits
from chimera.ports.identity import Logins, Opened, SignedBy
from chimera.ports.runtime import Clock
from chimera.ports.store import KeyHolder

REFRESHABLE_MS = 7 * 86_400_000  # a week away from the desk asks for the wallet again
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
WRONG_PROOFS_MAX, WRONG_PROOFS_WINDOW_NS = 5, 300_000_000_000  # six digits stay a second factor at that pace
STEP_UPS_KEPT = 10_000


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What logins are plugged into."""

    logins: Logins
    signed_by: SignedBy
    secret: bytes
    """Signs tokens and seals second factors; at least 32 bytes."""
    domains: tuple[str, ...] = ()
    """Host names under which people reach the dashboard, beside this machine's own."""
    plain: bool = False
    """Whether a signature of the plain message suffices, which can be replayed for ever."""

    def __repr__(self) -> str:
        return f"Identity(domains={self.domains}, plain={self.plain})"


class Login(msgspec.Struct, frozen=True):
    token: str
    refresh: str
    holder: KeyHolder


class Enrolment(msgspec.Struct, frozen=True):
    secret: str
    uri: str


class Factors(msgspec.Struct, frozen=True):
    totp: bool
    wallets: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        return ["totp"] * self.totp + ["wallet"] * bool(self.wallets)


class Sessions:
    def __init__(self, identity: Identity, clock: Clock) -> None:
        self._identity, self._clock, self._logins = identity, clock, identity.logins
        self._tokens, self._seal = Tokens(identity.secret), Seal(identity.secret)
        self._challenges = Challenges()
        self._wrong = RateLimits(count=WRONG_PROOFS_MAX, window_ns=WRONG_PROOFS_WINDOW_NS)
        self._spent: OrderedDict[str, None] = OrderedDict()

    # login

    def challenge(self, address: str, *, host: str, purpose: str) -> Challenge:
        """A text to sign. Raises Problem for a host that is not ours: a phisher could show it under his own."""
        return self._challenges.make(
            address, domain=self._domain(host), purpose=purpose, now_ms=self._clock.now_ms()
        )

    async def login(self, address: str, message: str, signature: bytes, *, host: str) -> Login:
        """Tokens for the wallet's person; Problem 401 for a wrong proof, 404 for a wallet of nobody."""
        if not (self._identity.plain and message == PLAIN):
            self._prove(address, message, signature, host=host, purpose="login")
        elif not self._identity.signed_by(address, message.encode(), signature):
            raise _wrong_signature()
        now = self._clock.now_ms()
        opened = await asyncio.to_thread(
            self._logins.open, address, at_ms=now, refreshable_until_ms=now + REFRESHABLE_MS
        )
        if opened is None:
            raise Problem(404, "This wallet belongs to nobody here; an admin adds it: chimera admins add.")
        return self._login(opened, now)

    async def refresh(self, refresh: str) -> Login:
        now = self._clock.now_ms()
        opened = await asyncio.to_thread(
            self._logins.refresh, refresh, at_ms=now, refreshable_until_ms=now + REFRESHABLE_MS
        )
        if opened is None:
            raise Problem(401, "This refresh token is not good (any more); log in again.")
        return self._login(opened, now)

    async def logout(self, holder: KeyHolder) -> None:
        if not holder.token_id:
            raise Problem(400, "An API key does not log out; an admin revokes it: chimera keys revoke.")
        await asyncio.to_thread(self._logins.close, holder.token_id, at_ms=self._clock.now_ms())

    async def holder(self, token: str) -> KeyHolder | None:
        """Whose token it is, with his role of now; None for one that is wrong, over or revoked."""
        if not looks_like_token(token):
            return None
        claims = self._tokens.read(token, audience=ACCESS, now_ms=self._clock.now_ms())
        if claims is None:
            return None
        known = await asyncio.to_thread(self._logins.holder, claims.jti)
        if known is None or known.identifier != claims.sub:
            return None
        return msgspec.structs.replace(known, token_id=claims.jti, expires_at_ms=claims.exp * 1_000)

    # second look

    async def factors(self, holder: KeyHolder) -> Factors:
        factor = await asyncio.to_thread(self._logins.factor, holder.identifier)
        wallets = await asyncio.to_thread(self._logins.wallets, holder.identifier)
        return Factors(factor is not None and factor.confirmed, wallets)

    async def enrol(self, holder: KeyHolder) -> Enrolment:
        secret = new_secret()
        sealed = self._seal.close(secret, identifier=holder.identifier)
        now = self._clock.now_ms()
        if not await asyncio.to_thread(
            self._logins.enrol, holder.identifier, sealed_secret=sealed, at_ms=now
        ):
            raise Problem(409, "A second factor is enrolled already; remove it first.")
        return Enrolment(base32(secret), uri(secret, holder.identifier))

    async def take_code(self, holder: KeyHolder, code: str) -> None:
        """Takes a TOTP code once, confirming the factor by its first one; raises Problem 401 or 429."""
        self._not_guessing(holder)
        factor = await asyncio.to_thread(self._logins.factor, holder.identifier)
        if factor is None:
            raise Problem(409, "No second factor is enrolled.")
        secret = self._seal.open(factor.sealed_secret, identifier=holder.identifier)
        if secret is None:
            raise Problem(
                409,
                "The second factor cannot be read, since the house's own key changed; "
                "remove it on the machine: chimera admins unenrol.",
            )
        now = self._clock.now_ms()
        step = step_of(secret, code, now_ms=now)
        if step is None or not await asyncio.to_thread(
            self._logins.take_step, holder.identifier, step=step, at_ms=now
        ):
            self._guessed(holder)
            raise Problem(401, f"The code is wrong or was used; the next comes within {STEP_MS // 1_000} s.")

    async def step_up_by_wallet(
        self, holder: KeyHolder, *, address: str, message: str, signature: bytes, host: str
    ) -> None:
        self._not_guessing(holder)
        if address not in await asyncio.to_thread(self._logins.wallets, holder.identifier):
            raise Problem(401, "This is not one of your wallets.")
        try:
            self._prove(address, message, signature, host=host, purpose="step-up")
        except Problem:
            self._guessed(holder)
            raise

    def stepped_up(self, holder: KeyHolder) -> str:
        """A token for one protected action within five minutes."""
        return self._tokens.issue(
            audience=STEP_UP,
            subject=holder.identifier,
            jti=secrets.token_hex(16),
            now_ms=self._clock.now_ms(),
            lifetime_s=STEP_UP_S,
        )

    async def demand(self, holder: KeyHolder, token: str) -> None:
        """Passes where somebody has no second factor, or has just shown it; Problem 403 otherwise."""
        factors = await self.factors(holder)
        if not factors.names:
            return
        claims = self._tokens.read(token, audience=STEP_UP, now_ms=self._clock.now_ms()) if token else None
        if claims is None or claims.sub != holder.identifier or claims.jti in self._spent:
            raise Problem(
                403,
                "Show your second factor first: POST /api/v1/auth/step-up, then send its token as X-Step-Up.",
                code="STEP_UP_REQUIRED",
                details={"factors": factors.names},
            )
        self._spent[claims.jti] = None
        if len(self._spent) > STEP_UPS_KEPT:
            self._spent.popitem(last=False)

    async def forget(self, holder: KeyHolder) -> bool:
        return await asyncio.to_thread(self._logins.forget_factor, holder.identifier)

    # shared

    def _login(self, opened: Opened, now_ms: int) -> Login:
        token = self._tokens.issue(
            audience=ACCESS,
            subject=opened.holder.identifier,
            jti=opened.jti,
            now_ms=now_ms,
            lifetime_s=ACCESS_S,
        )
        return Login(token, opened.refresh, opened.holder)

    def _prove(self, address: str, message: str, signature: bytes, *, host: str, purpose: str) -> None:
        """The text first, then the signature, then its one use: only a signed text spends its nonce."""
        now = self._clock.now_ms()
        nonce = self._challenges.read(
            message, address=address, domains=(self._domain(host),), purpose=purpose, now_ms=now
        )
        if nonce is None:
            raise Problem(
                401,
                "This is not a challenge of ours that is still good; ask for one at "
                "POST /api/v1/auth/challenge and sign it within two minutes, once.",
                code="BAD_CHALLENGE",
            )
        if not self._identity.signed_by(address, message.encode(), signature):
            raise _wrong_signature()
        if not self._challenges.use(nonce, now_ms=now):
            raise Problem(401, "This challenge was used already.", code="BAD_CHALLENGE")

    def _domain(self, host: str) -> str:
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name not in LOOPBACK and name not in self._identity.domains:
            raise Problem(400, "Log in under the dashboard's own address (api.domains).", code="WRONG_DOMAIN")
        return host

    def _not_guessing(self, holder: KeyHolder) -> None:
        wrong = self._wrong.of(holder.identifier)
        if wrong.view(self._clock.monotonic_ns()).remaining == 0:
            raise Problem(429, "Too many wrong codes; wait five minutes.", headers={"retry-after": "300"})

    def _guessed(self, holder: KeyHolder) -> None:
        self._wrong.of(holder.identifier).take(self._clock.monotonic_ns())


def _wrong_signature() -> Problem:
    return Problem(401, "The signature is not this wallet's over this message.", code="BAD_SIGNATURE")
