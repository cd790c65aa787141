"""Two kinds of import contract for import-linter, named in .importlinter.

`Wall`: some rooms may not reach some modules. `Siblings`: rooms of one floor may not reach each other.
Both pass over rooms that do not exist (yet), where the built-in kinds stop with an error, and `Siblings`
says nothing of the other floors, so that one wrong import turns one sentence red and not two.
"""

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.helpers import module_expression_to_modules
from importlinter.domain.imports import ModuleExpression

ROOT = "chimera"
Chain = tuple[str, ...]


class Wall(Contract):
    """Red where a module of `rooms` reaches one of `forbidden`, by a chain or, if `direct`, by itself."""

    rooms = fields.SetField(subfield=fields.StringField())
    forbidden = fields.SetField(subfield=fields.ModuleExpressionField())
    exempt = fields.SetField(subfield=fields.StringField(), required=False)
    direct = fields.BooleanField(required=False, default=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Every offending chain, the shortest one of each pair of packages."""
        importers = {
            module
            for room in self.rooms
            if room in graph.modules
            for module in {room} | graph.find_descendants(room)
            if not any(within(module, free) for free in self.exempt or ())
        }
        chains: set[Chain] = set()
        for expression in self.forbidden:
            for imported in expand(graph, expression):
                find = direct_imports if self.direct else reached
                chains |= find(graph, importers, imported)
        return ContractCheck(kept=not chains, metadata={"chains": sorted(chains)})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """The chains, with line numbers, one a line."""
        render(check)


class Siblings(Contract):
    """Red where a room reaches another one of its own floor, by whatever chain."""

    levels = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Every offending chain between two rooms of a floor."""
        chains: set[Chain] = set()
        for level in self.levels:
            rooms = {f"{ROOT}.{room.strip()}" for room in level.split("|")} & graph.modules
            for importer in rooms:
                for imported in rooms - {importer}:
                    chains |= graph.find_shortest_chains(importer, imported, as_packages=True)
        return ContractCheck(kept=not chains, metadata={"chains": sorted(chains)})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """The chains, with line numbers, one a line."""
        render(check)


def within(module: str, package: str) -> bool:
    """Whether it is the package or inside it."""
    return module == package or module.startswith(f"{package}.")


def expand(graph: ImportGraph, expression: ModuleExpression) -> set[str]:
    """The modules that an expression stands for and that exist, descendants included."""
    if not expression.has_wildcard_expression() and expression.expression not in graph.modules:
        return set()
    named = {module.name for module in module_expression_to_modules(graph, expression, as_packages=False)}
    inside = {
        below
        for name in named
        if not graph.is_module_squashed(name)
        for below in graph.find_descendants(name)
    }
    return named | inside


def direct_imports(graph: ImportGraph, importers: set[str], imported: str) -> set[Chain]:
    """(importer, imported) for each of the importers that names it."""
    return {
        (importer, imported) for importer in graph.find_modules_that_directly_import(imported) & importers
    }


def reached(graph: ImportGraph, importers: set[str], imported: str) -> set[Chain]:
    """The shortest chain from each importer that starts outside of the others' chains."""
    chains = {graph.find_shortest_chain(importer, imported) for importer in importers - {imported}}
    known = {chain for chain in chains if chain}
    # A chain through another offender is that one's fault, told once.
    return {chain for chain in known if not any(step in importers for step in chain[1:-1])}


def render(check: ContractCheck) -> None:
    """Prints what `check` found."""
    for chain in check.metadata["chains"]:
        output.print_error(" -> ".join(chain), bold=False)
    output.new_line()
