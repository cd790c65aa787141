"""Events that Anchor programs emit by calling themselves (`emit_cpi!`): never cut off, as log lines may be.

Must not know any venue.
"""

from collections.abc import Callable, Sequence

from chimera.domain.chain import TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import Address
from chimera.onchain import logs

EVENT_CALL = bytes.fromhex("e445a52e51cb9a1d")
"""What the data of such a call begins with: eight bytes of sha256("anchor:event"), the last of them first."""


def event_of_each(
    transaction: TransactionUpdate, calls: Sequence[int], program: Address, wanted: Callable[[bytes], bool]
) -> list[bytes]:
    """The one wanted event of each call (places in `transaction.instructions`), in their order.

    Read from the calls that the program makes to itself, else from its log lines. Raises DecodeError where neither
    has exactly one for each.
    """
    inner = [_inner_events(transaction, at, program, wanted) for at in calls]
    if all(len(found) == 1 for found in inner):
        return [found[0] for found in inner]
    logged = [event for event in logs.events(transaction.logs, program) if wanted(event)]
    if len(logged) != len(calls):
        raise DecodeError(f"{transaction.signature}: {len(calls)} swaps but {len(logged)} events of them")
    return logged


def _inner_events(
    transaction: TransactionUpdate, at: int, program: Address, wanted: Callable[[bytes], bool]
) -> list[bytes]:
    depth = transaction.instructions[at].depth
    found = []
    for call in transaction.instructions[at + 1 :]:
        if call.depth <= depth:
            break
        own = call.program == program and call.depth == depth + 1 and call.data[:8] == EVENT_CALL
        if own and wanted(call.data[8:]):
            found.append(call.data[8:])
    return found
