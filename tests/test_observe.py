"""One line and its metrics for each thing that happens, and no secret in any of them."""

import asyncio
import io
import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from chimera.domain.ids import Address, IntentId, SignalId, Signature, Slot, TradeId
from chimera.domain.intent import Origin, Side, Signal, Source, Style, TradeIntent
from chimera.domain.messages import (
    BreakerMoved,
    Entry,
    Fact,
    IntentEmitted,
    IntentRefused,
    KillSwitchMoved,
    LegLanded,
    LegReverted,
    Noted,
    Reconciled,
    SignalAccepted,
    SignalRefused,
    TradeMoved,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Fill, LegRef, TradeState
from chimera.observe import CUT, Observer, Redactor, bind, make_log
from chimera.observe.later import LATER_S

LEG = LegRef(leg_id="l", intent_id=IntentId("i"), trade_id=TradeId("t"))


class Told:
    """An observer whose lines can be read."""

    def __init__(self, *secrets: str, level: str = "debug") -> None:
        self.stream = io.StringIO()
        self.redactor = Redactor(secrets)
        self.log = make_log(level=level, json=True, redactor=self.redactor, stream=self.stream)
        self.observer = Observer(self.log, CollectorRegistry())
        self._seq = 0

    def hear(self, fact: Fact, at_ms: int = 1_000) -> None:
        self._seq += 1
        self.observer.heard(Entry(seq=self._seq, at_ms=at_ms, run_id="r", fact=fact))

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def value(self, name: str, **labels: str) -> float | None:
        return self.observer.registry.get_sample_value(f"chimera_{name}", labels)


@pytest.mark.parametrize(
    "fields",
    [
        {"webhook_secret": "abc"},
        {"Authorization": "Bearer abc"},
        {"headers": {"X-Signature": "abc", "accept": "x"}},
        {"vault_passphrase": "abc"},
        {"items": [{"api_key": "abc"}]},
    ],
)
def test_keys_that_name_a_secret_are_cut_at_any_depth(fields: dict[str, Any]) -> None:
    told = Told()
    told.log.info("event", **fields)
    assert '"abc"' not in told.stream.getvalue()
    assert CUT in told.stream.getvalue()


def test_registered_secrets_are_cut_wherever_they_stand() -> None:
    told = Told("s3cret-value")
    told.log.info("seen s3cret-value", url="http://x/?k=s3cret-value", parts=["s3cret-value"])
    told.redactor.register("another-one")
    told.log.info("x", text="another-one")
    with pytest.raises(ValueError, match="s3cret") as caught:
        int("s3cret-value")
    told.observer.role_failed(role="test", error=caught.value)
    text = told.stream.getvalue()
    assert "s3cret-value" not in text
    assert "another-one" not in text
    assert "Traceback" in text, "the log itself does have the trace"


def test_a_bound_id_is_on_every_line_inside_and_on_none_outside() -> None:
    told = Told()
    with bind(request_id="r-1"):
        told.log.info("inside")
    told.log.info("outside")
    inside, outside = told.lines()
    assert inside["request_id"] == "r-1"
    assert "request_id" not in outside


def test_lines_below_the_level_are_not_written() -> None:
    told = Told(level="warning")
    told.log.info("quiet")
    told.log.warning("loud")
    assert [line["event"] for line in told.lines()] == ["loud"]


def test_signals_are_counted_by_source_and_outcome() -> None:
    told = Told()
    told.hear(SignalAccepted(signal=signal()))
    refusal = Refusal(Reason.UNKNOWN_WALLET, observed="w")
    told.hear(SignalRefused(signal_id=None, refusal=refusal, payload="", source="webhook"))
    assert told.value("signals_total", source="webhook", outcome="accepted") == 1
    assert told.value("signals_total", source="webhook", outcome="refused") == 1
    assert told.value("webhook_rejections_total", reason="UNKNOWN_WALLET") == 1
    assert told.lines()[-1]["reason"] == "UNKNOWN_WALLET"


def test_a_trades_time_runs_from_its_intent_to_its_landing() -> None:
    told = Told()
    told.hear(IntentEmitted(intent=intent()), at_ms=1_000)
    told.hear(LegLanded(leg=LEG, fill=fill()), at_ms=1_900)
    assert told.value("trade_latency_ms_sum", side="BUY") == 900
    assert told.value("active_positions") == 1
    told.hear(
        TradeMoved(trade_id=TradeId("t"), before=TradeState.EXITING, after=TradeState.CLOSED, cause="sold")
    )
    assert told.value("active_positions") == 0
    assert told.value("total_trades_total", state="CLOSED") == 1
    assert told.lines()[-1]["event"] == "trade closed"


def test_refusals_reverts_breakers_kills_and_drift_have_their_numbers() -> None:
    told = Told()
    refusal = Refusal(Reason.SLIPPAGE, limit="100 bps", observed="300 bps")
    told.hear(IntentRefused(intent_id=IntentId("i"), trade_id=TradeId("t"), refusal=refusal))
    told.hear(
        LegReverted(leg=LEG, signature=Signature("s"), slot=Slot(1), error="6005", lamports_delta=-5_000)
    )
    told.hear(BreakerMoved(breaker="loss", before="CLOSED", after="OPEN", cause="5 losses", by="rule"))
    told.hear(KillSwitchMoved(active=True, scope="halt_all", cause="drill", by="admin"))
    told.hear(Reconciled(slot=Slot(1), expected_lamports=10, actual_lamports=7))
    assert told.value("intents_refused_total", reason="SLIPPAGE_ABOVE_LIMIT") == 1
    assert told.value("legs_total", side="", outcome="reverted") == 1
    assert told.value("circuit_breaker_state", breaker="loss") == 2
    assert told.value("circuit_breaker_trips_total", breaker="loss") == 1
    assert told.value("kill_switch_active") == 1
    assert told.value("reconciliation_drift_lamports") == -3
    assert told.lines()[-1]["level"] == "error", "books that differ from the chain are an error"


def test_calls_of_a_node_are_timed_by_endpoint_and_method() -> None:
    told = Told()
    told.observer.rpc_answered(endpoint="primary", method="getSlot", took_us=1_500)
    assert told.value("rpc_latency_ms_sum", endpoint="primary", method="getSlot") == 1.5
    assert told.value("rpc_health", endpoint="primary") == 1
    told.observer.rpc_failed(endpoint="primary", method="getSlot", error="timed out")
    assert told.value("rpc_health", endpoint="primary") == 0
    assert told.value("errors_total", type="rpc", endpoint="primary") == 1


def signal() -> Signal:
    return Signal(
        id=SignalId("s"),
        source=Source.WEBHOOK,
        strategy=Style.SHIELD,
        side=Side.BUY,
        mint=Address("m"),
        symbol="BONK",
        amount_lamports=1,
        wallet=Address("w"),
        at_ms=1,
    )


def intent() -> TradeIntent:
    return TradeIntent(
        id=IntentId("i"),
        trade_id=TradeId("t"),
        signal_id=SignalId("s"),
        source="copy_trade",
        origin=Origin.STRATEGY_A,
        style=Style.SHIELD,
        side=Side.BUY,
        mint=Address("m"),
        symbol="BONK",
        amount=1,
        slippage_bps_max=100,
        created_at_ms=1,
        ttl_ms=1,
        reason="copies",
    )


def fill() -> Fill:
    return Fill(
        signature=Signature("s"),
        slot=Slot(1),
        side=Side.BUY,
        mint=Address("m"),
        token_delta=1,
        lamports_delta=-1,
        swap_lamports=1,
        fee_lamports=0,
        tip_lamports=0,
        rent_lamports=0,
        at_ms=1,
    )


class FullDisk(io.StringIO):
    """A stream that refuses while `full`."""

    full = False

    def flush(self) -> None:
        if self.full:
            raise OSError(28, "No space left on device")


def test_a_disk_that_refuses_the_log_stops_nothing_and_is_told_once_there_is_room() -> None:
    stream = FullDisk()
    log = make_log(level="info", json=True, redactor=Redactor(()), stream=stream)
    stream.full = True
    log.info("first")
    log.info("second")
    stream.full = False
    log.info("third")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    told = [line for line in lines if line["event"] == "log lines refused by the disk"]
    assert told[-1]["lines"] == 2
    assert lines[-1]["event"] == "third"


async def test_what_is_observed_later_keeps_its_order_and_no_request_s_context() -> None:
    stream = io.StringIO()
    observer = Observer(
        make_log(level="info", json=True, redactor=Redactor(()), stream=stream), CollectorRegistry()
    )
    with bind(request_id="r-1"):
        for number in range(3):
            observer.heard_later(Entry(number, 0, "run", Noted(f"note {number}")))
    assert stream.getvalue() == ""
    async with asyncio.timeout(5):
        while stream.getvalue().count("\n") < 3:
            await asyncio.sleep(0.001)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["what"] for line in lines] == ["note 0", "note 1", "note 2"]
    assert not any("request_id" in line for line in lines)


async def test_what_still_waits_at_the_end_is_observed_by_draining_and_only_once() -> None:
    stream = io.StringIO()
    observer = Observer(
        make_log(level="info", json=True, redactor=Redactor(()), stream=stream), CollectorRegistry()
    )
    observer.heard_later(Entry(1, 0, "run", Noted("last")))
    observer.heard_later.drain()
    await asyncio.sleep(2 * LATER_S)
    assert stream.getvalue().count("\n") == 1
