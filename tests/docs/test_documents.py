"""Documents say what is so: links lead somewhere, every reason and setting is told, named commands and files exist."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from chimera.cli import app
from chimera.config import schema
from chimera.domain.risk import Reason
from ops import documents

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
NAMED_FILE = re.compile(r"`((?:src|tests|ops|benchmarks|config|docs|web|proto)/[\w./-]+\.\w+)`")


def dead_links(file: Path, text: str) -> list[str]:
    return [
        target
        for target in LINK.findall(text)
        if not re.match(r"[a-z]+:", target) and not (file.parent / target).exists()
    ]


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_link_leads_somewhere_and_every_named_file_exists(file: Path) -> None:
    text = file.read_text()
    assert dead_links(file, text) == []
    assert [name for name in NAMED_FILE.findall(text) if not (ROOT / name).exists()] == []


def test_a_dead_link_is_found() -> None:
    text = "[a](no-such.md#x) [b](README.md) ![c](https://example.org/x.png) [d](docs/)"
    assert dead_links(ROOT / "README.md", text) == ["no-such.md"]


def test_the_questions_tell_every_reason_and_no_other() -> None:
    text = (ROOT / "docs" / "faq.md").read_text()
    told = set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE))
    assert told == {reason.value for reason in Reason}


@pytest.mark.parametrize("name", documents.MADE)
def test_the_made_part_of_a_document_is_that_of_the_code(name: str) -> None:
    text = (ROOT / name).read_text()
    made = documents.remade(text, documents.MADE[name]())
    assert made == text, "run: .venv/bin/python ops/documents.py"


def test_a_document_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="marker"):
        documents.remade("no markers", "part")


def test_a_changed_setting_makes_the_table_stale() -> None:
    changed = schema()
    changed["$defs"]["Api"]["properties"]["port"]["maximum"] = 1
    assert documents.settings(changed) != documents.settings(schema())


def test_every_make_target_that_is_told_of_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, flags=re.MULTILINE))
    told = {
        target
        for file in DOCUMENTS
        for target in re.findall(r"(?:`|^)make ([a-z]+)", file.read_text(), flags=re.MULTILINE)
    }
    assert {"demo", "test", "setup"} <= told
    assert told <= targets
    assert set("setup demo test check fmt lint build bench clean help".split()) <= targets


def test_the_checklist_has_each_line_once_and_in_order() -> None:
    text = (ROOT / "docs" / "checklist.md").read_text()
    lines = [int(number) for number in re.findall(r"^\| S(\d{3}) \|", text, flags=re.MULTILINE)]
    assert lines == list(range(1, 304))


def commands(command: Any, path: str = "chimera") -> set[str]:
    found = {path}
    for name, below in getattr(command, "commands", {}).items():
        found |= commands(below, f"{path} {name}")
    return found


def test_every_command_that_is_told_of_exists() -> None:
    known = commands(typer.main.get_command(app))
    told = {
        f"chimera {words.strip()}"
        for file in DOCUMENTS
        for words in re.findall(
            r"(?:`|/bin/|^)chimera((?: [a-z]+(?:-[a-z]+)*(?![\w/-]))+)", file.read_text(), flags=re.MULTILINE
        )
    }
    assert {"chimera why", "chimera journal verify"} <= told
    assert told <= known


def missing_tests(text: str) -> list[str]:
    """Tests that are named like `tests/a/test_b.py::test_c` and are not there."""
    missing = []
    for file, test in re.findall(r"`(tests/[\w/.-]+\.py)::(\w+)`", text):
        path = ROOT / file
        if not path.exists() or not re.search(
            rf"^(async )?def {test}\(", path.read_text(), flags=re.MULTILINE
        ):
            missing.append(f"{file}::{test}")
    return missing


def test_every_test_that_the_checklist_names_exists() -> None:
    text = (ROOT / "docs" / "checklist.md").read_text()
    assert "::test_" in text
    assert missing_tests(text) == []


def test_a_test_that_is_not_there_is_noticed() -> None:
    here = "tests/docs/test_documents.py"
    text = f"`{here}::test_no_such` `{here}::test_a_dead_link_is_found` `tests/none.py::test_x`"
    assert missing_tests(text) == [f"{here}::test_no_such", "tests/none.py::test_x"]
