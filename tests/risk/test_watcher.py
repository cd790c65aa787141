"""Which swaps become signals, and how much of a holding a sale is."""

import msgspec

from chimera.domain.ids import USDC, WSOL, Address, Signature, Slot
from chimera.domain.intent import Side, Source, Style
from chimera.domain.market import Trade
from chimera.domain.pool import Swap
from chimera.domain.wallet import Wallet, WalletStatus
from chimera.risk.watcher import WalletWatcher

ALICE, BONK, WIF = Address("alice"), Address("bonk"), Address("wif")
SOL_PER_USDC = 6_000  # lamports a micro-USDC, at about 166 USD a SOL


class Roster:
    def __init__(self) -> None:
        self.wallets = {ALICE: Wallet(address=ALICE, status=WalletStatus.ACTIVE, strategy=Style.SPEAR)}
        self.priced = True

    def lamports_of(self, mint: Address, amount: int) -> int | None:
        if mint == WSOL:
            return amount
        return amount * SOL_PER_USDC if self.priced else None


def build(roster: Roster) -> WalletWatcher:
    return WalletWatcher(
        wallet=roster.wallets.get, symbol_of=lambda mint: mint.upper(), lamports_of=roster.lamports_of
    )


def trade(
    pays: Address, gets: Address, paid: int, got: int, *, user: Address = ALICE, position: int = 0
) -> Trade:
    return Trade(
        swap=Swap(
            venue="raydium_cpmm",
            pool=Address("pool"),
            user=user,
            input_mint=pays,
            output_mint=gets,
            amount_in=paid,
            amount_out=got,
            signature=Signature("sig"),
            slot=Slot(7),
            position=position,
        ),
        at_ms=1_000,
    )


def test_an_active_wallets_buy_becomes_a_buy_of_its_style() -> None:
    signal = build(Roster()).signal(trade(WSOL, BONK, 250, 9_000))
    assert signal is not None
    assert (signal.side, signal.strategy, signal.mint, signal.symbol) == (Side.BUY, Style.SPEAR, BONK, "BONK")
    assert (signal.amount_lamports, signal.wallet, signal.slot) == (250, ALICE, 7)
    assert signal.source is Source.WATCHER


def test_a_buy_paid_in_usdc_is_worth_its_lamports_and_nothing_where_the_price_is_unknown() -> None:
    roster = Roster()
    watcher = build(roster)
    signal = watcher.signal(trade(USDC, BONK, 10, 9_000))
    assert signal is not None
    assert signal.amount_lamports == 60_000
    roster.priced = False
    assert watcher.signal(trade(USDC, BONK, 10, 9_000)) is None


def test_strangers_and_plain_exchanges_of_money_make_no_signal() -> None:
    watcher = build(Roster())
    assert watcher.signal(trade(WSOL, BONK, 1, 1, user=Address("bob"))) is None
    assert watcher.signal(trade(WSOL, USDC, 1, 1)) is None
    assert watcher.signal(trade(USDC, WSOL, 1, 1)) is None


def test_the_same_swap_is_the_same_id_and_another_one_in_its_transaction_is_not() -> None:
    ids = [
        signal.id
        for position in (0, 0, 1)
        if (signal := build(Roster()).signal(trade(WSOL, BONK, 5, 5, position=position))) is not None
    ]
    assert ids[0] == ids[1] != ids[2]


def test_a_sale_is_an_exit_of_the_share_that_was_seen_bought() -> None:
    watcher = build(Roster())
    watcher.signal(trade(WSOL, BONK, 1, 900))
    fractions = []
    for sold in (300, 200, 400, 50):
        signal = watcher.signal(trade(BONK, WSOL, sold, 1))
        assert signal is not None
        assert (signal.side, signal.strategy) == (Side.SELL, Style.EXIT)
        fractions.append(signal.fraction_bps)
    assert fractions == [3_334, 3_334, 10_000, 10_000]


def test_an_unseen_holding_counts_as_sold_whole() -> None:
    signal = build(Roster()).signal(trade(BONK, USDC, 300, 1))
    assert signal is not None
    assert signal.fraction_bps == 10_000


def test_a_token_for_a_token_is_a_sale() -> None:
    signal = build(Roster()).signal(trade(BONK, WIF, 300, 1))
    assert signal is not None
    assert (signal.side, signal.mint) == (Side.SELL, BONK)


def test_a_demoted_wallet_is_not_bought_after_but_its_sales_are_heard() -> None:
    roster = Roster()
    watcher = build(roster)
    roster.wallets[ALICE] = msgspec.structs.replace(roster.wallets[ALICE], status=WalletStatus.REJECTED)
    assert watcher.signal(trade(WSOL, BONK, 5, 5)) is None
    assert watcher.signal(trade(BONK, WSOL, 5, 5)) is not None
