"""Meteora DLMM: liquidity in bins of one price each, a fee that follows the volatility, limit orders among the bins.

A pool is its own account, two vaults, two mints, a bitmap extension where there is one, and the arrays of bins around
the price: which ones they are follows from the pool's state. `layout` reads accounts, `book` walks them, `ladder`
and `quoting` do the arithmetic. Must not fetch, wait or know the time.
"""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from chimera.domain.chain import Account, InstructionCall, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import Address
from chimera.domain.pool import Moment, PoolHeader, Quote, QuoteRequest, Swap, SwapKind, SwapRequest
from chimera.domain.risk import Refusal
from chimera.ports.venue import AccountFilter, Prefilter
from chimera.venues.meteora_dlmm import book, instructions, quoting, traces
from chimera.venues.meteora_dlmm.book import ARRAY, EXTENSION, DlmmPool
from chimera.venues.meteora_dlmm.instructions import Trader
from chimera.venues.meteora_dlmm.ladder import Trade
from chimera.venues.meteora_dlmm.layout import (
    LB_PAIR,
    LOWEST_AND_HIGHEST_ARRAY,
    PROGRAM,
    array_index,
    bin_array_address,
    check_prices,
    extension_address,
    read_bin_array,
    read_extension,
    read_mint,
    read_state,
    read_vault,
)
from chimera.venues.meteora_dlmm.transactions import read_swaps

ARRAYS_BLIND = 3  # what a swap gets whose way cannot be foreseen


class MeteoraDlmm:
    name = quoting.NAME
    slippage_errors = frozenset({6003, 6004})
    """Codes by which the program says that the price had moved further than allowed (its IDL)."""
    program = PROGRAM
    # Not the arrays, which are many times as much: those that matter are watched by name.
    prefilter = Prefilter(
        accounts=(AccountFilter(owner=PROGRAM, memcmp=((0, LB_PAIR),)),),
        transactions=(PROGRAM,),
    )

    def recognise(self, account: Account) -> bool:
        return account.owner == PROGRAM and account.data[:8] == LB_PAIR

    def decode(self, account: Account, *, slot: int) -> DlmmPool:
        return DlmmPool(address=account.address, state=read_state(account, slot=slot))

    def decode_transaction(self, transaction: TransactionUpdate) -> tuple[Swap, ...]:
        return read_swaps(transaction, self.name)

    def header(self, pool: DlmmPool) -> PoolHeader:
        return PoolHeader(self.name, pool.address, pool.state.mint_x, pool.state.mint_y)

    def roles(self, pool: DlmmPool) -> Mapping[str, Address]:
        """Fixed accounts, and the arrays nearest to the price: they change when it moves, and with the extension."""
        state = pool.state
        roles = {
            "pool": pool.address,
            "reserve_x": state.reserve_x,
            "reserve_y": state.reserve_y,
            "mint_x": state.mint_x,
            "mint_y": state.mint_y,
            EXTENSION: extension_address(pool.address),
        }
        window = {index for x_to_y in (True, False) for index in book.nearest(pool, x_to_y=x_to_y)}
        for index in sorted(window):
            roles[f"{ARRAY}{index}"] = bin_array_address(pool.address, index)
        return roles

    def apply(self, pool: DlmmPool, role: str, account: Account, *, slot: int) -> DlmmPool:
        state, replace = pool.state, msgspec.structs.replace
        index = _index_of(role)
        if _address_of(pool, role, index) != account.address:
            raise DecodeError(f"{account.address} is not {role} of {pool.address}")
        known = state if role == "pool" else pool.array(index) if index is not None else _known(pool, role)
        if known is not None and slot < known.slot:
            return pool
        if index is not None:
            array = read_bin_array(account, slot=slot, pool=pool.address, index=index)
            check_prices(array, bin_step=pool.state.bin_step)
            return book.with_array(pool, array)
        match role:
            case "pool":
                return replace(pool, state=read_state(account, slot=slot), book=book.Book())
            case "reserve_x":
                vault = read_vault(account, slot=slot, mint=state.mint_x)
                return replace(pool, reserve_x=vault, book=pool.book.same_bins())
            case "reserve_y":
                vault = read_vault(account, slot=slot, mint=state.mint_y)
                return replace(pool, reserve_y=vault, book=pool.book.same_bins())
            case "mint_x":
                mint = read_mint(account, slot=slot, program=state.program_x)
                return replace(pool, mint_x=mint, book=pool.book.same_bins())
            case "mint_y":
                mint = read_mint(account, slot=slot, program=state.program_y)
                return replace(pool, mint_y=mint, book=pool.book.same_bins())
            case _:
                extension = read_extension(account, slot=slot, pool=pool.address)
                return replace(pool, extension=extension, book=book.Book())

    def may_lack(self, role: str) -> bool:
        """Bin arrays and the bitmap extension come into being when somebody needs them."""
        return role == EXTENSION or role.startswith(ARRAY)

    def missing(self, pool: DlmmPool) -> tuple[str, ...]:
        return tuple(book.missing(pool))

    def reserves(self, pool: DlmmPool) -> tuple[int, int] | None:
        """Amounts at the active bin's price, neither more than what the known bins hold."""
        return None if self.missing(pool) else book.priced_reserves(pool)

    def held(self, pool: DlmmPool) -> tuple[int, int] | None:
        """What the known bins hold."""
        return None if self.missing(pool) else book.held(pool)

    def token_program(self, pool: DlmmPool, mint: Address) -> Address | None:
        state = pool.state
        return {state.mint_x: state.program_x, state.mint_y: state.program_y}.get(mint)

    def quote(self, pool: DlmmPool, request: QuoteRequest, moment: Moment) -> Quote | Refusal:
        return quoting.quote(pool, request, moment)

    def build(self, pool: DlmmPool, request: SwapRequest) -> InstructionCall:
        """The swap instruction; raises ValueError for a mint that is not the pool's."""
        state = pool.state
        if request.input_mint not in (state.mint_x, state.mint_y):
            raise ValueError(f"{pool.address} does not trade {request.input_mint}")
        has_extension = pool.extension is not None and pool.extension.exists
        extension = extension_address(pool.address) if has_extension else None
        exact_in = request.kind is SwapKind.EXACT_IN
        write = instructions.exact_in if exact_in else instructions.exact_out
        return instructions.call(
            pool.address,
            state,
            write(request.amount, request.limit),
            Trader(request.user, request.user_input_account, request.user_output_account),
            extension=extension,
            bin_arrays=[bin_array_address(pool.address, index) for index in _on_the_way(pool, request)],
        )

    # what swaps leave behind: see `ports.venue.TracedVenue`

    def moves(self, role: str) -> bool:
        return role == "pool" or role.startswith(ARRAY)

    def after(
        self, pool: DlmmPool, input_mint: Address, amount_in: int, moment: Moment
    ) -> DlmmPool | Refusal:
        return traces.after(pool, amount_in, moment, x_to_y=input_mint == pool.state.mint_x)

    def shifted(self, pool: DlmmPool, *, by: DlmmPool, than: DlmmPool) -> DlmmPool | None:
        return traces.shifted(pool, by=by, than=than)

    def written(self, pool: DlmmPool, role: str, account: Account) -> Account:
        return traces.written(pool, role, account, _index_of(role)) if self.moves(role) else account

    def build_case(self, ix: str, inputs: Mapping[str, Any]) -> InstructionCall:
        data = b64decode(inputs["lb_pair_data_base64"], validate=True)
        pool = Address(str(inputs["lb_pair"]))
        state = read_state(Account(pool, PROGRAM, 0, data), slot=0)
        return instructions.call_of_case(ix, inputs, pool, state)


def _on_the_way(pool: DlmmPool, request: SwapRequest) -> list[int]:
    """Arrays that a swap is given: those that it would touch now, and their neighbours in case the price moves first.

    The program takes them in their order and passes over those that it does not need.
    """
    x_to_y = request.input_mint == pool.state.mint_x
    ahead = book.nearest(pool, x_to_y=x_to_y)
    ladder = book.ladder(pool, x_to_y=x_to_y, age=book.CALM)
    given = ahead[:ARRAYS_BLIND]
    if ladder is not None:
        compute = ladder.exact_in if request.kind is SwapKind.EXACT_IN else ladder.exact_out
        trade = compute(request.amount)
        if isinstance(trade, Trade):
            last = array_index(ladder.steps[trade.bins - 1].bin_id)
            given = ahead[: ahead.index(last) + 2] if last in ahead else ahead
    return book.behind(pool, x_to_y=x_to_y) + given


def _index_of(role: str) -> int | None:
    """The array's index where the role is one's."""
    number = role.removeprefix(ARRAY)
    if number == role or not number.removeprefix("-").isdecimal():
        return None
    lowest, highest = LOWEST_AND_HIGHEST_ARRAY
    return index if lowest <= (index := int(number)) <= highest else None


def _address_of(pool: DlmmPool, role: str, index: int | None) -> Address | None:
    if index is not None:
        return bin_array_address(pool.address, index)
    state = pool.state
    match role:
        case "pool":
            return pool.address
        case "reserve_x" | "reserve_y" | "mint_x" | "mint_y":
            address: Address = getattr(state, role)
            return address
        case _:
            return extension_address(pool.address) if role == EXTENSION else None


def _known(pool: DlmmPool, role: str) -> Any:
    return pool.extension if role == EXTENSION else getattr(pool, role)


VENUE: Final = MeteoraDlmm()
