-- First light: the tables folded from the journal, and the people who may ask for them.
-- Written once and never changed; later revisions alter.

CREATE TABLE admin_wallets (
    id INTEGER NOT NULL,
    wallet_address TEXT,
    identifier TEXT NOT NULL,
    role TEXT NOT NULL,
    key_prefix TEXT,
    key_hash TEXT,
    added_by TEXT NOT NULL,
    notes TEXT NOT NULL,
    added_at_ms BIGINT NOT NULL,
    added_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', added_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    revoked_at_ms BIGINT,
    revoked_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', revoked_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    PRIMARY KEY (id),
    CONSTRAINT admin_wallets_role CHECK (role IN ('readonly', 'operator', 'admin')),
    UNIQUE (wallet_address),
    UNIQUE (key_hash)
);

CREATE TABLE config_audit (
    seq INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    old_value TEXT NOT NULL,
    new_value TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    change_reason TEXT NOT NULL,
    changed_at_ms BIGINT NOT NULL,
    changed_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', changed_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    PRIMARY KEY (seq)
);

CREATE TABLE dead_letter_queue (
    seq INTEGER NOT NULL,
    trade_uuid TEXT,
    payload TEXT NOT NULL,
    reason TEXT NOT NULL,
    error_details TEXT NOT NULL,
    source_ip TEXT NOT NULL,
    retry_count INTEGER NOT NULL,
    can_retry BOOLEAN NOT NULL,
    received_at_ms BIGINT NOT NULL,
    received_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', received_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    processed_at_ms BIGINT,
    processed_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', processed_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    PRIMARY KEY (seq)
);

CREATE TABLE decisions (
    seq INTEGER NOT NULL,
    at_ms BIGINT NOT NULL,
    fact TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    trade_uuid TEXT,
    signal_id TEXT,
    intent_id TEXT,
    leg_id TEXT,
    signature TEXT,
    outcome TEXT NOT NULL,
    reason TEXT,
    limit_text TEXT NOT NULL,
    observed_text TEXT NOT NULL,
    token_symbol TEXT NOT NULL,
    token_address TEXT NOT NULL,
    wallet_address TEXT NOT NULL,
    strategy TEXT NOT NULL,
    side TEXT NOT NULL,
    text TEXT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (seq)
);

CREATE INDEX ix_decisions_fact_seq ON decisions (fact, seq);

CREATE INDEX ix_decisions_intent_id ON decisions (intent_id);

CREATE INDEX ix_decisions_kind_seq ON decisions (kind, seq);

CREATE INDEX ix_decisions_leg_id ON decisions (leg_id);

CREATE INDEX ix_decisions_signal_id ON decisions (signal_id);

CREATE INDEX ix_decisions_signature ON decisions (signature);

CREATE INDEX ix_decisions_token_address ON decisions (token_address);

CREATE INDEX ix_decisions_trade_uuid ON decisions (trade_uuid);

CREATE TABLE fold_state (
    id INTEGER NOT NULL,
    last_seq BIGINT NOT NULL,
    last_at_ms BIGINT NOT NULL,
    last_run_id TEXT NOT NULL,
    last_hash TEXT NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT fold_state_is_one_row CHECK (id = 1)
);

CREATE TABLE reconciliation_log (
    seq INTEGER NOT NULL,
    part INTEGER NOT NULL,
    trade_uuid TEXT,
    mint TEXT NOT NULL,
    expected_state TEXT NOT NULL,
    actual_on_chain TEXT NOT NULL,
    discrepancy TEXT NOT NULL,
    on_chain_tx_signature TEXT,
    on_chain_amount TEXT NOT NULL,
    expected_amount TEXT NOT NULL,
    on_chain_amount_sol FLOAT GENERATED ALWAYS AS (CASE mint WHEN '' THEN on_chain_amount / 1e9 END) VIRTUAL,
    expected_amount_sol FLOAT GENERATED ALWAYS AS (CASE mint WHEN '' THEN expected_amount / 1e9 END) VIRTUAL,
    resolved_at_ms BIGINT,
    resolved_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', resolved_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    resolved_by TEXT,
    notes TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    created_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', created_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    PRIMARY KEY (seq, part)
);

CREATE TABLE trades (
    id INTEGER NOT NULL,
    trade_uuid TEXT NOT NULL,
    signal_id TEXT,
    wallet_address TEXT,
    token_address TEXT NOT NULL,
    token_symbol TEXT NOT NULL,
    strategy TEXT NOT NULL,
    side TEXT NOT NULL,
    amount_lamports BIGINT NOT NULL,
    amount_sol FLOAT GENERATED ALWAYS AS (amount_lamports / 1e9) VIRTUAL,
    price_at_signal FLOAT,
    tx_signature TEXT,
    exit_signature TEXT,
    status TEXT NOT NULL,
    retry_count INTEGER NOT NULL,
    error_message TEXT,
    exit_reason TEXT,
    spent_lamports BIGINT NOT NULL,
    spent_sol FLOAT GENERATED ALWAYS AS (spent_lamports / 1e9) VIRTUAL,
    received_lamports BIGINT NOT NULL,
    received_sol FLOAT GENERATED ALWAYS AS (received_lamports / 1e9) VIRTUAL,
    pnl_lamports BIGINT,
    pnl_sol FLOAT GENERATED ALWAYS AS (pnl_lamports / 1e9) VIRTUAL,
    pnl_usd FLOAT,
    jito_tip_lamports BIGINT NOT NULL,
    jito_tip_sol FLOAT GENERATED ALWAYS AS (jito_tip_lamports / 1e9) VIRTUAL,
    dex_fee_lamports BIGINT,
    dex_fee_sol FLOAT GENERATED ALWAYS AS (dex_fee_lamports / 1e9) VIRTUAL,
    slippage_cost_lamports BIGINT,
    slippage_cost_sol FLOAT GENERATED ALWAYS AS (slippage_cost_lamports / 1e9) VIRTUAL,
    total_cost_lamports BIGINT NOT NULL,
    total_cost_sol FLOAT GENERATED ALWAYS AS (total_cost_lamports / 1e9) VIRTUAL,
    network_fee_lamports BIGINT NOT NULL,
    network_fee_sol FLOAT GENERATED ALWAYS AS (network_fee_lamports / 1e9) VIRTUAL,
    rent_lamports BIGINT NOT NULL,
    rent_sol FLOAT GENERATED ALWAYS AS (rent_lamports / 1e9) VIRTUAL,
    net_pnl_lamports BIGINT,
    net_pnl_sol FLOAT GENERATED ALWAYS AS (net_pnl_lamports / 1e9) VIRTUAL,
    created_at_ms BIGINT NOT NULL,
    created_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', created_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    updated_at_ms BIGINT NOT NULL,
    updated_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', updated_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    PRIMARY KEY (id),
    UNIQUE (trade_uuid)
);

CREATE INDEX ix_trades_created_at ON trades (created_at_ms);

CREATE INDEX ix_trades_status ON trades (status);

CREATE INDEX ix_trades_token_address ON trades (token_address);

CREATE INDEX ix_trades_wallet_address ON trades (wallet_address);

CREATE TABLE wallets (
    address TEXT NOT NULL,
    status TEXT NOT NULL,
    strategy TEXT NOT NULL,
    wqs_score INTEGER,
    wqs_confidence FLOAT,
    roi_7d FLOAT,
    roi_30d FLOAT,
    trade_count_30d INTEGER,
    win_rate FLOAT,
    max_drawdown_30d FLOAT,
    avg_trade_size_sol FLOAT,
    avg_win_sol FLOAT,
    avg_loss_sol FLOAT,
    profit_factor FLOAT,
    realized_pnl_30d_sol FLOAT,
    last_trade_at_ms BIGINT,
    last_trade_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', last_trade_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    promoted_at_ms BIGINT,
    promoted_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', promoted_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    ttl_expires_at_ms BIGINT,
    ttl_expires_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', ttl_expires_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    notes TEXT NOT NULL,
    archetype TEXT,
    avg_entry_delay_seconds FLOAT,
    created_at_ms BIGINT NOT NULL,
    created_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', created_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    updated_at_ms BIGINT NOT NULL,
    updated_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', updated_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    PRIMARY KEY (address),
    CONSTRAINT wallets_status CHECK (status IN ('ACTIVE', 'CANDIDATE', 'REJECTED'))
);

CREATE INDEX ix_wallets_status ON wallets (status);

CREATE TABLE fills (
    leg_id TEXT NOT NULL,
    trade_uuid TEXT NOT NULL,
    side TEXT NOT NULL,
    signature TEXT NOT NULL,
    slot BIGINT NOT NULL,
    input_mint TEXT NOT NULL,
    output_mint TEXT NOT NULL,
    amount_in TEXT NOT NULL,
    amount_out TEXT NOT NULL,
    fee_lamports BIGINT NOT NULL,
    tip_lamports BIGINT NOT NULL,
    rent_lamports BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (leg_id),
    FOREIGN KEY(trade_uuid) REFERENCES trades (trade_uuid),
    UNIQUE (signature)
);

CREATE INDEX ix_fills_trade_uuid ON fills (trade_uuid);

CREATE TABLE positions (
    id INTEGER NOT NULL,
    trade_uuid TEXT NOT NULL,
    wallet_address TEXT,
    token_address TEXT NOT NULL,
    token_symbol TEXT NOT NULL,
    strategy TEXT NOT NULL,
    entry_amount_lamports BIGINT NOT NULL,
    entry_amount_sol FLOAT GENERATED ALWAYS AS (entry_amount_lamports / 1e9) VIRTUAL,
    entry_price FLOAT,
    entry_tx_signature TEXT NOT NULL,
    current_price FLOAT,
    unrealized_pnl_sol FLOAT,
    unrealized_pnl_percent FLOAT,
    state TEXT NOT NULL,
    exit_price FLOAT,
    exit_tx_signature TEXT,
    exit_reason TEXT,
    received_lamports BIGINT NOT NULL,
    received_sol FLOAT GENERATED ALWAYS AS (received_lamports / 1e9) VIRTUAL,
    realized_pnl_lamports BIGINT NOT NULL,
    realized_pnl_sol FLOAT GENERATED ALWAYS AS (realized_pnl_lamports / 1e9) VIRTUAL,
    realized_pnl_usd FLOAT,
    realized_net_pnl_lamports BIGINT NOT NULL,
    realized_net_pnl_sol FLOAT GENERATED ALWAYS AS (realized_net_pnl_lamports / 1e9) VIRTUAL,
    entry_sol_price_usd FLOAT,
    token_amount TEXT NOT NULL,
    tokens_bought TEXT NOT NULL,
    opened_at_ms BIGINT NOT NULL,
    opened_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', opened_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    last_updated_ms BIGINT NOT NULL,
    last_updated TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', last_updated_ms / 1000.0, 'unixepoch')) VIRTUAL,
    closed_at_ms BIGINT,
    closed_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', closed_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    PRIMARY KEY (id),
    UNIQUE (trade_uuid),
    FOREIGN KEY(trade_uuid) REFERENCES trades (trade_uuid)
);

CREATE INDEX ix_positions_state ON positions (state);

CREATE INDEX ix_positions_token_address ON positions (token_address);

CREATE TABLE realised (
    seq INTEGER NOT NULL,
    trade_uuid TEXT NOT NULL,
    lamports BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (seq),
    FOREIGN KEY(trade_uuid) REFERENCES trades (trade_uuid)
);

CREATE INDEX ix_realised_at_ms ON realised (at_ms);

CREATE INDEX ix_realised_trade_uuid ON realised (trade_uuid);

CREATE TRIGGER config_audit_no_update BEFORE UPDATE ON config_audit BEGIN SELECT RAISE(ABORT, 'config_audit is immutable'); END;

CREATE TRIGGER config_audit_no_delete BEFORE DELETE ON config_audit BEGIN SELECT RAISE(ABORT, 'config_audit is immutable'); END;

