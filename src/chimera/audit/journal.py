"""The journal's text: how an entry becomes a line, and how a line proves its place.

A line is `HASH SP JSON LF`. HASH is the SHA-256, in hex, of the previous line's HASH (64 zeros before the
first) followed by this line's JSON; a shell can check it: `printf %s%s $PREV "$JSON" | sha256sum`.
This module knows no files: `adapters.journal_file` keeps the lines, and no one else writes them.
"""

from collections.abc import Iterable
from hashlib import sha256

import msgspec

from chimera.domain.errors import InvariantBroken
from chimera.domain.messages import Entry

GENESIS = "0" * 64
HASH_LENGTH = 64
LINE_BYTES_MAX = 4 * 1024 * 1024  # the largest fact is a signed transaction, under 2 KiB; more is no line

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Entry)


class Verdict(msgspec.Struct, frozen=True):
    """What a check of the whole chain found."""

    ok: bool
    entries: int
    """Good ones, before the first bad one."""
    last_hash: str = GENESIS
    first_bad_seq: int | None = None
    segment: str = ""
    """Where it is bad: the file's name."""
    offset: int = 0
    """Bytes before the bad line in that file."""
    what: str = ""
    """What is wrong with it, for people; empty where all is well."""


def seal(previous: str, entry: Entry) -> tuple[str, bytes]:
    """(hash, line with LF) of an entry that follows the line whose hash is `previous`."""
    text = _ENCODER.encode(entry)
    digest = sha256(previous.encode() + text).hexdigest()
    return digest, b"%b %b\n" % (digest.encode(), text)


class BadLine(InvariantBroken):
    """A line that does not follow from the one before it."""


class Chain:
    """Where a walk along the lines stands; `follow` is the only step."""

    def __init__(self, previous: str = GENESIS, next_seq: int = 1) -> None:
        self.previous = previous
        self.next_seq = next_seq

    def follow(self, line: bytes) -> Entry:
        """The entry of the next line (LF included); raises BadLine and then stays where it was."""
        if not line.endswith(b"\n"):
            raise BadLine("it is cut off")
        if len(line) < HASH_LENGTH + 4 or line[HASH_LENGTH : HASH_LENGTH + 1] != b" ":
            raise BadLine("it is not HASH SPACE JSON")
        text = line[HASH_LENGTH + 1 : -1]
        digest = sha256(self.previous.encode() + text).hexdigest()
        if digest.encode() != line[:HASH_LENGTH]:
            raise BadLine("its hash does not fit: it, or the hash of the line before it, was changed")
        try:
            entry = _DECODER.decode(text)
        except msgspec.MsgspecError as error:
            raise BadLine(f"its hash fits but it cannot be read: {error}") from None
        if entry.seq != self.next_seq:
            raise BadLine(f"it is numbered {entry.seq} where {self.next_seq} belongs")
        self.previous = digest
        self.next_seq += 1
        return entry


def verify_lines(
    segments: Iterable[tuple[str, Iterable[bytes]]], *, anchor: tuple[int, str] | None = None
) -> Verdict:
    """The verdict on all segments, (name, lines) in order.

    A chain cannot show that its end was cut off cleanly. `anchor` (seq, hash), remembered elsewhere, can:
    the tables keep one.
    """
    chain = Chain()
    name, offset = "", 0

    def bad(what: str) -> Verdict:
        return Verdict(
            ok=False,
            entries=chain.next_seq - 1,
            last_hash=chain.previous,
            first_bad_seq=chain.next_seq,
            segment=name,
            offset=offset,
            what=what,
        )

    for segment, lines in segments:
        name, offset = segment, 0
        for line in lines:
            try:
                entry = chain.follow(line)
            except BadLine as error:
                return bad(str(error))
            if anchor is not None and entry.seq == anchor[0] and chain.previous != anchor[1]:
                return bad(f"rewritten: entry {anchor[0]} is not the one that the tables were folded from")
            offset += len(line)
    if anchor is not None and anchor[0] >= chain.next_seq:
        return bad(f"missing: the tables were folded up to entry {anchor[0]}")
    return Verdict(ok=True, entries=chain.next_seq - 1, last_hash=chain.previous, segment=name, offset=offset)
