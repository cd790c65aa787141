"""Settings turned into what the rooms take: limits, policies, rules. One function a room, no decisions."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from chimera.config import Settings
from chimera.config.breaker_tree import BreakerRules
from chimera.config.live import OWN
from chimera.config.strategy_tree import OwnSection
from chimera.domain.errors import ConfigError
from chimera.domain.ids import Address
from chimera.domain.messages import WalletChanged
from chimera.domain.units import MICRO_USD
from chimera.domain.wallet import Wallet
from chimera.execution.arbiter import ArbiterLimits
from chimera.execution.books import Books
from chimera.execution.depth import DepthTier
from chimera.execution.desk import DeskLimits
from chimera.execution.failover import FailoverPolicy
from chimera.execution.fees import FeePolicy
from chimera.execution.janitor import JanitorLimits
from chimera.execution.keeper import KeeperLimits
from chimera.execution.mev.workers import Kind, MevLimits
from chimera.execution.prices import PricePolicy
from chimera.execution.tips import TipPolicy
from chimera.execution.watch import WatchLimits
from chimera.execution.wsol import SWEEP, WsolLimits
from chimera.plugins import strategies
from chimera.ports.strategy import Strategy
from chimera.risk.admission import AdmissionRules
from chimera.risk.breakers import BreakerKind, BreakerPolicy
from chimera.risk.checks import RiskLimits
from chimera.risk.loss_breaker import LossLimits
from chimera.risk.roster import Roster
from chimera.risk.slippage import PROFILES_BPS, SlippagePolicy
from chimera.risk.token_safety import TokenLimits

BPS_A_PERCENT = 100
DAY_MS = 86_400_000


def risk_limits(settings: Settings) -> RiskLimits:
    risk, safety, allocation = settings.risk, settings.token_safety, settings.allocation
    return RiskLimits(
        position_lamports_max=risk.position_lamports_max,
        open_positions_max=risk.open_positions_max,
        slippage_bps_max=risk.slippage_bps_max,
        exit_slippage_bps_max=risk.exit_slippage_bps_max,
        slot_age_ms_max=risk.slot_age_ms_max,
        balance_reserve_lamports=risk.balance_reserve_lamports,
        trade_costs_lamports_max=risk.trade_costs_lamports_max,
        swap_lamports_max=risk.swap_lamports_max,
        cycle_profit_lamports_min=risk.cycle_profit_lamports_min,
        cycles_in_standard_lane=risk.cycles_in_standard_lane,
        shield_bps=allocation.shield_percent * BPS_A_PERCENT,
        spear_bps=allocation.spear_percent * BPS_A_PERCENT,
        daily_loss_lamports_max=risk.daily_loss_lamports_max,
        strategy_bps={
            section.name: section.share_percent * BPS_A_PERCENT
            for section in strategy_sections_of(settings)
            if section.share_percent < 100
        },
        cluster_bps=risk.cluster_percent_max * BPS_A_PERCENT,
        correlation_bps_min=risk.correlation_percent_min * BPS_A_PERCENT,
        token_bps=allocation.token_percent_max * BPS_A_PERCENT,
        paused=tuple(section.name for section in strategy_sections_of(settings) if not section.enabled),
        tokens=TokenLimits(
            liquidity_shield_micro_usd_min=safety.liquidity_shield_usd_min * MICRO_USD,
            liquidity_spear_micro_usd_min=safety.liquidity_spear_usd_min * MICRO_USD,
            transfer_fee_bps_max=safety.transfer_fee_bps_max,
            probe_loss_bps_max=safety.probe_loss_bps_max,
            report_ttl_ms=safety.report_ttl_s * 1_000,
        ),
    )


def loss_limits(settings: Settings) -> LossLimits:
    risk = settings.risk
    return LossLimits(
        loss_24h_micro_usd_max=risk.max_loss_24h_usd * MICRO_USD,
        losses_in_row_max=risk.max_consecutive_losses,
        drawdown_bps_max=risk.max_drawdown_percent * BPS_A_PERCENT,
        cooldown_ms=risk.cool_down_minutes * 60_000,
    )


def books(settings: Settings) -> Books:
    """Empty ones, with the limits and breakers of these settings."""
    return Books(
        loss=loss_limits(settings),
        tokens=risk_limits(settings).tokens,
        breakers=breaker_policies(settings),
    )


def breaker_policies(settings: Settings) -> dict[BreakerKind, BreakerPolicy]:
    risk = settings.risk
    spear = BreakerPolicy(
        failures_max=0,  # only those in a row count
        window_ms=DAY_MS,
        in_row_max=risk.max_consecutive_losses_spear,
        recovery_ms=risk.cool_down_minutes * 60_000,
        trials=1,
        successes=1,
    )
    return {
        BreakerKind.SIGNING: _breaker_policy(risk.breakers.signing),
        BreakerKind.SLIPPAGE: _breaker_policy(risk.breakers.slippage),
        BreakerKind.NETWORK: _breaker_policy(risk.breakers.network),
        BreakerKind.TRADE_FAILURE: _breaker_policy(risk.breakers.trade_failure),
        BreakerKind.CONFIRMATION: _breaker_policy(risk.breakers.confirmation),
        BreakerKind.SPEAR_LOSSES: spear,
    }


def _breaker_policy(given: BreakerRules) -> BreakerPolicy:
    return BreakerPolicy(
        enabled=given.enabled,
        failures_max=given.failures_max,
        window_ms=given.window_minutes * 60_000,
        in_row_max=given.in_row_max,
        percent_max=given.percent_max,
        recovery_ms=given.recovery_minutes * 60_000,
    )


def fee_policy(settings: Settings) -> FeePolicy:
    execution = settings.execution
    return FeePolicy(
        compute_units_base=execution.compute_units_base,
        compute_units_per_hop=execution.compute_units_per_hop,
        compute_units_floor_base=execution.compute_units_floor_base,
        compute_units_floor_per_hop=execution.compute_units_floor_per_hop,
        compute_units_max=execution.compute_units_max,
        cu_price_micro_lamports=execution.cu_price_micro_lamports,
        cu_price_micro_lamports_max=execution.cu_price_micro_lamports_max,
        exit_cu_price_micro_lamports=execution.exit_cu_price_micro_lamports,
        exit_cu_price_micro_lamports_max=execution.exit_cu_price_micro_lamports_max,
        fee_lamports_max=execution.fee_lamports_max,
    )


def tip_policy(settings: Settings) -> TipPolicy:
    jito = settings.jito
    return TipPolicy(
        floor_lamports=jito.tip_floor_lamports,
        ceiling_lamports=jito.tip_ceiling_lamports,
        percentile=jito.tip_percentile,
        trade_percent_max=jito.tip_percent_max,
    )


def mev_limits(settings: Settings) -> MevLimits:
    mev = settings.mev
    return MevLimits(
        on=frozenset(kind for kind in Kind if getattr(mev, kind)),
        profit_lamports_min=mev.profit_lamports_min,
        size_lamports_max=mev.size_lamports_max,
        probe_lamports=mev.probe_lamports,
        costs_lamports=mev.costs_lamports,
        ttl_ms=mev.ttl_ms,
        pause_ms=mev.pause_ms,
        parent_lamports_min=mev.parent_lamports_min,
    )


def price_policy(settings: Settings) -> PricePolicy:
    return PricePolicy(percentile=settings.execution.cu_price_percentile)


def slippage_policy(settings: Settings) -> SlippagePolicy:
    return SlippagePolicy(
        learn=settings.execution.learn_slippage,
        percentile=settings.execution.slippage_percentile,
        profile_bps=PROFILES_BPS.get(settings.risk.slippage_profile),
    )


def failover_policy(settings: Settings) -> FailoverPolicy:
    rpc = settings.rpc
    return FailoverPolicy(
        failures_max=rpc.failures_max,
        latency_us_max=rpc.latency_ms_max * 1_000,
        rate_limits_count=rpc.rate_limits_count,
        probe_ms=rpc.probe_s * 1_000,
    )


def desk_limits(settings: Settings, *, bundles: bool) -> DeskLimits:
    execution = settings.execution
    return DeskLimits(
        arbiter=ArbiterLimits(concurrency=execution.concurrency),
        watch=WatchLimits(resend_after_ms=execution.resend_ms),
        depths=tuple(
            DepthTier(
                micro_usd_min=tier.usd_min * MICRO_USD,
                confirmations=tier.confirmations,
                finalized=tier.finalized or execution.confirm_commitment == "finalized",
                within_ms=tier.within_s * 1_000,
            )
            for tier in execution.confirm_tiers
        ),
        entry_retries_max=execution.retries_max,
        bundled=frozenset(settings.jito.styles) if bundles else frozenset(),
    )


def keeper_limits(settings: Settings) -> KeeperLimits:
    """Unless SOL is to stand wrapped nothing is to lie so between legs, which wrap and unwrap for themselves."""
    upkeep = settings.upkeep
    low, target, high = upkeep.wsol_low_lamports, upkeep.wsol_target_lamports, upkeep.wsol_high_lamports
    if not low <= target <= high:
        raise ConfigError(
            "upkeep.wsol_target_lamports must lie between wsol_low_lamports and wsol_high_lamports"
        )
    standing = WsolLimits(
        low_lamports=low,
        target_lamports=target,
        high_lamports=high,
        reserve_lamports=upkeep.wsol_reserve_lamports,
    )
    return KeeperLimits(
        wsol=standing if upkeep.standing_wsol else SWEEP,
        janitor=JanitorLimits(
            sell_every_ms=upkeep.sell_every_s * 1_000,
            dust_lamports_min=upkeep.dust_lamports_min,
            close_every_ms=upkeep.close_every_s * 1_000,
            empty_for_ms=upkeep.empty_for_s * 1_000,
            accounts_a_run=upkeep.accounts_a_run,
        ),
    )


def admission_rules(settings: Settings, *, grace_until_ms: int | None = None) -> AdmissionRules:
    """`grace_until_ms`: when the webhook's previous secret ends. Raises ConfigError where there is no secret."""
    security, webhook = settings.security, settings.webhook
    accepted = (security.webhook_secret, security.webhook_secret_previous)
    known = tuple(secret.reveal().encode() for secret in accepted if secret)
    if not known and not settings.dev_mode:
        raise ConfigError(
            "security.webhook_secret: set CHIMERA_SECURITY__WEBHOOK_SECRET, for instance to "
            "the output of `openssl rand -hex 32`"
        )
    return AdmissionRules(
        secrets=known,
        grace_until_ms=grace_until_ms if security.webhook_secret else None,
        signed=not settings.dev_mode,
        window_ms=security.replay_window_s * 1_000,
        rate_per_s=webhook.rate_per_s,
        queue_capacity=webhook.queue_capacity,
        shed_above=webhook.shed_above,
    )


class StrategySection(msgspec.Struct, frozen=True):
    """What the settings say of one strategy."""

    name: str
    factory: Any
    enabled: bool
    share_percent: int
    """Of the equity: what it may hold at the most."""
    given: dict[str, Any]
    """As plain values, `enabled` and the like included."""
    own: bool = False
    """Of a trader's own: its parameters stand under `strategies.own`."""

    @property
    def key(self) -> str:
        return f"{OWN}{self.name}" if self.own else self.name

    def shown(self) -> dict[str, Any]:
        """All that it goes by as plain values, said in the settings or not."""
        if not self.own:
            return self.given
        house = {"enabled": self.enabled, "share_percent": self.share_percent}
        shown: dict[str, Any] = house | msgspec.to_builtins(self.params())
        return shown

    def params(self) -> Any:
        """What the strategy takes; raises ConfigError where a value is not of its kind or out of its range."""
        kind = self.factory.params_type
        of_house = {"enabled", "share_percent"} - set(kind.__struct_fields__)
        known = {name: value for name, value in self.given.items() if name not in of_house}
        if self.own and (unknown := sorted(set(known) - set(kind.__struct_fields__))):
            raise ConfigError(f"{self.key}: unknown parameter {unknown[0]}")
        try:
            return msgspec.convert(known, kind)
        except msgspec.ValidationError as error:
            raise ConfigError(f"strategy {self.name}: {str(error).replace('`', '')}") from None


def built_strategies(settings: Settings) -> Iterator[Strategy]:
    """Every strategy that has a section of its own in the settings and is enabled there."""
    for section in strategy_sections_of(settings):
        if section.enabled:
            built = section.factory(section.params())
            if built.name != section.name:
                raise ConfigError(f"the strategy in {section.name} calls itself {built.name}; use one name")
            yield built


def tune(built: Iterable[Strategy], settings: Settings) -> None:
    """Gives running strategies the parameters of these settings."""
    for section in strategy_sections_of(settings):
        for strategy in built:
            if strategy.name == section.name:
                strategy.params = section.params()  # type: ignore[attr-defined]


def strategy_sections(settings: Settings) -> dict[str, dict[str, Any]]:
    """Parameters by strategy, as people are shown them: lamports as text."""
    return {section.name: _shown(section.shown()) for section in strategy_sections_of(settings)}


def own_parameters(settings: Settings) -> dict[str, type[msgspec.Struct]]:
    """What strategies of a trader's own go by, for those that the settings name."""
    return {
        section.name: section.factory.params_type for section in strategy_sections_of(settings) if section.own
    }


def refused_parameters(settings: Settings) -> Iterator[tuple[str, str]]:
    """(key of the section, what is wrong) where a strategy does not take its parameters."""
    for section in strategy_sections_of(settings):
        try:
            section.params()
        except ConfigError as error:
            yield section.key, str(error)


@lru_cache(8)
def found_strategies(folder: str) -> dict[str, Any]:
    """Factories by name. Kept: each look runs the files again."""
    if folder and not Path(folder).is_dir():
        raise ConfigError(f"strategies.folder: {folder} is no folder")
    return dict(strategies(Path(folder) if folder else None))


def strategy_sections_of(settings: Settings) -> Iterator[StrategySection]:
    """Strategies and their sections, for those that have one. Raises ConfigError for sections without a strategy."""
    found, own = found_strategies(settings.strategies.folder), settings.strategies.own
    for name in own:
        if name not in found or getattr(settings, name, None) is not None:
            raise ConfigError(f"strategies.own.{name}: there is no such file in strategies.folder")
    for name, factory in found.items():
        section = getattr(settings, name, None)
        given = own.get(name) if section is None else msgspec.to_builtins(section)
        if given is not None:
            house = _of_house(name, given, factory)
            yield StrategySection(
                name=name,
                factory=factory,
                enabled=house.enabled,
                share_percent=house.share_percent,
                given=given,
                own=section is None,
            )


def _of_house(name: str, given: dict[str, Any], factory: Any) -> OwnSection:
    its_own = factory.params_type.__struct_fields__
    try:
        return msgspec.convert({key: value for key, value in given.items() if key not in its_own}, OwnSection)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{OWN}{name}: {str(error).replace('`', '')}") from None


def _shown(section: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _shown(value) if isinstance(value, dict) else str(value) if "lamports" in name else value
        for name, value in section.items()
    }


def listed_wallets(settings: Settings, roster: Roster) -> list[WalletChanged]:
    """Facts for wallets that the settings list and the books do not know yet; later changes are not undone."""
    return [
        WalletChanged(
            Wallet(Address(wallet.address), wallet.status, wallet.strategy, notes=wallet.notes),
            "listed in the settings",
            "settings",
        )
        for wallet in settings.wallets
        if roster.get(Address(wallet.address)) is None
    ]
