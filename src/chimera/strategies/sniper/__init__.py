"""Buys launches on a bonding curve that nothing speaks against and that others confirm; never every mint.

It gathers a dossier of every launch from the stream and keeps positions; what a dossier means is `analysis`', what is
remembered `memory`'s. The intent leaves with the very event that makes the report pass. It never signs, sends or asks
a venue to do anything: the desk's simulated purchase and sale comes after it.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from chimera.domain.ids import USDC, WSOL, Address, IntentId, TradeId, derived_id
from chimera.domain.intent import Origin, Side, Style, TradeIntent
from chimera.domain.market import PoolCreated, SlotAdvanced, TokenMintInfo, Trade
from chimera.domain.messages import Entry, IntentEmitted, StrategyDecided, TradeMoved
from chimera.domain.pool import QuoteRequest, SwapKind
from chimera.domain.risk import Refusal
from chimera.domain.token import TokenInfo
from chimera.domain.trade import Position, TradeState
from chimera.domain.units import BPS, change_bps, mul_div_ceil, mul_div_floor, sol_text
from chimera.parameters.sniper import SniperParams as Params
from chimera.ports.strategy import Context, Listing, StrategyEvent, StrategyOutput
from chimera.strategies.sniper.analysis import (
    BLAMED,
    Code,
    Dossier,
    Word,
    judge,
    risk,
    size_lamports,
    sold_bps,
)
from chimera.strategies.sniper.memory import (
    LAUNCHES_MAX,
    Blame,
    Creators,
    Launch,
    Result,
    Source,
    bounded,
)

NAME = "sniper"
TOKENS_MAX = 20_000
RETRY_AFTER_MS = 2_000
LOST_AFTER_MS = 60_000  # longer than an intent lives
RECENT_MS = 10_000
BLAMED_CODE, RESULT_CODE, PASSED_CODE = "CREATOR_BLAMED", "SOURCE_RESULT", "REPORT_PASSED"
OVER = frozenset({TradeState.FAILED, TradeState.DEAD_LETTER, TradeState.CLOSED})


class Held(msgspec.Struct):
    """One round trip beside the books."""

    mint: Address
    source: str
    asked_ms: int
    best_value: int = 0
    not_before_ms: int = 0


class Sniper:
    name = NAME
    params_type = Params

    def __init__(self, params: Params) -> None:
        self.params = params
        self.launches: OrderedDict[Address, Launch] = OrderedDict()
        self.creators = Creators()
        self.sources: dict[str, Source] = {}
        self.held: dict[TradeId, Held] = {}
        self._tokens: OrderedDict[Address, TokenInfo] = OrderedDict()
        self._watched: OrderedDict[Address, None] = OrderedDict()
        """Launches that are neither refused nor bought."""
        self._free_ms = 0
        """The end of the cooldown."""

    def recall(self, past: Iterable[Entry]) -> None:
        """Creators that are blamed, what sources earned, and what is held, from the facts of former runs."""
        for entry in past:
            match entry.fact:
                case StrategyDecided(strategy=name, code=code, data=data) if name == NAME:
                    if code == BLAMED_CODE:
                        known = msgspec.convert(data, Blame)
                        self.creators.blame(known.creator, known.blame)
                    elif code == RESULT_CODE:
                        self._account(msgspec.convert(data, Result))
                case IntentEmitted(TradeIntent(source=name, side=Side.BUY) as intent) if name == NAME:
                    self.held[intent.trade_id] = Held(intent.mint, "", intent.created_at_ms)
                case TradeMoved(trade_id=trade_id, after=after) if after in OVER:
                    self.held.pop(trade_id, None)
                case _:
                    pass

    def on_event(self, event: StrategyEvent, context: Context) -> Sequence[StrategyOutput]:
        match event:
            case Trade():
                return list(self._traded(event, context))
            case TokenMintInfo(token):
                bounded(self._tokens, token.mint, token, TOKENS_MAX)
                return ()
            case PoolCreated():
                return list(self._created(event, context))
            case SlotAdvanced():
                return [*self._due(context), *self._guard(context)]
            case TradeMoved():
                return list(self._moved(event, context))
            case _:
                return ()

    def levels(self, position: Position) -> tuple[int | None, int | None]:
        rules, paid = self.params, position.paid_lamports
        one = self.held.get(position.trade_id)
        stop = mul_div_floor(paid, BPS - rules.stop_loss_bps, BPS) if rules.stop_loss_bps else None
        if one is not None and paid and self._trails(one, paid):
            stop = max(stop or 0, mul_div_floor(one.best_value, BPS - rules.trailing_distance_bps, BPS))
        target = mul_div_ceil(paid, BPS + rules.take_profit_bps, BPS) if rules.take_profit_bps else None
        return stop, target

    # what is seen

    def _created(self, event: PoolCreated, context: Context) -> Iterator[StrategyOutput]:
        pool = event.pool
        mint = pool.mint_b if pool.mint_a in {WSOL, USDC} else pool.mint_a
        if mint in {WSOL, USDC} or WSOL not in {pool.mint_a, pool.mint_b}:
            return
        launch = self.launches.get(mint)
        if launch is not None and launch.pool is not None:
            return  # its second pool: it has moved on, or somebody lists it elsewhere
        if launch is None:
            launch = self._launch(mint, event)
        launch.pool = pool
        yield from self._look(launch, context)

    def _traded(self, event: Trade, context: Context) -> Iterator[StrategyOutput]:
        swap = event.swap
        bought = swap.input_mint == WSOL
        if not bought and swap.output_mint != WSOL:
            return
        mint = swap.output_mint if bought else swap.input_mint
        launch = self.launches.get(mint)
        if launch is None:
            if mint == USDC or context.market.pools_of(mint):
                return  # older than what was seen of it
            launch = self._launch(mint, event)
        worth = swap.amount_in if bought else swap.amount_out
        launch.fold(swap, bought=bought, worth=worth, launch_slots=self.params.bundle_slots)
        yield from self._creator_s(launch, context)
        if not launch.over and context.now_ms - launch.looked_ms >= self.params.check_every_ms:
            yield from self._look(launch, context)
        elif not bought and self.held:
            yield from self._guard(context, mint)

    def _launch(self, mint: Address, event: PoolCreated | Trade) -> Launch:
        slot = event.slot if isinstance(event, PoolCreated) else event.swap.slot
        launch = Launch(mint, slot, event.at_ms)
        self._watched[mint] = None
        bounded(self.launches, mint, launch, LAUNCHES_MAX)
        if len(self._watched) > LAUNCHES_MAX:
            self._watched.popitem(last=False)
        return launch

    def _creator_s(self, launch: Launch, context: Context) -> Iterator[StrategyOutput]:
        """What a creator's own sales say of him, also of coins that were never bought."""
        creator = launch.creator
        if creator is None or launch.dumped or launch.creator not in launch.sold_by:
            return
        if context.now_ms - launch.at_ms > self.params.creator_window_s * 1_000:
            return
        sold = sold_bps(launch.creator_bought, launch.creator_sold)
        if sold >= self.params.creator_dump_bps:
            launch.dumped = True
            yield from self._blame(launch, f"sold {sold} bps of {launch.mint} within minutes", context)

    def _blame(self, launch: Launch, why: str, context: Context) -> Iterator[StrategyOutput]:
        if launch.creator is not None and self.creators.blame(launch.creator, why):
            known = msgspec.to_builtins(Blame(launch.creator, why))
            detail = f"{launch.creator} {why}; none of his coins is bought any more"
            yield self._told(launch.mint, "REJECT", BLAMED_CODE, detail, context, known)

    # judging

    def _due(self, context: Context) -> Iterator[StrategyOutput]:
        """Launches that nobody trades get their report too, and are let go in the end."""
        now = context.now_ms
        for mint in list(self._watched):
            launch = self.launches.get(mint)
            if launch is None:
                del self._watched[mint]
            elif launch.pool is not None and now - launch.looked_ms >= self.params.check_every_ms:
                yield from self._look(launch, context)
            elif launch.pool is None and now - launch.at_ms > self.params.confirm_s_max * 1_000:
                self._let_go(launch)

    def _look(self, launch: Launch, context: Context) -> Iterator[StrategyOutput]:
        if launch.over or launch.pool is None:
            return
        launch.looked_ms = context.now_ms
        listing = self._listing(launch, context)
        if listing is None:
            return
        self._meet(launch, listing)
        dossier = self.dossier(launch, listing, context)
        word = judge(dossier, self.params)
        danger = risk(dossier, self.params)
        size = size_lamports(danger, self.params)
        if word is None and not size:
            word = Word(Code.REJECT_RISK, f"risk {danger}, at most {self.params.risk_max}")
        if word is None:
            word = self._round_trip(launch, listing, size, context) or self._room(launch, context)
        if word is None:
            self._let_go(launch)
            yield self._passed(dossier, danger, context)
            yield self._buy(launch, size, danger, context)
            return
        if word.code.verdict == "REJECT":
            self._let_go(launch)
            if word.code in BLAMED:
                yield from self._blame(launch, f"is to blame for {launch.mint}: {word.detail}", context)
        figures = {"risk": danger, "age_ms": dossier.age_ms, "source": dossier.source}
        yield self._told(launch.mint, word.code.verdict, word.code, word.detail, context, figures)

    def _meet(self, launch: Launch, listing: Listing) -> None:
        if launch.creator is None:
            launch.creator = listing.creator
        if launch.creator is not None and not launch.counted:
            launch.counted = True
            self.creators.launched(launch.creator, launch.at_ms)

    def _let_go(self, launch: Launch) -> None:
        launch.over = True
        self._watched.pop(launch.mint, None)

    def _listing(self, launch: Launch, context: Context) -> Listing | None:
        address = launch.pool.address if launch.pool is not None else None
        return next(
            (one for one in context.market.pools_of(launch.mint) if one.header.address == address), None
        )

    def dossier(self, launch: Launch, listing: Listing, context: Context) -> Dossier:
        creator, now = launch.creator, context.now_ms
        return Dossier(
            mint=launch.mint,
            source=listing.header.venue,
            age_ms=now - launch.at_ms,
            token=self._tokens.get(launch.mint),
            progress_bps=listing.progress_bps,
            doubtful=listing.doubtful or "",
            creator=creator,
            creator_blame=self.creators.blame_of(creator) if creator is not None else "",
            creator_launches=self.creators.launches_of(creator, now) if creator is not None else 0,
            creator_bought=launch.creator_bought,
            creator_sold=launch.creator_sold,
            bundle_bought=launch.bundle_bought,
            held=sum(launch.holdings.values()),
            largest=tuple(sorted(launch.holdings.values(), reverse=True)[:3]),
            buyers=launch.crowd,
            held_lamports=max(launch.held_lamports, 0),
            recent=context.features.window(launch.mint, RECENT_MS, now),
        )

    def _round_trip(self, launch: Launch, listing: Listing, size: int, context: Context) -> Word | None:
        """Quoted there and back, from the pool as it is; the desk simulates it on the chain afterwards."""
        moment = context.market.moment()
        there = listing.quote(QuoteRequest(WSOL, SwapKind.EXACT_IN, size), moment)
        if isinstance(there, Refusal):
            return Word(Code.REJECT_ROUND_TRIP, f"it cannot be bought: {there}")
        back = listing.quote(QuoteRequest(launch.mint, SwapKind.EXACT_IN, there.amount_out), moment)
        if isinstance(back, Refusal):
            return Word(Code.REJECT_ROUND_TRIP, f"it cannot be sold: {back}")
        lost = -change_bps(back.amount_out, size)
        if lost > self.params.round_trip_bps_max:
            return Word(
                Code.REJECT_ROUND_TRIP,
                f"buying {sol_text(size)} SOL and selling loses {lost} bps, at most {self.params.round_trip_bps_max}",
            )
        return None

    def _room(self, launch: Launch, context: Context) -> Word | None:
        """What has nothing to do with the coin; it may still be bought when that has changed."""
        rules, now = self.params, context.now_ms
        if now < self._free_ms:
            return Word(
                Code.WAIT_COOLDOWN, f"lost lately; buys again in {(self._free_ms - now) // 1_000 + 1} s"
            )
        source = self.sources.get(launch.pool.venue) if launch.pool is not None else None
        if source is not None and now < source.paused_until_ms:
            told = f"{source.losses_in_row} losses in a row, {sol_text(source.lamports)} SOL in {source.closed} trades"
            return Word(Code.WAIT_SOURCE_PAUSED, told)
        self._forget_lost(context)
        if len(self.held) >= rules.positions_max:
            return Word(
                Code.WAIT_POSITIONS, f"{len(self.held)} held or on their way, at most {rules.positions_max}"
            )
        return None

    def _forget_lost(self, context: Context) -> None:
        """What nobody took: the strategy is paused, or the bus was full."""
        states, now = context.books.states, context.now_ms
        for trade_id, one in list(self.held.items()):
            if trade_id not in states and now - one.asked_ms > LOST_AFTER_MS:
                del self.held[trade_id]

    def _passed(self, dossier: Dossier, danger: int, context: Context) -> StrategyDecided:
        detail = (
            f"risk {danger}: {dossier.buyers} buyers, {sol_text(dossier.held_lamports)} SOL, creator "
            f"{dossier.share_bps(dossier.creator_bought)} bps, launched {dossier.age_ms} ms ago"
        )
        figures = {
            "risk": danger, "age_ms": dossier.age_ms, "source": dossier.source, "buyers": dossier.buyers,
            "creator_bps": dossier.share_bps(dossier.creator_bought),
            "bundle_bps": dossier.share_bps(dossier.bundle_bought),
            "largest_bps": [dossier.share_bps(tokens) for tokens in dossier.largest],
        }  # fmt: skip
        return self._told(dossier.mint, "WAIT", PASSED_CODE, detail, context, figures)

    def _buy(self, launch: Launch, size: int, danger: int, context: Context) -> TradeIntent:
        trade_id = TradeId(derived_id(NAME, launch.mint, str(launch.slot)))
        source = launch.pool.venue if launch.pool is not None else ""
        self.held[trade_id] = Held(launch.mint, source, context.now_ms)
        token = self._tokens.get(launch.mint)
        return TradeIntent(
            id=IntentId(derived_id(NAME, "buy", trade_id)),
            trade_id=trade_id,
            signal_id=None,
            source=NAME,
            origin=Origin.STRATEGY_A,
            style=Style.SPEAR,
            side=Side.BUY,
            mint=launch.mint,
            symbol="",
            amount=size,
            slippage_bps_max=self.params.slippage_bps_max,
            created_at_ms=context.now_ms,
            ttl_ms=self.params.intent_ttl_ms,
            reason=f"launch confirmed by {launch.crowd} buyers, risk {danger}",
            urgency=2,
            token_program=token.program if token is not None else None,
        )

    # selling

    def _guard(self, context: Context, mint: Address | None = None) -> Iterator[StrategyOutput]:
        if not self.held and not context.books.open_positions:
            return
        for position in context.books.open_positions:
            if position.strategy != NAME or mint not in {None, position.mint}:
                continue
            if context.books.states.get(position.trade_id) is not TradeState.ACTIVE:
                continue
            if context.books.busy(position.trade_id):
                continue
            one = self.held.get(position.trade_id)
            if one is None:
                one = self.held[position.trade_id] = Held(position.mint, "", context.now_ms)
            if context.now_ms < one.not_before_ms:
                continue
            word = self._leave(position, one, context)
            if word is not None:
                one.not_before_ms = context.now_ms + RETRY_AFTER_MS
                yield self._sell(position, word, context)

    def _leave(self, position: Position, one: Held, context: Context) -> Word | None:
        """The first rule that asks to sell; a creator's sale and time hold even where the price is unknown."""
        rules, paid = self.params, position.paid_lamports
        launch = self.launches.get(position.mint)
        if launch is not None:
            sold = sold_bps(launch.creator_bought, launch.creator_sold)
            if sold > rules.creator_sold_bps_max:
                return Word(Code.EXIT_CREATOR_SOLD, f"its creator sold {sold} bps of what he bought")
        held_ms = context.now_ms - position.opened_at_ms
        if held_ms >= rules.hold_s_max * 1_000:
            return Word(Code.EXIT_TIME, f"held for {held_ms // 1_000} s, at most {rules.hold_s_max}")
        told = [pool.progress_bps for pool in context.market.pools_of(position.mint)]
        progress = told[0] if len(told) == 1 else None
        if progress is not None and progress >= rules.progress_bps_max:
            return Word(Code.EXIT_GRADUATING, f"its curve is {progress} bps full")
        value = context.prices.value_lamports(position.mint, position.tokens)
        if value is None or not paid or position.levels is not None:
            return None  # levels set by hand are the engine's to watch
        one.best_value = max(one.best_value, value)
        gain = change_bps(value, paid)
        if rules.stop_loss_bps and gain <= -rules.stop_loss_bps:
            return Word(Code.EXIT_STOP, f"{gain} bps, limit -{rules.stop_loss_bps}")
        if rules.take_profit_bps and gain >= rules.take_profit_bps:
            return Word(Code.EXIT_TAKE_PROFIT, f"+{gain} bps")
        fallen = -change_bps(value, one.best_value) if one.best_value else 0
        if self._trails(one, paid) and fallen >= rules.trailing_distance_bps:
            return Word(Code.EXIT_TRAILING, f"{fallen} bps below its best")
        return None

    def _trails(self, one: Held, paid: int) -> bool:
        return bool(self.params.trailing_from_bps) and (
            change_bps(one.best_value, paid) >= self.params.trailing_from_bps
        )

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

    # accounts

    def _moved(self, moved: TradeMoved, context: Context) -> Iterator[StrategyOutput]:
        if moved.after not in OVER:
            return
        one = self.held.pop(moved.trade_id, None)
        position = context.books.positions.get(moved.trade_id)
        if one is None or position is None or position.open or moved.after is not TradeState.CLOSED:
            return
        launch = self.launches.get(one.mint)
        source = one.source or (
            launch.pool.venue if launch is not None and launch.pool is not None else "unknown"
        )
        result = self._booked(source, position.realised_lamports, context.now_ms)
        self._account(result)
        detail = (
            f"{source}: {result.won} of {result.closed} won, {sol_text(int(result.lamports))} SOL so far; this one "
            f"{sol_text(position.realised_lamports)}"
        )
        yield self._told(one.mint, "WAIT", RESULT_CODE, detail, context, msgspec.to_builtins(result))

    def _booked(self, source: str, lamports: int, now_ms: int) -> Result:
        known, rules, lost = self.sources.get(source, Source()), self.params, lamports <= 0
        losses = known.losses_in_row + 1 if lost else 0
        return Result(
            source=source,
            closed=known.closed + 1,
            won=known.won + (not lost),
            lamports=str(known.lamports + lamports),
            losses_in_row=losses,
            paused_until_ms=now_ms + rules.pause_s * 1_000 if losses >= rules.losses_in_row_max else 0,
            free_ms=now_ms + rules.cooldown_s * 1_000 if lost else 0,
        )

    def _account(self, result: Result) -> None:
        self.sources[result.source] = Source(
            closed=result.closed,
            won=result.won,
            lamports=int(result.lamports),
            losses_in_row=result.losses_in_row,
            paused_until_ms=result.paused_until_ms,
        )
        self._free_ms = max(self._free_ms, result.free_ms)

    def _told(
        self,
        mint: Address,
        verdict: str,
        code: str,
        detail: str,
        context: Context,
        figures: dict[str, object],
    ) -> StrategyDecided:
        return StrategyDecided(NAME, mint, verdict, code, detail, slot=context.market.slot, data=figures)


STRATEGY = Sniper
