"""Sniper: each reason reached, a report in time, the whole world's traps refused, and every way out."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain.features import Window
from chimera.domain.ids import TOKEN_2022_PROGRAM, USDC, WSOL, Address, Signature, Slot, TradeId
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.domain.market import PoolCreated, SlotAdvanced, TokenMintInfo, Trade
from chimera.domain.messages import Entry, IntentEmitted, StrategyDecided, TradeMoved
from chimera.domain.pool import Moment, PoolHeader, Quote, QuoteRequest, Swap
from chimera.domain.risk import Reason, Refusal
from chimera.domain.token import TokenInfo
from chimera.domain.trade import Levels, Position, TradeState
from chimera.engine import Engine
from chimera.parameters.sniper import SniperParams as Params
from chimera.ports.strategy import Context
from chimera.strategies.sniper import BLAMED_CODE, PASSED_CODE, RESULT_CODE, Sniper
from chimera.strategies.sniper.analysis import (
    Code,
    Dossier,
    judge,
    risk,
    size_lamports,
    sold_bps,
)
from chimera.strategies.sniper.memory import CREATORS_MAX, Creators

MINT, POOL, MAKER = Address("mint"), Address("pool"), Address("maker")
SOL, SUPPLY = 10**9, 10**15
BP = SUPPLY // 10_000
P = Params()


def token(**changes: Any) -> TokenInfo:
    made = TokenInfo(
        mint=MINT, program=TOKEN_2022_PROGRAM, decimals=6, supply=SUPPLY, mint_authority=None, freeze_authority=None,
        slot=Slot(1), extensions=("metadata_pointer", "token_metadata"),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def window(**changes: Any) -> Window:
    made = Window(
        span_ms=10_000, trades=10, buys=8, buy_lamports=4 * SOL, sell_lamports=SOL, buyers=8, traders=9,
        largest_lamports=SOL, small_trades=0, repeaters=0, high=110, low=95, first_price=100, last_price=110,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def dossier(**changes: Any) -> Dossier:
    """A launch that is bought."""
    made = Dossier(
        mint=MINT, source="curves", age_ms=20_000, token=token(), progress_bps=2_000, doubtful="", creator=MAKER,
        creator_blame="", creator_launches=1, creator_bought=100 * BP, creator_sold=0, bundle_bought=0,
        held=1_600 * BP, largest=(300 * BP, 250 * BP, 200 * BP), buyers=12, held_lamports=12 * SOL, recent=window(),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


NOT_BOUGHT: list[tuple[Code, dict[str, Any]]] = [
    (Code.REJECT_FREEZE_AUTHORITY, {"token": token(freeze_authority=MAKER)}),
    (Code.REJECT_MINT_AUTHORITY, {"token": token(mint_authority=MAKER)}),
    (Code.REJECT_TRANSFER_FEE, {"token": token(transfer_fee_bps=1)}),
    (Code.REJECT_EXTENSIONS, {"token": token(extensions=("token_metadata", "permanent_delegate"))}),
    (Code.REJECT_SOURCE, {"progress_bps": None}),
    (Code.REJECT_CREATOR_UNKNOWN, {"creator": None}),
    (Code.REJECT_CREATOR_HISTORY, {"creator_blame": "sold his last one"}),
    (Code.REJECT_CREATOR_SERIAL, {"creator_launches": 4}),
    (Code.REJECT_CREATOR_SHARE, {"creator_bought": 500 * BP + 1}),
    (Code.REJECT_CREATOR_SELLING, {"creator_sold": 1}),
    (Code.REJECT_BUNDLE, {"bundle_bought": 500 * BP + 1}),
    (Code.REJECT_HOLDERS_UNKNOWN, {"progress_bps": 2_200}),
    (Code.REJECT_TOP_HOLDER, {"largest": (700 * BP + 1,)}),
    (Code.REJECT_TOP_HOLDERS, {"largest": (600 * BP, 600 * BP, 400 * BP + 1)}),
    (Code.REJECT_GRADUATING, {"progress_bps": 9_500, "held": 7_600 * BP}),
    (Code.REJECT_UNCONFIRMED, {"age_ms": 60_001, "buyers": 7}),
    (Code.REJECT_UNCONFIRMED, {"age_ms": 60_001, "token": None}),
    (Code.REJECT_UNCONFIRMED, {"age_ms": 60_001, "doubtful": "a gap"}),
    (Code.WAIT_MINT, {"token": None}),
    (Code.WAIT_ANALYSIS, {"age_ms": 1_599}),
    (Code.WAIT_POOL_DOUBTFUL, {"doubtful": "a gap"}),
    (Code.WAIT_BUYERS, {"buyers": 7}),
    (Code.WAIT_LIQUIDITY, {"held_lamports": 10 * SOL - 1}),
    (Code.WAIT_INFLOW, {"recent": window(buys=5)}),
    (Code.WAIT_INFLOW, {"recent": window(sell_lamports=4 * SOL)}),
]


def test_a_launch_that_nothing_speaks_against_and_others_want_is_bought() -> None:
    assert judge(dossier(), P) is None
    assert judge(dossier(age_ms=90_000), P) is None, "late, and confirmed all the same"


@pytest.mark.parametrize(("code", "how"), NOT_BOUGHT)
def test_each_reason_not_to_buy(code: Code, how: dict[str, Any]) -> None:
    word = judge(dossier(**how), P)
    assert word is not None
    assert word.code is code
    assert word.detail


@pytest.mark.parametrize("marked", [MINT, MAKER])
def test_the_blacklist_holds_mints_and_creators(marked: Address) -> None:
    word = judge(dossier(), msgspec.structs.replace(P, blacklist=f"someone, {marked}"))
    assert word is not None
    assert word.code is Code.REJECT_BLACKLISTED


@pytest.mark.parametrize("how", [how for code, how in NOT_BOUGHT if code.verdict == "REJECT"])
def test_no_crowd_makes_up_for_what_is_wrong(how: dict[str, Any]) -> None:
    eager = {"recent": window(buys=10, buy_lamports=500 * SOL), "held_lamports": 70 * SOL} | how
    assert judge(dossier(**eager), P) is not None


@given(st.integers(0, 100), st.integers(0, 100))
def test_more_risk_never_buys_more(one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert size_lamports(more, P) <= size_lamports(less, P) <= P.size_lamports_max
    assert not size_lamports(more, P) or more <= P.risk_max


def test_risk_grows_with_each_limit_that_is_used_up() -> None:
    calm = risk(dossier(creator_bought=0, largest=(BP,), progress_bps=0), P)
    assert calm < 5
    for how in (
        {"creator_bought": 500 * BP},
        {"bundle_bought": 500 * BP},
        {"largest": (700 * BP,)},
        {"creator_launches": 3},
    ):
        assert risk(dossier(**{"creator_bought": 0, "largest": (BP,), "progress_bps": 0} | how), P) > calm
    assert risk(dossier(creator_bought=SUPPLY, bundle_bought=SUPPLY, largest=(SUPPLY,) * 3), P) == 100


def test_who_sells_what_he_never_bought_sells_all_of_it() -> None:
    assert (sold_bps(0, 0), sold_bps(0, 1), sold_bps(100, 50), sold_bps(3, 1)) == (0, 10_000, 5_000, 3_334)


def test_blamed_creators_are_the_last_to_be_forgotten() -> None:
    known = Creators()
    known.blame(MAKER, "dumped")
    for number in range(CREATORS_MAX + 10):
        known.launched(Address(f"maker {number}"), number)
    assert known.blame_of(MAKER) == "dumped"
    assert len(known._known) <= CREATORS_MAX


class House:
    """Books, prices and one curve by hand; launches by their events."""

    def __init__(self, **params: Any) -> None:
        self.strategy = Sniper(msgspec.structs.replace(P, **params))
        self.engine = Engine([self.strategy])
        self.positions: dict[TradeId, Position] = {}
        self.states: dict[TradeId, TradeState] = {}
        self.under_way = False
        self.now, self.slot, self.number = 1_500_000, Slot(100), 0
        self.value: int | None = None
        self.header = PoolHeader("curves", POOL, MINT, WSOL)
        self.mint, self.doubtful, self.creator = MINT, None, MAKER
        self.progress_bps: int | None = 0
        self.back_bps: int | None = 9_500
        """What a quoted purchase gives back at once; None: it cannot be sold."""

    open_positions = property(lambda self: [one for one in self.positions.values() if one.open])

    def position_of(self, wallet: Address | None, mint: Address) -> Position | None:
        return None

    def busy(self, trade_id: TradeId) -> bool:
        return self.under_way

    def value_lamports(self, mint: Address, tokens: int) -> int | None:
        return self.value

    def sol_micro_usd(self) -> int | None:
        return None

    def moment(self) -> Moment:
        return Moment(0, self.slot, 0)

    def pools_of(self, mint: Address) -> list[Any]:
        return [self] if mint == self.mint else []

    def pools_between(self, one: Address, other: Address) -> list[Any]:
        return []

    def quote(self, request: QuoteRequest, moment: Moment) -> Quote | Refusal:
        if request.input_mint == WSOL:
            return self._quoted(request, MINT, request.amount * 1_000)
        if self.back_bps is None:
            return Refusal(Reason.POOL_DISABLED)
        return self._quoted(request, WSOL, request.amount // 1_000 * self.back_bps // 10_000)

    def _quoted(self, request: QuoteRequest, output: Address, out: int) -> Quote:
        return Quote(POOL, "curves", request.input_mint, output, request.amount, out, 0, 0, 0, self.slot)

    def send(self, event: Any) -> list[Any]:
        return self.engine.process(event, Context(self.now, self, self, self))

    def launch(self, mint: Address = MINT) -> list[Any]:
        self.mint, self.header = mint, PoolHeader("curves", POOL, mint, WSOL)
        self.slot, self.now = Slot(self.slot + 1), self.now + 400
        self.send(TokenMintInfo(token(mint=mint), self.now))
        said = self.send(PoolCreated(self.header, self.slot, self.now))
        return said + self.trade(MAKER, tokens=50 * BP, sol=SOL // 10)

    def trade(
        self, user: str = "", *, tokens: int = 150 * BP, sol: int = SOL, sold: bool = False
    ) -> list[Any]:
        self.number += 1
        who = Address(user or f"user{self.number}")
        sides = (self.mint, WSOL, tokens, sol) if sold else (WSOL, self.mint, sol, tokens)
        swap = Swap("curves", POOL, who, *sides, Signature(f"s{self.number}"), self.slot, 0)
        if self.progress_bps is not None:
            self.progress_bps += tokens // (BP * 2)  # slower than what was seen: nobody is unseen
        return self.send(Trade(swap, self.now))

    def wait(self, slots: int = 1) -> list[Any]:
        said: list[Any] = []
        for _ in range(slots):
            self.slot, self.now = Slot(self.slot + 1), self.now + 400
            said += self.send(SlotAdvanced(self.slot, self.now))
        return said

    def crowd(self, buyers: int = 12) -> list[Any]:
        said: list[Any] = []
        for _ in range(buyers):
            said += self.wait() + self.trade()
        return said

    def snipe(self, mint: Address = MINT) -> TradeIntent:
        """Launched, confirmed and bought."""
        (intent,) = intents([*self.launch(mint), *self.wait(4), *self.crowd()])
        self.positions[intent.trade_id] = Position(
            trade_id=intent.trade_id, mint=mint, symbol="", style=intent.style, wallet=None, tokens=9_000,
            tokens_bought=9_000, cost_lamports=intent.amount, received_lamports=0, swapped_lamports=intent.amount,
            opened_at_ms=self.now, opened_slot=self.slot, entry_signature=Signature("e"), strategy="sniper",
        )  # fmt: skip
        self.states[intent.trade_id] = TradeState.ACTIVE
        self.value = intent.amount
        self.send(TradeMoved(intent.trade_id, TradeState.EXECUTING, TradeState.ACTIVE, "landed"))
        return intent

    def at(self, gain_bps: int) -> list[Any]:
        (position,) = self.open_positions
        self.value = -(-position.paid_lamports * (10_000 + gain_bps) // 10_000)
        return self.wait(6)

    def closed(self, intent: TradeIntent, received: int) -> list[Any]:
        self.positions[intent.trade_id] = msgspec.structs.replace(
            self.positions[intent.trade_id], tokens=0, received_lamports=received
        )
        self.states[intent.trade_id] = TradeState.CLOSED
        return self.send(TradeMoved(intent.trade_id, TradeState.EXITING, TradeState.CLOSED, "sold"))


def intents(said: list[Any]) -> list[TradeIntent]:
    return [one for one in said if isinstance(one, TradeIntent)]


def codes(said: list[Any]) -> list[str]:
    return [one.code for one in said if isinstance(one, StrategyDecided)]


def test_every_launch_has_a_verdict_within_two_seconds_even_if_nobody_trades_it() -> None:
    house = House()
    assert codes(house.launch()) == [Code.WAIT_ANALYSIS]
    began = house.now
    said = house.wait(5)
    assert house.now - began <= 2_000
    assert codes(said) == [Code.WAIT_BUYERS]


def test_the_intent_leaves_with_the_event_that_makes_the_report_pass() -> None:
    house = House()
    said = [*house.launch(), *house.wait(4), *house.crowd(30)]
    (intent,) = intents(said)
    passed = next(one for one in said if isinstance(one, StrategyDecided) and one.code == PASSED_CODE)
    assert intent.created_at_ms == house.strategy.launches[MINT].looked_ms
    assert (intent.side, intent.style, intent.mint) == (Side.BUY, Style.SPEAR, MINT)
    assert intent.token_program == TOKEN_2022_PROGRAM
    assert intent.amount == size_lamports(passed.data["risk"], P) < P.size_lamports_max


def test_a_coin_is_bought_once_and_launches_that_nobody_confirms_are_let_go() -> None:
    house = House()
    house.launch()
    said = house.wait(160)
    assert codes(said)[-1] == Code.REJECT_UNCONFIRMED
    assert not intents(house.crowd(30))
    assert not house.strategy._watched


def test_what_was_traded_before_anybody_looked_is_not_bought() -> None:
    house = House()
    house.launch()
    house.progress_bps = 1_000
    assert Code.REJECT_HOLDERS_UNKNOWN in codes(house.crowd())


def test_a_bundle_is_seen_whoever_of_it_is_told_first() -> None:
    house = House()
    house.slot, house.now = Slot(house.slot + 1), house.now + 400
    house.mint = Address("nowhere yet")
    house.header = PoolHeader("curves", POOL, MINT, WSOL)
    for friend in ("friend", MAKER):  # transactions come before the curve's account
        swap = Swap(
            "curves", POOL, Address(friend), WSOL, MINT, SOL, 400 * BP, Signature(friend), house.slot, 0
        )
        house.send(Trade(swap, house.now))
    house.mint = MINT
    house.send(TokenMintInfo(token(), house.now))
    said = house.send(PoolCreated(house.header, house.slot, house.now))
    assert codes(said) == [Code.WAIT_ANALYSIS]
    swap = Swap("curves", POOL, Address("second"), WSOL, MINT, SOL, 101 * BP, Signature("x"), house.slot, 0)
    house.now += 200
    said = house.send(Trade(swap, house.now))
    assert set(codes(said)) == {Code.REJECT_BUNDLE, BLAMED_CODE}


def test_a_creator_who_dumps_is_blamed_and_his_next_coin_refused_also_after_a_restart() -> None:
    house = House()
    house.launch()
    house.wait(170)  # long refused
    said = house.trade(MAKER, tokens=25 * BP, sold=True)
    (blamed,) = [one for one in said if isinstance(one, StrategyDecided)]
    assert blamed.code == BLAMED_CODE
    assert Code.REJECT_CREATOR_HISTORY in codes(house.launch(Address("next")))
    again = House()
    again.strategy.recall([Entry(1, 0, "run", blamed)])
    assert Code.REJECT_CREATOR_HISTORY in codes(again.launch())


def test_a_creator_of_many_coins_within_an_hour_is_refused() -> None:
    house = House()
    for number in range(3):
        assert Code.REJECT_CREATOR_SERIAL not in codes(house.launch(Address(f"coin {number}")))
        house.progress_bps = 0
    assert Code.REJECT_CREATOR_SERIAL in codes(house.launch(Address("coin 3")))
    house.now += 3_600_000
    house.progress_bps = 0
    assert Code.REJECT_CREATOR_SERIAL not in codes(house.launch(Address("coin 4")))


@pytest.mark.parametrize("back_bps", [8_499, None])
def test_what_cannot_be_sold_again_for_about_the_same_is_refused(back_bps: int | None) -> None:
    house = House()
    house.back_bps = back_bps
    said = [*house.launch(), *house.wait(4), *house.crowd()]
    assert codes(said)[-1] == Code.REJECT_ROUND_TRIP
    assert not intents(said)


def test_too_much_risk_is_refused() -> None:
    house = House(risk_max=0)
    said = [*house.launch(), *house.wait(4), *house.crowd()]
    assert codes(said)[-1] == Code.REJECT_RISK


def test_no_more_positions_than_allowed() -> None:
    house = House(positions_max=1)
    house.snipe()
    house.progress_bps, house.creator = 0, Address("another maker")
    said = [*house.launch(Address("other")), *house.wait(4), *house.crowd()]
    assert Code.WAIT_POSITIONS in codes(said)
    assert not intents(said)


def test_after_a_loss_it_rests_and_after_three_in_a_row_the_source_is_paused() -> None:
    house = House()
    said: list[Any] = []
    for number in range(3):
        house.progress_bps, house.creator = 0, Address(f"maker {number}")
        intent = house.snipe(Address(f"coin {number}"))
        said = house.closed(intent, intent.amount - 1)
        house.progress_bps, house.creator = 0, Address(f"unlucky {number}")
        cooling = [*house.launch(Address(f"too early {number}")), *house.wait(4), *house.crowd()]
        assert Code.WAIT_COOLDOWN in codes(cooling)
        house.now += 60_000
    (result,) = [one for one in said if isinstance(one, StrategyDecided)]
    assert result.code == RESULT_CODE
    assert (result.data["closed"], result.data["won"], result.data["losses_in_row"]) == (3, 0, 3)
    assert result.data["lamports"] == "-3"
    again = House()  # what was lost is found again in the journal
    again.strategy.recall([Entry(1, 0, "run", result)])
    again.now = house.now
    for one in (house, again):
        one.progress_bps, one.creator = 0, Address("a new maker")
        paused = [*one.launch(Address("later")), *one.wait(4), *one.crowd()]
        assert Code.WAIT_SOURCE_PAUSED in codes(paused)
        assert not intents(paused)


def test_a_win_ends_the_row_of_losses() -> None:
    house = House()
    intent = house.snipe()
    house.closed(intent, intent.amount + 5)
    source = house.strategy.sources["curves"]
    assert (source.closed, source.won, source.lamports, source.losses_in_row) == (1, 1, 5, 0)


def test_its_creator_s_first_sale_sells_everything_at_once_unpriced_too() -> None:
    house = House()
    house.snipe()
    house.value = None
    (out,) = intents(house.trade(MAKER, tokens=BP, sold=True))
    assert (out.side, out.amount, out.reason.split(":")[0]) == (Side.SELL, 9_000, Code.EXIT_CREATOR_SOLD)
    assert not intents(house.trade(MAKER, tokens=BP, sold=True)), "asked for a moment ago"


@pytest.mark.parametrize(
    ("gain", "code"),
    [(-1_500, Code.EXIT_STOP), (5_000, Code.EXIT_TAKE_PROFIT), (-1_499, None), (4_999, None)],
)
def test_stop_and_target_sell_everything(gain: int, code: Code | None) -> None:
    house = House()
    house.snipe()
    out = intents(house.at(gain))
    assert [one.reason.split(":")[0] for one in out[:1]] == ([code] if code else [])


def test_the_trailing_stop_holds_from_its_gain_on() -> None:
    house = House()
    intent = house.snipe()
    assert not intents(house.at(1_500))
    stop, target = house.strategy.levels(house.positions[intent.trade_id])
    assert stop is not None
    assert (stop > intent.amount, target) == (True, intent.amount * 3 // 2)
    (out, *_) = intents(house.at(11_499 * 8_800 // 10_000 - 10_000))
    assert out.reason.startswith(Code.EXIT_TRAILING)


def test_time_and_a_full_curve_sell() -> None:
    house = House()
    house.snipe()
    house.progress_bps = 9_500
    (out, *_) = intents(house.wait())
    assert out.reason.startswith(Code.EXIT_GRADUATING)
    house = House()
    house.snipe()
    house.now += 120_000
    (out, *_) = intents(house.wait())
    assert out.reason.startswith(Code.EXIT_TIME)


def test_levels_set_by_hand_stand_in_for_its_own() -> None:
    house = House()
    intent = house.snipe()
    house.positions[intent.trade_id] = msgspec.structs.replace(
        house.positions[intent.trade_id], levels=Levels(stop_bps=-9_000, target_bps=None)
    )
    assert not [one for one in intents(house.at(-5_000)) if one.source == "sniper"]


def test_after_a_restart_what_is_held_is_guarded_and_what_closed_is_not() -> None:
    house = House()
    intent = house.snipe()
    again = House()
    again.strategy.recall([Entry(1, 0, "run", IntentEmitted(intent))])
    assert list(again.strategy.held) == [intent.trade_id]
    moved = TradeMoved(intent.trade_id, TradeState.EXITING, TradeState.CLOSED, "sold")
    again.strategy.recall([Entry(1, 0, "run", IntentEmitted(intent)), Entry(2, 0, "run", moved)])
    assert not again.strategy.held
    again.positions, again.states, again.now = house.positions, house.states, house.now
    again.value = 0
    (out, *_) = intents(again.wait())
    assert out.reason.startswith(Code.EXIT_STOP)


def test_pools_of_others_and_old_tokens_are_not_followed() -> None:
    house = House()
    house.trade()  # its pool is known, its launch was not seen
    swap = Swap("v", POOL, Address("u"), USDC, MINT, 1, 1, Signature("s"), house.slot, 0)
    house.send(Trade(swap, house.now))
    house.send(PoolCreated(PoolHeader("v", POOL, WSOL, USDC), house.slot, house.now))
    assert not house.strategy.launches
