"""The grace of a rotated secret: a day from its first sight, over restarts, and begun anew by another one alone."""

from pathlib import Path

import pytest

from chimera.adapters.secret_grace import FILE, GRACE_MS, grace_until_ms
from chimera.domain.errors import ConfigError

OLD, OLDER = b"a" * 64, b"b" * 64


def test_a_restart_does_not_begin_the_grace_anew(tmp_path: Path) -> None:
    until = grace_until_ms(tmp_path, OLD, now_ms=1_000)
    assert until == 1_000 + GRACE_MS
    assert grace_until_ms(tmp_path, OLD, now_ms=1_000 + GRACE_MS * 2) == until
    assert grace_until_ms(tmp_path, OLDER, now_ms=5_000) == 5_000 + GRACE_MS
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert OLD not in (tmp_path / FILE).read_bytes() and OLDER not in (tmp_path / FILE).read_bytes()


def test_a_clock_that_was_set_back_does_not_lengthen_it(tmp_path: Path) -> None:
    grace_until_ms(tmp_path, OLD, now_ms=10 * GRACE_MS)
    assert grace_until_ms(tmp_path, OLD, now_ms=1_000) == 1_000 + GRACE_MS


def test_a_spoilt_note_begins_anew_and_a_folder_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"{")
    assert grace_until_ms(tmp_path, OLD, now_ms=7) == 7 + GRACE_MS
    with pytest.raises(ConfigError, match="webhook_secret_previous"):
        grace_until_ms(tmp_path / "nowhere", OLD, now_ms=7)
