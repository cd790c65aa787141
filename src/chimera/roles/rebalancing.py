"""Asks a quantitative engine on a schedule what to hold, reads what the wallet holds, and leaves word of the swaps.

It proposes: each swap is a decision in the journal (SHADOW), by its key once, over restarts too. It asks for no
trade, since an intent spends SOL or sells a round trip's tokens, and these swaps do neither. Holds no rule:
`treasury` has them.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping

import msgspec

from chimera.domain.allocation import Holding, Profile, ProposedSwap, RankedTrader
from chimera.domain.errors import OutsideError
from chimera.domain.ids import USDC, WSOL, Address
from chimera.domain.messages import Entry, StrategyDecided
from chimera.domain.units import MICRO_USD, mul_div_floor
from chimera.observe import Observer
from chimera.onchain.layouts import is_token_account, read_token_account
from chimera.ports.chain import Chain
from chimera.ports.runtime import Clock
from chimera.ports.services import QuantEngine
from chimera.ports.store import Journal
from chimera.treasury.rebalance import RebalanceRules, proposed
from chimera.treasury.trust import THRESHOLDS, chosen

NAME = "rebalancer"
SWAP = "swap"
KEYS_MAX = 10_000  # a month of full cycles; keys name their five minutes, so old ones never return
LAMPORTS = 10**9
AHEAD_MS_MAX = 60_000  # clocks differ


class Worths(msgspec.Struct, frozen=True):
    """How holdings are valued."""

    lamports_of: Callable[[Address, int], int | None]
    """Of (mint, amount): what it would fetch."""
    sol_micro_usd: Callable[[], int | None]
    spoken_for: Callable[[], Mapping[Address, int]]
    """Tokens of open round trips, which are not the rebalancer's."""


class RebalancingRole:
    def __init__(
        self,
        *,
        engine: QuantEngine,
        chain: Chain,
        wallet: Address,
        worths: Worths,
        rules: RebalanceRules,
        profile: Profile,
        cycle_s: int,
        run_s_max: int,
        ranking_s_max: int,
        journal: Journal,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._engine, self._chain, self._wallet, self._worths = engine, chain, wallet, worths
        self._rules, self._profile = rules, profile
        self._cycle_s, self._run_s_max, self._ranking_ms_max = cycle_s, run_s_max, ranking_s_max * 1_000
        self._journal, self._clock, self._observer = journal, clock, observer
        self._keys: OrderedDict[str, None] = OrderedDict()

    def fold(self, entry: Entry) -> None:
        """In the journal's order, those of former runs included."""
        match entry.fact:
            case StrategyDecided(strategy=name, code=code, data={"key": str() as key}) if (name, code) == (
                NAME,
                SWAP,
            ):
                self._keys[key] = None
                if len(self._keys) > KEYS_MAX:
                    self._keys.popitem(last=False)
            case _:
                pass

    async def run(self) -> None:
        """A cycle at once and then every so often, until cancelled; one that takes too long is broken off."""
        while True:
            try:
                async with asyncio.timeout(self._run_s_max):
                    await self.cycle()
            except TimeoutError:
                self._waits("cycle_too_long", f"broken off after {self._run_s_max} s")
            except OutsideError as error:
                self._waits("unreachable", str(error))
                self._observer.rpc_failed(endpoint=error.who, method=NAME, error=str(error))
            await asyncio.sleep(self._cycle_s)

    async def cycle(self) -> tuple[ProposedSwap, ...]:
        """The swaps that are new in it. Raises OutsideError where engine or node do not answer well."""
        ranking = await self._engine.ranking()
        now = self._clock.now_ms()
        age_ms = now - ranking.at_ms
        if not -AHEAD_MS_MAX <= age_ms <= self._ranking_ms_max:
            self._waits(
                "ranking_stale",
                f"worked out {age_ms // 1_000} s ago, at most {self._ranking_ms_max // 1_000}",
            )
            return ()
        trader = chosen(ranking, self._profile)
        if trader is None:
            best = max((one.trust for one in ranking.traders), default=0)
            least = THRESHOLDS[self._profile]
            self._waits(
                "nobody_trusted",
                f"the best of {len(ranking.traders)} has {best / 100:g}, above {least / 100:g} wanted",
            )
            return ()
        try:
            holdings = await self.holdings()
            swaps = proposed(holdings, trader.weights_bps, self._rules, wallet=self._wallet, now_ms=now)
        except ValueError as error:
            self._waits("worth_unknown", str(error))
            return ()
        new = tuple(swap for swap in swaps if swap.key not in self._keys)
        for swap in new:
            self._propose(swap, trader)
        if not swaps:
            self._waits("within_band", f"{len(holdings)} holdings are where {trader.trader} has them")
        return new

    async def holdings(self) -> list[Holding]:
        """What the chain says that the wallet holds, without SOL and without open round trips. Raises OutsideError."""
        _, accounts = await self._chain.token_accounts(self._wallet)
        amounts: dict[Address, int] = {}
        for account in accounts:
            if is_token_account(account):
                held = read_token_account(account)
                amounts[held.mint] = amounts.get(held.mint, 0) + held.amount
        spoken_for = self._worths.spoken_for()
        free = {mint: amount - spoken_for.get(mint, 0) for mint, amount in amounts.items() if mint != WSOL}
        return [
            Holding(mint, amount, self._micro_usd(mint, amount))
            for mint, amount in sorted(free.items())
            if amount > 0
        ]

    def _micro_usd(self, mint: Address, amount: int) -> int | None:
        if mint == USDC:
            return amount  # of six decimals
        lamports, price = self._worths.lamports_of(mint, amount), self._worths.sol_micro_usd()
        return None if lamports is None or price is None else mul_div_floor(lamports, price, LAMPORTS)

    def _propose(self, swap: ProposedSwap, trader: RankedTrader) -> None:
        detail = (
            f"{swap.amount} of {swap.input_mint} into {swap.output_mint}, {swap.micro_usd / MICRO_USD:.2f} USD, "
            f"held by {trader.trader}"
        )
        figures = {
            "key": swap.key, "input_mint": swap.input_mint, "output_mint": swap.output_mint,
            "amount": str(swap.amount), "micro_usd": str(swap.micro_usd), "trader": trader.trader,
            "trust": trader.trust,
        }  # fmt: skip
        self._journal.append(StrategyDecided(NAME, swap.output_mint, "SHADOW", SWAP, detail, data=figures))

    def _waits(self, code: str, detail: str) -> None:
        self._journal.append(StrategyDecided(NAME, USDC, "WAIT", code, detail))
