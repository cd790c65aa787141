"""A chore that sells dust becomes one transaction: the best way to SOL, limits, instructions, message.

Must not know who signs or how it is sent, nor which dust is worth it.
"""

from chimera.domain.chain import Blockhash
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Address
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import BPS, mul_div_floor
from chimera.domain.upkeep import Upkeep
from chimera.execution.assembly import Assembly
from chimera.execution.costs import Costs
from chimera.execution.router import best_route
from chimera.execution.upkeep import UpkeepPlan
from chimera.market.view import MarketView
from chimera.onchain.token_instructions import compute_unit_limit, compute_unit_price
from chimera.onchain.transaction import compile_v0, oversize

SLIPPAGE_BPS = 100  # no hurry: what fails is tried again tomorrow
SWAPS_MAX = 2


class DustSales:
    def __init__(self, view: MarketView, *, wallet: Address, costs: Costs, standing: bool) -> None:
        """`standing`: wrapped SOL stays in our wSOL account between transactions."""
        self._view, self._wallet, self._costs, self._standing = view, wallet, costs, standing
        self._assembly = Assembly(view, wallet)

    def worth(self, mint: Address, amount: int) -> int | None:
        """What it would fetch, in lamports; None where nobody knows."""
        return self._view.value_lamports(mint, amount)

    def plan(self, upkeep: Upkeep, *, blockhash: Blockhash) -> UpkeepPlan | Refusal:
        """The sale's transaction, with the least that an ordinary chore pays for its computing."""
        if upkeep.mint is None:
            return Refusal(Reason.AMOUNT_OUT_OF_RANGE, observed="a sale of nothing")
        route = best_route(
            self._view,
            input_mint=upkeep.mint,
            output_mint=WSOL,
            amount=upkeep.amount,
            doubtful=False,
            swaps_max=SWAPS_MAX,
        )
        if isinstance(route, Refusal):
            return route

        def program(mint: Address) -> Address:
            return self._view.token_program(mint) or TOKEN_PROGRAM

        minimum = mul_div_floor(route.amount_out, BPS - SLIPPAGE_BPS, BPS)
        swaps = self._assembly.swaps(route, minimum_out=minimum, programs=program)
        if isinstance(swaps, Refusal):
            return swaps
        policy = self._costs.policy
        opening = [
            compute_unit_limit(policy.compute_default(len(route.quotes))),
            compute_unit_price(policy.cu_price_micro_lamports),
        ]
        closing = []
        if swaps.wrapped:
            opening.append(self._assembly.account(WSOL, program))
            closing = [] if self._standing else [self._assembly.close(WSOL, program)]
        calls = [*opening, *swaps.calls, *closing]
        message = compile_v0(calls, payer=self._wallet, blockhash=blockhash.blockhash)
        return oversize(message) or UpkeepPlan(
            message=message,
            last_valid_block_height=blockhash.last_valid_block_height,
            upkeep=upkeep,
            accounts_at=(None,) * len(calls),
        )
