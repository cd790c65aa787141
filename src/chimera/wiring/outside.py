"""Settings turned into adapters: the key, the node, the log; and what of the settings may be shown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from chimera.adapters.jito import JitoClient
from chimera.adapters.jupiter import JupiterOptions, JupiterRoutes
from chimera.adapters.price_oracle import PriceOracle
from chimera.adapters.rpc import CallSeen, RpcChain, RpcOptions
from chimera.adapters.rpc_nodes import RpcNodes
from chimera.adapters.secret_grace import grace_until_ms
from chimera.adapters.signers.vault import VaultSigner
from chimera.config import Settings, without_credentials
from chimera.domain.errors import ConfigError
from chimera.execution.failover import FALLBACK, PRIMARY, Call, Failover
from chimera.market.view import MarketView
from chimera.observe import Observer, Redactor, make_log
from chimera.ports.prices import SolPrice
from chimera.ports.runtime import Clock
from chimera.ports.store import Journal
from chimera.roles.valuing import PoolPrice, ValuingRole


def data_dir(settings: Settings) -> Path:
    """The folder of journal, tables and vault; made where it is missing. Raises ConfigError."""
    folder = Path(settings.data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"data_dir: cannot make {folder}: {error.strerror}") from None
    return folder


def vault_path(settings: Settings) -> Path:
    return Path(settings.security.vault_path or data_dir(settings) / "vault.json")


def open_signer(settings: Settings) -> VaultSigner:
    """The one key. Raises ConfigError for a missing vault or a wrong passphrase."""
    return VaultSigner.open(vault_path(settings), settings.security.vault_passphrase.reveal())


PATIENT = {"getProgramAccounts"}  # no node answers that within two seconds


def open_nodes(
    settings: Settings, observer: Observer, *, failover: Failover, heard: Callable[[Call], None]
) -> RpcNodes:
    """The primary and, where there is one, the fallback; `heard` is told how each call went."""
    rpc = settings.rpc
    options = RpcOptions(timeout_s=rpc.timeout_ms / 1_000, requests_per_second_max=rpc.rate_per_s)

    def opened(name: str, url: str) -> RpcChain:
        def seen(call: CallSeen) -> None:
            if call.outcome == "ok":
                observer.rpc_answered(endpoint=name, method=call.method, took_us=call.latency_us)
            elif call.outcome != "CancelledError":
                observer.rpc_failed(endpoint=name, method=call.method, error=call.outcome)
            took_us = call.latency_us - call.waited_us
            # what our own limiter held back until there was no time left is not the node's silence
            ours = call.outcome == "Unreachable" and call.waited_us > took_us
            outcome = "OwnLimit" if ours else call.outcome
            heard(Call(name, outcome, took_us, patient=call.method in PATIENT, what=call.method))

        return RpcChain(url, who=name, options=options, observe=seen)

    urls = {PRIMARY: rpc.primary_url} | ({FALLBACK: rpc.fallback_url} if rpc.fallback_url else {})
    nodes = {name: opened(name, url) for name, url in urls.items()}
    return RpcNodes(nodes, active=lambda: failover.node, race=settings.execution.lanes == "race")


def open_block_engine(settings: Settings) -> JitoClient | None:
    """The block engine, where there is one."""
    jito = settings.jito
    return JitoClient(jito.url, tip_floor_url=jito.tip_floor_url or None) if jito.url else None


def open_routes(settings: Settings) -> JupiterRoutes | None:
    """Somebody who finds routes through markets that we do not speak, where one is named."""
    jupiter = settings.jupiter
    options = JupiterOptions(timeout_s=jupiter.timeout_ms / 1_000)
    return (
        JupiterRoutes(jupiter.url, api_key=jupiter.api_key.reveal() or None, options=options)
        if jupiter.url
        else None
    )


def tls_files(settings: Settings) -> tuple[Path, Path] | None:
    """Certificate and key of the API; None for plain HTTP. Raises ConfigError where one is missing."""
    certificate, key = settings.api.tls_certificate, settings.api.tls_key
    if bool(certificate) != bool(key):
        raise ConfigError("api.tls_certificate and api.tls_key go together: give both or neither")
    return (Path(certificate), Path(key)) if certificate else None


def api_url(settings: Settings, port: int) -> str:
    """Where people find the dashboard."""
    return f"http{'s' * bool(settings.api.tls_certificate)}://{settings.api.host}:{port}"


def webhook_grace(settings: Settings, *, now_ms: int) -> int | None:
    """When the webhook's previous secret ends; None where there is none. Raises ConfigError."""
    previous = settings.security.webhook_secret_previous.reveal()
    return grace_until_ms(data_dir(settings), previous.encode(), now_ms=now_ms) if previous else None


def open_valuing(
    settings: Settings, *, view: MarketView, journal: Journal, clock: Clock, observer: Observer
) -> ValuingRole | None:
    """Who puts down what a SOL costs when a trade lands, by whom the settings believe. Raises ConfigError."""
    tax = settings.tax
    if tax.sol_usd == "off":
        return None
    price: SolPrice = PoolPrice(view.sol_micro_usd)
    if tax.sol_usd == "oracle":
        if not tax.oracle_url.startswith("http"):
            raise ConfigError("tax.oracle_url: tax.sol_usd is oracle, so give the full http(s) address")
        price = PriceOracle(tax.oracle_url, field=tax.oracle_field, observer=observer)
    return ValuingRole(price=price, journal=journal, clock=clock, observer=observer)


def observing(settings: Settings, *, label: str = "") -> Observer:
    """The log on standard error, with every secret of the settings cut out of it, and the metrics.

    Every line and the metrics bear the `label` where there is one.
    """
    redactor = Redactor()
    security = settings.security
    for secret in (
        security.webhook_secret,
        security.webhook_secret_previous,
        security.vault_passphrase,
        security.jwt_secret,
        settings.geyser.token,
        settings.jupiter.api_key,
        settings.analytics.password,
        *(key.key for key in security.api_keys),
    ):
        redactor.register(secret.reveal())
    named = (settings.nats.url, settings.tax.oracle_url, settings.analytics.url)
    for url in (settings.rpc.primary_url, settings.rpc.fallback_url, settings.geyser.url, *named):
        if url and without_credentials(url) != url:
            redactor.register(url)
    log = make_log(level=settings.logging.level, json=settings.logging.json, redactor=redactor)
    if not label:
        return Observer(log, CollectorRegistry())
    return Observer(log.bind(mode=label), CollectorRegistry(target_info={"mode": label}))


def shown_config(settings: Settings) -> dict[str, Any]:
    """What GET /api/v1/config answers."""
    risk, jito, safety = settings.risk, settings.jito, settings.token_safety
    return {
        "circuit_breakers": {
            "max_loss_24h_usd": risk.max_loss_24h_usd,
            "max_consecutive_losses": risk.max_consecutive_losses,
            "max_drawdown_percent": risk.max_drawdown_percent,
            "cool_down_minutes": risk.cool_down_minutes,
        },
        "strategy_allocation": {
            "shield_percent": settings.allocation.shield_percent,
            "spear_percent": settings.allocation.spear_percent,
        },
        "jito_tip_strategy": {
            "tip_floor": str(jito.tip_floor_lamports),
            "tip_ceiling": str(jito.tip_ceiling_lamports),
            "tip_percentile": jito.tip_percentile,
            "tip_percent_max": jito.tip_percent_max,
        },
        "rpc_status": {
            "primary": without_credentials(settings.rpc.primary_url),
            "fallback": without_credentials(settings.rpc.fallback_url) if settings.rpc.fallback_url else None,
            "active": "primary",
            "fallback_triggered": False,
        },
        "token_safety": msgspec.to_builtins(safety),
        "limits": {
            "position_lamports_max": str(risk.position_lamports_max),
            "open_positions_max": risk.open_positions_max,
            "daily_loss_lamports_max": str(risk.daily_loss_lamports_max),
            "slippage_bps_max": risk.slippage_bps_max,
            "exit_slippage_bps_max": risk.exit_slippage_bps_max,
        },
    }
