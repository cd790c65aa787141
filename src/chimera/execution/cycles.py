"""A cycle becomes one transaction: wSOL through the named pools and back to wSOL, for a profit or not at all.

Everything is quoted anew here, exactly; what no longer pays after all costs is refused. Every swap in between must
give what was quoted, and the last one enough that fee, tip and the demanded profit are covered: whatever moves a
pool against it makes the whole transaction fail. Accounts opened on the way are closed again in the same transaction.
Must not know who signs or how it is sent.
"""

from collections.abc import Mapping

import msgspec

from chimera.domain.chain import Blockhash, InstructionCall
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Address
from chimera.domain.intent import TradeIntent
from chimera.domain.pool import Quote, QuoteRequest, SwapKind, SwapRequest
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import sol_text
from chimera.execution.costs import Costs
from chimera.execution.fees import Fees
from chimera.execution.planner import Plan
from chimera.execution.route import hop_of
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
from chimera.onchain.transaction import compile_v0, oversize
from chimera.risk.gate import Approved


class CyclePlanner:
    def __init__(
        self, view: MarketView, *, wallet: Address, costs: Costs, tip_accounts: tuple[Address, ...] = ()
    ) -> None:
        self._view, self._wallet, self._costs, self._tip_accounts = view, wallet, costs, tip_accounts

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
        minimum = intent.amount + fees.total_lamports + intent.profit_lamports_min
        calls = [
            *self._opening(intent, fees, wrapped=held.get(WSOL, 0)),
            *self._swaps(quotes, minimum_out=minimum),
            *self._closing(quotes, held),
        ]
        message = compile_v0(calls, payer=self._wallet, blockhash=blockhash.blockhash)
        return oversize(message) or Plan(
            message=message,
            last_valid_block_height=blockhash.last_valid_block_height,
            hops=tuple(hop_of(quote) for quote in quotes),
            amount_in=intent.amount,
            expected_out=quotes[-1].amount_out,
            minimum_out=minimum,
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

    def _opening(self, intent: TradeIntent, fees: Fees, *, wrapped: int) -> list[InstructionCall]:
        """What lies wrapped already is spent first; all of it is unwrapped at the end."""
        base, missing = self._held_in(WSOL), max(intent.amount - wrapped, 0)
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

    def _swaps(self, quotes: tuple[Quote, ...], *, minimum_out: int) -> list[InstructionCall]:
        calls: list[InstructionCall] = []
        for place, quote in enumerate(quotes):
            last = place == len(quotes) - 1
            pool = self._view.pools[quote.pool]
            if not last:
                calls.append(self._account(quote.output_mint))
            request = SwapRequest(
                kind=SwapKind.EXACT_IN,
                input_mint=quote.input_mint,
                amount=quote.amount_in,
                limit=minimum_out if last else quote.amount_out,
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
