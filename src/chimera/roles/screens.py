"""Markets, tokens and strategies as people look at them, read from what the planes remember. Changes nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from chimera.domain.ids import USDC, WSOL, Address
from chimera.domain.intent import Style
from chimera.domain.pool import QuoteRequest, SwapKind
from chimera.domain.risk import Refusal
from chimera.engine import Engine
from chimera.execution.books import Books
from chimera.market.view import MarketView, Pool
from chimera.ports.runtime import Clock
from chimera.ports.screens import PoolSeen, StrategySeen, TokenSeen
from chimera.ports.store import Page
from chimera.risk.checks import RiskLimits
from chimera.risk.token_safety import review_token

LAMPORTS = 10**9


class HouseScreens:
    """`ports.screens.Screens`."""

    def __init__(
        self,
        *,
        view: MarketView,
        books: Books,
        engine: Engine,
        strategies: Iterable[str],
        params: Callable[[], Mapping[str, Mapping[str, Any]]],
        limits: Callable[[], RiskLimits],
        symbol_of: Callable[[Address], str],
        clock: Clock,
    ) -> None:
        self._view, self._books, self._engine = view, books, engine
        self._running, self._params, self._limits = frozenset(strategies), params, limits
        self._symbol_of, self._clock = symbol_of, clock

    def pools(
        self, *, venue: str | None, mint: str | None, doubtful: bool | None, limit: int, offset: int
    ) -> Page[PoolSeen]:
        found = [
            pool for pool in self._matching(venue, mint) if doubtful in (None, self._doubt(pool) is not None)
        ]
        return Page(tuple(self._pool(pool) for pool in islice(found, offset, offset + limit)), len(found))

    def token(self, mint: str) -> TokenSeen | None:
        address = Address(mint)
        info = self._view.mints.get(address)
        if info is None:
            return None
        liquidity = self._view.liquidity_micro_usd(address)
        limits = self._limits().tokens
        price = self._view.value_lamports(address, 10**info.decimals)
        report = self._books.reports.latest(address)
        probe = None
        if report is not None:
            probe = {
                "at_ms": report.at_ms,
                "slot": report.slot,
                "probe_lamports": str(report.probe_lamports),
                "returned_lamports": str(report.returned_lamports),
                "refusal": None if report.refusal is None else str(report.refusal),
                "fresh": self._books.reports.fresh(address, self._clock.now_ms()) is not None,
            }
        return TokenSeen(
            mint=mint,
            symbol=self._symbol_of(address),
            program=info.program,
            decimals=info.decimals,
            supply=str(info.supply),
            mint_authority=info.mint_authority,
            freeze_authority=info.freeze_authority,
            transfer_fee_bps=info.transfer_fee_bps,
            extensions=info.extensions,
            liquidity_usd_micro=_text(liquidity),
            price_lamports=_text(price),
            pools=len(self._view.pools_of(address)),
            shield_refusal=_told(review_token(Style.SHIELD, info, liquidity, limits)),
            spear_refusal=_told(review_token(Style.SPEAR, info, liquidity, limits)),
            probe=probe,
            own_name=info.own_name,
            own_symbol=info.own_symbol,
        )

    def strategies(self) -> tuple[StrategySeen, ...]:
        paused = self._limits().paused
        return tuple(
            StrategySeen(
                name=name,
                running=name in self._running,
                paused=name in paused,
                failed=self._engine.parked.get(name),
                params=dict(params),
            )
            for name, params in self._params().items()
        )

    def _matching(self, venue: str | None, mint: str | None) -> Iterator[Pool]:
        for pool in self._view.pools.values():
            header = pool.header
            if venue in (None, header.venue) and mint in (None, header.mint_a, header.mint_b):
                yield pool

    def _pool(self, pool: Pool) -> PoolSeen:
        header = pool.header
        reserves = pool.venue.reserves(pool.state) if pool.complete else None
        return PoolSeen(
            address=header.address,
            venue=header.venue,
            mint_a=header.mint_a,
            mint_b=header.mint_b,
            symbol_a=self._symbol(header.mint_a),
            symbol_b=self._symbol(header.mint_b),
            decimals_a=self._decimals(header.mint_a),
            decimals_b=self._decimals(header.mint_b),
            reserve_a=_text(reserves[0] if reserves else None),
            reserve_b=_text(reserves[1] if reserves else None),
            price=_text(self._price(pool)),
            liquidity_usd_micro=_text(self._liquidity(pool, reserves)),
            slot=pool.slot,
            age_slots=max(0, self._view.slot - pool.slot),
            complete=pool.complete,
            doubt=self._doubt(pool),
            own_symbol_a=self._own_symbol(header.mint_a),
            own_symbol_b=self._own_symbol(header.mint_b),
        )

    def _doubt(self, pool: Pool) -> str | None:
        """Why nothing is bought in it, or None."""
        return pool.doubtful or self._books.exclusions.why(pool.header.address, self._clock.now_ms())

    def _price(self, pool: Pool) -> int | None:
        decimals = self._decimals(pool.header.mint_a)
        if decimals is None:
            return None
        wanted = QuoteRequest(pool.header.mint_a, SwapKind.EXACT_IN, 10**decimals)
        quoted = pool.quote(wanted, self._view.moment())
        return None if isinstance(quoted, Refusal) else quoted.amount_out

    def _liquidity(self, pool: Pool, reserves: tuple[int, int] | None) -> int | None:
        """Micro-USD, rounded down; None where neither side has a price."""
        if reserves is None:
            return None
        sides = {pool.header.mint_a: reserves[0], pool.header.mint_b: reserves[1]}
        if USDC in sides:
            return 2 * sides[USDC]
        price = self._view.sol_micro_usd()
        return 2 * sides[WSOL] * price // LAMPORTS if WSOL in sides and price is not None else None

    def _decimals(self, mint: Address) -> int | None:
        info = self._view.mints.get(mint)
        return 9 if mint == WSOL else 6 if mint == USDC else info.decimals if info else None

    def _own_symbol(self, mint: Address) -> str:
        """A stranger's word, only where the settings have none."""
        info = self._view.mints.get(mint)
        return "" if info is None or self._symbol(mint) else info.own_symbol

    def _symbol(self, mint: Address) -> str:
        return {WSOL: "SOL", USDC: "USDC"}.get(mint) or self._symbol_of(mint)


def _told(refusal: Refusal | None) -> str | None:
    return None if refusal is None else str(refusal)


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
