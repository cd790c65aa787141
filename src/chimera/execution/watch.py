"""What the desk remembers of legs under way beside the books: plans, when bytes last went out, what nodes said.

Nothing of it must survive a restart: a leg found signed in the books begins a new memory.
"""

from collections.abc import Iterable
from enum import Enum

import msgspec

from chimera.domain.chain import SignatureStatus
from chimera.execution.depth import FINAL, DepthTier
from chimera.execution.planner import Plan
from chimera.portfolio import Leg


class Verdict(Enum):
    """What a node's answer about a signature means."""

    WAIT = "wait"
    READ = "read its transaction"
    EXPIRED = "it will never land"


class WatchLimits(msgspec.Struct, frozen=True):
    expiry_margin_blocks: int = 32
    """Beyond the last valid height, at confirmed: then that height is final, and no fork brings it back.

    It costs a leg that was lost for a minute ten seconds more; nodes disagree by fewer blocks anyway."""
    not_found_answers: int = 2
    """Clean answers after the margin before a leg counts as expired."""
    resend_after_ms: int = 1_200
    """The same bytes again; about three slots. Twice as long after each time."""
    resend_after_ms_max: int = 10_000
    """A blockhash lives for some 60 s: what is silent for longer than this between sends is given away."""

    def resend_ms(self, sends: int) -> int:
        """How long to wait after that many sends."""
        return min(self.resend_after_ms << max(min(sends, 16) - 1, 0), self.resend_after_ms_max)


class Memory(msgspec.Struct):
    plan: Plan | None = None
    bundle: bool = False
    sent_at_ms: int = 0
    sends: int = 0
    not_found: int = 0
    reading: bool = False


class LegWatch:
    def __init__(self, limits: WatchLimits) -> None:
        self._limits = limits
        self._memory: dict[str, Memory] = {}

    def begin(self, leg_id: str, plan: Plan | None = None, *, bundle: bool = False) -> None:
        self._memory[leg_id] = Memory(plan=plan, bundle=bundle)

    def end(self, leg_id: str) -> None:
        self._memory.pop(leg_id, None)

    def plan(self, leg_id: str) -> Plan | None:
        memory = self._memory.get(leg_id)
        return memory.plan if memory is not None else None

    def sent(self, leg_id: str, now_ms: int) -> bool:
        """Notes that the bytes go out now; returns whether they belong into a bundle."""
        memory = self._memory[leg_id]
        memory.sent_at_ms = now_ms
        memory.sends += 1
        return memory.bundle

    def judge(
        self, leg: Leg, status: SignatureStatus | None, block_height: int, depth: DepthTier = FINAL
    ) -> Verdict:
        """What a clean answer means. Not found is believed only beyond the margin, and only when said again."""
        memory = self._memory[leg.ref.leg_id]
        if status is not None:
            memory.not_found = 0
            if not depth.reached(status) or memory.reading:
                return Verdict.WAIT
            memory.reading = True
            return Verdict.READ
        if block_height <= leg.last_valid_block_height + self._limits.expiry_margin_blocks:
            return Verdict.WAIT
        memory.not_found += 1
        return Verdict.EXPIRED if memory.not_found >= self._limits.not_found_answers else Verdict.WAIT

    def answered(self, leg_id: str) -> bool:
        """Notes that its transaction was asked for and an answer came; False for a leg that nobody watches."""
        memory = self._memory.get(leg_id)
        if memory is None:
            return False
        memory.reading = False
        return True

    def silent(self, legs: Iterable[Leg], now_ms: int) -> list[Leg]:
        """Signed legs whose bytes are due to go out again."""
        due = []
        for leg in legs:
            memory = self._memory.get(leg.ref.leg_id)
            if memory is None or leg.signature is None or memory.reading:
                continue
            if now_ms - memory.sent_at_ms >= self._limits.resend_ms(memory.sends):
                due.append(leg)
        return due
