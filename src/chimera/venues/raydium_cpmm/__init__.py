"""Raydium CPMM: constant product with fees that wait in the vaults, and Token-2022 on either side.

A pool is six accounts: its own, the fee configuration, two vaults and two mints (`layout` reads them); `curve` does
the arithmetic. Must not fetch, wait or know the time.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from chimera.domain.chain import Account, AccountMeta, Instruction, InstructionCall, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_PROGRAM, Address, Slot
from chimera.domain.pool import Moment, PoolHeader, Quote, QuoteRequest, Swap, SwapKind, SwapRequest
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import U64_MAX
from chimera.onchain import logs
from chimera.onchain.layouts import NO_TRANSFER_FEE, NO_TRANSFER_FEES, TransferFee, discriminator
from chimera.onchain.swaps import believable
from chimera.ports.venue import AccountFilter, Prefilter
from chimera.venues.raydium_cpmm.curve import (
    Rates,
    Side,
    exact_in,
    exact_out,
    plain_exact_in,
    price_impact_bps,
)
from chimera.venues.raydium_cpmm.layout import (
    AUTHORITY,
    POOL_STATE,
    PROGRAM,
    SWAP_EVENT,
    Config,
    Mint,
    State,
    Vault,
    read_config,
    read_mint,
    read_state,
    read_swap_event,
    read_vault,
)

SWAP_BASE_INPUT = discriminator("global", "swap_base_input")
SWAP_BASE_OUTPUT = discriminator("global", "swap_base_output")
SWAP_ACCOUNTS = 13
USER_AT, POOL_AT = 0, 3  # places among them

SWAP_DISABLED = 4  # bit 2 of the status
CREATOR_FEE_CHOICES = 3  # a higher one is of a later program: the known one refuses it


class CpmmPool(msgspec.Struct, frozen=True):
    """A pool as far as its accounts are known."""

    address: Address
    state: State
    amm_config: Config | None = None
    vault_0: Vault | None = None
    vault_1: Vault | None = None
    mint_0: Mint | None = None
    mint_1: Mint | None = None


ROLES = frozenset({"amm_config", "vault_0", "vault_1", "mint_0", "mint_1"})
"""Accounts beside the pool's own, by their names in its state."""


class RaydiumCpmm:
    name = "raydium_cpmm"
    slippage_errors = frozenset({6005})
    """Codes by which the program says that the price had moved further than allowed (its IDL)."""
    program = PROGRAM
    prefilter = Prefilter(
        accounts=(AccountFilter(owner=PROGRAM, memcmp=((0, POOL_STATE),)),),
        transactions=(PROGRAM,),
    )

    def recognise(self, account: Account) -> bool:
        # Two other Raydium programs share the discriminator: only the owner tells.
        return account.owner == PROGRAM and account.data[:8] == POOL_STATE

    def decode(self, account: Account, *, slot: int) -> CpmmPool:
        return CpmmPool(address=account.address, state=read_state(account, slot=slot))

    def decode_transaction(self, transaction: TransactionUpdate) -> tuple[Swap, ...]:
        if transaction.error is not None:
            return ()
        calls = [(at, call) for at, call in enumerate(transaction.instructions) if _is_swap(call)]
        if not calls:
            return ()
        # The events know the transfer fees, which the instructions cannot; one follows each swap, in its order.
        events = [event for event in logs.events(transaction.logs, PROGRAM) if event[:8] == SWAP_EVENT]
        if len(events) != len(calls):
            raise DecodeError(f"{transaction.signature}: {len(calls)} swaps but {len(events)} events of them")
        return tuple(
            _swap(transaction, at, call, event) for (at, call), event in zip(calls, events, strict=True)
        )

    def header(self, pool: CpmmPool) -> PoolHeader:
        return PoolHeader(self.name, pool.address, pool.state.mint_0, pool.state.mint_1)

    def roles(self, pool: CpmmPool) -> Mapping[str, Address]:
        state = pool.state
        return {
            "pool": pool.address,
            "amm_config": state.amm_config,
            "vault_0": state.vault_0,
            "vault_1": state.vault_1,
            "mint_0": state.mint_0,
            "mint_1": state.mint_1,
        }

    def apply(self, pool: CpmmPool, role: str, account: Account, *, slot: int) -> CpmmPool:
        own = getattr(pool.state, role) if role in ROLES else pool.address
        if own != account.address or not (role == "pool" or role in ROLES):
            raise DecodeError(f"{account.address} is not {role} of {pool.address}")
        known: State | Config | Vault | Mint | None = pool.state if role == "pool" else getattr(pool, role)
        if known is not None and slot < known.slot:
            return pool
        state, replace = pool.state, msgspec.structs.replace
        match role:
            case "pool":
                return replace(pool, state=read_state(account, slot=slot))
            case "amm_config":
                return replace(pool, amm_config=read_config(account, slot=slot))
            case "vault_0":
                return replace(pool, vault_0=read_vault(account, slot=slot, mint=state.mint_0))
            case "vault_1":
                return replace(pool, vault_1=read_vault(account, slot=slot, mint=state.mint_1))
            case "mint_0":
                return replace(pool, mint_0=read_mint(account, slot=slot, program=state.program_0))
            case _:
                return replace(pool, mint_1=read_mint(account, slot=slot, program=state.program_1))

    def missing(self, pool: CpmmPool) -> tuple[str, ...]:
        vaults = pool.vault_0 is not None and pool.vault_1 is not None
        if vaults and pool.amm_config is not None and not _lacks_mint(pool):
            return ()  # asked after each write, and nearly always so
        roles = ["amm_config", "vault_0", "vault_1"]
        # A mint of the older token program has nothing to say about a swap.
        roles += ["mint_0"] * (pool.state.program_0 != TOKEN_PROGRAM)
        roles += ["mint_1"] * (pool.state.program_1 != TOKEN_PROGRAM)
        return tuple(role for role in roles if getattr(pool, role) is None)

    def reserves(self, pool: CpmmPool) -> tuple[int, int] | None:
        if pool.vault_0 is None or pool.vault_1 is None:
            return None
        reserve_0 = pool.vault_0.amount - sum(pool.state.uncollected_0)
        reserve_1 = pool.vault_1.amount - sum(pool.state.uncollected_1)
        return (reserve_0, reserve_1) if reserve_0 >= 0 and reserve_1 >= 0 else None

    def token_program(self, pool: CpmmPool, mint: Address) -> Address | None:
        state = pool.state
        return {state.mint_0: state.program_0, state.mint_1: state.program_1}.get(mint)

    def quote(self, pool: CpmmPool, request: QuoteRequest, moment: Moment) -> Quote | Refusal:
        state, config, vault_0, vault_1 = pool.state, pool.amm_config, pool.vault_0, pool.vault_1
        if config is None or vault_0 is None or vault_1 is None or _lacks_mint(pool):
            return Refusal(Reason.QUOTE_UNAVAILABLE, observed=f"unknown: {', '.join(self.missing(pool))}")
        refusal = _closed(state, vault_0, vault_1, request, moment)
        if refusal is not None:
            return refusal
        zero_for_one = request.input_mint == state.mint_0
        creator_rate = config.creator_rate if state.creator_fee_enabled else 0
        on_input = state.creator_fee_on == 0 or (state.creator_fee_on == 1) == zero_for_one
        if (
            request.kind is SwapKind.EXACT_IN
            and (on_input or creator_rate == 0)
            and config.trade_rate + creator_rate
            and (pool.mint_0 is None or pool.mint_0.transfer_fees is NO_TRANSFER_FEES)
            and (pool.mint_1 is None or pool.mint_1.transfer_fees is NO_TRANSFER_FEES)
        ):
            ends = (vault_0.amount, state.uncollected_0), (vault_1.amount, state.uncollected_1)
            found = plain_exact_in(
                request.amount,
                ends[not zero_for_one],
                ends[zero_for_one],
                (config.trade_rate, config.protocol_rate, config.fund_rate, creator_rate),
            )
            if found is None:
                return _out_of_range(pool, request, vault_0, vault_1)
            return Quote(
                pool.address,
                self.name,
                request.input_mint,
                state.mint_1 if zero_for_one else state.mint_0,
                request.amount,
                found[0],
                found[1],
                0,
                found[2],
                # Configuration and mints say the same for months: their age is not the price's.
                Slot(min(state.slot, vault_0.slot, vault_1.slot)),
            )
        rates = Rates(
            trade=config.trade_rate,
            protocol=config.protocol_rate,
            fund=config.fund_rate,
            creator=creator_rate,
            creator_on_input=on_input,
        )
        return self._any_quote(pool, vault_0, vault_1, request, moment, rates)

    def _any_quote(
        self,
        pool: CpmmPool,
        vault_0: Vault,
        vault_1: Vault,
        request: QuoteRequest,
        moment: Moment,
        rates: Rates,
    ) -> Quote | Refusal:
        """With transfer fees and fees on the output, and for an exact output."""
        state = pool.state
        ends = (
            (state.mint_0, Side(vault_0.amount, state.uncollected_0, _transfer_fee(pool.mint_0, moment))),
            (state.mint_1, Side(vault_1.amount, state.uncollected_1, _transfer_fee(pool.mint_1, moment))),
        )
        zero_for_one = request.input_mint == state.mint_0
        (input_mint, source), (output_mint, target) = ends if zero_for_one else ends[::-1]
        compute = exact_in if request.kind is SwapKind.EXACT_IN else exact_out
        trade = compute(request.amount, source, target, rates)
        if trade is None:
            return _out_of_range(pool, request, vault_0, vault_1)
        return Quote(
            pool=pool.address,
            venue=self.name,
            input_mint=input_mint,
            output_mint=output_mint,
            amount_in=trade.sent,
            amount_out=trade.received,
            fee_in=trade.trade_fee + (trade.creator_fee if rates.creator_on_input else 0),
            fee_out=0 if rates.creator_on_input else trade.creator_fee,
            price_impact_bps=price_impact_bps(trade, source, target),
            slot=Slot(min(state.slot, vault_0.slot, vault_1.slot)),
        )

    def build(self, pool: CpmmPool, request: SwapRequest) -> InstructionCall:
        """The swap instruction; raises ValueError for a mint that is not the pool's."""
        state = pool.state
        ends = (
            (state.vault_0, state.program_0, state.mint_0),
            (state.vault_1, state.program_1, state.mint_1),
        )
        if request.input_mint not in (state.mint_0, state.mint_1):
            raise ValueError(f"{pool.address} does not trade {request.input_mint}")
        source, target = ends if request.input_mint == state.mint_0 else ends[::-1]
        # Both name the input's amount first: exact and minimum out, or maximum and exact out.
        if request.kind is SwapKind.EXACT_IN:
            data = SWAP_BASE_INPUT + _u64(request.amount) + _u64(request.limit)
        else:
            data = SWAP_BASE_OUTPUT + _u64(request.limit) + _u64(request.amount)
        accounts = (
            AccountMeta(request.user, is_signer=True, is_writable=False),
            _readonly(AUTHORITY),
            _readonly(state.amm_config),
            _writable(pool.address),
            _writable(request.user_input_account),
            _writable(request.user_output_account),
            _writable(source[0]),
            _writable(target[0]),
            _readonly(source[1]),
            _readonly(target[1]),
            _readonly(source[2]),
            _readonly(target[2]),
            _writable(state.observation),
        )
        return InstructionCall(program=PROGRAM, accounts=accounts, data=data)


def _closed(
    state: State, vault_0: Vault, vault_1: Vault, request: QuoteRequest, moment: Moment
) -> Refusal | None:
    """Why the pool does not swap at all now, whatever the amounts; None where it does."""
    if request.input_mint not in (state.mint_0, state.mint_1):
        return Refusal(Reason.QUOTE_UNAVAILABLE, observed=f"the pool does not trade {request.input_mint}")
    if not 0 < request.amount <= U64_MAX:
        return Refusal(Reason.AMOUNT_OUT_OF_RANGE, limit=f"1 to {U64_MAX}", observed=str(request.amount))
    if state.status & SWAP_DISABLED:
        return Refusal(Reason.POOL_DISABLED, observed=f"status {state.status}")
    if moment.unix_timestamp < state.open_time:
        limit = f"opens at {state.open_time}"
        return Refusal(Reason.POOL_DISABLED, limit=limit, observed=str(moment.unix_timestamp))
    if state.creator_fee_on >= CREATOR_FEE_CHOICES:
        return Refusal(Reason.POOL_DISABLED, observed=f"unknown creator_fee_on {state.creator_fee_on}")
    if vault_0.frozen or vault_1.frozen:
        return Refusal(Reason.POOL_DISABLED, observed="a vault is frozen")
    return None


def _lacks_mint(pool: CpmmPool) -> bool:
    """A mint of the older token program has nothing to say about a swap."""
    state = pool.state
    return (pool.mint_0 is None and state.program_0 != TOKEN_PROGRAM) or (
        pool.mint_1 is None and state.program_1 != TOKEN_PROGRAM
    )


def _out_of_range(pool: CpmmPool, request: QuoteRequest, vault_0: Vault, vault_1: Vault) -> Refusal:
    reserves = (
        vault_0.amount - sum(pool.state.uncollected_0),
        vault_1.amount - sum(pool.state.uncollected_1),
    )
    entering, leaving = reserves if request.input_mint == pool.state.mint_0 else reserves[::-1]
    return Refusal(
        Reason.AMOUNT_OUT_OF_RANGE,
        limit=f"reserves {entering} in, {leaving} out",
        observed=f"{request.kind} {request.amount}",
    )


def _transfer_fee(mint: Mint | None, moment: Moment) -> TransferFee:
    return mint.transfer_fees.at(moment.epoch) if mint is not None else NO_TRANSFER_FEE


def _is_swap(call: Instruction) -> bool:
    return call.program == PROGRAM and call.data[:8] in (SWAP_BASE_INPUT, SWAP_BASE_OUTPUT)


def _swap(transaction: TransactionUpdate, at: int, call: Instruction, event: bytes) -> Swap:
    told = read_swap_event(event)
    if len(call.accounts) < SWAP_ACCOUNTS or call.accounts[POOL_AT] != told.pool:
        raise DecodeError(f"{transaction.signature}: the event at instruction {at} is of {told.pool}")
    return believable(
        Swap(
            venue=RaydiumCpmm.name,
            pool=told.pool,
            user=call.accounts[USER_AT],
            input_mint=told.input_mint,
            output_mint=told.output_mint,
            amount_in=told.sent,
            amount_out=told.received,
            signature=transaction.signature,
            slot=transaction.slot,
            position=at,
        )
    )


def _u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def _readonly(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


def _writable(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)


VENUE: Final = RaydiumCpmm()
