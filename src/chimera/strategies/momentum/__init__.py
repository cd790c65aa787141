"""Follows tokens that others begin to buy: a probe first, the rest if it rises, out by rules.

It takes the picture and keeps the states; what a picture means is `policy`'s. Exits are measured by what the holding
would fetch now in the best pool, against the price paid, so no price of a strange pool can move them. It never
signs, sends or asks a venue to do anything.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

import msgspec

from chimera.domain.highs import Highs
from chimera.domain.ids import USDC, WSOL, Address, IntentId, TradeId, derived_id
from chimera.domain.intent import Origin, Side, Style, TradeIntent
from chimera.domain.market import PoolCreated, PoolUpdated, SlotAdvanced, Trade
from chimera.domain.messages import Entry, IntentEmitted, StrategyDecided, TradeMoved
from chimera.domain.trade import Position, TradeState
from chimera.domain.units import BPS, change_bps, mul_div_ceil, mul_div_floor
from chimera.parameters.momentum import MomentumParams as Params
from chimera.ports.strategy import Context, Listing, StrategyEvent, StrategyOutput
from chimera.strategies.momentum.policy import Code, Picture, Regime, Word, judge, regime

NAME = "momentum"
TOKENS_MAX = 20_000  # looked at and remembered; the longest unseen go
POOLS_MAX = 20_000
RETRY_AFTER_MS = 2_000
SCALE_INS_MAX = 2
LOST_AFTER_MS = 60_000  # longer than an intent lives
BAR_MS = 15_000
WARM_MS = 120_000  # the longest window that is looked at
OVER = frozenset({TradeState.FAILED, TradeState.DEAD_LETTER, TradeState.CLOSED})


class State(StrEnum):
    DISCOVERY = "Discovery"
    VALIDATION = "Validation"
    PROBE_BUY_PENDING = "ProbeBuyPending"
    POSITION_OPEN_PROBE = "PositionOpenProbe"
    SCALE_IN_PENDING = "ScaleInPending"
    POSITION_OPEN_FULL = "PositionOpenFull"
    REJECTED = "Rejected"


HOLDS = frozenset({State.POSITION_OPEN_PROBE, State.SCALE_IN_PENDING, State.POSITION_OPEN_FULL})


class Candidate(msgspec.Struct):
    """One token, and how far it has come."""

    state: State = State.DISCOVERY
    looked_ms: int = 0
    until_ms: int = 0
    """Of a rejection."""
    trade_id: TradeId | None = None
    regime: Regime = Regime.EARLY
    opened_ms: int = 0
    probe_tokens: int = 0
    scale_ins: int = 0
    best_value: int = 0
    best_tokens: int = 0
    """What was held when the best value was seen: a larger holding is not a rise."""
    not_before_ms: int = 0
    dump_ms: int | None = None


class Momentum:
    name = NAME
    params_type = Params

    def __init__(self, params: Params) -> None:
        self.params = params
        self.candidates: OrderedDict[Address, Candidate] = OrderedDict()
        self._mint_of: dict[TradeId, Address] = {}
        self._highs = Highs(NAME)
        self._began_ms = 0
        self._born: OrderedDict[Address, None] = OrderedDict()
        """Tokens whose first pool was seen to be made: nothing of them was missed."""
        self._pools: OrderedDict[Address, deque[tuple[int, int]]] = OrderedDict()
        """SOL in each pool over the last minute, a sample a second: (time, lamports)."""
        self._sol: dict[Address, dict[Address, int]] = {}
        """SOL in each pool of a mint now."""

    def recall(self, past: Iterable[Entry]) -> None:
        """Takes up round trips, their best values and what was rejected lately, from the facts of former runs."""
        for entry in past:
            self._highs.recall(entry.fact)
            match entry.fact:
                case IntentEmitted(TradeIntent(source=name, side=Side.BUY) as intent) if name == NAME:
                    found = self._candidate(intent.mint)
                    if found.trade_id == intent.trade_id and found.state is State.POSITION_OPEN_PROBE:
                        found.state, found.scale_ins = State.SCALE_IN_PENDING, found.scale_ins + 1
                    elif found.trade_id != intent.trade_id:
                        found.state, found.trade_id = State.PROBE_BUY_PENDING, intent.trade_id
                        found.scale_ins, found.looked_ms = 0, entry.at_ms
                        self._mint_of[intent.trade_id] = intent.mint
                case TradeMoved(trade_id) as moved if trade_id in self._mint_of:
                    self._stepped(moved, entry.at_ms, grown=True)
                case StrategyDecided(strategy=name, verdict="REJECT") as word if name == NAME:
                    found = self._candidate(word.mint)
                    found.state = State.REJECTED
                    found.until_ms = entry.at_ms + self.params.rejected_s * 1_000
                case _:
                    pass

    def on_event(self, event: StrategyEvent, context: Context) -> Sequence[StrategyOutput]:
        self._began_ms = self._began_ms or context.now_ms
        match event:
            case PoolCreated():
                self._see_born(event)
                return ()
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
        """Stop or trailing stop, and target."""
        rules, paid = self.params, position.paid_lamports
        found = self.candidates.get(position.mint)
        stop = mul_div_floor(paid, BPS - rules.stop_loss_bps, BPS) if rules.stop_loss_bps else None
        if found is not None and found.trade_id == position.trade_id and paid and rules.trailing_from_bps:
            if change_bps(found.best_value, paid) >= rules.trailing_from_bps:
                trailing = mul_div_floor(found.best_value, BPS - rules.trailing_distance_bps, BPS)
                stop = max(stop or 0, trailing)
        target = mul_div_ceil(paid, BPS + rules.take_profit_bps, BPS) if rules.take_profit_bps else None
        return stop, target

    # buying

    def _consider(self, mint: Address, context: Context) -> Iterator[StrategyOutput]:
        rules, now = self.params, context.now_ms
        found = self._candidate(mint)
        if found.state is State.PROBE_BUY_PENDING and found.trade_id not in context.books.states:
            if now - found.looked_ms > LOST_AFTER_MS:
                found.state = State.DISCOVERY  # nobody took it: the strategy is paused, or the bus was full
        if found.state in HOLDS or found.state is State.PROBE_BUY_PENDING:
            return
        if now < found.until_ms or now - found.looked_ms < rules.check_every_ms:
            return
        found.looked_ms = now
        picture = self.picture(mint, context)
        if picture is None:
            return
        found.regime = regime(picture, rules)
        word = self._warming(mint, context) or judge(picture, rules) or self._room()
        if word is None:
            yield self._probe(mint, found, picture, context)
            return
        if word.code.verdict == "REJECT":
            found.state, found.until_ms = State.REJECTED, now + rules.rejected_s * 1_000
        else:
            found.state = State.VALIDATION
        yield self._said(mint, found, word, context)

    def _warming(self, mint: Address, context: Context) -> Word | None:
        """Of a token that traded before we looked, windows are whole only after their time."""
        seen_ms = context.now_ms - self._began_ms
        if mint in self._born or seen_ms >= WARM_MS:
            return None
        return Word(
            Code.WAIT_WARMING_UP, f"looked at for {seen_ms // 1_000} s, windows are of {WARM_MS // 1_000}"
        )

    def _see_born(self, event: PoolCreated) -> None:
        for mint in {event.pool.mint_a, event.pool.mint_b} - {WSOL, USDC} - self.candidates.keys():
            self._born[mint] = None
            if len(self._born) > TOKENS_MAX:
                self._born.popitem(last=False)

    def _room(self) -> Word | None:
        held = sum(
            one.state in HOLDS or one.state is State.PROBE_BUY_PENDING for one in self.candidates.values()
        )
        if held >= self.params.positions_max:
            return Word(
                Code.WAIT_POSITIONS, f"{held} held or on their way, at most {self.params.positions_max}"
            )
        return None

    def _probe(self, mint: Address, found: Candidate, picture: Picture, context: Context) -> TradeIntent:
        trade_id = TradeId(derived_id(NAME, mint, str(context.now_ms)))
        found.state, found.trade_id = State.PROBE_BUY_PENDING, trade_id
        found.probe_tokens = found.scale_ins = found.best_value = found.best_tokens = 0
        self._mint_of[trade_id] = mint
        rise = picture.last_30_s.rise_bps
        return self._buy(
            mint,
            found,
            mul_div_floor(self.params.size_lamports, self.params.probe_bps, BPS),
            f"{found.regime} probe: {rise} bps up in 30 s, {picture.last_60_s.buy_bps} bps buys",
            context,
            edge_bps=min(max(rise, 0), 1_000) // 2,
        )

    def _scale_in(
        self, position: Position, found: Candidate, value: int, context: Context
    ) -> TradeIntent | None:
        rules = self.params
        if found.state is not State.POSITION_OPEN_PROBE or found.scale_ins >= SCALE_INS_MAX:
            return None
        if context.now_ms - found.opened_ms > rules.scale_in_s * 1_000:
            return None
        gain = change_bps(value, position.paid_lamports)
        rest = rules.size_lamports - mul_div_floor(rules.size_lamports, rules.probe_bps, BPS)
        if gain < rules.scale_in_gain_bps or rest <= 0:
            return None
        picture = self.picture(position.mint, context)
        if picture is None or picture.last_30_s.buy_bps < rules.exit_buy_bps_min:
            return None
        found.state, found.probe_tokens = State.SCALE_IN_PENDING, position.tokens_bought
        found.scale_ins += 1
        return self._buy(
            position.mint,
            found,
            rest,
            f"scale in: the probe is {gain} bps up",
            context,
            edge_bps=min(gain, 1_000) // 2,
        )

    def _buy(
        self, mint: Address, found: Candidate, lamports: int, reason: str, context: Context, *, edge_bps: int
    ) -> TradeIntent:
        early = found.regime is Regime.EARLY
        return TradeIntent(
            id=IntentId(derived_id(NAME, "buy", found.trade_id or "", str(context.now_ms))),
            trade_id=found.trade_id or TradeId(""),
            signal_id=None,
            source=NAME,
            origin=Origin.STRATEGY_A,
            style=Style.SPEAR if early else Style.SHIELD,
            side=Side.BUY,
            mint=mint,
            symbol="",
            amount=lamports,
            slippage_bps_max=self.params.early_slippage_bps_max if early else self.params.slippage_bps_max,
            created_at_ms=context.now_ms,
            ttl_ms=self.params.intent_ttl_ms,
            reason=reason,
            expected_edge_bps=edge_bps,
            urgency=1,
        )

    # selling

    def _guard(self, context: Context) -> Iterator[StrategyOutput]:
        for position in context.books.open_positions:
            if position.strategy != NAME:
                continue
            if context.books.states.get(position.trade_id) is not TradeState.ACTIVE:
                continue
            if context.books.busy(position.trade_id):
                continue
            found = self._held(position)
            if context.now_ms < found.not_before_ms:
                continue
            value = context.prices.value_lamports(position.mint, position.tokens)
            word = self._leave(position, found, value, context)
            if word is not None:
                found.not_before_ms = context.now_ms + RETRY_AFTER_MS
                yield self._sell(position, word, context)
            elif value is not None:
                more = self._scale_in(position, found, value, context)
                told = self._best_told(position, found, context) if more is None else None
                yield from (one for one in (more, told) if one is not None)

    def _leave(
        self, position: Position, found: Candidate, value: int | None, context: Context
    ) -> Word | None:
        """The first rule that asks to sell; time and danger hold even where the price is unknown."""
        rules = self.params
        held_ms = context.now_ms - position.opened_at_ms
        if held_ms >= rules.hold_s_max * 1_000:
            return Word(Code.EXIT_TIME, f"held for {held_ms // 1_000} s, at most {rules.hold_s_max}")
        pulled = self._pulled_bps(position.mint, context)
        if pulled > rules.pull_bps_max:
            return Word(Code.EXIT_LIQUIDITY_PULLED, f"{pulled} bps of its SOL were taken out")
        progress = self._progress(position.mint, context)
        if progress is not None and progress >= rules.progress_bps_max:
            return Word(Code.EXIT_GRADUATING, f"its curve is {progress} bps full")
        if position.levels is not None:
            return None  # levels set by hand are the engine's to watch, and stand in for what follows
        if value is not None and position.paid_lamports:
            gain = change_bps(value, position.paid_lamports)
            if position.tokens != found.best_tokens:
                found.best_tokens, found.best_value = position.tokens, value
            found.best_value = max(found.best_value, value)
            if rules.stop_loss_bps and gain <= -rules.stop_loss_bps:
                return Word(Code.EXIT_STOP, f"{gain} bps, limit -{rules.stop_loss_bps}")
            if rules.take_profit_bps and gain >= rules.take_profit_bps:
                return Word(Code.EXIT_TAKE_PROFIT, f"+{gain} bps")
            best = change_bps(found.best_value, position.paid_lamports)
            fallen = -change_bps(value, found.best_value) if found.best_value else 0
            if (
                rules.trailing_from_bps
                and best >= rules.trailing_from_bps
                and fallen >= rules.trailing_distance_bps
            ):
                return Word(Code.EXIT_TRAILING, f"{fallen} bps below its best, which was +{best} bps")
        recent = context.features.window(position.mint, 30_000, context.now_ms)
        if recent.trades >= rules.exit_trades_min and recent.buy_bps < rules.exit_buy_bps_min:
            return Word(
                Code.EXIT_BUY_RATIO, f"{recent.buy_bps} bps of {recent.trades} trades in 30 s were buys"
            )
        return None

    def _best_told(self, position: Position, found: Candidate, context: Context) -> StrategyDecided | None:
        """Word of a best value once the trailing stop hangs on it."""
        paid, begins = position.paid_lamports, self.params.trailing_from_bps
        if not begins or not paid or position.levels is not None:
            return None
        if change_bps(found.best_value, paid) < begins:
            return None
        return self._highs.word(position, found.best_value, context.now_ms)

    def _sell(self, position: Position, word: Word, context: Context) -> TradeIntent:
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
            amount=position.tokens,
            slippage_bps_max=self.params.exit_slippage_bps_max,
            created_at_ms=context.now_ms,
            ttl_ms=self.params.intent_ttl_ms,
            reason=f"{word.code}: {word.detail}",
        )

    # states

    def _moved(self, moved: TradeMoved, context: Context) -> None:
        mint = self._mint_of.get(moved.trade_id)
        found = self.candidates.get(mint) if mint is not None else None
        if found is None:
            return
        position = context.books.positions.get(moved.trade_id)
        grown = position is not None and position.tokens_bought > found.probe_tokens
        self._stepped(moved, context.now_ms, grown=grown)

    def _stepped(self, moved: TradeMoved, now_ms: int, *, grown: bool) -> None:
        """`grown`: whether more is held than the probe; of a former run nobody knows, and more is not bought twice."""
        mint = self._mint_of.get(moved.trade_id)
        found = self.candidates.get(mint) if mint is not None else None
        if found is None or found.trade_id != moved.trade_id:
            return
        if moved.after is TradeState.ACTIVE:
            if moved.before is not TradeState.ACTIVE and found.state is State.PROBE_BUY_PENDING:
                found.state, found.opened_ms = State.POSITION_OPEN_PROBE, now_ms
            elif found.state is State.SCALE_IN_PENDING:
                found.state = State.POSITION_OPEN_FULL if grown else State.POSITION_OPEN_PROBE
        elif moved.after is TradeState.RETRY:
            found.state = State.PROBE_BUY_PENDING
        elif moved.after in OVER:
            found.state = State.REJECTED
            found.until_ms = now_ms + self.params.rejected_s * 1_000
            self._highs.forget(moved.trade_id)
            if moved.after is not TradeState.FAILED:  # a failed entry may be tried again
                del self._mint_of[moved.trade_id]

    def _held(self, position: Position) -> Candidate:
        """Of what no fact tells how it came about it counts as full; its best is the last that was left word of."""
        found = self._candidate(position.mint)
        if found.trade_id != position.trade_id or found.state not in HOLDS:
            found.state, found.trade_id = State.POSITION_OPEN_FULL, position.trade_id
            found.best_value = found.best_tokens = 0
            self._mint_of[position.trade_id] = position.mint
        if not found.best_tokens and (known := self._highs.recalled(position)):
            found.best_value, found.best_tokens = known, position.tokens
        return found

    def _candidate(self, mint: Address) -> Candidate:
        found = self.candidates.get(mint)
        if found is None:
            found = self.candidates[mint] = Candidate()
            if len(self.candidates) > TOKENS_MAX:
                self._forget()
        else:
            self.candidates.move_to_end(mint)
        return found

    def _forget(self) -> None:
        for mint, one in self.candidates.items():
            if one.state not in HOLDS and one.state is not State.PROBE_BUY_PENDING:
                del self.candidates[mint]
                return

    def _said(self, mint: Address, found: Candidate, word: Word, context: Context) -> StrategyDecided:
        return StrategyDecided(
            strategy=NAME,
            mint=mint,
            verdict=word.code.verdict,
            code=word.code,
            detail=f"{found.regime}: {word.detail}",
            slot=context.market.slot,
            data={"regime": str(found.regime), "state": str(found.state)},
        )

    # the picture

    def picture(self, mint: Address, context: Context) -> Picture | None:
        """None where nothing of the token was seen."""
        rules, now, features = self.params, context.now_ms, context.features
        seen = features.token(mint)
        if seen is None:
            return None
        pools = context.market.pools_of(mint)
        creator_window = features.window(mint, rules.creator_window_s * 1_000, now)
        found = self._candidate(mint)
        if creator_window.sell_lamports >= rules.dump_lamports:
            if found.dump_ms is None or now - found.dump_ms > rules.creator_window_s * 1_000:
                found.dump_ms = now
        bars = list(features.bars(mint, BAR_MS, now))[-rules.breakout_bars :]
        whole = len(bars) == rules.breakout_bars
        return Picture(
            age_ms=now - seen.first_ms,
            age_slots=context.market.slot - seen.first_slot,
            progress_bps=self._progress(mint, context),
            doubtful=_doubt(pools),
            liquidity_lamports=max(self._sol.get(mint, {}).values(), default=0),
            pulled_bps=self._pulled_bps(mint, context),
            last_30_s=features.window(mint, 30_000, now),
            last_60_s=features.window(mint, 60_000, now),
            last_120_s=features.window(mint, 120_000, now),
            last_dump=features.window(mint, rules.dump_window_s * 1_000, now),
            creator_window=creator_window,
            dump_age_ms=None if found.dump_ms is None else now - found.dump_ms,
            creator_sold_bps=mul_div_floor(seen.creator_sold, BPS, seen.creator_bought)
            if seen.creator_bought
            else None,
            holders=seen.holders,
            holdings_top=seen.holdings_top,
            bars_high=max(bar.high for bar in bars) if whole else None,
            bars_lamports=sum(bar.lamports for bar in bars) // rules.breakout_bars if whole else 0,
            last_15_s=features.window(mint, BAR_MS, now),
        )

    def _progress(self, mint: Address, context: Context) -> int | None:
        """Of its curve, unless it has moved on to other pools already."""
        told = [pool.progress_bps for pool in context.market.pools_of(mint)]
        return told[0] if len(told) == 1 else None

    def _fold(self, event: PoolUpdated) -> None:
        pool = event.pool
        if WSOL not in {pool.mint_a, pool.mint_b}:
            return
        mint, sol = (pool.mint_b, event.reserve_a) if pool.mint_a == WSOL else (pool.mint_a, event.reserve_b)
        samples = self._pools.get(pool.address)
        if samples is None:
            samples = self._pools[pool.address] = deque(maxlen=self.params.pull_window_s + 1)
            if len(self._pools) > POOLS_MAX:
                gone, _ = self._pools.popitem(last=False)
                for known in self._sol.values():
                    known.pop(gone, None)
        self._sol.setdefault(mint, {})[pool.address] = sol
        if not samples or event.at_ms - samples[-1][0] >= 1_000:
            samples.append((event.at_ms, sol))

    def _pulled_bps(self, mint: Address, context: Context) -> int:
        """How much of its SOL left its pools within the window that no sale explains, at the worst pool; rounded up."""
        since = context.now_ms - self.params.pull_window_s * 1_000
        worst = 0
        for pool, sol in self._sol.get(mint, {}).items():
            high = max((lamports for at_ms, lamports in self._pools[pool] if at_ms >= since), default=sol)
            if high > sol:
                window = context.features.window(mint, self.params.pull_window_s * 1_000, context.now_ms)
                missing = high - sol - window.sell_lamports
                worst = max(worst, mul_div_ceil(missing, BPS, high))
        return worst


def _doubt(pools: Sequence[Listing]) -> str:
    """Why none of its pools may be bought from; empty while one may."""
    doubts = [pool.doubtful for pool in pools]
    return "" if None in doubts or not doubts else str(doubts[0])


STRATEGY = Momentum
