"""AMM V4's swap instructions, byte for byte: the short ones of today and the long ones that name a dead order book.

All four carry the input's amount first. The long ones' market accounts have not been read by the program since it
dropped the order book, yet their number is still checked; the short ones need nothing but the pool's own account.
Source: raydium-amm `instruction.rs` and `processor.rs`.
"""

from chimera.domain.chain import AccountMeta, InstructionCall
from chimera.domain.ids import TOKEN_PROGRAM, Address
from chimera.venues.raydium_amm_v4.layout import PROGRAM

SWAP_BASE_IN, SWAP_BASE_OUT, SWAP_BASE_IN_V2, SWAP_BASE_OUT_V2 = 9, 11, 16, 17
SHORT = frozenset({SWAP_BASE_IN_V2, SWAP_BASE_OUT_V2})
LONG = frozenset({SWAP_BASE_IN, SWAP_BASE_OUT})

SHORT_ACCOUNTS = 8  # at least; more are ignored
LONG_ACCOUNTS = (17, 18)  # without and with target orders


def short_swap(
    tag: int,
    *,
    amount_in: int,
    amount_out: int,
    pool: Address,
    authority: Address,
    vaults: tuple[Address, Address],
    user: Address,
    user_input: Address,
    user_output: Address,
    program: Address = PROGRAM,
) -> InstructionCall:
    """Tags 16 (exact and minimum) and 17 (maximum and exact)."""
    accounts = (
        _readonly(TOKEN_PROGRAM),
        _writable(pool),
        _readonly(authority),
        *map(_writable, vaults),
        _writable(user_input),
        _writable(user_output),
        AccountMeta(user, is_signer=True, is_writable=False),
    )
    return InstructionCall(program, accounts, _data(tag, amount_in, amount_out))


def long_swap(
    tag: int,
    *,
    amount_in: int,
    amount_out: int,
    pool: Address,
    authority: Address,
    orders: tuple[Address, ...],
    vaults: tuple[Address, Address],
    market_program: Address,
    market: tuple[Address, ...],
    market_authority: Address,
    user: Address,
    user_input: Address,
    user_output: Address,
    program: Address = PROGRAM,
) -> InstructionCall:
    """Tags 9 and 11. `orders`: open orders and, if one has them, target orders.

    `market`: the market itself, bids, asks, event queue, base vault, quote vault.
    """
    accounts = (
        _readonly(TOKEN_PROGRAM),
        _writable(pool),
        _readonly(authority),
        *map(_writable, orders),
        *map(_writable, vaults),
        _readonly(market_program),
        *map(_writable, market),
        _readonly(market_authority),
        _writable(user_input),
        _writable(user_output),
        AccountMeta(user, is_signer=True, is_writable=False),
    )
    return InstructionCall(program, accounts, _data(tag, amount_in, amount_out))


def _data(tag: int, amount_in: int, amount_out: int) -> bytes:
    return bytes((tag,)) + amount_in.to_bytes(8, "little") + amount_out.to_bytes(8, "little")


def _readonly(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


def _writable(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)
