"""Each open position held against the chain: its transactions, its amounts, its state.

Pure: whoever calls has asked the chain, and says what it answered. Nothing is put right here; a difference is
named, told by which rule it may pass, or left to a person.
"""

from collections.abc import Iterable, Mapping

import msgspec

from chimera.audit.projections import reconciliation_rows
from chimera.audit.reconcile import agrees, within_epsilon
from chimera.domain.chain import SignatureStatus, TransactionUpdate
from chimera.domain.discrepancy import Discrepancy, Mismatch
from chimera.domain.ids import Address, Signature, TradeId
from chimera.domain.intent import Side
from chimera.domain.messages import (
    DiscrepancyResolved,
    Entry,
    LegFinalized,
    LegLanded,
    LegRebooked,
    LegUndone,
    PositionsReconciled,
    Reconciled,
    TradeMoved,
)
from chimera.domain.trade import Fill, Position, TradeState
from chimera.execution.outcomes import fill_of, final_enough
from chimera.portfolio import Ledger

STUCK_SLOTS = 150  # one minute: a leg that landed longer ago should have been booked
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
LOOKED_AT = frozenset({TradeState.ACTIVE, TradeState.EXITING})


class Claim(msgspec.Struct, frozen=True):
    """What the books say of one position that is ACTIVE or EXITING."""

    position: Position
    state: TradeState
    fills: tuple[Fill, ...]
    tokens_of_mint: int
    """All that we hold of its mint by the books, other positions included."""
    under_way: bool
    """A leg of its mint is, so that amounts may change at any moment."""
    leg_signature: Signature | None = None
    """Of its own leg, once that is signed."""

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """What the chain must be asked about."""
        fills = tuple(fill.signature for fill in self.fills)
        return fills if self.leg_signature is None else (*fills, self.leg_signature)


class Evidence(msgspec.Struct, frozen=True):
    """What the chain says; None where it cleanly does not know a signature."""

    slot: int
    statuses: Mapping[Signature, SignatureStatus | None]
    transactions: Mapping[Signature, TransactionUpdate | None]
    tokens: Mapping[Address, int]
    """Held by our wallet, by mint."""


class Fills:
    """What landed of each round trip that is not closed; folded beside the ledger, which keeps sums only."""

    FOLDS = frozenset({LegFinalized, LegLanded, LegRebooked, LegUndone, TradeMoved})
    """What it folds; of other facts it need not be told."""

    def __init__(self) -> None:
        self._fills: dict[TradeId, list[Fill]] = {}
        self._closed: dict[TradeId, list[Fill]] = {}
        """Until the closing leg is final: a fork may open them again."""

    def apply(self, entry: Entry) -> None:
        match entry.fact:
            case LegLanded(leg, fill):
                self._fills.setdefault(leg.trade_id, []).append(fill)
            case LegUndone(leg, signature):
                known = self._closed.pop(leg.trade_id, None) or self._fills.get(leg.trade_id, [])
                self._fills[leg.trade_id] = [fill for fill in known if fill.signature != signature]
            case LegRebooked(leg, fill):
                known = self._closed.get(leg.trade_id) or self._fills.get(leg.trade_id, [])
                known[:] = [fill if one.signature == fill.signature else one for one in known]
            case LegFinalized(leg):
                self._closed.pop(leg.trade_id, None)
            case TradeMoved(trade_id, after=TradeState.CLOSED):
                self._closed[trade_id] = self._fills.pop(trade_id, [])
            case _:
                pass

    def of(self, trade_id: TradeId) -> tuple[Fill, ...]:
        return tuple(self._fills.get(trade_id, ()))


class Findings:
    """Discrepancies that nobody has resolved, and when positions were last looked at; folded."""

    FOLDS = frozenset({DiscrepancyResolved, PositionsReconciled, Reconciled})
    """What it folds; of other facts it need not be told."""

    def __init__(self) -> None:
        self.unresolved: dict[tuple[int, int], Discrepancy | None] = {}
        """By the entry that found it and its place there; None for what is about the wallet as a whole."""
        self.last_run_ms: int | None = None

    def apply(self, entry: Entry) -> None:
        match entry.fact:
            case PositionsReconciled(found=found):
                self.last_run_ms = entry.at_ms
                for part, one in enumerate(found):
                    if not one.rule:
                        self.unresolved[entry.seq, part] = one
            case Reconciled() as fact if agrees(fact):
                self.unresolved = {key: one for key, one in self.unresolved.items() if one is not None}
            case Reconciled():
                for row in reconciliation_rows(entry):
                    if row.resolved_by is None:
                        self.unresolved[row.seq, row.part] = None
            case DiscrepancyResolved():
                self.unresolved.pop((entry.fact.entry, entry.fact.part), None)
            case _:
                pass

    def sort_out(self, found: Iterable[Discrepancy]) -> tuple[tuple[Discrepancy, ...], int]:
        """(those that are new, how many were found before and still wait)."""
        known = {one.identity for one in self.unresolved.values() if one is not None}
        everything = tuple(found)
        fresh = tuple(one for one in everything if one.identity not in known)
        return fresh, len(everything) - len(fresh)


def claims(ledger: Ledger, fills: Fills) -> tuple[Claim, ...]:
    """ACTIVE and EXITING positions, and nothing else (SPEC RC-01)."""
    moving = {leg.mint for leg in ledger.legs.values()}
    own = {leg.ref.trade_id: leg.signature for leg in ledger.legs.values()}
    return tuple(
        Claim(
            position=position,
            state=state,
            fills=fills.of(trade_id),
            tokens_of_mint=ledger.tokens.get(position.mint, 0),
            under_way=position.mint in moving,
            leg_signature=own.get(trade_id),
        )
        for trade_id, position in ledger.positions.items()
        if (state := ledger.states.get(trade_id)) in LOOKED_AT and state is not None
    )


def examine(
    claimed: Iterable[Claim], evidence: Evidence, *, wallet: Address, tip_accounts: frozenset[Address]
) -> tuple[Discrepancy, ...]:
    """Every difference, oldest position first; a difference in a mint's tokens is told once."""
    found: list[Discrepancy] = []
    counted: set[Address] = set()
    for claim in claimed:
        for fill in claim.fills:
            found += _of_fill(claim, fill, evidence, wallet=wallet, tip_accounts=tip_accounts)
        if claim.under_way:
            found += _of_leg(claim, evidence)
        else:
            found += _of_holding(claim, evidence, told=claim.position.mint in counted)
            counted.add(claim.position.mint)
    return tuple(found)


def due_ms(last_run_ms: int | None, *, hour_utc: int) -> int:
    """The moment at which the daily run is due: the first such hour after the last run; at once without one."""
    if last_run_ms is None:
        return 0
    today = last_run_ms - last_run_ms % DAY_MS + hour_utc * HOUR_MS
    return today if today > last_run_ms else today + DAY_MS


def _of_fill(
    claim: Claim, fill: Fill, evidence: Evidence, *, wallet: Address, tip_accounts: frozenset[Address]
) -> list[Discrepancy]:
    status = evidence.statuses.get(fill.signature)
    seen = evidence.transactions.get(fill.signature)
    if seen is None and status is None:
        return [_about_signature(claim, fill, Mismatch.MISSING, "UNKNOWN")]
    error = seen.error if seen is not None else status.error if status is not None else None
    if error is not None:
        return [_about_signature(claim, fill, Mismatch.SIGNATURE, f"FAILED: {error}")]
    if seen is None:
        return []  # known to have landed, but the node no longer keeps its metadata
    if seen.fee_payer != wallet:
        return [_about_signature(claim, fill, Mismatch.SIGNATURE, f"PAID BY {seen.fee_payer}")]
    actual = fill_of(
        seen, wallet=wallet, mint=fill.mint, side=fill.side, tip_accounts=tip_accounts, at_ms=fill.at_ms
    )
    if actual.token_delta == 0:
        return [_about_signature(claim, fill, Mismatch.SIGNATURE, "MOVED NOTHING OF THE TOKEN")]
    pairs = (
        (None, fill.lamports_delta, actual.lamports_delta),
        (fill.mint, fill.token_delta, actual.token_delta),
    )
    return [
        _amount(claim, mint, abs(booked), abs(there), fill.signature)
        for mint, booked, there in pairs
        if booked != there
    ]


def _of_holding(claim: Claim, evidence: Evidence, *, told: bool) -> list[Discrepancy]:
    """With nothing under way a position is held, all of it, and nobody waits for its exit."""
    mint = claim.position.mint
    there = evidence.tokens.get(mint, 0)
    if claim.state is TradeState.EXITING or not there:
        return [_state(claim, "ACTIVE" if there else "CLOSED", there, None)]
    if there != claim.tokens_of_mint and not told:
        return [_amount(claim, mint, claim.tokens_of_mint, there, None)]
    return []


def _of_leg(claim: Claim, evidence: Evidence) -> list[Discrepancy]:
    """A leg that landed a while ago and is still taken for under way: nobody reads its answer."""
    if claim.leg_signature is None:
        return []
    status = evidence.statuses.get(claim.leg_signature)
    if status is None or not final_enough(status) or evidence.slot - status.slot <= STUCK_SLOTS:
        return []
    sold = claim.state is TradeState.EXITING and status.error is None
    actual = "CLOSED" if sold else "ACTIVE"
    return [_state(claim, actual, evidence.tokens.get(claim.position.mint, 0), claim.leg_signature)]


def _about_signature(claim: Claim, fill: Fill, kind: Mismatch, actual: str) -> Discrepancy:
    return Discrepancy(
        kind=kind,
        trade_id=claim.position.trade_id,
        mint=None,
        expected_state="BOUGHT" if fill.side is Side.BUY else "SOLD",
        actual_state=actual,
        expected=abs(fill.lamports_delta),
        actual=0,
        signature=fill.signature,
    )


def _amount(
    claim: Claim, mint: Address | None, expected: int, actual: int, signature: Signature | None
) -> Discrepancy:
    return Discrepancy(
        kind=Mismatch.AMOUNT,
        trade_id=claim.position.trade_id,
        mint=mint,
        expected_state=str(claim.state),
        actual_state=str(claim.state),
        expected=expected,
        actual=actual,
        signature=signature,
        rule=within_epsilon(expected, actual, sol=mint is None) or "",
    )


def _state(claim: Claim, actual_state: str, actual: int, signature: Signature | None) -> Discrepancy:
    return Discrepancy(
        kind=Mismatch.STATE,
        trade_id=claim.position.trade_id,
        mint=claim.position.mint,
        expected_state=str(claim.state),
        actual_state=actual_state,
        expected=claim.position.tokens,
        actual=actual,
        signature=signature or claim.position.exit_signature,
    )
