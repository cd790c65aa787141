"""What copy trading remembers of wallets: what they bought, what was copied, and what came of the copies.

All of it is found again at a start: who bought what in the facts of former runs, what came of it in the books. Must
not know rules.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from chimera.domain.ids import Address, SignalId
from chimera.domain.intent import Signal
from chimera.domain.trade import Position
from chimera.domain.units import BPS

PAIRS_MAX = 20_000  # (wallet, token) whose buys are remembered; the longest unseen go
MINTS_MAX = 20_000
WALLETS_MAX = 5_000
BUYERS_MAX = 200  # of one token; the longest unseen go

K = TypeVar("K")
V = TypeVar("V")
Pair = tuple[Address, Address]
"""(wallet, mint)"""


class Record(msgspec.Struct):
    """What came of the copies of one wallet. Returns are bps of what each copy cost, all costs in, rounded down."""

    trades: int = 0
    wins: int = 0
    won_bps: int = 0
    lost_bps: int = 0
    """Of those that did not win, as a positive number."""
    squares: int = 0
    """Of returns."""
    losses_in_row: int = 0
    """Since the last gain or pause."""
    paused_ms: int | None = None
    """When its last pause began."""

    @property
    def sum_bps(self) -> int:
        return self.won_bps - self.lost_bps

    def add(self, position: Position, at_ms: int, losses_max: int) -> None:
        """`losses_max`: so many losses in a row begin a pause; 0: none does."""
        gain = position.realised_lamports
        bps = gain * BPS // position.cost_lamports if position.cost_lamports else 0
        self.trades += 1
        self.squares += bps * bps
        if gain > 0:
            self.wins, self.won_bps = self.wins + 1, self.won_bps + bps
        else:
            self.lost_bps -= bps
        self.losses_in_row = self.losses_in_row + 1 if gain < 0 else 0
        if losses_max and self.losses_in_row >= losses_max:
            self.losses_in_row, self.paused_ms = 0, at_ms


class Memory:
    def __init__(self) -> None:
        self._heard: OrderedDict[Pair, SignalId] = OrderedDict()
        """A wallet's first buy of a token."""
        self._buyers: OrderedDict[Address, OrderedDict[Address, int]] = OrderedDict()
        """Who bought a token, and when last."""
        self._copied: OrderedDict[Pair, deque[int]] = OrderedDict()
        """When they were copied."""
        self._records: OrderedDict[Address, Record] = OrderedDict()

    def heard(self, signal: Signal, at_ms: int) -> bool:
        """Whether it is the first buy of this token by this wallet that is known; it is remembered either way."""
        wallet, mint = signal.wallet, signal.mint
        first = self._heard.get((wallet, mint), signal.id)
        _latest(self._heard, (wallet, mint), first, PAIRS_MAX)
        buyers = self._buyers.get(mint)
        if buyers is None:
            buyers = OrderedDict()
        _latest(self._buyers, mint, buyers, MINTS_MAX)
        _latest(buyers, wallet, max(at_ms, buyers.get(wallet, 0)), BUYERS_MAX)
        return first == signal.id  # the same one is heard again after a restart

    def buyers(self, mint: Address, since_ms: int) -> list[Address]:
        """Who bought it from then on."""
        return [wallet for wallet, at_ms in self._buyers.get(mint, {}).items() if at_ms >= since_ms]

    def copied(self, wallet: Address, mint: Address, at_ms: int) -> None:
        pair = (wallet, mint)
        times = self._copied.get(pair)
        if times is None:
            times = deque(maxlen=1_000)
        times.append(at_ms)
        _latest(self._copied, pair, times, PAIRS_MAX)

    def copies(self, wallet: Address, mint: Address, since_ms: int) -> int:
        return sum(at_ms > since_ms for at_ms in self._copied.get((wallet, mint), ()))

    def record(self, wallet: Address) -> Record:
        return self._records.get(wallet) or Record()

    def closed(self, position: Position, now_ms: int, losses_max: int) -> None:
        """A copy came to its end."""
        if position.wallet is None:
            return
        record = self._records.get(position.wallet) or Record()
        record.add(position, position.closed_at_ms or now_ms, losses_max)
        _latest(self._records, position.wallet, record, WALLETS_MAX)

    def rebuild(self, closed: Iterable[Position], losses_max: int) -> None:
        """What came of copies, from the books."""
        self._records.clear()
        for position in sorted(closed, key=lambda one: (one.closed_at_ms or 0, one.opened_at_ms)):
            self.closed(position, 0, losses_max)


def _latest(known: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > most:
        known.popitem(last=False)
