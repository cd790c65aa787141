"""A cycle becomes one transaction: wSOL through the named pools and back to wSOL, for a profit or not at all.

Everything is quoted anew here, exactly; what no longer pays after all costs is refused. The last swap must give enough
that the most that the first may take, fee, tip and the demanded profit are covered: what moves the pools further
makes the whole transaction fail. Accounts opened on the way are closed again in the same transaction.
Must not know who signs or how it is sent.
"""

from collections.abc import Mapping

import msgspec

from chimera.domain.chain import Blockhash, InstructionCall
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Address
from chimera.domain.intent import TradeIntent
from chimera.domain.pool import Quote, QuoteRequest, SwapKind, SwapRequest
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import BPS, mul_div_floor, sol_text
from chimera.execution.costs import Costs
from chimera.execution.fees import Fees
from chimera.execution.planner import Plan
from chimera.execution.route import hop_of
from chimera.execution.tables import Tables
from chimera.execution.tips import TIP_LAMPORTS_MIN
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
from chimera.onchain.transaction import oversize
from chimera.risk.gate import Approved


class _Order(msgspec.Struct, frozen=True):
    quote: Quote
    kind: SwapKind
    amount: int
    """The exact side."""
    limit: int
    """The least out, or where the output is exact the most in."""

    @property
    def spent_max(self) -> int:
        return self.limit if self.kind is SwapKind.EXACT_OUT else self.amount


class CyclePlanner:
    def __init__(
        self,
        view: MarketView,
        *,
        wallet: Address,
        costs: Costs,
        tip_accounts: tuple[Address, ...] = (),
        tables: Tables | None = None,
    ) -> None:
        self._view, self._wallet, self._costs, self._tip_accounts = view, wallet, costs, tip_accounts
        self._tables = tables or Tables()

    def plan(
        self, approved: Approved, *, blockhash: Blockhash, bundle: bool, held: Mapping[Address, int]
    ) -> Plan | Refusal:
        """The cycle's transaction; accounts of mints of which nothing is `held` are closed at its end."""
        intent = approved.intent
        quotes = self._quotes(intent)
        if isinstance(quotes, Refusal):
            return quotes
        gross = quotes[-1].amount_out - intent.amount
        fees = self._costs.of(intent.style, quotes, bundle=bundle)
        if isinstance(fees, Refusal):
            return fees
        fees = _within_edge(fees, gross)
        profit = gross - fees.total_lamports
        if profit < intent.profit_lamports_min:
            return Refusal(
                Reason.UNPROFITABLE,
                limit=f"{sol_text(intent.profit_lamports_min)} SOL after costs",
                observed=f"{sol_text(profit)} SOL",
            )
        orders = self._orders(quotes, intent, fees, slack=profit - intent.profit_lamports_min)
        calls = [
            *self._opening(intent, fees, spent=orders[0].spent_max, wrapped=held.get(WSOL, 0)),
            *self._swaps(orders),
            *self._closing(quotes, held),
        ]
        message = self._tables.compiled(calls, payer=self._wallet, blockhash=blockhash.blockhash)
        return oversize(message) or Plan(
            message=message,
            last_valid_block_height=blockhash.last_valid_block_height,
            hops=tuple(
                msgspec.structs.replace(
                    hop_of(order.quote), exact_out=order.kind is SwapKind.EXACT_OUT, limit=order.limit
                )
                for order in orders
            ),
            amount_in=intent.amount,
            expected_out=quotes[-1].amount_out,
            minimum_out=orders[-1].limit,
            slot=min(quote.slot for quote in quotes),
            made_at_slot=self._view.slot,
            fees=fees,
        )

    def _quotes(self, intent: TradeIntent) -> tuple[Quote, ...] | Refusal:
        """Each pool's quote for what the one before gives; a refusal where the circle does not close."""
        mint, amount, moment = WSOL, intent.amount, self._view.moment()
        quotes: list[Quote] = []
        for address in intent.pools:
            pool = self._view.pools.get(address)
            if pool is None or mint not in (pool.header.mint_a, pool.header.mint_b):
                return Refusal(Reason.POOL_NOT_FOUND, observed=f"{address} does not trade {mint}")
            if pool.doubtful is not None:
                return Refusal(Reason.STALE_DATA, limit="pools without doubt", observed=pool.doubtful)
            if _moves_native(pool.venue, pool.state):
                return Refusal(Reason.POOL_DISABLED, observed=f"{address} moves native lamports")
            quote = pool.quote(QuoteRequest(mint, SwapKind.EXACT_IN, amount), moment)
            if isinstance(quote, Refusal):
                return quote
            token = self._view.mints.get(quote.output_mint)
            if token is not None and (token.transfer_fee_bps or "transfer_fee" in token.extensions):
                # what is withheld in the account keeps it from being closed
                return Refusal(Reason.TOKEN_UNSAFE, observed=f"{quote.output_mint} withholds fees")
            quotes.append(quote)
            mint, amount = quote.output_mint, quote.amount_out
        if mint != WSOL or not quotes:
            return Refusal(Reason.POOL_NOT_FOUND, observed="the pools do not lead back to SOL")
        return tuple(quotes)

    def _orders(
        self, quotes: tuple[Quote, ...], intent: TradeIntent, fees: Fees, *, slack: int
    ) -> list[_Order]:
        """The swaps with their bounds: whatever happens within them, the demanded profit is earned.

        The first takes exactly the tokens that the rest spends, for a little more SOL if need be: so nothing is left
        between, though its pool has moved. `slack` is what is earned beyond the demand: half of it may go there, the
        other half at the end. Where a venue takes no exact outputs, the first must give just what it had quoted.
        """
        first, *others = quotes
        spent = intent.amount
        exact = self._view.pools[first.pool].quote(
            QuoteRequest(WSOL, SwapKind.EXACT_OUT, first.amount_out), self._view.moment()
        )
        takes_exact = isinstance(exact, Quote) and exact.amount_in <= intent.amount
        if takes_exact:
            spent += min(slack // 2, mul_div_floor(intent.amount, intent.slippage_bps_max, BPS))
        last = spent + fees.total_lamports + intent.profit_lamports_min
        orders = [
            _Order(first, SwapKind.EXACT_OUT, first.amount_out, spent)
            if takes_exact
            else _Order(first, SwapKind.EXACT_IN, intent.amount, first.amount_out)
        ]
        orders += [_Order(quote, SwapKind.EXACT_IN, quote.amount_in, quote.amount_out) for quote in others]
        orders[-1] = msgspec.structs.replace(orders[-1], limit=last)
        return orders

    def _opening(self, intent: TradeIntent, fees: Fees, *, spent: int, wrapped: int) -> list[InstructionCall]:
        """What lies wrapped already is spent first; all of it is unwrapped at the end."""
        base, missing = self._held_in(WSOL), max(spent - wrapped, 0)
        calls = [
            compute_unit_limit(fees.compute_units),
            compute_unit_price(fees.cu_price_micro_lamports),
            self._account(WSOL),
        ]
        if missing:
            transfer = system_transfer(source=self._wallet, destination=base, lamports=missing)
            calls += [transfer, sync_native(base)]
        if fees.tip_lamports and self._tip_accounts:
            chosen = self._tip_accounts[sum(intent.id.encode()) % len(self._tip_accounts)]
            calls.append(system_transfer(source=self._wallet, destination=chosen, lamports=fees.tip_lamports))
        return calls

    def _swaps(self, orders: list[_Order]) -> list[InstructionCall]:
        calls: list[InstructionCall] = []
        for order in orders:
            quote, pool = order.quote, self._view.pools[order.quote.pool]
            if quote.output_mint != WSOL:
                calls.append(self._account(quote.output_mint))
            request = SwapRequest(
                kind=order.kind,
                input_mint=quote.input_mint,
                amount=order.amount,
                limit=order.limit,
                user=self._wallet,
                user_input_account=self._held_in(quote.input_mint),
                user_output_account=self._held_in(quote.output_mint),
            )
            calls.append(pool.venue.build(pool.state, request))
        return calls

    def _closing(self, quotes: tuple[Quote, ...], held: Mapping[Address, int]) -> list[InstructionCall]:
        """The SOL unwrapped; emptied accounts closed, so that the cycle locks nothing up."""
        between = dict.fromkeys(quote.output_mint for quote in quotes[:-1])
        closed = [WSOL, *(mint for mint in between if not held.get(mint, 0))]
        return [
            close_token_account(
                account=self._held_in(mint),
                destination=self._wallet,
                owner=self._wallet,
                token_program=self._program(mint),
            )
            for mint in closed
        ]

    def _account(self, mint: Address) -> InstructionCall:
        return create_token_account(
            payer=self._wallet, owner=self._wallet, mint=mint, token_program=self._program(mint)
        )

    def _held_in(self, mint: Address) -> Address:
        return associated_token_address(owner=self._wallet, mint=mint, token_program=self._program(mint))

    def _program(self, mint: Address) -> Address:
        return self._view.token_program(mint) or TOKEN_PROGRAM


def _within_edge(fees: Fees, gross: int) -> Fees:
    """The tip cut down to half of what the cycle earns, though to no less than the block engine looks at."""
    if not fees.tip_lamports:
        return fees
    return msgspec.structs.replace(
        fees, tip_lamports=max(min(fees.tip_lamports, gross // 2), TIP_LAMPORTS_MIN)
    )


def _moves_native(venue: object, state: object) -> bool:
    """Whether the pool pays and takes native lamports, as bonding curves do: a cycle's SOL is wrapped."""
    pays_lamports = getattr(venue, "pays_lamports", None)
    return bool(pays_lamports and pays_lamports(state))
