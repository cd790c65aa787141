"""What a venue is. Pure and synchronous: the host fetches, the venue computes.

A pool's state spans several accounts (for Raydium CPMM: pool, amm_config, vault_0, vault_1, mint_0, mint_1).
The venue names them by role; the host watches them and folds each update through `apply`.
A `pool` is an opaque frozen value to everybody but its venue.
"""

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar, runtime_checkable

import msgspec

from chimera.domain.chain import Account, InstructionCall, TransactionUpdate
from chimera.domain.ids import Address
from chimera.domain.pool import Moment, PoolHeader, Quote, QuoteRequest, Swap, SwapRequest
from chimera.domain.risk import Refusal


class AccountFilter(msgspec.Struct, frozen=True):
    """Accounts that a venue wants streamed: by owner, optionally narrowed. Merged into one subscription."""

    owner: Address
    data_size: int | None = None
    memcmp: tuple[tuple[int, bytes], ...] = ()
    """(offset, bytes) pairs, all of which must match."""


class Prefilter(msgspec.Struct, frozen=True):
    accounts: tuple[AccountFilter, ...]
    transactions: tuple[Address, ...]
    """Transactions that mention any of these addresses."""


P = TypeVar("P")


class Venue(Protocol, Generic[P]):
    """P is the venue's own pool type."""

    name: str
    """`raydium_cpmm` and the like: the module's name."""
    program: Address
    prefilter: Prefilter

    def recognise(self, account: Account) -> bool:
        """Whether this is a pool account of the venue (owner and discriminator)."""
        ...

    def decode(self, account: Account, *, slot: int) -> P:
        """The pool with only its own account known; raises DecodeError on an unknown layout."""
        ...

    def decode_transaction(self, transaction: TransactionUpdate) -> tuple[Swap, ...]:
        """The swaps in it, called directly or by an aggregator; a failed transaction has none.

        Raises DecodeError where an instruction of this venue cannot be read.
        """
        ...

    def header(self, pool: P) -> PoolHeader: ...

    def roles(self, pool: P) -> Mapping[str, Address]:
        """Every account that the state is made of, by role; the pool's own is `pool`."""
        ...

    def apply(self, pool: P, role: str, account: Account, *, slot: int) -> P:
        """The pool with one account's new state folded in; older slots than known for that role change nothing.

        Raises DecodeError; the known state stays as it was.
        """
        ...

    def missing(self, pool: P) -> tuple[str, ...]:
        """Roles still unknown; a pool quotes only when there are none."""
        ...

    def quote(self, pool: P, request: QuoteRequest, moment: Moment) -> Quote | Refusal: ...

    def reserves(self, pool: P) -> tuple[int, int] | None:
        """(mint_a, mint_b) base units that price a trade, or None while unknown."""
        ...

    def token_program(self, pool: P, mint: Address) -> Address | None:
        """Token or Token-2022, as the pool's accounts say."""
        ...

    def build(self, pool: P, request: SwapRequest) -> InstructionCall:
        """The swap instruction, byte for byte the venue's current one."""
        ...


@runtime_checkable
class MintTeller(Protocol):
    """What a venue has besides whose pool accounts do not say what they trade: its transactions do.

    Until `with_mint`, such a pool has no header (DecodeError) and the role `mint` is missing without an address.
    """

    def mints(self, transaction: TransactionUpdate) -> Mapping[Address, Address]:
        """Mint by pool, of every pool that the transaction creates or trades on."""
        ...

    def pool_of(self, mint: Address) -> Address:
        """Where the pool of a mint lies, whether or not it has one."""
        ...

    def with_mint(self, pool: object, mint: Address) -> object:
        """The pool with its mint known; raises DecodeError where the pool is not that mint's."""
        ...


@runtime_checkable
class SparseVenue(Protocol):
    """A venue of whose accounts some need not exist yet.

    One that a node does not have is given to `apply` as `Account(address, SYSTEM_PROGRAM, 0, b"")`.
    """

    def may_lack(self, role: str) -> bool: ...


@runtime_checkable
class NativeVenue(Protocol):
    """A venue of which some pools move the user's own lamports where others move his wrapped SOL.

    Their quotes name wSOL all the same; their instructions want no wSOL account.
    """

    def pays_lamports(self, pool: object) -> bool: ...


@runtime_checkable
class GraduatingVenue(Protocol):
    """A venue whose pools fill up and then move on to another venue."""

    def progress_bps(self, pool: object) -> int:
        """How full, 10,000 once it is over; rounded down."""
        ...


@runtime_checkable
class LaunchVenue(Protocol):
    """A venue on which coins are made, and whose pools say who made theirs."""

    def creator(self, pool: object) -> Address | None:
        """None where the pool names nobody."""
        ...


@runtime_checkable
class FiniteVenue(Protocol):
    """A venue whose pools come to an end, and whose program says so with an error of its own."""

    finished_errors: frozenset[int]
    """Custom program errors that mean: this pool trades no more."""


@runtime_checkable
class TracedVenue(Protocol):
    """A venue priced by more than its vaults' amounts, that can say what a swap leaves behind in its accounts.

    For markets that are replayed with trades in them that were not there (`sim`): the vaults are the host's to carry.
    """

    def moves(self, role: str) -> bool:
        """Whether swaps and liquidity write that account."""
        ...

    def after(self, pool: object, input_mint: Address, amount_in: int, moment: Moment) -> object | Refusal:
        """The pool as a swap of exactly so much into it leaves it, its vaults apart."""
        ...

    def shifted(self, pool: object, *, by: object, than: object) -> object | None:
        """`pool` moved by as much as `by` differs from `than`; None where that is no state that could be.

        Equal to `by` where `pool` equals `than`.
        """
        ...

    def written(self, pool: object, role: str, account: Account) -> Account:
        """`account` with what `pool` says of that role's prices and amounts written over its own."""
        ...
