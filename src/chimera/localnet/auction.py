"""The block engine's auction: which bundles are let in, in which order they run, and what came of them.

A bundle waits for the next auction, where the highest tip goes first; it lands whole or not at all. Synchronous;
knows the chain, no HTTP. Time is passed in.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from chimera.domain.chain import Commitment
from chimera.localnet.chain import BLOCKHASH_NOT_FOUND, EmbeddedChain
from chimera.localnet.tips import TIP_LAMPORTS_MIN, locks_tip_account, tip_lamports
from chimera.localnet.wire import WireError, parse_transaction

BUNDLE_TRANSACTIONS_MAX = 5
LOOK_BACK_S = 300.0  # Jito forgets what is older than five minutes
BUNDLES_KEPT = 20_000
TIPS_KEPT = 5_000
EMA_WEIGHT = 0.1  # of a newly landed tip in the moving median


class BundleRefused(ValueError):
    """Not let into the auction; the message is what the client is told."""


class BundleState(StrEnum):
    INVALID = "Invalid"
    """Not known, or too long ago."""
    PENDING = "Pending"
    FAILED = "Failed"
    LANDED = "Landed"


class Bundle(msgspec.Struct):
    id: str
    """SHA-256 of the signatures, comma-joined, in hex."""
    wires: tuple[bytes, ...]
    signatures: tuple[Signature, ...]
    tip_lamports: int
    received_at: float
    state: BundleState = BundleState.PENDING
    slot: int | None = None
    cause: str = ""
    """Why it failed, for people; the protocol has no place for it."""
    not_before_slot: int = 0


class LandedBundle(msgspec.Struct, frozen=True):
    """As the chain shows it now."""

    id: str
    signatures: tuple[Signature, ...]
    slot: int
    commitment: Commitment


class TipFloor(msgspec.Struct, frozen=True):
    """Lamports of tips that landed lately, by percentile; the least that is allowed where none did."""

    p25: int
    p50: int
    p75: int
    p95: int
    p99: int
    ema_p50: float


class Auction:
    def __init__(self, chain: EmbeddedChain, *, now: Callable[[], float]) -> None:
        self._chain, self._now = chain, now
        self._bundles: dict[str, Bundle] = {}
        self._pending: list[Bundle] = []
        self._late: list[tuple[int, bytes]] = []
        self._tips: deque[tuple[float, int]] = deque(maxlen=TIPS_KEPT)
        self._ema_p50 = float(TIP_LAMPORTS_MIN)

    def enter(self, wires: Sequence[bytes], *, late_slots: int = 0, vanish: bool = False) -> Bundle:
        """The bundle, waiting for the next auction. Entering the same one again changes nothing.

        Raises BundleRefused. `late_slots` and `vanish` are faults: wait that long, never run.
        """
        transactions = _parsed(wires)
        signatures = tuple(transaction.signatures[0] for transaction in transactions)
        identity = hashlib.sha256(",".join(map(str, signatures)).encode()).hexdigest()
        known = self._bundles.get(identity)
        if known is not None and known.state is BundleState.PENDING:
            return known
        self._check(transactions)
        bundle = Bundle(
            id=identity,
            wires=tuple(wires),
            signatures=signatures,
            tip_lamports=sum(map(tip_lamports, transactions)),
            received_at=self._now(),
            not_before_slot=self._chain.slot + late_slots,
        )
        self._bundles[identity] = bundle
        if not vanish:
            self._pending.append(bundle)
        while len(self._bundles) > BUNDLES_KEPT:
            del self._bundles[next(iter(self._bundles))]
        return bundle

    def delay(self, wire: bytes, *, late_slots: int) -> None:
        """A fault: a transaction outside any bundle runs only that many slots later."""
        self._late.append((self._chain.slot + late_slots, wire))

    def run(self) -> int:
        """How many bundles landed in one auction; the highest tip goes first, then the earliest."""
        slot = self._chain.slot
        for wire in [wire for not_before, wire in self._late if not_before <= slot]:
            self._chain.submit(wire)
        self._late = [one for one in self._late if one[0] > slot]
        due = [one for one in self._pending if one.not_before_slot <= slot]
        self._pending = [one for one in self._pending if one.not_before_slot > slot]
        landed = 0
        for bundle in sorted(due, key=lambda one: (-one.tip_lamports, one.received_at)):
            if bundle.tip_lamports < TIP_LAMPORTS_MIN:
                bundle.state, bundle.cause = BundleState.FAILED, f"tip below {TIP_LAMPORTS_MIN} lamports"
                continue
            result = self._chain.submit_bundle(bundle.wires)
            if result.slot is None:
                error = result.error.json if result.error is not None else "unknown"
                bundle.state = BundleState.FAILED
                bundle.cause = f"transaction {result.failed_index}: {error}"
                continue
            bundle.state, bundle.slot = BundleState.LANDED, result.slot
            self._note_tip(bundle.tip_lamports)
            landed += 1
        return landed

    def inflight(self, identity: str) -> tuple[BundleState, int | None]:
        """(state, slot it landed in). A bundle whose slot died in a fork has failed unless it landed again."""
        bundle = self._recent(identity)
        if bundle is None:
            return BundleState.INVALID, None
        if bundle.state is not BundleState.LANDED:
            return bundle.state, None
        landed = self.landed(identity)
        return (BundleState.FAILED, None) if landed is None else (BundleState.LANDED, landed.slot)

    def landed(self, identity: str) -> LandedBundle | None:
        """Where the chain has it, whole; None where it has not."""
        bundle = self._bundles.get(identity)
        if bundle is None or bundle.state is not BundleState.LANDED:
            return None
        records = [self._chain.ledger.transaction(signature) for signature in bundle.signatures]
        slots = [record.slot for record in records if record is not None]
        if len(slots) < len(records):
            return None
        slot = max(slots)
        return LandedBundle(bundle.id, bundle.signatures, slot, self._chain.commitment_of(slot))

    def tip_floor(self) -> TipFloor:
        oldest = self._now() - LOOK_BACK_S
        tips = sorted(tip for at, tip in self._tips if at >= oldest) or [TIP_LAMPORTS_MIN]
        p25, p50, p75, p95, p99 = (_percentile(tips, percent) for percent in (25, 50, 75, 95, 99))
        return TipFloor(p25, p50, p75, p95, p99, self._ema_p50)

    def cause(self, identity: str) -> str:
        """Why a bundle failed, for whoever operates the chain."""
        bundle = self._bundles.get(identity)
        return "" if bundle is None else bundle.cause

    def _check(self, transactions: Sequence[VersionedTransaction]) -> None:
        if not any(map(locks_tip_account, transactions)):
            raise BundleRefused(
                "Bundles must write lock at least one tip account to be eligible for the auction."
            )
        view = self._chain.view()
        for transaction in transactions:
            refused = self._chain.check_age(transaction, view=view)
            if refused is not None:
                raise BundleRefused(
                    "bundle contains an expired blockhash"
                    if refused == BLOCKHASH_NOT_FOUND
                    else "bundle contains an already processed transaction"
                )

    def _recent(self, identity: str) -> Bundle | None:
        bundle = self._bundles.get(identity)
        recent = bundle is not None and bundle.received_at >= self._now() - LOOK_BACK_S
        return bundle if recent else None

    def _note_tip(self, lamports: int) -> None:
        self._tips.append((self._now(), lamports))
        median = _percentile(sorted(tip for _, tip in self._tips), 50)
        self._ema_p50 += EMA_WEIGHT * (median - self._ema_p50)


def _parsed(wires: Sequence[bytes]) -> list[VersionedTransaction]:
    if not wires:
        raise BundleRefused("bundle contains no transactions")
    if len(wires) > BUNDLE_TRANSACTIONS_MAX:
        raise BundleRefused(
            f"bundle exceeded maximum number of transactions: {len(wires)} > {BUNDLE_TRANSACTIONS_MAX}"
        )
    transactions = []
    for number, wire in enumerate(wires):
        try:
            transactions.append(parse_transaction(wire))
        except WireError:
            raise BundleRefused(f"transaction #{number} could not be decoded") from None
    if len({transaction.signatures[0] for transaction in transactions}) < len(transactions):
        raise BundleRefused("bundle cannot contain any duplicate transactions")
    return transactions


def _percentile(ascending: Sequence[int], percent: int) -> int:
    """The smallest value that at least so many percent do not exceed (nearest rank)."""
    return ascending[max(0, -(-percent * len(ascending) // 100) - 1)]
