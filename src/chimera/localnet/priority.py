"""What a transaction offers for a compute unit, read from its ComputeBudget instructions."""

from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from chimera.domain.ids import COMPUTE_BUDGET_PROGRAM

_PROGRAM = Pubkey.from_string(COMPUTE_BUDGET_PROGRAM)
_SET_COMPUTE_UNIT_PRICE = 3  # then u64 micro-lamports


def micro_lamports_per_unit(transaction: VersionedTransaction) -> int:
    message = transaction.message
    keys = message.account_keys
    for call in message.instructions:
        data = call.data
        if len(data) >= 9 and data[0] == _SET_COMPUTE_UNIT_PRICE and call.program_id_index < len(keys):
            if keys[call.program_id_index] == _PROGRAM:
                return int.from_bytes(data[1:9], "little")
    return 0
