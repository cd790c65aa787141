"""Data frames for research: recordings and journals as polars tables, pandas on request.

`from chimera import frames; trades = frames.trades("data/recording")`. Reads only, also while a desk is running.
Times are UTC, amounts whole base units, and a float is never what a decision was made by.
"""

from chimera.frames.events import gaps, mints, pools, slots, trades
from chimera.frames.journal import decisions, fills, results
from chimera.frames.market import bars, features
from chimera.frames.tables import as_pandas, only

__all__ = [
    "as_pandas",
    "bars",
    "decisions",
    "features",
    "fills",
    "gaps",
    "mints",
    "only",
    "pools",
    "results",
    "slots",
    "trades",
]
