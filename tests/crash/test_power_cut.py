"""A slice of `make powercut`: two cuts that must lose nothing, and one without fdatasync that must be noticed."""

from pathlib import Path

import pytest
from tests.crash.power_cut import cut, held, possible

WHY_NOT = possible()
here = pytest.mark.skipif(bool(WHY_NOT), reason=f"power cannot be cut here: {WHY_NOT}")


@here
@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_what_journal_and_tables_acknowledged_survives_a_power_cut(tmp_path: Path, seed: int) -> None:
    verdict = cut(tmp_path, seed=seed)
    assert held(verdict), verdict


@here
@pytest.mark.slow
def test_a_journal_that_does_not_sync_is_found_out(tmp_path: Path) -> None:
    verdict = cut(tmp_path, seed=1, unsynced=True)
    assert verdict["lost"] > 0, verdict
