"""A public lookup table at genesis: what swaps on the pump venues and on Raydium name again and again.

On mainnet such tables are made by aggregators and may be used by anybody. A buy on PumpSwap is a quarter shorter with
one, which is what lets a way through two such pools fit into a transaction.
"""

from functools import lru_cache

from chimera.domain.ids import (
    ATA_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    USDC,
    WSOL,
    Address,
)
from chimera.localnet.bank import GenesisAccount
from chimera.localnet.genesis_accounts import amm_config, rent
from chimera.localnet.programs import amm_pools, cpmm_pools, pump_accounts, pump_launch
from chimera.localnet.tokens import invented_address
from chimera.onchain.keys import address_bytes, associated_token_address, derived_address
from chimera.onchain.transaction import LookupTable

TABLE_PROGRAM = Address("AddressLookupTab1e1111111111111111111111111")
WORLD_TABLE = invented_address("lookup table")

_NEVER = 2**64 - 1


@lru_cache(1)
def world_table() -> LookupTable:
    """The same in every world."""
    recipients = (*pump_accounts.RECIPIENTS, *pump_accounts.BUYBACK_RECIPIENTS)
    volumes = (
        derived_address(program, b"global_volume_accumulator")
        for program in (pump_accounts.CURVE_PROGRAM, pump_accounts.SWAP_PROGRAM)
    )
    return LookupTable(
        WORLD_TABLE,
        (
            SYSTEM_PROGRAM, TOKEN_PROGRAM, TOKEN_2022_PROGRAM, ATA_PROGRAM, WSOL, USDC,
            pump_accounts.CURVE_PROGRAM, pump_accounts.SWAP_PROGRAM, pump_accounts.FEE_PROGRAM,
            pump_accounts.GLOBAL, pump_accounts.GLOBAL_CONFIG, pump_accounts.CURVE_FEES, pump_accounts.SWAP_FEES,
            pump_launch.CURVE_EVENTS, pump_launch.SWAP_EVENTS, *volumes,
            *recipients, *(associated_token_address(recipient, WSOL) for recipient in recipients),
            cpmm_pools.AUTHORITY, amm_config().address, amm_pools.AUTHORITY,
        ),
    )  # fmt: skip


def table_account() -> GenesisAccount:
    """Nobody's to change: without an authority (address-lookup-table state: a meta of 56 bytes, then the addresses)."""
    table = world_table()
    meta = (
        (1).to_bytes(4, "little") + _NEVER.to_bytes(8, "little") + bytes(8 + 1)
    )  # active, extended at slot 0
    data = meta.ljust(56, b"\0") + b"".join(map(address_bytes, table.addresses))
    return GenesisAccount(table.address, rent(len(data)), TABLE_PROGRAM, data)
