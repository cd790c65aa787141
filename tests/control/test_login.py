"""Logging in by wallet over HTTP, over real tables: what must work, and every way we know to get in without right."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from nacl.signing import SigningKey
from sqlalchemy import text
from tests.control.people import SECRET, People
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from chimera.control.challenge import LIFETIME_MS, PLAIN
from chimera.control.sessions import REFRESHABLE_MS
from chimera.control.tokens import ACCESS, ACCESS_S, STEP_UP
from chimera.domain.commands import Kill

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
