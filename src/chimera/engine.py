"""Feeds every strategy every event, ranks what they want, and lets none of them starve or break another.

A strategy that raises, hangs, floods or signs with another's name is parked with its reason, and the others go
on; `InvariantBroken` is not the strategy's to cause, so it passes through. Positions whose strategy is parked or
not running keep a stop. A pure function of events: time comes with the context, processor time is told to it.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice

import msgspec

from chimera.domain.errors import InvariantBroken
from chimera.domain.ids import IntentId, TradeId, derived_id
from chimera.domain.intent import Origin, Side, Signal, Style, TradeIntent
from chimera.domain.market import PoolCreated, SlotAdvanced, Trade
from chimera.domain.messages import SignalDropped, StrategyDecided, StrategyMoved
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Position, TradeState
from chimera.domain.units import BPS, change_bps, mul_div_ceil
from chimera.market.correlation import CorrelationBook
from chimera.market.features import FeatureExtractor
from chimera.ports.strategy import Context, Strategy, StrategyEvent, StrategyOutput

CARETAKER = "caretaker"
MINUTE_MS = 60_000
DECISIONS_KEPT = 20_000  # (strategy, mint, code) whose last word is remembered; the oldest go
RUNNING, PARKED = "RUNNING", "PARKED"

EngineOutput = StrategyOutput | StrategyMoved
"""What strategies want, and what became of a strategy."""


class EngineLimits(msgspec.Struct, frozen=True):
    intents_an_event_max: int = 100
    intents_a_minute_max: int = 600
    """Of one strategy; those that answer a signal are bounded by admission and not counted."""
    decisions_a_minute_max: int = 120
    """Of one strategy; more are left out of the record."""
    decided_every_ms: int = 30_000
    """How often one strategy may say the same about the same mint."""
    busy_percent_max: int = 60
    """Of the processor time of one window that one strategy may take."""
    busy_window_ms: int = 10_000
    orphan_stop_bps: int = 1_500
    """Loss at which a position is sold whose strategy does not run."""
    orphan_hold_ms: int = 86_400_000
    exit_slippage_bps_max: int = 1_500
    """Of the caretaker's sales: the widest that the limits let an exit have."""
    retry_after_ms: int = 2_000
    """Before the caretaker asks again for a sale that came to nothing."""
    correlate: bool = False
    """Whether buys say how far their token moves together with what is held."""


class StrategyStalled(BaseException):
    """Raised from outside into a strategy that does not come back; no `except Exception` of its own stops it."""


class Pulse:
    """Which call of a strategy is being made, for a watchdog in another thread that may break it off.

    The watchdog writes `aimed`, looks at `serial` again, and then either fires and writes `fired`, or writes
    `withdrawn`. So a call that ends meanwhile waits for its answer, and nobody else is hit.
    """

    __slots__ = ("aimed", "fired", "serial", "withdrawn")

    def __init__(self) -> None:
        self.serial = 0
        """Odd while a strategy runs."""
        self.aimed = self.fired = self.withdrawn = -1

    def ended(self, serial: int) -> None:
        """Call where a call ends; returns once no exception can be under way any more, or is hit by it."""
        self.serial = serial + 1
        while self.aimed == serial and self.withdrawn != serial:
            pass


class _Seat:
    """One strategy and what is counted of it."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self.name = strategy.name
        self.parked = ""
        self.intents: deque[int] = deque()
        """Times of those of the last minute."""
        self.decisions: deque[int] = deque()
        self.spent_ns = 0
        """In this window."""


class Engine:
    """`process` is a synchronous function of an event."""

    def __init__(
        self,
        strategies: Sequence[Strategy],
        *,
        limits: EngineLimits = EngineLimits(),  # noqa: B008 - frozen
        elsewhere: Collection[str] = (),
        spent_ns: Callable[[], int] | None = None,
    ) -> None:
        """`elsewhere`: strategies that other processes run; their positions and signals are not this one's.

        `spent_ns`: this thread's processor time so far; without it nobody is parked for being slow.
        """
        self._elsewhere = elsewhere
        self._seats = [_Seat(strategy) for strategy in strategies]
        self._by_name = {seat.name: seat for seat in self._seats}
        self.limits, self._spent_ns = limits, spent_ns
        self.features = FeatureExtractor()
        self.correlations = CorrelationBook(self.features)
        self.pulse = Pulse()
        self.paused: Collection[str] = ()
        """Strategies that may sell and not buy."""
        self._window_ms = 0
        self._said: OrderedDict[tuple[str, str, str], int] = OrderedDict()
        self._not_before: dict[TradeId, int] = {}

    @property
    def parked(self) -> dict[str, str]:
        """Strategies that were parked, and why."""
        return {seat.name: seat.parked for seat in self._seats if seat.parked}

    @property
    def names(self) -> list[str]:
        return [seat.name for seat in self._seats]

    def process(self, event: StrategyEvent, context: Context) -> list[EngineOutput]:
        """Everything wanted now, best first; a signal that nobody takes is dropped by name."""
        if isinstance(event, Trade | PoolCreated):
            self.features.fold(event, context.prices.sol_micro_usd)
        context = msgspec.structs.replace(context, features=self.features)
        if context.now_ms - self._window_ms >= self.limits.busy_window_ms:
            self._window_ms = context.now_ms
            for seat in self._seats:
                seat.spent_ns = 0
        wanted: list[EngineOutput] = []
        spent_ns = self._spent_ns
        before = spent_ns() if spent_ns is not None else 0
        for seat in self._seats:
            if seat.parked:
                continue
            made = self._ask(seat, event, context)
            if spent_ns is not None:
                now = spent_ns()
                seat.spent_ns += now - before
                before = now
                if seat.spent_ns > self.limits.busy_window_ms * 10_000 * self.limits.busy_percent_max:
                    made = self._park(
                        seat, f"it took more than {self.limits.busy_percent_max} % of the processor"
                    )
            if made:
                wanted += made
        if isinstance(event, SlotAdvanced):
            self.correlations.see_sol(context.prices.sol_micro_usd, context.now_ms)
            wanted += self._mind(context)
        elif isinstance(event, Signal):
            wanted += self._answer(event, wanted, context)
        return wanted if len(wanted) < 2 else sorted(wanted, key=_rank)

    def park(self, name: str, cause: str, by: str = "engine") -> StrategyMoved | None:
        """None where there is no such strategy, or it is parked already."""
        seat = self._by_name.get(name)
        if seat is None or seat.parked:
            return None
        seat.parked = cause
        return StrategyMoved(name, RUNNING, PARKED, cause, by)

    def resume(self, name: str, cause: str, by: str) -> StrategyMoved | None:
        """Lets a parked one go on with what it remembers; None where it is not parked."""
        seat = self._by_name.get(name)
        if seat is None or not seat.parked:
            return None
        seat.parked, seat.spent_ns = "", 0
        seat.intents.clear()
        return StrategyMoved(name, PARKED, RUNNING, cause, by)

    def levels(self, position: Position) -> tuple[int | None, int | None]:
        """Stop and target of a position, of the strategy that it belongs to; else the caretaker's."""
        if position.levels is not None:
            return position.levels.values(position.paid_lamports)
        seat = self._by_name.get(position.strategy)
        if seat is None or seat.parked:
            return mul_div_ceil(position.paid_lamports, BPS - self.limits.orphan_stop_bps, BPS), None
        return seat.strategy.levels(position)

    # one strategy's answer

    def _ask(self, seat: _Seat, event: StrategyEvent, context: Context) -> list[EngineOutput]:
        pulse = self.pulse
        serial = pulse.serial = pulse.serial + 1
        fault = ""
        made: Sequence[StrategyOutput] = ()
        try:
            try:
                made = seat.strategy.on_event(event, context)
                if made:  # taken here, since it may be a generator, with faults of its own and no end
                    made = list(islice(made, self.limits.intents_an_event_max + 1))
            except InvariantBroken:
                raise
            except Exception as error:  # noqa: BLE001 - a trader's own code may raise anything: docs/adr/0008
                fault = f"{type(error).__name__}: {error}"
            pulse.ended(serial)
        except StrategyStalled:
            pulse.serial = serial + 1
            fault = "it did not come back"
        if fault:
            return self._park(seat, fault)
        return self._checked(seat, made, context) if made else []

    def _checked(self, seat: _Seat, made: Sequence[StrategyOutput], context: Context) -> list[EngineOutput]:
        """What of it goes on; a strategy that breaks its contract is parked and nothing of this event goes on."""
        passed: list[EngineOutput] = []
        if len(made) > self.limits.intents_an_event_max:
            return self._park(
                seat, f"it asked for more than {self.limits.intents_an_event_max} things at once"
            )
        for output in made:
            match output:
                case TradeIntent():
                    wrong = self._wrong(seat, output, context)
                    if wrong:
                        return self._park(seat, wrong)
                    if output.side is not Side.SELL and seat.name in self.paused and output.signal_id is None:
                        reason = str(Reason.STRATEGY_DISABLED)
                        held = StrategyDecided(seat.name, output.mint, "WAIT", reason, "it is paused")
                        passed += self._said_now(seat, held, context.now_ms)
                    else:
                        passed.append(self._with_correlations(output, context))
                case StrategyDecided():
                    passed += self._said_now(seat, output, context.now_ms)
                case SignalDropped():
                    passed.append(output)
                case _:
                    return self._park(seat, f"it returned a {type(output).__name__}")
        return passed

    def _with_correlations(self, intent: TradeIntent, context: Context) -> TradeIntent:
        """Said here for all strategies alike, whatever the strategy itself says of it."""
        if intent.side is not Side.BUY or not (self.limits.correlate or intent.correlations):
            return intent
        held = {position.mint for position in context.books.open_positions} - {intent.mint}
        found = self.correlations.with_each(intent.mint, sorted(held), context.now_ms)
        return msgspec.structs.replace(intent, correlations=found if self.limits.correlate else ())

    def _wrong(self, seat: _Seat, intent: TradeIntent, context: Context) -> str:
        """Why a strategy must not ask for this; empty where it may."""
        if intent.source != seat.name:
            return f"it signs as {intent.source}"
        if intent.ttl_ms <= 0 or intent.expired(context.now_ms):
            return "an intent without a time to live"
        if not 0 <= intent.slippage_bps_max < BPS:
            return "an intent without a limit"
        position = context.books.positions.get(intent.trade_id)
        if position is not None and position.strategy not in {"", seat.name}:
            return f"it reaches for a position of {position.strategy}"
        if intent.signal_id is None:
            if _count(seat.intents, context.now_ms) >= self.limits.intents_a_minute_max:
                return f"more than {self.limits.intents_a_minute_max} intents in a minute"
            seat.intents.append(context.now_ms)
        return ""

    def _said_now(self, seat: _Seat, said: StrategyDecided, now_ms: int) -> Iterator[EngineOutput]:
        """The decision, unless the same was said a moment ago; what was done in the shadow always counts."""
        if said.verdict != "SHADOW":
            key = (seat.name, said.mint, said.code)
            last = self._said.get(key)
            if last is not None and now_ms - last < self.limits.decided_every_ms:
                return
            if _count(seat.decisions, now_ms) >= self.limits.decisions_a_minute_max:
                return
            self._said[key] = now_ms
            self._said.move_to_end(key)
            if len(self._said) > DECISIONS_KEPT:
                self._said.popitem(last=False)
            seat.decisions.append(now_ms)
        yield said

    def _park(self, seat: _Seat, cause: str) -> list[EngineOutput]:
        moved = self.park(seat.name, cause)
        return [moved] if moved is not None else []

    # what nobody else does

    def _answer(self, signal: Signal, wanted: list[EngineOutput], context: Context) -> Iterator[EngineOutput]:
        """Of several answers to a signal an intent counts; a sale that nobody answers is the caretaker's."""
        intents = [one for one in wanted if isinstance(one, TradeIntent) and one.signal_id == signal.id]
        drops = [one for one in wanted if isinstance(one, SignalDropped) and one.signal_id == signal.id]
        for superfluous in drops if intents else drops[1:]:
            wanted.remove(superfluous)
        if intents or drops:
            return
        position = context.books.positions.get(signal.trade_id) if signal.trade_id is not None else None
        if self._elsewhere and (position is None or position.strategy not in self._by_name):
            return
        if signal.side is Side.SELL and position is not None and position.open:
            if context.books.busy(position.trade_id):
                why = Refusal(Reason.DUPLICATE_INTENT, observed="a leg of it is under way")
                yield SignalDropped(signal.id, why)
                return
            tokens = mul_div_ceil(position.tokens, min(signal.fraction_bps, BPS), BPS)
            yield self._sell(position, tokens, "an operator asked", context, signal=signal)
            return
        reason = "; ".join(f"{name} is parked: {why}" for name, why in self.parked.items())
        yield SignalDropped(
            signal.id, Refusal(Reason.STRATEGY_DISABLED, observed=reason or "no strategy takes it")
        )

    def _mind(self, context: Context) -> Iterator[TradeIntent]:
        """Stops of positions whose strategy does not run, and levels set by hand that it does not look after."""
        for position in context.books.open_positions:
            seat = self._by_name.get(position.strategy)
            orphan = seat is None or bool(seat.parked)
            if position.strategy in self._elsewhere:
                continue
            if not orphan and (position.levels is None or getattr(seat.strategy, "minds_levels", False)):  # type: ignore[union-attr]
                continue
            if (
                context.now_ms < self._not_before.get(position.trade_id, 0)
                or context.books.states.get(position.trade_id) is not TradeState.ACTIVE
                or context.books.busy(position.trade_id)
            ):
                continue
            cause = self._due(position, orphan, context)
            if cause is not None:
                yield self._sell(position, position.tokens, cause, context)
        if len(self._not_before) > len(context.books.open_positions) + 100:
            still = {position.trade_id for position in context.books.open_positions}
            self._not_before = {name: at for name, at in self._not_before.items() if name in still}

    def _due(self, position: Position, orphan: bool, context: Context) -> str | None:  # noqa: FBT001
        held_ms = context.now_ms - position.opened_at_ms
        if orphan and held_ms >= self.limits.orphan_hold_ms:
            return f"held for {held_ms // 1_000} s, and {position.strategy or 'its strategy'} does not run"
        value = context.prices.value_lamports(position.mint, position.tokens)
        paid = position.paid_lamports
        if value is None or not paid:
            return None
        gain = change_bps(value, paid)
        if position.levels is not None:
            return position.levels.reached(gain)
        if orphan and gain <= -self.limits.orphan_stop_bps:
            return f"stop-loss while {position.strategy or 'its strategy'} does not run: {gain} bps"
        return None

    def _sell(
        self, position: Position, tokens: int, cause: str, context: Context, *, signal: Signal | None = None
    ) -> TradeIntent:
        self._not_before[position.trade_id] = context.now_ms + self.limits.retry_after_ms
        return TradeIntent(
            id=IntentId(derived_id(CARETAKER, "exit", position.trade_id, cause, str(context.now_ms))),
            trade_id=position.trade_id,
            signal_id=signal.id if signal is not None else None,
            source=CARETAKER,
            origin=Origin.STRATEGY_A,
            style=Style.EXIT,
            side=Side.SELL,
            mint=position.mint,
            symbol=position.symbol,
            amount=tokens,
            slippage_bps_max=self.limits.exit_slippage_bps_max,
            created_at_ms=context.now_ms,
            ttl_ms=5_000,
            reason=cause,
            wallet=position.wallet,
        )


def _count(times: deque[int], now_ms: int) -> int:
    """How many of these lie within the last minute; the others are forgotten."""
    while times and now_ms - times[0] >= MINUTE_MS:
        times.popleft()
    return len(times)


def _rank(output: EngineOutput) -> tuple[int, int]:
    """Word of strategies, exits, then buys by what they expect times how urgent it is; equals keep their order."""
    if not isinstance(output, TradeIntent):
        return 0, 0
    if output.side is Side.SELL:
        return 1, 0
    return 2, -output.amount * output.expected_edge_bps * (1 + output.urgency)
