"""The gate: every check says no where it must, in its order, and an exit stays possible."""

import msgspec
import pytest

from chimera.config import load
from chimera.domain.circumstances import Circumstances
from chimera.domain.errors import ConfigError
from chimera.domain.ids import TOKEN_PROGRAM, USDC, Address, IntentId, SignalId, Signature, Slot, TradeId
from chimera.domain.intent import Origin, Side, Style, TradeIntent
from chimera.domain.messages import KillSwitchMoved
from chimera.domain.risk import Reason, Refusal
from chimera.domain.token import TokenInfo, TokenReport
from chimera.risk.checks import RiskLimits
from chimera.risk.gate import Approved, Gate
from chimera.risk.kill_switch import KillSwitch
from chimera.risk.loss_breaker import BreakerState, LossBreaker, LossLimits

MINT = Address("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263")
TOKEN = TokenInfo(MINT, TOKEN_PROGRAM, 5, 10**15, None, None, Slot(1))
NOW = 1_000_000


def intent(side: Side = Side.BUY, **changes: object) -> TradeIntent:
    wanted = TradeIntent(
        id=IntentId("i"), trade_id=TradeId("t"), signal_id=SignalId("s"), source="copy_trade",
        origin=Origin.STRATEGY_A, style=Style.SHIELD if side is Side.BUY else Style.EXIT, side=side, mint=MINT,
        symbol="BONK", amount=100_000_000, slippage_bps_max=300, created_at_ms=NOW - 10, ttl_ms=5_000, reason="",
    )  # fmt: skip
    return msgspec.structs.replace(wanted, **changes)


def seen(**changes: object) -> Circumstances:
    fine = Circumstances(
        now_ms=NOW, slot_at_ms=NOW - 100, kill_refusal=None, breaker_refusal=None, token=TOKEN,
        report=TokenReport(MINT, Slot(1), NOW, None, 10_000_000, 9_900_000), liquidity_micro_usd=50_000 * 10**6,
        pool_doubt=None, lamports=10 * 10**9, reserved_lamports=0, equity_lamports=10 * 10**9, engaged_lamports=0,
        open_positions=0, held_tokens=100_000_000, lost_today_lamports=0,
    )  # fmt: skip
    return msgspec.structs.replace(fine, **changes)


def reason(wanted: TradeIntent, circumstances: Circumstances) -> Reason | None:
    outcome = Gate(RiskLimits()).review(wanted, circumstances)
    return outcome.reason if isinstance(outcome, Refusal) else None


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({"origin": Origin.EXECUTION_MEV_B}, False),
        ({"parent": Signature("1" * 64)}, False),
        ({"origin": Origin.EXECUTION_MEV_B, "parent": Signature("1" * 64)}, False),
        ({"origin": Origin.EXECUTION_MEV_B, "parent": Signature("1" * 64), "side": Side.CYCLE,
          "pools": (MINT, USDC), "profit_lamports_min": 10**6}, True),
        ({"side": Side.CYCLE, "pools": (MINT, USDC), "profit_lamports_min": 10**6}, True),
    ],
)  # fmt: skip
def test_a_reaction_exists_only_relative_to_a_transaction_and_nothing_else_names_one(
    change: dict[str, object], allowed: bool
) -> None:
    expected = None if allowed else Reason.VALIDATION_FAILED
    assert reason(intent(**change), seen(bundles=True)) is expected


def test_a_sound_buy_is_approved_with_what_each_check_saw() -> None:
    outcome = Gate(RiskLimits()).review(intent(), seen())
    assert isinstance(outcome, Approved)
    assert outcome.checks[0] == "not_killed: kill switch off"
    assert any("50000" not in check and check.startswith("token_safe") for check in outcome.checks)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"slot_at_ms": NOW - 6_000}, Reason.STALE_DATA),
        ({"pool_doubt": "gap"}, Reason.STALE_DATA),
        ({"token": None}, Reason.UNKNOWN_TOKEN),
        ({"token": msgspec.structs.replace(TOKEN, freeze_authority=MINT)}, Reason.FREEZE_AUTHORITY),
        ({"token": msgspec.structs.replace(TOKEN, mint_authority=MINT)}, Reason.MINT_AUTHORITY),
        ({"token": msgspec.structs.replace(TOKEN, transfer_fee_bps=501)}, Reason.TOKEN_UNSAFE),
        ({"token": msgspec.structs.replace(TOKEN, extensions=("permanent_delegate",))}, Reason.TOKEN_UNSAFE),
        ({"liquidity_micro_usd": 9_999 * 10**6}, Reason.LIQUIDITY),
        ({"liquidity_micro_usd": None}, Reason.LIQUIDITY),
        ({"report": None}, Reason.SIMULATION_UNAVAILABLE),
        ({"open_positions": 12}, Reason.MAX_OPEN_POSITIONS),
        ({"lamports": 150_000_000}, Reason.INSUFFICIENT_BALANCE),
        ({"reserved_lamports": 9_900_000_000}, Reason.CAPITAL_CONFLICT),
        ({"reserved_lamports": 9_900_000_000, "lamports": 9_999_999}, Reason.INSUFFICIENT_BALANCE),
        ({"engaged_lamports": 6_950_000_000}, Reason.STRATEGY_HEAT_LIMIT),
        ({"lost_today_lamports": 5_000_000_001}, Reason.DAILY_LOSS),
    ],
)
def test_each_circumstance_refuses_a_buy_for_its_own_reason(
    change: dict[str, object], expected: Reason
) -> None:
    assert reason(intent(), seen(**change)) is expected
    assert reason(intent(Side.SELL), seen(**change)) is None, "an exit stays possible"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"amount": 0}, Reason.POSITION_SIZE_ZERO),
        ({"amount": 2_000_000_001}, Reason.MAX_POSITION),
        ({"slippage_bps_max": 501}, Reason.SLIPPAGE),
        ({"created_at_ms": NOW - 5_000}, Reason.TTL_EXPIRED),
    ],
)
def test_an_unsound_intent_is_refused(change: dict[str, object], expected: Reason) -> None:
    assert reason(intent(**change), seen()) is expected


def test_the_order_is_kill_switch_breakers_slippage_whatever_else_is_wrong_too() -> None:
    wrong = {
        "kill_refusal": Refusal(Reason.KILL_SWITCH),
        "breaker_refusal": Refusal(Reason.SLIPPAGE_BREAKER),
    }
    wide = intent(slippage_bps_max=501)
    assert reason(wide, seen(**wrong)) is Reason.KILL_SWITCH
    assert reason(wide, seen(**{**wrong, "kill_refusal": None})) is Reason.SLIPPAGE_BREAKER
    assert reason(wide, seen()) is Reason.SLIPPAGE
    assert reason(intent(), seen()) is None, "and only then is anything planned, signed or confirmed"


def clustered(*beside: tuple[int, int], **limits: int) -> Refusal | Approved:
    """A buy of 0.1 SOL beside (correlation in bps, lamports) that is held, of 10 SOL in all."""
    gate = Gate(RiskLimits(**{"cluster_bps": 1_000, **limits}))
    return gate.review(intent(), seen(correlated_lamports=beside))


def test_what_lies_in_tokens_that_move_together_is_bounded() -> None:
    assert isinstance(clustered((7_000, 900_000_000)), Approved), "1 SOL is the tenth that is allowed"
    refused = clustered((7_000, 450_000_000), (9_900, 450_000_001))
    assert isinstance(refused, Refusal) and refused.reason is Reason.CORRELATED
    assert refused.limit == "1 SOL in tokens that move together"
    assert refused.observed.endswith("with 2 held that do")


def test_what_moves_by_itself_and_what_nobody_knows_of_does_not_count() -> None:
    assert isinstance(clustered((6_999, 5_000_000_000)), Approved)
    assert isinstance(clustered(), Approved)
    assert isinstance(clustered((10_000, 5_000_000_000), cluster_bps=10_000), Approved), "off by default"
    limits = RiskLimits(cluster_bps=1)
    sale = Gate(limits).review(intent(Side.SELL), seen(correlated_lamports=((10_000, 10**10),)))
    assert isinstance(sale, Approved), "an exit stays possible"


@pytest.mark.parametrize("setting", [501, 9_999])
def test_no_limit_lets_a_buy_slip_more_than_five_percent(setting: int) -> None:
    limits = RiskLimits(slippage_bps_max=setting, exit_slippage_bps_max=1_500)
    wide = intent(slippage_bps_max=501)
    refused = Gate(limits).review(wide, seen())
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.limit) == (Reason.SLIPPAGE, "500 bps")
    assert isinstance(Gate(limits).review(intent(slippage_bps_max=500), seen()), Approved)


def test_nothing_is_bought_at_prices_older_than_the_limit() -> None:
    limits = RiskLimits(slot_age_ms_max=30_000)
    assert isinstance(Gate(limits).review(intent(), seen(slot_at_ms=NOW - 30_000)), Approved)
    refused = Gate(limits).review(intent(), seen(slot_at_ms=NOW - 30_001))
    assert isinstance(refused, Refusal) and refused.reason is Reason.STALE_DATA


@pytest.mark.parametrize(
    ("variable", "most"), [("CHIMERA_RISK__SLOT_AGE_MS_MAX", 30_000), ("CHIMERA_RISK__SLIPPAGE_BPS_MAX", 500)]
)
def test_settings_beyond_five_percent_or_thirty_seconds_are_refused_at_start(
    variable: str, most: int
) -> None:
    load([], {variable: str(most)})
    with pytest.raises(ConfigError):
        load([], {variable: str(most + 1)})


def killed(scope: str, side: Side) -> Reason | None:
    switch = KillSwitch()
    switch.ready = True
    if scope:
        switch.apply(KillSwitchMoved(True, scope, "test", "me"))
    return reason(intent(side), seen(token=None, kill_refusal=switch.review(side)))


def test_the_kill_switch_comes_before_everything_and_halt_buys_lets_exits_pass() -> None:
    assert killed("halt_all", Side.BUY) is Reason.KILL_SWITCH
    assert killed("halt_all", Side.SELL) is Reason.KILL_SWITCH
    assert killed("halt_buys", Side.BUY) is Reason.KILL_SWITCH
    assert killed("halt_buys", Side.SELL) is None


def test_before_the_start_is_complete_nothing_trades() -> None:
    refusal = KillSwitch().review(Side.SELL)
    assert reason(intent(Side.SELL), seen(kill_refusal=refusal)) is Reason.NOT_READY


def test_an_open_breaker_stops_buys_only() -> None:
    breaker = LossBreaker(LossLimits())
    breaker.state = BreakerState.OPEN
    circumstances = seen(breaker_refusal=breaker.review())
    assert reason(intent(), circumstances) is Reason.BREAKER_OPEN
    assert reason(intent(Side.SELL), circumstances) is None


def test_spear_passes_at_seven_and_a_half_thousand_dollars_where_shield_fails() -> None:
    circumstances = seen(liquidity_micro_usd=7_500 * 10**6)
    assert reason(intent(style=Style.SPEAR), circumstances) is None
    assert reason(intent(), circumstances) is Reason.LIQUIDITY
    assert reason(intent(style=Style.SPEAR), seen(liquidity_micro_usd=4_999 * 10**6)) is Reason.LIQUIDITY


def test_a_token_whose_probe_could_not_be_sold_is_refused() -> None:
    report = TokenReport(MINT, Slot(1), NOW, Refusal(Reason.HONEYPOT), 10_000_000, 0)
    assert reason(intent(), seen(report=report)) is Reason.HONEYPOT
