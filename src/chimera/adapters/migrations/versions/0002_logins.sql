CREATE TABLE login_tokens (
    jti TEXT NOT NULL,
    family TEXT NOT NULL,
    admin_id INTEGER NOT NULL,
    refresh_hash TEXT NOT NULL,
    issued_at_ms BIGINT NOT NULL,
    refreshable_until_ms BIGINT NOT NULL,
    refreshed_at_ms BIGINT,
    revoked_at_ms BIGINT,
    PRIMARY KEY (jti),
    FOREIGN KEY(admin_id) REFERENCES admin_wallets (id),
    UNIQUE (refresh_hash)
);

CREATE TABLE second_factors (
    identifier TEXT NOT NULL,
    sealed_secret TEXT NOT NULL,
    last_step BIGINT NOT NULL,
    enrolled_at_ms BIGINT NOT NULL,
    confirmed_at_ms BIGINT,
    PRIMARY KEY (identifier)
);

CREATE INDEX ix_login_tokens_family ON login_tokens (family);
