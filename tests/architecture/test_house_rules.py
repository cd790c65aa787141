"""The rules of the house hold in the package, and each rule bites: it finds an offence that was planted for it."""

import subprocess
from pathlib import Path

import pytest

from ops import house_rules
from ops.house_rules import Rule

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "chimera"

PLANTED = [
    (house_rules.clock_or_chance, "risk/x.py", "from datetime import datetime\nx = datetime.now()\n"),
    (house_rules.clock_or_chance, "risk/x.py", "import datetime\nx = datetime.datetime.utcnow()\n"),
    (house_rules.clock_or_chance, "engine.py", "import time\nx = 1\n"),
    (house_rules.clock_or_chance, "market/x.py", "from time import monotonic\n"),
    (house_rules.clock_or_chance, "scout/x.py", "import random as chance\n"),
    (house_rules.clock_or_chance, "execution/x.py", "import uuid\nx = uuid.uuid4()\n"),
    (house_rules.clock_or_chance, "execution/x.py", "from os import urandom\n"),
    (house_rules.waiting, "execution/x.py", "class Queue:\n    async def get(self): ...\n"),
    (house_rules.mode, "risk/x.py", "def check(mode): ...\n"),
    (house_rules.mode, "adapters/x.py", "if settings.run_mode == 'live': ...\n"),
    (house_rules.mode, "roles/x.py", "class PaperMode: ...\n"),
    (house_rules.approval, "execution/x.py", "x = Approved(intent)\n"),
    (house_rules.approval, "risk/x.py", "x = gate.Approved(intent)\n"),
    (house_rules.floats, "onchain/x.py", "x = 0.5\n"),
    (house_rules.floats, "execution/x.py", "x = a / b\n"),
    (house_rules.floats, "execution/x.py", "a /= 2\n"),
    (house_rules.floats, "onchain/x.py", "x = float(y)\n"),
    (house_rules.catch_all, "adapters/x.py", "try: ...\nexcept Exception: ...\n"),
    (house_rules.catch_all, "adapters/x.py", "try: ...\nexcept: ...\n"),
    (house_rules.catch_all, "control/x.py", "try: ...\nexcept (OSError, BaseException) as e: ...\n"),
    (
        house_rules.catch_all,
        "roles/x.py",
        "try: ...\nexcept Exception: ...\ntry: ...\nexcept Exception: ...\n",
    ),
    (house_rules.length, "risk/x.py", "x = 1\n" * 501),
    (house_rules.naming, "risk/utils.py", ""),
    (house_rules.naming, "adapters/base/x.py", ""),
    (house_rules.docstring, "risk/x.py", "x = 1\n"),
]

INNOCENT = [
    (house_rules.clock_or_chance, "roles/x.py", "import time\n"),
    (
        house_rules.clock_or_chance,
        "risk/x.py",
        "from datetime import datetime, UTC\nx = datetime.fromtimestamp(0, UTC)\n",
    ),
    (house_rules.waiting, "roles/x.py", "async def run(): ...\n"),
    (house_rules.mode, "wiring.py", "mode = settings.mode\n"),
    (house_rules.mode, "venues/x.py", "fee = pool.creator_fee_mode\n"),
    (house_rules.mode, "adapters/x.py", "with open(path, mode='rb') as file: model(file)\n"),
    (house_rules.approval, "risk/gate.py", "x = Approved(intent)\n"),
    (house_rules.approval, "execution/x.py", "def plan(approved: Approved): ...\n"),
    (house_rules.floats, "execution/x.py", "x = a // 2\n"),
    (house_rules.floats, "indicators.py", "x = a / 2\n"),
    (house_rules.catch_all, "roles/x.py", "try: ...\nexcept Exception: ...\n"),
    (house_rules.catch_all, "adapters/x.py", "try: ...\nexcept OSError: ...\n"),
    (house_rules.length, "risk/x.py", "x = 1\n" * 500),
    (house_rules.naming, "risk/database.py", ""),
    (house_rules.docstring, "risk/__init__.py", ""),
    (house_rules.docstring, "risk/x.py", '"""For something."""\n'),
]


@pytest.mark.parametrize("rule", house_rules.RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: Rule) -> None:
    offences = [str(found) for module in house_rules.modules(PACKAGE) for found in rule(module)]
    assert not offences, f"{rule.__doc__}\n" + "\n".join(offences)


@pytest.mark.parametrize(("rule", "path", "source"), PLANTED)
def test_the_rule_finds_what_was_planted(rule: Rule, path: str, source: str) -> None:
    assert list(rule(house_rules.module(Path(path), source)))


@pytest.mark.parametrize(("rule", "path", "source"), INNOCENT)
def test_the_rule_leaves_the_innocent_alone(rule: Rule, path: str, source: str) -> None:
    assert not list(rule(house_rules.module(Path(path), source)))


def test_every_rule_has_something_planted_for_it() -> None:
    assert {rule for rule, _, _ in PLANTED} == set(house_rules.RULES)


def test_modules_are_found_and_generated_ones_left_out(tmp_path: Path) -> None:
    (tmp_path / "risk").mkdir()
    for name in ("risk/gate.py", "risk/geyser_pb2.py", "engine.py"):
        (tmp_path / name).write_text("x = 1\n")
    assert [(str(module.path), module.room) for module in house_rules.modules(tmp_path)] == [
        ("engine.py", "engine"),
        ("risk/gate.py", "risk"),
    ]


def test_no_committed_file_names_the_workplace() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    offences = [
        str(found)
        for file in files
        if file.is_file()
        for found in house_rules.workplace(file.relative_to(ROOT), file.read_bytes())
    ]
    assert not offences, "\n".join(offences)


@pytest.mark.parametrize("folder", ["work", "tmp/briefs"])
def test_a_planted_workplace_path_is_found(folder: str) -> None:
    content = f"first\nsee /{folder}/main for it\n".encode()
    assert [found.line for found in house_rules.workplace(Path("README.md"), content)] == [2]


def test_a_folder_called_work_inside_a_path_is_nobodys_workplace() -> None:
    folder = "work"
    content = f"docs/{folder}/x and https://example.org/{folder}/x\n".encode()
    assert not list(house_rules.workplace(Path("README.md"), content))
