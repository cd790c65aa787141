"""What the market view folds, keeps, doubts and heals; real pools of the embedded chain's genesis."""

from collections.abc import Mapping

import msgspec
import pytest

from chimera.domain.chain import Account, AccountUpdate
from chimera.domain.ids import TOKEN_PROGRAM, WSOL, Address, Slot
from chimera.domain.market import PoolCreated, PoolQuarantined, PoolReleased, PoolUpdated, TokenMintInfo
from chimera.domain.pool import QuoteRequest, SwapKind
from chimera.domain.risk import Refusal
from chimera.localnet.genesis import genesis
from chimera.market.decoder import Unread
from chimera.market.pool import Pool
from chimera.market.view import MarketView
from chimera.plugins import venues
from chimera.testing.builders import address

Accounts = dict[Address, Account]


@pytest.fixture(scope="module")
def accounts() -> Accounts:
    wrapped = Account(WSOL, TOKEN_PROGRAM, 1, bytes(44) + bytes((9, 1)) + bytes(36))  # the chain's own
    return {WSOL: wrapped} | {
        found.address: Account(found.address, found.owner, found.lamports, bytes(found.data))
        for found in genesis(7).accounts
    }


def applied(view: MarketView, account: Account, slot: int, version: int = 1) -> list[object]:
    return list(view.apply(AccountUpdate(account, Slot(slot), version), slot * 400))


def filled(accounts: Accounts, slot: int = 10) -> tuple[MarketView, Pool, Mapping[str, Address]]:
    """A view with every genesis account, one of its CPMM pools, and that pool's roles."""
    view = MarketView(venues())
    for account in (*accounts.values(), *accounts.values()):
        applied(view, account, slot)
    view.see_slot(Slot(slot), slot * 400)
    pool = next(found for found in view.pools.values() if found.venue.name == "raydium_cpmm")
    return view, pool, pool.venue.roles(pool.state)


def holding(vault: Account, amount: int) -> Account:
    return msgspec.structs.replace(
        vault, data=vault.data[:64] + amount.to_bytes(8, "little") + vault.data[72:]
    )


def test_a_pool_is_announced_once_and_only_when_it_is_complete(accounts: Accounts) -> None:
    _, pool, roles = filled(accounts)
    view = MarketView(venues())
    assert applied(view, accounts[roles["pool"]], 10) == []
    assert view.wanted == set(roles.values()) - {roles["pool"]}
    quote = view.pools[roles["pool"]].quote(QuoteRequest(WSOL, SwapKind.EXACT_IN, 1_000), view.moment())
    assert isinstance(quote, Refusal)
    assert "lacks amm_config" in quote.observed
    seen = [event for role in roles if role != "pool" for event in applied(view, accounts[roles[role]], 10)]
    assert sum(isinstance(event, PoolCreated) for event in seen) == 1
    assert any(isinstance(event, PoolUpdated) for event in seen)
    assert {(e.token.mint, e.token.program) for e in seen if isinstance(e, TokenMintInfo)} == {
        (pool.header.mint_a, TOKEN_PROGRAM),
        (pool.header.mint_b, TOKEN_PROGRAM),
    }
    assert view.wanted == set()


def test_a_partial_update_leaves_what_else_is_known(accounts: Accounts) -> None:
    view, pool, roles = filled(accounts)
    before = pool.venue.reserves(pool.state)
    assert before is not None
    applied(view, holding(accounts[roles["vault_0"]], 5_000_000_000), 11)
    after = pool.venue.reserves(pool.state)
    assert after is not None
    assert after[1] == before[1] and after[0] != before[0]
    assert pool.complete


@pytest.mark.parametrize(
    ("read_slot", "expected"), [(11, 7_000_000_000), (12, 7_000_000_000), (13, 6_000_000_000)]
)
def test_what_the_stream_brought_during_a_doubt_goes_before_an_older_answer_of_a_node(
    accounts: Accounts, read_slot: int, expected: int
) -> None:
    view, pool, roles = filled(accounts)
    vault = accounts[roles["vault_0"]]
    doubt = view.doubt_since(0, "gap: test")
    applied(view, holding(vault, 7_000_000_000), 12)
    answered = {address: accounts[address] for address in roles.values()}
    answered[roles["vault_0"]] = holding(vault, 6_000_000_000)
    assert view.reread(doubt, roles["pool"], answered, Slot(read_slot), 0) is not None
    reserves = pool.venue.reserves(pool.state)
    plain = MarketView(venues())
    for account in (*accounts.values(), *accounts.values()):
        applied(plain, account, 10)
    applied(plain, holding(vault, expected), 11)
    assert reserves == pool.venue.reserves(plain.pools[roles["pool"]].state)
    assert pool.doubtful is None


def test_what_an_undone_slot_wrote_is_not_fallen_back_on(accounts: Accounts) -> None:
    view, pool, roles = filled(accounts)
    view.doubt_since(0, "gap: test")
    applied(view, holding(accounts[roles["vault_0"]], 7_000_000_000), 12)
    doubt = view.undo(12)
    assert roles["pool"] in doubt.pools
    answered = {address: accounts[address] for address in roles.values()}
    assert view.reread(doubt, roles["pool"], answered, Slot(11), 0) is not None
    assert pool.doubtful == "gap: test", "the other doubt is somebody else's to settle"
    assert pool.venue.reserves(pool.state) == filled(accounts)[1].venue.reserves(filled(accounts)[1].state)


def test_an_answer_without_an_account_of_the_pool_heals_nothing(accounts: Accounts) -> None:
    view, pool, roles = filled(accounts)
    doubt = view.doubt_since(0, "gap: test")
    answered = {address: accounts[address] for role, address in roles.items() if role != "vault_1"}
    assert view.reread(doubt, roles["pool"], answered, Slot(11), 0) is None
    assert pool.doubtful == "gap: test"


def test_each_role_that_cannot_be_read_stops_buys_and_the_last_that_can_lets_them_again(
    accounts: Accounts,
) -> None:
    view, pool, roles = filled(accounts)
    bad = {role: msgspec.structs.replace(accounts[roles[role]], data=b"\xff") for role in ("pool", "vault_0")}
    assert [type(event) for event in applied(view, bad["pool"], 11)] == [PoolQuarantined]
    assert [type(event) for event in applied(view, bad["vault_0"], 11)] == [PoolQuarantined]
    assert applied(view, bad["vault_0"], 12) == [], "once is enough"
    assert not isinstance(
        pool.quote(QuoteRequest(pool.header.mint_a, SwapKind.EXACT_IN, 10_000), view.moment()), Refusal
    )
    assert any(isinstance(event, PoolReleased) for event in applied(view, accounts[roles["pool"]], 13))
    assert pool.doubtful is not None
    assert any(isinstance(event, PoolReleased) for event in applied(view, accounts[roles["vault_0"]], 13))
    assert pool.doubtful is None
    assert view.quarantined == {}
    assert view.undecodable == 3


def test_a_transaction_that_cannot_be_read_stops_buys_on_the_pools_it_touched_alone(
    accounts: Accounts,
) -> None:
    view, pool, roles = filled(accounts)
    others = [found for found in view.pools.values() if found is not pool]
    unread = Unread("raydium_cpmm", frozenset(roles.values()), "13 accounts where 15 are")
    (event,) = view.judge((), unread, Slot(11), 0)
    assert isinstance(event, PoolQuarantined)
    assert (event.pool, event.role) == (roles["pool"], "transaction")
    assert all(found.doubtful is None for found in others)
    stranger = Unread("somebody else's venue", frozenset(roles.values()), "no")
    assert view.judge((), stranger, Slot(11), 0) == []


def test_a_pool_that_never_could_be_read_is_told_once_and_found_when_it_can(accounts: Accounts) -> None:
    _, _, roles = filled(accounts)
    own = accounts[roles["pool"]]
    view = MarketView(venues())
    short = msgspec.structs.replace(own, data=own.data[:300])
    assert [type(event) for event in applied(view, short, 10)] == [PoolQuarantined]
    assert applied(view, short, 11) == []
    assert list(view.unreadable) == [roles["pool"]]
    assert [type(event) for event in applied(view, own, 12)] == [PoolReleased]
    assert roles["pool"] in view.pools
    assert not view.unreadable


def test_a_token_program_is_known_from_the_pool_before_the_mint_itself_is(accounts: Accounts) -> None:
    _, pool, roles = filled(accounts)
    view = MarketView(venues())
    assert view.token_program(pool.header.mint_a) is None
    applied(view, accounts[roles["pool"]], 10)
    assert view.token_program(pool.header.mint_a) == TOKEN_PROGRAM


@pytest.mark.parametrize("told_first", [True, False])
def test_a_pool_whose_account_does_not_say_its_mint_waits_for_a_transaction_that_does(
    told_first: bool,
) -> None:
    from chimera.venues.pumpfun.layout import BONDING_CURVE, PROGRAM, curve_address

    mint = address("a coin")
    reserves = b"".join(n.to_bytes(8, "little") for n in (10**15, 30 * 10**9, 8 * 10**14, 0, 10**15))
    data = BONDING_CURVE + reserves + bytes(1) + bytes(32) + bytes(70)
    curve = Account(curve_address(mint), PROGRAM, 1, data)
    view = MarketView(venues())
    if told_first:
        view.tell_mints({curve.address: mint}, 0)
        applied(view, curve, 10)
    else:
        applied(view, curve, 10)
        assert (view.nameless, view.pools) == (1, {})
        view.tell_mints({curve.address: mint}, 0)
    pool = view.pools[curve.address]
    assert (pool.header.mint_a, pool.header.mint_b) == (mint, WSOL)
    assert mint in view.wanted
    assert (view.nameless, view.undecodable) == (0, 0)
    quote = pool.quote(QuoteRequest(WSOL, SwapKind.EXACT_IN, 10), view.moment())
    assert isinstance(quote, Refusal)
    assert "lacks" in quote.observed
