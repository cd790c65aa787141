"""A slice of `make kills`: each role, NATS and the chain killed once, and the chain frozen, over one run of the world."""

from pathlib import Path

import pytest
from tests.crash.kill_roles import TARGETS, torture, well


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_whoever_is_killed_everybody_agrees_in_the_end(tmp_path: Path) -> None:
    verdict = await torture(kills=1, seed=5, folder=tmp_path)
    assert verdict["killed"] == dict.fromkeys(TARGETS, 1)
    assert well(verdict), verdict
