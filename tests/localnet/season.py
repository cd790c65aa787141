"""Ten minutes of a world, played on its chain and looked at on the way; and what would be wrong with them."""

from collections import defaultdict

from chimera.localnet import markets
from chimera.localnet.coin_orders import Stand
from chimera.localnet.coins import SEASON_TICKS, Coin, Nature, coin_named, coins
from chimera.localnet.stage import coin_markets
from chimera.localnet.stepped import Played, SteppedWorld
from chimera.localnet.tokens import SECONDS
from chimera.localnet.traders import Role
from chimera.localnet.world_orders import Place, amount_in, place
from chimera.localnet.world_plan import Decision, Deed
from chimera.onchain.keys import associated_token_address

FEES = 0.015  # what buying here and selling there costs at most, as a part of the price
LOOK_EVERY = 10  # ticks between two looks at prices


class Season:
    """Ten minutes of a world: everything that was done, and prices on the way."""

    def __init__(self, seed: int) -> None:
        self.world = SteppedWorld(seed)
        self.done: list[Played] = []
        self.prices: dict[str, list[float]] = defaultdict(list)
        self.first_slot: dict[str, int] = {}
        """In which a coin was launched."""
        self.held_at_launch: dict[str, int] = {}
        """By its maker, when its first slot ended."""
        for tick in range(SEASON_TICKS):
            played = self.world.step()
            self.done += played
            for one in played:
                if one.decision.deed is Deed.LAUNCH and one.record is not None:
                    coin = self.coin(one.decision.symbol)
                    self.first_slot[coin.key] = one.record.slot
                    self.held_at_launch[coin.key] = self.held(coin.maker, coin)
            if tick % LOOK_EVERY == 0:
                self._look()

    def coin(self, key: str) -> Coin:
        found = coin_named(self.world.seed, key)
        assert found is not None
        return found

    def held(self, trader: str, coin: Coin) -> int:
        owner = self.world.stage.cast[trader].address
        account = associated_token_address(owner, coin.mint, coin.program)
        return amount_in(self.world.accounts([account]), account)

    def of(self, *natures: Nature) -> list[Coin]:
        return [coin for coin in coins(self.world.seed, 0) if coin.nature in natures]

    def gained(self, coin: Coin, role: Role) -> int:
        """Lamports that the role's traders have made with a coin, fees and rents included."""
        return sum(
            one.record.post_balances[0] - one.record.pre_balances[0]
            for one in self.done
            if one.record is not None
            and one.decision.symbol == coin.key
            and one.decision.trader.startswith(role)
        )

    def pool_price(self, coin: Coin) -> float | None:
        """On PumpSwap, quote for base; None before it has graduated."""
        return venue_price(self.world, coin_markets(coin, self.world.stage.cast[coin.maker])[0])

    def gaps(self, symbol: str) -> list[float]:
        """How far its two venues were apart, as a part of the price, at each look."""
        pairs = zip(self.prices[symbol], self.prices[f"{symbol} second"], strict=True)
        return [abs(there / here - 1) for here, there in pairs]

    def wrong(self) -> list[str]:
        """What a season must bring and this one did not."""
        found = []
        for coin in coins(self.world.seed, 0):
            nature, robbed = coin.nature, self.gained(coin, Role.CROWD) < 0
            over = coin.tick < SEASON_TICKS - 200  # its life has ended within the season
            if nature.trap and over and not robbed:
                found.append(f"{coin.key}, {nature}, took nobody's money")
            graduates = nature in (Nature.GRADUATING, Nature.CASHED_OUT)
            if coin.on_curve and graduates is not (self.pool_price(coin) is not None):
                found.append(f"{coin.key}, {nature}, {'did not graduate' if graduates else 'graduated'}")
        for trend in self.world.world.trends(SEASON_TICKS):
            if max(self.prices[trend.symbol]) < 1.4:
                found.append(f"{trend.symbol} rose to {max(self.prices[trend.symbol]):.2f} only")
        for second in SECONDS:
            apart = sum(gap > FEES for gap in self.gaps(second.symbol)) / len(self.gaps(second.symbol))
            if not 0.05 < apart < 0.95:
                found.append(f"the venues of {second.symbol} were apart for {apart:.0%} of the time")
        failed = sum(one.record is not None and one.record.error is not None for one in self.done)
        if failed > len(self.done) / 100:
            found.append(f"{failed} of {len(self.done)} decisions failed")
        return found

    def _look(self) -> None:
        bull = self.world.stage.cast["bull-1"]
        for pool in self.world.genesis.pools:
            if pool.quote == "SOL":
                where = place(bull, pool)
                self.prices[pool.symbol].append(
                    cpmm_price(self.world, where) * pool.token_amount / pool.quote_amount
                )
        for listed in self.world.genesis.seconds:
            where = self.stand(listed.symbol, listed.program)
            price = venue_price(self.world, where.markets[0])
            assert price is not None
            self.prices[f"{listed.symbol} second"].append(price * listed.token_amount / listed.quote_amount)

    def stand(self, symbol: str, program: str) -> Stand:
        found = self.world.stage.place(Decision(0, "drifter-1", Deed.BUY, symbol, program=program))
        assert isinstance(found, Stand)
        return found


def cpmm_price(world: SteppedWorld, where: Place) -> float:
    vaults = world.accounts(where.pool.at.vaults)
    token = where.pool.at.mints.index(where.token)
    amounts = [amount_in(vaults, vault) for vault in where.pool.at.vaults]
    return amounts[1 - token] / amounts[token]


def venue_price(world: SteppedWorld, market: markets.Market) -> float | None:
    pool = markets.state(market, world.accounts(market.wanted))
    if pool is None:
        return None
    base, quote = market.venue.reserves(pool)
    assert isinstance(base, int) and isinstance(quote, int)
    return quote / base
