"""Address lookup tables, read. Raises DecodeError for whatever is not one, or is on its way out.

Source: solana-sdk `address-lookup-table-interface/src/state.rs` (ProgramState, LookupTableMeta, 56 bytes).
"""

from chimera.domain.chain import Account
from chimera.domain.errors import DecodeError
from chimera.domain.ids import Address
from chimera.onchain.keys import address_text
from chimera.onchain.layouts import u64_at
from chimera.onchain.transaction import LookupTable

PROGRAM = Address("AddressLookupTab1e1111111111111111111111111")
META_BYTES = 56
IN_USE = 2**64 - 1  # its deactivation slot while nobody has deactivated it
INITIALISED = 1


def read_lookup_table(account: Account, *, slot: int) -> LookupTable:
    """The table as a transaction of a later slot than `slot` may use it.

    What was added in `slot` or after it is left out: an address counts from the slot after its own on.
    """
    data = account.data
    if account.owner != PROGRAM or len(data) < META_BYTES or (len(data) - META_BYTES) % 32:
        raise DecodeError(f"{account.address} is no lookup table: owner {account.owner}, {len(data)} bytes")
    if int.from_bytes(data[:4], "little") != INITIALISED or u64_at(data, 4) != IN_USE:
        raise DecodeError(f"{account.address}: the lookup table is deactivated")
    addresses = [address_text(data[at : at + 32]) for at in range(META_BYTES, len(data), 32)]
    if u64_at(data, 12) >= slot:
        addresses = addresses[: data[20]]
    return LookupTable(account.address, tuple(addresses))
