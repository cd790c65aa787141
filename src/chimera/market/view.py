"""The market as it is now: every pool of every venue, folded from account updates, ready to be quoted.

Must not wait or ask: what it lacks it names in `wanted`, and somebody else fetches.
Partial updates never wipe what is known. A pool in doubt does not quote.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from chimera.domain.chain import Account, AccountUpdate
from chimera.domain.errors import DecodeError
from chimera.domain.ids import USDC, WSOL, Address, Slot
from chimera.domain.market import MarketEvent, PoolCreated, PoolUpdated, TokenMintInfo
from chimera.domain.pool import Moment, PoolHeader, Quote, QuoteRequest, SwapKind
from chimera.domain.risk import Reason, Refusal
from chimera.domain.token import TokenInfo
from chimera.domain.units import mul_div_floor
from chimera.onchain.layouts import is_mint, read_mint
from chimera.ports.venue import Venue

SLOTS_PER_EPOCH = 432_000  # mainnet's and LiteSVM's


class Pool:
    """One pool's current state, and who computes with it."""

    __slots__ = ("announced", "complete", "doubtful", "header", "slot", "state", "venue")

    def __init__(self, venue: Venue[object], state: object, slot: int) -> None:
        self.venue = venue
        self.header: PoolHeader = venue.header(state)
        self.become(state, slot)
        self.announced = False
        self.doubtful: str | None = None
        """Why it must not be bought from, or None."""

    def become(self, state: object, slot: int) -> None:
        """Takes a new state; whether it is complete is asked once, and read for every quote."""
        self.state, self.slot = state, slot
        self.complete = not self.venue.missing(state)

    def quote(self, request: QuoteRequest, moment: Moment) -> Quote | Refusal:
        if not self.complete:
            missing = self.venue.missing(self.state)
            return Refusal(
                Reason.QUOTE_UNAVAILABLE, observed=f"{self.header.address} lacks {', '.join(missing)}"
            )
        return self.venue.quote(self.state, request, moment)


class MarketView:
    """Folds account updates into pools and mints; answers quotes from memory."""

    def __init__(self, venues: Mapping[str, Venue[object]]) -> None:
        self.venues = venues
        self.pools: dict[Address, Pool] = {}
        self.mints: dict[Address, TokenInfo] = {}
        self.slot: Slot = Slot(0)
        self.slot_at_ms = 0
        self.unix_timestamp = 0
        self.undecodable = 0
        self._watchers: dict[Address, list[tuple[Pool, str]]] = defaultdict(list)
        self._by_mint: dict[Address, list[Pool]] = defaultdict(list)
        self._known: set[Address] = set()
        self._wanted: set[Address] = set()

    # folding

    def see_slot(self, slot: Slot, at_ms: int) -> None:
        self.slot, self.slot_at_ms = slot, at_ms
        self.unix_timestamp = at_ms // 1000

    def apply(self, update: AccountUpdate, at_ms: int) -> list[MarketEvent]:
        """What the update means to strategies: nothing, a new pool, new reserves, a mint.

        An account that cannot be read is counted, puts the pool in doubt and changes nothing else.
        """
        account = update.account
        self._known.add(account.address)
        self._wanted.discard(account.address)
        events: list[MarketEvent] = []
        if account.address not in self.pools:
            self._discover(account, update.slot)
        if is_mint(account):
            events += self._mint(account, update.slot, at_ms)
        for pool, role in self._watchers.get(account.address, ()):
            events += self._fold(pool, role, account, update.slot, at_ms)
        return events

    def doubt_since(self, slot: int, why: str) -> list[Address]:
        """Marks pools that were written at or after `slot`; returns the accounts to read again."""
        suspects = [pool for pool in self.pools.values() if pool.slot >= slot]
        accounts: list[Address] = []
        for pool in suspects:
            pool.doubtful = why
            accounts += self.venues[pool.header.venue].roles(pool.state).values()
        return list(dict.fromkeys(accounts))

    def reread(self, accounts: Iterable[Account], slot: Slot, at_ms: int) -> list[MarketEvent]:
        """Builds doubtful pools anew from accounts read by RPC, and lifts the doubt.

        Anew, since after a fork the truth may be older than what was known. A pool of which an account is
        missing or cannot be read stays in doubt.
        """
        found = {account.address: account for account in accounts}
        events: list[MarketEvent] = []
        for pool in [pool for pool in self.pools.values() if pool.doubtful is not None]:
            roles = pool.venue.roles(pool.state)
            if not found.keys() >= set(roles.values()):
                continue
            try:
                state = pool.venue.decode(found[pool.header.address], slot=slot)
                for role, address in roles.items():
                    state = pool.venue.apply(state, role, found[address], slot=slot)
            except DecodeError:
                self.undecodable += 1
                continue
            pool.become(state, slot)
            pool.doubtful = None
            events += self._announce(pool, slot, at_ms)
        return events

    @property
    def wanted(self) -> set[Address]:
        """Accounts that pools need and that nobody has delivered yet."""
        return self._wanted

    @property
    def addresses(self) -> set[Address]:
        """Every account that must be watched by name, beside what the venues' filters bring."""
        return set(self._watchers)

    def _discover(self, account: Account, slot: int) -> None:
        for venue in self.venues.values():
            if not venue.recognise(account):
                continue
            try:
                pool = Pool(venue, venue.decode(account, slot=slot), slot)
            except DecodeError:
                self.undecodable += 1
                return
            self.pools[account.address] = pool
            self._by_mint[pool.header.mint_a].append(pool)
            self._by_mint[pool.header.mint_b].append(pool)
            for role, address in venue.roles(pool.state).items():
                self._watchers[address].append((pool, role))
                if address != account.address:
                    self._wanted.add(address)
            return

    def _mint(self, account: Account, slot: Slot, at_ms: int) -> list[MarketEvent]:
        try:
            token = read_mint(account, slot=slot)
        except DecodeError:
            self.undecodable += 1
            return []
        self.mints[token.mint] = token
        return [TokenMintInfo(token, at_ms)]

    def _fold(self, pool: Pool, role: str, account: Account, slot: Slot, at_ms: int) -> list[MarketEvent]:
        try:
            state = pool.venue.apply(pool.state, role, account, slot=slot)
        except DecodeError as error:
            self.undecodable += 1
            pool.doubtful = f"{role} cannot be read: {error}"
            return []
        if state is pool.state:
            return []
        pool.become(state, max(pool.slot, slot))
        return self._announce(pool, slot, at_ms)

    def _announce(self, pool: Pool, slot: Slot, at_ms: int) -> list[MarketEvent]:
        reserves = pool.venue.reserves(pool.state)
        if reserves is None or not pool.complete:
            return []
        updated = PoolUpdated(pool.header, *reserves, slot, at_ms)
        if pool.announced:
            return [updated]
        pool.announced = True
        return [PoolCreated(pool.header, slot, at_ms), updated]

    # reading

    def moment(self) -> Moment:
        return Moment(unix_timestamp=self.unix_timestamp, slot=self.slot, epoch=self.slot // SLOTS_PER_EPOCH)

    def pools_of(self, mint: Address) -> list[Pool]:
        """Complete pools that trade `mint`."""
        return [pool for pool in self._by_mint.get(mint, ()) if pool.complete]

    def token_program(self, mint: Address) -> Address | None:
        token = self.mints.get(mint)
        return token.program if token is not None else None

    def sol_micro_usd(self) -> int | None:
        """What a SOL costs, from the deepest wSOL/USDC pool; None while there is none."""
        deepest, price = 0, None
        for pool in self.pools_of(WSOL):
            if USDC not in (pool.header.mint_a, pool.header.mint_b):
                continue
            sol, usdc = self._sides(pool, WSOL)
            if sol > deepest:
                deepest, price = sol, mul_div_floor(usdc, 10**9, sol)
        return price

    def liquidity_micro_usd(self, mint: Address) -> int | None:
        """Twice the SOL or USDC side of the deepest pool of `mint`; None where no price is known."""
        sol_price = self.sol_micro_usd()
        best: int | None = None
        for pool in self.pools_of(mint):
            ours, other = self._sides(pool, mint)
            other_mint = pool.header.mint_b if pool.header.mint_a == mint else pool.header.mint_a
            if not ours or not other:
                value: int | None = 0
            elif other_mint == USDC:
                value = 2 * other
            elif other_mint == WSOL and sol_price is not None:
                value = 2 * mul_div_floor(other, sol_price, 10**9)
            else:
                value = None
            if value is not None and (best is None or value > best):
                best = value
        return best

    def value_lamports(self, mint: Address, tokens: int) -> int | None:
        """What `tokens` would fetch in SOL now, by the best single pool or two through USDC; None if unknown."""
        if tokens <= 0:
            return 0
        moment = self.moment()
        best: int | None = None
        for pool in self.pools_of(mint):
            first = pool.quote(QuoteRequest(mint, SwapKind.EXACT_IN, tokens), moment)
            if isinstance(first, Refusal):
                continue
            out = self.worth_lamports(first.output_mint, first.amount_out)
            if out is not None and (best is None or out > best):
                best = out
        return best

    def worth_lamports(self, mint: Address, amount: int) -> int | None:
        """The mid price of an amount of wSOL or USDC in SOL, fees and impact apart; None for anything else."""
        if mint == WSOL:
            return amount
        price = self.sol_micro_usd()
        return mul_div_floor(amount, 10**9, price) if mint == USDC and price else None

    def _sides(self, pool: Pool, mint: Address) -> tuple[int, int]:
        reserves = pool.venue.reserves(pool.state) or (0, 0)
        return reserves if pool.header.mint_a == mint else (reserves[1], reserves[0])
