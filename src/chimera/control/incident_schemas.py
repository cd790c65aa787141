"""What goes over the wire about what a person must look at: alerts, dead letters, discrepancies, changes."""

from typing import Any

import msgspec

from chimera.audit.alerts import Alert
from chimera.control.schemas import Page
from chimera.ports.store import ConfigAuditRow, DeadLetterRow, ReconciliationRow


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    trade_uuid: str | None
    payload: str
    reason: str
    """QUEUE_FULL, PARSE_ERROR, VALIDATION_FAILED or MAX_RETRIES."""
    error_details: str
    source_ip: str
    retry_count: int
    can_retry: bool
    received_at: int
    processed_at: int | None
    """When somebody dealt with it."""


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    signal_id: str | None
    """The new signal's, where there is one."""


class ConfigChange(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    key: str
    old_value: str
    new_value: str
    changed_by: str
    change_reason: str
    changed_at: int


class Discrepancy(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts are lamports, or base units of `mint` where there is one."""

    id: str
    trade_uuid: str | None
    """None: about the wallet as a whole."""
    mint: str | None
    discrepancy: str
    expected_state: str
    actual_on_chain: str
    expected_amount: str
    on_chain_amount: str
    on_chain_tx_signature: str | None
    resolved_at: int | None
    resolved_by: str | None
    notes: str
    created_at: int


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    unresolved: int
    last_run_at: int | None
    last_positions: int
    last_found: int
    last_cause: str
    items: list[Discrepancy]
    total: int
    limit: int
    offset: int


class ReconciliationRun(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    message: str
    unresolved: int
    """Discrepancies of positions that wait for a person now."""


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a resolution."""

    note: str


class AlertTold(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    severity: str
    """critical, warning or info."""
    component: str
    message: str
    at: int
    seq: int
    """Of the journal entry that it is about; 0 where health alone told it."""
    repeated: int
    """How often the same came again within a minute of the last time."""


def alert_told(alert: Alert) -> AlertTold:
    return AlertTold(
        number=alert.number,
        severity=str(alert.severity),
        component=alert.component,
        message=alert.message,
        at=alert.at_ms,
        seq=alert.seq,
        repeated=alert.repeated,
    )


DOCUMENTED: tuple[Any, ...] = (
    AlertTold,
    Page[AlertTold],
    Page[DeadLetter],
    Page[ConfigChange],
    Retried,
    Reconciliation,
    ReconciliationRun,
    Note,
)


def dead_letter_of(row: DeadLetterRow) -> DeadLetter:
    return DeadLetter(
        id=row.seq,
        trade_uuid=row.trade_uuid,
        payload=row.payload,
        reason=row.reason,
        error_details=row.error_details,
        source_ip=row.source_ip,
        retry_count=row.retry_count,
        can_retry=row.can_retry,
        received_at=row.received_at_ms,
        processed_at=row.processed_at_ms,
    )


def config_change_of(row: ConfigAuditRow) -> ConfigChange:
    fields = msgspec.structs.asdict(row)
    return ConfigChange(changed_at=fields.pop("changed_at_ms"), **fields)


def discrepancy_of(row: ReconciliationRow) -> Discrepancy:
    return Discrepancy(
        id=f"{row.seq}-{row.part}",
        trade_uuid=row.trade_uuid,
        mint=row.mint or None,
        discrepancy=row.discrepancy,
        expected_state=row.expected_state,
        actual_on_chain=row.actual_on_chain,
        expected_amount=str(row.expected),
        on_chain_amount=str(row.actual),
        on_chain_tx_signature=row.signature,
        resolved_at=row.resolved_at_ms,
        resolved_by=row.resolved_by,
        notes=row.notes,
        created_at=row.created_at_ms,
    )
