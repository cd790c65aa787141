"""Copies what proven wallets do: Shield with strict stops, Spear with room to run.

A buy follows a signal; a sell follows the copied wallet, an operator, or a rule of our own:
stop-loss, first target, trailing stop, time. Exits are measured against the price paid, fees and rent apart.
It never signs, sends or asks: it sees signals, prices and the books.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from chimera.domain.ids import Address, IntentId, SignalId, TradeId, derived_id
from chimera.domain.intent import Origin, Side, Signal, Source, Style, TradeIntent
from chimera.domain.market import PoolUpdated, SlotAdvanced
from chimera.domain.messages import (
    Entry,
    IntentEmitted,
    SignalAccepted,
    SignalDropped,
    StrategyDecided,
    TradeMoved,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Position, TradeState
from chimera.domain.units import BPS, change_bps, mul_div_ceil, mul_div_floor, sol_text
from chimera.parameters.copy_trade import CopyTradeParams as Params
from chimera.parameters.copy_trade import StyleRules
from chimera.ports.strategy import Context, StrategyEvent, StrategyOutput
from chimera.strategies.copy_trade.choice import Asked, choose
from chimera.strategies.copy_trade.memory import Memory

NAME = "copy_trade"
OURS = frozenset({NAME, ""})  # of positions: journals of before did not name the strategy
RETRY_AFTER_MS = 2_000  # an exit that was refused or lost is asked for again, but not in every slot
GONE = frozenset({TradeState.DEAD_LETTER, TradeState.CLOSED})
LOST_MAX = 200  # entries that failed and were never tried again are forgotten at last
BEST = "best_value"
TELL_EVERY_MS = 30_000  # the engine leaves out what comes sooner
TELL_FROM_BPS = 25


class Watch(msgspec.Struct):
    """What is remembered of an open position beside the books."""

    best_value: int
    """The highest value seen of what is held now, lamports."""
    target_taken: bool = False
    not_before_ms: int = 0
    told_value: int = 0
    """The best value that was last left in the journal."""
    tell_at_ms: int = 0


class Best(msgspec.Struct, frozen=True):
    """How well a position has done, as it is left in the journal: amounts as text, since they may be large."""

    trade_id: TradeId
    lamports: str
    tokens: str
    target_taken: bool


class CopyTrade:
    name = NAME
    minds_levels = True
    """It sells by levels set by hand itself."""
    params_type = Params
    """What `copy_trade` in the settings is read as."""

    def __init__(self, params: Params) -> None:
        self.params = params
        self._memory = Memory()
        self._rebuilt = False
        self._amounts: dict[TradeId, int] = {}
        """Lamports of the buys in `_entering`."""
        self._watches: dict[TradeId, Watch] = {}
        self._entering: dict[TradeId, tuple[Address, Address | None]] = {}
        """Buys asked for and not yet open: mint and copied wallet."""
        self._sell_when_open: dict[TradeId, Signal] = {}
        """Sales asked for while a leg of theirs was under way; done once it is over."""
        self._lost: dict[TradeId, tuple[Address, Address | None]] = {}
        """Entries that failed and may be tried again, oldest first."""
        self._recalled: dict[TradeId, tuple[int, int, bool]] = {}
        """Best value, tokens it was of and whether the target was taken, as a former run left word of them."""

    def recall(self, past: Iterable[Entry]) -> None:
        """Takes up what a former run knew beside the books, from its own facts: entries under way, sales that
        waited for them, and the best values of positions.
        """
        sales: dict[SignalId, Signal] = {}
        opened: dict[TradeId, tuple[Address, Address | None]] = {}
        for entry in past:
            match entry.fact:
                case SignalAccepted(Signal(side=Side.SELL) as signal):
                    sales[signal.id] = signal
                case SignalAccepted(signal):
                    self._memory.heard(signal, entry.at_ms)
                case SignalDropped(signal_id, refusal):
                    asked = sales.pop(signal_id, None)
                    trade = _asked_of(asked, opened) if asked is not None else None
                    if asked is not None and trade is not None and refusal.reason is Reason.DEFERRED:
                        self._sell_when_open[trade] = asked
                case IntentEmitted(TradeIntent(source=name, side=Side.BUY) as intent) if name == NAME:
                    opened[intent.trade_id] = self._entering[intent.trade_id] = (intent.mint, intent.wallet)
                    if intent.wallet is not None:
                        self._memory.copied(intent.wallet, intent.mint, intent.created_at_ms)
                case IntentEmitted(TradeIntent(signal_id=str() as signal_id) as intent):
                    sales.pop(signal_id, None)
                    waiting = self._sell_when_open.get(intent.trade_id)
                    if waiting is not None and waiting.id == signal_id:
                        del self._sell_when_open[intent.trade_id]
                case TradeMoved() as moved:
                    self._follow(moved)
                    if moved.after in GONE:
                        opened.pop(moved.trade_id, None)
                        self._recalled.pop(moved.trade_id, None)
                case StrategyDecided(strategy=name, code=code, data=data) if (name, code) == (NAME, BEST):
                    known = msgspec.convert(data, Best)
                    best = (int(known.lamports), int(known.tokens), known.target_taken)
                    self._recalled[known.trade_id] = best
                case _:
                    pass

    def on_event(self, event: StrategyEvent, context: Context) -> Sequence[StrategyOutput]:
        if not self._rebuilt:
            self._rebuild(event, context)
        match event:
            case Signal(side=Side.BUY):
                return [self._enter(event, context)]
            case Signal():
                left = self._leave(event, context)
                return [left] if left is not None else []
            case TradeMoved():
                return list(self._moved(event, context))
            case PoolUpdated():
                mints = (event.pool.mint_a, event.pool.mint_b)
                held = [position for position in context.books.open_positions if position.mint in mints]
                return list(self._guard(held, context))
            case SlotAdvanced():
                return list(self._guard(context.books.open_positions, context))
            case _:
                return []

    def _rules(self, style: Style) -> StyleRules:
        return self.params.spear if style is Style.SPEAR else self.params.shield

    def _rebuild(self, event: StrategyEvent, context: Context) -> None:
        """What came of former copies, from the books: they are folded before the first event."""
        self._rebuilt = True
        now = event.trade_id if isinstance(event, TradeMoved) else None
        closed = (
            one
            for one in context.books.positions.values()
            if one.strategy in OURS and not one.open and one.trade_id != now
        )
        self._memory.rebuild(closed, self.params.choice.wallet_losses_max)

    # signals

    def _enter(self, signal: Signal, context: Context) -> StrategyOutput:
        rules = self._rules(signal.strategy)
        first = self._memory.heard(signal, context.now_ms)
        ours = [position for position in context.books.open_positions if position.strategy in OURS]
        taken = sum(position.mint == signal.mint for position in ours)
        taken += sum(mint == signal.mint for mint, _ in self._entering.values())
        if taken >= self.params.positions_per_token_max:
            limit = f"{self.params.positions_per_token_max} a token"
            return SignalDropped(signal.id, Refusal(Reason.POSITION_OPEN, limit=limit, observed=str(taken)))
        wanted = choose(
            Asked(
                signal=signal,
                first=first,
                held=tuple(position for position in ours if position.wallet == signal.wallet),
                on_their_way=sum(
                    self._amounts.get(one, 0)
                    for one, (_, wallet) in self._entering.items()
                    if wallet == signal.wallet
                ),
                copy_bps=rules.copy_bps,
            ),
            self.params,
            self._memory,
            context,
        )
        if isinstance(wanted, Refusal):
            return SignalDropped(signal.id, wanted)
        if wanted < rules.size_lamports_min:
            return SignalDropped(
                signal.id,
                Refusal(
                    Reason.POSITION_SIZE_ZERO,
                    limit=f"{sol_text(rules.size_lamports_min)} SOL",
                    observed=f"{sol_text(wanted)} SOL",
                ),
            )
        trade_id = TradeId(signal.id)
        self._entering[trade_id] = (signal.mint, signal.wallet)
        self._amounts = {one: amount for one, amount in self._amounts.items() if one in self._entering}
        self._amounts[trade_id] = min(wanted, rules.size_lamports_max)
        self._memory.copied(signal.wallet, signal.mint, context.now_ms)
        return TradeIntent(
            id=IntentId(derived_id(NAME, "entry", signal.id)),
            trade_id=trade_id,
            signal_id=signal.id,
            source=NAME,
            origin=Origin.STRATEGY_A,
            style=signal.strategy,
            side=Side.BUY,
            mint=signal.mint,
            symbol=signal.symbol,
            amount=min(wanted, rules.size_lamports_max),
            slippage_bps_max=rules.slippage_bps_max,
            created_at_ms=context.now_ms,
            ttl_ms=self.params.intent_ttl_ms,
            reason=f"{signal.wallet} bought {signal.symbol or signal.mint} ({signal.source})",
            wallet=signal.wallet,
        )

    def _leave(self, signal: Signal, context: Context) -> StrategyOutput | None:
        if signal.trade_id is not None:
            position = context.books.positions.get(signal.trade_id)
        else:
            position = context.books.position_of(signal.wallet, signal.mint)
        if position is not None and position.strategy not in OURS:
            return None
        if position is None or not position.open:
            entering = self._entering_of(signal)
            if entering is None:
                return SignalDropped(signal.id, Refusal(Reason.NO_ACTIVE_POSITION))
            self._sell_when_open[entering] = signal
            return SignalDropped(signal.id, Refusal(Reason.DEFERRED, observed="its buy is still under way"))
        if signal.source == "watcher" and not self.params.copy_sells:
            return SignalDropped(signal.id, Refusal(Reason.STRATEGY_DISABLED, observed="copy_sells is off"))
        if context.books.busy(position.trade_id):
            self._sell_when_open[position.trade_id] = signal
            return SignalDropped(signal.id, Refusal(Reason.DEFERRED, observed="a leg of it is under way"))
        tokens = mul_div_ceil(position.tokens, self._share_bps(signal), BPS)
        cause = "an operator asked" if signal.source == "operator" else f"{signal.wallet} sold"
        return self._sell(position, tokens, cause, context, signal=signal)

    def _share_bps(self, signal: Signal) -> int:
        """How much of ours a sale sells; what an operator asks for is sold exactly."""
        whole = self.params.sell_whole and signal.source is not Source.OPERATOR
        return BPS if whole else min(signal.fraction_bps, BPS)

    def _entering_of(self, signal: Signal) -> TradeId | None:
        return _asked_of(signal, self._entering) or _asked_of(signal, self._lost)

    def _moved(self, moved: TradeMoved, context: Context) -> Iterator[StrategyOutput]:
        self._follow(moved)
        position = context.books.positions.get(moved.trade_id)
        if moved.after is TradeState.CLOSED and position is not None and position.strategy in OURS:
            self._memory.closed(position, context.now_ms, self.params.choice.wallet_losses_max)
        if moved.after is TradeState.ACTIVE and position is not None and position.open:
            yield from self._deferred(position, context)

    def _follow(self, moved: TradeMoved) -> None:
        """What is remembered of a round trip, moved along with it."""
        trade_id = moved.trade_id
        match moved.after:
            case TradeState.FAILED if trade_id in self._entering:
                # a sale that waits for it goes on waiting: the entry may be tried again
                self._lost[trade_id] = self._entering.pop(trade_id)
                if len(self._lost) > LOST_MAX:
                    oldest = next(iter(self._lost))
                    del self._lost[oldest]
                    self._sell_when_open.pop(oldest, None)
            case TradeState.RETRY | TradeState.EXECUTING if trade_id in self._lost:
                self._entering[trade_id] = self._lost.pop(trade_id)
            case TradeState.ACTIVE:
                self._entering.pop(trade_id, None)
                self._lost.pop(trade_id, None)
            case after if after in GONE:
                for memory in (self._entering, self._lost, self._watches, self._sell_when_open):
                    memory.pop(trade_id, None)
            case _:
                pass

    def _deferred(self, position: Position, context: Context) -> Iterator[TradeIntent]:
        """The sale that waited for a leg of this position."""
        signal = self._sell_when_open.pop(position.trade_id, None)
        if signal is not None:
            tokens = mul_div_ceil(position.tokens, self._share_bps(signal), BPS)
            who = "an operator asked" if signal.source == "operator" else f"{signal.wallet} sold"
            yield self._sell(position, tokens, f"{who} while a leg was under way", context, signal=signal)

    # rules of our own

    def _guard(self, positions: Sequence[Position], context: Context) -> Iterator[StrategyOutput]:
        for position in positions:
            if position.strategy not in OURS:
                continue
            if context.books.states.get(position.trade_id) is not TradeState.ACTIVE:
                continue
            if context.books.busy(position.trade_id):
                continue
            waited = list(self._deferred(position, context))  # its leg was over before a restart
            intent = None if waited else self._rule(position, context)
            yield from waited
            if intent is not None:
                yield intent
            elif (best := self._best_told(position, context)) is not None:
                yield best

    def _rule(self, position: Position, context: Context) -> TradeIntent | None:
        """The first rule that asks to sell. Time exits even where the price is unknown."""
        rules = self._rules(position.style)
        value = context.prices.value_lamports(position.mint, position.tokens)
        watch = self._watch(position, value or 0)
        if context.now_ms < watch.not_before_ms:
            return None
        held_ms = context.now_ms - position.opened_at_ms
        if rules.time_exit_s and held_ms >= rules.time_exit_s * 1_000:
            return self._sell(position, position.tokens, f"held for {held_ms // 1000} s", context)
        if value is None:
            return None
        paid = position.paid_lamports
        gain = change_bps(value, paid) if paid else 0
        watch.best_value = max(watch.best_value, value)
        if position.levels is not None:
            by_hand = position.levels.reached(gain) if paid else None
            return None if by_hand is None else self._sell(position, position.tokens, by_hand, context)
        if rules.stop_loss_bps and gain <= -rules.stop_loss_bps:
            return self._sell(
                position, position.tokens, f"stop-loss: {gain} bps, limit -{rules.stop_loss_bps}", context
            )
        best_gain = change_bps(watch.best_value, paid) if paid else 0
        fallen = -change_bps(value, watch.best_value) if watch.best_value else 0
        if rules.trailing_from_bps and best_gain >= rules.trailing_from_bps:
            if fallen >= rules.trailing_distance_bps:
                cause = f"trailing stop: {fallen} bps below its best, which was +{best_gain} bps"
                return self._sell(position, position.tokens, cause, context)
        if rules.first_target_bps and not watch.target_taken and gain >= rules.first_target_bps:
            watch.target_taken = True
            tokens = mul_div_ceil(position.tokens, rules.first_target_sell_bps, BPS)
            return self._sell(position, tokens, f"first target: +{gain} bps", context)
        return None

    def _watch(self, position: Position, value: int) -> Watch:
        watch = self._watches.get(position.trade_id)
        if watch is None:
            # after a restart the best value is what the last run left word of; where it left none it starts anew,
            # and a part that is gone means that the target was taken
            taken = position.tokens < position.tokens_bought
            best, tokens, told_taken = self._recalled.pop(position.trade_id, (0, 1, False))
            best = mul_div_floor(best, position.tokens, tokens)
            watch = Watch(best_value=max(value, best), target_taken=taken or told_taken, told_value=best)
            self._watches[position.trade_id] = watch
        return watch

    def _best_told(self, position: Position, context: Context) -> StrategyDecided | None:
        """Word of a new best value once a trailing stop hangs on it: what a restart goes on from."""
        rules, watch = self._rules(position.style), self._watches.get(position.trade_id)
        paid = position.paid_lamports
        trails = rules.trailing_from_bps and paid and position.levels is None
        if watch is None or not trails or context.now_ms < watch.tell_at_ms:
            return None
        if change_bps(watch.best_value, paid) < rules.trailing_from_bps:
            return None
        if watch.told_value and change_bps(watch.best_value, watch.told_value) < TELL_FROM_BPS:
            return None
        watch.told_value, watch.tell_at_ms = watch.best_value, context.now_ms + TELL_EVERY_MS
        stop = mul_div_floor(watch.best_value, BPS - rules.trailing_distance_bps, BPS)
        best = Best(position.trade_id, str(watch.best_value), str(position.tokens), watch.target_taken)
        detail = f"worth {sol_text(watch.best_value)} SOL at its best; it is sold at {sol_text(stop)} SOL"
        return StrategyDecided(NAME, position.mint, "WAIT", BEST, detail, data=msgspec.to_builtins(best))

    def _sell(
        self,
        position: Position,
        tokens: int,
        cause: str,
        context: Context,
        *,
        signal: Signal | None = None,
    ) -> TradeIntent:
        rules = self._rules(position.style)
        watch = self._watch(position, 0)
        watch.not_before_ms = context.now_ms + RETRY_AFTER_MS
        if tokens < position.tokens:
            # what is left is measured anew against its own best
            watch.best_value = mul_div_floor(watch.best_value, position.tokens - tokens, position.tokens)
        return TradeIntent(
            id=IntentId(derived_id(NAME, "exit", position.trade_id, cause, str(context.now_ms))),
            trade_id=position.trade_id,
            signal_id=signal.id if signal is not None else None,
            source=NAME,
            origin=Origin.STRATEGY_A,
            style=Style.EXIT,
            side=Side.SELL,
            mint=position.mint,
            symbol=position.symbol,
            amount=tokens,
            slippage_bps_max=rules.exit_slippage_bps_max,
            created_at_ms=context.now_ms,
            ttl_ms=self.params.intent_ttl_ms,
            reason=cause,
            wallet=position.wallet,
        )

    def levels(self, position: Position) -> tuple[int | None, int | None]:
        """(value at which a stop sells, value of the first target), lamports; None where there is no such rule."""
        rules = self._rules(position.style)
        paid = position.paid_lamports
        if position.levels is not None:
            return position.levels.values(paid)
        watch = self._watches.get(position.trade_id)
        stop = mul_div_floor(paid, BPS - rules.stop_loss_bps, BPS) if rules.stop_loss_bps else None
        if watch is not None and rules.trailing_from_bps and paid:
            if change_bps(watch.best_value, paid) >= rules.trailing_from_bps:
                trailing = mul_div_floor(watch.best_value, BPS - rules.trailing_distance_bps, BPS)
                stop = max(stop or 0, trailing)
        target = None
        if rules.first_target_bps and not (watch is not None and watch.target_taken):
            target = mul_div_ceil(paid, BPS + rules.first_target_bps, BPS)
        return stop, target


def _asked_of(signal: Signal, trades: Mapping[TradeId, tuple[Address, Address | None]]) -> TradeId | None:
    """The round trip that a sale is about: the one it names, or the one that copies its wallet."""
    for trade_id, (mint, wallet) in trades.items():
        if trade_id == signal.trade_id or (mint == signal.mint and wallet == signal.wallet):
            return trade_id
    return None


STRATEGY = CopyTrade
