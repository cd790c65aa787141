"""Whose word on a mint's token program counts, in which order."""

import pytest

from chimera.domain.chain import Account, AccountUpdate
from chimera.domain.ids import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, Slot
from chimera.market.token_program import Basis, Detected, detect
from chimera.market.view import MarketView
from chimera.onchain.keys import associated_token_address
from chimera.plugins import venues
from chimera.testing.builders import address

MINT = address("mint")
MINT_DATA = bytes(36) + (10**9).to_bytes(8, "little") + bytes((6, 1)) + bytes(36)


def view_with(owner: str) -> MarketView:
    view = MarketView(venues())
    view.apply(AccountUpdate(Account(MINT, owner, 1, MINT_DATA), Slot(1), 1), 0)
    return view


@pytest.mark.parametrize("said", [TOKEN_PROGRAM, TOKEN_2022_PROGRAM])
def test_the_intents_word_goes_before_everything(said: str) -> None:
    view = view_with(TOKEN_2022_PROGRAM if said == TOKEN_PROGRAM else TOKEN_PROGRAM)
    found = detect(MINT, said=said, known=view.token_program, venue="pumpfun")
    assert found == Detected(said, Basis.INTENT)


def test_the_mints_own_account_goes_before_the_venues_hint() -> None:
    view = view_with(TOKEN_2022_PROGRAM)
    found = detect(MINT, said=None, known=view.token_program, venue="pumpfun")
    assert found == Detected(TOKEN_2022_PROGRAM, Basis.CACHE)


@pytest.mark.parametrize("venue", ["pumpfun", "pump.fun"])
def test_an_unknown_mint_of_the_curve_is_taken_for_spl_token_by_its_venue(venue: str) -> None:
    found = detect(MINT, said=None, known=MarketView(venues()).token_program, venue=venue)
    assert found == Detected(TOKEN_PROGRAM, Basis.VENUE_HINT)


@pytest.mark.parametrize("venue", [None, "raydium_cpmm"])
def test_what_nobody_knows_is_spl_token(venue: str | None) -> None:
    found = detect(MINT, said=None, known=MarketView(venues()).token_program, venue=venue)
    assert found == Detected(TOKEN_PROGRAM, Basis.DEFAULT)


def test_a_token_2022_mint_gets_its_account_under_token_2022() -> None:
    view = view_with(TOKEN_2022_PROGRAM)
    program = detect(MINT, said=None, known=view.token_program, venue=None).program
    owner = address("owner")
    assert associated_token_address(owner, MINT, program) != associated_token_address(
        owner, MINT, TOKEN_PROGRAM
    )
