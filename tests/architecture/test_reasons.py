"""Every reason to refuse, to wait or to leave is given somewhere, and some test names it.

A reason that no test names is either never seen to happen or never happens: whoever adds one shows how it comes about.
A test that goes through the whole enumeration names none of them.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import pytest

from chimera.domain.risk import Reason
from chimera.strategies.momentum.policy import Code as MomentumCode
from chimera.strategies.reentry.setups import Code as ReentryCode
from chimera.strategies.sniper.analysis import Code as SniperCode

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "chimera"
WORDS = {"sentences.py", "refusals.py", "failure.py", "risk.py"}
"""Files that say something of every reason, and give none."""
CODES: dict[str, type[StrEnum]] = {"momentum": MomentumCode, "reentry": ReentryCode, "sniper": SniperCode}


def source(folder: Path, which: Callable[[str], bool]) -> str:
    """All that stands in the files of which the name is wished for, these tests' own folder apart."""
    return "\n".join(
        file.read_text()
        for file in sorted(folder.rglob("*.py"))
        if "architecture" not in file.parts and which(file.name)
    )


def unnamed(kind: type[StrEnum], name: str, text: str, *, quoted: bool = True) -> list[str]:
    """Members that this code names neither as `name.MEMBER` nor, where that counts, by their text in quotes."""
    named = set(re.findall(rf"\b{name}\.([A-Z_]+)\b", text))
    told = set(re.findall(r'"([A-Za-z_]+)"', text)) if quoted else set()
    return [member.name for member in kind if member.name not in named and member.value not in told]


def test_each_reason_is_named_by_a_test_that_reaches_it() -> None:
    assert not unnamed(Reason, "Reason", source(ROOT / "tests", lambda _: True))


def test_each_reason_is_given_somewhere() -> None:
    given = source(PACKAGE, lambda name: name not in WORDS)
    assert not unnamed(Reason, "Reason", given, quoted=False)


@pytest.mark.parametrize("strategy", CODES)
def test_each_code_of_a_strategy_is_given_by_it_and_named_by_a_test_of_it(strategy: str) -> None:
    mine = source(ROOT / "tests" / "strategies", lambda name: strategy in name or name == "test_restarts.py")
    assert not unnamed(CODES[strategy], "Code", mine)
    own = source(PACKAGE / "strategies" / strategy, lambda _: True)
    assert not unnamed(CODES[strategy], "Code", own, quoted=False)


def test_a_reason_that_is_added_without_a_test_is_told() -> None:
    class Added(StrEnum):
        OLD = "old"
        TEXT = "BY_ITS_TEXT"
        NEW = "new"

    text = 'assert refused.reason is Added.OLD\nassert told == "BY_ITS_TEXT"\nassert list(Added)'
    assert unnamed(Added, "Added", text) == ["NEW"]
    assert unnamed(Added, "Added", text, quoted=False) == ["TEXT", "NEW"]
