"""What a demo did, read from its journal and held against the chain: nobody's word is taken for it."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from chimera.domain.ids import Address
from chimera.domain.messages import (
    Entry,
    IntentEmitted,
    IntentRefused,
    LegLanded,
    SignalAccepted,
    SignalDropped,
    SignalRefused,
    TradeMoved,
)
from chimera.domain.trade import TradeState
from chimera.portfolio import Ledger


class Summary(msgspec.Struct, frozen=True):
    signals: int
    intents: int
    refused: int
    confirmed: int
    closed: int
    realised_pnl_lamports: int
    first_round_trip_s: float | None
    """From the demo's start to the first closed round trip."""
    dashboard: str
    ledger_matches_chain: bool
    differences: tuple[str, ...] = ()

    @property
    def proved(self) -> bool:
        """A round trip closed, and books and chain agree to the lamport."""
        return self.closed > 0 and self.ledger_matches_chain

    def shown(self) -> dict[str, object]:
        return {**msgspec.to_builtins(self), "realised_pnl_lamports": str(self.realised_pnl_lamports)}


def summarise(
    entries: Iterable[Entry],
    *,
    began_ms: int,
    dashboard: str,
    chain_lamports: int,
    chain_tokens: dict[Address, int],
) -> Summary:
    ledger, counts = Ledger(), Counter[str]()
    first_closed_ms: int | None = None
    for entry in entries:
        ledger.apply(entry)
        match entry.fact:
            case SignalAccepted():
                counts["signals"] += 1
            case IntentEmitted():
                counts["intents"] += 1
            case SignalRefused() | SignalDropped() | IntentRefused():
                counts["refused"] += 1
            case LegLanded():
                counts["confirmed"] += 1
            case TradeMoved(after=TradeState.CLOSED):
                counts["closed"] += 1
                first_closed_ms = first_closed_ms or entry.at_ms
            case _:
                pass
    differences = tuple(_differences(ledger, chain_lamports, chain_tokens))
    return Summary(
        signals=counts["signals"],
        intents=counts["intents"],
        refused=counts["refused"],
        confirmed=counts["confirmed"],
        closed=counts["closed"],
        realised_pnl_lamports=ledger.realised_lamports,
        first_round_trip_s=round((first_closed_ms - began_ms) / 1000, 1) if first_closed_ms else None,
        dashboard=dashboard,
        ledger_matches_chain=not differences,
        differences=differences,
    )


def _differences(ledger: Ledger, lamports: int, tokens: dict[Address, int]) -> Iterable[str]:
    if ledger.legs:
        yield f"{len(ledger.legs)} legs were still under way"
    if ledger.lamports != lamports:
        yield f"lamports: books {ledger.lamports}, chain {lamports}"
    for mint in sorted(ledger.tokens.keys() | tokens.keys()):
        if ledger.tokens.get(mint, 0) != tokens.get(mint, 0):
            yield f"{mint}: books {ledger.tokens.get(mint, 0)}, chain {tokens.get(mint, 0)}"
