"""Sections of strategies in the settings: whether each is on and how much it may hold, before what it goes by.

What it goes by stands in `chimera.parameters`, for the settings and for the strategy alike.
"""

from typing import Any

import msgspec

from chimera.domain.bounds import Percent
from chimera.parameters.arbitrage import ArbitrageParams
from chimera.parameters.copy_trade import CopyTradeParams
from chimera.parameters.momentum import MomentumParams
from chimera.parameters.reentry import ReentryParams
from chimera.parameters.sniper import SniperParams


class OwnStrategies(msgspec.Struct, frozen=True, kw_only=True):
    """Strategies of your own: `chimera strategy new`."""

    folder: str = ""
    """Where their files lie, one a strategy; empty: none."""
    own: dict[str, dict[str, Any]] = {}
    """Their parameters, by name: `enabled`, `share_percent`, and what each knows itself."""


class OwnSection(msgspec.Struct, frozen=True, kw_only=True):
    """What the house asks of a strategy of your own, beside what it goes by itself."""

    enabled: bool = True
    share_percent: Percent = 100
    """Of the equity: what it may hold at the most."""


class CopyTrade(CopyTradeParams, frozen=True, kw_only=True):
    enabled: bool = True
    share_percent: Percent = 100
    """Of the equity: what it may hold at the most; its styles' shares bind it besides."""
    watch_wallets: bool = True
    """Copy swaps of ACTIVE wallets seen on the stream, beside signals from the webhook."""


class Arbitrage(ArbitrageParams, frozen=True, kw_only=True):
    # no share of the equity: it holds nothing
    enabled: bool = True


class Momentum(MomentumParams, frozen=True, kw_only=True):
    enabled: bool = False
    share_percent: Percent = 20
    """Of the equity: what it may hold at the most."""


class Reentry(ReentryParams, frozen=True, kw_only=True):
    enabled: bool = False
    share_percent: Percent = 20
    """Of the equity: what it may hold at the most."""


class Sniper(SniperParams, frozen=True, kw_only=True):
    enabled: bool = False
    share_percent: Percent = 10
    """Of the equity: what it may hold at the most."""
