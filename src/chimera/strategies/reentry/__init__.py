"""Enters tokens again that moved before: on a breakout or after a shake-out, with volume; leaves in stages.

What bars mean is `setups`'; this keeps positions. The stop's distance is chosen at the entry and everything after is
measured in it. It never signs, sends or asks.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from chimera.domain.highs import Highs
from chimera.domain.ids import USDC, WSOL, Address, IntentId, TradeId, derived_id
from chimera.domain.intent import Origin, Side, Style, TradeIntent
from chimera.domain.market import PoolUpdated, SlotAdvanced, Trade
from chimera.domain.messages import Entry, IntentEmitted, StrategyDecided, TradeMoved
from chimera.domain.trade import Position, TradeState
from chimera.domain.units import BPS, change_bps, mul_div_ceil, mul_div_floor
from chimera.parameters.reentry import ReentryParams as Params
from chimera.ports.strategy import Context, StrategyEvent, StrategyOutput
from chimera.strategies.reentry.crowd import doubt
from chimera.strategies.reentry.setups import Code, Setup, Word, read

NAME = "reentry"
TOKENS_MAX = 20_000
RETRY_AFTER_MS = 2_000
LOST_AFTER_MS = 60_000  # longer than an intent lives
FAILED_KEPT = 100
BARS_READ = 120  # more than any range and its shake-out take
OVER = frozenset({TradeState.DEAD_LETTER, TradeState.CLOSED})


class Held(msgspec.Struct):
    """What is remembered of one round trip beside the books."""

    mint: Address
    stop_bps: int
    asked_ms: int
    stage: int = 0
    """Parts sold."""
    best_value: int = 0
    best_tokens: int = 0
    not_before_ms: int = 0


class Reentry:
    name = NAME
    params_type = Params

    def __init__(self, params: Params) -> None:
        self.params = params
        self.held: dict[TradeId, Held] = {}
        self._highs = Highs(NAME)
        self._read_ms: OrderedDict[Address, int] = OrderedDict()
        """End of the bar that was read last, by mint."""
        self._free_ms: dict[Address, int] = {}
        """When a token may be entered again."""
        self._sol: OrderedDict[Address, dict[Address, int]] = OrderedDict()
        """SOL in each pool of a mint."""

    def recall(self, past: Iterable[Entry]) -> None:
        """Takes up the stops of former runs (an entry's expected gain is its stop's distance), bests and cooldowns."""
        for entry in past:
            self._highs.recall(entry.fact)
            match entry.fact:
                case IntentEmitted(TradeIntent(source=name, side=Side.BUY) as intent) if name == NAME:
                    stop = min(max(intent.expected_edge_bps, 1), BPS)
                    self.held[intent.trade_id] = Held(intent.mint, stop, intent.created_at_ms)
                case TradeMoved(trade_id, after=after) if after in OVER and trade_id in self.held:
                    mint = self.held.pop(trade_id).mint
                    self._free_ms[mint] = entry.at_ms + self.params.cooldown_s * 1_000
                    self._highs.forget(trade_id)
                case _:
                    pass

    def on_event(self, event: StrategyEvent, context: Context) -> Sequence[StrategyOutput]:
        match event:
            case Trade(swap):
                mint = swap.output_mint if swap.input_mint in {WSOL, USDC} else swap.input_mint
                return list(self._consider(mint, context)) if mint not in {WSOL, USDC} else ()
            case PoolUpdated():
                self._fold(event)
                return ()
            case SlotAdvanced():
                return list(self._guard(context))
            case TradeMoved():
                self._moved(event, context)
                return ()
            case _:
                return ()

    def levels(self, position: Position) -> tuple[int | None, int | None]:
        """The stop, trailing once a part is sold; the next stage."""
        one, paid, rules = self.held.get(position.trade_id), position.paid_lamports, self.params
        if one is None or not paid:
            return None, None
        stop = mul_div_floor(paid, BPS - one.stop_bps, BPS)
        if one.stage:
            distance = mul_div_floor(one.stop_bps, rules.trailing_percent, 100)
            stop = max(stop, mul_div_floor(one.best_value, max(BPS - distance, 0), BPS))
        stages = (rules.first_stage_percent, rules.second_stage_percent)
        if one.stage >= len(stages):
            return stop, None
        return stop, mul_div_ceil(paid, BPS + mul_div_ceil(one.stop_bps, stages[one.stage], 100), BPS)

    # entering

    def _consider(self, mint: Address, context: Context) -> Iterator[StrategyOutput]:
        """Once for every fast bar that closed."""
        rules, now = self.params, context.now_ms
        fast = context.features.bars(mint, rules.fast_s * 1_000, now)
        if not fast or self._read_ms.get(mint) == fast[-1].end_ms:
            return
        self._read_ms[mint] = fast[-1].end_ms
        self._read_ms.move_to_end(mint)
        if len(self._read_ms) > TOKENS_MAX:
            self._read_ms.popitem(last=False)
        if now < self._free_ms.get(mint, 0) or any(one.mint == mint for one in self._engaged(context)):
            return
        found = self._kept_out(mint, context) or read(
            list(fast)[-BARS_READ:], context.features.bars(mint, rules.slow_s * 1_000, now), rules
        )
        if isinstance(found, Setup):
            window = context.features.window(mint, rules.demand_window_s * 1_000, now)
            found = doubt(window, context.features.token(mint), now, rules) or found
        if isinstance(found, Setup) and len(self._engaged(context)) >= rules.positions_max:
            found = Word(Code.WAIT_POSITIONS, f"{rules.positions_max} held or on their way")
        if isinstance(found, Setup):
            yield self._enter(mint, found, context)
        else:
            yield StrategyDecided(
                strategy=NAME,
                mint=mint,
                verdict=found.code.verdict,
                code=found.code,
                detail=found.detail,
                slot=context.market.slot,
            )

    def _kept_out(self, mint: Address, context: Context) -> Word | None:
        doubts = [pool.doubtful for pool in context.market.pools_of(mint)]
        if doubts and None not in doubts:
            return Word(Code.REJECT_POOL_DOUBTFUL, str(doubts[0]))
        deep = max(self._sol.get(mint, {}).values(), default=0)
        if deep < self.params.liquidity_lamports_min:
            return Word(
                Code.WAIT_LIQUIDITY, f"{deep} lamports deep, at least {self.params.liquidity_lamports_min}"
            )
        return None

    def _enter(self, mint: Address, setup: Setup, context: Context) -> TradeIntent:
        trade_id = TradeId(derived_id(NAME, mint, str(context.now_ms)))
        self.held[trade_id] = Held(mint, setup.stop_bps, context.now_ms)
        return TradeIntent(
            id=IntentId(derived_id(NAME, "buy", trade_id)),
            trade_id=trade_id,
            signal_id=None,
            source=NAME,
            origin=Origin.STRATEGY_A,
            style=Style.SPEAR,
            side=Side.BUY,
            mint=mint,
            symbol="",
            amount=setup.size_lamports,
            slippage_bps_max=self.params.slippage_bps_max,
            created_at_ms=context.now_ms,
            ttl_ms=self.params.intent_ttl_ms,
            reason=setup.detail,
            expected_edge_bps=setup.edge_bps,
            urgency=1,
        )

    def _engaged(self, context: Context) -> list[Held]:
        """Round trips that are open or on their way; what nobody took is let go."""
        books, now = context.books, context.now_ms
        lost = [
            trade_id
            for trade_id, one in self.held.items()
            if trade_id not in books.states and now - one.asked_ms > LOST_AFTER_MS
        ]
        for trade_id in lost:
            del self.held[trade_id]
        return [
            one for trade_id, one in self.held.items() if books.states.get(trade_id) is not TradeState.FAILED
        ]

    # leaving

    def _guard(self, context: Context) -> Iterator[StrategyOutput]:
        for position in context.books.open_positions:
            if (
                position.strategy != NAME
                or context.books.states.get(position.trade_id) is not TradeState.ACTIVE
            ):
                continue
            if context.books.busy(position.trade_id):
                continue
            one = self._known(position, context)
            if context.now_ms < one.not_before_ms:
                continue
            left = self._leave(position, one, context)
            if left is not None:
                one.not_before_ms = context.now_ms + RETRY_AFTER_MS
                yield self._sell(position, *left, context)
            elif one.stage and position.levels is None:
                word = self._highs.word(position, one.best_value, context.now_ms)
                if word is not None:
                    yield word

    def _leave(self, position: Position, one: Held, context: Context) -> tuple[int, Word] | None:
        """(tokens to sell, why)."""
        rules, paid = self.params, position.paid_lamports
        held_ms = context.now_ms - position.opened_at_ms
        if held_ms >= rules.hold_s_max * 1_000:
            return position.tokens, Word(Code.EXIT_TIME, f"held for {held_ms // 1_000} s")
        value = context.prices.value_lamports(position.mint, position.tokens)
        if value is None or not paid or position.levels is not None:
            return None  # levels set by hand are the engine's to watch
        if position.tokens != one.best_tokens:
            # after a part is sold the rest is measured from here
            known = 0 if one.best_tokens else self._highs.recalled(position)
            one.best_tokens, one.best_value = position.tokens, max(value, known)
            one.stage = max(one.stage, self._stages_gone(position))
        one.best_value = max(one.best_value, value)
        gain = change_bps(value, paid)
        if gain <= -one.stop_bps:
            return position.tokens, Word(Code.EXIT_STOP, f"{gain} bps, limit -{one.stop_bps}")
        if one.stage:
            distance = mul_div_floor(one.stop_bps, rules.trailing_percent, 100)
            fallen = -change_bps(value, one.best_value) if one.best_value else 0
            if fallen >= distance:
                return position.tokens, Word(
                    Code.EXIT_TRAILING, f"{fallen} bps below its best, limit {distance}"
                )
        return self._stage(position, one, gain)

    def _stage(self, position: Position, one: Held, gain: int) -> tuple[int, Word] | None:
        rules = self.params
        stages = (
            (Code.EXIT_FIRST_STAGE, rules.first_stage_percent, rules.first_stage_sell_bps),
            (Code.EXIT_SECOND_STAGE, rules.second_stage_percent, rules.second_stage_sell_bps),
        )
        if one.stage >= len(stages):
            return None
        code, percent, share = stages[one.stage]
        target = mul_div_ceil(one.stop_bps, percent, 100)
        if gain < target:
            return None
        return mul_div_ceil(position.tokens, share, BPS), Word(code, f"+{gain} bps, from {target}")

    def _stages_gone(self, position: Position) -> int:
        """By what is left of it: the books remember what was sold, over restarts too."""
        left = mul_div_ceil(position.tokens, BPS, position.tokens_bought)
        if left >= BPS:
            return 0
        return 1 if left > mul_div_ceil(BPS - self.params.first_stage_sell_bps, 3, 4) else 2

    def _known(self, position: Position, context: Context) -> Held:
        one = self.held.get(position.trade_id)
        if one is None:
            # nobody remembers its entry: the widest stop that it may have had
            one = Held(position.mint, self.params.stop_bps_max, context.now_ms)
            self.held[position.trade_id] = one
        return one

    def _sell(self, position: Position, tokens: int, word: Word, context: Context) -> TradeIntent:
        return TradeIntent(
            id=IntentId(derived_id(NAME, "exit", position.trade_id, word.code, str(context.now_ms))),
            trade_id=position.trade_id,
            signal_id=None,
            source=NAME,
            origin=Origin.STRATEGY_A,
            style=Style.EXIT,
            side=Side.SELL,
            mint=position.mint,
            symbol=position.symbol,
            amount=tokens,
            slippage_bps_max=self.params.exit_slippage_bps_max,
            created_at_ms=context.now_ms,
            ttl_ms=self.params.intent_ttl_ms,
            reason=f"{word.code}: {word.detail}",
        )

    # folding

    def _moved(self, moved: TradeMoved, context: Context) -> None:
        one = self.held.get(moved.trade_id)
        if one is None or moved.after not in OVER | {TradeState.FAILED}:
            return
        self._highs.forget(moved.trade_id)
        self._free_ms[one.mint] = context.now_ms + self.params.cooldown_s * 1_000
        if len(self._free_ms) > TOKENS_MAX:
            self._free_ms = {mint: at for mint, at in self._free_ms.items() if at > context.now_ms}
        if moved.after in OVER:
            del self.held[moved.trade_id]
        elif len(self.held) > FAILED_KEPT:  # a failed one may be tried again, the oldest will not
            failed = (t for t in self.held if context.books.states.get(t) is TradeState.FAILED)
            if (oldest := next(failed, None)) is not None:
                del self.held[oldest]

    def _fold(self, event: PoolUpdated) -> None:
        pool = event.pool
        if WSOL not in {pool.mint_a, pool.mint_b}:
            return
        mint, sol = (pool.mint_b, event.reserve_a) if pool.mint_a == WSOL else (pool.mint_a, event.reserve_b)
        self._sol.setdefault(mint, {})[pool.address] = sol
        if len(self._sol) > TOKENS_MAX:
            self._sol.popitem(last=False)


STRATEGY = Reentry
