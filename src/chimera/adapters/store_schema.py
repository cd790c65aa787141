"""The tables, as SQLAlchemy sees them. Their names and columns are known to users: SPEC 8.2, TB-01 to TB-07.

Lamports are INTEGER: all SOL there is (6e17 lamports) fits into 63 bits, so SQL can add them up exactly.
Token amounts are u64 and are TEXT. Columns ending `_sol` and times as text are computed from them by the
database, for people and their queries; the house reads integers only.
`migrations` builds the same tables; a test holds one against the other.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()

SEQ = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER is the row's own key in SQLite


def lamports(name: str, *, nullable: bool = False) -> tuple[Column[int], Column[float]]:
    """An exact column of lamports and the same in SOL, for people."""
    return (
        Column(f"{name}_lamports", BigInteger, nullable=nullable),
        Column(f"{name}_sol", Float, Computed(f"{name}_lamports / 1e9", persisted=False)),
    )


def moment(name: str, *, nullable: bool = False) -> tuple[Column[int], Column[str]]:
    """Unix milliseconds, and the same as UTC text."""
    text = f"strftime('%Y-%m-%d %H:%M:%f', {name}_ms / 1000.0, 'unixepoch')"
    return (
        Column(f"{name}_ms", BigInteger, nullable=nullable),
        Column(name, Text, Computed(text, persisted=False)),
    )


trades = Table(
    "trades",
    metadata,
    Column("id", SEQ, primary_key=True, autoincrement=False),  # seq of its first entry
    Column("trade_uuid", Text, nullable=False, unique=True),
    Column("signal_id", Text),
    Column("wallet_address", Text),
    Column("token_address", Text, nullable=False),
    Column("token_symbol", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("side", Text, nullable=False),
    *lamports("amount"),
    Column("price_at_signal", Float),
    Column("tx_signature", Text),
    Column("exit_signature", Text),
    Column("status", Text, nullable=False),
    Column("retry_count", Integer, nullable=False),
    Column("error_message", Text),
    Column("exit_reason", Text),
    *lamports("spent"),
    *lamports("received"),
    *lamports("pnl", nullable=True),  # before costs, once closed
    Column("pnl_usd", Float),
    *lamports("jito_tip"),
    *lamports("dex_fee", nullable=True),
    *lamports("slippage_cost", nullable=True),
    *lamports("total_cost"),
    *lamports("network_fee"),
    *lamports("rent"),
    *lamports("net_pnl", nullable=True),
    *moment("created_at"),
    *moment("updated_at"),
)
# a page is read in its own order: newest first, within a status or a strategy
Index("ix_trades_status", trades.c.status, trades.c.created_at_ms, trades.c.id)
Index("ix_trades_strategy", trades.c.strategy, trades.c.created_at_ms, trades.c.id)
# with all that is added up for each copied wallet, so that its rows need not be read
Index(
    "ix_trades_wallet_address",
    trades.c.wallet_address,
    trades.c.tx_signature,
    trades.c.net_pnl_lamports,
    trades.c.updated_at_ms,
)
Index("ix_trades_token_address", trades.c.token_address)
Index("ix_trades_created_at", trades.c.created_at_ms, trades.c.id)

positions = Table(
    "positions",
    metadata,
    Column("id", SEQ, primary_key=True, autoincrement=False),
    Column("trade_uuid", Text, ForeignKey("trades.trade_uuid"), nullable=False, unique=True),
    Column("wallet_address", Text),
    Column("token_address", Text, nullable=False),
    Column("token_symbol", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    *lamports("entry_amount"),
    Column("entry_price", Float),  # SOL a base unit, costs apart
    Column("entry_tx_signature", Text, nullable=False),
    Column("current_price", Float),  # live values are never journalled: these three stay empty here
    Column("unrealized_pnl_sol", Float),
    Column("unrealized_pnl_percent", Float),
    Column("state", Text, nullable=False),
    Column("exit_price", Float),
    Column("exit_tx_signature", Text),
    Column("exit_reason", Text),
    *lamports("received"),
    *lamports("realized_pnl"),
    Column("realized_pnl_usd", Float),
    *lamports("realized_net_pnl"),
    Column("entry_sol_price_usd", Float),
    Column("token_amount", Text, nullable=False),
    Column("tokens_bought", Text, nullable=False),
    *moment("opened_at"),
    *moment("last_updated"),
    *moment("closed_at", nullable=True),
)
Index("ix_positions_state", positions.c.state, positions.c.opened_at_ms, positions.c.id)
Index("ix_positions_opened_at", positions.c.opened_at_ms, positions.c.id)
Index("ix_positions_token_address", positions.c.token_address)

fills = Table(
    "fills",
    metadata,
    Column("leg_id", Text, primary_key=True),
    Column("trade_uuid", Text, ForeignKey("trades.trade_uuid"), nullable=False),
    Column("side", Text, nullable=False),
    Column("signature", Text, nullable=False, unique=True),
    Column("slot", BigInteger, nullable=False),
    Column("input_mint", Text, nullable=False),
    Column("output_mint", Text, nullable=False),
    Column("amount_in", Text, nullable=False),
    Column("amount_out", Text, nullable=False),
    Column("fee_lamports", BigInteger, nullable=False),
    Column("tip_lamports", BigInteger, nullable=False),
    Column("rent_lamports", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)
Index("ix_fills_trade_uuid", fills.c.trade_uuid)

fill_values = Table(
    "fill_values",
    metadata,
    Column("signature", Text, primary_key=True),  # its fill's row comes at the end of the batch
    Column("sol_micro_usd", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
)

realised = Table(
    "realised",
    metadata,
    Column("seq", SEQ, primary_key=True, autoincrement=False),
    Column("trade_uuid", Text, ForeignKey("trades.trade_uuid"), nullable=False),
    Column("lamports", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)
Index("ix_realised_at_ms", realised.c.at_ms)
Index("ix_realised_trade_uuid", realised.c.trade_uuid)

wallets = Table(
    "wallets",
    metadata,
    Column("address", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("wqs_score", Integer),
    Column("wqs_confidence", Float),
    Column("roi_7d", Float),
    Column("roi_30d", Float),
    Column("trade_count_30d", Integer),
    Column("win_rate", Float),
    Column("max_drawdown_30d", Float),
    Column("avg_trade_size_sol", Float),
    Column("avg_win_sol", Float),
    Column("avg_loss_sol", Float),
    Column("profit_factor", Float),
    Column("realized_pnl_30d_sol", Float),
    *moment("last_trade_at", nullable=True),
    *moment("promoted_at", nullable=True),
    *moment("ttl_expires_at", nullable=True),
    Column("notes", Text, nullable=False),
    Column("archetype", Text),
    Column("avg_entry_delay_seconds", Float),
    *moment("created_at"),
    *moment("updated_at"),
    CheckConstraint("status IN ('ACTIVE', 'CANDIDATE', 'REJECTED')", name="wallets_status"),
)
Index("ix_wallets_status", wallets.c.status)

reconciliation_log = Table(
    "reconciliation_log",
    metadata,
    Column("seq", SEQ, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("trade_uuid", Text),
    Column("mint", Text, nullable=False),
    Column("expected_state", Text, nullable=False),
    Column("actual_on_chain", Text, nullable=False),
    Column("discrepancy", Text, nullable=False),
    Column("on_chain_tx_signature", Text),
    Column("on_chain_amount", Text, nullable=False),
    Column("expected_amount", Text, nullable=False),
    Column(
        "on_chain_amount_sol",
        Float,
        Computed("CASE mint WHEN '' THEN on_chain_amount / 1e9 END", persisted=False),
    ),
    Column(
        "expected_amount_sol",
        Float,
        Computed("CASE mint WHEN '' THEN expected_amount / 1e9 END", persisted=False),
    ),
    *moment("resolved_at", nullable=True),
    Column("resolved_by", Text),
    Column("notes", Text, nullable=False),
    *moment("created_at"),
)

config_audit = Table(
    "config_audit",
    metadata,
    Column("seq", SEQ, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False),
    Column("old_value", Text, nullable=False),
    Column("new_value", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("change_reason", Text, nullable=False),
    *moment("changed_at"),
)

dead_letter_queue = Table(
    "dead_letter_queue",
    metadata,
    Column("seq", SEQ, primary_key=True, autoincrement=False),
    Column("trade_uuid", Text),
    Column("payload", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("error_details", Text, nullable=False),
    Column("source_ip", Text, nullable=False),
    Column("retry_count", Integer, nullable=False),
    Column("can_retry", Boolean, nullable=False),
    *moment("received_at"),
    *moment("processed_at", nullable=True),
)

decisions = Table(
    "decisions",
    metadata,
    Column("seq", SEQ, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("fact", Text, nullable=False),  # its type's name
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("trade_uuid", Text),
    Column("signal_id", Text),
    Column("intent_id", Text),
    Column("leg_id", Text),
    Column("signature", Text),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("limit_text", Text, nullable=False),
    Column("observed_text", Text, nullable=False),
    Column("token_symbol", Text, nullable=False),
    Column("token_address", Text, nullable=False),
    Column("wallet_address", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("entry", Text, nullable=False),  # the journal's JSON, without the bytes of transactions
)
for _name in ("trade_uuid", "signal_id", "intent_id", "leg_id", "signature", "token_address"):
    Index(f"ix_decisions_{_name}", decisions.c[_name])
Index("ix_decisions_at_ms", decisions.c.at_ms)
Index("ix_decisions_kind_seq", decisions.c.kind, decisions.c.seq)
Index("ix_decisions_fact_seq", decisions.c.fact, decisions.c.seq)

archived_facts = Table(
    "archived_facts",
    metadata,
    Column("fact", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
"""How many decisions of each fact left this database for the archive."""

portfolios = Table(
    "portfolios",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("portfolio", Text, nullable=False),  # as the journal has it
    Column("closed", Boolean, nullable=False),
    *moment("created_at"),
    *moment("updated_at"),
)
Index("ix_portfolios_owner", portfolios.c.owner)

portfolio_shares = Table(
    "portfolio_shares",
    metadata,
    Column("portfolio_id", Text, ForeignKey("portfolios.id"), primary_key=True),
    Column("trade_uuid", Text, primary_key=True),  # its row comes at the end of the batch
    Column("share_bps", Integer, nullable=False),
)
"""Which round trips a portfolio was given when they were opened."""
Index("ix_portfolio_shares_trade_uuid", portfolio_shares.c.trade_uuid)

fold_state = Table(
    "fold_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("last_at_ms", BigInteger, nullable=False),
    Column("last_run_id", Text, nullable=False),
    Column("last_hash", Text, nullable=False),  # of the journal's line, where the folder was told it
    CheckConstraint("id = 1", name="fold_state_is_one_row"),
)

admin_wallets = Table(
    "admin_wallets",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("wallet_address", Text, unique=True),
    Column("identifier", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("key_prefix", Text),
    Column("key_hash", Text, unique=True),
    Column("added_by", Text, nullable=False),
    Column("notes", Text, nullable=False),
    *moment("added_at"),
    *moment("revoked_at", nullable=True),
    CheckConstraint("role IN ('readonly', 'operator', 'admin')", name="admin_wallets_role"),
)
"""People and their API keys: not from the journal, so a rebuild leaves it alone."""

login_tokens = Table(
    "login_tokens",
    metadata,
    Column("jti", Text, primary_key=True),
    Column("family", Text, nullable=False),  # all that came of one login
    Column("admin_id", Integer, ForeignKey("admin_wallets.id"), nullable=False),
    Column("refresh_hash", Text, nullable=False, unique=True),
    Column("issued_at_ms", BigInteger, nullable=False),
    Column("refreshable_until_ms", BigInteger, nullable=False),
    Column("refreshed_at_ms", BigInteger),
    Column("revoked_at_ms", BigInteger),
)
Index("ix_login_tokens_family", login_tokens.c.family)

second_factors = Table(
    "second_factors",
    metadata,
    Column("identifier", Text, primary_key=True),
    Column("sealed_secret", Text, nullable=False),  # AES-256-GCM under the house's own key
    Column("last_step", BigInteger, nullable=False),  # of the last code taken: none is taken twice
    Column("enrolled_at_ms", BigInteger, nullable=False),
    Column("confirmed_at_ms", BigInteger),
)

FOLDED = (
    archived_facts,
    fill_values,
    portfolio_shares,
    portfolios,
    realised,
    fills,
    positions,
    trades,
    wallets,
    reconciliation_log,
    config_audit,
    dead_letter_queue,
    decisions,
)
"""Everything that a rebuild empties, in an order that foreign keys allow."""

IMMUTABLE = tuple(
    f"CREATE TRIGGER config_audit_no_{what.lower()} BEFORE {what} ON config_audit "
    "BEGIN SELECT RAISE(ABORT, 'config_audit is immutable'); END"
    for what in ("UPDATE", "DELETE")
)
MUTABLE = tuple(f"DROP TRIGGER config_audit_no_{what}" for what in ("update", "delete"))
