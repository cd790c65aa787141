"""Logging in by wallet over HTTP, over real tables: what must work, and every way we know to get in without right."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from nacl.signing import SigningKey
from sqlalchemy import text
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from chimera.adapters.store_engine import open_engine
from chimera.adapters.store_keys import SqlKeys
from chimera.adapters.store_logins import SqlLogins
from chimera.adapters.wallet_proof import signed_by
from chimera.control.challenge import LIFETIME_MS, PLAIN
from chimera.control.sessions import REFRESHABLE_MS, Identity
from chimera.control.tokens import ACCESS, ACCESS_S, STEP_UP, Tokens
from chimera.control.totp import STEP_MS, code_at
from chimera.domain.commands import Kill, ResetKill
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


@pytest.fixture
async def people(house_type: type, tmp_path: Path) -> AsyncIterator[People]:
    house = house_type(tmp_path)
    found = People(house, tmp_path)
    server = await house.start(
        identity=found.identity, keys=found.keys, clock=found.clock, keys_asked_again_s=0.05
    )
    yield found
    await house.stop(server)
    found.engine.dispose()


# what must work


async def test_a_signed_challenge_gives_a_token_with_the_role_of_the_tables(people: People) -> None:
    login = await people.login()
    assert login["user"] == {"identifier": "ann", "role": "admin"}
    assert (login["token_type"], login["expires_in_s"]) == ("Bearer", ACCESS_S)
    assert (await people.whoami(login["token"])).json() == {"identifier": "ann", "role": "admin"}
    done = await people.post("kill", {"mode": "halt_all", "reason": "drill"}, login["token"])
    assert done.status_code == 200
    assert people.house.commands.asked == [Kill(scope="halt_all", cause="drill", by="ann")]


async def test_a_login_is_never_kept_by_a_cache_nor_seen_in_the_log(people: People) -> None:
    answered = await people.post("auth/wallet", await people.signed())
    assert answered.headers["cache-control"] == "no-store"
    for secret in (answered.json()["token"], answered.json()["refresh_token"]):
        assert secret not in people.house.log()


async def test_a_challenge_names_site_address_and_end(people: People) -> None:
    message = (await people.signed())["message"]
    assert message.startswith(f"127.0.0.1:{people.house.url.rpartition(':')[2]} wants you to sign in")
    assert people.address in message and "Expiration Time: " in message


async def test_a_role_that_was_taken_counts_at_once(people: People) -> None:
    token = (await people.login())["token"]
    people.keys.add_wallet(people.address, role="readonly", identifier="ann", by="test", at_ms=1)
    refused = await people.post("kill", {"mode": "halt_all", "reason": "drill"}, token)
    assert refused.status_code == 403
    people.keys.revoke_wallet(people.address, at_ms=2)
    assert (await people.whoami(token)).status_code == 401
    assert (await people.post("auth/wallet", await people.signed())).status_code == 404


async def test_refreshing_gives_a_new_token_for_a_week(people: People) -> None:
    login = await people.login()
    people.clock.ahead_ms += ACCESS_S * 1_000
    assert (await people.whoami(login["token"])).status_code == 401
    fresh = await people.post("auth/refresh", {"refresh_token": login["refresh_token"]})
    assert fresh.status_code == 200
    assert (await people.whoami(fresh.json()["token"])).status_code == 200
    people.clock.ahead_ms += REFRESHABLE_MS
    late = await people.post("auth/refresh", {"refresh_token": fresh.json()["refresh_token"]})
    assert late.status_code == 401


async def test_logging_out_ends_every_token_of_the_login_and_no_other_login(people: People) -> None:
    first, other = await people.login(), await people.login()
    second = (await people.post("auth/refresh", {"refresh_token": first["refresh_token"]})).json()
    assert (await people.post("auth/logout", {}, second["token"])).json() == {"success": True}
    for token in (first["token"], second["token"]):
        assert (await people.whoami(token)).status_code == 401
    again = await people.post("auth/refresh", {"refresh_token": second["refresh_token"]})
    assert again.status_code == 401
    assert (await people.whoami(other["token"])).status_code == 200


async def test_an_api_key_works_beside_logins_and_cannot_log_out(people: People) -> None:
    key = people.keys.create_key(role="operator", identifier="bot", by="test", at_ms=0)
    assert (await people.whoami(key)).json()["identifier"] == "bot"
    assert (await people.post("auth/logout", {}, key)).status_code == 400


# attacks on the proof


async def test_a_login_cannot_be_replayed(people: People) -> None:
    proof = await people.signed()
    assert (await people.post("auth/wallet", proof)).status_code == 200
    again = await people.post("auth/wallet", proof)
    assert (again.status_code, again.json()["error"]) == (401, "BAD_CHALLENGE")


async def test_a_challenge_is_over_after_two_minutes(people: People) -> None:
    proof = await people.signed()
    people.clock.ahead_ms += LIFETIME_MS
    assert (await people.post("auth/wallet", proof)).status_code == 401


async def test_another_wallets_signature_is_refused_and_leaves_the_challenge_good(people: People) -> None:
    proof = await people.signed()
    thief = {**proof, "signature": people.signature(proof["message"], SigningKey.generate())}
    refused = await people.post("auth/wallet", thief)
    assert (refused.status_code, refused.json()["error"]) == (401, "BAD_SIGNATURE")
    assert (await people.post("auth/wallet", proof)).status_code == 200


async def test_a_challenge_made_for_another_wallet_is_refused(people: People) -> None:
    theirs = await people.signed(SigningKey.generate())
    mine = {**theirs, "address": people.address, "signature": people.signature(theirs["message"])}
    assert (await people.post("auth/wallet", mine)).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.replace("Version: 1", "Version: 2"),
        lambda told: told.replace("moves no money", "moves all money"),
        lambda told: told + "\n",
        lambda told: told.replace("T", "t"),
        lambda told: told[: told.index("Expiration")] + "Expiration Time: 2099-01-01T00:00:00.000Z",
        lambda told: told.replace("Nonce: ", "Nonce: A"),
        lambda told: told.replace("127.0.0.1", "localhost"),
        lambda _: "",
        lambda _: "x" * 3_000,
    ],
)
async def test_a_text_that_is_not_ours_to_the_letter_is_refused(
    people: People, change: Callable[[str], str]
) -> None:
    proof = await people.signed()
    message = change(proof["message"])
    changed = {**proof, "message": message, "signature": people.signature(message)}
    assert (await people.post("auth/wallet", changed)).status_code in {400, 401}


async def test_a_phisher_gets_no_challenge_for_his_own_name(people: People) -> None:
    asked = await people.post("auth/challenge", {"address": people.address}, Host="evil.example")
    assert (asked.status_code, asked.json()["error"]) == (400, "WRONG_DOMAIN")


async def test_a_challenge_of_one_name_does_not_log_in_under_another(people: People) -> None:
    port = people.house.url.rpartition(":")[2]
    proof = await people.signed(Host=f"localhost:{port}")
    assert (await people.post("auth/wallet", proof)).status_code == 401
    assert (await people.post("auth/wallet", proof, Host=f"localhost:{port}")).status_code == 200


async def test_a_step_up_text_does_not_log_in(people: People) -> None:
    assert (await people.post("auth/wallet", await people.signed(purpose="step-up"))).status_code == 401


async def test_a_wallet_of_nobody_learns_so_only_after_it_proved_itself(people: People) -> None:
    stranger = SigningKey.generate()
    proof = await people.signed(stranger)
    unproved = {**proof, "signature": people.signature(proof["message"])}
    assert (await people.post("auth/wallet", unproved)).status_code == 401
    assert (await people.post("auth/wallet", proof)).status_code == 404


async def test_the_plain_message_needs_its_setting(people: People, house_type: type, tmp_path: Path) -> None:
    proof = {"address": people.address, "message": PLAIN, "signature": people.signature(PLAIN)}
    assert (await people.post("auth/wallet", proof)).status_code == 401
    (tmp_path / "plain").mkdir()
    house = house_type(tmp_path / "plain")
    server = await house.start(identity=replace(people.identity, plain=True), keys=people.keys)
    answered = await house.http.post("/api/v1/auth/wallet", json=proof)
    wrong = {**proof, "signature": people.signature(PLAIN, SigningKey.generate())}
    refused = await house.http.post("/api/v1/auth/wallet", json=wrong)
    await house.stop(server)
    assert answered.json()["user"] == {"identifier": "ann", "role": "admin"}
    assert refused.status_code == 401


async def test_an_address_that_keeps_failing_waits(people: People) -> None:
    proof = await people.signed()
    wrong = {**proof, "signature": people.signature("something else")}
    answers = [(await people.post("auth/wallet", wrong)).status_code for _ in range(32)]
    assert answers[:30] == [401] * 30 and answers[-1] == 429


@pytest.mark.parametrize(
    "change",
    [
        {"signature": "not base64!"},
        {"signature": base64.b64encode(b"x" * 63).decode()},
        {"signature": ""},
        {"signature": "ü"},
        {"address": "nope"},
        {"address": "1" * 44},
        {"extra": 1},
    ],
)
async def test_malformed_proofs_are_refused_politely(people: People, change: dict[str, Any]) -> None:
    answered = await people.post("auth/wallet", {**await people.signed(), **change})
    assert answered.status_code in {400, 401}


# attacks on the token


def _raw(header: dict[str, Any], claims: dict[str, Any], key: bytes = SECRET) -> str:
    """A JWT put together by hand, signed with HMAC-SHA256."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    signed = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    return f"{signed}.{part(hmac.digest(key, signed.encode(), hashlib.sha256))}"


async def _claims(people: People) -> tuple[str, dict[str, Any]]:
    token = (await people.login())["token"]
    return token, jwt.decode(token, OctKey.import_key(SECRET), algorithms=["HS256"]).claims


async def test_what_the_attacks_below_forge_would_be_good_if_it_were_genuine(people: People) -> None:
    _, claims = await _claims(people)
    assert (await people.whoami(_raw({"alg": "HS256", "typ": "JWT"}, claims))).status_code == 200


@pytest.mark.parametrize("alg", ["none", "None", "NONE", ""])
async def test_a_token_without_signature_is_refused(people: People, alg: str) -> None:
    _, claims = await _claims(people)
    unsigned = _raw({"alg": alg, "typ": "JWT"}, claims).rpartition(".")[0] + "."
    assert (await people.whoami(unsigned)).status_code == 401
    assert (await people.whoami(_raw({"alg": alg, "typ": "JWT"}, claims))).status_code == 401


async def test_another_algorithm_is_refused_even_with_the_right_key(people: People) -> None:
    _, claims = await _claims(people)
    for alg in ("HS384", "HS512"):
        token = jwt.encode({"alg": alg}, claims, OctKey.import_key(SECRET), algorithms=[alg])
        assert (await people.whoami(token)).status_code == 401


async def test_a_public_key_used_as_a_secret_opens_nothing(people: People) -> None:
    _, claims = await _claims(people)
    pair = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    public = pair.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert (await people.whoami(_raw({"alg": "HS256", "typ": "JWT"}, claims, public))).status_code == 401
    private = pair.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    by_rsa = jwt.encode({"alg": "RS256"}, claims, RSAKey.import_key(private), algorithms=["RS256"])
    assert (await people.whoami(by_rsa)).status_code == 401


@pytest.mark.parametrize(
    "extra",
    [
        {"kid": "../../../../dev/null"},
        {"kid": "x' UNION SELECT 'secret"},
        {"jku": "https://evil.example/keys"},
        {"jwk": {"kty": "oct", "k": base64.urlsafe_b64encode(b"k" * 32).decode().rstrip("=")}},
        {"x5u": "https://evil.example/cert"},
        {"crit": ["exp"]},
        {"b64": False},
    ],
)
async def test_a_header_that_says_more_than_ours_is_refused_even_rightly_signed(
    people: People, extra: dict[str, Any]
) -> None:
    _, claims = await _claims(people)
    for key in (SECRET, b"", b"k" * 32):
        told = await people.whoami(_raw({"alg": "HS256", "typ": "JWT", **extra}, claims, key))
        assert told.status_code == 401


async def test_a_token_is_over_when_it_is_over(people: People) -> None:
    token, claims = await _claims(people)
    people.clock.ahead_ms = (claims["exp"] * 1_000 - people.house.clock.now_ms()) - 2_000
    assert (await people.whoami(token)).status_code == 200
    people.clock.ahead_ms += 2_000
    assert (await people.whoami(token)).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"aud": STEP_UP},
        {"aud": [ACCESS]},
        {"aud": None},
        {"iss": "somebody"},
        {"sub": "root"},
        {"jti": "0" * 32},
        {"exp": "9999999999"},
        {"exp": 1e30},
        {"iat": 99_999_999_999, "exp": 999_999_999_999},
        {"role": "admin"},
    ],
)
async def test_claims_that_are_not_exactly_ours_are_refused(people: People, change: dict[str, Any]) -> None:
    _, claims = await _claims(people)
    token = _raw({"alg": "HS256", "typ": "JWT"}, {**claims, **change})
    assert (await people.whoami(token)).status_code == 401


@pytest.mark.parametrize("token", ["..", "a.b.c", "." * 500, "é.é.é", "e30.e30.e30", "x" * 3_000 + ".y.z"])
async def test_rubbish_is_refused(people: People, token: str) -> None:
    told = await people.house.http.get(
        "/api/v1/whoami", headers={"Authorization": b"Bearer " + token.encode("latin-1")}
    )
    assert told.status_code == 401


async def test_a_stolen_refresh_token_ends_the_login_when_it_is_used_twice(people: People) -> None:
    login = await people.login()
    body = {"refresh_token": login["refresh_token"]}
    fresh = (await people.post("auth/refresh", body)).json()
    assert (await people.post("auth/refresh", body)).status_code == 401
    assert (await people.whoami(fresh["token"])).status_code == 401
    assert (await people.post("auth/refresh", {"refresh_token": fresh["refresh_token"]})).status_code == 401


async def test_the_tables_hold_nothing_that_logs_in(people: People) -> None:
    login = await people.login()
    with people.engine.connect() as connection:
        kept = repr(connection.execute(text("SELECT * FROM login_tokens")).all())
    assert login["refresh_token"] not in kept and login["token"] not in kept


# the live stream


async def test_a_stream_ends_with_the_login_that_opened_it(people: People) -> None:
    token = (await people.login())["token"]
    address = people.house.url.replace("http", "ws") + f"/api/v1/ws?token={token}"
    async with connect(address) as stream:
        assert json.loads(await stream.recv())["type"] == "snapshot"
        await people.post("auth/logout", {}, token)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await stream.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401


async def test_a_stream_does_not_open_with_a_token_that_is_over(people: People) -> None:
    token = (await people.login())["token"]
    people.clock.ahead_ms += ACCESS_S * 1_000
    async with connect(people.house.url.replace("http", "ws") + f"/api/v1/ws?token={token}") as stream:
        with pytest.raises(ConnectionClosed) as closed:
            await stream.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401


# the second factor


async def _enrolled(people: People, key: str) -> bytes:
    secret = base64.b32decode((await people.post("auth/totp", {}, key)).json()["secret"])
    code = code_at(secret, people.clock.now_ms() // STEP_MS)
    assert (await people.post("auth/totp/confirm", {"code": code}, key)).status_code == 200
    people.clock.ahead_ms += STEP_MS  # a code is good once: the next one
    return secret


def _admin_key(people: People, name: str = "root") -> str:
    return people.keys.create_key(role="admin", identifier=name, by="test", at_ms=0)


async def test_who_has_no_second_factor_is_not_asked_for_one(people: People) -> None:
    done = await people.post("kill/reset", {"reason": "over"}, _admin_key(people))
    assert done.status_code == 200


async def test_a_reset_asks_for_the_enrolled_code_and_a_kill_never_does(people: People) -> None:
    key = _admin_key(people)
    secret = await _enrolled(people, key)
    assert (await people.post("kill", {"mode": "halt_all", "reason": "drill"}, key)).status_code == 200
    for path in ("kill/reset", "config/circuit-breaker/reset"):
        refused = await people.post(path, {"reason": "over"}, key)
        assert (refused.status_code, refused.json()["error"]) == (403, "STEP_UP_REQUIRED")
        assert refused.json()["details"] == {"factors": ["totp"]}
    code = code_at(secret, people.clock.now_ms() // STEP_MS)
    shown = (await people.post("auth/step-up", {"code": code}, key)).json()["token"]
    done = await people.post("kill/reset", {"reason": "over"}, key, **{"X-Step-Up": shown})
    assert done.status_code == 200
    again = await people.post("kill/reset", {"reason": "over"}, key, **{"X-Step-Up": shown})
    assert again.status_code == 403, "it was good for one action"
    assert [type(asked) for asked in people.house.commands.asked] == [Kill, ResetKill]


async def test_a_code_is_good_once_and_guessing_ends_soon(people: People) -> None:
    key = _admin_key(people)
    secret = await _enrolled(people, key)
    code = code_at(secret, people.clock.now_ms() // STEP_MS)
    assert (await people.post("auth/step-up", {"code": code}, key)).status_code == 200
    tries = [(await people.post("auth/step-up", {"code": code}, key)).status_code for _ in range(7)]
    assert tries == [401] * 5 + [429] * 2


async def test_somebody_elses_step_up_or_an_access_token_is_none(people: People) -> None:
    key, other = _admin_key(people), _admin_key(people, "mallory")
    await _enrolled(people, key)
    theirs = await _enrolled(people, other)
    code = code_at(theirs, people.clock.now_ms() // STEP_MS)
    shown = (await people.post("auth/step-up", {"code": code}, other)).json()["token"]
    access = Tokens(SECRET).issue(
        audience=ACCESS, subject="root", jti="x", now_ms=people.clock.now_ms(), lifetime_s=60
    )
    for token in (shown, access, "rubbish", "a.b.c"):
        refused = await people.post("kill/reset", {"reason": "over"}, key, **{"X-Step-Up": token})
        assert refused.status_code == 403


async def test_a_wallet_is_a_second_factor_and_wants_a_fresh_signature(people: People) -> None:
    token = (await people.login())["token"]
    refused = await people.post("kill/reset", {"reason": "over"}, token)
    assert refused.json()["details"] == {"factors": ["wallet"]}
    login_text = await people.post("auth/step-up", {"wallet": await people.signed()}, token)
    assert login_text.status_code == 401, "a login's text is no step-up"
    stranger = await people.signed(SigningKey.generate(), purpose="step-up")
    assert (await people.post("auth/step-up", {"wallet": stranger}, token)).status_code == 401
    proof = await people.signed(purpose="step-up")
    shown = (await people.post("auth/step-up", {"wallet": proof}, token)).json()["token"]
    done = await people.post("kill/reset", {"reason": "over"}, token, **{"X-Step-Up": shown})
    assert done.status_code == 200
    replayed = await people.post("auth/step-up", {"wallet": proof}, token)
    assert replayed.status_code == 401


async def test_an_enrolled_factor_is_not_replaced_or_removed_without_itself(people: People) -> None:
    key = _admin_key(people)
    await _enrolled(people, key)
    assert (await people.post("auth/totp", {}, key)).status_code == 403
    removed = await people.house.http.delete("/api/v1/auth/totp", headers={"Authorization": f"Bearer {key}"})
    assert removed.status_code == 403


async def test_a_factor_that_was_never_confirmed_locks_nobody_out(people: People) -> None:
    key = _admin_key(people)
    assert (await people.post("auth/totp", {}, key)).status_code == 200
    assert (await people.post("kill/reset", {"reason": "over"}, key)).status_code == 200


async def test_secrets_of_second_factors_lie_sealed_and_a_changed_house_key_keeps_shut(
    people: People, house_type: type, tmp_path: Path
) -> None:
    key = _admin_key(people)
    secret = await _enrolled(people, key)
    with people.engine.connect() as connection:
        kept = repr(connection.execute(text("SELECT * FROM second_factors")).all())
    assert base64.b64encode(secret).decode()[:12] not in kept and secret.hex() not in kept
    (tmp_path / "other").mkdir()
    house = house_type(tmp_path / "other")
    server = await house.start(identity=replace(people.identity, secret=b"z" * 40), keys=people.keys)
    headers = {"Authorization": f"Bearer {key}"}
    code = {"code": code_at(secret, people.clock.now_ms() // STEP_MS)}
    unread = await house.http.post("/api/v1/auth/step-up", json=code, headers=headers)
    shut = await house.http.post("/api/v1/kill/reset", json={"reason": "over"}, headers=headers)
    await house.stop(server)
    assert (unread.status_code, shut.status_code) == (409, 403)
