"""What a simulated buy and sell of a token says: a report to keep, or a refusal that is no verdict on the token."""

from chimera.domain.risk import Reason, Refusal
from chimera.domain.token import TokenReport
from chimera.execution.effects import Probed
from chimera.execution.outcomes import failed_instruction
from chimera.risk.token_safety import TokenLimits, verdict


def judged(message: Probed, limits: TokenLimits, now_ms: int) -> TokenReport | Refusal:
    """The token's report, or why there is none: no answer, or it could not even be bought."""
    probe, simulation = message.probe, message.simulation
    if simulation is None:
        return Refusal(Reason.SIMULATION_UNAVAILABLE, observed=message.cause)
    error = simulation.error
    failed_at = failed_instruction(error)
    if error is not None and (failed_at is None or failed_at < probe.sell_starts_at):
        return Refusal(Reason.SIMULATION_FAILED, observed=f"probe: {error}")
    report = TokenReport(
        mint=probe.mint,
        slot=simulation.slot,
        at_ms=now_ms,
        refusal=Refusal(Reason.HONEYPOT, limit="a sell that works", observed=error) if error else None,
        probe_lamports=probe.probe_lamports,
        returned_lamports=message.returned_lamports,
        detail=simulation.logs[-1] if simulation.logs and error else "",
    )
    return verdict(report, limits)
