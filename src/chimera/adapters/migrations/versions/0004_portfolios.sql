CREATE TABLE portfolios (
    id TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    portfolio TEXT NOT NULL,
    closed BOOLEAN NOT NULL,
    created_at_ms BIGINT NOT NULL,
    created_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', created_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    updated_at_ms BIGINT NOT NULL,
    updated_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d %H:%M:%f', updated_at_ms / 1000.0, 'unixepoch')) VIRTUAL,
    PRIMARY KEY (id)
);

CREATE INDEX ix_portfolios_owner ON portfolios (owner);

CREATE TABLE portfolio_shares (
    portfolio_id TEXT NOT NULL,
    trade_uuid TEXT NOT NULL,
    share_bps INTEGER NOT NULL,
    PRIMARY KEY (portfolio_id, trade_uuid),
    FOREIGN KEY(portfolio_id) REFERENCES portfolios (id)
);

CREATE INDEX ix_portfolio_shares_trade_uuid ON portfolio_shares (trade_uuid);
