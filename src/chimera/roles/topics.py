"""Names of the bus topics and how much may wait on each."""

MARKET = "ironcrab.v1.market_events"
WALLET_BALANCES = "ironcrab.v1.wallet_balance_updates"
INTENTS = "ironcrab.v1.trade_intents"
TRADES = "ironcrab.v1.execution_results"
LIVE = "chimera.v1.live"

MARKET_CAPACITY = 20_000  # half a minute of a busy stream; the oldest goes first, and is counted
INTENTS_CAPACITY = 1_000
TRADES_CAPACITY = 10_000
LIVE_CAPACITY = 10_000
