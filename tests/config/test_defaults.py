"""Defaults are said once in the settings and once in the rooms that use them; both must say the same."""

from typing import Any

import msgspec
import pytest

from chimera.adapters.rpc import RpcOptions
from chimera.config import Settings, load
from chimera.config.live import value_of
from chimera.execution.failover import FailoverPolicy
from chimera.execution.fees import FeePolicy
from chimera.execution.mev.workers import MevLimits
from chimera.execution.prices import PricePolicy
from chimera.execution.tips import TipPolicy
from chimera.plugins import strategies
from chimera.risk.breakers import BreakerKind
from chimera.risk.checks import RiskLimits
from chimera.risk.failures import DEFAULTS
from chimera.risk.loss_breaker import LossLimits
from chimera.wiring import rules


def defaults() -> Settings:
    return load([], {"CHIMERA_SECURITY__WEBHOOK_SECRET": "5f" * 32})


def test_limits_and_policies_built_from_the_defaults_are_the_rooms_own_defaults() -> None:
    limits = rules.risk_limits(defaults())
    # what a room cannot know: which strategies there are, and which of them do not run
    assert set(limits.strategy_bps) | set(limits.paused) <= set(strategies())
    assert msgspec.structs.replace(limits, strategy_bps={}, paused=()) == RiskLimits()
    assert rules.loss_limits(defaults()) == LossLimits()
    policies = rules.breaker_policies(defaults())
    assert policies.pop(BreakerKind.SPEAR_LOSSES).in_row_max == LossLimits().losses_in_row_max - 1
    assert policies == DEFAULTS
    assert rules.fee_policy(defaults()) == FeePolicy()
    assert rules.tip_policy(defaults()) == TipPolicy()
    assert rules.price_policy(defaults()) == PricePolicy()
    assert rules.mev_limits(defaults()) == MevLimits(), "and so every worker is off"
    assert rules.failover_policy(defaults()) == FailoverPolicy()


@pytest.mark.parametrize(
    ("variable", "changed", "section"),
    [
        ("COPY_TRADE__SPEAR__STOP_LOSS_BPS", {"stop_loss_bps": 77}, "copy_trade.spear"),
        ("RISK__BREAKERS__SLIPPAGE__PERCENT_MAX", {"percent_max": 77}, "risk.breakers.slippage"),
        ("JITO__POLL_S", {"poll_s": 77}, "jito"),
        ("GEYSER__URL", {"url": "http://77"}, "geyser"),
    ],
)
def test_who_sets_one_field_of_a_section_leaves_its_other_defaults_as_they_are(
    variable: str, changed: dict[str, Any], section: str
) -> None:
    (given,) = changed.values()
    found = value_of(load([], {f"CHIMERA_{variable}": str(given)}), section)
    assert found == msgspec.structs.replace(value_of(Settings(), section), **changed)


def test_a_node_is_asked_forty_times_a_second_at_most_and_waited_for_two_seconds() -> None:
    rpc, options = defaults().rpc, RpcOptions()
    assert (rpc.rate_per_s, rpc.timeout_ms, rpc.probe_s) == (40, 2_000, 300)
    assert (options.requests_per_second_max, options.timeout_s) == (40, 2)


def test_admission_takes_window_rate_and_queue_from_the_settings() -> None:
    admission = rules.admission_rules(defaults())
    assert (admission.window_ms, admission.rate_per_s) == (300_000, 100)
    assert (admission.queue_capacity, admission.shed_above) == (1_000, 800)


def test_each_strategy_section_fills_its_parameters_and_nothing_is_lost_on_the_way() -> None:
    built = {strategy.name: strategy for strategy in rules.built_strategies(defaults())}
    params_type = strategies()["copy_trade"].params_type  # type: ignore[attr-defined]
    assert built["copy_trade"].params == params_type()  # type: ignore[attr-defined]
    params_of_circles = strategies()["arbitrage"].params_type  # type: ignore[attr-defined]
    assert built["arbitrage"].params == params_of_circles()  # type: ignore[attr-defined]
    assert set(defaults().arbitrage.__struct_fields__) == {*params_of_circles.__struct_fields__, "enabled"}
    section = defaults().copy_trade
    known = set(params_type.__struct_fields__) | {
        "enabled",
        "share_percent",
        "watch_wallets",
    }  # those two are the wiring's
    assert set(section.__struct_fields__) == known
    assert set(section.shield.__struct_fields__) == set(params_type().shield.__struct_fields__)
