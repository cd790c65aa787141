"""Which of a copied wallet's buys are copied, and how large: bounds, first buys, re-buys, budgets, pauses.

Off by default, all of it: then every buy is copied at its share. Must not know stops nor how a sale is copied.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable

from chimera.domain.ids import Address
from chimera.domain.intent import Signal
from chimera.domain.risk import Reason, Refusal
from chimera.domain.trade import Position
from chimera.domain.units import BPS, mul_div_ceil, mul_div_floor, sol_text
from chimera.parameters.copy_trade import CopyChoice as Choice

PAIRS_MAX = 20_000  # (wallet, token) whose buys are remembered; the longest unseen go
WALLETS_MAX = 5_000


class Chooser:
    """Remembers what was heard and copied. The memory begins anew with the process."""

    def __init__(self) -> None:
        self._heard: OrderedDict[tuple[Address, Address], int] = OrderedDict()
        """Buys of a wallet in a token."""
        self._copied: OrderedDict[tuple[Address, Address], deque[int]] = OrderedDict()
        """When they were copied."""
        self._losses: OrderedDict[Address, int] = OrderedDict()
        self._paused_until_ms: dict[Address, int] = {}

    def choose(
        self,
        signal: Signal,
        choice: Choice,
        *,
        copy_bps: int,
        now_ms: int,
        held: Iterable[Position],
        on_their_way: int,
    ) -> int | Refusal:
        """Lamports to buy, or why not. `held` and `on_their_way` (lamports) are copies of this wallet."""
        pair = (signal.wallet, signal.mint)
        first = pair not in self._heard
        self._heard[pair] = now_ms
        self._heard.move_to_end(pair)
        if len(self._heard) > PAIRS_MAX:
            self._heard.popitem(last=False)
        size = choice.fixed_lamports
        if choice.sizing == "percent":
            size = mul_div_floor(signal.amount_lamports, copy_bps, BPS)
        return (
            self._paused(signal.wallet, choice, now_ms)
            or _of_trader(signal, choice)
            or self._again(pair, choice, now_ms, first=first)
            or _budget(choice, size, held, on_their_way)
            or size
        )

    def copied(self, signal: Signal, now_ms: int) -> None:
        """An intent was made of it."""
        pair = (signal.wallet, signal.mint)
        self._copied.setdefault(pair, deque(maxlen=1_000)).append(now_ms)
        self._copied.move_to_end(pair)
        if len(self._copied) > PAIRS_MAX:
            self._copied.popitem(last=False)

    def closed(self, position: Position, choice: Choice, now_ms: int) -> None:
        """Counts losses in a row; the last one begins the pause."""
        wallet = position.wallet
        if wallet is None or not choice.wallet_losses_max:
            return
        before = self._losses.pop(wallet, 0)
        losses = before + 1 if position.realised_lamports < 0 else 0
        if losses >= choice.wallet_losses_max:
            self._paused_until_ms[wallet] = now_ms + choice.wallet_pause_s * 1_000
            losses = 0
        if losses:
            self._losses[wallet] = losses
        if len(self._losses) > WALLETS_MAX:
            self._losses.popitem(last=False)
        if len(self._paused_until_ms) > WALLETS_MAX:
            self._paused_until_ms = {one: at for one, at in self._paused_until_ms.items() if at > now_ms}

    def _paused(self, wallet: Address, choice: Choice, now_ms: int) -> Refusal | None:
        until = self._paused_until_ms.get(wallet, 0)
        if not choice.wallet_losses_max or now_ms >= until:
            return None
        told = f"paused for another {(until - now_ms) // 1_000} s after its losses"
        return Refusal(
            Reason.WALLET_NOT_ACTIVE, limit=f"{choice.wallet_losses_max} losses in a row", observed=told
        )

    def _again(
        self, pair: tuple[Address, Address], choice: Choice, now_ms: int, *, first: bool
    ) -> Refusal | None:
        if choice.first_buy_only and not first:
            return Refusal(
                Reason.POSITION_OPEN, limit="a wallet's first buy of a token", observed="it bought before"
            )
        if not choice.rebuys_max:
            return None
        since = now_ms - choice.rebuy_window_s * 1_000
        times = sum(at > since for at in self._copied.get(pair, ()))
        if times < choice.rebuys_max:
            return None
        limit = f"{choice.rebuys_max} copies in {choice.rebuy_window_s} s"
        return Refusal(Reason.POSITION_OPEN, limit=limit, observed=str(times))


def _of_trader(signal: Signal, choice: Choice) -> Refusal | None:
    spent, least, most = signal.amount_lamports, choice.trader_lamports_min, choice.trader_lamports_max
    if spent >= least and (not most or spent <= most):
        return None
    limit = f"{sol_text(least)} to {sol_text(most)} SOL" if most else f"at least {sol_text(least)} SOL"
    return Refusal(Reason.POSITION_SIZE_ZERO, limit=limit, observed=f"the wallet spent {sol_text(spent)} SOL")


def _budget(choice: Choice, size: int, held: Iterable[Position], on_their_way: int) -> Refusal | None:
    if not choice.wallet_budget_lamports:
        return None
    engaged = on_their_way + sum(
        mul_div_ceil(one.cost_lamports, one.tokens, one.tokens_bought) for one in held if one.tokens_bought
    )
    if engaged + size <= choice.wallet_budget_lamports:
        return None
    limit = f"{sol_text(choice.wallet_budget_lamports)} SOL for this wallet"
    return Refusal(Reason.STRATEGY_HEAT_LIMIT, limit=limit, observed=f"{sol_text(engaged + size)} SOL")
