"""Ids that the same facts always give again, in the form that every UUID library reads."""

import hashlib
from uuid import RFC_4122, UUID

from chimera.domain.ids import derived_id


def test_a_derived_id_is_the_uuid_of_version_8_over_the_first_half_of_the_hash() -> None:
    for number in range(200):
        told = UUID(derived_id("entry", str(number)))
        assert (told.version, told.variant) == (8, RFC_4122)
        half = bytearray(hashlib.sha256(f"entry\x1f{number}".encode()).digest()[:16])
        half[6], half[8] = half[6] & 0x0F | 0x80, half[8] & 0x3F | 0x80
        assert told.bytes == bytes(half)
        assert str(told) == derived_id("entry", str(number))


def test_parts_are_kept_apart() -> None:
    assert derived_id("ab", "c") != derived_id("a", "bc")
