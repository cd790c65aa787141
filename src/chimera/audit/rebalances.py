"""The rebalancer's cycles and swaps as people look at them: the last picture, and what became of each swap.

Folded from the journal. A swap is PROPOSED where nothing was asked for; PENDING, SUBMITTED, CONFIRMED and FAILED are
the documented states (SPEC RB-07) of what the desk was asked for.
"""

from collections import OrderedDict, deque
from enum import StrEnum
from typing import Any

import msgspec

from chimera.audit.swap_lots import Basis
from chimera.domain.ids import Address, Signature, TradeId
from chimera.domain.messages import (
    Entry,
    IntentRefused,
    LegDropped,
    LegExpired,
    LegLanded,
    LegRebooked,
    LegReverted,
    LegSigned,
    LegUndone,
    StrategyDecided,
)

NAME = "rebalancer"
SWAPS_KEPT = 500
CYCLES_KEPT = 50


class SwapState(StrEnum):
    PROPOSED = "PROPOSED"
    PENDING = "PENDING"
    SUBMITTED = "SUBMITTED"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"


class SwapSeen(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    at_ms: int
    state: SwapState
    input_mint: Address
    output_mint: Address
    amount: int
    micro_usd: int
    """What it was worth when it was asked for."""
    trader: str
    trade_uuid: TradeId | None = None
    """None where it was only proposed."""
    reason: str = ""
    """Why it failed."""
    got: int | None = None
    """Base units that came out."""
    cost_lamports: int | None = None
    """Fee, tip and rent."""
    signature: Signature | None = None
    gain_lamports: int | None = None
    """On what was paid with, once it is final; None where nobody knows what that had cost."""


class CycleSeen(msgspec.Struct, frozen=True, kw_only=True):
    at_ms: int
    verdict: str
    code: str
    detail: str
    data: dict[str, Any] = {}
    """Where it came to a picture: trader, trust, held, target_bps and the swaps' keys."""


class Rebalances:
    def __init__(self) -> None:
        self.cycles: deque[CycleSeen] = deque(maxlen=CYCLES_KEPT)
        """The latest last."""
        self.picture: CycleSeen | None = None
        """The latest cycle that came to one."""
        self.swaps: OrderedDict[str, SwapSeen] = OrderedDict()
        """By key, the latest last."""
        self.basis = Basis()
        self._keys: dict[TradeId, str] = {}

    def apply(self, entry: Entry) -> bool:
        """Whether the entry changed anything here."""
        changed = self._gained(entry)
        match entry.fact:
            case StrategyDecided(strategy=name) as said if name == NAME:
                self._decided(said, entry.at_ms)
                return True
            case IntentRefused() as refused:
                return self._became(refused.trade_id, state=SwapState.FAILED, reason=str(refused.refusal))
            case LegSigned(leg) as signed:
                return self._became(leg.trade_id, state=SwapState.SUBMITTED, signature=signed.signature)
            case LegDropped(leg) as dropped:
                return self._became(leg.trade_id, state=SwapState.FAILED, reason=str(dropped.refusal))
            case LegExpired(leg):
                return self._became(leg.trade_id, state=SwapState.FAILED, reason="expired without landing")
            case LegReverted(leg) as reverted:
                return self._became(
                    leg.trade_id,
                    state=SwapState.FAILED,
                    reason=f"reverted: {reverted.error}",
                    cost_lamports=-reverted.lamports_delta,
                )
            case LegLanded(leg, fill) | LegRebooked(leg, fill):
                return self._became(
                    leg.trade_id,
                    state=SwapState.CONFIRMED,
                    got=fill.token_delta,
                    cost_lamports=fill.fee_lamports + fill.tip_lamports + fill.rent_lamports,
                    reason="",
                )
            case LegUndone(leg):
                undone: dict[str, Any] = {"got": None, "cost_lamports": None, "reason": ""}
                return self._became(leg.trade_id, state=SwapState.SUBMITTED, **undone)
            case _:
                return changed

    def _gained(self, entry: Entry) -> bool:
        lots = self.basis.apply(entry)
        if not lots:
            return False
        gains = [lot.gain_lamports for lot in lots]
        gain = None if None in gains else sum(one or 0 for one in gains)
        return self._became(lots[0].trade_uuid, gain_lamports=gain)

    def _decided(self, said: StrategyDecided, at_ms: int) -> None:
        data = said.data
        if said.code != "swap" or "key" not in data:
            seen = CycleSeen(at_ms=at_ms, verdict=said.verdict, code=said.code, detail=said.detail, data=data)
            self.cycles.append(seen)
            if "held" in data:
                self.picture = seen
            return
        trade_id = TradeId(str(data["intent_id"])) if "intent_id" in data else None
        key = str(data["key"])
        self.swaps[key] = SwapSeen(
            key=key,
            at_ms=at_ms,
            state=SwapState.PROPOSED if trade_id is None else SwapState.PENDING,
            input_mint=Address(str(data["input_mint"])),
            output_mint=Address(str(data["output_mint"])),
            amount=int(data["amount"]),
            micro_usd=int(data["micro_usd"]),
            trader=str(data["trader"]),
            trade_uuid=trade_id,
        )
        self.swaps.move_to_end(key)
        if trade_id is not None:
            self._keys[trade_id] = key
        while len(self.swaps) > SWAPS_KEPT:
            _, old = self.swaps.popitem(last=False)
            if old.trade_uuid is not None:
                self._keys.pop(old.trade_uuid, None)

    def _became(self, trade_id: TradeId, **changes: Any) -> bool:
        key = self._keys.get(trade_id)
        if key is None:
            return False
        self.swaps[key] = msgspec.structs.replace(self.swaps[key], **changes)
        return True
