"""Who gets in: every check alone, their order, and what bad input comes to."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from chimera.domain.ids import SignalId
from chimera.domain.intent import Side, Signal, Source, Style
from chimera.domain.messages import SignalRefused
from chimera.domain.risk import Reason, Refusal
from chimera.domain.wallet import Wallet, WalletStatus
from chimera.ports.ingress import WebhookRequest
from chimera.risk.admission import Admission, AdmissionRules
from chimera.testing.surroundings import ACTIVE_WALLET, BONK, TableSurroundings

SECRET = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
NOW_S = 1_790_000_000
CALL = {
    "strategy": "SHIELD",
    "token": "BONK",
    "action": "BUY",
    "amount_sol": 0.1,
    "wallet_address": ACTIVE_WALLET,
}


def sign(body: bytes, stamp: str, secret: bytes = SECRET) -> str:
    return hmac.new(secret, stamp.encode() + body, hashlib.sha256).hexdigest()


class Door:
    """An admission with its surroundings, a clock that is turned by hand and requests that are signed."""

    def __init__(self, **rules: Any) -> None:
        self.around = TableSurroundings()
        self.admission = Admission(AdmissionRules(secrets=(SECRET,), **rules), self.around)
        self.now_s, self.now_ns, self.depth = NOW_S, 0, 0

    def send(
        self,
        body: bytes | None = None,
        *,
        stamp: str | None = None,
        signature: str | None = None,
        secret: bytes = SECRET,
        **changes: Any,
    ) -> Signal | SignalRefused:
        raw = json.dumps({**CALL, **changes}).encode() if body is None else body
        stamp = str(self.now_s) if stamp is None else stamp
        return self.pass_on(
            WebhookRequest(body=raw, signature=signature or sign(raw, stamp, secret), timestamp=stamp)
        )

    def pass_on(self, request: WebhookRequest) -> Signal | SignalRefused:
        return self.admission.admit(
            request, now_ms=self.now_s * 1_000, now_ns=self.now_ns, queue_depth=self.depth
        )


def reason(verdict: Signal | SignalRefused) -> Reason:
    assert isinstance(verdict, SignalRefused), "it was let in"
    return verdict.refusal.reason


def accepted(verdict: Signal | SignalRefused) -> Signal:
    assert isinstance(verdict, Signal), f"it was refused: {verdict.refusal}"
    return verdict


@pytest.fixture
def door() -> Door:
    return Door()


def test_the_documented_call_is_let_in_with_its_exact_amount(door: Door) -> None:
    signal = accepted(door.send())
    assert (signal.mint, signal.symbol) == (BONK.mint, "BONK")
    assert (signal.amount_lamports, signal.side, signal.strategy) == (100_000_000, Side.BUY, Style.SHIELD)
    assert signal.wallet == ACTIVE_WALLET


def test_a_wrong_signature_is_refused(door: Door) -> None:
    assert reason(door.send(signature="0" * 64)) is Reason.BAD_SIGNATURE
    assert reason(door.send(secret=b"another secret")) is Reason.BAD_SIGNATURE
    assert reason(door.send(signature="zz")) is Reason.BAD_SIGNATURE
    assert reason(door.send(signature="é" * 64)) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(("signature", "stamp"), [(None, str(NOW_S)), ("0" * 64, None), (None, None)])
def test_a_missing_header_is_refused(door: Door, signature: str | None, stamp: str | None) -> None:
    refused = door.pass_on(WebhookRequest(body=b"{}", signature=signature, timestamp=stamp))
    assert reason(refused) is Reason.MISSING_SIGNATURE


@pytest.mark.parametrize(
    ("age_s", "let_in"), [(300, True), (301, False), (-300, True), (-301, False), (0, True)]
)
def test_the_replay_window_is_five_minutes_either_way(door: Door, age_s: int, let_in: bool) -> None:
    verdict = door.send(stamp=str(NOW_S - age_s))
    assert isinstance(verdict, Signal) if let_in else reason(verdict) is Reason.STALE_TIMESTAMP


@pytest.mark.parametrize(
    "stamp", ["", "now", "1e9", "-1", "17900000.5", " 1790000000", "1" * 40, "0x6AB", "²"]
)
def test_a_timestamp_that_is_no_unix_time_is_refused_though_signed(door: Door, stamp: str) -> None:
    assert reason(door.send(stamp=stamp)) in {Reason.STALE_TIMESTAMP, Reason.BAD_SIGNATURE}


def test_reordered_keys_break_the_signature(door: Door) -> None:
    signature = sign(json.dumps(CALL).encode(), str(NOW_S))
    reordered = json.dumps(dict(reversed(CALL.items()))).encode()
    assert reason(door.send(reordered, signature=signature)) is Reason.BAD_SIGNATURE


def test_the_signature_is_hex_in_either_case(door: Door) -> None:
    raw = json.dumps(CALL).encode()
    accepted(door.send(raw, signature=sign(raw, str(NOW_S)).upper()))


def test_the_old_secret_works_beside_the_new_one_during_its_grace() -> None:
    rules = AdmissionRules(secrets=(SECRET, b"old"))
    admission = Admission(rules, TableSurroundings())
    for number, secret in enumerate((SECRET, b"old")):
        raw = json.dumps({**CALL, "amount_sol": number + 1}).encode()
        request = WebhookRequest(body=raw, signature=sign(raw, str(NOW_S), secret), timestamp=str(NOW_S))
        accepted(admission.admit(request, now_ms=NOW_S * 1_000, now_ns=0, queue_depth=0))


@pytest.mark.parametrize("left_ms", [1, 0, -86_400_000])
def test_after_its_grace_the_old_secret_is_refused_and_the_new_one_goes_on(left_ms: int) -> None:
    now_ms = NOW_S * 1_000
    rules = AdmissionRules(secrets=(SECRET, b"old"), grace_until_ms=now_ms + left_ms)
    admission = Admission(rules, TableSurroundings())
    verdicts = []
    for number, secret in enumerate((SECRET, b"old")):
        raw = json.dumps({**CALL, "amount_sol": number + 1}).encode()
        request = WebhookRequest(body=raw, signature=sign(raw, str(NOW_S), secret), timestamp=str(NOW_S))
        verdicts.append(admission.admit(request, now_ms=now_ms, now_ns=0, queue_depth=0))
    new, old = verdicts
    accepted(new)
    assert isinstance(old, Signal) if left_ms > 0 else reason(old) is Reason.BAD_SIGNATURE


def test_without_signatures_every_other_check_stays() -> None:
    door = Door(signed=False)
    unsigned = WebhookRequest(body=json.dumps(CALL).encode(), signature=None, timestamp=None)
    accepted(door.pass_on(unsigned))
    assert reason(door.pass_on(unsigned)) is Reason.DUPLICATE_SIGNAL


def test_a_house_that_wants_signatures_without_a_secret_is_not_built() -> None:
    with pytest.raises(ValueError, match="secret"):
        Admission(AdmissionRules(secrets=()), TableSurroundings())


def test_the_hundred_and_first_in_a_second_is_refused_and_the_next_second_is_open_again(door: Door) -> None:
    for number in range(100):
        door.now_ns = number * 1_000_000
        accepted(door.send(amount_sol=number + 1))
    door.now_ns = 999_999_999
    assert reason(door.send(amount_sol=500)) is Reason.RATE_LIMITED
    assert door.admission.rate(door.now_ns).remaining == 0
    door.now_ns = 1_000_000_000
    accepted(door.send(amount_sol=500))


def test_unsigned_requests_use_up_nobodys_rate(door: Door) -> None:
    for _ in range(500):
        assert reason(door.send(signature="0" * 64)) is Reason.BAD_SIGNATURE
    accepted(door.send())


def test_a_full_queue_refuses_everybody_and_keeps_a_dead_letter(door: Door) -> None:
    door.depth = 1_000
    for strategy, action in (("SHIELD", "BUY"), ("EXIT", "SELL")):
        refused = door.send(strategy=strategy, action=action)
        assert reason(refused) is Reason.QUEUE_FULL
        assert isinstance(refused, SignalRefused)
        assert refused.dead_letter
        assert "BONK" in refused.payload


def test_above_the_mark_only_spear_is_shed(door: Door) -> None:
    door.around.held.add((ACTIVE_WALLET, BONK.mint))
    door.depth = 800
    accepted(door.send(strategy="SPEAR"))
    door.depth = 801
    refused = door.send(strategy="SPEAR", amount_sol=0.2)
    assert reason(refused) is Reason.LOAD_SHED
    assert isinstance(refused, SignalRefused)
    assert refused.dead_letter
    accepted(door.send(strategy="SHIELD"))
    accepted(door.send(strategy="EXIT", action="SELL"))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"not json", b"\xff\xfe", b'{"token":"\xff"}', b"{} {}", b'{"amount_sol":NaN}', b'{"amount_sol":01}',
     b'{"amount_sol":Infinity}', b'{"strategy":"SHIELD","amount_sol":' + b"[" * 9_000 + b"]" * 9_000 + b"}"],
)  # fmt: skip
def test_what_is_not_json_becomes_a_parse_error_dead_letter(door: Door, body: bytes) -> None:
    refused = door.send(body)
    assert reason(refused) is Reason.PARSE_ERROR
    assert isinstance(refused, SignalRefused)
    assert refused.dead_letter


@pytest.mark.parametrize(
    "changes",
    [
        {"strategy": "GAMBLE"},
        {"strategy": "shield"},
        {"action": "HOLD"},
        {"strategy": "EXIT"},
        {"amount_sol": 0},
        {"amount_sol": -0.1},
        {"amount_sol": 1e30},
        {"amount_sol": "0.1"},
        {"amount_sol": None},
        {"amount_sol": True},
        {"amount_sol": [1]},
        {"amount_sol": 0.0000000001},
        {"token": ""},
        {"token": "BO NK"},
        {"token": "BONK\r\nX-Evil: 1"},
        {"token": "../../etc/passwd" * 4},
        {"token": 7},
        {"wallet_address": "short"},
        {"wallet_address": "0OIl" * 9},
        {"wallet_address": ACTIVE_WALLET + "\n"},
        {"leverage": 5},
        {"trade_uuid": "1234"},
        {"trade_uuid": "../../../../../../../../../../../etc"},
        {
            "trade_uuid": "123e4567-e89b-42d3-a456-426614174000",
            "uuid": "123e4567-e89b-42d3-a456-426614174000",
        },
    ],
)
def test_json_that_is_no_signal_becomes_a_validation_dead_letter(door: Door, changes: dict[str, Any]) -> None:
    refused = door.send(**changes)
    assert reason(refused) is Reason.VALIDATION_FAILED
    assert isinstance(refused, SignalRefused)
    assert refused.dead_letter


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"x"', b"{}"])
def test_json_of_another_shape_is_refused(door: Door, body: bytes) -> None:
    assert reason(door.send(body)) is Reason.VALIDATION_FAILED


@pytest.mark.parametrize(
    ("text", "lamports"),
    [
        ("0.1", 100_000_000),
        ("1", 1_000_000_000),
        ("1e-9", 1),
        ("1.5E2", 150_000_000_000),
        ("0.100000000000000000000000000000", 100_000_000),
        ("0.000000001", 1),
        ("18446744073.709551615", 2**64 - 1),
        ("0.3", 300_000_000),
    ],
)
def test_amounts_are_read_exactly_from_their_text(door: Door, text: str, lamports: int) -> None:
    raw = json.dumps(CALL).replace("0.1", text, 1).encode()
    assert accepted(door.send(raw)).amount_lamports == lamports


@pytest.mark.parametrize(
    "text",
    ["1e30", "1e999999999", "1e-999999999", "18446744073.709551616", "0.1000000000000000000000000000000001",
     "9" * 60, "-0.1", "-1e-9"],
)  # fmt: skip
def test_amounts_that_cannot_be_paid_are_refused(door: Door, text: str) -> None:
    raw = json.dumps(CALL).replace("0.1", text, 1).encode()
    assert reason(door.send(raw)) is Reason.VALIDATION_FAILED


def test_the_same_request_is_the_same_id_and_gets_in_once(door: Door) -> None:
    first = accepted(door.send())
    again = door.send()
    assert reason(again) is Reason.DUPLICATE_SIGNAL
    assert isinstance(again, SignalRefused)
    assert again.signal_id == first.id
    assert accepted(Door().send()).id == first.id


def test_each_part_of_a_signal_changes_its_id(door: Door) -> None:
    door.around.wallets["9" * 43] = Wallet(address=door.send().wallet, status=WalletStatus.ACTIVE)  # type: ignore[arg-type]
    ids = [
        accepted(Door().send(**changes)).id
        for changes in (
            {},
            {"amount_sol": 0.2},
            {"strategy": "SPEAR"},
            {"token": BONK.mint},
            {"stamp": str(NOW_S + 1)},
        )
    ]
    assert len(set(ids)) == len(ids)


def test_a_supplied_uuid_is_the_id_and_a_second_use_a_duplicate(door: Door) -> None:
    mine = "123e4567-e89b-42d3-a456-426614174000"
    assert accepted(door.send(trade_uuid=mine.upper())).id == mine
    assert reason(door.send(uuid=mine, amount_sol=3)) is Reason.DUPLICATE_SIGNAL


def test_a_replay_after_a_restart_is_still_a_duplicate(door: Door) -> None:
    signal_id = accepted(door.send()).id
    reborn = Door()
    reborn.admission.resume([signal_id])
    assert reason(reborn.send()) is Reason.DUPLICATE_SIGNAL


def test_a_refused_signal_may_be_sent_again_once_it_is_welcome(door: Door) -> None:
    door.around.breaker = Refusal(Reason.BREAKER_OPEN)
    assert reason(door.send()) is Reason.BREAKER_OPEN
    door.around.breaker = None
    accepted(door.send())


def test_remembered_ids_are_bounded() -> None:
    door = Door(remembered=10, rate_per_s=1_000)
    for number in range(1, 30):
        accepted(door.send(amount_sol=number))
    assert reason(door.send(amount_sol=29)) is Reason.DUPLICATE_SIGNAL
    accepted(door.send(amount_sol=1))


def test_an_unlisted_token_is_refused(door: Door) -> None:
    assert reason(door.send(token="NOPE")) is Reason.UNKNOWN_TOKEN


@pytest.mark.parametrize(
    "unsafe", [Reason.LIQUIDITY, Reason.FREEZE_AUTHORITY, Reason.MINT_AUTHORITY, Reason.HONEYPOT]
)
def test_an_unsafe_token_is_not_bought_but_can_be_sold(door: Door, unsafe: Reason) -> None:
    door.around.unsafe[BONK.mint, Style.SHIELD] = Refusal(unsafe, limit="10000 USD", observed="7500 USD")
    door.around.held.add((ACTIVE_WALLET, BONK.mint))
    assert reason(door.send()) is unsafe
    accepted(door.send(strategy="SPEAR"))
    accepted(door.send(action="SELL"))


def test_only_active_wallets_are_copied(door: Door) -> None:
    assert reason(door.send(wallet_address="9" * 43)) is Reason.UNKNOWN_WALLET
    for status in (WalletStatus.CANDIDATE, WalletStatus.REJECTED):
        door.around.wallets[ACTIVE_WALLET] = Wallet(address=BONK.mint, status=status)
        assert reason(door.send()) is Reason.WALLET_NOT_ACTIVE


def test_what_a_demoted_wallet_bought_can_still_be_sold(door: Door) -> None:
    door.around.wallets.clear()
    door.around.held.add((ACTIVE_WALLET, BONK.mint))
    accepted(door.send(strategy="EXIT", action="SELL"))


def test_a_sale_needs_a_position(door: Door) -> None:
    assert reason(door.send(strategy="EXIT", action="SELL")) is Reason.NO_ACTIVE_POSITION
    assert reason(door.send(action="SELL")) is Reason.NO_ACTIVE_POSITION


def test_an_exit_is_all_of_it_whatever_amount_it_names(door: Door) -> None:
    door.around.held.add((ACTIVE_WALLET, BONK.mint))
    assert accepted(door.send(strategy="EXIT", action="SELL", amount_sol=0.4)).amount_lamports == 0


def test_an_open_breaker_stops_buys_and_lets_sales_out(door: Door) -> None:
    door.around.breaker = Refusal(Reason.BREAKER_OPEN)
    door.around.held.add((ACTIVE_WALLET, BONK.mint))
    assert reason(door.send()) == "circuit_breaker_triggered"
    accepted(door.send(action="SELL"))


def test_the_kill_switch_decides_for_each_side(door: Door) -> None:
    door.around.killed[Side.BUY] = Refusal(Reason.KILL_SWITCH)
    door.around.held.add((ACTIVE_WALLET, BONK.mint))
    assert reason(door.send()) is Reason.KILL_SWITCH
    accepted(door.send(action="SELL"))
    door.around.killed[Side.SELL] = Refusal(Reason.KILL_SWITCH)
    assert reason(door.send(action="SELL", amount_sol=2)) is Reason.KILL_SWITCH


def test_each_style_may_spend_only_its_share(door: Door) -> None:
    door.around.allocation[Style.SPEAR] = Refusal(Reason.STRATEGY_HEAT_LIMIT)
    assert reason(door.send(strategy="SPEAR")) is Reason.STRATEGY_HEAT_LIMIT
    accepted(door.send())


def test_the_order_of_the_checks_is_the_documented_one() -> None:
    """Everything is wrong at once; repairing the reported fault brings up the next one of the list."""
    door = Door(rate_per_s=1)
    accepted(door.send())
    around = door.around
    around.tokens.clear()
    around.wallets.clear()
    around.unsafe[BONK.mint, Style.SPEAR] = Refusal(Reason.FREEZE_AUTHORITY)
    around.killed[Side.BUY] = Refusal(Reason.KILL_SWITCH)
    around.breaker = Refusal(Reason.BREAKER_OPEN)
    around.allocation[Style.SPEAR] = Refusal(Reason.STRATEGY_HEAT_LIMIT)
    door.depth = 1_000
    seen: list[Reason] = []

    def see(**how: Any) -> None:
        seen.append(reason(door.send(strategy="SPEAR", **how)))

    see(signature="0" * 64, stamp="1", body=b"{")
    see(stamp="1", body=b"{")
    see(body=b"{")
    door.now_ns += 1_000_000_000
    see(body=b"{")
    door.depth = 801
    for body in (b"{", b"{}"):
        door.now_ns += 1_000_000_000
        see(body=body)
    repairs = (
        lambda: None,
        lambda: setattr(door, "depth", 0),
        lambda: around.tokens.update(BONK=BONK),
        around.unsafe.clear,
        lambda: around.wallets.update(
            {ACTIVE_WALLET: Wallet(address=ACTIVE_WALLET, status=WalletStatus.ACTIVE)}
        ),
        around.killed.clear,
        lambda: setattr(around, "breaker", None),
    )
    for repair in repairs:
        repair()
        door.now_ns += 1_000_000_000
        see()
    assert seen == [
        Reason.BAD_SIGNATURE,
        Reason.STALE_TIMESTAMP,
        Reason.RATE_LIMITED,
        Reason.QUEUE_FULL,
        Reason.PARSE_ERROR,
        Reason.VALIDATION_FAILED,
        Reason.LOAD_SHED,
        Reason.UNKNOWN_TOKEN,
        Reason.FREEZE_AUTHORITY,
        Reason.UNKNOWN_WALLET,
        Reason.KILL_SWITCH,
        Reason.BREAKER_OPEN,
        Reason.STRATEGY_HEAT_LIMIT,
    ]


def test_nothing_of_an_unsigned_request_is_kept(door: Door) -> None:
    refused = door.send(signature="0" * 64)
    assert isinstance(refused, SignalRefused)
    assert (refused.payload, refused.dead_letter) == ("", False)


def test_no_secret_shows_in_what_admission_prints() -> None:
    assert SECRET.decode() not in repr(AdmissionRules(secrets=(SECRET,)))


def seen_signal(**changes: Any) -> Signal:
    fields: dict[str, Any] = {
        "id": SignalId("w1"),
        "source": Source.WATCHER,
        "strategy": Style.SHIELD,
        "side": Side.BUY,
        "mint": BONK.mint,
        "symbol": "BONK",
        "amount_lamports": 5,
        "wallet": ACTIVE_WALLET,
        "at_ms": 1,
    }
    return Signal(**{**fields, **changes})


def test_a_seen_signal_passes_the_same_checks_and_a_repeated_one_is_no_news(door: Door) -> None:
    assert door.admission.admit_seen(seen_signal(), queue_depth=0) == seen_signal()
    assert door.admission.admit_seen(seen_signal(), queue_depth=0) is None
    door.around.wallets.clear()
    refused = door.admission.admit_seen(seen_signal(id=SignalId("w2")), queue_depth=0)
    assert isinstance(refused, SignalRefused)
    assert (refused.refusal.reason, refused.source) == (Reason.UNKNOWN_WALLET, "watcher")
    assert door.admission.admit_seen(seen_signal(id=SignalId("w2")), queue_depth=0) is None
