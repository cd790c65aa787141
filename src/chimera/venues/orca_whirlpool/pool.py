"""A Whirlpool as far as its accounts are known, and the ways through it, found once a state."""

from collections.abc import Mapping

import msgspec

from chimera.domain.ids import Address
from chimera.domain.units import U64_MAX
from chimera.onchain.layouts import NO_TRANSFER_FEES
from chimera.venues.orca_whirlpool.lane import Lane
from chimera.venues.orca_whirlpool.layout import Mint, Oracle, State, TickArray, Vault
from chimera.venues.orca_whirlpool.path import Way, find_way
from chimera.venues.orca_whirlpool.swap import Table, make_table


class Ways:
    """Ways, tables and lanes by direction, filled when first asked for. What is remembered never makes two pools
    differ.
    """

    __slots__ = ("found", "lanes", "tables")

    def __init__(self) -> None:
        self.found: dict[bool, Way | None] = {}
        self.tables: dict[bool, Table] = {}
        self.lanes: dict[bool, Lane | None] = {}
        """None where the plain swap must answer."""

    def without_lanes(self) -> "Ways":
        """For a pool of which something else than price and ticks has changed."""
        kept = Ways()
        kept.found, kept.tables = self.found, self.tables
        return kept

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

    @property
    def slot(self) -> int:
        """The oldest of the accounts that say the price; mints and tick arrays stay as they are for long."""
        known = (self.state, self.vault_a, self.vault_b, self.oracle)
        return min(account.slot for account in known if account is not None)

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

    def lane(self, *, a_to_b: bool) -> Lane | None:
        """None where there is more to a swap than the way and a fixed fee."""
        lanes = self.ways.lanes
        if a_to_b not in lanes:
            lanes[a_to_b] = self._lane(a_to_b=a_to_b)
        return lanes[a_to_b]

    def _lane(self, *, a_to_b: bool) -> Lane | None:
        vault_in, vault_out = (self.vault_a, self.vault_b) if a_to_b else (self.vault_b, self.vault_a)
        if vault_in is None or vault_out is None or vault_in.frozen or vault_out.frozen:
            return None
        for mint in (self.mint_a, self.mint_b):
            if mint is None or mint.blocked or mint.transfer_fees != NO_TRANSFER_FEES:
                return None
        way = self.way(a_to_b=a_to_b)
        if way is None or self.state.adaptive or self.oracle is not None:
            return None
        return Lane(
            way,
            self.table(way, a_to_b=a_to_b),
            self.state.sqrt_price,
            fee_rate=self.state.fee_rate,
            a_to_b=a_to_b,
            room=U64_MAX - vault_in.amount,
            held=vault_out.amount,
            slot=self.slot,
        )
