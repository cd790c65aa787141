"""The cast, the pools and the coins of one world, by name: a decision becomes a signed transaction. Pure."""

from functools import lru_cache

from solders.keypair import Keypair

from chimera.localnet.coin_orders import TAX_BPS, Stand, coin_pool, making_orders, stand, stand_orders
from chimera.localnet.coins import POOL_DECIMALS, Coin, Nature, coin_named
from chimera.localnet.genesis import world_pools
from chimera.localnet.genesis_seconds import second_pools
from chimera.localnet.markets import Market, Seen, curve_market, graduate_market, second_market
from chimera.localnet.tokens import BY_SYMBOL
from chimera.localnet.traders import Trader, traders
from chimera.localnet.world_orders import Place, orders, place, place_of
from chimera.localnet.world_plan import Decision, Deed
from chimera.onchain.transaction import attach_signatures, compile_v0


class Stage:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.cast = traders(seed)
        self._pools = {(pool.symbol, pool.quote): pool for pool in world_pools(seed)}
        self._seconds = {
            (listed.symbol, listed.program): second_market(
                listed, token=BY_SYMBOL[listed.symbol].mint, token_program=BY_SYMBOL[listed.symbol].program
            )
            for listed in second_pools(seed)
        }
        self._keys: dict[str, Keypair] = {}

    def place(self, decision: Decision) -> Place | Stand:
        """Where the decision happens, and what must have been seen for it."""
        trader, target = self.cast[decision.trader], self.cast.get(decision.target)
        coin = coin_named(self.seed, decision.symbol)
        if coin is not None and coin.on_curve:
            return stand(trader, coin_markets(coin, self.cast[coin.maker]), coin)
        if coin is not None:
            tax_bps = TAX_BPS if coin.nature is Nature.TAXED else 0
            return place_of(
                trader,
                coin_pool(coin, 0),
                coin.mint,
                coin.program,
                POOL_DECIMALS,
                target=target,
                tax_bps=tax_bps,
            )
        if decision.program:
            first = place(trader, self._pools[decision.symbol, decision.quote])
            return stand(trader, (self._seconds[decision.symbol, decision.program],), first=first)
        return place(trader, self._pools[decision.symbol, decision.quote], target)

    def transaction(self, decision: Decision, seen: Seen, *, blockhash: str) -> bytes | None:
        """The signed transaction of a decision, or None where there is nothing to do."""
        trader = self.cast[decision.trader]
        where = self.place(decision)
        coin = coin_named(self.seed, decision.symbol)
        if coin is not None and decision.deed in (Deed.MINT, Deed.LIST):
            calls = making_orders(decision, trader, coin)
        elif isinstance(where, Stand):
            calls = stand_orders(decision, trader, where, seen)
        else:
            calls = orders(decision, trader, where, seen)
        if not calls:
            return None
        message = compile_v0(calls, payer=trader.address, blockhash=blockhash)
        keys = [self.key(trader)]
        if coin is not None and decision.deed in (Deed.MINT, Deed.LAUNCH):
            keys.append(Keypair.from_seed(coin.secret))  # a mint signs that it is made
        return attach_signatures(message, [bytes(key.sign_message(message)) for key in keys])

    def key(self, trader: Trader) -> Keypair:
        if trader.name not in self._keys:
            self._keys[trader.name] = Keypair.from_seed(trader.secret)
        return self._keys[trader.name]


@lru_cache(256)
def coin_markets(coin: Coin, maker: Trader) -> tuple[Market, ...]:
    """A launched coin's two markets: its pool, once there is one, then its curve."""
    return (
        graduate_market(coin.mint, creator=maker.address),
        curve_market(coin.mint, creator=maker.address),
    )
