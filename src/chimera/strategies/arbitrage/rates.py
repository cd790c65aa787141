"""Which circles may pay: what a little of one mint buys of another, pool by pool, kept up with every change.

Floats, which only suggest: a circle is exact only once its pools have quoted it whole. A change of one pool asks that
pool twice and looks at the circles through it, and at nothing else. The best pool of each pair is kept, so that a
circle is two or three multiplications, and only one that reaches its bound becomes an object.
"""

import msgspec

from chimera.domain.ids import USDC, WSOL, Address
from chimera.domain.pool import Moment, QuoteRequest, SwapKind
from chimera.domain.risk import Refusal
from chimera.ports.strategy import Listing

BETWEEN_MAX = 64  # mints tried for the middle of a circle over three pools
DRIFT = 2  # a probe worth twice or half of what it was is measured anew


class Circle(msgspec.Struct, frozen=True):
    """SOL through these pools in order and back to SOL."""

    pools: tuple[Address, ...]
    mints: tuple[Address, ...]
    """Between them; one fewer than pools."""
    rate: float
    """SOL out for one SOL in, at the probe's size."""

    @property
    def token(self) -> Address:
        """What it is about: dollars are a bridge, unless there is nothing else."""
        return next((mint for mint in self.mints if mint != USDC), self.mints[0])


class Pair:
    """What pools give of one mint for one unit of another, at the probe's size, fees paid."""

    __slots__ = ("best", "pool", "rates")

    def __init__(self) -> None:
        self.rates: dict[Address, float] = {}
        """Of those that give something."""
        self.best = 0.0
        self.pool = Address("")
        """The one that gives most; of equals the one whose address is the greater."""

    def put(self, pool: Address, rate: float) -> None:
        """The pool's new rate; 0 where it gives nothing."""
        if rate > 0:
            self.rates[pool] = rate
            if rate > self.best:
                self.best, self.pool = rate, pool
                return
        elif self.rates.pop(pool, None) is None:
            return
        if pool == self.pool or rate == self.best:
            self.best, self.pool = self.without(None)

    def without(self, pool: Address | None) -> tuple[float, Address]:
        """(rate, pool) of the best but this one; 0 where there is no other."""
        if pool != self.pool and pool is not None:
            return self.best, self.pool
        return max(
            ((rate, name) for name, rate in self.rates.items() if name != pool), default=(0.0, Address(""))
        )


class Rates:
    def __init__(self, probe_lamports: int) -> None:
        self._asks = {WSOL: QuoteRequest(WSOL, SwapKind.EXACT_IN, probe_lamports)}
        """What pools are asked: base units of each mint that are worth about the probe."""
        self._pairs: dict[Address, dict[Address, Pair]] = {}
        """By what goes in and what comes out."""
        self._unpriced: dict[Address, dict[Address, Listing]] = {}
        """Pools that could not be asked for want of a probe, by mint."""
        self._only: dict[Address, Listing | None] = {}
        """The one pool of a mint, as most mints have; None where there are more."""
        self._leads_on: set[Address] = set()
        """Pools that are no dead end at either side."""

    def update(self, pool: Listing, moment: Moment) -> None:
        """Asks a changed pool what it pays now; one in doubt, or that refuses, is forgotten.

        One that is all there is of a mint is not asked: whoever came in by it could not go on. Pools that waited,
        for another one or for the probe of a mint, are asked as soon as there is one.
        """
        waiting = [pool] if pool.header.address in self._leads_on else self._joined(pool)
        while waiting:
            asked = waiting.pop()
            known = len(self._asks)
            self._ask(asked, moment)
            if len(self._asks) > known:
                for mint in (asked.header.mint_a, asked.header.mint_b):
                    waiting += self._unpriced.pop(mint, {}).values()

    def _joined(self, pool: Listing) -> list[Listing]:
        """Pools that lead on since this one is there, it among them if it does; nothing while it is a dead end."""
        header, only = pool.header, self._only
        met = [pool]
        for mint in (header.mint_a, header.mint_b):
            known = None if mint == WSOL else only.setdefault(mint, pool)
            if known is not None and known.header.address != header.address:
                only[mint] = None
                met.append(known)
        led = [
            one for one in met if only.get(one.header.mint_a) is None and only.get(one.header.mint_b) is None
        ]
        self._leads_on.update(one.header.address for one in led)
        return led

    def circles(self, pool: Listing, *, short: float = 0.0, long: float = 0.0) -> list[Circle]:
        """Circles through a pool that was told of, paying `short` or more over two pools, `long` over three.

        Of each shape and each mint between only the best one.
        """
        header = pool.header
        found: list[Circle] = []
        address, one, other = header.address, header.mint_a, header.mint_b
        if address not in self._leads_on:
            return found
        if one == WSOL:
            self._through_home(address, other, short, long, found)
        elif other == WSOL:
            self._through_home(address, one, short, long, found)
        else:
            self._within(address, one, other, long, found)
            self._within(address, other, one, long, found)
        return found

    def _through_home(
        self, address: Address, token: Address, short: float, long: float, found: list[Circle]
    ) -> None:
        """Circles that leave SOL or come back to it through this pool."""
        pairs = self._pairs
        leaving, homeward = pairs[WSOL][token], pairs[token][WSOL]
        out, home = leaving.rates.get(address, 0.0), homeward.rates.get(address, 0.0)
        if out:
            rate, back = homeward.without(address)
            if rate and (rate := out * rate) >= short:
                found.append(Circle((address, back), (token,), rate))
        if home:
            rate, there = leaving.without(address)
            if rate and (rate := rate * home) >= short:
                found.append(Circle((there, address), (token,), rate))
        others = pairs[token]
        if len(others) < 2:  # traded against SOL alone, as most are
            return
        tried = 0
        for between, onward in others.items():
            if between == WSOL:
                continue
            if out and onward.best:
                back_home = pairs[between].get(WSOL)
                if back_home is not None and back_home.best:
                    rate = out * onward.best * back_home.best
                    if rate >= long:
                        found.append(Circle((address, onward.pool, back_home.pool), (token, between), rate))
            if home:
                there_first, on = pairs[WSOL].get(between), pairs[between].get(token)
                if there_first is not None and there_first.best and on is not None and on.best:
                    rate = there_first.best * on.best * home
                    if rate >= long:
                        found.append(Circle((there_first.pool, on.pool, address), (between, token), rate))
            tried += 1
            if tried == BETWEEN_MAX:
                return

    def _within(
        self, address: Address, source: Address, target: Address, long: float, found: list[Circle]
    ) -> None:
        """The circle whose second step is this pool, in this direction."""
        pairs = self._pairs
        out, on, home = pairs[WSOL].get(source), pairs[source][target], pairs[target].get(WSOL)
        if out is None or home is None or not out.best or not home.best:
            return
        rate = on.rates.get(address)
        if rate is not None and (rate := out.best * rate * home.best) >= long:
            found.append(Circle((out.pool, address, home.pool), (source, target), rate))

    def _ask(self, pool: Listing, moment: Moment) -> None:
        header = pool.header
        # wSOL's side first, so that the other side's probe is known for the way back
        one, other = header.mint_a, header.mint_b
        if other == WSOL or (one not in self._asks and other in self._asks):
            one, other = other, one
        try:
            there, back = self._pairs[one][other], self._pairs[other][one]
        except KeyError:
            there = self._pairs.setdefault(one, {}).setdefault(other, Pair())
            back = self._pairs.setdefault(other, {}).setdefault(one, Pair())
            self._pairs.setdefault(WSOL, {})
        if pool.doubtful is not None:
            there.put(header.address, 0.0)
            back.put(header.address, 0.0)
            return
        there.put(header.address, self._rate(pool, one, other, moment))
        back.put(header.address, self._rate(pool, other, one, moment))

    def _rate(self, pool: Listing, source: Address, target: Address, moment: Moment) -> float:
        ask = self._asks.get(source)
        if ask is None:
            self._unpriced.setdefault(source, {})[pool.header.address] = pool
            return 0.0
        quote = pool.quote(ask, moment)
        if isinstance(quote, Refusal):
            return 0.0
        out, known = quote.amount_out, self._asks.get(target)
        if known is None or (source == WSOL and not known.amount // DRIFT <= out <= known.amount * DRIFT):
            self._asks[target] = QuoteRequest(target, SwapKind.EXACT_IN, out)
        return out / ask.amount
