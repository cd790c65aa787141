"""A slice of `make crash`: a few kills over one run of the world."""

import importlib.util
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_a_killed_desk_buys_nothing_twice_and_orphans_nothing(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("kill_desk", Path(__file__).with_name("kill_desk.py"))
    assert spec is not None
    assert spec.loader is not None
    kill_desk = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kill_desk)
    verdict = await kill_desk.torture(kills=4, seed=11, folder=tmp_path)
    assert kill_desk.proved(verdict), verdict
