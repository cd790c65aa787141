"""Swaps of two tokens as sales and purchases: what the sold one had cost, what it was worth, what the bought one costs.

In SOL, though none changes hands: the worth is that of the payment by quotes when the swap was planned, as its leg has
it on record. Oldest first. Tokens that came from outside have an unknown cost, and what is sold of them an unknown
gain, never 0. Only what is final counts, so that no fork takes a lot back. Round trips' own tokens are not in here.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from chimera.domain.ids import WSOL, Address, Signature, TradeId
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.messages import (
    CapitalMoved,
    Entry,
    IntentEmitted,
    LegFinalized,
    LegLanded,
    LegPlanned,
    LegRebooked,
    LegUndone,
    UpkeepLanded,
)
from chimera.domain.trade import Fill, LegRef
from chimera.domain.units import mul_div_ceil, mul_div_floor

INTENTS_MAX = 1_000  # some are under way at a time, and finality takes seconds


class SwapLot(msgspec.Struct, frozen=True, kw_only=True):
    """A part of one swap's payment that came from one purchase, or from outside."""

    trade_uuid: TradeId
    token_address: Address
    """What was paid with."""
    into_address: Address
    tokens: int
    acquired_at_ms: int
    disposed_at_ms: int
    cost_lamports: int | None
    """What they had cost, fees of that swap included, rounded up; None: they came from outside."""
    proceeds_lamports: int | None
    """Their share of what the payment was worth, rounded down; None: nobody knew."""
    disposed_signature: Signature

    @property
    def gain_lamports(self) -> int | None:
        cost, proceeds = self.cost_lamports, self.proceeds_lamports
        return None if cost is None or proceeds is None else proceeds - cost


@dataclass
class _Held:
    tokens: int
    cost: int | None
    at_ms: int


class Basis:
    """What the tokens that are no round trip's have cost; folded from the journal, oldest first."""

    def __init__(self) -> None:
        self._held: dict[Address, deque[_Held]] = {}
        self._intents: OrderedDict[str, TradeIntent] = OrderedDict()
        """Of swaps that may still become final; those that failed go with the oldest."""
        self._worths: OrderedDict[str, int] = OrderedDict()
        self._landed: dict[str, tuple[LegRef, Fill]] = {}
        """Until they are final."""

    def cost_of(self, mint: Address) -> tuple[int, int | None]:
        """(tokens held, what they have cost in lamports; None where that is not known of all of them)."""
        held = self._held.get(mint, ())
        costs = [one.cost for one in held]
        known = None if None in costs else sum(cost or 0 for cost in costs)
        return sum(one.tokens for one in held), known

    def apply(self, entry: Entry) -> tuple[SwapLot, ...]:
        """The lots of a swap that this entry makes final."""
        match entry.fact:
            case CapitalMoved(tokens=tokens) | UpkeepLanded(tokens=tokens):
                for mint, change in tokens:
                    self._move(mint, change, entry.at_ms)
            case IntentEmitted(intent) if intent.side is Side.SWAP:
                self._intents[intent.id] = intent
                if len(self._intents) > INTENTS_MAX:
                    self._intents.popitem(last=False)
            case LegPlanned(leg) as planned if leg.intent_id in self._intents:
                self._worths[leg.leg_id] = planned.worth_lamports
                if len(self._worths) > INTENTS_MAX:
                    self._worths.popitem(last=False)
            case LegLanded(leg, fill) if fill.side is Side.SWAP or fill.other_tokens:
                self._landed[leg.leg_id] = leg, fill
            case LegRebooked(leg, fill) if leg.leg_id in self._landed:
                self._landed[leg.leg_id] = leg, fill
            case LegUndone(leg):
                self._landed.pop(leg.leg_id, None)
            case LegFinalized(leg) if leg.leg_id in self._landed:
                return tuple(self._final(*self._landed.pop(leg.leg_id)))
            case _:
                pass
        return ()

    def _final(self, leg: LegRef, fill: Fill) -> Iterator[SwapLot]:
        intent = self._intents.pop(leg.intent_id, None)
        paid = intent.pay_mint if intent is not None else None
        for mint, change in fill.other_tokens:
            if mint != paid:
                # what a route left over: whoever traded has borne its cost
                self._move(mint, change, fill.at_ms, cost=0)
        if intent is None or paid is None:
            return
        worth = self._worths.pop(leg.leg_id, 0) or None
        amount = -dict(fill.other_tokens).get(paid, 0)
        left = amount
        for part in self._taken(paid, amount):
            yield SwapLot(
                trade_uuid=leg.trade_id,
                token_address=paid,
                into_address=fill.mint,
                tokens=part.tokens,
                acquired_at_ms=part.at_ms,
                disposed_at_ms=fill.at_ms,
                cost_lamports=part.cost,
                proceeds_lamports=None if worth is None else _share(worth, part.tokens, left, amount),
                disposed_signature=fill.signature,
            )
            left -= part.tokens
        costs = fill.fee_lamports + fill.tip_lamports + max(fill.rent_lamports, 0)
        # what came back as SOL on the way is a part of the worth that did not become tokens
        cost = None if worth is None else max(worth - max(fill.swap_lamports, 0), 0) + costs
        self._add(fill.mint, fill.token_delta, cost, fill.at_ms)

    def _move(self, mint: Address, change: int, at_ms: int, *, cost: int | None = None) -> None:
        if mint == WSOL or not change:
            return
        if change > 0:
            self._add(mint, change, cost, at_ms)
        else:
            for _ in self._taken(mint, -change):
                pass

    def _add(self, mint: Address, tokens: int, cost: int | None, at_ms: int) -> None:
        if tokens > 0:
            self._held.setdefault(mint, deque()).append(_Held(tokens, cost, at_ms))

    def _taken(self, mint: Address, tokens: int) -> Iterator[_Held]:
        """The oldest, cut where a purchase ends; what was never seen to come has an unknown cost."""
        held = self._held.get(mint, deque())
        while tokens > 0 and held:
            first = held[0]
            taken = min(tokens, first.tokens)
            cost = None if first.cost is None else mul_div_ceil(first.cost, taken, first.tokens)
            yield _Held(taken, cost, first.at_ms)
            tokens -= taken
            first.tokens -= taken
            first.cost = None if first.cost is None or cost is None else first.cost - cost
            if not first.tokens:
                held.popleft()
        if tokens > 0:
            yield _Held(tokens, None, 0)


def swap_lots(entries: Iterable[Entry]) -> Iterator[SwapLot]:
    """The lots of every final swap, in order."""
    basis = Basis()
    for entry in entries:
        yield from basis.apply(entry)


def _share(worth: int, tokens: int, left: int, amount: int) -> int:
    """Of `worth` for `tokens` of `amount`: running shares rounded down, so that all of them together are all of it."""
    done = mul_div_floor(worth, amount - left, amount)
    return mul_div_floor(worth, amount - left + tokens, amount) - done
