"""Valid values of the nouns, each with whatever a test wants to be different: `signal(side=Side.SELL)`.

The same call always gives an equal value. Must not decide anything.
"""

import hashlib
from typing import Any

import msgspec

from chimera.domain.chain import Account
from chimera.domain.ids import (
    SYSTEM_PROGRAM,
    Address,
    IntentId,
    SignalId,
    Signature,
    Slot,
    TradeId,
    derived_id,
)
from chimera.domain.intent import Origin, Side, Signal, Source, Style, TradeIntent
from chimera.domain.trade import Fill
from chimera.domain.wallet import Wallet, WalletStatus
from chimera.onchain.keys import address_text

BONK = Address("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263")
COPIED = Address("7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU")
AT_MS = 1_790_000_000_000
"""The time of everything that is built here: September 2026."""


def address(label: str) -> Address:
    """An address that depends on the label alone, and that nobody has a key for."""
    return address_text(hashlib.sha256(label.encode()).digest())


def signal(**changes: Any) -> Signal:
    """A webhook's wish to buy 0.1 SOL of BONK in the Shield style."""
    return msgspec.structs.replace(
        Signal(
            id=SignalId(derived_id("signal")),
            source=Source.WEBHOOK,
            strategy=Style.SHIELD,
            side=Side.BUY,
            mint=BONK,
            symbol="BONK",
            amount_lamports=100_000_000,
            wallet=COPIED,
            at_ms=AT_MS,
        ),
        **changes,
    )


def intent(**changes: Any) -> TradeIntent:
    """What copy_trade makes of `signal()`."""
    return msgspec.structs.replace(
        TradeIntent(
            id=IntentId(derived_id("intent")),
            trade_id=TradeId(derived_id("signal")),
            signal_id=SignalId(derived_id("signal")),
            source="copy_trade",
            origin=Origin.STRATEGY_A,
            style=Style.SHIELD,
            side=Side.BUY,
            mint=BONK,
            symbol="BONK",
            amount=100_000_000,
            slippage_bps_max=300,
            created_at_ms=AT_MS,
            ttl_ms=5_000,
            reason="a copied buy",
            wallet=COPIED,
        ),
        **changes,
    )


def fill(**changes: Any) -> Fill:
    """A landed buy of 0.1 SOL; `lamports_delta` is always made to fit the rest."""
    built = msgspec.structs.replace(
        Fill(
            signature=Signature("1" * 64),
            slot=Slot(1_000),
            side=Side.BUY,
            mint=BONK,
            token_delta=50_000_000,
            lamports_delta=0,
            swap_lamports=100_000_000,
            fee_lamports=5_000,
            tip_lamports=0,
            rent_lamports=0,
            at_ms=AT_MS,
        ),
        **changes,
    )
    swapped = -built.swap_lamports if built.side is Side.BUY else built.swap_lamports
    delta = swapped - built.fee_lamports - built.tip_lamports - built.rent_lamports
    return msgspec.structs.replace(built, lamports_delta=delta)


def wallet(**changes: Any) -> Wallet:
    """An ACTIVE wallet that is copied in the Shield style."""
    return msgspec.structs.replace(Wallet(address=COPIED, status=WalletStatus.ACTIVE), **changes)


def account(**changes: Any) -> Account:
    """An empty account of the System Program with one SOL."""
    return msgspec.structs.replace(
        Account(address=address("account"), owner=SYSTEM_PROGRAM, lamports=1_000_000_000, data=b""), **changes
    )
