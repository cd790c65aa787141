"""Storms in which held dollars are swapped beside the round trips: kills, forks, losses and lies, and no dollar twice."""

from typing import Any

import msgspec
import pytest

from chimera.domain.chain import TokenBalance, TransactionUpdate
from chimera.domain.ids import TOKEN_PROGRAM, USDC, Address, Signature, Slot, TradeId, derived_id
from chimera.domain.intent import Side, Style, TradeIntent
from chimera.domain.messages import CapitalMoved, IntentRefused, LegLanded, LegUndone, TokenChecked
from chimera.domain.risk import Reason
from chimera.domain.token import TokenInfo, TokenReport
from chimera.execution.desk import Desk, DeskLimits
from chimera.execution.effects import Arrived
from chimera.sim import storm as storms
from chimera.sim.storm import _Day
from chimera.sim.storm_chain import FEE_LAMPORTS, StormChain

DOLLARS = 1_000_000_000
SEEDS = range(17, 25)  # kills, deep forks and calm days among them
SWAPS = 6
OURS = Address("ata of dollars")
# not those of the round trips: a sale would find in the account what its own undone purchase no longer brought
WANTED = tuple(Address(f"{letter:1<44}") for letter in "AB")


class SwapChain(StormChain):
    """Its wallet has dollars too, and swaps pay with them."""

    def spent(self, before: Signature | None = None) -> int:
        """Dollars that landed swaps have taken, up to the one given."""
        total = 0
        for signature, done in self._known.items() if before is None else list(self._outcomes().items()):
            if signature == before:
                break
            if done.error is None and self.orders[signature].side is Side.SWAP:
                total += self.orders[signature].amount
        return total

    def _effect(self, signature: Signature, tokens: dict[Address, int]) -> tuple[str | None, int, int]:
        order = self.orders[signature]
        if order.side is not Side.SWAP:
            return super()._effect(signature, tokens)
        # reverted by the same luck as a purchase
        self.orders[signature] = msgspec.structs.replace(order, side=Side.BUY)
        error, _, _ = super()._effect(signature, tokens)
        self.orders[signature] = order
        if error is not None:
            return error, -FEE_LAMPORTS, 0
        if self.spent() + order.amount > DOLLARS:
            return "InstructionError(3, Custom(1))", -FEE_LAMPORTS, 0
        return None, -FEE_LAMPORTS, order.amount * 7 + self._where[signature]  # the price moves with the slot

    def transaction(self, signature: Signature) -> TransactionUpdate | None:
        told = super().transaction(signature)
        if told is None or self.orders[signature].side is not Side.SWAP:
            return told
        before = DOLLARS - self.spent(signature)
        after = before if told.error else before - self.orders[signature].amount
        return msgspec.structs.replace(
            told,
            accounts=(*told.accounts, OURS),
            pre_lamports=(*told.pre_lamports, 2_039_280),
            post_lamports=(*told.post_lamports, 2_039_280),
            pre_tokens=(*told.pre_tokens, TokenBalance(OURS, USDC, self.wallet, before, 6)),
            post_tokens=(*told.post_tokens, TokenBalance(OURS, USDC, self.wallet, after, 6)),
        )

    def balances(self) -> tuple[int, dict[Address, int]]:
        lamports, tokens = super().balances()
        left = DOLLARS - self.spent(Signature("none"))
        return lamports, tokens | ({USDC: left} if left else {})


class SwapDay(_Day):
    """Somebody wants dollars swapped, more of them than there are, and does not wait for an answer."""

    def __init__(self, seed: int, **changed: Any) -> None:
        self.swaps = 0
        super().__init__(seed, Desk, DeskLimits(), changed)
        for mint in (USDC, *WANTED):
            self.view.mints[mint] = TokenInfo(mint, TOKEN_PROGRAM, 6, 10**15, None, None, Slot(1))
            self.record(TokenChecked(TokenReport(mint, Slot(1), self.clock_ms, None, 10**7, 10**7 - 1)))
        self.record(CapitalMoved(0, Slot(1), "sent", tokens=((USDC, DOLLARS),)))
        self.durable = len(self.entries)

    def _strategies(self) -> None:
        super()._strategies()
        if self.swaps < SWAPS and self.rng.random() < 0.3:
            self.swaps += 1
            self.tell(Arrived(self._swap(self.rng.randint(DOLLARS // 5, DOLLARS // 2))))

    def _swap(self, amount: int) -> TradeIntent:
        trade = TradeId(derived_id("swap", str(self.seed), str(self.swaps)))
        mint = WANTED[self.swaps % len(WANTED)]
        wanted = self._intent(Side.SWAP, trade, mint, amount)
        return msgspec.structs.replace(wanted, pay_mint=USDC, style=Style.SHIELD)

    def _hold(self) -> None:
        super()._hold()
        under_way = [
            name for name, leg in self.books.ledger.legs.items() if leg.pay_mint and name not in self._undone
        ]
        assert len(under_way) < 2, "two swaps of the same dollars are under way"


@pytest.fixture(autouse=True)
def dollars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storms, "StormChain", SwapChain)


def test_in_no_storm_are_dollars_swapped_twice_and_books_and_chain_agree_in_both_tokens() -> None:
    landed = undone = kills = short = 0
    for seed in SEEDS:
        day = SwapDay(seed)
        day.run()  # raises InvariantBroken where something does not hold, the books' end included
        kills += day.kills
        facts = [entry.fact for entry in day.entries]
        landed += sum(isinstance(fact, LegLanded) and fact.fill.side is Side.SWAP for fact in facts)
        undone += sum(isinstance(fact, LegUndone) and fact.leg.trade_id in swapped(day) for fact in facts)
        short += sum(
            isinstance(fact, IntentRefused) and fact.refusal.reason is Reason.INSUFFICIENT_BALANCE
            for fact in facts
        )
    assert landed > len(SEEDS)
    assert kills > 0
    assert undone > 0
    assert short > 0, "more was wanted than was there"


def swapped(day: SwapDay) -> set[TradeId]:
    return {one.trade_id for one in day.books.ledger.intents.values() if one.side is Side.SWAP}
