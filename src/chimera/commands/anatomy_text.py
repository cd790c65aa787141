"""Anatomies as lines for a person."""

from collections.abc import Iterator

from chimera.market.anatomy import Anatomy, TransactionAnatomy
from chimera.wiring.inspect import Inspection

HEX_SHOWN = 64


def told(found: Inspection) -> Iterator[str]:
    if found.transaction is not None:
        yield from _transaction(found.transaction)
    for place, anatomy in enumerate(found.accounts):
        if place:
            yield ""
        yield from _account(anatomy)


def _account(anatomy: Anatomy) -> Iterator[str]:
    yield f"{anatomy.address}  {anatomy.kind or 'unknown to us'}"
    yield f"owner {anatomy.owner}, {anatomy.size} bytes"
    if anatomy.trouble:
        yield f"NOT UNDERSTOOD: {anatomy.trouble}"
    if anatomy.fields:
        yield f"{'offset':>7} {'size':>5}  {'field':<28} value"
    for field in anatomy.fields:
        yield f"{field.offset:>7} {field.size:>5}  {field.name or '(read, not kept)':<28} {field.value}"
    for unread in anatomy.unread:
        raw = unread.hex
        zero = not raw.strip("0")
        shown = "all zero" if zero else raw[:HEX_SHOWN] + ("..." if len(raw) > HEX_SHOWN else "")
        yield f"{unread.offset:>7} {unread.size:>5}  {'(not read)':<28} {shown}"
    for role, address in anatomy.roles.items():
        yield f"role {role}: {address}"


def _transaction(anatomy: TransactionAnatomy) -> Iterator[str]:
    yield f"{anatomy.signature}  slot {anatomy.slot}, {'failed: ' + anatomy.error if anatomy.error else 'succeeded'}"
    for trouble in anatomy.trouble:
        yield f"NOT UNDERSTOOD: {trouble}"
    for call in anatomy.calls:
        yield f"{call.position:>3} {'  ' * call.depth}{call.program}  {call.venue}"
        if not call.venue:
            continue
        yield f"      data {len(call.data) // 2} bytes: {call.data[:16]} {call.data[16:]}"
        for place, account in enumerate(call.accounts):
            yield f"      account {place:>2}: {account}"
        if call.swap is None:
            yield "      no swap to us"
        else:
            yield from (f"      {name}: {value}" for name, value in call.swap.items())
