"""What the checklist asks of every venue alike, shown on pools and transactions of each."""

from typing import Any

import pytest
from tests.fuzz.material import Material, gathered

from chimera import plugins
from chimera.domain.chain import AccountUpdate
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Slot
from chimera.domain.market import PoolCreated, TokenMintInfo, Trade
from chimera.domain.pool import Quote, QuoteRequest, SwapKind, SwapRequest
from chimera.market.decoder import Decoder
from chimera.market.view import MarketView
from chimera.onchain.keys import address_bytes
from chimera.onchain.layouts import MINT_SIZE, is_mint
from chimera.ports.venue import MintTeller
from chimera.testing.contracts import USER, USER_INPUT, USER_OUTPUT, check_call

VENUES = sorted(plugins.venues())
NO_VAULTS = {"pumpfun"}  # its curve holds the coins itself


@pytest.fixture(scope="module")
def material() -> dict[str, Material]:
    return dict(gathered())


def test_the_six_venues_are_installed() -> None:
    assert set(VENUES) >= {
        "raydium_amm_v4", "raydium_cpmm", "orca_whirlpool", "meteora_dlmm", "pumpfun", "pumpswap"
    }  # fmt: skip


@pytest.mark.parametrize("name", VENUES)
def test_a_pool_is_discovered_from_account_updates_alone(material: dict[str, Material], name: str) -> None:
    venue, known = material[name].venue, material[name].samples[0]
    whole = material[name].pools[0]
    view, slot = MarketView({name: venue}), Slot(int(known.moment.slot))
    header = venue.header(whole)
    if isinstance(venue, MintTeller):
        view.tell_mints({known.pool: header.mint_a}, 0)
    created: list[Any] = []
    own = known.accounts[known.pool]
    for account in (own, *(one for one in known.accounts.values() if one is not own)):
        created += [e for e in view.apply(AccountUpdate(account, slot, 1), 0) if isinstance(e, PoolCreated)]
    assert [event.pool for event in created] == [header]
    found = view.pools[known.pool].state
    vaults = [address for role, address in venue.roles(found).items() if "vault" in role or "reserve" in role]
    assert len(vaults) == (0 if name in NO_VAULTS else 2)
    named = [] if name in NO_VAULTS else [header.mint_a, header.mint_b, *vaults]
    assert all(address_bytes(address) in own.data for address in named)
    assert not venue.missing(found)
    assert venue.reserves(found) == venue.reserves(whole) != (0, 0)


@pytest.mark.parametrize("name", VENUES)
def test_each_venue_quotes_with_fees_and_builds_its_swap(material: dict[str, Material], name: str) -> None:
    venue, answered = material[name].venue, 0
    for pool, known in zip(material[name].pools, material[name].samples, strict=True):
        header = venue.header(pool)
        for mint in (header.mint_a, header.mint_b):
            quote = venue.quote(pool, QuoteRequest(mint, SwapKind.EXACT_IN, 10**6), known.moment)
            if isinstance(quote, Quote):
                answered += quote.fee_in + quote.fee_out > 0
            for kind in SwapKind:
                check_call(
                    venue.build(pool, SwapRequest(kind, mint, 10**6, 1, USER, USER_INPUT, USER_OUTPUT)),
                    pool=header.address,
                )
    assert answered > 0


@pytest.mark.parametrize("name", VENUES)
def test_executed_transactions_become_trades(material: dict[str, Material], name: str) -> None:
    decoder = Decoder(plugins.venues())
    for transaction in material[name].transactions:
        decoded = decoder.decode(transaction, at_ms=5)
        assert decoded.unread is None and decoded.trades
        assert all(isinstance(trade, Trade) and trade.swap.venue == name for trade in decoded.trades)
    assert decoder.trades == sum(len(decoder.decode(t, 5).trades) for t in material[name].transactions)


def test_a_mint_accounts_owner_is_the_token_program_of_its_event(material: dict[str, Material]) -> None:
    """82 bytes of either program, or longer ones of Token-2022."""
    seen: set[tuple[str, bool]] = set()
    for venue in material.values():
        for account in (one for known in venue.samples for one in known.accounts.values()):
            if not is_mint(account):
                continue
            events = MarketView(plugins.venues()).apply(AccountUpdate(account, Slot(1), 1), 0)
            (told,) = (event for event in events if isinstance(event, TokenMintInfo))
            assert (told.token.mint, told.token.program) == (account.address, account.owner)
            seen.add((account.owner, len(account.data) == MINT_SIZE))
    assert {(TOKEN_PROGRAM, True), (TOKEN_2022_PROGRAM, False)} <= seen
