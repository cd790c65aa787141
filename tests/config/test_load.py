"""Settings: layered, checked, and clear about what is wrong and where."""

import os
from pathlib import Path

import msgspec
import pytest

from chimera.config import Settings, load, redacted, schema, without_credentials
from chimera.domain.errors import ConfigError
from chimera.domain.wallet import WalletStatus

REPOSITORY = Path(__file__).parents[2]
BONK = "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"
SECRET = "5f" * 32


def loaded(
    tmp_path: Path, *texts: str, env: dict[str, str] | None = None, dotenv: str | None = None
) -> Settings:
    paths = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        paths.append(path)
    if dotenv is not None:
        (tmp_path / ".env").write_text(dotenv)
    return load(paths, env or {}, dotenv=tmp_path / ".env")


def complaint(
    tmp_path: Path, *texts: str, env: dict[str, str] | None = None, dotenv: str | None = None
) -> str:
    with pytest.raises(ConfigError) as told:
        loaded(tmp_path, *texts, env=env, dotenv=dotenv)
    return str(told.value)


def test_the_defaults_are_those_of_the_specification() -> None:
    settings = load([], {})
    assert (settings.webhook.rate_per_s, settings.webhook.queue_capacity, settings.webhook.shed_above) == (
        100,
        1000,
        800,
    )
    assert (settings.allocation.shield_percent, settings.allocation.spear_percent) == (70, 30)
    assert (
        settings.rpc.timeout_ms,
        settings.rpc.rate_per_s,
        settings.rpc.failures_max,
        settings.rpc.probe_s,
    ) == (
        2000,
        40,
        3,
        300,
    )
    assert settings.security.replay_window_s == 300
    assert settings.token_safety.liquidity_shield_usd_min == 10_000
    assert settings.token_safety.liquidity_spear_usd_min == 5_000
    risk = settings.risk
    assert (risk.max_loss_24h_usd, risk.max_consecutive_losses, risk.max_drawdown_percent) == (500, 5, 15)
    assert risk.cool_down_minutes == 30
    assert settings.copy_trade.intent_ttl_ms == 5_000
    assert (settings.api.host, settings.api.port) == ("127.0.0.1", 8080)
    assert settings.mode == "localnet" and not settings.dev_mode


def test_later_files_win_over_earlier_ones_key_by_key(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path, "risk: {open_positions_max: 3, cool_down_minutes: 9}", "risk: {open_positions_max: 4}"
    )
    assert (settings.risk.open_positions_max, settings.risk.cool_down_minutes) == (4, 9)


def test_the_environment_wins_over_dotenv_and_dotenv_over_files(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        "api: {port: 1}\nrisk: {open_positions_max: 1}\nwebhook: {rate_per_s: 1}",
        dotenv="export CHIMERA_API__PORT='2'\nCHIMERA_RISK__OPEN_POSITIONS_MAX=2 # two\n# note\n\nTELEGRAM_BOT_TOKEN=x",
        env={"CHIMERA_API__PORT": "3", "HOME": "/x"},
    )
    assert (settings.api.port, settings.risk.open_positions_max, settings.webhook.rate_per_s) == (3, 2, 1)


def test_the_documented_variables_work(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        env={
            "CHIMERA_SECURITY__WEBHOOK_SECRET": SECRET,
            "CHIMERA_RPC__PRIMARY_URL": "https://rpc.example/?api-key=abc",
            "CHIMERA_RPC__FALLBACK_URL": "https://other.example/",
            "CHIMERA_DEV_MODE": "1",
            "CHIMERA_MODE": "localnet",
        },
    )
    assert settings.security.webhook_secret.reveal() == SECRET
    assert settings.rpc.primary_url == "https://rpc.example/?api-key=abc"
    assert settings.rpc.fallback_url == "https://other.example/"
    assert settings.dev_mode is True


def test_lists_come_from_the_environment_as_json(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        env={
            "CHIMERA_TOKENS": f'[{{"symbol":"BONK","mint":"{BONK}"}}]',
            "CHIMERA_WALLETS": f'[{{"address":"{BONK}","status":"ACTIVE"}}]',
            "CHIMERA_SECURITY__API_KEYS": '[{"identifier":"ops","role":"admin","key":"k"}]',
        },
    )
    assert settings.tokens[0].mint == BONK
    assert settings.wallets[0].status is WalletStatus.ACTIVE
    assert settings.security.api_keys[0].key.reveal() == "k"
    assert "not JSON" in complaint(tmp_path, env={"CHIMERA_TOKENS": "[nope"})


@pytest.mark.parametrize(
    ("text", "lamports"),
    [("0.5 SOL", 500_000_000), ("2SOL", 2_000_000_000), ("7", 7), ("0.000000001 sol", 1)],
)
def test_amounts_may_be_said_in_sol(tmp_path: Path, text: str, lamports: int) -> None:
    assert (
        loaded(tmp_path, f"risk: {{position_lamports_max: {text!r}}}").risk.position_lamports_max == lamports
    )
    env = {
        "CHIMERA_COPY_TRADE__SHIELD__SIZE_LAMPORTS_MAX": text,
        "CHIMERA_COPY_TRADE__SHIELD__SIZE_LAMPORTS_MIN": "0",
    }
    assert loaded(tmp_path, env=env).copy_trade.shield.size_lamports_max == lamports


def test_amounts_finer_than_a_lamport_are_refused(tmp_path: Path) -> None:
    assert "finer than one lamport" in complaint(tmp_path, "risk: {position_lamports_max: 0.0000000001 SOL}")
    assert "risk.position_lamports_max" in complaint(tmp_path, "risk: {position_lamports_max: 0.5}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rsk: {}", "unknown key rsk; did you mean risk?"),
        (
            "risk: {open_position_max: 1}",
            "unknown key risk.open_position_max; did you mean risk.open_positions_max?",
        ),
        ("port: 80", "unknown key port; did you mean api.port?"),
        ("strategy_allocation: {shield_percent: 1}", "did you mean allocation?"),
        ("copy_trade: {shield: {stop_los_bps: 1}}", "did you mean copy_trade.shield.stop_loss_bps?"),
        ("tokens: [{symbol: A, mnt: x}]", "unknown key tokens[0].mnt; did you mean tokens[0].mint?"),
        ("api: {zzzzzz: 1}", "known here: domains, host, port, public_health"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(tmp_path: Path, text: str, told: str) -> None:
    message = complaint(tmp_path, text)
    assert told in message and message.startswith(str(tmp_path / "0.yaml"))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("CHIMERA_RISK__OPEN_POSITION_MAX", "did you mean CHIMERA_RISK__OPEN_POSITIONS_MAX?"),
        ("CHIMERA_DEV_MDOE", "did you mean CHIMERA_DEV_MODE?"),
        ("CHIMERA_X__Y__Z", "there is no setting x.y.z"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_known_one(
    tmp_path: Path, name: str, told: str
) -> None:
    assert told in complaint(tmp_path, env={name: "1"})


def test_variables_that_others_set_are_left_alone(tmp_path: Path) -> None:
    assert loaded(tmp_path, env={"CHIMERA_SERVICE_HOST": "10.0.0.1", "CHIMERAX": "1"}) == load([], {})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("webhook: {rate_per_s: 0}", "webhook.rate_per_s: expected int >= 1"),
        ("webhook: {rate_per_s: -5}", "webhook.rate_per_s"),
        ("webhook: {rate_per_s: .nan}", "webhook.rate_per_s"),
        ("webhook: {rate_per_s: 1.0e+30}", "webhook.rate_per_s"),
        ("webhook: {rate_per_s: lots}", "webhook.rate_per_s: expected int"),
        ("webhook: 5", "webhook: a section with keys beneath it belongs here"),
        ("api: {port: 70000}", "api.port"),
        ("mode: paper", "mode"),
        ("rpc: {primary_url: 'ftp://x'}", "rpc.primary_url: expected str of the right form"),
        ("tokens: [{symbol: A, mint: O0Il}]", "tokens[0].mint"),
        ("tokens: [{symbol: A}]", "tokens[0]"),
        ("wallets: {a: b}", "wallets"),
        ("execution: {confirm_commitment: rooted}", "execution.confirm_commitment"),
        ("allocation: {shield_percent: 60}", "it makes 90, not 100"),
        ("webhook: {shed_above: 1000}", "webhook.shed_above: not below"),
        ("jito: {tip_floor_lamports: 1 SOL}", "jito.tip_floor_lamports: above"),
        ("copy_trade: {spear: {size_lamports_min: 5 SOL}}", "copy_trade.spear.size_lamports_min"),
        (f"tokens: [{{symbol: A, mint: {BONK}}}, {{symbol: B, mint: {BONK}}}]", f"listed twice: {BONK}"),
        ("risk: {open_positions_max: 1}\nrisk: {}", "line 2: not YAML: risk stands twice"),
        ("a: [", "not YAML"),
        ("- a", "a settings file is a mapping"),
        ("!!python/object:os.system {}", "not YAML"),
    ],
)
def test_a_wrong_value_is_refused_by_name(tmp_path: Path, text: str, told: str) -> None:
    message = complaint(tmp_path, text)
    assert told in message and str(tmp_path / "0.yaml") in message


def test_a_missing_file_and_a_broken_dotenv_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml: cannot be read: No such file"):
        load([tmp_path / "gone.yaml"], {})
    assert "line 2 is not KEY=VALUE" in complaint(tmp_path, dotenv="A=1\nnonsense")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"security: {{webhook_secret: {SECRET}}}", "CHIMERA_SECURITY__WEBHOOK_SECRET"),
        ("security: {vault_passphrase: hunter2hunter2}", "CHIMERA_SECURITY__VAULT_PASSPHRASE"),
        ("security: {api_keys: [{identifier: a, role: admin, key: k}]}", "CHIMERA_SECURITY__API_KEYS"),
        ("geyser: {token: t}", "CHIMERA_GEYSER__TOKEN"),
        ("rpc: {primary_url: 'https://x.example/?api-key=hunter2hunter2'}", "CHIMERA_RPC__PRIMARY_URL"),
        ("rpc: {fallback_url: 'https://u:hunter2hunter2@x.example/'}", "CHIMERA_RPC__FALLBACK_URL"),
    ],
)
def test_a_secret_in_a_file_is_refused_and_not_repeated(tmp_path: Path, text: str, name: str) -> None:
    message = complaint(tmp_path, text)
    assert "holds a secret" in message and name in message
    assert "hunter2" not in message and SECRET not in message


def test_no_representation_shows_a_secret(tmp_path: Path) -> None:
    url = f"https://u:pw@x.quiknode.example/{'ab' * 20}/?api-key=hunter2"
    settings = loaded(
        tmp_path,
        env={
            "CHIMERA_SECURITY__WEBHOOK_SECRET": SECRET,
            "CHIMERA_SECURITY__VAULT_PASSPHRASE": "hunter2",
            "CHIMERA_GEYSER__TOKEN": "hunter2",
            "CHIMERA_SECURITY__API_KEYS": '[{"identifier":"ops","role":"admin","key":"hunter2"}]',
            "CHIMERA_RPC__PRIMARY_URL": url,
        },
    )
    shown = redacted(settings)
    assert shown["security"]["webhook_secret"] == "***" and shown["security"]["webhook_secret_previous"] == ""
    assert shown["rpc"]["primary_url"] == "https://x.quiknode.example/***/?***"
    for text in (str(shown), repr(settings.security), repr(settings.geyser)):
        assert "hunter2" not in text and SECRET not in text and "ab" * 20 not in text
    assert without_credentials("http://127.0.0.1:8899") == "http://127.0.0.1:8899"


def test_a_short_secret_is_refused_without_showing_it(tmp_path: Path) -> None:
    message = complaint(tmp_path, env={"CHIMERA_SECURITY__WEBHOOK_SECRET": "hunter2"})
    assert "security.webhook_secret: shorter than 32" in message and "hunter2" not in message


def test_live_mode_demands_what_it_cannot_do_without(tmp_path: Path) -> None:
    env = {"CHIMERA_MODE": "live", "CHIMERA_SECURITY__WEBHOOK_SECRET": SECRET}
    assert "rpc.primary_url: needed in live mode" in complaint(tmp_path, env=env)
    env["CHIMERA_RPC__PRIMARY_URL"] = "https://rpc.example"
    assert "geyser.url: needed in live mode" in complaint(tmp_path, env=env)
    env["CHIMERA_GEYSER__URL"] = "https://geyser.example"
    assert loaded(tmp_path, env=env).mode == "live"
    assert "dev_mode" in complaint(tmp_path, env={**env, "CHIMERA_DEV_MODE": "1"})
    del env["CHIMERA_SECURITY__WEBHOOK_SECRET"]
    assert "security.webhook_secret: needed in live mode" in complaint(tmp_path, env=env)


def test_the_example_files_load() -> None:
    settings = load(
        [REPOSITORY / "config" / "config.example.yaml"],
        {key: value for key, value in os.environ.items() if not key.startswith("CHIMERA_")},
        dotenv=REPOSITORY / "config" / "env.example",
    )
    assert settings.tokens[0].symbol == "BONK" and settings.wallets[0].status is WalletStatus.ACTIVE
    assert settings.jito.tip_floor_lamports == 1_000_000
    assert not settings.security.webhook_secret


def test_the_file_for_young_tokens_switches_re_entry_on_and_leaves_the_rest_alone() -> None:
    usual, settings = (
        Settings(),
        load([REPOSITORY / "config" / "young-tokens.yaml"], {"CHIMERA_DEV_MODE": "1"}),
    )
    assert settings.reentry.enabled and settings.reentry.fast_s == 5
    assert settings.copy_trade.quality.consensus_s < usual.copy_trade.quality.consensus_s
    same = {"reentry": usual.reentry, "copy_trade": usual.copy_trade, "dev_mode": False}
    assert msgspec.structs.replace(settings, **same) == usual


def test_the_schema_names_every_setting_with_its_range_and_docstring() -> None:
    built = schema()
    rate = built["$defs"]["Webhook"]["properties"]["rate_per_s"]
    assert (rate["minimum"], rate["default"]) == (1, 100)
    shed = built["$defs"]["Webhook"]["properties"]["shed_above"]
    assert "SPEAR" in shed["description"]
    assert built["$defs"]["Risk"]["additionalProperties"] is False
