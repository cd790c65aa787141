"""Tips to the block engine: the accounts that take them, and how much a transaction offers.

The eight addresses are Jito's on mainnet (getTipAccounts, docs.jito.wtf), so that what is built for mainnet
works here. They exist from genesis on, since a transfer that leaves less than rent would fail.
"""

from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from chimera.domain.ids import SYSTEM_PROGRAM, Address
from chimera.localnet.bank import GenesisAccount
from chimera.localnet.keys import message_keys
from chimera.onchain.tips import TIP_ACCOUNTS

TIP_LAMPORTS_MIN = 1_000  # Jito's own minimum; what wins an auction is another matter
TIP_ACCOUNT_LAMPORTS = 1_000_000  # above the rent of an empty account, 890,880

_TIP_KEYS = frozenset(Pubkey.from_string(one) for one in TIP_ACCOUNTS)
_SYSTEM = Pubkey.from_string(SYSTEM_PROGRAM)
_TRANSFER = (2).to_bytes(4, "little")  # SystemInstruction::Transfer, then u64 lamports


def tip_genesis() -> tuple[GenesisAccount, ...]:
    """The tip accounts as they stand before the first block."""
    owner = Address(SYSTEM_PROGRAM)
    return tuple(
        GenesisAccount(address=one, lamports=TIP_ACCOUNT_LAMPORTS, owner=owner) for one in TIP_ACCOUNTS
    )


def locks_tip_account(transaction: VersionedTransaction) -> bool:
    """Whether it names a tip account as writable among its static keys; through a lookup table does not count."""
    keys = message_keys(transaction.message, lambda table: None)
    return any(keys.all[place] in _TIP_KEYS for place in keys.writable)


def tip_lamports(transaction: VersionedTransaction) -> int:
    """What its own system transfers give to tip accounts. A tip paid by a program's inner call is not seen."""
    message = transaction.message
    if not isinstance(message, Message | MessageV0):
        return 0
    keys, total = message.account_keys, 0
    for called in message.instructions:
        data, places = called.data, bytes(called.accounts)
        if (
            called.program_id_index < len(keys)
            and keys[called.program_id_index] == _SYSTEM
            and len(places) >= 2
            and places[1] < len(keys)
            and keys[places[1]] in _TIP_KEYS
            and len(data) == 12
            and data[:4] == _TRANSFER
        ):
            total += int.from_bytes(data[4:], "little")
    return total
