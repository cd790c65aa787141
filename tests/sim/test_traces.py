"""Our own swaps in pools that are priced by more than their vaults: what others did is done again on our price."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from tests.venues import recorded
from tests.venues.test_pumpfun import CREATOR, MINT, NOW, mint_account

from chimera.domain.chain import AccountUpdate, FeedItem, SlotStatus, SlotUpdate, TransactionUpdate
from chimera.domain.ids import Address, Signature, Slot
from chimera.domain.pool import Quote, QuoteRequest, Swap, SwapKind
from chimera.domain.risk import Refusal
from chimera.localnet.programs import pump_accounts
from chimera.market.view import MarketView
from chimera.sim.impact import Impact
from chimera.testing.contracts import PoolSample, sample
from chimera.venues.meteora_dlmm import MeteoraDlmm
from chimera.venues.orca_whirlpool import OrcaWhirlpool
from chimera.venues.pumpfun import Pumpfun

KINDS = [Pumpfun, OrcaWhirlpool, MeteoraDlmm]
OWN = Path(__file__).parents[1] / "vectors" / "own"
NOTHING = TransactionUpdate(Signature(""), Slot(0), 0, (), (), 0, (), (), (), (), (), 0)


class Past:
    """A pool that others swap in through its venue's integers (which are held against the real programs elsewhere),
    told as a stream tells it: the accounts that a swap wrote, then its transaction.
    """

    def __init__(self, kind: Any) -> None:
        past = self

        class Heard(kind):  # type: ignore[misc]
            """The venue, with transactions that say at once what is in them."""

            def decode_transaction(self, transaction: TransactionUpdate) -> tuple[Swap, ...]:
                return past.swaps.get(transaction.signature, ())

        self.venue, self.swaps = Heard(), {}
        known = curve() if kind is Pumpfun else deep(kind)
        self.view = MarketView({self.venue.name: self.venue}, keep_raw=True)
        if kind is Pumpfun:
            self.view.expect([MINT])
        for version in (1, 2, 3):  # some accounts are told of by others alone
            for account in known.accounts.values():
                self.view.apply(AccountUpdate(account, known.moment.slot, version), 0)
        self.view.see_slot(known.moment.slot, known.moment.unix_timestamp * 1_000)
        self.pool = self.view.pools[known.pool]
        assert self.pool.complete
        self.recorded: Any = self.pool.state
        self.raw = dict(self.view.raw or {})
        self.impact = Impact(self.view)
        self.version = 10

    @property
    def ours(self) -> Any:
        return self.pool.state

    def sizes(self) -> dict[Address, int]:
        """An amount of each mint that moves the price, and does not leave what is known of the pool."""
        held = self.venue.reserves(self.recorded)
        mints = self.pool.header.mint_a, self.pool.header.mint_b
        return {mint: amount // 300 for mint, amount in zip(mints, held, strict=True)}

    def takes(self, mint: Address, amount: int) -> Quote:
        """A swap of ours."""
        quote = self.pool.quote(QuoteRequest(mint, SwapKind.EXACT_IN, amount), self.view.moment())
        assert isinstance(quote, Quote), quote
        self.impact.take(quote, 0)
        return quote

    def swap(self, mint: Address, amount: int, *, first: str = "accounts") -> None:
        """Somebody else's, recorded."""
        moved = self.after(self.recorded, mint, amount)
        signature = Signature(f"swap {self.version}")
        other = ({self.pool.header.mint_a, self.pool.header.mint_b} - {mint}).pop()
        self.swaps[signature] = (
            Swap(self.venue.name, self.pool.header.address, MINT, mint, other, amount, 1, signature, self.slot, 0),
        )  # fmt: skip
        writes = list(self.writes(moved, signature))
        seen = msgspec.structs.replace(NOTHING, signature=signature, accounts=(self.pool.header.address,))
        self.tell(*writes, seen) if first == "accounts" else self.tell(seen, *writes)

    def becomes(self, state: Any) -> None:
        """Something else than a swap happened to it."""
        self.tell(*self.writes(state, Signature(f"deposit {self.version}")))

    def writes(self, state: Any, signature: Signature) -> Iterator[AccountUpdate]:
        self.recorded = state
        for role, address in self.venue.roles(state).items():
            known = self.raw.get(address)
            if known is None or not self.venue.moves(role):
                continue
            account = self.venue.written(state, role, known.account)
            if account.data != known.account.data:
                self.version += 1
                self.raw[address] = AccountUpdate(account, self.slot, self.version, signature)
                yield self.raw[address]

    def tell(self, *items: FeedItem) -> None:
        for item in (*items, SlotUpdate(self.slot, None, SlotStatus.PROCESSED)):
            for told in self.impact.told(item):
                if isinstance(told, AccountUpdate):
                    self.view.apply(told, 0)

    def after(self, state: Any, mint: Address, amount: int) -> Any:
        moved = self.venue.after(state, mint, amount, self.view.moment())
        assert not isinstance(moved, Refusal), moved
        return moved

    def priced(self, state: Any) -> list[bytes]:
        """What of it a swap can change, as bytes."""
        return [
            self.venue.written(state, role, self.raw[address].account).data
            for role, address in self.venue.roles(state).items()
            if self.venue.moves(role) and address in self.raw
        ]

    @property
    def slot(self) -> Slot:
        return self.view.slot


def curve() -> PoolSample:
    state = pump_accounts.CurveState(MINT, creator=CREATOR, real_quote=10**10)
    accounts = [pump_accounts.curve_account(state), mint_account(), *pump_accounts.genesis_accounts()]
    return sample(accounts, pump_accounts.curve_address(MINT), NOW)


@lru_cache
def deep(kind: Any) -> PoolSample:
    """The first of the vectors whose known part takes many swaps."""
    venue = kind()
    file = {"orca_whirlpool": "whirlpool"}.get(venue.name, venue.name)
    for known in recorded.samples(venue, OWN / f"{file}.jsonl.gz"):
        pool = recorded.complete(venue, known)
        if not venue.missing(pool) and (held := venue.reserves(pool)) and min(held) > 10**6:
            mint = venue.header(pool).mint_a
            if not isinstance(venue.after(pool, mint, held[0] // 20, known.moment), Refusal):
                return known
    raise AssertionError(f"no pool of {venue.name} is deep enough")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", ["accounts", "transaction"])
def test_what_others_swapped_is_swapped_again_on_the_price_that_we_left(kind: Any, first: str) -> None:
    past, chance = Past(kind), Random(7)
    sizes = past.sizes()
    mints = list(sizes)
    past.swap(mints[0], sizes[mints[0]], first=first)
    assert past.priced(past.ours) == past.priced(past.recorded)  # nobody of us is there yet
    past.takes(mints[1], sizes[mints[1]] * 3)
    expected = past.after(past.recorded, mints[1], sizes[mints[1]] * 3)
    assert past.priced(past.ours) == past.priced(expected) != past.priced(past.recorded)
    for _ in range(12):
        mint = chance.choice(mints)
        amount = chance.randrange(1, sizes[mint])
        expected = past.after(expected, mint, amount)
        past.swap(mint, amount, first=first)
        assert past.priced(past.ours) == past.priced(expected)
    assert not past.impact.forgotten and not past.impact.traces.lost


@pytest.mark.parametrize("kind", KINDS)
def test_who_buys_and_sells_again_leaves_the_price_nearly_as_it_was(kind: Any) -> None:
    past = Past(kind)
    sizes = past.sizes()
    mint, other = sizes
    bought = past.takes(mint, sizes[mint] * 2)
    past.swap(other, sizes[other])
    past.takes(other, bought.amount_out)
    request = QuoteRequest(mint, SwapKind.EXACT_IN, sizes[mint])
    mine = past.pool.quote(request, past.view.moment())
    theirs = past.venue.quote(past.recorded, request, past.view.moment())
    assert isinstance(mine, Quote) and isinstance(theirs, Quote)
    assert mine.amount_out == pytest.approx(theirs.amount_out, rel=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_difference_to_what_was_recorded_outlives_what_is_no_swap(kind: Any) -> None:
    past = Past(kind)
    sizes = past.sizes()
    mint, other = sizes
    past.takes(mint, sizes[mint] * 2)
    ahead = past.venue.shifted(past.recorded, by=past.ours, than=past.recorded)
    assert past.priced(ahead) == past.priced(past.ours)
    moved = past.after(past.recorded, other, sizes[other])  # as if something unknown had moved it so
    expected = past.venue.shifted(moved, by=past.ours, than=past.recorded)
    past.becomes(moved)
    assert past.priced(past.ours) == past.priced(expected) != past.priced(past.recorded)


@pytest.mark.parametrize("kind", KINDS)
def test_a_nodes_answer_is_told_with_our_swaps_in_it(kind: Any) -> None:
    past = Past(kind)
    sizes = past.sizes()
    mint = next(iter(sizes))
    past.takes(mint, sizes[mint] * 2)
    before = past.ours
    for role, address in past.venue.roles(before).items():
        if address in past.raw and past.venue.moves(role):
            known = past.raw[address].account
            answer = past.impact.read(AccountUpdate(known, past.slot, 0)).account
            assert answer == past.venue.written(before, role, known)
    assert past.priced(past.ours) == past.priced(before)
