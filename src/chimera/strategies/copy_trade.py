"""Copies what proven wallets do: Shield with strict stops, Spear with room to run.

A buy follows a signal; a sell follows the copied wallet, an operator, or a rule of our own:
stop-loss, first target, trailing stop, time. Exits are measured against the price paid, fees and rent apart.
It never signs, sends or asks: it sees signals, prices and the books.
"""

from collections.abc import Iterator, Sequence

import msgspec

from chimera.domain.ids import Address, IntentId, TradeId, derived_id
from chimera.domain.intent import Origin, Side, Signal, Style, TradeIntent
from chimera.domain.market import PoolUpdated, SlotAdvanced
from chimera.domain.messages import SignalDropped, TradeMoved
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Position, TradeState
from chimera.domain.units import BPS, change_bps, mul_div_ceil, mul_div_floor, sol_text
from chimera.ports.strategy import Context, StrategyEvent, StrategyOutput

NAME = "copy_trade"
OURS = frozenset({NAME, ""})  # of positions: journals of before did not name the strategy
RETRY_AFTER_MS = 2_000  # an exit that was refused or lost is asked for again, but not in every slot
GONE = frozenset({TradeState.FAILED, TradeState.DEAD_LETTER, TradeState.CLOSED})


class StyleParams(msgspec.Struct, frozen=True):
    """Rules of one style. Profits and losses in bps of the price paid; 0 switches a rule off."""

    copy_bps: int = 10_000
    """Share of the signal's amount that is bought."""
    size_lamports_min: int = 10_000_000
    """Smaller copies are not worth their fees and are declined."""
    size_lamports_max: int = 2_000_000_000
    stop_loss_bps: int = 800
    first_target_bps: int = 500
    first_target_sell_bps: int = 3_300
    """Share of the holding that the first target sells."""
    trailing_from_bps: int = 250
    """Gain at which the trailing stop begins."""
    trailing_distance_bps: int = 200
    """Fall from the best value that sells."""
    time_exit_s: int = 86_400
    slippage_bps_max: int = 300
    exit_slippage_bps_max: int = 1_000


class Params(msgspec.Struct, frozen=True):
    shield: StyleParams = StyleParams()
    spear: StyleParams = StyleParams(
        stop_loss_bps=1_500,
        first_target_bps=10_000,
        trailing_from_bps=2_000,
        trailing_distance_bps=2_000,
        slippage_bps_max=500,
        exit_slippage_bps_max=1_500,
    )
    copy_sells: bool = True
    """Sell when the copied wallet sells, in his proportion."""
    positions_per_token_max: int = 1
    intent_ttl_ms: int = 5_000

    def of(self, style: Style) -> StyleParams:
        return self.spear if style is Style.SPEAR else self.shield


class Watch(msgspec.Struct):
    """What is remembered of an open position beside the books."""

    best_value: int
    """The highest value seen of what is held now, lamports."""
    target_taken: bool = False
    not_before_ms: int = 0


class CopyTrade:
    name = NAME
    minds_levels = True
    """It sells by levels set by hand itself."""
    params_type = Params
    """What `copy_trade` in the settings is read as."""

    def __init__(self, params: Params) -> None:
        self.params = params
        self._watches: dict[TradeId, Watch] = {}
        self._entering: dict[TradeId, tuple[Address, Address | None]] = {}
        """Buys asked for and not yet open: mint and copied wallet."""
        self._sell_when_open: dict[TradeId, Signal] = {}

    def on_event(self, event: StrategyEvent, context: Context) -> Sequence[StrategyOutput]:
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

    # signals

    def _enter(self, signal: Signal, context: Context) -> StrategyOutput:
        rules = self.params.of(signal.strategy)
        taken = sum(position.mint == signal.mint for position in context.books.open_positions)
        taken += sum(mint == signal.mint for mint, _ in self._entering.values())
        if taken >= self.params.positions_per_token_max:
            limit = f"{self.params.positions_per_token_max} a token"
            return SignalDropped(signal.id, Refusal(Reason.POSITION_OPEN, limit=limit, observed=str(taken)))
        wanted = mul_div_floor(signal.amount_lamports, rules.copy_bps, BPS)
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
            return SignalDropped(
                signal.id, Refusal(Reason.DUPLICATE_INTENT, observed="a leg of it is under way")
            )
        tokens = mul_div_ceil(position.tokens, min(signal.fraction_bps, BPS), BPS)
        cause = "an operator asked" if signal.source == "operator" else f"{signal.wallet} sold"
        return self._sell(position, tokens, cause, context, signal=signal)

    def _entering_of(self, signal: Signal) -> TradeId | None:
        for trade_id, (mint, wallet) in self._entering.items():
            if trade_id == signal.trade_id or (mint == signal.mint and wallet == signal.wallet):
                return trade_id
        return None

    def _moved(self, moved: TradeMoved, context: Context) -> Iterator[StrategyOutput]:
        if moved.after in GONE:
            self._entering.pop(moved.trade_id, None)
            self._watches.pop(moved.trade_id, None)
            self._sell_when_open.pop(moved.trade_id, None)
        if moved.after is not TradeState.ACTIVE:
            return
        self._entering.pop(moved.trade_id, None)
        signal = self._sell_when_open.pop(moved.trade_id, None)
        position = context.books.positions.get(moved.trade_id)
        if signal is not None and position is not None and position.open:
            tokens = mul_div_ceil(position.tokens, min(signal.fraction_bps, BPS), BPS)
            yield self._sell(
                position, tokens, f"{signal.wallet} sold while we bought", context, signal=signal
            )

    # rules of our own

    def _guard(self, positions: Sequence[Position], context: Context) -> Iterator[StrategyOutput]:
        for position in positions:
            if position.strategy not in OURS:
                continue
            if context.books.states.get(position.trade_id) is not TradeState.ACTIVE:
                continue
            if context.books.busy(position.trade_id):
                continue
            intent = self._rule(position, context)
            if intent is not None:
                yield intent

    def _rule(self, position: Position, context: Context) -> TradeIntent | None:
        """The first rule that asks to sell. Time exits even where the price is unknown."""
        rules = self.params.of(position.style)
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
            # after a restart the best value starts anew, and a part that is gone means that the target was taken
            taken = position.tokens < position.tokens_bought
            watch = self._watches[position.trade_id] = Watch(best_value=value, target_taken=taken)
        return watch

    def _sell(
        self,
        position: Position,
        tokens: int,
        cause: str,
        context: Context,
        *,
        signal: Signal | None = None,
    ) -> TradeIntent:
        rules = self.params.of(position.style)
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
        rules = self.params.of(position.style)
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


STRATEGY = CopyTrade
