"""Whirlpool's swap instructions, byte for byte.

`swap_v2` serves every pool: both token programs, an oracle that may have to be written, and tick arrays beyond the
three fixed places as a supplement. `swap` is the older one, for the older token program only.
Source: whirlpool `instructions/v2/swap.rs`, `instructions/swap.rs`, `util/v2/remaining_accounts_utils.rs`.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from chimera.domain.chain import AccountMeta, InstructionCall
from chimera.domain.ids import TOKEN_PROGRAM, Address
from chimera.onchain.layouts import discriminator
from chimera.onchain.token_instructions import MEMO_PROGRAM
from chimera.venues.orca_whirlpool.layout import PROGRAM, oracle_address

SWAP = discriminator("global", "swap")
SWAP_V2 = discriminator("global", "swap_v2")
TWO_HOP_SWAP = discriminator("global", "two_hop_swap")
TWO_HOP_SWAP_V2 = discriminator("global", "two_hop_swap_v2")

SUPPLEMENTAL_TICK_ARRAYS: Final = 6  # AccountsType
FIXED_PLACES: Final = 3  # tick arrays beyond them are the supplement


class SwapData(msgspec.Struct, frozen=True):
    """What both instructions say in their data."""

    amount: int
    threshold: int
    """Minimum out (exact in) or maximum in (exact out)."""
    exact_in: bool
    a_to_b: bool
    sqrt_price_limit: int = 0
    """0 for none."""

    def packed(self) -> bytes:
        return (
            self.amount.to_bytes(8, "little")
            + self.threshold.to_bytes(8, "little")
            + self.sqrt_price_limit.to_bytes(16, "little")
            + bytes((self.exact_in, self.a_to_b))
        )


class SwapAccounts(msgspec.Struct, frozen=True):
    """Whom both instructions name; pairs are token a's and token b's."""

    pool: Address
    programs: tuple[Address, Address]
    mints: tuple[Address, Address]
    vaults: tuple[Address, Address]
    user: Address
    user_accounts: tuple[Address, Address]
    tick_arrays: Sequence[Address]
    """Current, next and next but one upwards, then as many as wanted; at least three."""


def swap_v2(data: SwapData, named: SwapAccounts) -> InstructionCall:
    """Raises ValueError for fewer than three tick arrays."""
    fixed, supplement = _tick_arrays(named)
    slices = b"\x00"  # Borsh: no Option, or one with a list of (kind, length)
    if supplement:
        slices = b"\x01" + (1).to_bytes(4, "little") + bytes((SUPPLEMENTAL_TICK_ARRAYS, len(supplement)))
    accounts = (
        *map(_readonly, named.programs),
        _readonly(MEMO_PROGRAM),
        AccountMeta(named.user, is_signer=True, is_writable=False),
        _writable(named.pool),
        *map(_readonly, named.mints),
        _writable(named.user_accounts[0]),
        _writable(named.vaults[0]),
        _writable(named.user_accounts[1]),
        _writable(named.vaults[1]),
        *map(_writable, fixed),
        _writable(oracle_address(named.pool)),
        *map(_writable, supplement),
    )
    return InstructionCall(PROGRAM, accounts, SWAP_V2 + data.packed() + slices)


def swap(data: SwapData, named: SwapAccounts) -> InstructionCall:
    """Raises ValueError for fewer than three tick arrays or for Token-2022. The oracle is writable, as pools with an
    adaptive fee need it and others do not mind.
    """
    fixed, supplement = _tick_arrays(named)
    if supplement or set(named.programs) != {TOKEN_PROGRAM}:
        raise ValueError("the older swap takes three tick arrays and the older token program")
    accounts = (
        _readonly(TOKEN_PROGRAM),
        AccountMeta(named.user, is_signer=True, is_writable=False),
        _writable(named.pool),
        _writable(named.user_accounts[0]),
        _writable(named.vaults[0]),
        _writable(named.user_accounts[1]),
        _writable(named.vaults[1]),
        *map(_writable, fixed),
        _writable(oracle_address(named.pool)),
    )
    return InstructionCall(PROGRAM, accounts, SWAP + data.packed())


def _tick_arrays(named: SwapAccounts) -> tuple[Sequence[Address], Sequence[Address]]:
    if len(named.tick_arrays) < FIXED_PLACES:
        raise ValueError(f"a swap names three tick arrays, not {len(named.tick_arrays)}")
    return named.tick_arrays[:FIXED_PLACES], named.tick_arrays[FIXED_PLACES:]


def _readonly(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


def _writable(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)
