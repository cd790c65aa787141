"""What import-linter cannot see: rules on single files, each a pure function from a parsed module to its offences.

Used by tests/architecture, which also plants an offence for each rule to show that it bites.
Knows no project module; a room that does not exist has no files and therefore no offences.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

DECISIONS = frozenset(
    "domain onchain indicators parameters venues strategies market portfolio risk".split()
    + "engine execution scout treasury audit sim".split()
)
"""Rooms whose code is synchronous and is given all that it uses."""
INTEGERS_ONLY = frozenset({"onchain", "execution"})
KNOWS_MODE = frozenset({"wiring", "config", "cli", "__main__", "control"})
"""`control` is here because a field of its wire format has that name; it decides nothing by it."""
MODE_WORDS = frozenset(
    "mode modes is in on run running runs trading operating current app chimera".split()
) | frozenset("exec execution live localnet paper backtest replay demo real simulated simulation dry".split())
"""A name made of these alone, with `mode` among them, is about the mode that we run in."""
LINES_MAX = 500
BANNED_NAMES = frozenset("utils util helpers helper manager managers base common misc".split())
WORKPLACE = re.compile(rb"(?<![\w.-])/(?:work|tmp/briefs)/|[.]library/")
"""Paths of the machine that the product was written on; nobody else has them."""


class Module(NamedTuple):
    """A source file of the package."""

    path: Path
    """Relative to the package: `risk/gate.py`."""
    source: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The package or module directly under the root: `risk`, or `engine` for engine.py."""
        return self.path.parts[0].removesuffix(".py")


class Offence(NamedTuple):
    path: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


Rule = Callable[[Module], Iterator[Offence]]


def modules(package: Path) -> list[Module]:
    """Every hand-written module under a package folder, in path order."""
    found = []
    for file in sorted(package.rglob("*.py")):
        if not file.name.endswith("_pb2.py") and "__pycache__" not in file.parts:
            found.append(module(file.relative_to(package), file.read_text()))
    return found


def module(path: Path, source: str) -> Module:
    """A parsed module; raises SyntaxError."""
    return Module(path, source, ast.parse(source))


def clock_or_chance(module: Module) -> Iterator[Offence]:
    """Decisions are given time and randomness, they never take them."""
    if module.room not in DECISIONS:
        return
    taken = {
        ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
        ("uuid", "uuid1"), ("uuid", "uuid4"), ("os", "urandom"), ("os", "times"),
    }  # fmt: skip
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    if alias.name.split(".")[0] in {"time", "random", "secrets"}:
                        yield offence(module, node, f"a decision imports {alias.name}")
            case ast.ImportFrom(module=("time" | "random" | "secrets") as name):
                yield offence(module, node, f"a decision imports from {name}")
            case ast.ImportFrom(module=("uuid" | "os") as name, names=names):
                for alias in names:
                    if (name, alias.name) in taken:
                        yield offence(module, node, f"a decision imports {name}.{alias.name}")
            case ast.Attribute(attr=attr, value=ast.Name(id=owner) | ast.Attribute(attr=owner)):
                if (owner, attr) in taken:
                    yield offence(module, node, f"a decision takes {owner}.{attr}")


def waiting(module: Module) -> Iterator[Offence]:
    """Only loops and adapters wait."""
    if module.room not in DECISIONS:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.AsyncFunctionDef):
            yield offence(module, node, f"a decision waits: async def {node.name}")


def mode(module: Module) -> Iterator[Offence]:
    """The mode is Feed x Clock x Chain, chosen in the wiring; nothing below it asks which one it is."""
    if module.room in KNOWS_MODE:
        return
    for node in ast.walk(module.tree):
        name = identifier(node)
        # Others' words stay theirs: st_mode, creator_fee_mode; dev_mode is a setting of its own (signatures unchecked).
        words = set(name.lower().split("_")) if name else set()
        if "mode" in words and words <= MODE_WORDS:
            yield offence(module, node, f"knows of a mode: {name}")


def identifier(node: ast.AST) -> str | None:
    """The name that a node introduces or reads; keyword arguments of calls are the callee's words and have none."""
    match node:
        case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
            return name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
        case _:
            return None


def approval(module: Module) -> Iterator[Offence]:
    """Only the gate makes `Approved`; whoever else could, could trade unasked."""
    if module.path.with_suffix("").parts[:2] == ("risk", "gate"):
        return
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id="Approved") | ast.Attribute(attr="Approved")):
                yield offence(module, node, "makes an Approved outside risk/gate")


def floats(module: Module) -> Iterator[Offence]:
    """Money and pool maths are integers, where every division names its rounding."""
    if module.room not in INTEGERS_ONLY:
        return
    for node in ast.walk(module.tree):
        match node:
            case ast.Constant(value=float() | complex()):
                yield offence(module, node, f"a float: {node.value!r}")
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield offence(module, node, "a division that does not round: /")
            case ast.Call(func=ast.Name(id="float")):
                yield offence(module, node, "a float: float(...)")


def catch_all(module: Module) -> Iterator[Offence]:
    """Everything is caught once, at the top of a role or around a strategy; elsewhere only what one can act on."""
    allowed = 1 if module.room in {"roles", "engine"} else 0
    broad = [
        node for node in ast.walk(module.tree) if isinstance(node, ast.ExceptHandler) and catches_all(node)
    ]
    for node in broad[allowed:]:
        where = "a second time in one role" if allowed else "outside the top of a role"
        yield offence(module, node, f"catches everything {where}")


def catches_all(handler: ast.ExceptHandler) -> bool:
    """Whether it is a bare one or names Exception or BaseException, alone or in a tuple."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {kind.id if isinstance(kind, ast.Name) else None for kind in kinds if kind}
    return None in kinds or bool(names & {"Exception", "BaseException"})


def length(module: Module) -> Iterator[Offence]:
    """Past 500 lines there is a second idea in it."""
    lines = module.source.count("\n")
    if lines > LINES_MAX:
        yield Offence(module.path, lines, f"{lines} lines, more than {LINES_MAX}")


def naming(module: Module) -> Iterator[Offence]:
    """A module is named after its idea."""
    for part in module.path.with_suffix("").parts:
        if part in BANNED_NAMES:
            yield Offence(module.path, 1, f"a name that says nothing: {part}")


def docstring(module: Module) -> Iterator[Offence]:
    """A module opens with what it is for; an empty `__init__` is for nothing."""
    if module.tree.body and not ast.get_docstring(module.tree):
        yield Offence(module.path, 1, "no docstring that says what the module is for")


def offence(module: Module, node: ast.AST, what: str) -> Offence:
    """What was found, where."""
    return Offence(module.path, getattr(node, "lineno", 1), what)


def workplace(path: Path, content: bytes) -> Iterator[Offence]:
    """The project never names the machine that it was written on."""
    for number, line in enumerate(content.split(b"\n"), 1):
        if WORKPLACE.search(line):
            yield Offence(path, number, "names a path of one machine")


RULES: tuple[Rule, ...] = (
    clock_or_chance, waiting, mode, approval, floats, catch_all, length, naming, docstring,
)  # fmt: skip
