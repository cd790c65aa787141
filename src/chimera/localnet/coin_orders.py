"""Decisions about coins that are made during the run, and about second venues, as instructions. Pure.

Trades are in the venues' own words (`markets`), making a coin in the programs'. What happens on a coin's CPMM pool
after its listing is `world_orders`' business.
"""

from typing import Any, NamedTuple

import msgspec

from chimera.domain.chain import AccountMeta, InstructionCall
from chimera.domain.ids import SYSTEM_PROGRAM, TOKEN_PROGRAM, WSOL, Address
from chimera.localnet import markets
from chimera.localnet.coins import POOL_DECIMALS, Coin, Nature
from chimera.localnet.genesis import WorldPool
from chimera.localnet.genesis_accounts import PoolMint, amm_config, pool_addresses, rent
from chimera.localnet.markets import Market, Seen
from chimera.localnet.programs import cpmm_pools, pump_launch
from chimera.localnet.tokens import SOL
from chimera.localnet.traders import Trader
from chimera.localnet.world_orders import COMPUTE_UNITS, Place, amount_in, reserves
from chimera.localnet.world_plan import Decision, Deed
from chimera.onchain import token_instructions as make
from chimera.onchain.keys import address_bytes, associated_token_address

MAKING_UNITS = 600_000  # creations and migrations make many accounts
SLIPPAGE_BPS = 1_500
LEVEL_FROM_BPS = 120
CHASING_BPS = 5_000  # what those allow who run after a new coin

SUPPLY = 10**9 * 10**POOL_DECIMALS
LISTED_PERCENT = 15  # of the supply goes into a coin's own pool; its maker keeps the rest, to sell it one day
TAX_BPS = 900
TAX_MAX = 10**15

MINT_BYTES, TAXED_MINT_BYTES = 82, 165 + 1 + 4 + 108  # the extension: type, length, TransferFeeConfig


class Stand(msgspec.Struct, frozen=True):
    """Where a decision in a venue's own words happens."""

    markets: tuple[Market, ...]
    """The newest first: a coin is traded where the first of them is there."""
    token: Address
    token_program: Address
    token_account: Address
    quote_account: Address
    """For wrapped SOL."""
    coin: Coin | None = None
    first: Place | None = None
    """The token's pool on CPMM, where the decision is about a second one."""

    @property
    def wanted(self) -> tuple[Address, ...]:
        """What `stand_orders` must have seen."""
        theirs = (account for market in self.markets for account in market.wanted)
        first = self.first.wanted if self.first is not None else ()
        return (*theirs, self.token_account, self.quote_account, *first)


def stand(
    trader: Trader, at: tuple[Market, ...], coin: Coin | None = None, first: Place | None = None
) -> Stand:
    token, program = at[0].token, at[0].token_program
    return Stand(
        markets=at,
        token=token,
        token_program=program,
        token_account=associated_token_address(trader.address, token, program),
        quote_account=associated_token_address(trader.address, WSOL),
        coin=coin,
        first=first,
    )


def coin_pool(coin: Coin, quote_lamports: int) -> WorldPool:
    """The CPMM pool that a coin's maker opens."""
    side = PoolMint(coin.mint, coin.program, POOL_DECIMALS, listed())
    at = pool_addresses(side, PoolMint(WSOL, TOKEN_PROGRAM, SOL.decimals, quote_lamports))
    return WorldPool(coin.key, SOL.symbol, at, listed(), quote_lamports)


def listed() -> int:
    """Tokens that a coin's own pool begins with."""
    tokens: int = SUPPLY * LISTED_PERCENT // 100
    return tokens


def stand_orders(decision: Decision, trader: Trader, where: Stand, seen: Seen) -> list[InstructionCall]:
    """The transaction's instructions; none where there is nothing to do."""
    match decision.deed:
        case Deed.BUY:
            body = _buy(decision, trader, where, seen)
        case Deed.SELL | Deed.UNWIND:
            held = amount_in(seen, where.token_account)
            part = held * decision.share_bps // 10_000
            amount = part if decision.deed is Deed.UNWIND else min(decision.amount, held)
            body = _sell(trader, where, seen, amount)
        case Deed.LEVEL:
            body = _level(trader, where, seen)
        case Deed.LAUNCH:
            body = _launch(trader, where, seen)
        case Deed.MIGRATE:
            body = _migrate(trader, where, seen)
        case _:
            raise ValueError(f"nobody can {decision.deed} there")
    return [*_begin(decision), *body] if body else []


def making_orders(decision: Decision, trader: Trader, coin: Coin) -> list[InstructionCall]:
    """What makes a coin without a curve: its mint, or its pool."""
    body = _mint(trader, coin) if decision.deed is Deed.MINT else _list(trader, coin, decision.amount)
    return [*_begin(decision), *body]


def _begin(decision: Decision) -> list[InstructionCall]:
    making = decision.deed in (Deed.LAUNCH, Deed.MIGRATE, Deed.MINT, Deed.LIST)
    # The tick in the price keeps two equal decisions from being one and the same transaction.
    return [
        make.compute_unit_limit(MAKING_UNITS if making else COMPUTE_UNITS),
        make.compute_unit_price(1_000 + decision.tick % 9_973),
    ]


class _Open(NamedTuple):
    market: Market
    pool: Any
    rest: int
    """Tokens that a curve has left, where there is one."""


def _open(where: Stand, seen: Seen, *, at_launch: bool = False) -> _Open | None:
    """Where the token is traded now."""
    for market in where.markets:
        pool = markets.state(market, seen, expected=at_launch and market.native)
        if pool is not None:
            rest = markets.left_on_curve(seen.get(market.pool)) if market.native else 0
            return _Open(market, pool, rest)
    return None


def _buy(decision: Decision, trader: Trader, where: Stand, seen: Seen) -> list[InstructionCall]:
    coin = where.coin
    # Who launches a coin, and his friends, trade in its first slot without having seen it.
    found = _open(where, seen, at_launch=coin is not None and decision.tick == coin.tick)
    if found is None:
        return []
    return _bought(trader, where, found, seen, decision.amount)


def _level(trader: Trader, where: Stand, seen: Seen) -> list[InstructionCall]:
    found = _open(where, seen)
    here = reserves(where.first, seen) if where.first is not None else (0, 0)
    sides = found.market.venue.reserves(found.pool) if found is not None else None
    if found is None or sides is None or 0 in here or 0 in sides:
        return []
    base, quote = sides
    # Both prices are quote for token; a product moves its price by about twice what is added to a side, so 3/8 of
    # the difference closes three quarters of it.
    apart_bps = here[1] * base * 10_000 // (here[0] * quote) - 10_000
    if abs(apart_bps) < LEVEL_FROM_BPS:
        return []
    if apart_bps > 0:
        return _bought(trader, where, found, seen, quote * apart_bps * 3 // 80_000)
    return _sell(
        trader, where, seen, min(base * -apart_bps * 3 // 80_000, amount_in(seen, where.token_account))
    )


def _bought(trader: Trader, where: Stand, found: _Open, seen: Seen, amount: int) -> list[InstructionCall]:
    if not trader.wraps and not found.market.native:
        amount = min(amount, amount_in(seen, where.quote_account))
    if amount == 0:
        return []
    call = _swap(trader, where, found, WSOL, amount)
    if call is None:
        return []
    before, after = _wrapping(trader, where, found, amount)
    opened = make.create_token_account(
        payer=trader.address, owner=trader.address, mint=where.token, token_program=where.token_program
    )
    return [*before, opened, call, *after]


def _sell(trader: Trader, where: Stand, seen: Seen, amount: int) -> list[InstructionCall]:
    found = _open(where, seen)
    if found is None or amount == 0:
        return []
    call = _swap(trader, where, found, where.token, amount)
    if call is None:
        return []
    before, after = _wrapping(trader, where, found, 0)
    return [*before, call, *after]


def _swap(
    trader: Trader, where: Stand, found: _Open, input_mint: Address, amount: int
) -> InstructionCall | None:
    return markets.swap(
        found.market,
        found.pool,
        user=trader.address,
        input_mint=input_mint,
        amount=amount,
        rest=found.rest if input_mint == WSOL else 0,
        slippage_bps=SLIPPAGE_BPS if where.coin is None else CHASING_BPS,
    )


def _wrapping(
    trader: Trader, where: Stand, found: _Open, lamports: int
) -> tuple[list[InstructionCall], list[InstructionCall]]:
    """(what opens and fills a wSOL account, what closes it again), where the trader needs that."""
    if found.market.native or not trader.wraps:
        return [], []
    account = where.quote_account
    before = [_opened(trader, WSOL, TOKEN_PROGRAM)]
    if lamports:
        before.append(make.system_transfer(source=trader.address, destination=account, lamports=lamports))
        before.append(make.sync_native(account))
    after = make.close_token_account(
        account=account, destination=trader.address, owner=trader.address, token_program=TOKEN_PROGRAM
    )
    return before, [after]


def _launch(trader: Trader, where: Stand, seen: Seen) -> list[InstructionCall]:
    coin = where.coin
    if coin is None or seen.get(where.markets[-1].pool) is not None:
        return []
    user = trader.address
    name = coin.symbol.capitalize()
    return [pump_launch.create_v2(coin.mint, user=user, creator=user, name=name, symbol=coin.symbol)]


def _migrate(trader: Trader, where: Stand, seen: Seen) -> list[InstructionCall]:
    pool, curve = where.markets
    if seen.get(pool.pool) is not None or not markets.curve_complete(seen.get(curve.pool)):
        return []
    return [pump_launch.migrate_v2(where.token, user=trader.address)]


def _mint(trader: Trader, coin: Coin) -> list[InstructionCall]:
    """The mint with all of its supply in its maker's hands; authorities stay only where the coin's nature needs one."""
    user, mint, program = trader.address, coin.mint, coin.program
    taxed = coin.nature is Nature.TAXED
    size = TAXED_MINT_BYTES if taxed else MINT_BYTES
    created = InstructionCall(
        SYSTEM_PROGRAM,
        (
            AccountMeta(user, is_signer=True, is_writable=True),
            AccountMeta(mint, is_signer=True, is_writable=True),
        ),
        (0).to_bytes(4, "little") + _u64(rent(size), size) + address_bytes(program),
    )
    freezer = b"\x01" + address_bytes(user) if coin.nature is Nature.FREEZABLE else b"\x00"
    begun = bytes((20, POOL_DECIMALS)) + address_bytes(user) + freezer  # InitializeMint2
    minted = make.mint_to_checked(
        mint=mint,
        destination=associated_token_address(user, mint, program),
        authority=user,
        amount=SUPPLY,
        decimals=POOL_DECIMALS,
        token_program=program,
    )
    # TransferFeeExtension, InitializeTransferFeeConfig: no authorities, so the rate is there to stay
    tax = bytes((26, 0, 0, 0)) + TAX_BPS.to_bytes(2, "little") + _u64(TAX_MAX)
    no_more = bytes((6, 0, 0))  # SetAuthority, MintTokens, nobody
    signed = AccountMeta(user, is_signer=True, is_writable=False)
    return [
        created,
        *([InstructionCall(program, (_write(mint),), tax)] if taxed else []),
        InstructionCall(program, (_write(mint),), begun),
        _opened(trader, mint, program),
        minted,
        *(
            []
            if coin.nature is Nature.MINTABLE
            else [InstructionCall(program, (_write(mint), signed), no_more)]
        ),
    ]


def _list(trader: Trader, coin: Coin, quote_lamports: int) -> list[InstructionCall]:
    user = trader.address
    accounts = cpmm_pools.pool_accounts(amm_config().address, mint=coin.mint, token_program=coin.program)
    sides = {coin.mint: listed(), WSOL: quote_lamports}
    wrapped = associated_token_address(user, WSOL)
    return [
        _opened(trader, WSOL, TOKEN_PROGRAM),
        make.system_transfer(source=user, destination=wrapped, lamports=quote_lamports),
        make.sync_native(wrapped),
        cpmm_pools.initialize(
            accounts, creator=user, amount_0=sides[accounts.mint_0], amount_1=sides[accounts.mint_1]
        ),
        make.close_token_account(account=wrapped, destination=user, owner=user, token_program=TOKEN_PROGRAM),
    ]


def _opened(trader: Trader, mint: Address, program: Address) -> InstructionCall:
    return make.create_token_account(
        payer=trader.address, owner=trader.address, mint=mint, token_program=program
    )


def _u64(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8, "little") for number in numbers)


def _write(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)
