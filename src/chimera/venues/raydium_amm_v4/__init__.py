"""Raydium AMM V4: constant product, one fee on the input, the older token program on both sides.

A pool is three accounts: its own and two vaults (`layout` reads them); `curve` does the arithmetic, `instructions`
writes swaps and `transactions` reads them. Must not fetch, wait or know the time.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from chimera.domain.chain import Account, InstructionCall, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_PROGRAM, Address, Slot
from chimera.domain.pool import Moment, PoolHeader, Quote, QuoteRequest, Swap, SwapKind, SwapRequest
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import U64_MAX
from chimera.onchain.curves import impact_bps
from chimera.onchain.keys import address_bytes
from chimera.ports.venue import AccountFilter, Prefilter
from chimera.venues.raydium_amm_v4.curve import exact_in, exact_out
from chimera.venues.raydium_amm_v4.instructions import (
    SWAP_BASE_IN,
    SWAP_BASE_IN_V2,
    SWAP_BASE_OUT,
    SWAP_BASE_OUT_V2,
    long_swap,
    short_swap,
)
from chimera.venues.raydium_amm_v4.layout import (
    AUTHORITY,
    POOL_BYTES,
    PROGRAM,
    STATUS_NAMES,
    State,
    Vault,
    is_pool,
    read_state,
    read_vault,
)
from chimera.venues.raydium_amm_v4.transactions import read_swaps

INITIALIZED, SWAP_ONLY, WAITING_TRADE = 1, 6, 7
SWAPPING = (INITIALIZED, SWAP_ONLY, WAITING_TRADE)

CASE_TAGS = {
    "swap_base_in_v2": SWAP_BASE_IN_V2,
    "swap_base_out_v2": SWAP_BASE_OUT_V2,
    "swap_base_in": SWAP_BASE_IN,
    "swap_base_out": SWAP_BASE_OUT,
}
"""Instructions by the first word of a case row's `ix`."""


class AmmPool(msgspec.Struct, frozen=True):
    """A pool as far as its accounts are known."""

    address: Address
    state: State
    coin_vault: Vault | None = None
    pc_vault: Vault | None = None


class RaydiumAmmV4:
    name = "raydium_amm_v4"
    slippage_errors = frozenset({30})
    """Code by which the program says that the price had moved further than allowed (its error.rs)."""
    program = PROGRAM
    prefilter = Prefilter(
        accounts=(AccountFilter(owner=PROGRAM, data_size=POOL_BYTES),),
        transactions=(PROGRAM,),
    )

    def recognise(self, account: Account) -> bool:
        return is_pool(account)

    def decode(self, account: Account, *, slot: int) -> AmmPool:
        return AmmPool(address=account.address, state=read_state(account, slot=slot))

    def decode_transaction(self, transaction: TransactionUpdate) -> tuple[Swap, ...]:
        return read_swaps(transaction, self.name)

    def header(self, pool: AmmPool) -> PoolHeader:
        return PoolHeader(self.name, pool.address, pool.state.coin_mint, pool.state.pc_mint)

    def roles(self, pool: AmmPool) -> Mapping[str, Address]:
        return {"pool": pool.address, "coin_vault": pool.state.coin_vault, "pc_vault": pool.state.pc_vault}

    def apply(self, pool: AmmPool, role: str, account: Account, *, slot: int) -> AmmPool:
        if self.roles(pool).get(role) != account.address:
            raise DecodeError(f"{account.address} is not {role} of {pool.address}")
        known: State | Vault | None = pool.state if role == "pool" else getattr(pool, role)
        if known is not None and slot < known.slot:
            return pool
        replace = msgspec.structs.replace
        match role:
            case "pool":
                return replace(pool, state=read_state(account, slot=slot))
            case "coin_vault":
                return replace(pool, coin_vault=read_vault(account, slot=slot, mint=pool.state.coin_mint))
            case _:
                return replace(pool, pc_vault=read_vault(account, slot=slot, mint=pool.state.pc_mint))

    def missing(self, pool: AmmPool) -> tuple[str, ...]:
        return ("coin_vault",) * (pool.coin_vault is None) + ("pc_vault",) * (pool.pc_vault is None)

    def reserves(self, pool: AmmPool) -> tuple[int, int] | None:
        if pool.coin_vault is None or pool.pc_vault is None:
            return None
        coin = pool.coin_vault.amount - pool.state.coin_owed
        pc = pool.pc_vault.amount - pool.state.pc_owed
        return (coin, pc) if coin >= 0 and pc >= 0 else None

    def token_program(self, pool: AmmPool, mint: Address) -> Address | None:
        return TOKEN_PROGRAM if mint in (pool.state.coin_mint, pool.state.pc_mint) else None

    def quote(self, pool: AmmPool, request: QuoteRequest, moment: Moment) -> Quote | Refusal:
        state, coin, pc, amount = pool.state, pool.coin_vault, pool.pc_vault, request.amount
        if coin is None or pc is None:
            return Refusal(Reason.QUOTE_UNAVAILABLE, observed=f"unknown: {', '.join(self.missing(pool))}")
        coin_reserve, pc_reserve = coin.amount - state.coin_owed, pc.amount - state.pc_owed
        if request.input_mint == state.coin_mint:
            vault_in, reserve_in, reserve_out, output_mint = coin, coin_reserve, pc_reserve, state.pc_mint
        elif request.input_mint == state.pc_mint:
            vault_in, reserve_in, reserve_out, output_mint = pc, pc_reserve, coin_reserve, state.coin_mint
        else:
            return Refusal(Reason.QUOTE_UNAVAILABLE, observed=f"the pool does not trade {request.input_mint}")
        if not 0 < amount <= U64_MAX:
            return Refusal(Reason.AMOUNT_OUT_OF_RANGE, limit=f"1 to {U64_MAX}", observed=str(amount))
        if state.status != SWAP_ONLY or coin.frozen or pc.frozen:
            refusal = _closed(state, coin, pc, moment)
            if refusal is not None:
                return refusal
        compute = exact_in if request.kind is SwapKind.EXACT_IN else exact_out
        trade = compute(amount, reserve_in, reserve_out, state.fee_numerator, state.fee_denominator)
        if trade is None or vault_in.amount + trade.amount_in > U64_MAX:
            return Refusal(
                Reason.AMOUNT_OUT_OF_RANGE,
                limit=f"reserves {reserve_in} in, {reserve_out} out",
                observed=f"{request.kind} {amount}",
            )
        amount_in, amount_out, traded_in = trade
        return Quote(
            pool.address,
            self.name,
            request.input_mint,
            output_mint,
            amount_in,
            amount_out,
            amount_in - traded_in,
            0,
            impact_bps(
                traded_in=traded_in, traded_out=amount_out, reserve_in=reserve_in, reserve_out=reserve_out
            ),
            Slot(min(state.slot, coin.slot, pc.slot)),
        )

    def build(self, pool: AmmPool, request: SwapRequest) -> InstructionCall:
        """The short swap instruction; raises ValueError for a mint that is not the pool's."""
        state = pool.state
        if request.input_mint not in (state.coin_mint, state.pc_mint):
            raise ValueError(f"{pool.address} does not trade {request.input_mint}")
        exact = request.kind is SwapKind.EXACT_IN
        return short_swap(
            SWAP_BASE_IN_V2 if exact else SWAP_BASE_OUT_V2,
            amount_in=request.amount if exact else request.limit,
            amount_out=request.limit if exact else request.amount,
            pool=pool.address,
            authority=AUTHORITY,
            vaults=(state.coin_vault, state.pc_vault),
            user=request.user,
            user_input=request.user_input_account,
            user_output=request.user_output_account,
        )

    def build_case(self, ix: str, inputs: Mapping[str, Any]) -> InstructionCall:
        """Any of the four swaps, from a row that names every account; see `chimera.cases.CaseReader`."""
        tag = CASE_TAGS[ix.partition(" ")[0]]

        def named(key: str, within: Mapping[str, Any] = inputs) -> Address:
            address = Address(str(within[key]))
            address_bytes(address)  # raises for what is none
            return address

        vaults = (named("A", inputs["vault"]), named("B", inputs["vault"]))
        amounts = int(inputs["amount_in"]), int(inputs["amount_out"])
        if tag in (SWAP_BASE_IN_V2, SWAP_BASE_OUT_V2):
            return short_swap(
                tag, amount_in=amounts[0], amount_out=amounts[1], program=named("programId"), pool=named("id"),
                authority=named("authority"), vaults=vaults, user=named("user"),
                user_input=named("user_token_in"), user_output=named("user_token_out"),
            )  # fmt: skip
        market = (
            "marketId",
            "marketBids",
            "marketAsks",
            "marketEventQueue",
            "marketBaseVault",
            "marketQuoteVault",
        )
        return long_swap(
            tag, amount_in=amounts[0], amount_out=amounts[1], program=named("programId"), pool=named("id"),
            authority=named("authority"), vaults=vaults, user=named("user"),
            orders=tuple(named(key) for key in ("openOrders", "targetOrders") if key in inputs),
            market_program=named("marketProgramId"), market=tuple(named(key) for key in market),
            market_authority=named("marketAuthority"),
            user_input=named("user_token_in"), user_output=named("user_token_out"),
        )  # fmt: skip


def _closed(state: State, coin: Vault, pc: Vault, moment: Moment) -> Refusal | None:
    """Why the pool does not swap at all now, whatever the amounts; None where it does."""
    if state.status not in SWAPPING:
        return Refusal(Reason.POOL_DISABLED, observed=STATUS_NAMES[state.status])
    if state.status == WAITING_TRADE and moment.unix_timestamp < state.open_time:
        limit = f"opens at {state.open_time}"
        return Refusal(Reason.POOL_DISABLED, limit=limit, observed=str(moment.unix_timestamp))
    if coin.frozen or pc.frozen:
        return Refusal(Reason.POOL_DISABLED, observed="a vault is frozen")
    return None


VENUE: Final = RaydiumAmmV4()
