// Made by ops/contract.py from the control plane's OpenAPI document. Change the desk's types, then run it again.

export interface Schemas {
  Accepted: {
    status: string;
  };
  /** The body of every command: nothing is done without a reason on record. */
  Because: {
    reason: string;
  };
  BreakerHealth: {
    state: string;
    trading_allowed: boolean;
    trip_reason: string | null;
    cooldown_remaining_secs: number;
  };
  BreakerMove: {
    seq: number;
    at_ms: number;
    breaker: string;
    before: string;
    after: string;
    cause: string;
    by: string;
  };
  BreakerReset: {
    success: boolean;
    message: string;
    previous_state: string;
    new_state: string;
  };
  /** How one breaker stands: what it counted, and what would open or close it. */
  BreakerSeen: {
    name: string;
    enabled: boolean;
    state: string;
    cause: string;
    until_ms: number | null;
    failures: number;
    outcomes: number;
    in_row: number;
    failures_max: number;
    in_row_max: number;
    percent_max: number;
    window_ms: number;
    recovery_ms: number;
    trials_good: number;
    trials_bad: number;
    trials: number;
    successes: number;
  };
  BreakerTold: {
    name: string;
    enabled: boolean;
    state: string;
    stops: string;
    cause: string | null;
    until_ms: number | null;
    counts: Schemas["BreakerSeen"] | null;
  };
  BreakersTold: {
    items: Schemas["BreakerTold"][];
    history: Schemas["BreakerMove"][];
  };
  Challenge: {
    message: string;
    nonce: string;
    domain: string;
    expires_at: number;
  };
  ChallengeBody: {
    address: string;
    purpose?: string;
  };
  ConfigAnswer: {
    success: boolean;
    version: number;
    message: string;
  };
  ConfigBody: {
    changes: { [name: string]: unknown };
    reason: string;
    version?: number | null;
  };
  ConfigChange: {
    seq: number;
    key: string;
    old_value: string;
    new_value: string;
    changed_by: string;
    change_reason: string;
    changed_at: number;
  };
  CorrelatedPair: {
    one: string;
    other: string;
    correlation: number | null;
  };
  CorrelationTold: {
    at_ms: number | null;
    pairs: Schemas["CorrelatedPair"][];
    returns: { [name: string]: number };
    returns_min: number;
    bar_ms: number;
    window_bars: number;
  };
  DatabaseHealth: {
    status: string;
    message: string;
    behind_records: number;
  };
  DeadLetter: {
    id: number;
    trade_uuid: string | null;
    payload: string;
    reason: string;
    error_details: string;
    source_ip: string;
    retry_count: number;
    can_retry: boolean;
    received_at: number;
    processed_at: number | null;
  };
  Decision: {
    seq: number;
    at: number;
    kind: string;
    id: string;
    trade_uuid: string | null;
    outcome: string;
    reason: string | null;
    limit: string;
    observed: string;
    token_symbol: string;
    token_address: string;
    wallet_address: string;
    strategy: string;
    side: string;
    text: string;
  };
  Decisions: {
    items: Schemas["Decision"][];
    next_before: number | null;
  };
  /** Amounts are lamports, or base units of `mint` where there is one. */
  Discrepancy: {
    id: string;
    trade_uuid: string | null;
    mint: string | null;
    discrepancy: string;
    expected_state: string;
    actual_on_chain: string;
    expected_amount: string;
    on_chain_amount: string;
    on_chain_tx_signature: string | null;
    resolved_at: number | null;
    resolved_by: string | null;
    notes: string;
    created_at: number;
  };
  Done: {
    success: boolean;
  };
  ExitBody: {
    reason: string;
    fraction_bps?: number;
  };
  Failures: {
    what: string;
    count: number;
  };
  Fill: {
    leg_id: string;
    side: string;
    signature: string;
    slot: number;
    input_mint: string;
    output_mint: string;
    amount_in: string;
    amount_out: string;
    fee_lamports: string;
    tip_lamports: string;
    rent_lamports: string;
    at: number;
  };
  HandLevels: {
    stop_bps: number | null;
    target_bps: number | null;
  };
  Health: {
    status: string;
    mode: string;
    dev_mode: boolean;
    uptime_seconds: number;
    queue_depth: number;
    circuit_breaker: Schemas["BreakerHealth"];
    kill_switch: Schemas["KillHealth"];
    rpc: Schemas["RpcHealth"];
    database: Schemas["DatabaseHealth"];
    market: Schemas["MarketHealth"];
    journal: Schemas["JournalHealth"];
    last_trade_at: number | null;
    breakers_open: string[];
  };
  HealthCheck: {
    name: string;
    status: string;
    message: string;
    response_time_ms: number;
  };
  HealthChecks: {
    overall: string;
    checks: Schemas["HealthCheck"][];
  };
  Identity: {
    identifier: string;
    role: string;
  };
  JournalHealth: {
    seq: number;
    status: string;
  };
  KillBody: {
    mode: string;
    reason: string;
  };
  KillHealth: {
    active: boolean;
    mode: string | null;
    reason: string | null;
  };
  KillState: {
    active: boolean;
    mode: string | null;
  };
  /** Milliseconds since this process started. */
  Latency: {
    name: string;
    of: string;
    count: number;
    p50_ms: number;
    p95_ms: number;
    p99_ms: number;
  };
  /** Where one position is sold, whatever its strategy thinks; neither level means the strategy's own rules. */
  LevelsBody: {
    stop_bps?: number | null;
    target_bps?: number | null;
    reason: string;
  };
  LoginAnswer: {
    token: string;
    token_type: string;
    expires_in_s: number;
    refresh_token: string;
    user: Schemas["Identity"];
  };
  MarketHealth: {
    slot: number;
    slot_age_ms: number | null;
    feed: string;
    gaps: number;
    pools: number;
    pools_fresh: number;
    pools_quarantined: number;
    quarantine_reasons: string[];
    received: number;
    passed: number;
    held: number;
    dropped: { [name: string]: number };
    unread: { [name: string]: number };
  };
  Markets: {
    items: Schemas["PoolSeen"][];
    total: number;
    limit: number;
    offset: number;
  };
  /** Oldest first, further apart the longer it is held. */
  Marks: {
    items: ([number | string, number | string, number | string])[];
  };
  NewWallet: {
    status?: Schemas["WalletStatus"];
    reason: string;
    ttl_hours?: number | null;
    strategy?: Schemas["Style"] | null;
    notes?: string | null;
    address: string;
  };
  /** The body of a resolution. */
  Note: {
    note: string;
  };
  Overview: {
    wallet: string;
    balance_lamports: string;
    equity_lamports: string;
    equity_usd_micro: string | null;
    sol_usd_micro: string | null;
    realised_pnl_lamports: string;
    unrealised_pnl_lamports: string | null;
    pnl_24h_lamports: string;
    fees_lamports: string;
    tips_lamports: string;
    rent_lamports: string;
    open_positions: number;
    closed_trades: number;
    wins: number;
    losses: number;
    signals: number;
    refused: number;
    ledger_matches_chain: boolean | null;
    equity_history?: ([number | string, number | string])[];
    equity_point?: [number | string, number | string];
  };
  Page_ConfigChange_: {
    items: Schemas["ConfigChange"][];
    total: number;
    limit: number;
    offset: number;
  };
  Page_DeadLetter_: {
    items: Schemas["DeadLetter"][];
    total: number;
    limit: number;
    offset: number;
  };
  Page_Position_: {
    items: Schemas["Position"][];
    total: number;
    limit: number;
    offset: number;
  };
  Page_Trade_: {
    items: Schemas["Trade"][];
    total: number;
    limit: number;
    offset: number;
  };
  Page_Wallet_: {
    items: Schemas["Wallet"][];
    total: number;
    limit: number;
    offset: number;
  };
  PoolSeen: {
    address: string;
    venue: string;
    mint_a: string;
    mint_b: string;
    symbol_a: string;
    symbol_b: string;
    decimals_a: number | null;
    decimals_b: number | null;
    reserve_a: string | null;
    reserve_b: string | null;
    price: string | null;
    liquidity_usd_micro: string | null;
    slot: number;
    age_slots: number;
    complete: boolean;
    doubt: string | null;
    own_symbol_a: string;
    own_symbol_b: string;
  };
  Position: {
    trade_uuid: string;
    wallet_address: string;
    token_address: string;
    token_symbol: string;
    strategy: string;
    state: string;
    token_amount: string;
    decimals: number | null;
    entry_lamports: string;
    value_lamports: string | null;
    unrealised_pnl_lamports: string | null;
    unrealised_pnl_bps: number | null;
    price_age_slots: number | null;
    realised_pnl_lamports: string;
    stop_lamports: string | null;
    target_lamports: string | null;
    paid_lamports: string | null;
    levels: Schemas["HandLevels"] | null;
    opened_at: number;
    closed_at: number | null;
    entry_signature: string;
    exit_signature: string | null;
    exit_reason: string | null;
  };
  Queue: {
    name: string;
    waiting: number;
    dropped: number;
  };
  Reconciliation: {
    unresolved: number;
    last_run_at: number | null;
    last_positions: number;
    last_found: number;
    last_cause: string;
    items: Schemas["Discrepancy"][];
    total: number;
    limit: number;
    offset: number;
  };
  ReconciliationRun: {
    status: string;
    message: string;
    unresolved: number;
  };
  RefreshBody: {
    refresh_token: string;
  };
  ResetBody: {
    reason: string;
    breaker?: string;
  };
  /** Of this machine and this process; percentages are of all cores and all memory. */
  ResourcesSeen: {
    cpu_percent: number;
    cpu_count: number;
    load_1m: number;
    memory_used_bytes: number;
    memory_total_bytes: number;
    disk_used_bytes: number;
    disk_free_bytes: number;
    disk_total_bytes: number;
    network_sent_bytes: number;
    network_received_bytes: number;
    process_cpu_percent: number;
    process_memory_bytes: number;
    process_threads: number;
    process_files: number;
  };
  Retried: {
    status: string;
    signal_id: string | null;
  };
  RpcHealth: {
    status: string;
    latency_ms: number | null;
    endpoint: string;
  };
  /** When a secret was last made or changed; never a word of what it is. */
  SecretSeen: {
    name: string;
    kept: string;
    at_ms: number | null;
  };
  SecretsAge: {
    items: Schemas["SecretSeen"][];
  };
  /** A setting as it goes over the wire: bounds are text, since they reach 2^63-1 and JavaScript's numbers do not. */
  SettingTold: {
    key: string;
    value: unknown;
    file_value: unknown;
    kind: string;
    minimum: string | null;
    maximum: string | null;
    text: string;
    role: string;
    loosens: string;
  };
  Settings: {
    version: number;
    items: Schemas["SettingTold"][];
  };
  Step: {
    seq: number;
    at: number;
    kind: string;
    text: string;
    outcome: string;
    reason: string | null;
    data: { [name: string]: unknown };
  };
  StepUpAnswer: {
    token: string;
    expires_in_s: number;
  };
  /** Either a code, or a wallet's signature of a step-up challenge. */
  StepUpBody: {
    code?: string | null;
    wallet?: Schemas["WalletBody"] | null;
  };
  Strategies: {
    items: Schemas["StrategySeen"][];
  };
  StrategyPerformance: {
    strategy: string;
    days: number;
    trade_count: number;
    wins: number;
    losses: number;
    win_rate: number | null;
    avg_return: number | null;
    total_pnl: string;
  };
  StrategySeen: {
    name: string;
    running: boolean;
    paused: boolean;
    failed: string | null;
    params: { [name: string]: unknown };
  };
  /** How a copied trade is treated; also the classes of the queue, in the order EXIT, SHIELD, SPEAR. */
  Style: "EXIT" | "SHIELD" | "SPEAR";
  Telemetry: {
    loops: string[];
    queues: Schemas["Queue"][];
    latencies: Schemas["Latency"][];
    failures: Schemas["Failures"][];
  };
  TokenSeen: {
    mint: string;
    symbol: string;
    program: string;
    decimals: number;
    supply: string;
    mint_authority: string | null;
    freeze_authority: string | null;
    transfer_fee_bps: number;
    extensions: string[];
    liquidity_usd_micro: string | null;
    price_lamports: string | null;
    pools: number;
    shield_refusal: string | null;
    spear_refusal: string | null;
    probe: { [name: string]: unknown } | null;
    own_name: string;
    own_symbol: string;
  };
  Trade: {
    trade_uuid: string;
    signal_id: string | null;
    wallet_address: string;
    token_address: string;
    token_symbol: string;
    strategy: string;
    side: string;
    status: string;
    amount_lamports: string;
    spent_lamports: string;
    received_lamports: string;
    fees_lamports: string;
    tips_lamports: string;
    rent_lamports: string;
    realised_pnl_lamports: string | null;
    entry_signature: string | null;
    exit_signature: string | null;
    retry_count: number;
    error_message: string | null;
    exit_reason: string | null;
    created_at: number;
    updated_at: number;
  };
  TradeDetail: {
    trade_uuid: string;
    signal_id: string | null;
    wallet_address: string;
    token_address: string;
    token_symbol: string;
    strategy: string;
    side: string;
    status: string;
    amount_lamports: string;
    spent_lamports: string;
    received_lamports: string;
    fees_lamports: string;
    tips_lamports: string;
    rent_lamports: string;
    realised_pnl_lamports: string | null;
    entry_signature: string | null;
    exit_signature: string | null;
    retry_count: number;
    error_message: string | null;
    exit_reason: string | null;
    created_at: number;
    updated_at: number;
    fills: Schemas["Fill"][];
  };
  /** What users see. The finer states of a leg live inside EXECUTING and EXITING. */
  TradeState: "PENDING" | "QUEUED" | "EXECUTING" | "ACTIVE" | "FAILED" | "RETRY" | "EXITING" | "CLOSED" | "DEAD_LETTER";
  UndoBody: {
    seq: number;
    reason: string;
  };
  Wallet: {
    address: string;
    status: string;
    wqs_score: number | null;
    strategy: string;
    notes: string;
    copied: number;
    pnl_lamports: string;
    last_trade_at: number | null;
    active_until: number | null;
  };
  WalletBody: {
    address: string;
    message: string;
    signature: string;
  };
  WalletChange: {
    status: Schemas["WalletStatus"];
    reason: string;
    ttl_hours?: number | null;
    strategy?: Schemas["Style"] | null;
    notes?: string | null;
  };
  WalletChanged: {
    address: string;
    ok: boolean;
    code: string;
    message: string;
    before: string;
    after: string;
  };
  WalletStatus: "ACTIVE" | "CANDIDATE" | "REJECTED";
  WalletsChange: {
    status: Schemas["WalletStatus"];
    reason: string;
    ttl_hours?: number | null;
    strategy?: Schemas["Style"] | null;
    notes?: string | null;
    addresses: string[];
  };
  WalletsChanged: {
    items: Schemas["WalletChanged"][];
  };
  Why: {
    id: string;
    found: boolean;
    steps: Schemas["Step"][];
  };
}

export interface Operations {
  /** Every setting that may change at run time, with its range and who may change it */
  "GET /config/settings": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: Schemas["Settings"];
  };
  /** What was decided and why, newest first */
  "GET /decisions": {
    path: undefined;
    query: { limit?: number; before?: number | null; outcome?: string | null };
    body: undefined;
    answer: Schemas["Decisions"];
  };
  /** Who or what changed what, and why, newest first */
  "GET /incidents/config-audit": {
    path: undefined;
    query: { limit?: number; offset?: number };
    body: undefined;
    answer: Schemas["Page_ConfigChange_"];
  };
  /** Signals and trades that got lost, newest first */
  "GET /incidents/dead-letter": {
    path: undefined;
    query: { limit?: number; offset?: number };
    body: undefined;
    answer: Schemas["Page_DeadLetter_"];
  };
  /** Pools with prices, ages and why one is in doubt */
  "GET /markets": {
    path: undefined;
    query: { venue?: string | null; mint?: string | null; doubtful?: boolean | null; limit?: number; offset?: number };
    body: undefined;
    answer: Schemas["Markets"];
  };
  /** A token's safety report: authorities, extensions, liquidity, the last simulated buy and sell */
  "GET /markets/tokens/{mint}": {
    path: { mint: string };
    query: undefined;
    body: undefined;
    answer: Schemas["TokenSeen"];
  };
  /** How one style of copying does */
  "GET /metrics/strategy/{strategy}": {
    path: { strategy: string };
    query: { days?: number };
    body: undefined;
    answer: Schemas["StrategyPerformance"];
  };
  /** Every part, and how long it took to answer */
  "GET /operations/health-checks": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: Schemas["HealthChecks"];
  };
  /** What the machine has left */
  "GET /operations/resources": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: Schemas["ResourcesSeen"];
  };
  /** When each secret was last changed */
  "GET /operations/secrets": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: Schemas["SecretsAge"];
  };
  /** Loops, queues, latencies and failures, as /metrics counts them */
  "GET /operations/telemetry": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: Schemas["Telemetry"];
  };
  /** The numbers of the first screen */
  "GET /overview": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: Schemas["Overview"];
  };
  /** Positions, newest first */
  "GET /positions": {
    path: undefined;
    query: { state?: string | null; limit?: number; offset?: number };
    body: undefined;
    answer: Schemas["Page_Position_"];
  };
  /** One position */
  "GET /positions/{uuid}": {
    path: { uuid: string };
    query: undefined;
    body: undefined;
    answer: Schemas["Position"];
  };
  /** What a position would have fetched since this process began to watch it, for a chart */
  "GET /positions/{uuid}/marks": {
    path: { uuid: string };
    query: undefined;
    body: undefined;
    answer: Schemas["Marks"];
  };
  /** What books and chain differ in, and what of it waits for a person */
  "GET /reconciliation": {
    path: undefined;
    query: { unresolved?: boolean; discrepancy?: string | null; limit?: number; offset?: number };
    body: undefined;
    answer: Schemas["Reconciliation"];
  };
  /** Every breaker: its state, what it counted, its limits, and its last moves */
  "GET /risk/breakers": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: Schemas["BreakersTold"];
  };
  /** How far held tokens, and SOL in dollars, move together; null where there is not enough data */
  "GET /risk/correlation": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: Schemas["CorrelationTold"];
  };
  /** Strategies, their parameters, and whether they may buy */
  "GET /strategies": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: Schemas["Strategies"];
  };
  /** Round trips, newest first */
  "GET /trades": {
    path: undefined;
    query: { from?: number | null; to?: number | null; status?: string | null; strategy?: string | null; limit?: number; offset?: number };
    body: undefined;
    answer: Schemas["Page_Trade_"];
  };
  /** Round trips as a file: csv, json or pdf */
  "GET /trades/export": {
    path: undefined;
    query: { format?: string; from?: number | null; to?: number | null; status?: Schemas["TradeState"] | null; strategy?: Schemas["Style"] | null };
    body: undefined;
    answer: Blob;
  };
  /** Tax lots: every sale against the purchases it came from, with dates, costs and gains */
  "GET /trades/lots": {
    path: undefined;
    query: { format?: string; from?: number | null; to?: number | null };
    body: undefined;
    answer: Blob;
  };
  /** One round trip and its fills */
  "GET /trades/{uuid}": {
    path: { uuid: string };
    query: undefined;
    body: undefined;
    answer: Schemas["TradeDetail"];
  };
  /** Wallets that may be copied */
  "GET /wallets": {
    path: undefined;
    query: { status?: string | null; limit?: number; offset?: number };
    body: undefined;
    answer: Schemas["Page_Wallet_"];
  };
  /** The roster as a file */
  "GET /wallets/export": {
    path: undefined;
    query: { format?: string };
    body: undefined;
    answer: Blob;
  };
  /** Whose key this is */
  "GET /whoami": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: Schemas["Identity"];
  };
  /** The chain of decisions behind something */
  "GET /why/{wanted}": {
    path: { wanted: string };
    query: undefined;
    body: undefined;
    answer: Schemas["Why"];
  };
  /** A text for a wallet to sign: for one address, this site and two minutes, good once */
  "POST /auth/challenge": {
    path: undefined;
    query: undefined;
    body: Schemas["ChallengeBody"];
    answer: Schemas["Challenge"];
  };
  /** End this login everywhere */
  "POST /auth/logout": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: Schemas["Done"];
  };
  /** The next token of a login; each refresh token is good once */
  "POST /auth/refresh": {
    path: undefined;
    query: undefined;
    body: Schemas["RefreshBody"];
    answer: Schemas["LoginAnswer"];
  };
  /** Show a second factor; the token goes as X-Step-Up with one protected action */
  "POST /auth/step-up": {
    path: undefined;
    query: undefined;
    body: Schemas["StepUpBody"];
    answer: Schemas["StepUpAnswer"];
  };
  /** Log in with a signed challenge */
  "POST /auth/wallet": {
    path: undefined;
    query: undefined;
    body: Schemas["WalletBody"];
    answer: Schemas["LoginAnswer"];
  };
  /** Close a breaker by hand; the loss breaker where none is named */
  "POST /config/circuit-breaker/reset": {
    path: undefined;
    query: undefined;
    body: Schemas["ResetBody"];
    answer: Schemas["BreakerReset"];
  };
  /** Put back what one change changed */
  "POST /config/undo": {
    path: undefined;
    query: undefined;
    body: Schemas["UndoBody"];
    answer: Schemas["ConfigAnswer"];
  };
  /** Put a dead letter away for good */
  "POST /incidents/dead-letter/{letter_id}/discard": {
    path: { letter_id: string };
    query: undefined;
    body: Schemas["Because"];
    answer: Schemas["Accepted"];
  };
  /** Let a dead letter in again, as a new signal of the operator's */
  "POST /incidents/dead-letter/{letter_id}/retry": {
    path: { letter_id: string };
    query: undefined;
    body: Schemas["Because"];
    answer: Schemas["Retried"];
  };
  /** Stop trading, or only buying, now */
  "POST /kill": {
    path: undefined;
    query: undefined;
    body: Schemas["KillBody"];
    answer: Schemas["KillState"];
  };
  /** Trade again */
  "POST /kill/reset": {
    path: undefined;
    query: undefined;
    body: Schemas["Because"];
    answer: Schemas["KillState"];
  };
  /** Let buys go on where a transaction that could not be read put a pool in doubt */
  "POST /markets/{pool}/release": {
    path: { pool: string };
    query: undefined;
    body: Schemas["Because"];
    answer: Schemas["Accepted"];
  };
  /** Sell a position, or a part of it, now */
  "POST /positions/{uuid}/exit": {
    path: { uuid: string };
    query: undefined;
    body: Schemas["ExitBody"];
    answer: Schemas["Accepted"];
  };
  /** Hold every open position against the chain now */
  "POST /reconciliation/run": {
    path: undefined;
    query: undefined;
    body: Schemas["Because"];
    answer: Schemas["ReconciliationRun"];
  };
  /** Say that a discrepancy has been looked at, and what it was */
  "POST /reconciliation/{discrepancy_id}/resolve": {
    path: { discrepancy_id: string };
    query: undefined;
    body: Schemas["Note"];
    answer: Schemas["Accepted"];
  };
  /** Pause a strategy (it sells and does not buy) and start it again; park it (left out) and resume it */
  "POST /strategies/{name}/{action}": {
    path: { name: string; action: string };
    query: undefined;
    body: Schemas["Because"];
    answer: Schemas["ConfigAnswer"];
  };
  /** Take a wallet onto the roster */
  "POST /wallets": {
    path: undefined;
    query: undefined;
    body: Schemas["NewWallet"];
    answer: Schemas["WalletChanged"];
  };
  /** Promote or demote many; each says how it went */
  "POST /wallets/bulk": {
    path: undefined;
    query: undefined;
    body: Schemas["WalletsChange"];
    answer: Schemas["WalletsChanged"];
  };
  /** Change settings now: all of them or none */
  "PUT /config": {
    path: undefined;
    query: undefined;
    body: Schemas["ConfigBody"];
    answer: Schemas["ConfigAnswer"];
  };
  /** Move a position's stop and target; neither of them gives it back to its strategy's rules */
  "PUT /positions/{uuid}/levels": {
    path: { uuid: string };
    query: undefined;
    body: Schemas["LevelsBody"];
    answer: Schemas["Accepted"];
  };
  /** Promote or demote a wallet, for a time or for good */
  "PUT /wallets/{address}": {
    path: { address: string };
    query: undefined;
    body: Schemas["WalletChange"];
    answer: Schemas["WalletChanged"];
  };
}
