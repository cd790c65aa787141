"""Events that Anchor programs emit by calling themselves (`emit_cpi!`): never cut off, as log lines may be.

Must not know any venue.
"""

from collections.abc import Callable, Sequence

from chimera.domain.chain import Instruction, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import Address
from chimera.onchain import logs

EVENT_CALL = bytes.fromhex("e445a52e51cb9a1d")
"""What the data of such a call begins with: eight bytes of sha256("anchor:event"), the last of them first."""


def event_of_each(
    transaction: TransactionUpdate, calls: Sequence[int], program: Address, wanted: Callable[[bytes], bool]
) -> list[bytes]:
    """The one wanted event of each call (places in `transaction.instructions`), in their order.

    Read from the calls that the program makes to itself, else from its log lines. Raises DecodeError where a call has
    no event, or an event no call: then an instruction did it that we do not know.
    """
    if any(_is_event(call, program, wanted) for call in transaction.instructions):
        found = [event for at in calls for event in _events_of(transaction, at, program, wanted)]
        total = sum(_is_event(call, program, wanted) for call in transaction.instructions)
    else:
        found = [event for event in logs.events(transaction.logs, program) if wanted(event)]
        total = len(found)
    if not len(calls) == len(found) == total:
        raise DecodeError(f"{transaction.signature}: {len(calls)} known calls, but {total} events of such")
    return found


def _is_event(call: Instruction, program: Address, wanted: Callable[[bytes], bool]) -> bool:
    return call.program == program and call.data[:8] == EVENT_CALL and wanted(call.data[8:])


def _events_of(
    transaction: TransactionUpdate, at: int, program: Address, wanted: Callable[[bytes], bool]
) -> list[bytes]:
    """What the call at that place emitted, not what it called emitted; exactly one, or DecodeError."""
    depth = transaction.instructions[at].depth
    found = []
    for call in transaction.instructions[at + 1 :]:
        if call.depth <= depth:
            break
        if call.depth == depth + 1 and _is_event(call, program, wanted):
            found.append(call.data[8:])
    if len(found) != 1:
        raise DecodeError(f"{transaction.signature}: {len(found)} events of the call at {at}")
    return found
