"""Messages and transactions as bytes: compile, attach signatures, measure, read back.

Own code instead of solders on the road to the wire, because the house compiles the same shapes over and over:
which account stands where is worked out once for a set of accounts and kept, so a repeated shape costs a lookup
and a concatenation. A test holds every byte against solders.
Must not know who signs, nor what the instructions mean.
"""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from chimera.domain.chain import AccountMeta, InstructionCall
from chimera.domain.errors import DecodeError
from chimera.domain.ids import Address, Signature
from chimera.domain.risk import Reason, Refusal
from chimera.onchain.keys import address_bytes, blockhash_bytes, signature_text

WIRE_BYTES_MAX = 1_232  # IPv6 minimum MTU 1,280 less 48 bytes of headers: PACKET_DATA_SIZE in solana-sdk
SIGNATURE_BYTES = 64
ACCOUNTS_MAX = 256  # an account is named by one byte
CACHED_SHAPES = 1_024  # a shape is about 2 kB; 4 tokens a second for minutes do not fill it

_V0 = b"\x80"  # top bit set: versioned; the rest is the version


class LookupTable(msgspec.Struct, frozen=True):
    """An address lookup table: its accounts are named by place instead of by 32 bytes."""

    address: Address
    addresses: tuple[Address, ...]


def compile_v0(
    calls: Sequence[InstructionCall],
    *,
    payer: Address,
    blockhash: str,
    tables: tuple[LookupTable, ...] = (),
) -> bytes:
    """The bytes of a v0 message, which are what is signed.

    Accounts stand in the canonical order (payer, then by privilege, then by key), so the same calls give the
    same bytes. Raises DecodeError for text that is no address and ValueError past 256 accounts.
    """
    shape = _shape(payer, tuple((call.program, call.accounts) for call in calls), tables)
    return b"".join((_V0, shape.head, blockhash_bytes(blockhash), _body(shape, calls), shape.lookups))


def compile_legacy(calls: Sequence[InstructionCall], *, payer: Address, blockhash: str) -> bytes:
    """The bytes of a legacy message; else as `compile_v0`."""
    shape = _shape(payer, tuple((call.program, call.accounts) for call in calls), ())
    return b"".join((shape.head, blockhash_bytes(blockhash), _body(shape, calls)))


def oversize(message: bytes) -> Refusal | None:
    """The refusal of a message that will not fit into one packet once it is signed, else None."""
    size = signed_size(message)
    if size <= WIRE_BYTES_MAX:
        return None
    return Refusal(Reason.TRANSACTION_TOO_LARGE, f"{WIRE_BYTES_MAX} bytes", f"{size} bytes")


def signed_size(message: bytes) -> int:
    """Bytes on the wire once all signatures are attached."""
    return 1 + signers_required(message) * SIGNATURE_BYTES + len(message)


def attach_signatures(message: bytes, signatures: Sequence[bytes]) -> bytes:
    """The transaction as it is sent. Raises ValueError unless there is one signature per signer and it fits."""
    required = signers_required(message)
    if len(signatures) != required or any(len(signature) != SIGNATURE_BYTES for signature in signatures):
        raise ValueError(f"the message wants {required} signatures of 64 bytes, got {len(signatures)}")
    if too_large := oversize(message):
        raise ValueError(str(too_large))
    return b"".join((_compact(required), *signatures, message))


def unsigned(message: bytes) -> bytes:
    """The transaction with zeros for signatures: what is simulated before anybody signs."""
    return attach_signatures(message, [bytes(SIGNATURE_BYTES)] * signers_required(message))


def signature_in(transaction: bytes) -> Signature:
    """The first signature, which is the transaction's name; raises DecodeError where there is none."""
    count, start = _read_compact(transaction, 0)
    if count == 0 or len(transaction) < start + SIGNATURE_BYTES:
        raise DecodeError("a transaction without a signature")
    return signature_text(transaction[start : start + SIGNATURE_BYTES])


def message_in(transaction: bytes) -> bytes:
    """The signed part of a transaction; raises DecodeError where there is none."""
    count, start = _read_compact(transaction, 0)
    message = transaction[start + count * SIGNATURE_BYTES :]
    if not message:
        raise DecodeError("a transaction without a message")
    return message


def signers_required(message: bytes) -> int:
    """How many signatures the message wants; raises DecodeError for an empty or unknown kind of message."""
    if len(message) < 4:
        raise DecodeError(f"a message of {len(message)} bytes")
    if message[0] & 0x80 == 0:
        return message[0]
    if message[0] != _V0[0]:
        raise DecodeError(f"unknown message version {message[0] & 0x7F}")
    return message[1]


class _Shape(msgspec.Struct, frozen=True):
    """Everything of a message that depends on its accounts alone."""

    head: bytes
    """Header and static keys."""
    calls: tuple[bytes, ...]
    """Per instruction: program index and account indexes."""
    lookups: bytes


def _body(shape: _Shape, calls: Sequence[InstructionCall]) -> bytes:
    parts = [_compact(len(calls))]
    for indexes, call in zip(shape.calls, calls, strict=True):
        parts += (indexes, _compact(len(call.data)), call.data)
    return b"".join(parts)


@lru_cache(CACHED_SHAPES)
def _shape(
    payer: Address,
    calls: tuple[tuple[Address, tuple[AccountMeta, ...]], ...],
    tables: tuple[LookupTable, ...],
) -> _Shape:
    """Order and lookups as solana-sdk's CompiledKeys makes them."""
    signs: dict[Address, bool] = {payer: True}
    writes: dict[Address, bool] = {payer: True}
    invoked = {program for program, _ in calls}
    for program, metas in calls:
        signs.setdefault(program, False)
        writes.setdefault(program, False)
        for meta in metas:
            signs[meta.address] = signs.get(meta.address, False) or meta.is_signer
            writes[meta.address] = writes.get(meta.address, False) or meta.is_writable
    left = sorted((key for key in signs if key != payer), key=address_bytes)

    loaded_writable: list[Address] = []
    loaded_readonly: list[Address] = []
    lookups = []
    for table in tables:
        places = {address: place for place, address in reversed(list(enumerate(table.addresses)))}
        found = [key for key in left if key in places and not signs[key] and key not in invoked]
        if not found:
            continue
        writable = [key for key in found if writes[key]]
        readonly = [key for key in found if not writes[key]]
        left = [key for key in left if key not in set(found)]
        loaded_writable += writable
        loaded_readonly += readonly
        lookups.append(
            address_bytes(table.address)
            + b"".join(
                _compact(len(keys)) + bytes(places[key] for key in keys) for keys in (writable, readonly)
            )
        )

    signed_writable = [payer, *(key for key in left if signs[key] and writes[key])]
    signed_readonly = [key for key in left if signs[key] and not writes[key]]
    plain_writable = [key for key in left if not signs[key] and writes[key]]
    plain_readonly = [key for key in left if not signs[key] and not writes[key]]
    static = signed_writable + signed_readonly + plain_writable + plain_readonly
    everything = static + loaded_writable + loaded_readonly
    if len(everything) > ACCOUNTS_MAX:
        raise ValueError(f"{len(everything)} accounts in one transaction; there can be {ACCOUNTS_MAX}")
    index = {key: place for place, key in enumerate(everything)}
    header = bytes((len(signed_writable) + len(signed_readonly), len(signed_readonly), len(plain_readonly)))
    return _Shape(
        head=header + _compact(len(static)) + b"".join(map(address_bytes, static)),
        calls=tuple(
            bytes((index[program],)) + _compact(len(metas)) + bytes(index[meta.address] for meta in metas)
            for program, metas in calls
        ),
        lookups=_compact(len(lookups)) + b"".join(lookups),
    )


def _compact(value: int) -> bytes:
    """Solana's compact-u16: seven bits a byte, low ones first."""
    if value < 0x80:
        return bytes((value,))
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    return bytes((value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14))


def _read_compact(data: bytes, at: int) -> tuple[int, int]:
    """(value, where it ends)."""
    value = shift = 0
    for place in range(at, min(at + 3, len(data))):
        value |= (data[place] & 0x7F) << shift
        if data[place] < 0x80:
            return value, place + 1
        shift += 7
    raise DecodeError("a length that does not end")
