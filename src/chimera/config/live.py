"""Which settings may change while the house runs, who may change them, and the tree with some of them changed.

The same ranges hold as at start: a value that a file may not have, nobody may set by hand either.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, get_args

import msgspec

from chimera.config.breaker_tree import Breakers
from chimera.config.describe import shapes
from chimera.config.layers import lamports_of
from chimera.config.strategy_tree import OwnSection
from chimera.config.tree import Settings
from chimera.domain.errors import ConfigError

UP, DOWN = "up", "down"
OPERATOR, ADMIN = "operator", "admin"

SECTIONS = {
    "allocation": OPERATOR,
    "copy_trade": OPERATOR,
    "arbitrage": OPERATOR,
    "momentum": OPERATOR,
    "reentry": OPERATOR,
    "sniper": OPERATOR,
    "risk": ADMIN,
    "token_safety": ADMIN,
}
"""Sections of which every setting may change, and who may do it; breakers are in `risk`, so they are the admin's."""

FIXED = frozenset({"copy_trade.watch_wallets", "arbitrage.probe_lamports", "risk.slippage_profile"})
"""Plugged in at start."""

OWN = "strategies.own."
BREAKER_LOOSENS = {
    "enabled": DOWN,
    "failures_max": UP,
    "window_minutes": DOWN,
    "in_row_max": UP,
    "percent_max": UP,
    "recovery_minutes": DOWN,
}

LOOSENS = {
    "risk.position_lamports_max": UP,
    "risk.swap_lamports_max": UP,
    "risk.open_positions_max": UP,
    "risk.daily_loss_lamports_max": UP,
    "risk.cluster_percent_max": UP,
    "risk.correlation_percent_min": UP,
    "risk.slippage_bps_max": UP,
    "risk.exit_slippage_bps_max": UP,
    "risk.slot_age_ms_max": UP,
    "risk.balance_reserve_lamports": DOWN,
    "risk.trade_costs_lamports_max": DOWN,  # counted against the balance before a buy
    "risk.cycle_profit_lamports_min": DOWN,
    "risk.cycles_in_standard_lane": UP,
    "risk.max_loss_24h_usd": UP,
    "risk.max_consecutive_losses": UP,
    "risk.max_drawdown_percent": UP,
    "risk.cool_down_minutes": DOWN,
    "risk.max_consecutive_losses_spear": UP,
    **{
        f"risk.breakers.{name}.{key}": way
        for name in Breakers.__struct_fields__
        for key, way in BREAKER_LOOSENS.items()
    },
    "token_safety.liquidity_shield_usd_min": DOWN,
    "token_safety.liquidity_spear_usd_min": DOWN,
    "token_safety.transfer_fee_bps_max": UP,
    "token_safety.probe_loss_bps_max": UP,
    "token_safety.report_ttl_s": UP,
}
"""Which way a limit gives more room to lose: that way asks for a second factor."""


class Changeable(msgspec.Struct, frozen=True):
    key: str
    type: Any
    text: str
    minimum: int | float | None
    maximum: int | float | None
    role: str
    loosens: str
    default: Any = None
    """Of a trader's own parameter: a settings file need not name it."""

    @property
    def kind(self) -> str:
        plain = _plain(self.type)
        return {bool: "boolean", int: "integer"}.get(plain, "text")

    def value(self, settings: Settings) -> Any:
        """What these settings say; raises ConfigError where that is not of its kind."""
        if not self.key.startswith(OWN):
            return value_of(settings, self.key)
        found: Any = settings.strategies.own
        for part in self.key.removeprefix(OWN).split("."):
            if part not in found:
                return self.default
            found = found[part]
        return self.read(found)

    def read(self, value: Any) -> Any:
        """The value as the tree has it; raises ConfigError in words that name the key."""
        try:
            given = lamports_of(self.key, value)
            if isinstance(given, float) and given.is_integer():
                given = int(given)
            if _plain(self.type) is int and isinstance(given, bool):
                raise ConfigError(f"{self.key}: expected a number")
            return msgspec.convert(given, self.type, strict=not isinstance(given, str))
        except msgspec.ValidationError as error:
            told = str(error).replace("`", "")
            raise ConfigError(f"{self.key}: {told[:1].lower()}{told[1:]}") from None


def changeable(own: Mapping[str, Any] = MappingProxyType({})) -> Iterator[Changeable]:
    """Every setting that may change at run time, in the tree's order; `own`: what a trader's strategies go by."""
    described = shapes(Settings)
    for section in msgspec.structs.fields(Settings):
        if section.name in SECTIONS:
            yield from _within(section.type, f"{section.name}.", SECTIONS[section.name], described, None)
    for name, kind in own.items():
        try:
            defaults, known = kind(), shapes(kind)
        except TypeError as error:
            raise ConfigError(f"the parameters of {name}: {error}") from None
        for one in _within(OwnSection, f"{OWN}{name}.", OPERATOR, shapes(OwnSection), OwnSection()):
            if one.key.rpartition(".")[2] not in kind.__struct_fields__:
                yield one
        yield from _within(kind, f"{OWN}{name}.", OPERATOR, known, defaults)


def value_of(settings: Settings, key: str) -> Any:
    found: Any = settings
    for part in key.split("."):
        found = getattr(found, part)
    return found


def with_values(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """The tree with these values, each read by its `Changeable` before."""
    for key, value in values.items():
        settings = _replaced(settings, key.split("."), value)
    return settings


def contradictions(settings: Settings) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) where settings that may change at run time do not go together."""
    allocation = settings.allocation
    shares = allocation.shield_percent + allocation.spear_percent
    if shares != 100:
        yield "allocation.shield_percent", f"with allocation.spear_percent it makes {shares}, not 100"
    for name in ("shield", "spear"):
        rules = getattr(settings.copy_trade, name)
        if rules.size_lamports_min > rules.size_lamports_max:
            yield f"copy_trade.{name}.size_lamports_min", "above size_lamports_max"


def _within(
    kind: Any, prefix: str, role: str, described: Mapping[str, Any], defaults: Any
) -> Iterator[Changeable]:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for name, shape in described[kind.__name__]["properties"].items():
        field, key = fields[name], f"{prefix}{name}"
        default = getattr(defaults, name, None)
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _within(field.type, f"{key}.", role, described, default)
        elif key not in FIXED:
            yield Changeable(
                key=key,
                type=field.type,
                text=shape.get("description", ""),
                minimum=shape.get("minimum"),
                maximum=shape.get("maximum"),
                role=role,
                loosens=LOOSENS.get(key, ""),
                default=default,
            )


def _plain(kind: Any) -> Any:
    """The type behind an Annotated one."""
    return get_args(kind)[0] if get_args(kind) else kind


def _replaced(part: Any, path: list[str], value: Any) -> Any:
    name, rest = path[0], path[1:]
    if isinstance(part, dict):  # a trader's own, as plain as a file has them
        inner = _replaced(part.get(name, {}), rest, value) if rest else msgspec.to_builtins(value)
        return {**part, name: inner}
    inner = value if not rest else _replaced(getattr(part, name), rest, value)
    return msgspec.structs.replace(part, **{name: inner})
