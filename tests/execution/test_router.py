"""Which way a trade takes through the world's pools."""

from functools import lru_cache

import pytest

from chimera.domain.chain import Account, AccountUpdate
from chimera.domain.ids import USDC, WSOL, Address, Slot
from chimera.domain.pool import QuoteRequest, SwapKind
from chimera.domain.risk import Reason, Refusal
from chimera.execution.router import Route, best_route
from chimera.localnet.genesis import genesis
from chimera.market.view import MarketView
from chimera.plugins import venues
from chimera.testing.builders import AT_MS, BONK, address

SOL = 10**9


@lru_cache(1)
def market() -> MarketView:
    """The world's pools as they stand at genesis."""
    view = MarketView({"raydium_cpmm": venues()["raydium_cpmm"]})
    view.see_slot(Slot(5), AT_MS)
    for _ in range(2):
        for one in genesis(7).accounts:
            read = Account(one.address, one.owner, one.lamports, bytes(one.data))
            view.apply(AccountUpdate(read, Slot(5), 0), AT_MS)
    return view


def token(symbol: str) -> Address:
    return next(listing.mint for listing in genesis(7).tokens if listing.symbol == symbol)


def route(source: Address, target: Address, amount: int = SOL, *, doubtful: bool = False) -> Route | Refusal:
    return best_route(market(), input_mint=source, output_mint=target, amount=amount, doubtful=doubtful)


def test_a_token_with_a_sol_pool_is_bought_there() -> None:
    found = route(WSOL, BONK)
    assert isinstance(found, Route)
    assert [quote.output_mint for quote in found.quotes] == [BONK]


def test_a_token_that_trades_against_dollars_alone_is_reached_through_them_both_ways() -> None:
    plum = token("PLUM")
    there = route(WSOL, plum)
    assert isinstance(there, Route)
    assert [quote.output_mint for quote in there.quotes] == [USDC, plum]
    assert there.quotes[1].amount_in == there.quotes[0].amount_out
    back = route(plum, WSOL, there.amount_out)
    assert isinstance(back, Route)
    assert [quote.output_mint for quote in back.quotes] == [USDC, WSOL]
    assert back.amount_out < SOL


def test_the_best_of_all_ways_is_taken() -> None:
    """Held against every way worked out by hand."""
    view = market()
    for symbol in ("CORAL", "LUMEN", "KITE", "MOSS"):
        mint = token(symbol)
        found = route(WSOL, mint, 3 * SOL)
        assert isinstance(found, Route)
        outs = []
        for pool in view.pools_of(mint):
            amount, source = 3 * SOL, WSOL
            if USDC in (pool.header.mint_a, pool.header.mint_b):
                (bank,) = view.pools_between(WSOL, USDC)
                first = bank.quote(QuoteRequest(WSOL, SwapKind.EXACT_IN, amount), view.moment())
                assert not isinstance(first, Refusal)
                amount, source = first.amount_out, USDC
            last = pool.quote(QuoteRequest(source, SwapKind.EXACT_IN, amount), view.moment())
            assert not isinstance(last, Refusal)
            outs.append(last.amount_out)
        assert found.amount_out == max(outs)


def test_an_unknown_token_has_no_way() -> None:
    refusal = route(WSOL, address("nobody's token"))
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.POOL_NOT_FOUND


@pytest.mark.parametrize("amount", [0, 2**64])
def test_an_amount_out_of_range_is_refused(amount: int) -> None:
    assert isinstance(route(WSOL, BONK, amount), Refusal)


def test_a_pool_in_doubt_is_left_alone_unless_it_is_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = next(pool for pool in market().pools_of(BONK) if WSOL in (pool.header.mint_a, pool.header.mint_b))
    monkeypatch.setattr(type(pool), "doubtful", property(lambda self: "a gap" if self is pool else None))
    found = route(WSOL, BONK)
    assert isinstance(found, Refusal) or all(quote.pool != pool.header.address for quote in found.quotes)
    out = route(BONK, WSOL, 10**9, doubtful=True)
    assert isinstance(out, Route)
