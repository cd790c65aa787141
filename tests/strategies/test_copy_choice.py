"""Which buys of a copied wallet are copied: every rule by itself, off by default, told by name when it declines."""

from typing import Any

import msgspec
import pytest

from chimera.domain.ids import Address, SignalId, Signature, Slot, TradeId
from chimera.domain.intent import Side, Signal, Source, Style, TradeIntent
from chimera.domain.messages import SignalDropped, TradeMoved
from chimera.domain.risk import Reason
from chimera.domain.trade import Position, TradeState
from chimera.parameters.copy_trade import CopyChoice, CopyTradeParams, StyleRules
from chimera.ports.strategy import Context
from chimera.strategies.copy_trade import CopyTrade

SOL = 10**9
WALLET, MINT = Address("wallet"), Address("mint")


class House:
    """Books set by hand around a copier with this choice."""

    def __init__(self, *, sell_whole: bool = False, **choice: Any) -> None:
        params = CopyTradeParams(
            shield=StyleRules(size_lamports_min=1),
            choice=CopyChoice(**choice),
            sell_whole=sell_whole,
            positions_per_token_max=99,
        )
        self.strategy = CopyTrade(params)
        self.positions: dict[TradeId, Position] = {}
        self.states: dict[TradeId, TradeState] = {}
        self.now, self.number = 1_000_000, 0

    @property
    def open_positions(self) -> list[Position]:
        return [one for one in self.positions.values() if one.open]

    def position_of(self, wallet: Address | None, mint: Address) -> Position | None:
        return next((p for p in self.open_positions if p.mint == mint and wallet in (None, p.wallet)), None)

    def busy(self, trade_id: TradeId) -> bool:
        return False

    def value_lamports(self, mint: Address, tokens: int) -> int | None:
        return None

    def sol_micro_usd(self) -> int | None:
        return None

    def on(self, event: Any) -> list[Any]:
        return list(self.strategy.on_event(event, Context(self.now, self, self)))

    def buys(self, sol: float = 1, **changes: Any) -> TradeIntent | Reason:
        """The wallet buys: what follows, or why nothing does."""
        self.number += 1
        signal = Signal(
            id=SignalId(f"s{self.number}"), source=Source.WATCHER, strategy=Style.SHIELD, side=Side.BUY, mint=MINT,
            symbol="", amount_lamports=int(sol * SOL), wallet=WALLET, at_ms=self.now,
        )  # fmt: skip
        (made,) = self.on(msgspec.structs.replace(signal, **changes))
        if isinstance(made, SignalDropped):
            assert made.refusal.limit
            assert made.refusal.observed
            return made.refusal.reason
        assert isinstance(made, TradeIntent)
        return made

    def closes(self, intent: Any, *, gain: int) -> None:
        position = Position(
            trade_id=intent.trade_id, mint=MINT, symbol="", style=Style.SHIELD, wallet=intent.wallet, tokens=0,
            tokens_bought=10, cost_lamports=100, received_lamports=100 + gain, swapped_lamports=100,
            opened_at_ms=1, opened_slot=Slot(1), entry_signature=Signature("e"), strategy="copy_trade",
        )  # fmt: skip
        self.positions[intent.trade_id] = position
        self.on(TradeMoved(intent.trade_id, TradeState.EXITING, TradeState.CLOSED, "sold"))

    def holds(self, tokens: int = 10) -> None:
        self.positions[TradeId("held")] = Position(
            trade_id=TradeId("held"), mint=MINT, symbol="", style=Style.SHIELD, wallet=WALLET, tokens=tokens,
            tokens_bought=10, cost_lamports=SOL, received_lamports=0, swapped_lamports=SOL, opened_at_ms=1,
            opened_slot=Slot(1), entry_signature=Signature("e"), strategy="copy_trade",
        )  # fmt: skip


def test_by_default_every_buy_is_copied_at_its_share() -> None:
    house = House()
    for _ in range(5):
        made = house.buys(0.5)
        assert isinstance(made, TradeIntent)
        assert made.amount == SOL // 2


def test_a_fixed_size_is_bought_whatever_the_wallet_spends() -> None:
    house = House(sizing="fixed", fixed_lamports=7)
    assert [house.buys(sol).amount for sol in (0.01, 100)] == [7, 7]  # type: ignore[union-attr]


@pytest.mark.parametrize(("sol", "copied"), [(0.099, False), (0.1, True), (2, True), (2.001, False)])
def test_only_buys_within_the_bounds_of_the_wallet_s_own_size_are_copied(sol: float, copied: bool) -> None:
    made = House(trader_lamports_min=SOL // 10, trader_lamports_max=2 * SOL).buys(sol)
    assert isinstance(made, TradeIntent) if copied else made is Reason.POSITION_SIZE_ZERO


def test_only_the_first_buy_of_a_token_is_copied_of_each_wallet() -> None:
    house = House(first_buy_only=True)
    assert isinstance(house.buys(), TradeIntent)
    assert house.buys() is Reason.POSITION_OPEN
    assert isinstance(house.buys(mint=Address("other")), TradeIntent)
    assert isinstance(house.buys(wallet=Address("another")), TradeIntent)


def test_a_first_buy_that_was_declined_is_the_first_all_the_same() -> None:
    house = House(first_buy_only=True, trader_lamports_min=SOL)
    assert house.buys(0.5) is Reason.POSITION_SIZE_ZERO
    assert house.buys(2) is Reason.POSITION_OPEN


def test_a_token_is_copied_so_often_in_its_window_and_then_again() -> None:
    house = House(rebuys_max=2, rebuy_window_s=60)
    assert [isinstance(house.buys(), TradeIntent) for _ in range(3)] == [True, True, False]
    house.now += 60_000
    assert isinstance(house.buys(), TradeIntent)


def test_a_wallet_s_budget_counts_what_is_held_and_what_is_on_its_way() -> None:
    house = House(wallet_budget_lamports=3 * SOL)
    house.holds(tokens=5)  # half of it is sold: 0.5 SOL remain
    assert isinstance(house.buys(1.5), TradeIntent)
    assert house.buys(1.1) is Reason.STRATEGY_HEAT_LIMIT
    assert isinstance(house.buys(1), TradeIntent)
    assert isinstance(house.buys(1.1, wallet=Address("another")), TradeIntent)


def test_a_wallet_is_left_alone_after_losses_in_a_row_and_for_its_time_only() -> None:
    house = House(wallet_losses_max=2, wallet_pause_s=100)
    house.closes(house.buys(), gain=-1)
    house.closes(house.buys(), gain=1)
    house.closes(house.buys(), gain=-1)
    last = house.buys()
    house.closes(last, gain=-1)
    assert house.buys() is Reason.WALLET_NOT_ACTIVE
    assert isinstance(house.buys(wallet=Address("another")), TradeIntent)
    house.now += 100_000
    assert isinstance(house.buys(), TradeIntent)


@pytest.mark.parametrize(
    ("whole", "source", "sold"),
    [(False, Source.WATCHER, 3), (True, Source.WATCHER, 10), (True, Source.OPERATOR, 3)],
)
def test_a_part_that_the_wallet_sells_is_sold_as_a_part_or_as_everything(
    whole: bool, source: Source, sold: int
) -> None:
    house = House(sell_whole=whole)
    house.holds()
    house.states[TradeId("held")] = TradeState.ACTIVE
    signal = Signal(
        SignalId("x"), source, Style.EXIT, Side.SELL, MINT, "", 0, WALLET, 1, fraction_bps=3_000,
        trade_id=TradeId("held") if source is Source.OPERATOR else None,
    )  # fmt: skip
    (made,) = house.on(signal)
    assert made.amount == sold


def test_a_position_of_another_strategy_in_the_same_token_is_no_copy() -> None:
    house = House()
    house.holds()
    house.strategy.params = msgspec.structs.replace(house.strategy.params, positions_per_token_max=1)
    held = house.positions[TradeId("held")]
    house.positions[TradeId("held")] = msgspec.structs.replace(held, strategy="momentum", wallet=None)
    assert isinstance(house.buys(), TradeIntent)
