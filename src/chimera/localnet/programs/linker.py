"""A compiler's relocatable BPF object in, the ELF that Solana's loader takes (sBPF v0) out.

Only what `clang -target bpf` makes of one C file: code in `.text`, constants in `.rodata*`, no data that is written.
Calls between own functions become relative, addresses of constants absolute (the loader maps the file at
0x100000000), and each syscall stays a relocation that the loader resolves by name.
Layout rules are the loader's: sections lie in file order, each at the address that equals its offset.
"""

import struct
from dataclasses import dataclass

from chimera.domain.errors import DecodeError

MAPPED_AT = 0x1_0000_0000  # where the virtual machine puts the read-only part of the file
EM_BPF = 247
R_BPF_64_64, R_BPF_64_32 = 1, 10
LDDW, CALL = 0x18, 0x85
SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_DYNAMIC, SHT_REL, SHT_DYNSYM = 1, 2, 3, 6, 9, 11
DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SYMENT, DT_REL, DT_RELSZ, DT_RELENT, DT_TEXTREL = (
    5,
    6,
    10,
    11,
    17,
    18,
    19,
    22,
)
WRITE, ALLOC, EXEC = 1, 2, 4
HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")
RELOCATION = struct.Struct("<QQ")


def link(obj: bytes, *, entry: str = "entrypoint") -> bytes:
    """The loadable ELF; the same object always gives the same bytes. Raises DecodeError for what it does not know."""
    parsed = _Object(obj)
    text_at = HEADER.size
    text = bytearray(parsed.sections[parsed.text].data)
    rodata, rodata_offsets = parsed.rodata()
    rodata_at = _aligned(text_at + len(text))
    syscalls: list[str] = []
    calls: list[tuple[int, int]] = []  # (place in the file, number of the syscall)
    for place, kind, symbol in parsed.relocations():
        opcode, registers, _, immediate = struct.unpack_from("<BBhi", text, place)
        if kind == R_BPF_64_32 and opcode == CALL and symbol.section == parsed.text:
            target = symbol.value // 8 + (immediate + 1 if symbol.is_section else 0)
            struct.pack_into("<BBhi", text, place, CALL, 0x10, 0, target - place // 8 - 1)
        elif kind == R_BPF_64_32 and opcode == CALL and symbol.section == 0:
            if symbol.name not in syscalls:
                syscalls.append(symbol.name)
            struct.pack_into("<BBhi", text, place, CALL, 0x10, 0, -1)
            calls.append((text_at + place, syscalls.index(symbol.name)))
        elif kind == R_BPF_64_64 and opcode == LDDW and symbol.section in rodata_offsets:
            address = MAPPED_AT + rodata_at + rodata_offsets[symbol.section] + symbol.value + immediate
            struct.pack_into("<BBhi", text, place, LDDW, registers, 0, _signed(address & 0xFFFFFFFF))
            struct.pack_into("<i", text, place + 12, _signed(address >> 32))
        else:
            raise DecodeError(f"relocation {kind} at {place:#x} to {symbol.name or symbol.section!r}")
    entry_at = text_at + parsed.symbol(entry).value
    return _write(
        bytes(text), rodata, syscalls, calls, text_at=text_at, rodata_at=rodata_at, entry_at=entry_at
    )


@dataclass(frozen=True)
class _Section:
    name: str
    kind: int
    flags: int
    data: bytes
    link: int
    info: int


@dataclass(frozen=True)
class _Symbol:
    name: str
    section: int
    value: int
    is_section: bool


class _Object:
    """A relocatable object's sections and symbols."""

    def __init__(self, obj: bytes) -> None:
        ident, kind, machine, _, _, _, sections_at, _, _, _, _, size, count, names = HEADER.unpack_from(obj)
        if ident[:6] != b"\x7fELF\x02\x01" or kind != 1 or machine != EM_BPF or size != SECTION.size:
            raise DecodeError("not a little-endian 64-bit relocatable BPF object")
        rows = [SECTION.unpack_from(obj, sections_at + i * size) for i in range(count)]
        texts = obj[rows[names][4] : rows[names][4] + rows[names][5]]
        self.sections = [
            _Section(_text(texts, row[0]), row[1], row[2], obj[row[4] : row[4] + row[5]], row[6], row[7])
            for row in rows
        ]
        for section in self.sections:
            if section.flags & WRITE and section.flags & ALLOC and section.data:
                raise DecodeError(f"writable data in {section.name}: programs have none")
        self.text = next(i for i, section in enumerate(self.sections) if section.name == ".text")
        table = next(section for section in self.sections if section.kind == SHT_SYMTAB)
        strings = self.sections[table.link].data
        self.symbols = [
            _Symbol(_text(strings, name), section, value, info & 0xF == 3)
            for name, info, _, section, value, _ in SYMBOL.iter_unpack(table.data)
        ]

    def symbol(self, name: str) -> _Symbol:
        for symbol in self.symbols:
            if symbol.name == name and symbol.section == self.text:
                return symbol
        raise DecodeError(f"no function {name!r}")

    def rodata(self) -> tuple[bytes, dict[int, int]]:
        """All constants as one piece, and where each section's part of it starts."""
        joined, offsets = bytearray(), {}
        for i, section in enumerate(self.sections):
            if section.name.startswith(".rodata"):
                joined += b"\0" * (_aligned(len(joined)) - len(joined))
                offsets[i] = len(joined)
                joined += section.data
        return bytes(joined), offsets

    def relocations(self) -> list[tuple[int, int, _Symbol]]:
        """(place in .text, type, symbol), in order of place."""
        found = []
        for section in self.sections:
            if section.kind == SHT_REL and section.info == self.text:
                for place, info in RELOCATION.iter_unpack(section.data):
                    found.append((place, info & 0xFFFFFFFF, self.symbols[info >> 32]))
        return sorted(found, key=lambda row: row[0])


def _write(
    text: bytes,
    rodata: bytes,
    syscalls: list[str],
    calls: list[tuple[int, int]],
    *,
    text_at: int,
    rodata_at: int,
    entry_at: int,
) -> bytes:
    dynamic_at = _aligned(rodata_at + len(rodata))
    dynsym_at = dynamic_at + 16 * 9
    dynstr, names = bytearray(b"\0"), []
    for name in syscalls:
        names.append(len(dynstr))
        dynstr += name.encode() + b"\0"
    dynsym = SYMBOL.pack(0, 0, 0, 0, 0, 0) + b"".join(SYMBOL.pack(at, 0x10, 0, 0, 0, 0) for at in names)
    dynstr_at = dynsym_at + len(dynsym)
    rel = b"".join(RELOCATION.pack(place, (number + 1) << 32 | R_BPF_64_32) for place, number in calls)
    rel_at = _aligned(dynstr_at + len(dynstr))
    dynamic = b"".join(
        RELOCATION.pack(tag, value)
        for tag, value in (
            (DT_TEXTREL, 0),
            (DT_REL, rel_at),
            (DT_RELSZ, len(rel)),
            (DT_RELENT, RELOCATION.size),
            (DT_SYMTAB, dynsym_at),
            (DT_SYMENT, SYMBOL.size),
            (DT_STRTAB, dynstr_at),
            (DT_STRSZ, len(dynstr)),
            (0, 0),
        )
    )
    # name, type, flags, offset, bytes, linked section, alignment, size of an entry
    sections: list[tuple[str, int, int, int, bytes, int, int, int]] = [
        ("", 0, 0, 0, b"", 0, 0, 0),
        (".text", SHT_PROGBITS, ALLOC | EXEC, text_at, text, 0, 8, 0),
        (".rodata", SHT_PROGBITS, ALLOC, rodata_at, rodata, 0, 8, 0),
        (".dynamic", SHT_DYNAMIC, ALLOC | WRITE, dynamic_at, dynamic, 5, 8, 16),
        (".dynsym", SHT_DYNSYM, ALLOC, dynsym_at, dynsym, 5, 8, SYMBOL.size),
        (".dynstr", SHT_STRTAB, ALLOC, dynstr_at, bytes(dynstr), 0, 1, 0),
        (".rel.dyn", SHT_REL, ALLOC, rel_at, rel, 4, 8, RELOCATION.size),
    ]
    headings = b"\0".join(row[0].encode() for row in sections) + b"\0.shstrtab\0"
    sections.append((".shstrtab", SHT_STRTAB, 0, rel_at + len(rel), headings, 0, 1, 0))

    out, table = bytearray(), bytearray()
    table_at = _aligned(rel_at + len(rel) + len(headings))
    out += HEADER.pack(
        b"\x7fELF\x02\x01\x01".ljust(16, b"\0"), 3, EM_BPF, 1, entry_at, 0, table_at, 0,
        HEADER.size, 56, 0, SECTION.size, len(sections), len(sections) - 1,  # the loader wants 56 though there are none
    )  # fmt: skip
    for name, kind, flags, at, data, linked, align, size in sections:
        if data:
            out += b"\0" * (at - len(out)) + data
        heading = headings.index(b"\0" + name.encode() + b"\0") + 1 if name else 0
        table += SECTION.pack(
            heading, kind, flags, at if flags & ALLOC else 0, at, len(data), linked, 0, align, size
        )
    out += b"\0" * (table_at - len(out)) + table
    return bytes(out)


def _aligned(at: int) -> int:
    return at + 7 & ~7


def _signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


def _text(table: bytes, at: int) -> str:
    return table[at : table.index(b"\0", at)].decode()
