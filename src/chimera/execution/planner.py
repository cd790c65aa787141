"""An approved intent becomes one transaction: route, limits, budget, instructions, message.

Every leg is whole in itself: it wraps the SOL it spends and unwraps all that is left, so that between
transactions the wallet holds native SOL and the tokens of its positions, and nothing is forgotten in between.
Must not know who signs or how it is sent.
"""

import msgspec

from chimera.domain.chain import Blockhash, InstructionCall
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Address
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.pool import Quote, SwapKind, SwapRequest
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Hop
from chimera.domain.units import BPS, mul_div_floor
from chimera.execution.costs import Costs
from chimera.execution.fees import Fees
from chimera.execution.route import Route, orders
from chimera.execution.router import SWAPS_MAX, best_route
from chimera.market.view import MarketView
from chimera.onchain.keys import associated_token_address
from chimera.onchain.token_instructions import (
    close_token_account,
    compute_unit_limit,
    compute_unit_price,
    create_token_account,
    sync_native,
    system_transfer,
)
from chimera.onchain.transaction import compile_v0, oversize
from chimera.risk.gate import Approved

INNER_SLIPPAGE_BPS = 30
"""Of every stage but the last. Tight, since what the next one does not take stays behind in the bridge's account."""
PROBE_SWAPS_MAX = 2  # each way: both go into one transaction


class Plan(msgspec.Struct, frozen=True):
    """A transaction ready to be simulated and signed."""

    message: bytes
    last_valid_block_height: int
    hops: tuple[Hop, ...]
    amount_in: int
    expected_out: int
    minimum_out: int
    slot: int
    """The oldest that its quotes rest on."""
    made_at_slot: int
    """When it was made; what is old by then is old, what became old since is refused."""
    fees: Fees
    price_impact_bps: int = 0


class Probe(msgspec.Struct, frozen=True):
    """A buy and sell of a token in one transaction, never sent: its simulation tells whether it can be sold."""

    message: bytes
    mint: Address
    probe_lamports: int
    base_account: Address
    """Our wSOL account: what it holds afterwards is what came back."""
    sell_starts_at: int
    """Index of the first instruction of the way back."""


class Planner:
    def __init__(
        self, view: MarketView, *, wallet: Address, costs: Costs, tip_accounts: tuple[Address, ...] = ()
    ) -> None:
        self._view = view
        self._wallet = wallet
        self._costs = costs
        self._tip_accounts = tip_accounts
        self._base = associated_token_address(owner=wallet, mint=WSOL, token_program=TOKEN_PROGRAM)

    def plan(self, approved: Approved, *, blockhash: Blockhash, bundle: bool, close: bool) -> Plan | Refusal:
        """The leg's transaction; `close` gives a sold-out token account's rent back."""
        intent = approved.intent
        route = self._route(intent)
        if isinstance(route, Refusal):
            return route
        plan = self._along(route, intent, blockhash=blockhash, bundle=bundle, close=close)
        while len(route.quotes) > 1 and _too_large(plan):
            # the best way does not fit into a transaction: the best that has one swap less
            shorter = self._route(intent, swaps_max=len(route.quotes) - 1)
            if isinstance(shorter, Refusal):
                return plan
            route = shorter
            plan = self._along(route, intent, blockhash=blockhash, bundle=bundle, close=close)
        return plan

    def _route(self, intent: TradeIntent, *, swaps_max: int = SWAPS_MAX) -> Route | Refusal:
        source, target = (WSOL, intent.mint) if intent.side is Side.BUY else (intent.mint, WSOL)
        return best_route(
            self._view,
            input_mint=source,
            output_mint=target,
            amount=intent.amount,
            doubtful=intent.side is Side.SELL,
            swaps_max=swaps_max,
        )

    def _along(
        self, route: Route, intent: TradeIntent, *, blockhash: Blockhash, bundle: bool, close: bool
    ) -> Plan | Refusal:
        slippage_bps = self._costs.slippage.review(
            intent, pools=[quote.pool for quote in route.quotes], impact_bps=route.price_impact_bps
        )
        if isinstance(slippage_bps, Refusal):
            return slippage_bps
        budget = self._costs.of(intent.style, route.quotes, bundle=bundle)
        if isinstance(budget, Refusal):
            return budget
        minimum = mul_div_floor(route.amount_out, BPS - slippage_bps, BPS)
        swaps = self._swaps(route, minimum_out=minimum)
        if isinstance(swaps, Refusal):
            return swaps
        calls = [*self._opening(intent, budget), *swaps, *self._closing(intent, close=close)]
        message = compile_v0(calls, payer=self._wallet, blockhash=blockhash.blockhash)
        return oversize(message) or Plan(
            message=message,
            last_valid_block_height=blockhash.last_valid_block_height,
            hops=tuple(_hop(quote) for quote in route.quotes),
            amount_in=intent.amount,
            expected_out=route.amount_out,
            minimum_out=minimum,
            slot=route.slot,
            made_at_slot=self._view.slot,
            fees=budget,
            price_impact_bps=route.price_impact_bps,
        )

    def probe(self, mint: Address, *, lamports: int, blockhash: Blockhash) -> Probe | Refusal:
        """Buys `mint` with `lamports` and sells 98 % of what that should give, back the best way."""
        there = best_route(
            self._view,
            input_mint=WSOL,
            output_mint=mint,
            amount=lamports,
            doubtful=False,
            swaps_max=PROBE_SWAPS_MAX,
        )
        if isinstance(there, Refusal):
            return there
        tokens = mul_div_floor(there.amount_out, 98, 100)
        back = best_route(
            self._view,
            input_mint=mint,
            output_mint=WSOL,
            amount=tokens,
            doubtful=False,
            swaps_max=PROBE_SWAPS_MAX,
        )
        if isinstance(back, Refusal):
            return back
        buy = self._swaps(there, minimum_out=1)
        sell = self._swaps(back, minimum_out=1)
        if isinstance(buy, Refusal):
            return buy
        if isinstance(sell, Refusal):
            return sell
        opening = [
            compute_unit_limit(self._costs.policy.compute_units_max),
            self._account(WSOL),
            *self._wrap(lamports),
            *(self._account(quote.output_mint) for quote in there.quotes),
        ]
        calls = [*opening, *buy, *sell]
        message = compile_v0(calls, payer=self._wallet, blockhash=blockhash.blockhash)
        return oversize(message) or Probe(
            message=message,
            mint=mint,
            probe_lamports=lamports,
            base_account=self._base,
            sell_starts_at=len(opening) + len(buy),
        )

    def _opening(self, intent: TradeIntent, budget: Fees) -> list[InstructionCall]:
        calls = [
            compute_unit_limit(budget.compute_units),
            compute_unit_price(budget.cu_price_micro_lamports),
            self._account(WSOL),
        ]
        if intent.side is Side.BUY:
            calls += self._wrap(intent.amount)
        if budget.tip_lamports and self._tip_accounts:
            # spread over the accounts by the intent's id, as the block engine asks, without a die of our own
            chosen = self._tip_accounts[sum(intent.id.encode()) % len(self._tip_accounts)]
            calls.append(
                system_transfer(source=self._wallet, destination=chosen, lamports=budget.tip_lamports)
            )
        return calls

    def _closing(self, intent: TradeIntent, *, close: bool) -> list[InstructionCall]:
        calls = [self._close(self._base, TOKEN_PROGRAM)]
        if close:
            program = self._view.token_program(intent.mint) or TOKEN_PROGRAM
            account = associated_token_address(owner=self._wallet, mint=intent.mint, token_program=program)
            calls.append(self._close(account, program))
        return calls

    def _swaps(self, route: Route, *, minimum_out: int) -> list[InstructionCall] | Refusal:
        """Account creations and swap instructions, in order."""
        calls: list[InstructionCall] = []
        opened: set[Address] = set()
        for order in orders(route, minimum_out=minimum_out, inner_slippage_bps=INNER_SLIPPAGE_BPS):
            quote = order.quote
            if order.limit <= 0:
                return Refusal(
                    Reason.AMOUNT_OUT_OF_RANGE, limit="more than nothing out", observed=str(order.limit)
                )
            pool = self._view.pools[quote.pool]
            if quote.output_mint != WSOL and quote.output_mint not in opened:
                opened.add(quote.output_mint)
                calls.append(self._account(quote.output_mint))
            request = SwapRequest(
                kind=SwapKind.EXACT_IN,
                input_mint=quote.input_mint,
                amount=order.amount,
                limit=order.limit,
                user=self._wallet,
                user_input_account=self._ata(quote.input_mint),
                user_output_account=self._ata(quote.output_mint),
            )
            calls.append(pool.venue.build(pool.state, request))
        return calls

    def _wrap(self, lamports: int) -> list[InstructionCall]:
        return [
            system_transfer(source=self._wallet, destination=self._base, lamports=lamports),
            sync_native(self._base),
        ]

    def _account(self, mint: Address) -> InstructionCall:
        program = self._view.token_program(mint) or TOKEN_PROGRAM
        return create_token_account(payer=self._wallet, owner=self._wallet, mint=mint, token_program=program)

    def _close(self, account: Address, program: Address) -> InstructionCall:
        return close_token_account(
            account=account, destination=self._wallet, owner=self._wallet, token_program=program
        )

    def _ata(self, mint: Address) -> Address:
        program = self._view.token_program(mint) or TOKEN_PROGRAM
        return associated_token_address(owner=self._wallet, mint=mint, token_program=program)


def _too_large(plan: Plan | Refusal) -> bool:
    return isinstance(plan, Refusal) and plan.reason is Reason.TRANSACTION_TOO_LARGE


def _hop(quote: Quote) -> Hop:
    return Hop(
        venue=quote.venue,
        pool=quote.pool,
        input_mint=quote.input_mint,
        output_mint=quote.output_mint,
        amount_in=quote.amount_in,
        amount_out=quote.amount_out,
    )
