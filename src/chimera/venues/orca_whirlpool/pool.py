"""A Whirlpool as far as its accounts are known, and the ways through it, found once a state."""

from collections.abc import Mapping

import msgspec

from chimera.domain.ids import Address
from chimera.venues.orca_whirlpool.layout import Mint, Oracle, State, TickArray, Vault
from chimera.venues.orca_whirlpool.path import Way, find_way
from chimera.venues.orca_whirlpool.swap import Table, make_table


class Ways:
    """Ways and tables by direction, filled when first asked for. What is remembered never makes two pools differ."""

    __slots__ = ("found", "tables")

    def __init__(self) -> None:
        self.found: dict[bool, Way | None] = {}
        self.tables: dict[bool, Table] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ways)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "Ways()"


class Whirlpool(msgspec.Struct, frozen=True):
    address: Address
    state: State
    vault_a: Vault | None = None
    vault_b: Vault | None = None
    mint_a: Mint | None = None
    mint_b: Mint | None = None
    oracle: Oracle | None = None
    arrays: Mapping[int, TickArray] = {}
    """By the tick they start at; never changed, only replaced."""
    ways: Ways = msgspec.field(default_factory=Ways)

    def way(self, *, a_to_b: bool) -> Way | None:
        found = self.ways.found
        if a_to_b not in found:
            state = self.state
            ticks = {start: array.ticks for start, array in self.arrays.items()}
            found[a_to_b] = find_way(state.tick, state.liquidity, state.spacing, ticks, a_to_b=a_to_b)
        return found[a_to_b]

    def table(self, way: Way, *, a_to_b: bool) -> Table:
        """For the fixed fee."""
        tables = self.ways.tables
        if a_to_b not in tables:
            tables[a_to_b] = make_table(way, self.state.sqrt_price, self.state.fee_rate, a_to_b=a_to_b)
        return tables[a_to_b]
