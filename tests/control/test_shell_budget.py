"""How much a browser fetches before the first screen: page, scripts and styles, gzipped as they are served."""

import gzip
import re

import pytest

from chimera.control.deps import STATIC

SHELL_BYTES_MAX = 200_000
SCREEN_BYTES_MAX = 30_000
CHART_BYTES_MAX = 70_000  # lightweight-charts, fetched when somebody looks at a position


def size(path: str) -> int:
    return len(gzip.compress((STATIC / path.lstrip("/")).read_bytes(), 9))


@pytest.fixture
def built() -> str:
    page = STATIC / "index.html"
    if not page.is_file():
        pytest.skip("needs the built dashboard: make setup")
    return page.read_text()


def test_the_shell_is_below_its_budget(built: str) -> None:
    files = re.findall(r'(?:src|href)="(/assets/[^"]+)"', built)
    sizes = {file: size(file) for file in ("/index.html", *files)}
    print(f"shell: {sum(sizes.values()):,} bytes gzipped in {len(sizes)} files")
    assert any(file.endswith(".js") for file in files)
    assert sum(sizes.values()) < SHELL_BYTES_MAX, sizes


def test_no_screen_is_big(built: str) -> None:
    def most(name: str) -> int:
        return CHART_BYTES_MAX if name.startswith("chart-") else SCREEN_BYTES_MAX

    screens = [path for path in (STATIC / "assets").glob("*.js") if path.name not in built]
    assert len(screens) > 5
    assert {path.name: n for path in screens if (n := size(f"assets/{path.name}")) > most(path.name)} == {}


def test_nothing_stands_in_the_page_itself(built: str) -> None:
    """What stands inline would need a hole in the content policy."""
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", built)
