"""One instruction through two pools: what comes out of the first goes from vault to vault into the second.

`two_hop_swap_v2` serves both token programs; `two_hop_swap` is the older one, for the older token program and for
users who also hold the token in between. Source: whirlpool `instructions/v2/two_hop_swap.rs` and
`instructions/two_hop_swap.rs`.
"""

from typing import Final

import msgspec

from chimera.domain.chain import AccountMeta, InstructionCall
from chimera.domain.ids import TOKEN_PROGRAM, Address
from chimera.onchain.token_instructions import MEMO_PROGRAM
from chimera.venues.orca_whirlpool.instructions import FIXED_PLACES, TWO_HOP_SWAP, TWO_HOP_SWAP_V2
from chimera.venues.orca_whirlpool.layout import PROGRAM, oracle_address

SUPPLEMENTAL_ONE, SUPPLEMENTAL_TWO = 7, 8  # AccountsType
NO_LIMITS: Final = bytes(32)  # on the price, for either pool


class HopAccounts(msgspec.Struct, frozen=True):
    """One pool and the way through it; pairs are token a's and token b's."""

    pool: Address
    a_to_b: bool
    programs: tuple[Address, Address]
    mints: tuple[Address, Address]
    vaults: tuple[Address, Address]
    user_accounts: tuple[Address, Address]
    tick_arrays: tuple[Address, ...]
    """As in `instructions.SwapAccounts`."""

    def ends(self, pair: tuple[Address, Address]) -> tuple[Address, Address]:
        """(the input's, the output's) of a pair."""
        return pair if self.a_to_b else pair[::-1]


def two_hop_swap_v2(
    one: HopAccounts, two: HopAccounts, *, user: Address, amount: int, threshold: int, exact_in: bool
) -> InstructionCall:
    """Raises ValueError where the pools do not meet in one token, or name fewer than three tick arrays."""
    _check(one, two)
    slices = [
        bytes((kind, len(hop.tick_arrays) - FIXED_PLACES))
        for kind, hop in ((SUPPLEMENTAL_ONE, one), (SUPPLEMENTAL_TWO, two))
        if len(hop.tick_arrays) > FIXED_PLACES
    ]
    mints = (*one.ends(one.mints), two.ends(two.mints)[1])
    programs = (*one.ends(one.programs), two.ends(two.programs)[1])
    accounts = (
        _writable(one.pool),
        _writable(two.pool),
        *map(_readonly, mints),
        *map(_readonly, programs),
        _writable(one.ends(one.user_accounts)[0]),
        *map(_writable, one.ends(one.vaults)),
        *map(_writable, two.ends(two.vaults)),
        _writable(two.ends(two.user_accounts)[1]),
        AccountMeta(user, is_signer=True, is_writable=False),
        *map(_writable, one.tick_arrays[:FIXED_PLACES]),
        *map(_writable, two.tick_arrays[:FIXED_PLACES]),
        _writable(oracle_address(one.pool)),
        _writable(oracle_address(two.pool)),
        _readonly(MEMO_PROGRAM),
        *map(_writable, one.tick_arrays[FIXED_PLACES:]),
        *map(_writable, two.tick_arrays[FIXED_PLACES:]),
    )
    tail = b"\x01" + len(slices).to_bytes(4, "little") + b"".join(slices) if slices else b"\x00"
    data = TWO_HOP_SWAP_V2 + _data(one, two, amount=amount, threshold=threshold, exact_in=exact_in) + tail
    return InstructionCall(PROGRAM, accounts, data)


def two_hop_swap(
    one: HopAccounts, two: HopAccounts, *, user: Address, amount: int, threshold: int, exact_in: bool
) -> InstructionCall:
    """Raises ValueError as `two_hop_swap_v2`, and for Token-2022 or more than three tick arrays."""
    _check(one, two)
    if {*one.programs, *two.programs} != {TOKEN_PROGRAM}:
        raise ValueError("the older swap takes the older token program")
    if len(one.tick_arrays) != FIXED_PLACES or len(two.tick_arrays) != FIXED_PLACES:
        raise ValueError("the older swap takes three tick arrays a pool")
    owned = [
        _writable(address)
        for hop in (one, two)
        for pair in zip(hop.user_accounts, hop.vaults, strict=True)
        for address in pair
    ]
    accounts = (
        _readonly(TOKEN_PROGRAM),
        AccountMeta(user, is_signer=True, is_writable=False),
        _writable(one.pool),
        _writable(two.pool),
        *owned,
        *map(_writable, one.tick_arrays),
        *map(_writable, two.tick_arrays),
        _writable(oracle_address(one.pool)),
        _writable(oracle_address(two.pool)),
    )
    data = TWO_HOP_SWAP + _data(one, two, amount=amount, threshold=threshold, exact_in=exact_in)
    return InstructionCall(PROGRAM, accounts, data)


def _check(one: HopAccounts, two: HopAccounts) -> None:
    if one.ends(one.mints)[1] != two.ends(two.mints)[0] or one.pool == two.pool:
        raise ValueError(f"{one.pool} and {two.pool} do not meet in one token")
    for hop in (one, two):
        if len(hop.tick_arrays) < FIXED_PLACES:
            raise ValueError(f"a swap names three tick arrays, not {len(hop.tick_arrays)}")


def _data(one: HopAccounts, two: HopAccounts, *, amount: int, threshold: int, exact_in: bool) -> bytes:
    return (
        amount.to_bytes(8, "little")
        + threshold.to_bytes(8, "little")
        + bytes((exact_in, one.a_to_b, two.a_to_b))
        + NO_LIMITS
    )


def _readonly(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


def _writable(address: Address) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)
