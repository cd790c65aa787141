"""A route as instructions: the accounts it needs, the SOL it wraps, its swaps in order.

Pools that move native lamports (bonding curves) need neither wrapped SOL nor its account, so each end of a route
is looked at by itself. Must not know budgets, tips or blockhashes.
"""

from collections.abc import Callable
from functools import lru_cache

import msgspec

from chimera.domain.chain import InstructionCall
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Address
from chimera.domain.pool import SwapKind, SwapRequest
from chimera.domain.risk import Reason, Refusal
from chimera.execution.route import Order, Route, orders
from chimera.market.view import MarketView
from chimera.onchain.keys import associated_token_address
from chimera.onchain.token_instructions import (
    close_token_account,
    create_token_account,
    sync_native,
    system_transfer,
)

INNER_SLIPPAGE_BPS = 30
"""Of every stage but the last. Tight, since what the next stage does not take stays behind between them."""

MINTS_REMEMBERED = 4_096  # whose account of ours is not derived again
Programs = Callable[[Address], Address]
"""The token program of a mint."""


class Swaps(msgspec.Struct, frozen=True):
    """What carries out a route."""

    calls: tuple[InstructionCall, ...]
    """Creations of the token accounts on the way, and the swaps."""
    pools: tuple[Address | None, ...]
    """Which pool each call trades on; None for the others."""
    wrapped_in: int
    """Lamports that must lie in our wSOL account before."""
    wrapped: bool
    """Whether it uses our wSOL account at all."""
    native_out: bool
    """Whether native lamports come out of it."""


class Assembly:
    """Writes instructions for one wallet."""

    def __init__(self, view: MarketView, wallet: Address) -> None:
        self._view, self._wallet = view, wallet
        self.base = associated_token_address(owner=wallet, mint=WSOL, token_program=TOKEN_PROGRAM)
        """Our wSOL account."""

        @lru_cache(MINTS_REMEMBERED)
        def ours(mint: Address, program: Address) -> Address:
            return associated_token_address(owner=wallet, mint=mint, token_program=program)

        self._ours = ours

    def swaps(self, route: Route, *, minimum_out: int, programs: Programs) -> Swaps | Refusal:
        """The route's calls, which together give at least `minimum_out`."""
        calls: list[InstructionCall] = []
        pools: list[Address | None] = []
        opened = {
            route.stages[0][0].input_mint,
            WSOL,
        }  # what is spent is there; wSOL is opened by whoever wraps
        wrapped_in, wrapped, native_out = 0, False, False
        for order in orders(route, minimum_out=minimum_out, inner_slippage_bps=INNER_SLIPPAGE_BPS):
            quote = order.quote
            if order.limit <= 0:
                return Refusal(
                    Reason.AMOUNT_OUT_OF_RANGE, limit="more than nothing out", observed=str(order.limit)
                )
            if quote.output_mint not in opened:
                opened.add(quote.output_mint)
                calls.append(self.account(quote.output_mint, programs))
                pools.append(None)
            if self._view.pools[quote.pool].native:
                native_out = native_out or quote.output_mint == WSOL
            elif WSOL in (quote.input_mint, quote.output_mint):
                wrapped = True
                if quote.input_mint == WSOL and quote in route.stages[0]:
                    wrapped_in += order.amount
            calls.append(self._swap(order, programs))
            pools.append(quote.pool)
        return Swaps(tuple(calls), tuple(pools), wrapped_in, wrapped, native_out)

    def wrap(self, lamports: int) -> list[InstructionCall]:
        """Native SOL into our wSOL account, which must be there."""
        return [
            system_transfer(source=self._wallet, destination=self.base, lamports=lamports),
            sync_native(self.base),
        ]

    def account(self, mint: Address, programs: Programs) -> InstructionCall:
        """Our associated account of the mint, made where it is not there."""
        return create_token_account(
            payer=self._wallet, owner=self._wallet, mint=mint, token_program=programs(mint)
        )

    def close(self, mint: Address, programs: Programs) -> InstructionCall:
        """Our associated account of the mint given back; of wSOL with all that is in it."""
        return close_token_account(
            account=self._held(mint, programs),
            destination=self._wallet,
            owner=self._wallet,
            token_program=programs(mint),
        )

    def _swap(self, order: Order, programs: Programs) -> InstructionCall:
        quote = order.quote
        pool = self._view.pools[quote.pool]
        request = SwapRequest(
            kind=SwapKind.EXACT_IN,
            input_mint=quote.input_mint,
            amount=order.amount,
            limit=order.limit,
            user=self._wallet,
            user_input_account=self._held(quote.input_mint, programs),
            user_output_account=self._held(quote.output_mint, programs),
        )
        return pool.venue.build(pool.state, request)

    def _held(self, mint: Address, programs: Programs) -> Address:
        return self._ours(mint, programs(mint))
