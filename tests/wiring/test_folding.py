"""Who is told of which facts: everybody of all that his fold looks at, in the order in which they were added."""

import ast
import inspect
import sys
from collections.abc import Iterator
from typing import get_args

import pytest

from chimera.audit.positions import Fills, Findings
from chimera.domain.messages import Entry, Fact, Noted, RunStarted, WalletChanged
from chimera.execution import costs
from chimera.execution.capital import Known
from chimera.execution.compute import ComputeBook
from chimera.execution.failover import Failover
from chimera.execution.janitor import Janitor, Leftovers
from chimera.execution.keeper import Keeper
from chimera.execution.mev.parameters import FeeParameters
from chimera.execution.prices import PriceBook
from chimera.execution.tips import TipBook
from chimera.risk import exclusion, failures
from chimera.risk.exclusion import PoolExclusions
from chimera.risk.failures import Breakers
from chimera.risk.roster import Roster
from chimera.roles.capital import CapitalRole
from chimera.roles.clerk import ClerkRole
from chimera.roles.mev import HEARD, MevRole
from chimera.roles.parking import ParkingRole
from chimera.roles.portfolios import PortfoliosRole
from chimera.roles.reconciler import ReconcilerRole
from chimera.wiring.folding import Folding
from chimera.wiring.steering import LiveSettings

FACTS = {kind.__name__: kind for kind in get_args(Fact)}


def looked_at(room: type) -> set[type]:
    """The kinds of fact that are named where it folds, and in what it calls of its own."""
    module = ast.parse(inspect.getsource(sys.modules[room.__module__]))
    (found,) = (n for n in module.body if isinstance(n, ast.ClassDef) and n.name == room.__name__)
    methods = {n.name: n for n in found.body if isinstance(n, ast.FunctionDef)}
    waiting = [name for name in ("apply", "fold", "heard") if name in methods]
    assert waiting, f"{room.__name__} folds nothing"
    seen: set[str] = set()
    named: set[type] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in methods:
            continue
        seen.add(name)
        for node in ast.walk(methods[name]):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "self"
            ):
                waiting.append(node.attr)
        named |= set(_tested(methods[name]))
    return named


def _tested(method: ast.FunctionDef) -> Iterator[type]:
    """Of patterns and of isinstance; annotations do not count."""
    for node in ast.walk(method):
        names: list[ast.AST] = []
        if isinstance(node, ast.MatchClass):
            names = [node.cls]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            names = list(ast.walk(node.args[1]))
        yield from (FACTS[n.id] for n in names if isinstance(n, ast.Name) and n.id in FACTS)


ROOMS = [
    Known, Fills, Findings, Failover, Leftovers, Janitor, ClerkRole, ParkingRole, PortfoliosRole, Roster, LiveSettings,
]  # fmt: skip


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_told_of_every_fact_that_it_looks_at(room: type) -> None:
    assert looked_at(room), "the test must see what is looked at"
    assert looked_at(room) <= room.FOLDS  # type: ignore[attr-defined]


@pytest.mark.parametrize("part", [ComputeBook, PriceBook, TipBook, FeeParameters])
def test_costs_tell_their_parts_of_every_fact_that_they_look_at(part: type) -> None:
    assert looked_at(part), "the test must see what is looked at"
    assert looked_at(part) <= set(costs.LEGS)


def test_what_looks_away_by_itself_looks_at_all_that_it_names() -> None:
    assert looked_at(PoolExclusions), "the test must see what is looked at"
    assert looked_at(PoolExclusions) <= exclusion.FOLDS
    assert looked_at(Breakers), "the test must see what is looked at"
    assert looked_at(Breakers) <= failures.HEARD


def test_who_folds_through_others_is_told_of_theirs() -> None:
    assert CapitalRole.FOLDS == Known.FOLDS
    assert ReconcilerRole.FOLDS == Fills.FOLDS | Findings.FOLDS
    assert Keeper.FOLDS == Janitor.FOLDS
    assert set(HEARD) == MevRole.FOLDS


def test_everybody_hears_of_his_own_kinds_in_the_order_of_joining() -> None:
    folding, heard = Folding(), []
    folding.add(lambda entry: heard.append(("runs", entry.seq)), of={RunStarted})
    folding.add(lambda entry: heard.append(("all", entry.seq)))
    first, second = (
        Entry(1, 0, "r", Noted("x")),
        Entry(2, 0, "r", RunStarted("r", "v", "w", {})),  # type: ignore[arg-type]
    )
    folding(first)
    folding(second)
    assert heard == [("all", 1), ("runs", 2), ("all", 2)]
    folding.add(lambda entry: heard.append(("late", entry.seq)), of={RunStarted, WalletChanged})
    heard.clear()
    folding(second)
    assert heard == [("runs", 2), ("all", 2), ("late", 2)]
