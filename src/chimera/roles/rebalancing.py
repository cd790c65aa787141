"""Asks a quantitative engine on a schedule what to hold, reads what the wallet holds, and has the swaps made.

Each swap is a decision in the journal, by its key once, over restarts too. By itself it leaves it at that (SHADOW);
where settings let it trade, each is also an intent to the desk, whose gate has the last word. No cycle begins while a
swap of the last one has no end yet. Holds no rule: `treasury` has them.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from chimera.domain.allocation import Profile, ProposedSwap, RankedTrader
from chimera.domain.errors import OutsideError
from chimera.domain.ids import USDC, Address, IntentId, TradeId, derived_id
from chimera.domain.intent import Origin, Side, Style, TradeIntent
from chimera.domain.messages import Entry, IntentEmitted, StrategyDecided
from chimera.domain.units import MICRO_USD, mul_div_floor
from chimera.observe import Observer
from chimera.onchain.layouts import is_token_account, read_token_account
from chimera.portfolio import Ledger
from chimera.ports.chain import Chain
from chimera.ports.runtime import Clock
from chimera.ports.services import QuantEngine
from chimera.ports.store import Journal
from chimera.treasury.cycle import Picture, Waits, decide, followed
from chimera.treasury.rebalance import RebalanceRules

NAME = "rebalancer"
SWAP = "swap"
CYCLE = "cycle"
SHADOW, TRADE = "SHADOW", "TRADE"
KEYS_MAX = 10_000  # a month of full cycles; keys name their five minutes, so old ones never return
LAMPORTS = 10**9


class Worths(msgspec.Struct, frozen=True):
    """How holdings are valued."""

    lamports_of: Callable[[Address, int], int | None]
    """Of (mint, amount): what it would fetch."""
    sol_micro_usd: Callable[[], int | None]


class Trading(msgspec.Struct, frozen=True):
    """How swaps are asked for."""

    submit: Callable[[TradeIntent], None]
    slippage_bps_max: int
    ttl_ms: int
    token_program_of: Callable[[Address], Address | None]


class RebalancingRole:
    def __init__(
        self,
        *,
        engine: QuantEngine,
        chain: Chain,
        wallet: Address,
        ledger: Ledger,
        worths: Worths,
        symbol_of: Callable[[Address], str],
        trading: Trading | None,
        rules: RebalanceRules,
        profile: Profile,
        cycle_s: int,
        run_s_max: int,
        ranking_s_max: int,
        journal: Journal,
        clock: Clock,
        observer: Observer,
    ) -> None:
        """`trading`: None where swaps are only proposed."""
        self._engine, self._chain, self._wallet, self._ledger = engine, chain, wallet, ledger
        self._worths, self._trading, self._rules, self._profile = worths, trading, rules, profile
        self._symbol_of = symbol_of
        self._cycle_s, self._run_s_max, self._ranking_ms_max = cycle_s, run_s_max, ranking_s_max * 1_000
        self._journal, self._clock, self._observer = journal, clock, observer
        self._keys: OrderedDict[str, None] = OrderedDict()
        self._asked: dict[IntentId, int] = {}
        """Intents of ours that may have no outcome yet, and when they are too late for one."""

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
            case IntentEmitted(intent) if intent.source == NAME:
                self._asked[intent.id] = intent.created_at_ms + intent.ttl_ms
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
        if unfinished := self._unfinished():
            return self._waits("under_way", f"{unfinished} swaps of a former cycle have no end yet")
        ranking = await self._engine.ranking()
        now = self._clock.now_ms()
        trader = followed(ranking, self._profile, now_ms=now, ranking_ms_max=self._ranking_ms_max)
        if isinstance(trader, Waits):
            return self._waits(trader.code, trader.detail)
        on_chain = await self.holdings()
        decided = decide(
            trader,
            booked=self._ledger.tokens,
            on_chain=on_chain,
            free=self._ledger.free_tokens,
            worth=self._micro_usd,
            rules=self._rules,
            wallet=self._wallet,
            now_ms=now,
        )
        if isinstance(decided, Waits):
            return self._waits(decided.code, decided.detail, decided.picture)
        new = tuple(swap for swap in decided.swaps if swap.key not in self._keys)
        if not new:
            return self._waits("asked_already", "every swap of it was asked for in these five minutes")
        self._tell(decided.picture, new)
        for swap in new:
            self._ask(swap, decided.picture.trader, now)
        return new

    async def holdings(self) -> Mapping[Address, int]:
        """What the chain says that the wallet's token accounts hold, by mint. Raises OutsideError."""
        _, accounts = await self._chain.token_accounts(self._wallet)
        amounts: dict[Address, int] = {}
        for account in accounts:
            if is_token_account(account):
                held = read_token_account(account)
                amounts[held.mint] = amounts.get(held.mint, 0) + held.amount
        return amounts

    def _unfinished(self) -> int:
        """Swaps of ours that may still happen; what was asked for and never heard of ends with its time."""
        now, ledger = self._clock.now_ms(), self._ledger
        under_way = {leg.ref.intent_id for leg in ledger.legs.values() if leg.side is Side.SWAP}
        self._asked = {
            intent_id: until
            for intent_id, until in self._asked.items()
            if intent_id not in ledger.outcome_of and now < until
        }
        return len(under_way | self._asked.keys())

    def _micro_usd(self, mint: Address, amount: int) -> int | None:
        if mint == USDC:
            return amount  # of six decimals
        lamports, price = self._worths.lamports_of(mint, amount), self._worths.sol_micro_usd()
        return None if lamports is None or price is None else mul_div_floor(lamports, price, LAMPORTS)

    def _ask(self, swap: ProposedSwap, trader: RankedTrader, now_ms: int) -> None:
        """On record first, by its key: whatever happens then, this swap is not asked for again."""
        paid, got = self._name(swap.input_mint), self._name(swap.output_mint)
        detail = f"{swap.micro_usd / MICRO_USD:.2f} USD of {paid} into {got}, which {trader.trader} holds"
        figures: dict[str, Any] = {
            "key": swap.key, "input_mint": swap.input_mint, "output_mint": swap.output_mint,
            "amount": str(swap.amount), "micro_usd": str(swap.micro_usd), "trader": trader.trader,
            "trust": trader.trust,
        }  # fmt: skip
        if self._trading is None:
            self._decided(swap.output_mint, SHADOW, SWAP, detail, figures)
            return
        intent = self._intent(swap, self._trading, f"rebalances {detail}", now_ms)
        self._decided(swap.output_mint, TRADE, SWAP, detail, {**figures, "intent_id": intent.id})
        self._asked[intent.id] = now_ms + intent.ttl_ms
        self._trading.submit(intent)

    def _intent(self, swap: ProposedSwap, trading: Trading, reason: str, now_ms: int) -> TradeIntent:
        name = derived_id(NAME, swap.key)
        return TradeIntent(
            id=IntentId(name),
            trade_id=TradeId(name),
            signal_id=None,
            source=NAME,
            origin=Origin.STRATEGY_A,
            style=Style.SHIELD,
            side=Side.SWAP,
            mint=swap.output_mint,
            symbol=self._symbol_of(swap.output_mint),
            amount=swap.amount,
            slippage_bps_max=trading.slippage_bps_max,
            created_at_ms=now_ms,
            ttl_ms=trading.ttl_ms,
            reason=reason,
            token_program=trading.token_program_of(swap.output_mint),
            pay_mint=swap.input_mint,
        )

    def _name(self, mint: Address) -> str:
        return "USDC" if mint == USDC else self._symbol_of(mint) or mint

    def _tell(self, picture: Picture, new: tuple[ProposedSwap, ...]) -> None:
        """The whole picture, once, and which swaps that makes."""
        verdict = SHADOW if self._trading is None else TRADE
        told = f"{len(new)} swap{'s' * (len(new) != 1)} towards what {picture.trader.trader} holds"
        self._decided(USDC, verdict, CYCLE, told, {**_figures(picture), "swaps": [swap.key for swap in new]})

    def _waits(self, code: str, detail: str, picture: Picture | None = None) -> tuple[ProposedSwap, ...]:
        self._decided(USDC, "WAIT", code, detail, {} if picture is None else _figures(picture))
        return ()

    def _decided(self, mint: Address, verdict: str, code: str, detail: str, data: dict[str, Any]) -> None:
        self._journal.append(StrategyDecided(NAME, mint, verdict, code, detail, data=data))


def _figures(picture: Picture) -> dict[str, Any]:
    held = {
        one.mint: {"amount": str(one.amount), "micro_usd": str(one.micro_usd)} for one in picture.holdings
    }
    return {
        "trader": picture.trader.trader,
        "trust": picture.trader.trust,
        "held": held,
        "target_bps": dict(picture.target_bps),
    }
