"""What our decoders make of an account or transaction, byte by byte: for the day on which a venue changes.

The account is given to the venue as bytes that remember which of them were looked at. So the offsets are those of
the code that trades, not of a second description that could differ from it. Fields get their names by value, in
the order of reading; a read whose value does not appear in the result stays nameless.
"""

from collections.abc import Iterator, Mapping
from typing import Any, SupportsIndex

import msgspec

from chimera.domain.chain import Account, TransactionUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import Address
from chimera.onchain.keys import address_text
from chimera.onchain.layouts import is_mint, is_token_account, read_mint, read_token_account
from chimera.ports.venue import MintTeller, Venue

DISCRIMINATOR = 8
SHOWN_BYTES = 48


class Field(msgspec.Struct, frozen=True):
    """One stretch of bytes that was read."""

    offset: int
    size: int
    name: str
    """Empty where the value does not appear in what was made of the account."""
    value: str


class Stretch(msgspec.Struct, frozen=True):
    """Bytes that nobody looked at."""

    offset: int
    size: int
    hex: str


class Anatomy(msgspec.Struct, frozen=True):
    """An account as we understand it, and as far as we do not."""

    address: Address
    owner: Address
    size: int
    kind: str
    """`raydium_cpmm pool` and the like; empty where nobody knows the account."""
    fields: tuple[Field, ...] = ()
    unread: tuple[Stretch, ...] = ()
    trouble: str = ""
    """Why it cannot be read, in the decoder's words."""
    roles: Mapping[str, Address] = {}
    """Accounts that the pool is made of."""

    @property
    def understood(self) -> bool:
        return bool(self.kind) and not self.trouble


class Call(msgspec.Struct, frozen=True):
    """One executed instruction."""

    position: int
    depth: int
    program: Address
    venue: str
    """Empty for programs that are no venue of ours."""
    accounts: tuple[Address, ...]
    data: str
    swap: Mapping[str, Any] | None


class TransactionAnatomy(msgspec.Struct, frozen=True):
    signature: str
    slot: int
    error: str | None
    calls: tuple[Call, ...]
    trouble: tuple[str, ...]
    """What decoders refused, in their words."""
    silent: tuple[int, ...]
    """Positions of venue instructions that are no swap to us."""

    @property
    def understood(self) -> bool:
        return not self.trouble


class _Watched(bytes):
    """Bytes that remember what was looked at."""

    seen: list[tuple[int, int]]

    @classmethod
    def over(cls, data: bytes, seen: list[tuple[int, int]] | None = None) -> "_Watched":
        made = cls(data)
        made.seen = [] if seen is None else seen
        return made

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        if isinstance(key, slice):
            start, stop, _ = key.indices(len(self))
            self.seen.append((start, max(start, stop)))
        else:
            at = key.__index__() % max(1, len(self))
            self.seen.append((at, at + 1))
        return super().__getitem__(key)

    def ljust(self, width: SupportsIndex, fillchar: bytes | bytearray = b" ", /) -> "_Watched":
        return _Watched.over(super().ljust(width, fillchar), self.seen)


def dissect(account: Account, venues: Mapping[str, Venue[object]], *, mint: Address | None = None) -> Anatomy:
    """A pool of any venue, a mint or a token account; `mint` where the venue's pools do not say theirs."""
    data = _Watched.over(account.data)
    watched = msgspec.structs.replace(account, data=data)
    bare = Anatomy(account.address, account.owner, len(account.data), "")
    if is_mint(account):
        return _read(bare, data, "token mint", lambda: read_mint(watched, slot=0))
    if is_token_account(account):
        return _read(bare, data, "token account", lambda: read_token_account(watched))
    for venue in venues.values():
        if venue.program != account.owner:
            continue
        if not venue.recognise(account):
            told = f"owned by {venue.name}'s program, but no pool of it: begins with {account.data[:8].hex()}"
            return _left(msgspec.structs.replace(bare, trouble=told), data)
        found = _read(bare, data, f"{venue.name} pool", lambda venue=venue: venue.decode(watched, slot=0))
        return (
            msgspec.structs.replace(found, roles=_roles(venue, account, mint)) if found.understood else found
        )
    return _left(bare, data)


def dissect_role(venue: Venue[object], pool: object, role: str, account: Account) -> Anatomy:
    """An account in its role of a pool that does not know it yet: a configuration, a vault, an array of ticks."""
    data = _Watched.over(account.data)
    watched = msgspec.structs.replace(account, data=data)
    kind = f"{venue.name} {role}"
    bare = Anatomy(account.address, account.owner, len(account.data), kind)
    try:
        made = venue.apply(pool, role, watched, slot=1)
    except DecodeError as error:
        return _left(msgspec.structs.replace(bare, trouble=str(error)), data)
    if is_mint(account) or is_token_account(account):  # venues keep little of these; say all that is known
        return msgspec.structs.replace(dissect(account, {}), kind=kind)
    before = dict(_leaves(pool))
    new = {name: value for name, value in _leaves(made) if before.get(name) != value}
    return _left(bare, data, new)


def dissect_transaction(
    transaction: TransactionUpdate, venues: Mapping[str, Venue[object]]
) -> TransactionAnatomy:
    by_program = {venue.program: venue for venue in venues.values()}
    swaps: dict[int, Mapping[str, Any]] = {}
    trouble: list[str] = []
    for program in dict.fromkeys(call.program for call in transaction.instructions):
        venue = by_program.get(program)
        if venue is None:
            continue
        try:
            found = venue.decode_transaction(transaction)
        except DecodeError as error:
            trouble.append(f"{venue.name}: {error}")
            continue
        swaps |= {swap.position: msgspec.to_builtins(swap) for swap in found}
    calls = tuple(
        Call(
            position=at,
            depth=call.depth,
            program=call.program,
            venue=by_program[call.program].name if call.program in by_program else "",
            accounts=call.accounts,
            data=call.data.hex(),
            swap=swaps.get(at),
        )
        for at, call in enumerate(transaction.instructions)
    )
    silent = tuple(call.position for call in calls if call.venue and call.swap is None)
    return TransactionAnatomy(
        transaction.signature, transaction.slot, transaction.error, calls, tuple(trouble), silent
    )


def _read(bare: Anatomy, data: _Watched, kind: str, read: Any) -> Anatomy:
    try:
        made = read()
    except DecodeError as error:
        return _left(msgspec.structs.replace(bare, kind=kind, trouble=str(error)), data)
    return _left(msgspec.structs.replace(bare, kind=kind), data, dict(_leaves(made)))


def _left(bare: Anatomy, data: _Watched, values: Mapping[str, Any] | None = None) -> Anatomy:
    """The anatomy with what was read, and what was not."""
    plain, reads = bytes(data), list(dict.fromkeys(data.seen))
    names = _names(plain, reads, values or {})
    fields = [
        Field(start, stop - start, names.get((start, stop), ""), _shown(plain[start:stop]))
        for start, stop in sorted(reads)
        if start < min(stop, len(plain)) and stop - start < len(plain)
    ]
    unread: list[Stretch] = []
    at = 0
    for field in [*fields, Field(len(plain), 0, "", "")]:
        if field.offset > at:
            unread.append(Stretch(at, field.offset - at, plain[at : field.offset].hex()))
        at = max(at, field.offset + field.size)
    return msgspec.structs.replace(bare, fields=tuple(fields), unread=tuple(unread))


def _names(
    plain: bytes, reads: list[tuple[int, int]], values: Mapping[str, Any]
) -> dict[tuple[int, int], str]:
    """Name by stretch. Fields are read in their order, so each is looked for behind the one before it first."""
    named: dict[tuple[int, int], str] = {}
    behind = 0
    for name, value in values.items():
        order = [*range(behind, len(reads)), *range(behind)]
        for place in order:
            start, stop = reads[place]
            if reads[place] not in named and value in _meanings(plain[start:stop]):
                named[reads[place]] = name
                behind = place + 1
                break
    if (0, DISCRIMINATOR) in reads:
        named.setdefault((0, DISCRIMINATOR), "(discriminator)")
    return named


def _meanings(raw: bytes) -> list[Any]:
    found: list[Any] = [raw]
    if len(raw) == 32:
        found.append(address_text(raw))
    if len(raw) <= 16 and raw:
        found += [int.from_bytes(raw, "little"), int.from_bytes(raw, "little", signed=True)]
    if len(raw) == 1:
        found.append(raw[0] != 0)
    return found


def _shown(raw: bytes) -> str:
    if len(raw) == 32:
        return address_text(raw)
    if len(raw) <= 16:
        return str(int.from_bytes(raw, "little"))
    return raw.hex() if len(raw) <= SHOWN_BYTES else f"{raw[:SHOWN_BYTES].hex()}... ({len(raw)} bytes as one)"


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of everything in a struct, in the order of its fields."""
    if isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            if field != "slot":
                yield from _leaves(getattr(value, field), f"{name}.{field}" if name else field)
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from _leaves(inner, f"{name}[{place}]")
    elif value is not None:
        yield name, value


def _roles(venue: Venue[object], account: Account, mint: Address | None) -> Mapping[str, Address]:
    state = venue.decode(account, slot=0)
    if isinstance(venue, MintTeller) and mint is not None:
        state = venue.with_mint(state, mint)
    return dict(venue.roles(state))
