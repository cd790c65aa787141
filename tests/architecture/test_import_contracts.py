"""The eight import contracts hold, and each turns red, alone, on an import that was planted against it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PLANTED = [
    ("Rooms open downwards only", {"domain/x.py": "import chimera.risk.y", "risk/y.py": ""}),
    ("Rooms open downwards only", {"risk/x.py": "from chimera import engine", "engine.py": ""}),
    ("Rooms open downwards only", {"attic/x.py": ""}),
    ("No two siblings import each other", {"control/x.py": "import chimera.localnet.y", "localnet/y.py": ""}),
    (
        "No two siblings import each other",
        {"portfolio.py": "from chimera.market import y", "market/y.py": ""},
    ),
    ("Decisions neither wait, nor read the clock, nor talk", {"risk/x.py": "import asyncio"}),
    ("Decisions neither wait, nor read the clock, nor talk", {"engine.py": "from time import time"}),
    (
        "Decisions neither wait, nor read the clock, nor talk",
        {"execution/x.py": "from chimera import observe", "observe.py": "import structlog"},
    ),
    (
        "Only the wiring reads Settings",
        {"roles/x.py": "from chimera.config import Settings", "config.py": "Settings = 1"},
    ),
    (
        "Only the wiring touches a signer",
        {"adapters/x.py": "import chimera.adapters.signers.vault", "adapters/signers/vault.py": ""},
    ),
    ("Plugins do not know each other", {"venues/x.py": "import chimera.venues.y", "venues/y.py": ""}),
    ("No room names a concrete plugin", {"roles/x.py": "import chimera.venues.y", "venues/y.py": ""}),
    ("The control plane speaks only in messages", {"control/x.py": "import chimera.risk.y", "risk/y.py": ""}),
]

ALLOWED = {
    "wiring.py": "import chimera.config\nimport chimera.adapters.signers.vault\nimport chimera.roles.x",
    "config.py": "",
    "adapters/signers/vault.py": "import time",
    "roles/x.py": "import asyncio\nimport chimera.risk.y",
    "risk/y.py": "import chimera.domain.z",
    "domain/z.py": "import hashlib",
    "venues/v/__init__.py": "import chimera.venues.v.layout",
    "venues/v/layout.py": "import chimera.onchain.o",
    "onchain/o.py": "",
}


def lint(folder: Path) -> tuple[int, list[str]]:
    """(exit code, names of the broken contracts) of the contracts in force, run against a tree."""
    # By its own file: a `chimera` that is installed must not be looked at in the planted tree's stead.
    result = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()",
         "--no-cache", "--no-logo", "--config", str(ROOT / ".importlinter")],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    broken = [line.removesuffix(" BROKEN") for line in result.stdout.splitlines() if line.endswith(" BROKEN")]
    assert " KEPT" in result.stdout, result.stdout + result.stderr
    return result.returncode, broken


def plant(folder: Path, files: dict[str, str]) -> Path:
    """A tree with a package `chimera` of these files, and our kinds of contract beside it."""
    for name, source in files.items():
        file = folder / "chimera" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source + "\n")
    for parent in {folder / "chimera", *(file.parent for file in (folder / "chimera").rglob("*.py"))}:
        while parent != folder:
            (parent / "__init__.py").touch()
            parent = parent.parent
    # Built-in kinds insist on the bottom of the house.
    (folder / "chimera" / "domain").mkdir(exist_ok=True)
    (folder / "chimera" / "domain" / "__init__.py").touch()
    (folder / "ops").mkdir()
    (folder / "ops" / "import_contracts.py").write_text((ROOT / "ops" / "import_contracts.py").read_text())
    return folder


@pytest.mark.parametrize(
    ("sentence", "files"), PLANTED, ids=[f"{n}-{name}" for n, (name, _) in enumerate(PLANTED)]
)
def test_a_planted_import_turns_its_sentence_red_and_no_other(
    tmp_path: Path, sentence: str, files: dict[str, str]
) -> None:
    assert lint(plant(tmp_path, files)) == (1, [sentence])


def test_what_is_allowed_stays_green(tmp_path: Path) -> None:
    assert lint(plant(tmp_path, ALLOWED)) == (0, [])


def test_the_package_keeps_all_contracts(tmp_path: Path) -> None:
    (tmp_path / "chimera").symlink_to(ROOT / "src" / "chimera")
    (tmp_path / "ops").symlink_to(ROOT / "ops")
    assert lint(tmp_path) == (0, [])


def test_there_are_the_eight_contracts_and_each_has_something_planted_for_it() -> None:
    lines = (ROOT / ".importlinter").read_text().splitlines()
    names = [line.removeprefix("name = ") for line in lines if line.startswith("name = ")]
    assert len(names) == 8
    assert set(names) == {sentence for sentence, _ in PLANTED}
