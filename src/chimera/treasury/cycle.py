"""What one cycle of the rebalancer comes to: swaps towards a trusted trader's holdings, or why there are none.

Decisions only: it is given the ranking, what the books and the chain say, and what holdings are worth. Must not know
how a ranking is got, nor whether a swap is only proposed or also done.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from chimera.domain.allocation import Holding, Profile, ProposedSwap, RankedTrader, Ranking
from chimera.domain.ids import WSOL, Address
from chimera.treasury.rebalance import RebalanceRules, proposed, without_sol
from chimera.treasury.trust import THRESHOLDS, chosen

AHEAD_MS_MAX = 60_000  # clocks differ

Worth = Callable[[Address, int], "int | None"]
"""Micro-dollars that an amount of a mint would fetch; None: nobody knows."""


class Picture(msgspec.Struct, frozen=True):
    """What is held, and what somebody holds that is followed."""

    trader: RankedTrader
    holdings: tuple[Holding, ...]
    target_bps: dict[Address, int]
    """Without SOL; the rest is dollars."""


class Waits(msgspec.Struct, frozen=True):
    """Nothing is to be done now."""

    code: str
    detail: str
    picture: Picture | None = None
    """Where it came to one."""


class Swaps(msgspec.Struct, frozen=True):
    """What would bring the wallet nearer, the largest first; never empty."""

    picture: Picture
    swaps: tuple[ProposedSwap, ...]


def followed(ranking: Ranking, profile: Profile, *, now_ms: int, ranking_ms_max: int) -> RankedTrader | Waits:
    """Whom to follow, if anybody."""
    age_ms = now_ms - ranking.at_ms
    if not -AHEAD_MS_MAX <= age_ms <= ranking_ms_max:
        told = f"worked out {age_ms // 1_000} s ago, at most {ranking_ms_max // 1_000}"
        return Waits("ranking_stale", told)
    trader = chosen(ranking, profile)
    if trader is None:
        best = max((one.trust for one in ranking.traders), default=0)
        least = THRESHOLDS[profile]
        told = f"the best of {len(ranking.traders)} has {best / 100:g}, above {least / 100:g} wanted"
        return Waits("nobody_trusted", told)
    if without_sol(trader.weights_bps) is None:
        return Waits("all_in_sol", f"{trader.trader} holds nothing but SOL, which is left alone here")
    return trader


def decide(
    trader: RankedTrader,
    *,
    booked: Mapping[Address, int],
    on_chain: Mapping[Address, int],
    free: Callable[[Address], int],
    worth: Worth,
    rules: RebalanceRules,
    wallet: Address,
    now_ms: int,
) -> Swaps | Waits:
    """The swaps towards what `trader` holds. `booked` and `on_chain` are the wallet's tokens by mint.

    The books are what is traded by; a chain that has less of a mint than they say is a reason to wait: a node that
    lags, or something that nobody has booked yet. What it has beyond them is not ours to trade before it is booked.
    """
    held = [mint for mint in sorted(booked) if mint != WSOL and free(mint) > 0]
    for mint in held:
        if on_chain.get(mint, 0) >= booked[mint]:
            continue
        told = f"{booked[mint]} of {mint} by the books, {on_chain.get(mint, 0)} on the chain"
        return Waits("books_differ", told)
    target = without_sol(trader.weights_bps) or {}
    known, unknown = _valued(held, free, worth)
    if wanted := sorted(set(unknown) & set(target)):
        return Waits("worth_unknown", f"nobody knows what {wanted[0]} is worth")
    swaps = proposed(known, target, rules, wallet=wallet, now_ms=now_ms)
    picture = Picture(trader, tuple(known), target)
    if swaps:
        return Swaps(picture, swaps)
    told = f"{len(known)} holding{'s are' if len(known) != 1 else ' is'} where {trader.trader} has them"
    return Waits("within_band", told + _left_out(unknown), picture)


def _valued(
    held: Sequence[Address], free: Callable[[Address], int], worth: Worth
) -> tuple[list[Holding], list[Address]]:
    """(what is held of no round trip, with its worth; mints whose worth nobody knows).

    Whoever sends us something worthless must not be able to stop a cycle, so what cannot be valued and is not wanted
    either is left out. The whole is smaller by it, and so every share of it: nothing is bought beyond its target.
    """
    known, unknown = [], []
    for mint in held:
        amount = free(mint)
        micro_usd = worth(mint, amount)
        if micro_usd is None:
            unknown.append(mint)
        else:
            known.append(Holding(mint, amount, micro_usd))
    return known, unknown


def _left_out(unknown: Sequence[Address]) -> str:
    return f"; left out, since nobody knows their worth: {len(unknown)}" if unknown else ""
