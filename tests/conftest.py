"""What tests of several rooms need: the recorded vectors beside the checkout, a Chromium, each skipped by name."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONG = {"flow", "crash", "e2e"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole houses first: a long file at the end would keep one worker while the other has nothing left."""
    items.sort(key=lambda item: LONG.isdisjoint(item.path.relative_to(ROOT).parts))


@pytest.fixture(scope="session")
def shared_vectors() -> Path:
    """The folder of recorded vectors beside the checkout."""
    folder = ROOT.parent / "shared" / "vectors"
    if not folder.is_dir():
        pytest.skip("needs ../shared/vectors")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium that starts (Ubuntu's chromium-browser may be a stub that advertises a snap)."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path and subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0:
            return path
    pytest.skip("needs Chromium: apt-get install chromium")
