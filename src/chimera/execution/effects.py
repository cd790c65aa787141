"""What the desk asks for and what comes back: the only words between the decisions and the loop that performs them."""

import msgspec

from chimera.domain.chain import SignatureStatus, Simulation, TransactionUpdate
from chimera.domain.ids import Signature
from chimera.domain.intent import TradeIntent
from chimera.execution.planner import Probe


class ProbeToken(msgspec.Struct, frozen=True):
    """Simulate the probe, and say what came back."""

    probe: Probe


class Simulate(msgspec.Struct, frozen=True):
    leg_id: str
    message: bytes


class Sign(msgspec.Struct, frozen=True):
    leg_id: str
    message: bytes


class Send(msgspec.Struct, frozen=True):
    """Hand the bytes over, not before the journal is durable up to `durable_seq` (wall 4)."""

    leg_id: str
    signature: Signature
    transaction: bytes
    durable_seq: int
    attempt: int
    bundle: bool
    atomic: bool = False
    """A bundle or nothing: no node must have it by itself."""


class ReadTransaction(msgspec.Struct, frozen=True):
    leg_id: str
    signature: Signature


Effect = ProbeToken | Simulate | Sign | Send | ReadTransaction


class Arrived(msgspec.Struct, frozen=True):
    """A strategy wants something."""

    intent: TradeIntent


class Probed(msgspec.Struct, frozen=True):
    probe: Probe
    simulation: Simulation | None
    returned_lamports: int
    cause: str = ""
    """Why there is no simulation; that is no verdict on the token."""


class Simulated(msgspec.Struct, frozen=True):
    leg_id: str
    simulation: Simulation | None
    cause: str = ""


class SignedBytes(msgspec.Struct, frozen=True):
    leg_id: str
    signature: Signature
    transaction: bytes


class NotSigned(msgspec.Struct, frozen=True):
    leg_id: str
    cause: str


class HandedOver(msgspec.Struct, frozen=True):
    """`cause` is empty where a node took the bytes. Otherwise it is unknown whether they will land."""

    leg_id: str
    lane: str
    attempt: int
    cause: str = ""


class StatusesRead(msgspec.Struct, frozen=True):
    """A clean answer of a node: None means that it does not know the signature."""

    block_height: int
    statuses: dict[Signature, SignatureStatus | None]


class TransactionSeen(msgspec.Struct, frozen=True):
    leg_id: str
    transaction: TransactionUpdate | None


class Ticked(msgspec.Struct, frozen=True):
    """Time passed: resends, retries and the breaker's cooldown are due."""


Message = (
    Arrived
    | Probed
    | Simulated
    | SignedBytes
    | NotSigned
    | HandedOver
    | StatusesRead
    | TransactionSeen
    | Ticked
)


class Watched(msgspec.Struct, frozen=True):
    """A signature whose fate is not known yet."""

    leg_id: str
    signature: Signature
    last_valid_block_height: int
