"""Second venues at genesis: Raydium AMM V4 and PumpSwap pools of tokens that have a CPMM pool as well.

The same price as there to begin with; from the first block on each pool has its own traders. Also what the pump
programs need before the first block. Knows layouts through `programs`; must not know who trades.
"""

import random
from collections.abc import Callable, Iterator
from functools import lru_cache
from math import isqrt

import msgspec

from chimera.domain.chain import Account
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, WSOL, Address
from chimera.localnet import genesis_accounts as write
from chimera.localnet.bank import GenesisAccount
from chimera.localnet.programs import amm_pools, cpmm_pools, pump_accounts
from chimera.localnet.tokens import BY_SYMBOL, SECONDS, SOL, Second, Token, invented_address
from chimera.onchain.keys import address_bytes, derived_address

DEPTH_SPREAD_PERCENT = 10  # how far the seed moves a pool's depth from the catalogue's
INVENTORY_PERCENT = 20  # of a pool's token side, held by each drifter


class SecondPool(msgspec.Struct, frozen=True):
    symbol: str
    program: str
    pool: Address
    token_amount: int
    quote_amount: int
    """Both sides at genesis."""
    accounts: tuple[GenesisAccount, ...]


@lru_cache(8)
def second_pools(seed: int) -> tuple[SecondPool, ...]:
    """One for each of the catalogue's second listings, in its order."""
    chance = random.Random(f"{seed} seconds")
    made = []
    for second in SECONDS:
        percent = 100 + chance.randrange(-DEPTH_SPREAD_PERCENT, DEPTH_SPREAD_PERCENT + 1)
        quote = second.sol_side_usd * percent * 10**SOL.decimals // (100 * SOL.usd)
        token = BY_SYMBOL[second.symbol]
        made.append(_MAKERS[second.program](second, token, token.worth(quote, SOL), quote))
    return tuple(made)


def program_accounts() -> Iterator[GenesisAccount]:
    """What admins of the real programs made once: configurations, fee schedules, recipients and their wSOL."""
    yield from map(_genesis, pump_accounts.genesis_accounts())
    for recipient in (*pump_accounts.RECIPIENTS, *pump_accounts.BUYBACK_RECIPIENTS):
        yield write.associated(recipient, mint=WSOL, amount=0, program=TOKEN_PROGRAM)
    yield _genesis(cpmm_pools.genesis_accounts(cpmm_pools.Rates())[1])  # who is paid for new CPMM pools


def _amm(second: Second, token: Token, token_amount: int, quote_amount: int) -> SecondPool:
    accounts = amm_pools.PoolAccounts(market=invented_address(f"market {second.symbol}"))
    made = amm_pools.genesis_accounts(
        accounts,
        coin=amm_pools.Side(token.mint, token.decimals, token_amount),
        pc=amm_pools.Side(WSOL, SOL.decimals, quote_amount),
    )
    return SecondPool(
        second.symbol, second.program, accounts.pool, token_amount, quote_amount, tuple(map(_genesis, made))
    )


def _pump_swap(second: Second, token: Token, token_amount: int, quote_amount: int) -> SecondPool:
    # nobody has the key of who made it: its liquidity is there to stay
    maker = derived_address(pump_accounts.SWAP_PROGRAM, b"chimera maker", address_bytes(token.mint))
    state = pump_accounts.PoolState(
        token.mint,
        creator=maker,
        base_program=token.program,
        lp_supply=isqrt(token_amount * quote_amount),
    )
    lp_mint = derived_address(pump_accounts.SWAP_PROGRAM, b"pool_lp_mint", address_bytes(state.address))
    accounts = (
        _genesis(pump_accounts.pool_account(state)),
        write.associated(state.address, mint=token.mint, amount=token_amount, program=token.program),
        write.associated(state.address, mint=WSOL, amount=quote_amount, program=TOKEN_PROGRAM),
        write.mint(lp_mint, supply=0, decimals=9, mint_authority=state.address, program=TOKEN_2022_PROGRAM),
    )
    return SecondPool(second.symbol, second.program, state.address, token_amount, quote_amount, accounts)


_MAKERS: dict[str, Callable[[Second, Token, int, int], SecondPool]] = {
    "raydium_amm_v4": _amm,
    "pump_swap": _pump_swap,
}


def _genesis(account: Account) -> GenesisAccount:
    return GenesisAccount(account.address, account.lamports, account.owner, account.data)
