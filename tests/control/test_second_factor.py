"""The second factor over HTTP: asked for where money could be lost by it, good once, and nobody's to go around."""

import base64
from dataclasses import replace
from pathlib import Path

from nacl.signing import SigningKey
from sqlalchemy import text
from tests.control.people import SECRET, People

from chimera.control.tokens import ACCESS, Tokens
from chimera.control.totp import STEP_MS, code_at
from chimera.domain.commands import Kill, ResetKill


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
