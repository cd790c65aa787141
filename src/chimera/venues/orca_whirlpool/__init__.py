"""Orca Whirlpool: concentrated liquidity between ticks, splash pools, adaptive fees, and Token-2022 on either side.

A pool is its own account, two vaults, two mints, an oracle where the fee is adaptive, and the tick arrays around
the price (`layout` reads them). `path` finds the way a swap can take, `swap` and `step` go it, `adaptive` sets the
fee, `instructions` writes swaps and `transactions` reads them. Must not fetch, wait or know the time.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from chimera.domain.chain import Account, InstructionCall, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import Address, Slot
from chimera.domain.pool import Moment, PoolHeader, Quote, QuoteRequest, Swap, SwapKind, SwapRequest
from chimera.domain.risk import Reason, Refusal
from chimera.ports.venue import AccountFilter, Prefilter
from chimera.venues.orca_whirlpool import cases, traces
from chimera.venues.orca_whirlpool.instructions import SwapAccounts, SwapData, swap_v2
from chimera.venues.orca_whirlpool.layout import (
    PROGRAM,
    WHIRLPOOL,
    Mint,
    Oracle,
    State,
    Vault,
    is_pool,
    oracle_address,
    read_mint,
    read_oracle,
    read_state,
    read_tick_array,
    read_vault,
    tick_array_address,
)
from chimera.venues.orca_whirlpool.path import current_start, is_start, named_starts
from chimera.venues.orca_whirlpool.pool import Ways, Whirlpool
from chimera.venues.orca_whirlpool.quoting import find_trade, price_impact_bps, priced_reserves
from chimera.venues.orca_whirlpool.transactions import read_swaps

TICK_ARRAY = "tick_array_"
"""Roles of tick arrays end with the tick that the array starts at."""


class OrcaWhirlpool:
    name = "orca_whirlpool"
    also_called = ("whirlpool",)
    """What rows of cases call it."""
    slippage_errors = frozenset({6036, 6037})
    """Codes by which the program says that the price had moved further than allowed (its IDL)."""
    program = PROGRAM
    prefilter = Prefilter(
        accounts=(AccountFilter(owner=PROGRAM, memcmp=((0, WHIRLPOOL),)),),
        transactions=(PROGRAM,),
    )

    def recognise(self, account: Account) -> bool:
        return is_pool(account)

    def decode(self, account: Account, *, slot: int) -> Whirlpool:
        return Whirlpool(address=account.address, state=read_state(account, slot=slot))

    def decode_transaction(self, transaction: TransactionUpdate) -> tuple[Swap, ...]:
        return read_swaps(transaction, self.name)

    def header(self, pool: Whirlpool) -> PoolHeader:
        return PoolHeader(self.name, pool.address, pool.state.mint_a, pool.state.mint_b)

    def roles(self, pool: Whirlpool) -> Mapping[str, Address]:
        """The tick arrays are those that a swap names at the present price; they change with it."""
        state = pool.state
        roles = {
            "pool": pool.address,
            "mint_a": state.mint_a,
            "mint_b": state.mint_b,
            "vault_a": state.vault_a,
            "vault_b": state.vault_b,
        }
        if state.adaptive:
            roles["oracle"] = oracle_address(pool.address)
        for start in named_starts(state.tick, state.spacing):
            if is_start(start, state.spacing):
                roles[f"{TICK_ARRAY}{start}"] = tick_array_address(pool.address, start)
        return roles

    def apply(self, pool: Whirlpool, role: str, account: Account, *, slot: int) -> Whirlpool:
        """A tick array is taken wherever the price is, so one that the price has left is known when it comes back.

        For tick arrays and the oracle, an empty account of the system program says that there is none.
        """
        state, address, replace = pool.state, account.address, msgspec.structs.replace
        if role.startswith(TICK_ARRAY):
            start = _start_of(role)
            if address != tick_array_address(pool.address, start):
                raise DecodeError(f"{address} is not {role} of {pool.address}")
            known_array = pool.arrays.get(start)
            if known_array is not None and slot < known_array.slot:
                return pool
            array = read_tick_array(account, slot=slot, pool=pool.address, start=start, spacing=state.spacing)
            return replace(pool, arrays={**pool.arrays, start: array}, ways=Ways())
        if self.roles(pool).get(role) != address:
            raise DecodeError(f"{address} is not {role} of {pool.address}")
        known: State | Vault | Mint | Oracle | None = state if role == "pool" else getattr(pool, role)
        if known is not None and slot < known.slot:
            return pool
        ways = pool.ways.without_lanes()
        match role:
            case "pool":
                return replace(pool, state=read_state(account, slot=slot), ways=Ways())
            case "vault_a":
                return replace(pool, vault_a=read_vault(account, slot=slot, mint=state.mint_a), ways=ways)
            case "vault_b":
                return replace(pool, vault_b=read_vault(account, slot=slot, mint=state.mint_b), ways=ways)
            case "mint_a":
                return replace(pool, mint_a=read_mint(account, slot=slot), ways=ways)
            case "mint_b":
                return replace(pool, mint_b=read_mint(account, slot=slot), ways=ways)
            case _:
                return replace(pool, oracle=read_oracle(account, slot=slot, pool=pool.address), ways=ways)

    def may_lack(self, role: str) -> bool:
        """Tick arrays come into being with the first position in them; none there means no liquidity there."""
        return role.startswith(TICK_ARRAY)

    def missing(self, pool: Whirlpool) -> tuple[str, ...]:
        """Arrays away from the current one may be unknown: swaps that reach them are refused, others are not."""
        roles = ("vault_a", "vault_b", "mint_a", "mint_b") + ("oracle",) * pool.state.adaptive
        found = [role for role in roles if getattr(pool, role) is None]
        start = current_start(pool.state.tick, pool.state.spacing)
        if start not in pool.arrays:
            found.append(f"{TICK_ARRAY}{start}")
        return tuple(found)

    def reserves(self, pool: Whirlpool) -> tuple[int, int] | None:
        return priced_reserves(pool)

    def held(self, pool: Whirlpool) -> tuple[int, int] | None:
        """(mint_a, mint_b) base units in the vaults: no swap gives more."""
        if pool.vault_a is None or pool.vault_b is None:
            return None
        return pool.vault_a.amount, pool.vault_b.amount

    def token_program(self, pool: Whirlpool, mint: Address) -> Address | None:
        known = {pool.state.mint_a: pool.mint_a, pool.state.mint_b: pool.mint_b}.get(mint)
        return known.program if known is not None else None

    def quote(self, pool: Whirlpool, request: QuoteRequest, moment: Moment) -> Quote | Refusal:
        state = pool.state
        a_to_b = request.input_mint == state.mint_a
        if not a_to_b and request.input_mint != state.mint_b:
            return Refusal(Reason.QUOTE_UNAVAILABLE, observed=f"the pool does not trade {request.input_mint}")
        exact_in, amount = request.kind is SwapKind.EXACT_IN, request.amount
        lane = pool.ways.lanes.get(a_to_b) or pool.lane(a_to_b=a_to_b)
        if lane is not None and amount > 0 and moment.unix_timestamp >= state.rewards_at:
            told = lane.exact_in(amount) if exact_in else lane.exact_out(amount)
            if told is not None:
                sent, received, fee, impact_bps = told
                return Quote(
                    pool.address,
                    self.name,
                    request.input_mint,
                    state.mint_b if a_to_b else state.mint_a,
                    sent,
                    received,
                    fee,
                    0,
                    impact_bps,
                    Slot(lane.slot),
                )
        trade = find_trade(pool, amount, moment, exact_in=exact_in, a_to_b=a_to_b)
        if isinstance(trade, Refusal):
            return trade
        if trade.sent != amount and exact_in:
            # The program would take less and leave the price at its very end: nobody means that.
            return Refusal(
                Reason.AMOUNT_OUT_OF_RANGE, limit=f"the pool takes {trade.sent}", observed=str(amount)
            )
        return Quote(
            pool.address,
            self.name,
            request.input_mint,
            state.mint_b if a_to_b else state.mint_a,
            trade.sent,
            trade.received,
            trade.fee,
            0,
            price_impact_bps(trade, state.sqrt_price, a_to_b=a_to_b),
            Slot(trade.slot),
        )

    def build(self, pool: Whirlpool, request: SwapRequest) -> InstructionCall:
        """`swap_v2` with the five tick arrays around the price; raises ValueError for a mint that is not the pool's,
        or while a mint's token program is unknown.
        """
        state = pool.state
        if request.input_mint not in (state.mint_a, state.mint_b):
            raise ValueError(f"{pool.address} does not trade {request.input_mint}")
        if pool.mint_a is None or pool.mint_b is None:
            raise ValueError(f"the token programs of {pool.address} are unknown")
        a_to_b = request.input_mint == state.mint_a
        users = request.user_input_account, request.user_output_account
        return swap_v2(
            SwapData(
                request.amount, request.limit, exact_in=request.kind is SwapKind.EXACT_IN, a_to_b=a_to_b
            ),
            SwapAccounts(
                pool=pool.address,
                programs=(pool.mint_a.program, pool.mint_b.program),
                mints=(state.mint_a, state.mint_b),
                vaults=(state.vault_a, state.vault_b),
                user=request.user,
                user_accounts=users if a_to_b else users[::-1],
                tick_arrays=[
                    tick_array_address(pool.address, start)
                    for start in named_starts(state.tick, state.spacing)
                ],
            ),
        )

    # what swaps leave behind: see `ports.venue.TracedVenue`

    def moves(self, role: str) -> bool:
        return role == "pool" or role.startswith(TICK_ARRAY)

    def after(
        self, pool: Whirlpool, input_mint: Address, amount_in: int, moment: Moment
    ) -> Whirlpool | Refusal:
        return traces.after(pool, amount_in, moment, a_to_b=input_mint == pool.state.mint_a)

    def shifted(self, pool: Whirlpool, *, by: Whirlpool, than: Whirlpool) -> Whirlpool | None:
        return traces.shifted(pool, by=by, than=than)

    def written(self, pool: Whirlpool, role: str, account: Account) -> Account:
        return traces.written(account, pool.state) if role == "pool" else account

    # rows of case files: see chimera.cases

    def quote_case(
        self, accounts: Mapping[str, Account], *, direction: str, kind: SwapKind, amount: int, moment: Moment
    ) -> tuple[int, int] | str:
        """As the program answers, a partial fill included; see `chimera.cases.QuoteCaseReader`."""
        pool = cases.read_pool(self, accounts, slot=moment.slot)
        trade = find_trade(
            pool, amount, moment, exact_in=kind is SwapKind.EXACT_IN, a_to_b=cases.is_a_to_b(direction)
        )
        return str(trade) if isinstance(trade, Refusal) else (trade.sent, trade.received)

    def build_case(self, ix: str, inputs: Mapping[str, Any]) -> InstructionCall:
        """`swap_v2` or `swap`, from a row of cases; see `chimera.cases.CaseReader`."""
        return cases.build(ix, inputs)


def _start_of(role: str) -> int:
    try:
        return int(role.removeprefix(TICK_ARRAY))
    except ValueError:
        raise DecodeError(f"no role: {role!r}") from None


VENUE: Final = OrcaWhirlpool()
