"""NautilusTrader's and hftbacktest's event loops over a file of trades; run by `benchmarks/backtest.py --peers`.

Needs neither Chimera nor its environment: the peers want other versions of numpy than we do, so they live in one of
their own. Each tick is told to a strategy that counts it and sends an order with every hundredth. They replay trades
alone, decoded beforehand, against an order book: less than a pool's bytes, exact fills and a gate.

    python benchmarks/peers.py TRADES.npy
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

ORDER_EVERY = 100


def nautilus(trades: Any) -> float:
    """Seconds of the run alone; making the ticks is not counted."""
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.model.currencies import USD
    from nautilus_trader.model.data import TradeTick
    from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType, OrderSide
    from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
    from nautilus_trader.model.instruments import Equity
    from nautilus_trader.model.objects import Money, Price, Quantity
    from nautilus_trader.trading.strategy import Strategy

    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    venue = Venue("POOLS")
    engine.add_venue(venue, OmsType.NETTING, AccountType.MARGIN, [Money(1_000_000_000, USD)])
    ids = {}
    for token in np.unique(trades["token"]):
        symbol = Symbol(f"T{token}")
        ids[int(token)] = InstrumentId(symbol, venue)
        engine.add_instrument(
            Equity(ids[int(token)], symbol, USD, 6, Price.from_str("0.000001"), Quantity.from_int(1), 0, 0)
        )

    class Counting(Strategy):
        seen = 0

        def on_start(self) -> None:
            for known in ids.values():
                self.subscribe_trade_ticks(known)

        def on_trade_tick(self, tick: TradeTick) -> None:
            self.seen += 1
            if self.seen % ORDER_EVERY == 0:
                side = OrderSide.BUY if self.seen % (2 * ORDER_EVERY) else OrderSide.SELL
                self.submit_order(self.order_factory.market(tick.instrument_id, side, Quantity.from_int(1)))

    strategy = Counting()
    engine.add_strategy(strategy)
    engine.add_data([
        TradeTick(
            ids[int(row["token"])],
            Price(max(round(float(row["price"]), 6), 0.000001), 6),
            Quantity(max(1, min(int(row["size"]), 10**9)), 0),
            AggressorSide.BUYER if row["bought"] else AggressorSide.SELLER,
            TradeId(str(number)),
            int(row["at_ns"]),
            int(row["at_ns"]),
        )
        for number, row in enumerate(trades)
    ])  # fmt: skip
    began = time.process_time()
    engine.run()
    took = time.process_time() - began
    assert strategy.seen == len(trades), (strategy.seen, len(trades))
    return took


def hftbacktest(trades: Any) -> float:
    """Seconds of the second run, once numba has compiled."""
    import numba
    from hftbacktest import (
        BUY_EVENT,
        DEPTH_EVENT,
        EXCH_EVENT,
        GTC,
        LIMIT,
        LOCAL_EVENT,
        SELL_EVENT,
        TRADE_EVENT,
        BacktestAsset,
        HashMapMarketDepthBacktest,
    )  # fmt: skip
    from hftbacktest.types import event_dtype

    price = float(np.median(trades["price"]))
    rows = np.zeros(len(trades) + 2, dtype=event_dtype)
    both = EXCH_EVENT | LOCAL_EVENT
    begin = int(trades["at_ns"][0])
    rows[0] = (both | DEPTH_EVENT | BUY_EVENT, begin, begin, price * 0.99, 100.0, 0, 0, 0.0)
    rows[1] = (both | DEPTH_EVENT | SELL_EVENT, begin, begin, price * 1.01, 100.0, 0, 0, 0.0)
    rows["ev"][2:] = np.where(trades["bought"], BUY_EVENT, SELL_EVENT) | both | TRADE_EVENT
    rows["exch_ts"][2:] = rows["local_ts"][2:] = trades["at_ns"]
    rows["px"][2:], rows["qty"][2:] = trades["price"], trades["size"]

    @numba.njit  # type: ignore[misc,unused-ignore]
    def counted(hbt: Any) -> int:
        seen = 0
        while hbt.wait_next_feed(False, 10**15) != 1:
            seen += 1
            if seen % ORDER_EVERY == 0:
                hbt.submit_buy_order(0, seen, price * 0.5, 1.0, GTC, LIMIT, False)
        return seen

    def run() -> float:
        asset = (
            BacktestAsset().data(rows).linear_asset(1.0).constant_order_latency(0, 0)
            .risk_adverse_queue_model().no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0)
            .tick_size(price / 1_000).lot_size(1.0).last_trades_capacity(0)
        )  # fmt: skip
        hbt = HashMapMarketDepthBacktest([asset])
        began = time.process_time()
        seen = counted(hbt)
        took = time.process_time() - began
        hbt.close()
        assert seen > 1
        return took

    run()
    return run()


PEERS: dict[str, Callable[[Any], float]] = {"NautilusTrader": nautilus, "hftbacktest": hftbacktest}


def main() -> None:
    trades = np.load(sys.argv[1])
    for name, peer in PEERS.items():
        try:
            print(f"{name}\t{len(trades)}\t{peer(trades)}", flush=True)
        except ImportError as error:
            print(f"{name}\t0\t{error}", flush=True)


if __name__ == "__main__":
    main()
