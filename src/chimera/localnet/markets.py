"""Pools that the world trades in their venue's own words: which accounts to look at, what they say, a swap there.

One for every venue that `plugins` finds; the world's CPMM trades are in `world_orders`, in words of their own. A
market is known before its pool exists: a model of the pool tells which accounts it will be made of. Pure.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from chimera import plugins
from chimera.domain.chain import Account, InstructionCall
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, WSOL, Address, Slot
from chimera.domain.pool import Moment, Quote, QuoteRequest, SwapKind, SwapRequest
from chimera.domain.risk import Refusal
from chimera.localnet.genesis_accounts import mint as mint_account
from chimera.localnet.genesis_seconds import SecondPool, program_accounts
from chimera.localnet.programs import pump_accounts
from chimera.onchain.keys import associated_token_address
from chimera.ports.venue import MintTeller, NativeVenue, Venue

Seen = Mapping[Address, Account | None]
"""Accounts by address, None where there is none."""

ANY_TIME = Moment(unix_timestamp=2**32, slot=Slot(0), epoch=0)
"""No pool of the world opens late or charges by the clock."""


class Market(msgspec.Struct, frozen=True):
    """A pool, there already or to come."""

    venue: Any
    """A `Venue`."""
    model: Any
    """The venue's state of it as it is, or will be, in its first moment."""
    pool: Address
    token: Address
    token_program: Address

    @property
    def wanted(self) -> tuple[Address, ...]:
        """What `state` must have seen."""
        return tuple(self.venue.roles(self.model).values())

    @property
    def native(self) -> bool:
        """Whether it moves SOL itself and not wSOL."""
        return isinstance(self.venue, NativeVenue) and self.venue.pays_lamports(self.model)


def second_market(listed: SecondPool, *, token: Address, token_program: Address) -> Market:
    """The market of a pool of genesis."""
    known = {
        made.address: Account(made.address, made.owner, made.lamports, made.data) for made in listed.accounts
    }
    return _market(known[listed.pool], known, token=token, token_program=token_program)


def curve_market(mint: Address, *, creator: Address) -> Market:
    """The bonding curve of a coin, made or not; its model is the curve right after the launch."""
    curve = pump_accounts.curve_account(pump_accounts.CurveState(mint, creator=creator))
    made = mint_account(mint, supply=10**15, decimals=6, program=TOKEN_2022_PROGRAM)
    known = {mint: Account(mint, made.owner, made.lamports, made.data)}
    return _market(curve, known, token=mint, token_program=TOKEN_2022_PROGRAM)


def graduate_market(mint: Address, *, creator: Address) -> Market:
    """The PumpSwap pool that the coin's curve migrates into."""
    pool = pump_accounts.pool_account(pump_accounts.PoolState(mint, coin_creator=creator))
    return _market(pool, {}, token=mint, token_program=TOKEN_2022_PROGRAM)


def state(market: Market, seen: Seen, *, expected: bool = False) -> Any | None:
    """The pool as it was seen; None where something of it is not there.

    `expected`: a pool that is not there is taken for the model, by somebody who knows that it is about to be made.
    """
    venue: Venue[Any] = market.venue
    own = seen.get(market.pool)
    if own is None:
        return market.model if expected else None
    if own.owner != venue.program:
        return None
    pool = venue.decode(own, slot=1)
    if isinstance(venue, MintTeller):
        pool = venue.with_mint(pool, market.token)
    for role, address in venue.roles(pool).items():
        account = seen.get(address)
        if account is not None and role != "pool":
            pool = venue.apply(pool, role, account, slot=1)
    return None if venue.missing(pool) else pool


def swap(
    market: Market,
    pool: Any,
    *,
    user: Address,
    input_mint: Address,
    amount: int,
    rest: int,
    slippage_bps: int,
) -> InstructionCall | None:
    """Spends exactly `amount`, or buys the `rest` where a curve has not as much left. None where it will not trade."""
    kind, size = SwapKind.EXACT_IN, amount
    quote = market.venue.quote(pool, QuoteRequest(input_mint, kind, size), ANY_TIME)
    if isinstance(quote, Refusal) and rest:
        kind, size = SwapKind.EXACT_OUT, rest
        quote = market.venue.quote(pool, QuoteRequest(input_mint, kind, size), ANY_TIME)
    if not isinstance(quote, Quote):
        return None
    if kind is SwapKind.EXACT_IN:
        limit = max(1, quote.amount_out * (10_000 - slippage_bps) // 10_000)
    else:
        limit = quote.amount_in * (10_000 + slippage_bps) // 10_000
    held = {
        market.token: associated_token_address(user, market.token, market.token_program),
        WSOL: associated_token_address(user, WSOL, TOKEN_PROGRAM),
    }
    output = WSOL if input_mint == market.token else market.token
    request = SwapRequest(kind, input_mint, size, limit, user, held[input_mint], held[output])
    call: InstructionCall = market.venue.build(pool, request)
    return call


def left_on_curve(curve: Account | None) -> int:
    """How many tokens a curve has still for sale (BondingCurve: real_token_reserves at 24); 0 once it is complete."""
    return int.from_bytes(curve.data[24:32], "little") if curve is not None else 0


def curve_complete(curve: Account | None) -> bool:
    return curve is not None and curve.data[48] == 1


def _market(
    own: Account, known: Mapping[Address, Account], *, token: Address, token_program: Address
) -> Market:
    venue = _venues()[own.owner]
    model = venue.decode(own, slot=0)
    if isinstance(venue, MintTeller):
        model = venue.with_mint(model, token)
    found = {**_standing(), **known}
    for role, address in venue.roles(model).items():
        if role != "pool" and address in found:
            model = venue.apply(model, role, found[address], slot=0)
    return Market(venue, model, own.address, token, token_program)


@lru_cache(1)
def _venues() -> dict[Address, Venue[Any]]:
    return {venue.program: venue for venue in plugins.venues().values()}


@lru_cache(1)
def _standing() -> dict[Address, Account]:
    """Configurations that every pool of a program shares, as genesis has them."""
    made = program_accounts()
    return {one.address: Account(one.address, one.owner, one.lamports, one.data) for one in made}
