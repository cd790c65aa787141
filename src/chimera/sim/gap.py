"""Why one run earned other than another on the same market: the difference in parts that add up to the lamport.

Mostly a live journal beside a backtest of its recording, but any two journals will do. Round trips are the same where
their ids are: an id comes from the signal, and the same swap on the same chain gives the same signal.
"""

from collections.abc import Iterable

import msgspec

from chimera.domain.intent import Side, TradeIntent
from chimera.domain.messages import (
    Entry,
    IntentEmitted,
    IntentRefused,
    LegLanded,
    LegPlanned,
    LegReverted,
    SignalDropped,
    SignalRefused,
    TradeMoved,
)
from chimera.domain.trade import TradeState
from chimera.domain.units import BPS, mul_div_floor

PARTS = (
    "missed",
    "extra",
    "open",
    "price",
    "timing",
    "impact",
    "fees",
    "tips",
    "rent",
    "failures",
)
MEANING = {
    "missed": "round trips that only the other run made",
    "extra": "round trips that the other run did not make",
    "open": "round trips that only one of the two had closed",
    "price": "decided at other prices or sizes",
    "timing": "what came out less than planned, while it was on its way",
    "impact": "fees of the venues and our own size, as planned",
    "fees": "network fees of what landed",
    "tips": "tips",
    "rent": "rent of accounts, less what came back",
    "failures": "fees of what failed on chain",
}


class Account(msgspec.Struct):
    """What one round trip came to, lamports; costs positive."""

    trade_id: str
    symbol: str
    profit: int = 0
    timing: int = 0
    impact: int = 0
    fees: int = 0
    tips: int = 0
    rent: int = 0
    failures: int = 0
    closed: bool = False

    @property
    def price(self) -> int:
        """What is left once all costs are added back."""
        return self.profit + self.timing + self.impact + self.fees + self.tips + self.rent + self.failures


class Step(msgspec.Struct, frozen=True):
    part: str
    lamports: int
    round_trips: int
    """Of how many round trips it is."""


class Waterfall(msgspec.Struct, frozen=True):
    """From `theirs` to `ours`: theirs plus all steps is ours, exactly."""

    theirs_lamports: int
    ours_lamports: int
    steps: tuple[Step, ...]
    missed: tuple[tuple[str, str, str], ...]
    """(trade id, symbol, why we did not make it, as far as our journal says)."""


def accounts(entries: Iterable[Entry]) -> tuple[dict[str, Account], dict[str, str]]:
    """(round trips by id, refusals by id) of a journal."""
    intents: dict[str, TradeIntent] = {}
    plans: dict[str, LegPlanned] = {}
    found: dict[str, Account] = {}
    refused: dict[str, str] = {}
    for entry in entries:
        match entry.fact:
            case IntentEmitted(intent) if intent.side is not Side.SWAP:
                # a swap is the rebalancer's, and no strategy's profit
                intents[intent.id] = intent
            case LegPlanned(leg):
                plans[leg.leg_id] = entry.fact
            case IntentRefused(_, trade_id, refusal):
                refused[trade_id] = str(refusal)
            case (
                SignalRefused(signal_id=str(signal_id), refusal=refusal)
                | SignalDropped(signal_id=signal_id, refusal=refusal)
            ):
                refused[signal_id] = str(refusal)
            case LegLanded(leg) if leg.intent_id in intents:
                account = _account(found, intents[leg.intent_id])
                _land(account, entry.fact, plans.get(leg.leg_id))
            case LegReverted(leg, lamports_delta=lamports) if leg.intent_id in intents:
                account = _account(found, intents[leg.intent_id])
                account.failures -= lamports
                account.profit += lamports
            case TradeMoved(trade_id, after=TradeState.CLOSED) if trade_id in found:
                found[trade_id].closed = True
            case _:
                pass
    return found, refused


def _account(found: dict[str, Account], intent: TradeIntent) -> Account:
    account = found.get(intent.trade_id)
    if account is None:
        account = found[intent.trade_id] = Account(intent.trade_id, intent.symbol or intent.mint)
    return account


def _land(account: Account, landed: LegLanded, plan: LegPlanned | None) -> None:
    fill = landed.fill
    account.profit += fill.lamports_delta
    account.fees += fill.fee_lamports
    account.tips += fill.tip_lamports
    account.rent += fill.rent_lamports
    if plan is None:
        return  # a journal that begins in the middle: it counts as price
    if fill.side is Side.BUY:
        lamports = fill.swap_lamports
        short = mul_div_floor(plan.expected_out - fill.token_delta, lamports, max(plan.expected_out, 1))
    else:
        lamports = plan.expected_out
        short = plan.expected_out - fill.swap_lamports
    account.timing += short
    account.impact += mul_div_floor(lamports, plan.price_impact_bps, BPS)


def waterfall(ours: Iterable[Entry], theirs: Iterable[Entry]) -> Waterfall:
    """What leads from their profit to ours, over closed round trips. Both are read to the end."""
    mine, refused = accounts(ours)
    others, _ = accounts(theirs)
    sums: dict[str, list[int]] = {part: [] for part in PARTS}
    missed = []
    for trade_id in sorted(mine.keys() | others.keys()):
        one, other = mine.get(trade_id), others.get(trade_id)
        if one is None and other is not None:
            if other.closed:
                sums["missed"].append(-other.profit)
                missed.append((trade_id, other.symbol, refused.get(trade_id, "no word of it")))
        elif other is None and one is not None:
            if one.closed:
                sums["extra"].append(one.profit)
        elif one is not None and other is not None:
            _compare(one, other, sums)
    return Waterfall(
        theirs_lamports=sum(account.profit for account in others.values() if account.closed),
        ours_lamports=sum(account.profit for account in mine.values() if account.closed),
        steps=tuple(
            Step(part, sum(values), sum(value != 0 for value in values)) for part, values in sums.items()
        ),
        missed=tuple(missed),
    )


def _compare(one: Account, other: Account, sums: dict[str, list[int]]) -> None:
    if one.closed and other.closed:
        sums["price"].append(one.price - other.price)
        for part in ("timing", "impact", "fees", "tips", "rent", "failures"):
            sums[part].append(getattr(other, part) - getattr(one, part))
    elif one.closed:
        sums["open"].append(one.profit)
    elif other.closed:
        sums["open"].append(-other.profit)
