"""What somebody wants: a signal from outside, an intent from a strategy. Neither can sign or send."""

from enum import StrEnum

import msgspec

from chimera.domain.ids import USDC, Address, IntentId, SignalId, Signature, Slot, TradeId


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"
    CYCLE = "CYCLE"
    """SOL through several pools and back to SOL in one transaction: nothing is held afterwards."""
    SWAP = "SWAP"
    """A token that is held, and is of no round trip, into another token, in one transaction."""

    @property
    def at_once(self) -> bool:
        """Whether its round trip opens and closes in one transaction."""
        return self in (Side.CYCLE, Side.SWAP)


def judged_as(side: Side, mint: Address) -> Side:
    """As which side halts and breakers look at it: a swap into dollars only leaves a risk, as a sale does."""
    return Side.SELL if side is Side.SWAP and mint == USDC else side


class Style(StrEnum):
    """How a copied trade is treated; also the classes of the queue, in the order EXIT, SHIELD, SPEAR."""

    EXIT = "EXIT"
    SHIELD = "SHIELD"
    SPEAR = "SPEAR"

    @property
    def rank(self) -> int:
        """0 first."""
        return RANKS[self]


RANKS = {Style.EXIT: 0, Style.SHIELD: 1, Style.SPEAR: 2}


class Source(StrEnum):
    WEBHOOK = "webhook"
    WATCHER = "watcher"
    """An ACTIVE wallet's swap, seen on the stream."""
    OPERATOR = "operator"


class Signal(msgspec.Struct, frozen=True, tag=True):
    """Somebody worth copying traded, or an operator asked."""

    id: SignalId
    source: Source
    strategy: Style
    side: Side
    mint: Address
    symbol: str
    amount_lamports: int
    """SOL value of the copied buy; 0 on a sell means all of it."""
    wallet: Address
    at_ms: int
    slot: Slot | None = None
    fraction_bps: int = 10_000
    """On a sell: how much of his holding the wallet sold."""
    note: str = ""
    trade_id: TradeId | None = None
    """On an exit: exactly this round trip; None means the one that copies `wallet` in `mint`."""


class Origin(StrEnum):
    STRATEGY_A = "StrategyA"
    EXECUTION_MEV_B = "ExecutionMevB"


class TradeIntent(msgspec.Struct, frozen=True, tag=True):
    """The only thing that leaves a strategy: what to swap, within which bounds, and why."""

    id: IntentId
    trade_id: TradeId
    """The round trip that this opens (buy) or reduces (sell)."""
    signal_id: SignalId | None
    source: str
    """The strategy's name."""
    origin: Origin
    style: Style
    side: Side
    mint: Address
    symbol: str
    amount: int
    """Lamports to spend, all costs of the swap apart (buy, cycle); tokens to sell (sell) or to pay with (swap)."""
    slippage_bps_max: int
    created_at_ms: int
    ttl_ms: int
    reason: str
    """A sentence for people: which rule asked for it."""
    wallet: Address | None = None
    """Whom it copies."""
    expected_edge_bps: int = 0
    """What its strategy expects to gain after all costs; 0: it makes no claim."""
    urgency: int = 0
    """0, 1 or 2."""
    tier: int = 1
    """0 goes before 1 within a class."""
    pools: tuple[Address, ...] = ()
    """Of a cycle: the pools in order."""
    profit_lamports_min: int = 0
    """Of a cycle: what it must earn after all its costs, or not happen."""
    expected_profit_lamports: int = 0
    """What its strategy expects after all costs; with `expected_edge_bps` its EV and its return."""
    parent: Signature | None = None
    """Of a reaction (origin ExecutionMevB): the transaction that it reacts to."""
    token_program: Address | None = None
    """Of the mint, where its strategy knows it; believed before anything else."""
    pay_mint: Address | None = None
    """Of a swap: what it pays with."""
    correlations: tuple[tuple[Address, int], ...] = ()
    """(held mint, bps): how far the mint moves together with what is held, where that is known and limited."""

    def expired(self, now_ms: int) -> bool:
        return now_ms >= self.created_at_ms + self.ttl_ms

    @property
    def leaves(self) -> bool:
        """Whether it only leaves a risk: a sale, or a swap into dollars."""
        return judged_as(self.side, self.mint) is Side.SELL
