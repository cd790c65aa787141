"""What we own and what it cost: folded from facts, and from nothing else.

The same fold serves the gate, the strategies, the tables and the reconciliation, so they cannot disagree.
It knows no prices: what a position is worth is the market view's business.
"""

from collections.abc import Iterable

import msgspec

from chimera.domain.ids import WSOL, Address, IntentId, SignalId, Signature, TradeId
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.domain.messages import (
    CapitalMoved,
    Entry,
    IntentEmitted,
    IntentRefused,
    LegDropped,
    LegExpired,
    LegFinalized,
    LegLanded,
    LegPlanned,
    LegRebooked,
    LegReverted,
    LegSent,
    LegSigned,
    LegSimulated,
    LegStuck,
    LegUndone,
    LevelsSet,
    PositionsReconciled,
    SignalAccepted,
    SignalDropped,
    TradeMoved,
    UpkeepDropped,
    UpkeepExpired,
    UpkeepLanded,
    UpkeepPlanned,
    UpkeepSigned,
)
from chimera.domain.trade import Fill, Hop, LegRef, LegState, Position, TradeState

FINAL_TRADE_STATES = frozenset({TradeState.CLOSED, TradeState.DEAD_LETTER})


class Leg(msgspec.Struct):
    """One attempt to land one transaction; as far as the journal knows it."""

    ref: LegRef
    side: Side
    mint: Address
    amount: int
    """Lamports for a buy, tokens for a sell or a swap."""
    state: LegState
    pay_mint: Address | None = None
    """Of a swap: what it pays with."""
    worth_lamports: int = 0
    """Of a swap: what that would have fetched when it was planned."""
    hops: tuple[Hop, ...] = ()
    """The pools it goes through."""
    signature: Signature | None = None
    transaction: bytes | None = None
    last_valid_block_height: int = 0
    signed_seq: int = 0
    """Up to where the journal must be durable before the bytes may go out."""
    sends: int = 0
    signed_at_ms: int = 0
    stuck: bool = False
    """Whether a person has been told that nobody knows what became of it."""

    @property
    def final(self) -> bool:
        return self.state in {LegState.LANDED, LegState.REVERTED, LegState.EXPIRED, LegState.DROPPED}


class Booked(msgspec.Struct):
    """A leg whose outcome is in the books, in a slot that a fork could still undo."""

    leg: Leg
    signature: Signature
    slot: int
    at_ms: int
    fill: Fill | None = None
    lost: int = 0
    """What it cost where it reverted."""
    before: Position | None = None
    """Its round trip's position before the fill; None where the fill opened it."""


class Ledger:
    """The books. `apply` is the only way in."""

    def __init__(self) -> None:
        self.lamports = 0
        """What our wallet must hold natively if chain and books agree."""
        self.opened = False
        """Whether the opening balance is known."""
        self.tokens: dict[Address, int] = {}
        """What our token accounts must hold, by mint."""
        self.positions: dict[TradeId, Position] = {}
        self.states: dict[TradeId, TradeState] = {}
        self.retries: dict[TradeId, int] = {}
        self.intents: dict[IntentId, TradeIntent] = {}
        """Every intent ever emitted: an id never works twice."""
        self.outcome_of: dict[IntentId, str] = {}
        """Intents that ended, and how."""
        self.legs: dict[str, Leg] = {}
        """Legs that are not final yet."""
        self.settling: dict[str, Booked] = {}
        """Legs with an outcome that is not finalized yet, in the order of booking."""
        self.attempts: dict[IntentId, int] = {}
        """How many legs each intent has had."""
        self.signals: dict[SignalId, SignalAccepted] = {}
        """Accepted signals that nobody has answered yet."""
        self.fees_lamports = 0
        self.tips_lamports = 0
        self.rent_lamports = 0
        """Net of what came back."""
        self.upkeep: dict[str, Leg] = {}
        """Chores of the wallet that are not final yet; kept as legs, though of no round trip."""
        self.upkeep_fees_lamports = 0
        """Of the wallet's own chores, which belong to no round trip and are not among the fees above."""
        self.upkeep_rent_lamports = 0
        """The same for rent: negative, since chores bring back what trades had locked up."""
        self.upkeep_swapped_lamports = 0
        """What chores got for dust that routes had left behind; trades bore its cost."""
        self._open: dict[TradeId, Position] = {}
        """Those of `positions` that hold something: asked for with every price, while the closed ones only grow."""
        self._sunk: dict[TradeId, int] = {}
        self._entries: dict[TradeId, TradeIntent] = {}

    # reading

    @property
    def open_positions(self) -> list[Position]:
        return list(self._open.values())

    @property
    def realised_lamports(self) -> int:
        """Profit and loss that is final, costs of failed attempts included."""
        unopened = sum(lost for trade, lost in self._sunk.items() if trade not in self.positions)
        return sum(position.realised_lamports for position in self.positions.values()) - unopened

    def position_of(self, wallet: Address | None, mint: Address) -> Position | None:
        """The open position that copies `wallet` (any, where None) in `mint`."""
        for position in self._open.values():
            if position.mint == mint and wallet in (None, position.wallet):
                return position
        return None

    def engaged_lamports(
        self, style: Style | None = None, *, strategy: str | None = None, mint: Address | None = None
    ) -> int:
        """Capital in positions (remaining cost, rounded up) and in legs under way: of a style, strategy, token."""
        held = sum(
            -(-position.cost_lamports * position.tokens // position.tokens_bought)
            for position in self._open.values()
            if style in {None, position.style}
            and strategy in {None, position.strategy}
            and mint in {None, position.mint}
        )
        pending = sum(
            leg.amount
            for leg in self.legs.values()
            if leg.side is Side.BUY
            and style in {None, self._entries[leg.ref.trade_id].style}
            and strategy in {None, self._entries[leg.ref.trade_id].source}
            and mint in {None, leg.mint}
        )
        return held + pending

    @property
    def reserved_lamports(self) -> int:
        """Promised to buys and cycles that have not landed yet."""
        return sum(leg.amount for leg in self.legs.values() if leg.side in (Side.BUY, Side.CYCLE))

    @property
    def liquid_lamports(self) -> int:
        """Native and wrapped: a leg wraps and unwraps as it needs."""
        return self.lamports + self.tokens.get(WSOL, 0)

    @property
    def equity_at_cost_lamports(self) -> int:
        """Liquid lamports and the remaining cost of what is held."""
        return self.liquid_lamports + sum(
            position.cost_lamports * position.tokens // position.tokens_bought
            for position in self._open.values()
        )

    def free_tokens(self, mint: Address) -> int:
        """Held, and of no open round trip: what a swap may pay with."""
        spoken_for = sum(position.tokens for position in self._open.values() if position.mint == mint)
        return self.tokens.get(mint, 0) - spoken_for

    def swapped(self, trade_id: TradeId) -> bool:
        """Whether it is no round trip but one swap between two tokens."""
        entry = self._entries.get(trade_id)
        return entry is not None and entry.side is Side.SWAP

    def busy(self, trade_id: TradeId) -> bool:
        """Whether a leg of this round trip is under way."""
        return any(leg.ref.trade_id == trade_id for leg in self.legs.values())

    # folding

    def apply(self, entry: Entry) -> None:
        """Folds one fact; those that move neither money nor a state change nothing."""
        fact = entry.fact
        match fact:
            case CapitalMoved():
                self.lamports += fact.lamports
                self._count_tokens(fact.tokens)
                self.opened = True
            case UpkeepPlanned(upkeep):
                ref = LegRef(leg_id=upkeep.id, intent_id=IntentId(""), trade_id=TradeId(""))
                self.upkeep[upkeep.id] = Leg(
                    ref=ref, side=Side.SELL, mint=WSOL, amount=upkeep.lamports, state=LegState.PLANNED
                )
            case UpkeepSigned() if fact.upkeep_id in self.upkeep:  # a part of the journal may not tell of it
                chore = self.upkeep[fact.upkeep_id]
                chore.state = LegState.SIGNED
                chore.signature, chore.transaction = fact.signature, fact.transaction
                chore.last_valid_block_height = fact.last_valid_block_height
                chore.signed_seq = entry.seq
            case UpkeepDropped() | UpkeepExpired():
                self.upkeep.pop(fact.upkeep_id, None)
            case UpkeepLanded():
                self.upkeep.pop(fact.upkeep_id, None)
                self.lamports += fact.lamports_delta
                self.upkeep_fees_lamports += fact.fee_lamports
                self.upkeep_rent_lamports += fact.rent_lamports
                # wrapping moves SOL from one pocket into the other; what remains was swapped
                wrapped = sum(change for mint, change in fact.tokens if mint == WSOL)
                self.upkeep_swapped_lamports += (
                    fact.lamports_delta + fact.fee_lamports + fact.rent_lamports + wrapped
                )
                self._count_tokens(fact.tokens)
            case SignalAccepted():
                self.signals[fact.signal.id] = fact
            case SignalDropped():
                self.signals.pop(fact.signal_id, None)
            case IntentEmitted(intent):
                self.intents[intent.id] = intent
                if intent.side is not Side.SELL:
                    self._entries[intent.trade_id] = intent
                    self.states.setdefault(intent.trade_id, TradeState.PENDING)
                if intent.signal_id is not None:
                    self.signals.pop(intent.signal_id, None)
            case IntentRefused():
                self.outcome_of[fact.intent_id] = str(fact.refusal.reason)
            case TradeMoved():
                self.states[fact.trade_id] = fact.after
                self.retries[fact.trade_id] = fact.retry
            case LegPlanned(leg):
                intent = self.intents[leg.intent_id]
                self.attempts[intent.id] = self.attempts.get(intent.id, 0) + 1
                self.legs[leg.leg_id] = Leg(
                    ref=leg,
                    side=intent.side,
                    mint=intent.mint,
                    amount=fact.amount_in,
                    state=LegState.PLANNED,
                    pay_mint=intent.pay_mint,
                    worth_lamports=fact.worth_lamports,
                    hops=fact.hops,
                )
            case LegSimulated(leg):
                self._move(leg, LegState.SIMULATED)
            case LegSigned(leg):
                known = self._move(leg, LegState.SIGNED)
                known.signature, known.transaction = fact.signature, fact.transaction
                known.last_valid_block_height = fact.last_valid_block_height
                known.signed_seq, known.signed_at_ms = entry.seq, entry.at_ms
            case LegStuck(leg) if leg.leg_id in self.legs:
                self.legs[leg.leg_id].stuck = True
            case LegSent(leg):
                if leg.leg_id in self.legs:
                    known = self._move(leg, LegState.SENT)
                    known.sends = fact.attempt
            case LegDropped(leg):
                self._end(leg, str(fact.refusal.reason))
            case LegExpired(leg):
                self._end(leg, "EXPIRED")
            case LegReverted(leg):
                self._settle(leg, fact.signature, entry, slot=fact.slot, lost=-fact.lamports_delta)
                self._end(leg, "REVERTED")
                self._sink(leg.trade_id, -fact.lamports_delta)
            case LegLanded(leg, fill):
                self._settle(leg, fill.signature, entry, slot=fill.slot, fill=fill)
                self._end(leg, "LANDED")
                self._book(leg.trade_id, fill)
            case LegFinalized(leg):
                self.settling.pop(leg.leg_id, None)
            case LegRebooked(leg, fill) if leg.leg_id in self.settling:
                self._rebook(self.settling[leg.leg_id], fill)
            case LegUndone(leg) if leg.leg_id in self.settling:
                self._undo(self.settling.pop(leg.leg_id))
            case PositionsReconciled(found=found) if found and self.settling:
                # a person has been told; nobody asks the chain about it any more
                named = {one.signature for one in found}
                gone = [name for name, one in self.settling.items() if one.signature in named]
                for name in gone:
                    del self.settling[name]
            case LevelsSet(trade_id, levels) if trade_id in self.positions:
                self._keep(msgspec.structs.replace(self.positions[trade_id], levels=levels))
            case _:
                pass

    def _move(self, leg: LegRef, state: LegState) -> Leg:
        known = self.legs[leg.leg_id]
        known.state = state
        return known

    def _end(self, leg: LegRef, outcome: str) -> None:
        self.legs.pop(leg.leg_id, None)
        self.outcome_of[leg.intent_id] = outcome

    def _settle(
        self,
        leg: LegRef,
        signature: Signature,
        entry: Entry,
        *,
        slot: int,
        fill: Fill | None = None,
        lost: int = 0,
    ) -> None:
        known = self.legs.get(leg.leg_id)
        if known is None or known.signature is None:
            return  # a part of the journal may not tell of it
        before = self.positions.get(leg.trade_id)
        self.settling[leg.leg_id] = Booked(known, signature, slot, entry.at_ms, fill, lost, before)

    def _rebook(self, booked: Booked, fill: Fill) -> None:
        """The same transaction with another outcome, whatever came after it."""
        old, trade_id = booked.fill, booked.leg.ref.trade_id
        if old is None:
            return
        booked.fill, booked.slot = fill, fill.slot
        self._change(old, -1)
        position = self.positions[trade_id]
        self.positions[trade_id] = self._unbooked(position, old, position)
        self._book(trade_id, fill)
        if (now := self.positions[trade_id]).open and now.closed_at_ms is not None:
            self._keep(msgspec.structs.replace(now, closed_at_ms=None))

    def _change(self, fill: Fill, sign: int) -> None:
        """The wallet's own sums, with a fill or without it again."""
        self.lamports += sign * fill.lamports_delta
        self.fees_lamports += sign * fill.fee_lamports
        self.tips_lamports += sign * fill.tip_lamports
        self.rent_lamports += sign * fill.rent_lamports
        changes = ((fill.mint, fill.token_delta), *fill.other_tokens)
        self._count_tokens((mint, sign * change) for mint, change in changes)

    def _undo(self, booked: Booked) -> None:
        """Takes an outcome back and follows the leg again. Later ones of the round trip went first."""
        leg, trade_id = booked.leg, booked.leg.ref.trade_id
        leg.state, leg.stuck = LegState.SENT, False
        self.legs[leg.ref.leg_id] = leg
        self.outcome_of.pop(leg.ref.intent_id, None)
        fill = booked.fill
        if fill is None:
            self.lamports += booked.lost
            self.fees_lamports -= booked.lost
            position = self.positions.get(trade_id)
            if booked.before is None or position is None:
                self._sunk[trade_id] = self._sunk.get(trade_id, 0) - booked.lost
            if position is not None:
                self._keep(
                    msgspec.structs.replace(position, cost_lamports=position.cost_lamports - booked.lost)
                )
            return
        self._change(fill, -1)
        if booked.before is None:
            position = self.positions.pop(trade_id)
            self._open.pop(trade_id, None)
            if fill.side is Side.BUY:
                # what reverted exits cost stays spent, without a position to bear it
                paid = fill.swap_lamports + fill.fee_lamports + fill.tip_lamports + fill.rent_lamports
                self._sunk[trade_id] = position.cost_lamports - paid
        else:
            self._keep(self._unbooked(self.positions[trade_id], fill, booked.before))

    def _unbooked(self, position: Position, fill: Fill, before: Position) -> Position:
        """The position without this fill; what else has happened to it meanwhile stays."""
        costs = fill.fee_lamports + fill.tip_lamports
        if fill.side is Side.BUY:
            return msgspec.structs.replace(
                position,
                tokens=position.tokens - fill.token_delta,
                tokens_bought=position.tokens_bought - fill.token_delta,
                cost_lamports=position.cost_lamports - fill.swap_lamports - costs - fill.rent_lamports,
                swapped_lamports=position.swapped_lamports - fill.swap_lamports,
            )
        return msgspec.structs.replace(
            position,
            tokens=position.tokens - fill.token_delta,
            cost_lamports=position.cost_lamports - costs - max(fill.rent_lamports, 0),
            received_lamports=position.received_lamports - fill.swap_lamports - max(-fill.rent_lamports, 0),
            exit_signature=before.exit_signature,
            closed_at_ms=before.closed_at_ms,
        )

    def _sink(self, trade_id: TradeId, lost: int) -> None:
        """A transaction that only cost its fee."""
        self.lamports -= lost
        self.fees_lamports += lost
        position = self.positions.get(trade_id)
        if position is None:
            self._sunk[trade_id] = self._sunk.get(trade_id, 0) + lost
        else:
            self._keep(msgspec.structs.replace(position, cost_lamports=position.cost_lamports + lost))

    def _book(self, trade_id: TradeId, fill: Fill) -> None:
        self._change(fill, 1)
        if fill.side is Side.BUY:
            self._keep(self._bought(trade_id, fill))
        elif fill.side.at_once:
            self._keep(self._at_once(trade_id, fill))
        else:
            self._keep(self._sold(self.positions[trade_id], fill))

    def _keep(self, position: Position) -> None:
        self.positions[position.trade_id] = position
        if position.open:
            self._open[position.trade_id] = position
        else:
            self._open.pop(position.trade_id, None)

    def _count_tokens(self, changes: Iterable[tuple[Address, int]]) -> None:
        for mint, change in changes:
            self.tokens[mint] = self.tokens.get(mint, 0) + change

    def _opened(self, trade_id: TradeId, fill: Fill, *, tokens: int, cost: int, swapped: int) -> Position:
        intent = self._entries[trade_id]
        return Position(
            trade_id=trade_id,
            mint=fill.mint,
            symbol=intent.symbol,
            style=intent.style,
            wallet=intent.wallet,
            tokens=tokens,
            tokens_bought=tokens,
            cost_lamports=cost + self._sunk.get(trade_id, 0),
            received_lamports=0,
            swapped_lamports=swapped,
            opened_at_ms=fill.at_ms,
            opened_slot=fill.slot,
            entry_signature=fill.signature,
            strategy=intent.source,
        )

    def _bought(self, trade_id: TradeId, fill: Fill) -> Position:
        paid = fill.swap_lamports + fill.fee_lamports + fill.tip_lamports + fill.rent_lamports
        known = self.positions.get(trade_id)
        if known is None:
            bought, swapped = fill.token_delta, fill.swap_lamports
            return self._opened(trade_id, fill, tokens=bought, cost=paid, swapped=swapped)
        return msgspec.structs.replace(
            known,
            tokens=known.tokens + fill.token_delta,
            tokens_bought=known.tokens_bought + fill.token_delta,
            cost_lamports=known.cost_lamports + paid,
            swapped_lamports=known.swapped_lamports + fill.swap_lamports,
        )

    def _at_once(self, trade_id: TradeId, fill: Fill) -> Position:
        """Opened and closed by one fill. Of a cycle the difference is the profit.

        A swap's tokens change places in the wallet, and none is a round trip's: here it costs its fees, tip and rent.
        SOL that a pool in between left over is a part of what the tokens fetched and no profit.
        """
        costs = fill.fee_lamports + fill.tip_lamports + fill.rent_lamports
        if fill.side is Side.SWAP:
            spent, received = abs(fill.swap_lamports), max(fill.swap_lamports, 0)
        else:
            spent = self._entries[trade_id].amount
            received = spent + fill.swap_lamports
        return msgspec.structs.replace(
            self._opened(trade_id, fill, tokens=0, cost=spent + costs, swapped=spent),
            received_lamports=received,
            exit_signature=fill.signature,
            closed_at_ms=fill.at_ms,
        )

    def _sold(self, position: Position, fill: Fill) -> Position:
        tokens = position.tokens + fill.token_delta
        returned_rent = max(-fill.rent_lamports, 0)
        return msgspec.structs.replace(
            position,
            tokens=tokens,
            cost_lamports=position.cost_lamports
            + fill.fee_lamports
            + fill.tip_lamports
            + max(fill.rent_lamports, 0),
            received_lamports=position.received_lamports + fill.swap_lamports + returned_rent,
            exit_signature=fill.signature,
            closed_at_ms=fill.at_ms if tokens == 0 else None,
        )
