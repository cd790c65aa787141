"""Swaps as sales and purchases: oldest first, costs passed on, unknown where nobody knows, and only when final."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from chimera.audit.rebalances import Rebalances, SwapState
from chimera.audit.swap_lots import Basis, SwapLot
from chimera.domain.ids import USDC, Address, IntentId, Signature, Slot, TradeId
from chimera.domain.intent import Side
from chimera.domain.messages import (
    CapitalMoved,
    Entry,
    Fact,
    IntentEmitted,
    IntentRefused,
    LegFinalized,
    LegLanded,
    LegPlanned,
    LegReverted,
    LegSigned,
    LegUndone,
    StrategyDecided,
)
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import LegRef
from chimera.testing.builders import BONK, fill, intent

JUP = Address("JUP")
FEE, RENT = 5_000, 2_039_280


class Story:
    """A journal of swaps, folded as it is told."""

    def __init__(self) -> None:
        self.basis, self.seen = Basis(), Rebalances()
        self.lots: list[SwapLot] = []
        self.seq = 0

    def tell(self, *facts: Fact) -> None:
        for fact in facts:
            self.seq += 1
            entry = Entry(self.seq, self.seq, "run", fact)
            self.lots += self.basis.apply(entry)
            self.seen.apply(entry)

    def comes(self, mint: Address, amount: int) -> None:
        self.tell(CapitalMoved(0, Slot(1), "sent", tokens=((mint, amount),)))

    def asks(self, name: str, paid: Address, amount: int, got: Address) -> LegRef:
        told: dict[str, Any] = {
            "key": name, "input_mint": paid, "output_mint": got, "amount": str(amount), "micro_usd": "7", "trader": "Ann",
        }  # fmt: skip
        trade = TradeId(name)
        self.tell(StrategyDecided("rebalancer", got, "TRADE", "swap", "", data=told | {"intent_id": name}))
        wanted = intent(
            id=IntentId(name),
            trade_id=trade,
            side=Side.SWAP,
            mint=got,
            pay_mint=paid,
            amount=amount,
            source="rebalancer",
        )
        self.tell(IntentEmitted(wanted))
        return LegRef(f"{name}.1", wanted.id, trade)

    def plans(self, leg: LegRef, amount: int, worth: int) -> None:
        self.tell(LegPlanned(leg, (), amount, 1, 1, Slot(1), 1, 1, 0, worth_lamports=worth))
        self.tell(LegSigned(leg, Signature(f"signature of {leg.leg_id}"), b"", 9))

    def lands(
        self, leg: LegRef, paid: Address, amount: int, got: Address, tokens: int, *, dust: int = 0
    ) -> None:
        self.tell(
            LegLanded(
                leg,
                fill(
                    side=Side.SWAP, mint=got, token_delta=tokens, swap_lamports=dust, fee_lamports=FEE,
                    rent_lamports=RENT, other_tokens=((paid, -amount),), at_ms=self.seq,
                ),
            )
        )  # fmt: skip

    def swaps(
        self, name: str, paid: Address, amount: int, got: Address, tokens: int, *, worth: int, dust: int = 0
    ) -> None:
        leg = self.asks(name, paid, amount, got)
        self.plans(leg, amount, worth)
        self.lands(leg, paid, amount, got, tokens, dust=dust)
        self.tell(LegFinalized(leg, Signature("s"), Slot(9)))


def test_what_came_from_outside_has_no_known_cost_and_no_known_gain_but_what_it_bought_has() -> None:
    story = Story()
    story.comes(USDC, 100)
    story.swaps("one", USDC, 100, JUP, 40, worth=10**9, dust=1_000)
    (lot,) = story.lots
    assert (lot.tokens, lot.cost_lamports, lot.proceeds_lamports, lot.gain_lamports) == (
        100,
        None,
        10**9,
        None,
    )
    assert story.basis.cost_of(USDC) == (0, 0)
    assert story.basis.cost_of(JUP) == (40, 10**9 - 1_000 + FEE + RENT)


def test_what_a_swap_bought_is_sold_with_its_gain_oldest_first_and_cut_where_a_purchase_ends() -> None:
    story = Story()
    story.comes(USDC, 300)
    story.swaps("one", USDC, 100, JUP, 40, worth=10**9)
    story.swaps("two", USDC, 200, JUP, 10, worth=2 * 10**9)
    first, second = 10**9 + FEE + RENT, 2 * 10**9 + FEE + RENT
    story.swaps("out", JUP, 45, BONK, 7, worth=9 * 10**8 + 1)
    old, new = story.lots[2:]
    assert (old.tokens, old.cost_lamports) == (40, first)
    assert (new.tokens, new.cost_lamports) == (5, second // 2)
    assert (old.proceeds_lamports or 0) + (new.proceeds_lamports or 0) == 9 * 10**8 + 1
    assert story.basis.cost_of(JUP) == (5, second // 2)
    assert story.seen.swaps["out"].gain_lamports == 9 * 10**8 + 1 - first - second // 2


def test_a_worth_that_nobody_knew_leaves_gain_and_cost_unknown() -> None:
    story = Story()
    story.swaps("one", USDC, 100, JUP, 40, worth=0)
    assert story.lots[0].proceeds_lamports is None
    assert story.basis.cost_of(JUP) == (40, None)


def test_nothing_counts_before_it_is_final_and_what_a_fork_undid_never_does() -> None:
    story = Story()
    story.comes(USDC, 100)
    leg = story.asks("one", USDC, 100, JUP)
    story.plans(leg, 100, 10**9)
    story.lands(leg, USDC, 100, JUP, 40)
    assert (story.lots, story.basis.cost_of(USDC)[0]) == ([], 100)
    assert story.seen.swaps["one"].state is SwapState.CONFIRMED
    story.tell(LegUndone(leg, Signature("s"), Slot(9), "a fork"))
    story.tell(LegFinalized(leg, Signature("s"), Slot(9)))
    assert (story.lots, story.basis.cost_of(USDC)[0]) == ([], 100)
    one = story.seen.swaps["one"]
    assert (one.state, one.got, one.cost_lamports) == (SwapState.SUBMITTED, None, None)


def test_each_swap_says_what_became_of_it() -> None:
    story = Story()
    story.comes(USDC, 100)
    states = {}
    leg = story.asks("landed", USDC, 100, JUP)
    states["asked"] = story.seen.swaps["landed"].state
    story.plans(leg, 100, 10**9)
    states["signed"] = story.seen.swaps["landed"].state
    story.lands(leg, USDC, 100, JUP, 40)
    refused = story.asks("refused", USDC, 1, JUP)
    story.tell(IntentRefused(refused.intent_id, refused.trade_id, Refusal(Reason.MAX_POSITION, "1", "2")))
    reverted = story.asks("reverted", USDC, 1, JUP)
    story.plans(reverted, 1, 5)
    story.tell(LegReverted(reverted, Signature("s"), Slot(9), "Custom(1)", -FEE, ""))
    assert states == {"asked": SwapState.PENDING, "signed": SwapState.SUBMITTED}
    landed = story.seen.swaps["landed"]
    assert (landed.state, landed.got, landed.cost_lamports) == (SwapState.CONFIRMED, 40, FEE + RENT)
    assert story.seen.swaps["refused"].reason == "RISK_MAX_POSITION (limit 1, observed 2)"
    assert (story.seen.swaps["reverted"].state, story.seen.swaps["reverted"].cost_lamports) == (
        SwapState.FAILED,
        FEE,
    )


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 10**9), st.integers(1, 10**12)), max_size=12))
def test_whatever_is_swapped_to_and_fro_no_token_and_no_lamport_of_cost_gets_lost(
    steps: list[tuple[bool, int, int]],
) -> None:
    story = Story()
    story.swaps("start", USDC, 10**9, JUP, 10**9, worth=10**12)
    held, spent = {JUP: 10**9, BONK: 0}, 10**12 + FEE + RENT
    for number, (there, amount, worth) in enumerate(steps):
        paid, got = (JUP, BONK) if there else (BONK, JUP)
        amount = min(amount, held[paid])
        if not amount:
            continue
        story.swaps(str(number), paid, amount, got, amount, worth=worth)
        held[paid], held[got] = held[paid] - amount, held[got] + amount
        spent += worth + FEE + RENT
    costs = [story.basis.cost_of(mint) for mint in (JUP, BONK)]
    assert [tokens for tokens, _ in costs] == [held[JUP], held[BONK]]
    sold = sum(lot.cost_lamports or 0 for lot in story.lots)
    assert sum(cost or 0 for _, cost in costs) + sold == spent
    assert all(msgspec.json.encode(lot) for lot in story.lots)
