"""PumpSwap: constant product with a virtual part of the quote, where pump.fun's coins live after their curve.

A pool is its own account, two vaults, the base mint (its supply makes the market cap that picks the fee tier), the
program's configuration and its fee schedule. Must not fetch, wait or know the time.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from chimera.domain.chain import Account, InstructionCall, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import SYSTEM_PROGRAM, Address, Slot
from chimera.domain.pool import Moment, PoolHeader, Quote, QuoteRequest, Swap, SwapKind, SwapRequest
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import U64_MAX
from chimera.onchain.keys import address_bytes
from chimera.onchain.pump_fees import FeeConfig, Fees, read_fee_config
from chimera.ports.venue import AccountFilter, Prefilter
from chimera.venues.pumpswap import sdk
from chimera.venues.pumpswap.curve import (
    Reserves,
    Trade,
    buy_base,
    buy_spending,
    price_impact_bps,
    sell_base,
    sell_for,
)
from chimera.venues.pumpswap.instructions import Trader, swap
from chimera.venues.pumpswap.layout import (
    FEE_CONFIG_ADDRESS,
    GLOBAL_CONFIG,
    POOL,
    PROGRAM,
    GlobalConfig,
    Mint,
    State,
    Vault,
    is_pool,
    read_global_config,
    read_mint,
    read_state,
    read_vault,
)
from chimera.venues.pumpswap.transactions import read_swaps

BUY_DISABLED, SELL_DISABLED, KNOWN_FLAGS = 8, 16, 31
MAYHEM_SUPPLY: Final = 10**15
"""What a mayhem coin's supply counts as, whatever was minted."""


class PumpPool(msgspec.Struct, frozen=True):
    """A pool as far as its accounts are known."""

    address: Address
    state: State
    base_vault: Vault | None = None
    quote_vault: Vault | None = None
    base_mint: Mint | None = None
    global_config: GlobalConfig | None = None
    fee_config: FeeConfig | None = None
    config_slot: int = -1
    fee_slot: int = -1
    reserves: Reserves | None = None
    fees: Fees | None = None
    """What a trade pays now; folded with every account, since the market cap sets it."""


class PumpSwap:
    name = "pumpswap"
    slippage_errors = frozenset({6004})
    """Codes by which the program says that the price had moved further than allowed (its IDL)."""
    program = PROGRAM
    prefilter = Prefilter(
        accounts=(AccountFilter(owner=PROGRAM, memcmp=((0, POOL),)),),
        transactions=(PROGRAM,),
    )

    def recognise(self, account: Account) -> bool:
        return is_pool(account)

    def decode(self, account: Account, *, slot: int) -> PumpPool:
        return PumpPool(address=account.address, state=read_state(account, slot=slot))

    def decode_transaction(self, transaction: TransactionUpdate) -> tuple[Swap, ...]:
        return read_swaps(transaction, venue=self.name)

    def header(self, pool: PumpPool) -> PoolHeader:
        return PoolHeader(self.name, pool.address, pool.state.base_mint, pool.state.quote_mint)

    def roles(self, pool: PumpPool) -> Mapping[str, Address]:
        return {
            "pool": pool.address,
            "base_vault": pool.state.base_vault,
            "quote_vault": pool.state.quote_vault,
            "base_mint": pool.state.base_mint,
            "global_config": GLOBAL_CONFIG,
            "fee_config": FEE_CONFIG_ADDRESS,
        }

    def apply(self, pool: PumpPool, role: str, account: Account, *, slot: int) -> PumpPool:
        if self.roles(pool).get(role) != account.address:
            raise DecodeError(f"{account.address} is not {role} of {pool.address}")
        if slot < _known_slot(pool, role):
            return pool
        state, replace = pool.state, msgspec.structs.replace
        match role:
            case "pool":
                pool = replace(pool, state=read_state(account, slot=slot))
            case "base_vault":
                pool = replace(pool, base_vault=read_vault(account, slot=slot, mint=state.base_mint))
            case "quote_vault":
                pool = replace(pool, quote_vault=read_vault(account, slot=slot, mint=state.quote_mint))
            case "base_mint":
                pool = replace(pool, base_mint=read_mint(account, slot=slot))
            case "global_config":
                pool = replace(pool, global_config=read_global_config(account), config_slot=slot)
            case _:
                pool = replace(pool, fee_config=read_fee_config(account), fee_slot=slot)
        reserves = _reserves(pool)
        return replace(pool, reserves=reserves, fees=_fees(pool, reserves))

    def missing(self, pool: PumpPool) -> tuple[str, ...]:
        roles = ("base_vault", "quote_vault", "base_mint", "global_config", "fee_config")
        return tuple(role for role in roles if getattr(pool, role) is None)

    def reserves(self, pool: PumpPool) -> tuple[int, int] | None:
        if pool.reserves is None or pool.reserves.priced_quote < 0:
            return None
        return pool.reserves.base, pool.reserves.priced_quote

    def token_program(self, pool: PumpPool, mint: Address) -> Address | None:
        vaults = {pool.state.base_mint: pool.base_vault, pool.state.quote_mint: pool.quote_vault}
        vault = vaults.get(mint)
        return vault.program if vault is not None else None

    def quote(self, pool: PumpPool, request: QuoteRequest, moment: Moment) -> Quote | Refusal:  # noqa: ARG002
        """The trade that `build` writes; what a pool charges does not depend on the moment."""
        state, reserves, fees = pool.state, pool.reserves, pool.fees
        base_vault, quote_vault, config = pool.base_vault, pool.quote_vault, pool.global_config
        if (
            base_vault is None or quote_vault is None or config is None
            or pool.base_mint is None or pool.fee_config is None
        ):  # fmt: skip
            return Refusal(Reason.QUOTE_UNAVAILABLE, observed=f"unknown: {', '.join(self.missing(pool))}")
        if request.input_mint not in (state.base_mint, state.quote_mint):
            return Refusal(Reason.QUOTE_UNAVAILABLE, observed=f"the pool does not trade {request.input_mint}")
        buys = request.input_mint == state.quote_mint
        closed = _closed(base_vault, quote_vault, config.disable_flags, buys=buys)
        if closed is not None:
            return Refusal(Reason.POOL_DISABLED, observed=closed)
        if reserves is None or fees is None:
            return Refusal(Reason.POOL_DISABLED, observed="an empty side, or no fee schedule for this pool")
        if not 0 < request.amount <= U64_MAX:
            return Refusal(Reason.AMOUNT_OUT_OF_RANGE, limit=f"1 to {U64_MAX}", observed=str(request.amount))
        found = COMPUTE[request.kind, buys](request.amount, reserves, fees)
        if found is None or found.paid > U64_MAX:
            return Refusal(
                Reason.AMOUNT_OUT_OF_RANGE,
                limit=f"reserves {reserves.base} of base, {reserves.quote} of quote",
                observed=f"{'buy' if buys else 'sell'} {request.kind} {request.amount}",
            )
        return Quote(
            pool=pool.address,
            venue=self.name,
            input_mint=request.input_mint,
            output_mint=state.base_mint if buys else state.quote_mint,
            amount_in=found.paid,
            amount_out=found.received,
            fee_in=found.fees if buys else 0,
            fee_out=0 if buys else found.fees,
            price_impact_bps=price_impact_bps(found, reserves, buys=buys),
            # Configuration, schedule and supply say the same for months: their age is not the price's.
            slot=Slot(min(state.slot, base_vault.slot, quote_vault.slot)),
        )

    def build(self, pool: PumpPool, request: SwapRequest) -> InstructionCall:
        """The swap instruction; raises ValueError for another mint, or where an account that it names is unknown.

        An exact-out sale is a sale of the most that it may cost, with the exact amount as its minimum.
        """
        state, config = pool.state, pool.global_config
        if request.input_mint not in (state.base_mint, state.quote_mint):
            raise ValueError(f"{pool.address} does not trade {request.input_mint}")
        if config is None or pool.base_vault is None or pool.quote_vault is None:
            raise ValueError(f"{pool.address}: its vaults or the configuration are not known")
        buys = request.input_mint == state.quote_mint
        accounts = (request.user_input_account, request.user_output_account)
        quote_account, base_account = accounts if buys else accounts[::-1]
        recipients = config.mayhem_fee_recipients if state.mayhem else config.fee_recipients
        trader = Trader(
            user=request.user,
            base_account=base_account,
            quote_account=quote_account,
            base_program=pool.base_vault.program,
            quote_program=pool.quote_vault.program,
            fee_recipient=_chosen(pool, recipients),
            buyback_fee_recipient=_chosen(pool, config.buyback_fee_recipients),
        )
        exact_in = request.kind is SwapKind.EXACT_IN
        if buys:
            name = "buy_exact_quote_in" if exact_in else "buy"
            return swap(name, pool.address, state, trader, request.amount, request.limit)
        base, minimum = (request.amount, request.limit) if exact_in else (request.limit, request.amount)
        return swap("sell", pool.address, state, trader, base, minimum)

    # rows of case files: see chimera.cases

    def quote_case(
        self, accounts: Mapping[str, Account], *, direction: str, kind: SwapKind, amount: int, moment: Moment
    ) -> tuple[int, int] | str:
        """What the official SDK answers: (in, out), or why it does not. See `sdk` for where it is more lenient."""
        found = {account.address: account for account in accounts.values()}
        own = next((account for account in found.values() if is_pool(account)), None)
        if own is None:
            raise DecodeError("no pool among the accounts")
        pool = self.decode(own, slot=moment.slot)
        for role, address in self.roles(pool).items():
            if address in found:
                pool = self.apply(pool, role, found[address], slot=moment.slot)
        if self.missing(pool):
            return f"unknown: {', '.join(self.missing(pool))}"
        if pool.reserves is None or pool.fees is None or amount < 0:
            return "an empty side, no fee schedule, or a negative amount"
        return sdk.answer(direction, kind, amount, pool.reserves, pool.fees)

    def build_case(self, ix: str, inputs: Mapping[str, Any]) -> InstructionCall:
        """The instruction named by the row, whose amounts are named as its arguments are."""
        address = _address(inputs["pool"])
        account = Account(address, PROGRAM, 0, b64decode(inputs["pool_data_base64"], validate=True))
        trader = Trader(
            user=_address(inputs["user"]),
            base_account=_address(inputs["user_base"]),
            quote_account=_address(inputs["user_quote"]),
            base_program=_address(inputs["base_token_program"]),
            quote_program=_address(inputs["quote_token_program"]),
            fee_recipient=_address(inputs["protocol_fee_recipient"]),
            buyback_fee_recipient=_address(inputs["buyback_fee_recipient"]),
        )
        first, second = (int(inputs[name]) for name in ARGUMENTS[ix.removesuffix("_v2")])
        return swap(ix, address, read_state(account, slot=0), trader, first, second)


ARGUMENTS: Final[Mapping[str, tuple[str, str]]] = {
    "buy": ("base_amount_out", "max_quote_amount_in"),
    "buy_exact_quote_in": ("spendable_quote_in", "min_base_amount_out"),
    "sell": ("base_amount_in", "min_quote_amount_out"),
}

COMPUTE: Final[Mapping[tuple[SwapKind, bool], Callable[[int, Reserves, Fees], Trade | None]]] = {
    (SwapKind.EXACT_IN, True): buy_spending,
    (SwapKind.EXACT_IN, False): sell_base,
    (SwapKind.EXACT_OUT, True): buy_base,
    (SwapKind.EXACT_OUT, False): sell_for,
}
"""By what is exact, and whether it is a buy."""


def _known_slot(pool: PumpPool, role: str) -> int:
    """When what is known of that account was written; -1 where nothing is."""
    match role:
        case "global_config":
            return pool.config_slot
        case "fee_config":
            return pool.fee_slot
        case _:
            known: State | Vault | Mint | None = pool.state if role == "pool" else getattr(pool, role)
            return known.slot if known is not None else -1


def _reserves(pool: PumpPool) -> Reserves | None:
    if pool.base_vault is None or pool.quote_vault is None:
        return None
    quote = pool.quote_vault.amount
    return Reserves(pool.base_vault.amount, quote, quote + pool.state.virtual_quote)


def _fees(pool: PumpPool, reserves: Reserves | None) -> Fees | None:
    """What a trade pays now; None where nothing says it, or a side is empty."""
    state, config, schedule = pool.state, pool.global_config, pool.fee_config
    if reserves is None or config is None or schedule is None or pool.base_mint is None:
        return None
    if not reserves.tradable:
        return None
    supply = MAYHEM_SUPPLY if state.mayhem else pool.base_mint.supply
    fees = schedule.fees(
        canonical=state.canonical,
        quote_mint=state.quote_mint,
        market_cap=reserves.priced_quote * supply // reserves.base,
    )
    if fees is None:
        return None
    own = config.creator_fee_configurable and state.creator_fee_bps > 0
    creator_bps = state.creator_fee_bps if own else fees.creator_bps
    return Fees(fees.lp_bps, fees.protocol_bps, 0 if state.coin_creator == SYSTEM_PROGRAM else creator_bps)


def _closed(base_vault: Vault, quote_vault: Vault, flags: int, *, buys: bool) -> str | None:
    """Why the pool does not swap at all now, whatever the amounts; None where it does."""
    if flags & (BUY_DISABLED if buys else SELL_DISABLED):
        return f"disable flags {flags:#x}"
    if buys and flags & ~KNOWN_FLAGS:
        return f"unknown disable flags {flags:#x}"  # of a later program: what they forbid is not known
    if base_vault.frozen or quote_vault.frozen:
        return "a vault is frozen"
    if buys and (base_vault.takes_fee or quote_vault.takes_fee):
        return "a mint that may take a fee of transfers"
    return None


def _chosen(pool: PumpPool, recipients: tuple[Address, ...]) -> Address:
    """One of the list, always the same for a pool: swaps of different pools need not wait for one account."""
    if not recipients:
        raise ValueError(f"{pool.address}: the configuration names no such fee recipient")
    return recipients[address_bytes(pool.address)[0] % len(recipients)]


def _address(text: Any) -> Address:
    address = Address(str(text))
    address_bytes(address)  # raises for what is none
    return address


VENUE: Final = PumpSwap()
