"""Settings: what the house is told at start. `load` reads them, wiring alone uses them.

Layers, later ones win: the defaults in `tree`, each YAML file in order, `.env`, the environment.
`CHIMERA_RISK__OPEN_POSITIONS_MAX=3` sets `risk.open_positions_max`; lists are given as JSON.
Wherever a name says lamports, "0.5 SOL" is understood too.
Secrets come from the environment or `.env` alone: a file with one in it is refused.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from chimera.config.describe import redacted, schema, without_credentials
from chimera.config.keys import check_keys, refuse_secrets
from chimera.config.layers import Layers, read_dotenv, read_yaml
from chimera.config.live import contradictions
from chimera.config.secret import Secret
from chimera.config.tree import Settings
from chimera.domain.errors import ConfigError

__all__ = ["Secret", "Settings", "load", "redacted", "schema", "without_credentials"]

SECRET_LENGTH_MIN = 32  # half of the documented 64 hex digits: 128 bits still


def load(paths: Iterable[Path], environ: Mapping[str, str], *, dotenv: Path | None = None) -> Settings:
    """The settings of all layers; raises ConfigError, which names the key and where it was read."""
    layers = Layers()
    for path in paths:
        layer = read_yaml(path)
        check_keys(layer, source=str(path))
        refuse_secrets(layer, source=str(path))
        layers.add(layer, source=str(path))
    if dotenv is not None and dotenv.exists():
        layers.add_variables(dict(read_dotenv(dotenv)), source=str(dotenv))
    layers.add_variables(environ, source="environment")
    check_keys(layers.tree, source="environment")
    try:
        given = filled(layers.with_amounts(), Settings())
        settings = msgspec.convert(given, Settings, strict=False, dec_hook=_secret)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$.")
        key = place.rstrip("`")
        raise ConfigError(f"{layers.source_of(key)}: {key or 'settings'}: {_said(what)}") from None
    _check_together(settings, layers)
    return settings


def filled(given: Mapping[str, Any], section: msgspec.Struct) -> dict[str, Any]:
    """What is given, over the section's own defaults: `copy_trade.spear` has others than what it is made of.

    A section of which nothing is given is left to its type, and so are secrets.
    """
    whole = dict(given)
    for name in section.__struct_fields__:
        default = getattr(section, name)
        if isinstance(default, msgspec.Struct):
            if isinstance(whole.get(name), dict):
                whole[name] = filled(whole[name], default)
        elif name not in whole and not isinstance(default, Secret):
            whole[name] = msgspec.to_builtins(default)
    return whole


def _secret(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError("Expected `str`")  # msgspec adds the key; the value stays out of the message


def _said(what: str) -> str:
    """A msgspec complaint in the words of people: "Expected `int` >= 1" -> "expected int >= 1"."""
    text = re.sub(r"matching regex .*", "of the right form", what.replace("`", ""))
    return text[:1].lower() + text[1:]


def _check_together(settings: Settings, layers: Layers) -> None:
    """What one field's range cannot say."""

    def demand(key: str, what: str, *, holds: bool) -> None:
        if not holds:
            raise ConfigError(f"{layers.source_of(key)}: {key}: {what}")

    jito, webhook = settings.jito, settings.webhook
    for key, what in contradictions(settings):
        demand(key, what, holds=False)
    demand(
        "jito.tip_floor_lamports",
        "above jito.tip_ceiling_lamports",
        holds=jito.tip_floor_lamports <= jito.tip_ceiling_lamports,
    )
    demand(
        "webhook.shed_above",
        "not below webhook.queue_capacity",
        holds=webhook.shed_above < webhook.queue_capacity,
    )
    demand(
        "execution.confirm_tiers",
        "one must begin at usd_min 0",
        holds=any(tier.usd_min == 0 for tier in settings.execution.confirm_tiers),
    )
    for key, names in (
        ("tokens", [token.symbol for token in settings.tokens]),
        ("tokens", [token.mint for token in settings.tokens]),
        ("wallets", [wallet.address for wallet in settings.wallets]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        demand(key, f"listed twice: {', '.join(twice)}", holds=not twice)
    for field in ("webhook_secret", "webhook_secret_previous", "jwt_secret"):
        secret: Secret = getattr(settings.security, field)
        demand(
            f"security.{field}",
            f"shorter than {SECRET_LENGTH_MIN} characters; try `openssl rand -hex 32`",
            holds=not secret or len(secret.reveal()) >= SECRET_LENGTH_MIN,
        )
    if settings.mode == "live":
        demand(
            "dev_mode",
            "CHIMERA_DEV_MODE is for the embedded chain, never for live mode",
            holds=not settings.dev_mode,
        )
        demand("security.webhook_secret", "needed in live mode", holds=bool(settings.security.webhook_secret))
        for key in ("rpc.primary_url", "geyser.url"):
            demand(key, "needed in live mode", holds=layers.sets(key))
