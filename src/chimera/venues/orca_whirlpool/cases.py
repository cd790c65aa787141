"""Rows of cases, read: quote rows name every account that exists, instruction rows name their tick arrays."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from chimera.domain.chain import Account, InstructionCall
from chimera.domain.errors import DecodeError
from chimera.domain.ids import SYSTEM_PROGRAM, Address
from chimera.onchain.keys import address_bytes, associated_token_address
from chimera.ports.venue import Venue
from chimera.venues.orca_whirlpool.instructions import SwapAccounts, SwapData, swap, swap_v2
from chimera.venues.orca_whirlpool.layout import PROGRAM, read_state
from chimera.venues.orca_whirlpool.pool import Whirlpool

DIRECTIONS = {"a_to_b": True, "b_to_a": False}
KINDS = {"exact_in": True, "exact_out": False}
BUILDERS = {"swap_v2": swap_v2, "swap": swap}


def read_pool(venue: Venue[Whirlpool], accounts: Mapping[str, Account], *, slot: int) -> Whirlpool:
    """The pool of a quote row; a tick array or oracle that the row lacks does not exist."""
    by_address = {account.address: account for account in accounts.values()}
    own = next((account for account in by_address.values() if venue.recognise(account)), None)
    if own is None:
        raise DecodeError("no Whirlpool among the accounts")
    pool = venue.decode(own, slot=slot)
    for role, address in venue.roles(pool).items():
        account = by_address.get(address)
        if account is None and role.startswith(("tick_array_", "oracle")):
            account = Account(address, SYSTEM_PROGRAM, 0, b"")
        if account is not None:
            pool = venue.apply(pool, role, account, slot=slot)
    return pool


def is_a_to_b(direction: str) -> bool:
    return DIRECTIONS[direction]


def build(ix: str, inputs: Mapping[str, Any]) -> InstructionCall:
    """The row's instruction; the user's token accounts are the associated ones."""
    pool, user = _address(inputs["whirlpool"]), _address(inputs["user"])
    data = b64decode(inputs["whirlpool_data_base64"], validate=True)
    state = read_state(Account(pool, PROGRAM, 0, data), slot=0)
    programs = _address(inputs["token_program_a"]), _address(inputs["token_program_b"])
    return BUILDERS[ix.partition(" ")[0]](
        SwapData(
            amount=int(inputs["amount"]),
            threshold=int(inputs["other_amount_threshold"]),
            exact_in=KINDS[inputs["kind"]],
            a_to_b=DIRECTIONS[inputs["direction"]],
            sqrt_price_limit=int(inputs["sqrt_price_limit"]),
        ),
        SwapAccounts(
            pool=pool,
            programs=programs,
            mints=(state.mint_a, state.mint_b),
            vaults=(state.vault_a, state.vault_b),
            user=user,
            user_accounts=(
                associated_token_address(user, state.mint_a, programs[0]),
                associated_token_address(user, state.mint_b, programs[1]),
            ),
            tick_arrays=[_address(text) for text in inputs["tick_arrays"]],
        ),
    )


def _address(text: Any) -> Address:
    address = Address(str(text))
    address_bytes(address)  # raises for what is none
    return address
