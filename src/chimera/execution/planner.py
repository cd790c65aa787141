"""An approved intent becomes one transaction: route, limits, budget, instructions, message.

Every leg is whole in itself: it wraps the SOL it spends and unwraps all that is left, so that between
transactions the wallet holds native SOL and the tokens of its positions, and nothing is forgotten in between.
Where SOL stands wrapped by setting, a buy spends of it what is free, and nothing is unwrapped.
Must not know who signs or how it is sent.
"""

from collections.abc import Callable, Mapping

import msgspec

from chimera.domain.chain import Blockhash, InstructionCall
from chimera.domain.ids import WSOL, Address
from chimera.domain.intent import Side, TradeIntent
from chimera.domain.pool import Quote
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Hop
from chimera.domain.units import BPS, mul_div_floor
from chimera.execution.assembly import Assembly, Programs, Swaps
from chimera.execution.circumstances import worth_of
from chimera.execution.compute import RouteKind
from chimera.execution.costs import Costs
from chimera.execution.elsewhere import Elsewhere, Offer
from chimera.execution.fees import Fees
from chimera.execution.outcomes import failed_instruction, program_error
from chimera.execution.route import Route
from chimera.execution.router import SWAPS_MAX, best_route
from chimera.execution.tables import Tables
from chimera.market.token_program import detect
from chimera.market.view import MarketView
from chimera.onchain.token_instructions import compute_unit_limit, compute_unit_price, system_transfer
from chimera.onchain.transaction import oversize
from chimera.risk.exclusion import PoolExclusions
from chimera.risk.gate import Approved

ELSEWHERE = "elsewhere"  # in a venue's place, where a route service found the way
PROBE_SWAPS_MAX = 2  # there, and as many back, in one transaction
DEAR_BPS = 100  # a third pool takes a third fee: below it that is not won back, and looking costs time


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
    pools_at: Mapping[int, Address] = {}
    """The pool that an instruction trades on, by the instruction's place."""


class Probe(msgspec.Struct, frozen=True):
    """A buy and sell of a token in one transaction, never sent: its simulation tells whether it can be sold."""

    message: bytes
    mint: Address
    probe_lamports: int
    measured: Address
    """Our wSOL account: what it holds afterwards is what came back. Our wallet where native lamports come back."""
    sell_starts_at: int
    """Index of the first instruction of the way back."""
    one_way: bytes | None = None
    """Where native lamports come back: the same without the way back, for the difference is what came back."""


class Planner:
    def __init__(
        self,
        view: MarketView,
        *,
        wallet: Address,
        costs: Costs,
        tip_accounts: tuple[Address, ...] = (),
        standing: Callable[[], int] | None = None,
        tables: Tables | None = None,
        elsewhere: Elsewhere | None = None,
        exclusions: PoolExclusions | None = None,
    ) -> None:
        """`standing`: wrapped lamports that are free to be spent; None where none are to stand."""
        self._standing, self._tables, self._elsewhere = standing, tables or Tables(), elsewhere
        self._exclusions = exclusions or PoolExclusions()
        self._view = view
        self._wallet = wallet
        self._costs = costs
        self._tip_accounts = tip_accounts
        self._assembly = Assembly(view, wallet)

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
        if self._elsewhere is None or isinstance(plan, Refusal) or intent.side is Side.SELL:
            return plan
        offer = self._elsewhere.better(
            intent, expected_out=plan.expected_out, minimum_out=plan.minimum_out, slot=self._view.slot
        )
        return plan if offer is None else self._offered(offer, plan, intent, blockhash)

    def _offered(self, offer: Offer, ours: Plan, intent: TradeIntent, blockhash: Blockhash) -> Plan:
        """The same by somebody else's route; ours where it does not fit into a transaction."""
        swap, quote = offer.calls.swap, offer.quote
        policy, name = self._costs.policy, ELSEWHERE
        source, _ = ends(intent)
        buying = source == WSOL
        units = max(
            self._costs.compute.limit(RouteKind(buying, (name,))), policy.compute_default(1 + len(quote.hops))
        )
        fees = msgspec.structs.replace(ours.fees, compute_units=min(units, policy.compute_units_max))
        calls = (*offer.calls.setup, swap)
        swaps = Swaps(calls, (), intent.amount if buying else 0, wrapped=buying, native_out=False)

        def program(mint: Address) -> Address:
            said = intent.token_program if mint == intent.mint else None
            return detect(mint, said=said, known=self._view.token_program, venue=None).program

        opening = self._opening(intent, fees, swaps, program)
        written = [*opening, *swaps.calls, *self._closing(intent, swaps, program, close=False)]
        message = self._tables.compiled(written, payer=self._wallet, blockhash=blockhash.blockhash)
        if oversize(message) is not None or fees.total_lamports > policy.fee_lamports_max:
            return ours
        hop = Hop(
            venue=name,
            pool=swap.program,
            input_mint=source,
            output_mint=intent.mint,
            amount_in=intent.amount,
            amount_out=quote.amount_out,
        )
        return msgspec.structs.replace(
            ours,
            message=message,
            hops=(hop,),
            expected_out=quote.amount_out,
            minimum_out=quote.limit,
            slot=quote.slot,
            fees=fees,
            pools_at={},
        )

    def _route(self, intent: TradeIntent, *, swaps_max: int = SWAPS_MAX) -> Route | Refusal:
        """The best way; not over a pool on which sales fail, but for an exit that has no other."""
        avoid = self._exclusions.now(self._view.slot_at_ms)
        route = self._best(intent, swaps_max=swaps_max, avoid=avoid)
        if not avoid or not isinstance(route, Refusal):
            return route
        anyhow = self._best(intent, swaps_max=swaps_max, avoid=frozenset())
        if intent.side is Side.SELL or isinstance(anyhow, Refusal):
            return anyhow
        left_out = next(quote.pool for quote in anyhow.quotes if quote.pool in avoid)
        why = self._exclusions.why(left_out, self._view.slot_at_ms)
        return Refusal(Reason.POOL_DISABLED, limit="a pool that sells", observed=f"{left_out}: {why}")

    def _best(self, intent: TradeIntent, *, swaps_max: int, avoid: frozenset[Address]) -> Route | Refusal:
        source, target = ends(intent)
        return best_route(
            self._view,
            input_mint=source,
            output_mint=target,
            amount=intent.amount,
            doubtful=intent.side is Side.SELL,
            swaps_max=swaps_max,
            dear_bps=DEAR_BPS,
            avoid=avoid,
        )

    def _along(
        self, route: Route, intent: TradeIntent, *, blockhash: Blockhash, bundle: bool, close: bool
    ) -> Plan | Refusal:
        slippage_bps = self._costs.slippage.review(
            intent, pools=[quote.pool for quote in route.quotes], impact_bps=route.price_impact_bps
        )
        if isinstance(slippage_bps, Refusal):
            return slippage_bps
        swap = intent.side is Side.SWAP
        worth = worth_of(self._view, ends(intent)[0], intent.amount) if swap else None
        budget = self._costs.of(intent.style, route.quotes, bundle=bundle, worth_lamports=worth or 0)
        if isinstance(budget, Refusal):
            return budget
        minimum = mul_div_floor(route.amount_out, BPS - slippage_bps, BPS)
        programs = self._programs(route, intent)
        swaps = self._assembly.swaps(route, minimum_out=minimum, programs=programs)
        if isinstance(swaps, Refusal):
            return swaps
        opening = self._opening(intent, budget, swaps, programs)
        calls = [*opening, *swaps.calls, *self._closing(intent, swaps, programs, close=close)]
        message = self._tables.compiled(calls, payer=self._wallet, blockhash=blockhash.blockhash)
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
            pools_at={len(opening) + place: pool for place, pool in enumerate(swaps.pools) if pool},
        )

    def learn(self, plan: Plan, error: str) -> None:
        """Takes from a transaction's error what it says of a pool: a finished one is not planned on again."""
        place, code = failed_instruction(error), program_error(error)
        pool = self._view.pools.get(plan.pools_at.get(place, Address(""))) if place is not None else None
        if pool is not None and code is not None:
            pool.heard_error(code, self._view.slot)

    def probe(self, mint: Address, *, lamports: int, blockhash: Blockhash) -> Probe | Refusal:
        """Buys `mint` with `lamports` and sells 98 % of what that should give, back the best way."""
        there = self._probed(WSOL, mint, lamports)
        if isinstance(there, Refusal):
            return there
        tokens = mul_div_floor(there.amount_out, 98, 100)
        back = self._probed(mint, WSOL, tokens)
        if isinstance(back, Refusal) and len(there.quotes) == 1:
            # a curve that nobody has bought on yet has nothing to give before the probe itself has paid in
            back = _retraced(there.quotes[0], tokens, lamports)
        if isinstance(back, Refusal):
            return back
        programs = self._programs(there, None)
        buy = self._assembly.swaps(there, minimum_out=1, programs=programs)
        sell = self._assembly.swaps(back, minimum_out=1, programs=programs)
        if isinstance(buy, Refusal):
            return buy
        if isinstance(sell, Refusal):
            return sell
        opening = [compute_unit_limit(self._costs.policy.compute_units_max)]
        if buy.wrapped or sell.wrapped:
            opening.append(self._assembly.account(WSOL, programs))
            if not sell.native_out:
                # emptied first: what stands there, or was sent to make a trap look sound, did not come back
                opening += [self._assembly.close(WSOL, programs), self._assembly.account(WSOL, programs)]
        if buy.wrapped_in:
            opening += self._assembly.wrap(buy.wrapped_in)
        bought = [*opening, *buy.calls]
        # where the wallet itself is measured, nothing of what came back may stay wrapped
        closing = [self._assembly.close(WSOL, programs)] if sell.native_out and len(opening) > 1 else []

        def compiled(*calls: InstructionCall) -> bytes:
            written = [*calls, *closing]
            return self._tables.compiled(written, payer=self._wallet, blockhash=blockhash.blockhash)

        message = compiled(*bought, *sell.calls)
        return oversize(message) or Probe(
            message=message,
            mint=mint,
            probe_lamports=lamports,
            measured=self._wallet if sell.native_out else self._assembly.base,
            sell_starts_at=len(bought),
            one_way=compiled(*bought) if sell.native_out else None,
        )

    def _probed(self, source: Address, target: Address, amount: int) -> Route | Refusal:
        return best_route(
            self._view,
            input_mint=source,
            output_mint=target,
            amount=amount,
            doubtful=False,
            swaps_max=PROBE_SWAPS_MAX,
        )

    def _programs(self, route: Route, intent: TradeIntent | None) -> Programs:
        """Each mint's token program, as the intent, the market or the venue says."""
        venue = {quote.output_mint: quote.venue for quote in route.quotes}
        venue |= {quote.input_mint: quote.venue for quote in route.quotes}
        said = {intent.mint: intent.token_program} if intent is not None else {}
        # every call of the transaction asks about one of two or three mints
        found: dict[Address, Address] = {}

        def program(mint: Address) -> Address:
            known = found.get(mint)
            if known is None:
                known = found[mint] = detect(
                    mint, said=said.get(mint), known=self._view.token_program, venue=venue.get(mint)
                ).program
            return known

        return program

    def _opening(
        self, intent: TradeIntent, budget: Fees, swaps: Swaps, programs: Programs
    ) -> list[InstructionCall]:
        calls = [
            compute_unit_limit(budget.compute_units),
            compute_unit_price(budget.cu_price_micro_lamports),
        ]
        if swaps.wrapped:
            calls.append(self._assembly.account(WSOL, programs))
        # a part of it would not do: which part is free may change before this lands
        if swaps.wrapped_in and (self._standing is None or self._standing() < swaps.wrapped_in):
            calls += self._assembly.wrap(swaps.wrapped_in)
        if budget.tip_lamports and self._tip_accounts:
            # spread over the accounts by the intent's id, as the block engine asks, without a die of our own
            chosen = self._tip_accounts[sum(intent.id.encode()) % len(self._tip_accounts)]
            calls.append(
                system_transfer(source=self._wallet, destination=chosen, lamports=budget.tip_lamports)
            )
        return calls

    def _closing(
        self, intent: TradeIntent, swaps: Swaps, programs: Programs, *, close: bool
    ) -> list[InstructionCall]:
        calls = [self._assembly.close(WSOL, programs)] if swaps.wrapped and self._standing is None else []
        return [*calls, self._assembly.close(intent.mint, programs)] if close else calls


def ends(intent: TradeIntent) -> tuple[Address, Address]:
    """(what it pays with, what it is for), of a buy, a sell or a swap."""
    match intent.side:
        case Side.SELL:
            return intent.mint, WSOL
        case Side.SWAP if intent.pay_mint is not None:
            return intent.pay_mint, intent.mint
        case _:
            return WSOL, intent.mint


def _too_large(plan: Plan | Refusal) -> bool:
    return isinstance(plan, Refusal) and plan.reason is Reason.TRANSACTION_TOO_LARGE


def _retraced(quote: Quote, tokens: int, lamports: int) -> Route:
    """Back through the same pool; what it gives is for the simulation to say."""
    back = msgspec.structs.replace(
        quote,
        input_mint=quote.output_mint,
        output_mint=quote.input_mint,
        amount_in=tokens,
        amount_out=lamports,
    )
    return Route(((back,),))


def _hop(quote: Quote) -> Hop:
    return Hop(
        venue=quote.venue,
        pool=quote.pool,
        input_mint=quote.input_mint,
        output_mint=quote.output_mint,
        amount_in=quote.amount_in,
        amount_out=quote.amount_out,
    )
