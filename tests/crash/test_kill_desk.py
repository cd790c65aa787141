"""A slice of `make crash`: a few kills over one run of the world, once on a good chain and once on a bad one."""

import json
from pathlib import Path

import pytest
from tests.crash.kill_desk import proved, torture


@pytest.mark.slow
@pytest.mark.timeout(420)
@pytest.mark.parametrize("faults", [False, True], ids=["good chain", "bad chain"])
async def test_a_killed_desk_buys_nothing_twice_and_orphans_nothing(tmp_path: Path, faults: bool) -> None:
    verdict = await torture(kills=4, seed=11, folder=tmp_path, faults=faults)
    assert proved(verdict), json.dumps(verdict, indent=2)
    assert bool(verdict["faults_struck"]) is faults
