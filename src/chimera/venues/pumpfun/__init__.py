"""The pump.fun bonding curve: a coin's first market, until the last of its tokens for sale is sold.

A pool is the curve's account, the program's Global, its fee schedule and the coin's mint. The curve does not say what
its mint is and its address cannot be turned back into it: transactions tell (`mints`), and `with_mint` checks it.
SOL curves move the user's native lamports, not his wrapped ones (`pays_lamports`); they are told as wSOL all the same.
Must not fetch, wait or know the time.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from chimera.domain.chain import Account, InstructionCall, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import TOKEN_PROGRAM, USDC, WSOL, Address, Slot
from chimera.domain.pool import Moment, PoolHeader, Quote, QuoteRequest, Swap, SwapKind, SwapRequest
from chimera.domain.risk import Reason, Refusal
from chimera.domain.units import BPS, U64_MAX
from chimera.onchain.keys import address_bytes, associated_token_address
from chimera.onchain.pump_fees import FeeConfig, read_fee_config
from chimera.ports.venue import AccountFilter, Prefilter
from chimera.venues.pumpfun import traces
from chimera.venues.pumpfun.curve import (
    Rates,
    Reserves,
    Trade,
    buy_spending,
    buy_tokens,
    price_impact_bps,
    sdk_tokens_for,
    sell_for,
    sell_tokens,
)
from chimera.venues.pumpfun.instructions import Coin, Trader, trade
from chimera.venues.pumpfun.layout import (
    BONDING_CURVE,
    FEE_CONFIG_ADDRESS,
    GLOBAL,
    PROGRAM,
    Curve,
    Global,
    Mint,
    curve_address,
    is_curve,
    read_curve,
    read_global,
    read_mint,
)
from chimera.venues.pumpfun.transactions import read_mints, read_swaps

NOBODY: Final = Address("11111111111111111111111111111111")
BONDING_CURVE_COMPLETE: Final = 6005
"""BondingCurveComplete of the published IDL: the coin trades on PumpSwap from then on."""
TOKENS_FOR_SALE: Final = 793_100_000_000_000
"""Of a new curve, base units: `initial_real_token_reserves` of the program's Global account, November 2026."""
WHOLE_SUPPLY: Final = 10**15
"""What every coin but a mayhem one counts as, whatever was burnt of it: a billion, with six decimals."""


class PumpCurve(msgspec.Struct, frozen=True):
    """A curve as far as its accounts are known."""

    address: Address
    curve: Curve
    mint_address: Address | None = None
    global_state: Global | None = None
    fee_config: FeeConfig | None = None
    global_slot: int = -1
    fee_slot: int = -1
    mint: Mint | None = None
    quote_program: Address | None = None
    quote_slot: int = 0
    """Token program of the quote's mint, which only an instruction needs, and when it was read."""
    rates: Rates | None = None
    """What a trade pays now; folded with every account, since the market cap sets it."""


class Pumpfun:
    name = "pumpfun"
    slippage_errors = frozenset({6002, 6003})
    """Codes by which the program says that the price had moved further than allowed (its IDL)."""
    program = PROGRAM
    prefilter = Prefilter(
        accounts=(AccountFilter(owner=PROGRAM, memcmp=((0, BONDING_CURVE),)),),
        transactions=(PROGRAM,),
    )
    finished_errors = frozenset({BONDING_CURVE_COMPLETE})

    def recognise(self, account: Account) -> bool:
        return is_curve(account)

    def decode(self, account: Account, *, slot: int) -> PumpCurve:
        return PumpCurve(address=account.address, curve=read_curve(account, slot=slot))

    def decode_transaction(self, transaction: TransactionUpdate) -> tuple[Swap, ...]:
        return read_swaps(transaction, venue=self.name)

    def mints(self, transaction: TransactionUpdate) -> Mapping[Address, Address]:
        """Mint by curve, of every curve that the transaction creates or trades on."""
        return read_mints(transaction)

    def pool_of(self, mint: Address) -> Address:
        """The curve of a mint, whether or not it has one."""
        return curve_address(mint)

    def with_mint(self, pool: PumpCurve, mint: Address) -> PumpCurve:
        """The pool with its mint known; raises DecodeError where the curve is not that mint's."""
        if curve_address(mint) != pool.address:
            raise DecodeError(f"{pool.address} is not the curve of {mint}")
        return msgspec.structs.replace(pool, mint_address=mint)

    def header(self, pool: PumpCurve) -> PoolHeader:
        """Raises DecodeError before `with_mint`."""
        if pool.mint_address is None:
            raise DecodeError(f"the mint of {pool.address} is not known yet")
        return PoolHeader(self.name, pool.address, pool.mint_address, pool.curve.quote_mint)

    def roles(self, pool: PumpCurve) -> Mapping[str, Address]:
        found = {"pool": pool.address, "global": GLOBAL, "fee_config": FEE_CONFIG_ADDRESS}
        if pool.mint_address is not None:
            found["mint"] = pool.mint_address
        if pool.curve.quote_mint not in (WSOL, USDC):
            found["quote_mint"] = pool.curve.quote_mint
        return found

    def apply(self, pool: PumpCurve, role: str, account: Account, *, slot: int) -> PumpCurve:
        if self.roles(pool).get(role) != account.address:
            raise DecodeError(f"{account.address} is not {role} of {pool.address}")
        return _apply(pool, role, account, slot)

    def missing(self, pool: PumpCurve) -> tuple[str, ...]:
        known = {"global": pool.global_state, "fee_config": pool.fee_config, "mint": pool.mint}
        return tuple(role for role, value in known.items() if value is None)

    def reserves(self, pool: PumpCurve) -> tuple[int, int] | None:
        return pool.curve.reserves.virtual_tokens, pool.curve.reserves.virtual_quote

    def progress_bps(self, pool: PumpCurve) -> int:
        """By the tokens sold of those for sale; a curve made before is measured against today's number."""
        left = min(pool.curve.reserves.real_tokens, TOKENS_FOR_SALE)
        return BPS if pool.curve.complete else BPS - -(-left * BPS // TOKENS_FOR_SALE)

    def creator(self, pool: PumpCurve) -> Address | None:
        """Whoever takes the creator's fee; None for curves from before there was one."""
        return pool.curve.creator if pool.curve.creator != NOBODY else None

    def token_program(self, pool: PumpCurve, mint: Address) -> Address | None:
        if mint == pool.curve.quote_mint:
            return TOKEN_PROGRAM if mint in (WSOL, USDC) else pool.quote_program
        return pool.mint.program if pool.mint is not None and mint == pool.mint_address else None

    def pays_lamports(self, pool: PumpCurve) -> bool:
        """Whether trades move native SOL of the user's own account instead of tokens of his wSOL account."""
        return pool.curve.quote_mint == WSOL

    def quote(self, pool: PumpCurve, request: QuoteRequest, moment: Moment) -> Quote | Refusal:  # noqa: ARG002
        """The trade that `build` writes; what a curve charges does not depend on the moment."""
        curve, rates, mint = pool.curve, pool.rates, pool.mint_address
        if pool.mint is None or pool.global_state is None or pool.fee_config is None or mint is None:
            missing = ", ".join(self.missing(pool))
            return Refusal(Reason.QUOTE_UNAVAILABLE, observed=f"unknown: {missing}")
        if request.input_mint not in (curve.quote_mint, mint):
            return Refusal(
                Reason.QUOTE_UNAVAILABLE, observed=f"the curve does not trade {request.input_mint}"
            )
        if curve.complete:
            return Refusal(Reason.POOL_DISABLED, observed="the curve is complete")
        if rates is None:
            return Refusal(Reason.POOL_DISABLED, observed="no fee schedule for this curve")
        if not 0 < request.amount <= U64_MAX:
            return Refusal(Reason.AMOUNT_OUT_OF_RANGE, limit=f"1 to {U64_MAX}", observed=str(request.amount))
        buys = request.input_mint == curve.quote_mint
        reserves = curve.reserves
        found = COMPUTE[request.kind, buys](request.amount, reserves, rates)
        if found is None:
            return Refusal(
                Reason.AMOUNT_OUT_OF_RANGE,
                limit=f"{curve.reserves.real_tokens} tokens for sale, {curve.reserves.real_quote} of quote to give",
                observed=f"{'buy' if buys else 'sell'} {request.kind} {request.amount}",
            )
        return Quote(
            pool=pool.address,
            venue=self.name,
            input_mint=request.input_mint,
            output_mint=mint if buys else curve.quote_mint,
            amount_in=found.paid,
            amount_out=found.received,
            fee_in=found.fees if buys else 0,
            fee_out=0 if buys else found.fees,
            price_impact_bps=price_impact_bps(found, reserves, buys=buys),
            # Global, schedule and supply say the same for months: their age is not the price's.
            slot=Slot(curve.slot),
        )

    def build(self, pool: PumpCurve, request: SwapRequest) -> InstructionCall:
        """The v2 instruction; raises ValueError for another mint, or where an account that it names is unknown.

        An exact-out sale is a sale of the most that it may cost, with the exact amount as its minimum.
        """
        header = self.header(pool)
        if request.input_mint not in (header.mint_a, header.mint_b):
            raise ValueError(f"{pool.address} does not trade {request.input_mint}")
        base_program, quote_program = (
            self.token_program(pool, mint) for mint in (header.mint_a, header.mint_b)
        )
        if pool.global_state is None or base_program is None or quote_program is None:
            raise ValueError(f"{pool.address}: Global or a token program is not known")
        coin = Coin(
            mint=header.mint_a,
            creator=pool.curve.creator,
            base_program=base_program,
            quote_mint=header.mint_b,
            quote_program=quote_program,
            cashback=pool.curve.cashback,
        )
        buys = request.input_mint == header.mint_b
        accounts = (request.user_input_account, request.user_output_account)
        quote_account, base_account = accounts if buys else accounts[::-1]
        trader = Trader(
            user=request.user,
            base_account=base_account,
            quote_account=quote_account,
            fee_recipient=_chosen(
                pool,
                pool.global_state.mayhem_fee_recipients
                if pool.curve.mayhem
                else pool.global_state.fee_recipients,
            ),
            buyback_fee_recipient=_chosen(pool, pool.global_state.buyback_fee_recipients),
        )
        exact_in = request.kind is SwapKind.EXACT_IN
        if buys:
            name = "buy_exact_quote_in_v2" if exact_in else "buy_v2"
            return trade(name, coin, trader, request.amount, request.limit)
        tokens, minimum = (request.amount, request.limit) if exact_in else (request.limit, request.amount)
        return trade("sell_v2", coin, trader, tokens, minimum)

    # what trades leave behind: see `ports.venue.TracedVenue`

    def moves(self, role: str) -> bool:
        return role == "pool"

    def after(
        self,
        pool: PumpCurve,
        input_mint: Address,
        amount_in: int,
        moment: Moment,  # noqa: ARG002
    ) -> PumpCurve | Refusal:
        curve, rates, buys = pool.curve, pool.rates, input_mint == pool.curve.quote_mint
        if rates is None or curve.complete:
            return Refusal(Reason.POOL_DISABLED, observed="the curve is complete, or its fees are not known")
        trade = COMPUTE[SwapKind.EXACT_IN, buys](amount_in, curve.reserves, rates)
        if trade is None:
            return Refusal(Reason.AMOUNT_OUT_OF_RANGE, observed=str(amount_in))
        return _with_reserves(pool, traces.after(curve.reserves, trade, buys=buys))

    def shifted(self, pool: PumpCurve, *, by: PumpCurve, than: PumpCurve) -> PumpCurve | None:
        moved = traces.shifted(pool.curve.reserves, by=by.curve.reserves, than=than.curve.reserves)
        return None if moved is None else _with_reserves(pool, moved)

    def written(self, pool: PumpCurve, role: str, account: Account) -> Account:
        return traces.written(account, pool.curve.reserves) if role == "pool" else account

    # rows of case files: see chimera.cases

    def quote_case(
        self, accounts: Mapping[str, Account], *, direction: str, kind: SwapKind, amount: int, moment: Moment
    ) -> tuple[int, int] | str:
        """What the official SDK answers: (in, out), or why it does not.

        Rows follow it where it is not what a trade does: a buy for a sum is estimated a little above the program's,
        an order beyond the last token is cut to it or priced as if it were met, and a migrated curve answers nothing.
        A row's mint need not be the one that the curve's address comes from.
        """
        found = {account.address: account for account in accounts.values()}
        own = next((account for account in found.values() if is_curve(account)), None)
        if own is None:
            raise DecodeError("no curve among the accounts")
        pool = msgspec.structs.replace(
            self.decode(own, slot=moment.slot), mint_address=accounts["mint"].address
        )
        for role, address in self.roles(pool).items():
            if address in found:
                pool = _apply(pool, role, found[address], moment.slot)
        missing = self.missing(pool)
        if missing or amount < 0 or direction not in ("buy", "sell"):
            return f"unknown: {', '.join(missing)}" if missing else f"no {direction} of {amount}"
        return _sdk_answer(pool, direction, kind, amount)

    def build_case(self, ix: str, inputs: Mapping[str, Any]) -> InstructionCall:
        """The instruction named by the row; its `limit` is the quote's side, its `amount` the tokens'."""
        mint, user = _address(inputs["mint"]), _address(inputs["user"])
        coin = Coin(
            mint=mint,
            creator=_address(inputs["creator"]),
            base_program=_address(inputs["base_token_program"]),
            quote_mint=_address(inputs.get("quote_mint", WSOL)),
            quote_program=_address(inputs.get("quote_token_program", TOKEN_PROGRAM)),
            cashback=bool(inputs.get("cashback", False)),
        )
        trader = Trader(
            user=user,
            base_account=associated_token_address(user, mint, coin.base_program),
            quote_account=associated_token_address(user, coin.quote_mint, coin.quote_program),
            fee_recipient=_address(inputs["fee_recipient"]),
            buyback_fee_recipient=_address(inputs["buyback_fee_recipient"]),
        )
        amount, limit = int(inputs["amount"]), int(inputs["limit"])
        if ix in ("buy_exact_sol_in", "buy_exact_quote_in_v2", "buy_exact_quote_in_v3"):
            return trade(ix, coin, trader, limit, amount)
        return trade(ix, coin, trader, amount, limit)


def _apply(pool: PumpCurve, role: str, account: Account, slot: int) -> PumpCurve:
    """The pool with the account folded in and its rates drawn anew; whose account it is, the caller has checked."""
    replace = msgspec.structs.replace
    match role:
        case "pool" if slot >= pool.curve.slot:
            pool = replace(pool, curve=read_curve(account, slot=slot))
        case "global" if slot >= pool.global_slot:
            pool = replace(pool, global_state=read_global(account), global_slot=slot)
        case "fee_config" if slot >= pool.fee_slot:
            pool = replace(pool, fee_config=read_fee_config(account), fee_slot=slot)
        case "mint" if pool.mint is None or slot >= pool.mint.slot:
            pool = replace(pool, mint=read_mint(account, slot=slot))
        case "quote_mint" if slot >= pool.quote_slot:
            program = read_mint(account, slot=slot).program
            return replace(pool, quote_program=program, quote_slot=slot)
        case _:
            return pool
    return _with_rates(pool)


def _with_reserves(pool: PumpCurve, reserves: Reserves) -> PumpCurve:
    curve = msgspec.structs.replace(pool.curve, reserves=reserves)
    return _with_rates(msgspec.structs.replace(pool, curve=curve))


def _with_rates(pool: PumpCurve) -> PumpCurve:
    """The market cap sets them."""
    supply = pool.mint.supply if pool.mint is not None and pool.curve.mayhem else WHOLE_SUPPLY
    return msgspec.structs.replace(pool, rates=_rates(pool, supply))


def _rates(pool: PumpCurve, supply: int) -> Rates | None:
    """What a trade pays at the market cap of that supply; None where nothing says it, or the curve is empty."""
    curve, config, state = pool.curve, pool.fee_config, pool.global_state
    if config is None or state is None or curve.reserves.virtual_tokens == 0:
        return None
    market_cap = curve.reserves.virtual_quote * supply // curve.reserves.virtual_tokens
    fees = config.fees(canonical=True, quote_mint=curve.quote_mint, market_cap=market_cap)
    if fees is None:
        return None
    own = state.creator_fee_configurable and curve.creator_fee_bps > 0
    creator_bps = curve.creator_fee_bps if own else fees.creator_bps
    return Rates(fees.protocol_bps, 0 if curve.creator == NOBODY else creator_bps)


def _sdk_answer(pool: PumpCurve, direction: str, kind: SwapKind, amount: int) -> tuple[int, int] | str:
    curve, reserves, rates = pool.curve, pool.curve.reserves, pool.rates
    buys, exact_in = direction == "buy", kind is SwapKind.EXACT_IN
    if amount == 0 or curve.reserves.virtual_tokens == 0:
        return (amount, 0) if exact_in else (0, amount)
    by_supply = _rates(pool, pool.mint.supply if pool.mint is not None else WHOLE_SUPPLY)
    if curve.complete or rates is None or by_supply is None:
        return "the curve is complete" if curve.complete else "no fee schedule for this curve"
    if buys and exact_in:
        # Only here does the SDK count what was burnt of a plain coin.
        return amount, sdk_tokens_for(amount, reserves, by_supply)
    if buys:
        found = buy_tokens(min(amount, curve.reserves.real_tokens), reserves, rates)
        return (found.paid, amount) if found is not None else "out of range"
    if exact_in:
        quote = amount * curve.reserves.virtual_quote // (curve.reserves.virtual_tokens + amount)
        received = quote - rates.on(quote)
        return (amount, received) if received >= 0 else "the fees exceed what the sale gives"
    found = sell_for(amount, reserves, rates)
    return (found.paid, amount) if found is not None else "out of range"


COMPUTE: Final[Mapping[tuple[SwapKind, bool], Callable[[int, Reserves, Rates], Trade | None]]] = {
    (SwapKind.EXACT_IN, True): buy_spending,
    (SwapKind.EXACT_IN, False): sell_tokens,
    (SwapKind.EXACT_OUT, True): buy_tokens,
    (SwapKind.EXACT_OUT, False): sell_for,
}
"""By what is exact, and whether it is a buy."""


def _chosen(pool: PumpCurve, recipients: tuple[Address, ...]) -> Address:
    """One of the list, always the same for a coin: trades of different coins need not wait for one account."""
    if not recipients:
        raise ValueError(f"{pool.address}: Global names no such fee recipient")
    return recipients[address_bytes(pool.address)[0] % len(recipients)]


def _address(text: Any) -> Address:
    address = Address(str(text))
    address_bytes(address)  # raises for what is none
    return address


VENUE: Final = Pumpfun()
