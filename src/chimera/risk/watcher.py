"""Swaps of ACTIVE wallets, seen on the stream, as the signals that a webhook would have brought.

Pure and foldable: remembers only how much of each token it saw a wallet buy. Whether a signal gets in is
`admission`'s business.
"""

from collections import OrderedDict
from collections.abc import Callable

from chimera.domain.ids import USDC, WSOL, Address, SignalId, derived_id
from chimera.domain.intent import Side, Signal, Source, Style
from chimera.domain.market import Trade
from chimera.domain.pool import Swap
from chimera.domain.units import BPS, mul_div_ceil
from chimera.domain.wallet import Wallet, WalletStatus

QUOTES = frozenset({WSOL, USDC})
"""What tokens are paid with; swapping one for the other is no trade worth copying."""
HOLDINGS_REMEMBERED = 10_000


class WalletWatcher:
    """Turns trades into signals.

    `lamports_of(mint, amount)` says what a payment is worth in SOL, None where unknown;
    `symbol_of(mint)` names a token for people.
    """

    def __init__(
        self,
        *,
        wallet: Callable[[Address], Wallet | None],
        symbol_of: Callable[[Address], str],
        lamports_of: Callable[[Address, int], int | None],
    ) -> None:
        self._wallet, self._symbol_of, self._lamports_of = wallet, symbol_of, lamports_of
        self._seen_holding: OrderedDict[tuple[Address, Address], int] = OrderedDict()

    def signal(self, trade: Trade) -> Signal | None:
        """The signal in a trade, or None: nobody whom we copy, or nothing that can be copied.

        A wallet that is no longer ACTIVE still makes sell signals, since we may hold what it bought.
        A token swapped for another token is a sale; the buy in it has no price in SOL and is left out.
        """
        swap = trade.swap
        wallet = self._wallet(swap.user)
        if wallet is None:
            return None
        if swap.input_mint in QUOTES:
            if swap.output_mint in QUOTES:
                return None
            self._note(swap.user, swap.output_mint, swap.amount_out)
            spent = self._lamports_of(swap.input_mint, swap.amount_in)
            if wallet.status is not WalletStatus.ACTIVE or spent is None or spent <= 0:
                return None
            return self._signal(
                trade, side=Side.BUY, style=wallet.strategy, mint=swap.output_mint, lamports=spent
            )
        return self._signal(
            trade,
            side=Side.SELL,
            style=Style.EXIT,
            mint=swap.input_mint,
            lamports=0,
            fraction_bps=self._sold_bps(swap),
        )

    def _signal(
        self,
        trade: Trade,
        *,
        side: Side,
        style: Style,
        mint: Address,
        lamports: int,
        fraction_bps: int = BPS,
    ) -> Signal:
        swap = trade.swap
        return Signal(
            id=SignalId(derived_id("watcher", swap.signature, str(swap.position), side)),
            source=Source.WATCHER,
            strategy=style,
            side=side,
            mint=mint,
            symbol=self._symbol_of(mint),
            amount_lamports=lamports,
            wallet=swap.user,
            at_ms=trade.at_ms,
            slot=swap.slot,
            fraction_bps=fraction_bps,
            note=f"{swap.venue} {swap.signature}",
        )

    def _sold_bps(self, swap: Swap) -> int:
        """Share of its holding that the wallet sold; all of it where we did not see it buy that much.

        Rounded up: what remains of ours must not be worth more than what remains of theirs.
        """
        held = self._seen_holding.pop((swap.user, swap.input_mint), 0)
        if swap.amount_in >= held:
            return BPS
        self._seen_holding[swap.user, swap.input_mint] = held - swap.amount_in
        return mul_div_ceil(swap.amount_in, BPS, held)

    def _note(self, wallet: Address, mint: Address, bought: int) -> None:
        held = self._seen_holding.pop((wallet, mint), 0)
        self._seen_holding[wallet, mint] = held + bought
        if len(self._seen_holding) > HOLDINGS_REMEMBERED:
            self._seen_holding.popitem(last=False)
