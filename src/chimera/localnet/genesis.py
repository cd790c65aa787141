"""The world before its first block: every account that tokens, pools and traders need, from a seed.

The same seed gives the same bytes. Knows layouts through `genesis_accounts` and the catalogue through `tokens`
and `traders`; knows neither the chain that loads it nor the desk that trades on it.
"""

import random
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from chimera.domain.ids import TOKEN_PROGRAM, USDC, Address
from chimera.domain.token import TokenListing
from chimera.domain.wallet import Wallet
from chimera.localnet import genesis_accounts as write
from chimera.localnet.bank import GenesisAccount
from chimera.localnet.genesis_accounts import PoolAddresses, PoolMint
from chimera.localnet.genesis_seconds import INVENTORY_PERCENT, SecondPool, program_accounts, second_pools
from chimera.localnet.genesis_tables import table_account
from chimera.localnet.tokens import (
    DOLLAR,
    SOL,
    SOL_POOL_SIDE_USD,
    TAX_BPS,
    TAX_MAX,
    TOKENS,
    TRENDING,
    Quirk,
    Quote,
    Token,
    invented_address,
)
from chimera.localnet.traders import (
    DEMO_WALLET,
    PastTrade,
    Role,
    Trader,
    developer_of,
    histories,
    roster,
    traders,
)

DEPTH_SPREAD_PERCENT = 10  # how far the seed moves a pool's depth from the catalogue's
BOT_SOL = 50 * 10**9  # fees for years
BOT_WSOL = 3_000 * 10**9
BOT_USDC = 400_000 * 10**6
PERSON_SOL = 500 * 10**9
BEAR_INVENTORY_PERCENT = 15  # of a pool's token side, held by each bear
TREASURY_MULTIPLE = 4  # tokens outside of pools and inventories, in pool sides
HOLDERS = 24  # who has them of a token in which nothing is wrong; of the others the developer keeps them all

# Circle's own authorities on the real mint; nobody here has their keys.
USDC_MINT_AUTHORITY = Address("BJE5MMbqXjVwjAF7oxwPYXnTXDyspzZyt4vwenNw5ruG")
USDC_FREEZE_AUTHORITY = Address("7dGbd2QZcCKcTndnHcTL8q7SMVXAkp688NTQYwrRCrar")


class WorldPool(msgspec.Struct, frozen=True):
    """A pool of the world; token-side and quote-side amounts are those of genesis."""

    symbol: str
    """Of the token; SOL for the SOL/USDC pool."""
    quote: str
    """SOL or USDC."""
    at: PoolAddresses
    token_amount: int
    quote_amount: int


class Genesis(msgspec.Struct, frozen=True):
    seed: int
    accounts: tuple[GenesisAccount, ...]
    tokens: tuple[TokenListing, ...]
    """Known by name; SOL and USDC are not among them, since nobody trades them as tokens."""
    wallets: tuple[Wallet, ...]
    """The demo desk's roster."""
    pools: tuple[WorldPool, ...]
    """On Raydium CPMM."""
    seconds: tuple[SecondPool, ...]
    """On other venues."""
    histories: Mapping[Address, tuple[PastTrade, ...]]
    """Round trips of some wallets from before genesis."""


def genesis(seed: int) -> Genesis:
    """The world's beginning."""
    pools = world_pools(seed)
    accounts = {account.address: account for account in _accounts(seed, pools)}
    return Genesis(
        seed=seed,
        accounts=tuple(accounts.values()),
        tokens=tuple(TokenListing(token.symbol, token.mint) for token in TOKENS + TRENDING),
        wallets=roster(seed),
        pools=pools,
        seconds=second_pools(seed),
        histories=histories(seed),
    )


@lru_cache(8)
def world_pools(seed: int) -> tuple[WorldPool, ...]:
    """All pools: SOL/USDC first, then each token's against SOL and against USDC."""
    chance = random.Random(f"{seed} pools")
    sol_amount = SOL_POOL_SIDE_USD * 10**SOL.decimals // SOL.usd
    dollars = SOL_POOL_SIDE_USD * 10**DOLLAR.decimals
    at = write.pool_addresses(_side(SOL, sol_amount), _side(DOLLAR, dollars))
    pools = [WorldPool("SOL", "USDC", at, sol_amount, dollars)]
    for token in TOKENS + TRENDING:
        for quote, side_usd in ((SOL, token.sol_side_usd), (DOLLAR, token.usdc_side_usd)):
            if side_usd == 0:
                continue
            percent = 100 + chance.randrange(-DEPTH_SPREAD_PERCENT, DEPTH_SPREAD_PERCENT + 1)
            quote_amount = side_usd * percent * 10**quote.decimals // (100 * quote.usd)
            token_amount = token.worth(quote_amount, quote)
            at = write.pool_addresses(_token_side(token, token_amount), _side(quote, quote_amount))
            pools.append(WorldPool(token.symbol, quote.symbol, at, token_amount, quote_amount))
    return tuple(pools)


def purse_of(trader: Trader) -> int:
    """Native lamports that a trader begins with: bots trade out of wrapped stocks and need little beside."""
    return PERSON_SOL if trader.wraps else BOT_SOL


def _accounts(seed: int, pools: tuple[WorldPool, ...]) -> list[GenesisAccount]:
    cast = traders(seed)
    accounts = [write.amm_config(), write.purse(DEMO_WALLET, 10 * 10**9)]
    accounts.append(write.mint(
        USDC, supply=10**16, decimals=DOLLAR.decimals,
        mint_authority=USDC_MINT_AUTHORITY, freeze_authority=USDC_FREEZE_AUTHORITY,
    ))  # fmt: skip
    for trader in cast.values():
        accounts.append(write.purse(trader.address, purse_of(trader)))
        if not trader.wraps:
            accounts.append(_holding(trader.address, SOL, BOT_WSOL))
            accounts.append(_holding(trader.address, DOLLAR, BOT_USDC))
    for token in TOKENS + TRENDING:
        accounts += _token_accounts(seed, token, [pool for pool in pools if pool.symbol == token.symbol])
    accounts += program_accounts()
    accounts.append(table_account())
    bank = pools[0]
    accounts += write.pool_accounts(
        _side(SOL, bank.token_amount), _side(DOLLAR, bank.quote_amount), creator=cast["whale-1"].address
    )
    return accounts


def _token_accounts(seed: int, token: Token, pools: list[WorldPool]) -> list[GenesisAccount]:
    """The mint, its pools, the inventories of bears and drifters, and who holds the rest."""
    cast = traders(seed)
    developer = cast[developer_of(token.symbol)].address
    quotes = {quote.symbol: quote for quote in (SOL, DOLLAR)}
    accounts = []
    supply = 0
    for pool in pools:
        accounts += write.pool_accounts(
            _token_side(token, pool.token_amount),
            _side(quotes[pool.quote], pool.quote_amount),
            creator=developer,
            burnt=token.sound,
        )
        supply += pool.token_amount
    deepest = max(pool.token_amount for pool in pools)
    holders = _spread(token, developer, TREASURY_MULTIPLE * deepest)
    if token.sound:
        inventory = deepest * BEAR_INVENTORY_PERCENT // 100
        holders |= {trader.address: inventory for trader in cast.values() if trader.role is Role.BEAR}
    for second in second_pools(seed):
        if second.symbol == token.symbol:
            accounts += second.accounts
            supply += second.token_amount
            inventory = second.token_amount * INVENTORY_PERCENT // 100
            holders |= {trader.address: inventory for trader in cast.values() if trader.role is Role.DRIFTER}
    withheld = write.transfer_fee_amount() if token.quirk is Quirk.TAXED else b""
    for holder, amount in holders.items():
        supply += amount
        accounts.append(
            write.associated(
                holder, mint=token.mint, amount=amount, program=token.program, extensions=withheld
            )
        )
    taxed = token.quirk is Quirk.TAXED
    accounts.append(
        write.mint(
            token.mint,
            supply=supply,
            decimals=token.decimals,
            mint_authority=developer if token.quirk is Quirk.MINTABLE else None,
            freeze_authority=developer if token.quirk is Quirk.FREEZABLE else None,
            program=token.program,
            extensions=write.transfer_fee_config(developer, bps=TAX_BPS, maximum=TAX_MAX) if taxed else b"",
        )
    )
    return accounts


def _spread(token: Token, developer: Address, amount: int) -> dict[Address, int]:
    """Who has `amount` outside of pools: many, none of them much, or the developer alone."""
    if not token.sound:
        return {developer: amount}
    shares = {f"{token.symbol} holder {number}": 10 + number % 7 for number in range(HOLDERS)}
    parts = sum(shares.values())
    return {invented_address(name): amount * share // parts for name, share in shares.items()}


def _holding(owner: Address, quote: Quote, amount: int) -> GenesisAccount:
    return write.associated(owner, mint=quote.mint, amount=amount, program=TOKEN_PROGRAM)


def _side(quote: Quote, amount: int) -> PoolMint:
    return PoolMint(quote.mint, TOKEN_PROGRAM, quote.decimals, amount)


def _token_side(token: Token, amount: int) -> PoolMint:
    match token.quirk:
        case Quirk.TAXED:
            extensions = write.transfer_fee_amount()
        case Quirk.UNSELLABLE:
            extensions = write.memo_required()
        case _:
            extensions = b""
    return PoolMint(token.mint, token.program, token.decimals, amount, extensions)
