"""The books: profit to the lamport, whatever the order of legs, and equal to the wallet's own change."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain.ids import Address, IntentId, SignalId, Signature, Slot, TradeId
from chimera.domain.intent import Origin, Side, Style, TradeIntent
from chimera.domain.messages import (
    CapitalMoved,
    Entry,
    Fact,
    IntentEmitted,
    LegLanded,
    LegPlanned,
    LegReverted,
    LegUndone,
    TradeMoved,
    UpkeepLanded,
)
from chimera.domain.trade import Fill, LegRef, TradeState
from chimera.portfolio import Ledger
from chimera.testing.stories import entries

MINT = Address("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263")
WALLET = Address("7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU")
TRADE = TradeId("t")


class Books:
    """A ledger that is fed facts."""

    def __init__(self, opening: int = 10**10) -> None:
        self.ledger = Ledger()
        self.seq = 0
        self.tell(CapitalMoved(opening, Slot(1), "opening balance"))

    def tell(self, fact: Fact) -> None:
        self.seq += 1
        self.ledger.apply(Entry(self.seq, self.seq, "run", fact))

    def want(self, side: Side, amount: int, intent_id: str) -> LegRef:
        intent = TradeIntent(
            id=IntentId(intent_id), trade_id=TRADE, signal_id=SignalId("s"), source="copy_trade",
            origin=Origin.STRATEGY_A, style=Style.SHIELD, side=side, mint=MINT, symbol="BONK", amount=amount,
            slippage_bps_max=100, created_at_ms=1, ttl_ms=1000, reason="", wallet=WALLET,
        )  # fmt: skip
        self.tell(IntentEmitted(intent))
        leg = LegRef(f"{intent_id}.1", intent.id, TRADE)
        self.tell(LegPlanned(leg, (), amount, 1, 1, Slot(1), 1, 1, 0))
        return leg

    def land(self, leg: LegRef, fill: Fill) -> None:
        self.tell(LegLanded(leg, fill))


def fill(side: Side, tokens: int, swap: int, fee: int = 5_000, tip: int = 0, rent: int = 0) -> Fill:
    sign = -1 if side is Side.BUY else 1
    return Fill(
        signature=Signature(f"{side}{tokens}"), slot=Slot(5), side=side, mint=MINT,
        token_delta=tokens if side is Side.BUY else -tokens, lamports_delta=sign * swap - fee - tip - rent,
        swap_lamports=swap, fee_lamports=fee, tip_lamports=tip, rent_lamports=rent, at_ms=9,
    )  # fmt: skip


def test_a_closed_round_trip_made_exactly_what_the_wallet_gained() -> None:
    books = Books()
    books.land(books.want(Side.BUY, 100, "a"), fill(Side.BUY, 777, 100_000, rent=2_039_280))
    books.land(books.want(Side.SELL, 777, "b"), fill(Side.SELL, 777, 130_000, rent=-2_039_280))
    position = books.ledger.positions[TRADE]
    assert not position.open
    assert position.realised_lamports == books.ledger.lamports - 10**10 == 130_000 - 100_000 - 10_000
    assert books.ledger.tokens[MINT] == 0


def test_a_partial_sale_never_overstates_its_profit() -> None:
    books = Books()
    books.land(books.want(Side.BUY, 100, "a"), fill(Side.BUY, 3, 100))
    books.land(books.want(Side.SELL, 1, "b"), fill(Side.SELL, 1, 50, fee=0))
    position = books.ledger.positions[TRADE]
    assert position.tokens == 2
    assert position.realised_lamports == 50 - 1_700, "a third of 5,100, rounded up"


def test_a_reverted_leg_costs_its_fee_and_the_next_one_carries_it() -> None:
    books = Books()
    leg = books.want(Side.BUY, 100, "a")
    assert books.ledger.busy(TRADE)
    assert books.ledger.reserved_lamports == 100
    books.tell(LegReverted(leg, Signature("x"), Slot(4), "SlippageExceeded", -7_000))
    assert books.ledger.realised_lamports == -7_000
    assert not books.ledger.busy(TRADE)
    books.land(books.want(Side.BUY, 100, "c"), fill(Side.BUY, 10, 100))
    assert books.ledger.positions[TRADE].cost_lamports == 100 + 5_000 + 7_000
    assert books.ledger.fees_lamports == 12_000


def test_an_intent_id_is_known_for_ever() -> None:
    books = Books()
    books.land(books.want(Side.BUY, 100, "a"), fill(Side.BUY, 10, 100))
    assert IntentId("a") in books.ledger.intents
    assert books.ledger.outcome_of[IntentId("a")] == "LANDED"


amounts = st.integers(min_value=0, max_value=10**12)


@given(
    bought=st.integers(1, 10**15),
    swap_in=st.integers(1, 10**12),
    parts=st.lists(st.tuples(st.integers(1, 100), amounts, amounts, amounts), min_size=1, max_size=6),
)
def test_books_equal_the_wallet_at_all_times(
    bought: int, swap_in: int, parts: list[tuple[int, int, int, int]]
) -> None:
    books = Books(opening=10**15)
    wallet = 10**15

    def land(name: str, landed: Fill) -> None:
        nonlocal wallet
        books.land(books.want(landed.side, abs(landed.token_delta), name), landed)
        wallet += landed.lamports_delta
        assert books.ledger.lamports == wallet

    land("a", fill(Side.BUY, bought, swap_in, rent=2_039_280))
    left = bought
    for place, (share, out, fee, tip) in enumerate(parts):
        last = place == len(parts) - 1
        sold = left if last else min(left, bought * share // 700)
        if sold:
            land(f"s{place}", fill(Side.SELL, sold, out, fee=fee, tip=tip, rent=-2_039_280 if last else 0))
            left -= sold
    assert books.ledger.realised_lamports == wallet - 10**15


def test_states_and_retries_follow_the_moves() -> None:
    books = Books()
    books.tell(TradeMoved(TRADE, TradeState.FAILED, TradeState.RETRY, "again", 2))
    assert books.ledger.states[TRADE] is TradeState.RETRY
    assert books.ledger.retries[TRADE] == 2
    assert msgspec.json.decode(
        msgspec.json.encode(Entry(1, 1, "r", TradeMoved(TRADE, TradeState.FAILED, TradeState.RETRY, "", 2))),
        type=Entry,
    )


@pytest.mark.parametrize("seed", range(12))
def test_after_every_fact_the_books_are_the_wallets_own_change_and_profit_accounts_for_all_of_it(
    seed: int,
) -> None:
    """A second, plain count beside the books, over whole days with forks, reverts and chores."""
    ledger, lamports, capital, chores = Ledger(), 0, 0, 0
    held: Counter[Address] = Counter()
    booked: dict[str, LegLanded] = {}
    for entry in entries(seed, trades=12):
        ledger.apply(entry)
        match entry.fact:
            case CapitalMoved() as moved:
                lamports, capital = lamports + moved.lamports, capital + moved.lamports
                held.update(dict(moved.tokens))
            case LegLanded(leg, landed):
                booked[leg.leg_id] = entry.fact
                lamports += landed.lamports_delta
                held[landed.mint] += landed.token_delta
            case LegUndone(leg):
                undone = booked.pop(leg.leg_id).fill
                lamports -= undone.lamports_delta
                held[undone.mint] -= undone.token_delta
            case LegReverted() as reverted:
                lamports += reverted.lamports_delta
            case UpkeepLanded() as done:
                lamports, chores = lamports + done.lamports_delta, chores + done.lamports_delta
                held.update(dict(done.tokens))
            case _:
                pass
        assert ledger.lamports == lamports
        assert {mint: n for mint, n in ledger.tokens.items() if n} == {
            mint: n for mint, n in held.items() if n
        }
        # what is not profit is still in positions, at cost
        invested = sum(
            one.cost_lamports - -(-one.cost_lamports * (one.tokens_bought - one.tokens) // one.tokens_bought)
            for one in ledger.positions.values()
        )
        assert ledger.lamports + invested == capital + chores + ledger.realised_lamports
