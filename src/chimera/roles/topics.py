"""Names of the bus topics and how much may wait on each."""

MARKET = "ironcrab.v1.market_events"
WALLET_BALANCES = "ironcrab.v1.wallet_balance_updates"
INTENTS = "ironcrab.v1.trade_intents"
EXECUTION_RESULTS = "ironcrab.v1.execution_results"
"""Entries that say what became of a leg or a round trip: for others; the house itself folds all of them."""
DECISION_RECORDS = "ironcrab.v1.decision_records"
"""Entries that say yes or no to something, with what was looked at."""
CONTROL_REQUESTS = "ironcrab.v1.control_requests"
CONTROL_RESPONSES = "ironcrab.v1.control_responses"
LEGACY_COMMANDS = "ironcrab.control.commands"
LEGACY_KILL = "ironcrab.control.kill"
LEGACY_RELOAD = "ironcrab.control.config.reload"

TRADES = "chimera.local.entries"
"""Every journal entry, in order; never leaves the process."""
JOURNAL = "chimera.v1.journal"
"""The same between processes: only what is durable, so that nobody folds what a crash takes back."""
JOURNAL_HEAD = "chimera.v1.journal_head"
"""How far that is, every second: the end of a stream shows no gap."""
SIGNALS = "chimera.v1.signals"
FACTS = "chimera.v1.facts"
WALLET_TOUCHED = "chimera.v1.wallet_touched"
POOL_TRUSTED = "chimera.v1.pool_trusted"
LIVE = "chimera.v1.live"
RAW = "chimera.local.raw"
"""What the market view was folded from, for recordings; never leaves the process."""

INTENTS_STREAM = "TRADE_INTENTS"

MARKET_CAPACITY = 20_000  # half a minute of a busy stream; the oldest goes first, and is counted
INTENTS_CAPACITY = 1_000
TRADES_CAPACITY = 10_000
LIVE_CAPACITY = 10_000
JOURNAL_CAPACITY = 20_000  # whoever falls further behind reads the folder
CONTROL_CAPACITY = 1_000
SIGNALS_CAPACITY = 1_000
FACTS_CAPACITY = 10_000
