"""Codes as RFC 6238 has them."""

import pytest

from chimera.control.totp import STEP_MS, Seal, code_at, step_of

# RFC 6238, appendix B, SHA-1: its eight digits end in our six
VECTORS = [
    (59, "287082"),
    (1_111_111_109, "081804"),
    (1_111_111_111, "050471"),
    (1_234_567_890, "005924"),
    (2_000_000_000, "279037"),
    (20_000_000_000, "353130"),
]


@pytest.mark.parametrize(("at_s", "code"), VECTORS)
def test_codes_are_the_rfcs(at_s: int, code: str) -> None:
    assert code_at(b"12345678901234567890", at_s // 30) == code


def test_a_code_is_taken_half_a_minute_early_or_late_and_no_more() -> None:
    secret, now_ms = b"s" * 20, 1_000 * STEP_MS
    taken = [step_of(secret, code_at(secret, 1_000 + off), now_ms=now_ms) for off in (-2, -1, 0, 1, 2)]
    assert taken == [None, 999, 1_000, 1_001, None]


def test_a_sealed_secret_opens_for_its_owner_alone() -> None:
    seal = Seal(b"k" * 32)
    sealed = seal.close(b"secret", identifier="ann")
    assert seal.open(sealed, identifier="ann") == b"secret"
    assert seal.open(sealed, identifier="bob") is None
    assert Seal(b"l" * 32).open(sealed, identifier="ann") is None
