"""What a day of the storm is made of besides the desk: its climate, a market where all is sound, plans in plain words.

Knows nothing of what must hold; the day itself is `sim.storm`.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from chimera.domain.ids import TOKEN_PROGRAM, Address, Slot
from chimera.domain.risk import Refusal
from chimera.domain.token import TokenInfo
from chimera.domain.units import MICRO_USD
from chimera.execution.fees import Fees
from chimera.execution.planner import Plan
from chimera.market.view import MarketView
from chimera.risk.gate import Approved
from chimera.sim.dice import Dice
from chimera.sim.storm_chain import CONFIRMED_LAG, FINALIZED_LAG, Faults, Order

MINTS = tuple(Address(f"{number:1<44}") for number in range(2, 16))


def faults_of(rng: Dice) -> Faults:
    """A climate: each fault is there or not, mildly or badly."""

    def some(most: float) -> float:
        return rng.choice((0.0, most / 4, most))

    deep = rng.random() < 0.3
    return Faults(
        send_lost=some(0.4),
        send_answer_lost=some(0.4),
        send_late_ms=rng.choice((0, 1_000, 20_000, 70_000)),
        duplicated=some(0.3),
        passed_over=some(0.8),
        forked=rng.uniform(0.02, 0.1) if deep else some(0.05),
        fork_blocks_max=rng.choice((7, FINALIZED_LAG - 3)) if deep else CONFIRMED_LAG,
        rebroadcast=rng.random(),
        reverted=some(0.2),
        simulation_failed=some(0.2),
        simulation_lost=some(0.2),
        node_silent=some(0.3),
        node_behind_blocks=rng.choice((0, 2, 6)),
        node_lies=some(0.3),
        killed=rng.choice((0.0, 0.005, 0.03)),
        clock_jumps=some(0.002),
        halted=some(0.004),
    )


class View(MarketView):
    """A market in which every token is sound; prices are the chain's business here."""

    def __init__(self) -> None:
        super().__init__({})
        for mint in MINTS:
            self.mints[mint] = TokenInfo(mint, TOKEN_PROGRAM, 6, 10**15, None, None, Slot(1))

    def liquidity_micro_usd(self, mint: Address) -> int | None:  # noqa: ARG002 - the same for all
        return 10**12

    def sol_micro_usd(self) -> int | None:
        return 150 * MICRO_USD


class Planner:
    """Plans that say in plain words what they are for."""

    def __init__(self, view: MarketView, number: Callable[[], int]) -> None:
        """`number` makes each transaction another one."""
        self._view, self._number = view, number

    def plan(self, approved: Approved, **asked: Any) -> Plan | Refusal:
        intent, blockhash = approved.intent, asked["blockhash"]
        order = Order(
            intent.id,
            intent.trade_id,
            intent.side,
            intent.mint,
            intent.amount,
            self._number(),
            blockhash.blockhash,
            blockhash.last_valid_block_height,
        )
        slot = self._view.slot
        return Plan(
            message=msgspec.json.encode(order),
            last_valid_block_height=blockhash.last_valid_block_height,
            hops=(),
            amount_in=intent.amount,
            expected_out=1,
            minimum_out=1,
            slot=slot,
            made_at_slot=slot,
            fees=Fees(50_000, 0, 0),
        )

    def learn(self, plan: Plan, error: str) -> None:
        """Nothing is learned from errors here."""
