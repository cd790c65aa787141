"""What pools say a token is worth: the price of SOL from the deepest pool against dollars, liquidity in dollars.

Reserves alone, no quotes: fees and impact are the router's business. Must not know where the pools come from.
"""

from collections.abc import Iterable

from chimera.domain.ids import USDC, WSOL, Address
from chimera.domain.units import LAMPORTS_PER_SOL, mul_div_floor
from chimera.market.pool import Pool

SOL_PRICED_BY = frozenset({WSOL, USDC})
"""The pair whose pools say what a SOL costs."""


def sol_price(pools: Iterable[Pool]) -> int | None:
    """Micro-dollars a SOL, rounded down, by the deepest of these wSOL/USDC pools; None where there is none."""
    deepest, price = 0, None
    for pool in pools:
        sol, usdc = sides(pool, WSOL)
        if sol > deepest:
            deepest, price = sol, mul_div_floor(usdc, LAMPORTS_PER_SOL, sol)
    return price


def liquidity(pools: Iterable[Pool], mint: Address, sol_micro_usd: int | None) -> int | None:
    """Twice the SOL or USDC side of the deepest complete pool of `mint`; None where no price is known."""
    best: int | None = None
    for pool in pools:
        if not pool.complete:
            continue
        ours, other = sides(pool, mint)
        header = pool.header
        against = header.mint_b if header.mint_a == mint else header.mint_a
        if not ours or not other:
            value = 0
        elif against == USDC:
            value = 2 * other
        elif against == WSOL and sol_micro_usd is not None:
            value = 2 * mul_div_floor(other, sol_micro_usd, LAMPORTS_PER_SOL)
        else:
            continue
        if best is None or value > best:
            best = value
    return best


def sides(pool: Pool, mint: Address) -> tuple[int, int]:
    """(of the mint, of the other); nothing of either where the reserves are unknown."""
    reserves = pool.reserves
    if reserves is None:
        return 0, 0
    return reserves if pool.header.mint_a == mint else (reserves[1], reserves[0])
