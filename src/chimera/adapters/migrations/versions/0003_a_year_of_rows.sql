DROP INDEX ix_trades_status;

DROP INDEX ix_trades_wallet_address;

DROP INDEX ix_trades_created_at;

DROP INDEX ix_positions_state;

CREATE INDEX ix_trades_status ON trades (status, created_at_ms, id);

CREATE INDEX ix_trades_strategy ON trades (strategy, created_at_ms, id);

CREATE INDEX ix_trades_created_at ON trades (created_at_ms, id);

CREATE INDEX ix_trades_wallet_address ON trades (wallet_address, tx_signature, net_pnl_lamports, updated_at_ms);

CREATE INDEX ix_positions_state ON positions (state, opened_at_ms, id);

CREATE INDEX ix_positions_opened_at ON positions (opened_at_ms, id);
