"""The tree of settings: names, units, ranges and defaults. Nothing here reads anything.

Amounts are lamports unless the name says otherwise; `_min` and `_max` are limits, both included.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chimera.config.breaker_tree import Breakers
from chimera.config.rebalancer_tree import Rebalancer
from chimera.config.secret import Secret
from chimera.config.strategy_tree import Arbitrage, CopyTrade, Momentum, OwnStrategies, Reentry, Sniper
from chimera.domain.bounds import Bps, Count, Lamports, Millis, Percent, Seconds, Usd
from chimera.domain.intent import Style
from chimera.domain.wallet import WalletStatus

CuPrice = Annotated[int, Meta(ge=0, le=10_000_000)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
Base58 = Annotated[str, Meta(pattern="^[1-9A-HJ-NP-Za-km-z]{32,44}$")]
Url = Annotated[str, Meta(pattern=r"^(|(https?|wss?)://[^\s/?#]+[^\s]*)$")]

Name = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]


class Rpc(msgspec.Struct, frozen=True, kw_only=True):
    primary_url: Url = "http://127.0.0.1:8899"
    fallback_url: Url = ""
    """Used after `failures_max` failures of the primary; Spear is off meanwhile. Empty: none."""
    ws_url: Url = ""
    """Empty: derived from the primary."""
    timeout_ms: Millis = 2_000
    rate_per_s: Count = 40
    failures_max: Count = 3
    """Failures in a row before the fallback takes over."""
    probe_s: Seconds = 300
    """How often the primary is tried again meanwhile."""
    latency_ms_max: Millis = 2_000
    """A slower answer counts as a failure."""
    rate_limits_count: bool = True
    """Whether a 429 is a failure."""


class Geyser(msgspec.Struct, frozen=True, kw_only=True):
    url: Url = "http://127.0.0.1:10000"
    token: Secret = msgspec.field(default_factory=Secret)


class Nats(msgspec.Struct, frozen=True, kw_only=True):
    url: Annotated[str, Meta(pattern=r"^(|(nats|tls|ws|wss)://[^\s/?#]+[^\s]*)$")] = ""
    """The bus between processes, for roles that run apart; empty: all in one process."""
    prefix: Annotated[str, Meta(pattern=r"^([A-Za-z0-9_-]+\.)*$")] = ""
    """Put before every subject, with its dot: several houses on one server."""
    sealed: bool = True
    """Whether messages without the house's own seal are not heard; off, who reaches the server can forge intents."""
    metrics_port: Annotated[int, Meta(ge=0, le=65_530)] = 9801
    """Where roles apart show metrics and health, to this machine alone: market here, strategy one above (a second
    one two above), execution three above; 0 picks free ones."""


class Jito(msgspec.Struct, frozen=True, kw_only=True):
    url: Url = ""
    """The block engine; empty: no bundles."""
    tip_floor_url: Url = ""
    """Full address of the tip statistics where the engine itself has none."""
    poll_s: Seconds = 5
    """How often engine and tip statistics are asked, beside the trades."""
    tip_floor_lamports: Lamports = 1_000_000
    tip_ceiling_lamports: Lamports = 10_000_000
    tip_percentile: Percent = 50
    """Of recent tips that landed."""
    tip_percent_max: Percent = 10
    """Of the trade's own amount."""
    styles: tuple[Style, ...] = (Style.SHIELD, Style.SPEAR)
    """Whose legs go as bundles, with a tip, while the block engine is there."""


class Jupiter(msgspec.Struct, frozen=True, kw_only=True):
    url: Url = ""
    """Of the swap API, as `https://api.jup.ag/swap/v1`; empty: our own routes alone."""
    api_key: Secret = msgspec.field(default_factory=Secret)
    timeout_ms: Annotated[int, Meta(ge=1, le=60_000)] = 1_000
    """How long a Shield buy waits for its offer; nothing else waits at all."""
    margin_bps: Bps = 20
    """How much more than our own route it must give."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    identifier: str
    role: Literal["readonly", "operator", "admin"]
    key: Secret


class Security(msgspec.Struct, frozen=True, kw_only=True):
    webhook_secret: Secret = msgspec.field(default_factory=Secret)
    """Signs webhooks; the demo makes its own. 64 hex digits: `openssl rand -hex 32`."""
    webhook_secret_previous: Secret = msgspec.field(default_factory=Secret)
    """The one before, for the 24 hours of grace after a rotation."""
    replay_window_s: Annotated[int, Meta(ge=1, le=300)] = 300
    """How far X-Timestamp may be off; 60 is the strict setting."""
    vault_path: str = ""
    """The encrypted key; empty: `vault.json` in the data folder."""
    vault_passphrase: Secret = msgspec.field(default_factory=Secret)
    jwt_secret: Secret = msgspec.field(default_factory=Secret)
    """Signs login tokens and seals second factors; empty: made once and kept in the data folder."""
    plain_wallet_login: bool = False
    """Whether "Chimera authentication message" is accepted as a login; who sees it signed once can replay it."""
    api_keys: tuple[ApiKey, ...] = ()
    """Keys beside those in the tables; from the environment alone, as JSON."""


class Api(msgspec.Struct, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    port: Port = 8080
    """0 picks a free one."""
    tls_certificate: str = ""
    """PEM file with the certificate and its chain; empty: plain HTTP, for this machine or behind a proxy with TLS."""
    tls_key: str = ""
    """PEM file with its key."""
    domains: tuple[str, ...] = ()
    """Host names under which the dashboard is reached, beside this machine's own; wallets log in there alone."""
    public_health: bool = True
    """Whether /api/v1/health answers without a key."""


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    rate_per_s: Count = 100
    body_bytes_max: Annotated[int, Meta(ge=1_024, le=1_048_576)] = 65_536
    queue_capacity: Count = 1_000
    shed_above: Count = 800
    """SPEAR signals are refused while more than this many wait."""


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    shield_percent: Percent = 70
    spear_percent: Percent = 30
    """Both together are 100."""
    token_percent_max: Percent = 100
    """Of the equity: what may lie in one token, over all strategies."""


class Risk(msgspec.Struct, frozen=True, kw_only=True):
    """What no strategy can raise."""

    position_lamports_max: Lamports = 2_000_000_000
    open_positions_max: Count = 12
    daily_loss_lamports_max: Lamports = 5_000_000_000
    cluster_percent_max: Annotated[int, Meta(ge=1, le=100)] = 100
    """Of the equity: what may lie in tokens that move together; 100: they are not asked about."""
    correlation_percent_min: Annotated[int, Meta(ge=1, le=100)] = 70
    """Tokens whose returns of the last quarter of an hour are correlated so far count as moving together."""
    slippage_bps_max: Annotated[int, Meta(ge=0, le=500)] = 500
    """Of whatever is bought; 5 % is as far as it goes."""
    exit_slippage_bps_max: Bps = 1_500
    slippage_profile: Literal["own", "conservative", "balanced", "aggressive"] = "own"
    """What a buy may lose by its estimate: 0.5, 1 or 2 %; own: what its strategy allows, below the limit above."""
    slot_age_ms_max: Annotated[int, Meta(ge=1, le=30_000)] = 5_000
    """How long the stream may be silent before prices count as unknown; nothing is bought at prices older than 30 s."""
    balance_reserve_lamports: Lamports = 50_000_000
    """Never spent: pays for exits."""
    trade_costs_lamports_max: Lamports = 10_000_000
    """Fees, tip and rent of one leg, at the worst."""
    swap_lamports_max: Lamports = 20_000_000_000
    """What one swap of the rebalancer may be worth; into dollars it may be more."""
    cycle_profit_lamports_min: Lamports = 100_000
    """The least that a circle of swaps must ask for, after all costs."""
    cycles_in_standard_lane: bool = False
    """Whether a circle may go without a bundle: if it fails there, its fee is lost."""
    max_loss_24h_usd: Usd = 500
    max_consecutive_losses: Count = 5
    max_drawdown_percent: Annotated[int, Meta(ge=1, le=100)] = 15
    cool_down_minutes: Annotated[int, Meta(ge=1, le=10_080)] = 30
    """How long the loss breaker stays open, and Spear stays off."""
    max_consecutive_losses_spear: Count = 4
    """Of Spear's round trips: then Spear alone is off, until a gain on trial."""
    breakers: Breakers = Breakers()


class TokenSafety(msgspec.Struct, frozen=True, kw_only=True):
    liquidity_shield_usd_min: Usd = 10_000
    liquidity_spear_usd_min: Usd = 5_000
    transfer_fee_bps_max: Bps = 500
    probe_loss_bps_max: Bps = 2_000
    """What a simulated buy and sell may lose, fees included."""
    report_ttl_s: Seconds = 3_600


class ConfirmTier(msgspec.Struct, frozen=True, kw_only=True):
    """How deep a transaction of ours must lie before it is booked."""

    usd_min: Usd
    """From this worth on."""
    confirmations: Annotated[int, Meta(ge=0, le=32)]
    """Blocks on top of its own, at the least."""
    finalized: bool = False
    within_s: Seconds
    """Unknown for longer: a person is told."""


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    lookup_tables: tuple[Base58, ...] = ()
    """Address lookup tables that make large transactions fit; at most sixteen are read."""
    compute_units_base: Count = 60_000
    compute_units_per_hop: Count = 120_000
    compute_units_floor_base: Count = 40_000
    compute_units_floor_per_hop: Count = 60_000
    """The least that simulations may lower the limit to."""
    compute_units_max: Annotated[int, Meta(ge=1, le=1_400_000)] = 1_400_000
    cu_price_micro_lamports: CuPrice = 10_000
    """The least; what others pay for the same pools where that is more."""
    cu_price_micro_lamports_max: CuPrice = 1_000_000
    exit_cu_price_micro_lamports: CuPrice = 50_000
    exit_cu_price_micro_lamports_max: CuPrice = 5_000_000
    cu_price_percentile: Percent = 75
    """Of the prices that landed lately in the pools traded."""
    price_poll_s: Seconds = 10
    """How often those prices are asked for, beside the trades."""
    lanes: Literal["order", "race"] = "order"
    """race: the same bytes to every node, and to the block engine, at once; the first to land wins."""
    fee_lamports_max: Lamports = 5_000_000
    """Priority fee and tip of one leg together."""
    concurrency: Annotated[int, Meta(ge=1, le=100)] = 10
    """Legs under way at a time."""
    confirm_commitment: Literal["confirmed", "finalized"] = "confirmed"
    """finalized: nothing is booked before, whatever it is worth."""
    confirm_tiers: Annotated[tuple[ConfirmTier, ...], Meta(min_length=1, max_length=16)] = (
        ConfirmTier(usd_min=10_000, confirmations=3, finalized=True, within_s=300),
        ConfirmTier(usd_min=1_000, confirmations=2, within_s=180),
        ConfirmTier(usd_min=100, confirmations=1, within_s=120),
        ConfirmTier(usd_min=0, confirmations=1, within_s=60),
    )
    """Deeper for what is worth more; one begins at 0."""
    resend_ms: Millis = 2_000
    """Before the same bytes go out again; doubled each time, up to ten seconds."""
    learn_slippage: bool = False
    """Lower a buy's slippage limit to what its pool's own fills have needed, once there are enough of them."""
    slippage_percentile: Literal[95, 99] = 95
    """Of those fills, by pool and size."""
    retries_max: Annotated[int, Meta(ge=0, le=20)] = 3


class Mev(msgspec.Struct, frozen=True, kw_only=True):
    """The desk's own reactions to transactions that have happened, as circles of swaps; never before anybody's."""

    execution_arb: bool = False
    """Close the gap that a trade of our own has opened."""
    backrun: bool = False
    """Close the gap that somebody's large trade has opened, after it."""
    re_arb: bool = False
    """Look again where a circle of our own failed."""
    liquidation: bool = False
    """Known, and stays off: no lending market is among the venues."""
    jit_liquidity: bool = False
    """Known, and stays off: it would have to go before somebody's trade."""
    fee_parameters: bool = False
    """Pay more for compute units while our legs expire, less again when they land."""
    profit_lamports_min: Lamports = 5_000_000
    """After all costs."""
    size_lamports_max: Lamports = 1_000_000_000
    probe_lamports: Annotated[int, Meta(ge=1_000_000, le=10**12)] = 50_000_000
    """Nothing smaller is sent."""
    costs_lamports: Lamports = 1_050_000
    """Fee and tip that a reaction is expected to cost."""
    ttl_ms: Millis = 800
    pause_ms: Millis = 1_000
    """Between two reactions over one pool."""
    parent_lamports_min: Lamports = 1_000_000_000
    """Somebody's trade below is not worth a look."""


class Upkeep(msgspec.Struct, frozen=True, kw_only=True):
    """Chores of the trading wallet: wrapped SOL that was left behind, token accounts that nobody needs."""

    enabled: bool = True
    every_s: Seconds = 30
    """How often is looked."""
    close_every_s: Seconds = 604_800
    """How often empty token accounts are closed for their rent."""
    empty_for_s: Annotated[int, Meta(ge=0, le=31_536_000)] = 86_400
    """How long an account must have been empty before."""
    accounts_a_run: Annotated[int, Meta(ge=1, le=1_000)] = 20
    sell_dust: bool = True
    """Whether what routes of several pools leave behind between them is sold; nothing else ever is."""
    sell_every_s: Seconds = 86_400
    dust_lamports_min: Lamports = 10_000_000
    standing_wsol: bool = False
    """Whether SOL lies wrapped for buys to spend; else each leg wraps and unwraps for itself."""
    wsol_low_lamports: Lamports = 500_000_000
    """Below it SOL is wrapped, up to the target."""
    wsol_target_lamports: Lamports = 1_000_000_000
    wsol_high_lamports: Lamports = 2_000_000_000
    """Above it SOL is unwrapped, down to the target."""
    wsol_reserve_lamports: Lamports = 100_000_000
    """Always stays native, for fees."""


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """What the market did, kept beside the trades: raw updates and decoded events as Parquet (`chimera record`)."""

    enabled: bool = False
    """Whether a running desk or market process records; `chimera record` always does."""
    folder: str = ""
    """Empty: `recording` in the data folder."""
    queue: Annotated[int, Meta(ge=1_000, le=10_000_000)] = 100_000
    """Records that may wait for the disk; beyond, the oldest are lost, counted, and the recording says so."""
    snapshot_s: Seconds = 600
    """How often the whole market is written, so that a reader may begin in the middle."""
    segment_s: Seconds = 600
    segment_records: Annotated[int, Meta(ge=1_000, le=10_000_000)] = 250_000
    segment_bytes: Annotated[int, Meta(ge=1_048_576, le=2**40)] = 268_435_456
    """A segment ends at the first of the three."""
    free_bytes_min: Annotated[int, Meta(ge=0, le=2**60)] = 536_870_912
    """Left to the journal on the disk: with less, nothing is recorded, and the recording says so."""
    keep_bytes: Annotated[int, Meta(ge=0, le=2**60)] = 21_474_836_480
    """The oldest segments go beyond so many bytes; 0: never."""
    keep_days: Annotated[int, Meta(ge=0, le=36_500)] = 14
    """And when they are older than this; 0: never."""


class TradeLogs(msgspec.Struct, frozen=True, kw_only=True):
    """Intents, decisions and execution results as JSON lines, a file a day, for Grafana and for grep."""

    enabled: bool = True
    folder: str = ""
    """Empty: `trade_logs` in the data folder."""
    keep_days: Annotated[int, Meta(ge=0, le=36_500)] = 30
    """0: for ever. They can be written again from the journal."""
    port: Port = 9899
    """Of `chimera run --roles trades`, on this machine alone; 0 picks a free one."""


class Analytics(msgspec.Struct, frozen=True, kw_only=True):
    """A ClickHouse server that is told of decisions and executions, behind everything; it may be away for long."""

    url: Url = ""
    """Of its HTTP interface, as `http://127.0.0.1:8123`; empty: none."""
    user: Annotated[str, Meta(max_length=128)] = ""
    password: Secret = msgspec.field(default_factory=Secret)
    database: Name = "chimera"
    desk: Name = "desk"
    """What this desk's rows are named; desks that share a database need different names, and so does a new journal."""


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions of long ago: out of the tables, into Parquet files, where the API still finds them."""

    after_days: Annotated[int, Meta(ge=0, le=36_500)] = 90
    """Whole days older than this are moved; 0: never. Ledger rows stay where they are."""
    folder: str = ""
    """Empty: `archive` in the data folder."""


class Tax(msgspec.Struct, frozen=True, kw_only=True):
    """Whose word on the price of a SOL is put down when a trade lands, for tax lots; nothing is decided by it."""

    sol_usd: Literal["pool", "oracle", "off"] = "pool"
    """The deepest SOL/USDC pool that is seen, the service below, or nobody: then dollars stay unknown."""
    oracle_url: Url = ""
    """Full address of a service that answers JSON."""
    oracle_field: Annotated[str, Meta(max_length=200)] = "solana.usd"
    """Where the price stands in it, steps separated by dots."""


class Backups(msgspec.Struct, frozen=True, kw_only=True):
    """Copies of journal and tables, checked, every day; `chimera backup` makes, checks and restores them by hand."""

    enabled: bool = True
    folder: str = ""
    """Empty: `backups` in the data folder. Better: another disk."""
    hour_utc: Annotated[int, Meta(ge=0, le=23)] = 3
    keep_days: Annotated[int, Meta(ge=1, le=36_500)] = 7


class Token(msgspec.Struct, frozen=True, kw_only=True):
    symbol: Annotated[str, Meta(min_length=1, max_length=32)]
    mint: Base58


class CopiedWallet(msgspec.Struct, frozen=True, kw_only=True):
    address: Base58
    status: WalletStatus = WalletStatus.CANDIDATE
    strategy: Style = Style.SHIELD
    notes: str = ""


class Localnet(msgspec.Struct, frozen=True, kw_only=True):
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 1
    slot_ms: Annotated[int, Meta(ge=20, le=10_000)] = 400


class Logging(msgspec.Struct, frozen=True, kw_only=True):
    level: Literal["DEBUG", "INFO", "WARN", "ERROR"] = "INFO"
    json: bool = True


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    mode: Literal["localnet", "live"] = "localnet"
    dev_mode: bool = False
    """CHIMERA_DEV_MODE=1: webhooks need no signature. Shown everywhere, refused in live mode."""
    data_dir: str = "data"
    """Journal, tables, vault."""
    rpc: Rpc = Rpc()
    geyser: Geyser = msgspec.field(default_factory=Geyser)
    jito: Jito = Jito()
    jupiter: Jupiter = msgspec.field(default_factory=Jupiter)
    nats: Nats = Nats()
    security: Security = msgspec.field(default_factory=Security)
    api: Api = Api()
    webhook: Webhook = Webhook()
    allocation: Allocation = Allocation()
    copy_trade: CopyTrade = CopyTrade()
    arbitrage: Arbitrage = Arbitrage()
    momentum: Momentum = Momentum()
    reentry: Reentry = Reentry()
    sniper: Sniper = Sniper()
    strategies: OwnStrategies = OwnStrategies()
    risk: Risk = Risk()
    token_safety: TokenSafety = TokenSafety()
    execution: Execution = Execution()
    mev: Mev = Mev()
    upkeep: Upkeep = Upkeep()
    rebalancer: Rebalancer = msgspec.field(default_factory=Rebalancer)
    recording: Recording = Recording()
    trade_logs: TradeLogs = TradeLogs()
    backups: Backups = Backups()
    tax: Tax = Tax()
    archive: Archive = Archive()
    analytics: Analytics = msgspec.field(default_factory=Analytics)
    tokens: tuple[Token, ...] = ()
    """Known by name; others by their mint."""
    wallets: tuple[CopiedWallet, ...] = ()
    localnet: Localnet = Localnet()
    logging: Logging = Logging()
