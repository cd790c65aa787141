"""Asks a node what a probe would bring back: one simulation, or three where native lamports must be told apart.

No rule lives here: `execution.probing` judges.
"""

from chimera.domain.chain import Account, Simulation
from chimera.domain.errors import OutsideError
from chimera.execution.effects import Probed
from chimera.execution.planner import Probe
from chimera.onchain.layouts import is_token_account, read_token_account
from chimera.onchain.transaction import unsigned
from chimera.ports.chain import Chain

TRIES = 3


async def measure(chain: Chain, probe: Probe) -> Probed:
    """What came back; without a simulation where there was no answer, or none that could be believed."""
    try:
        if probe.one_way is None:
            simulation = await _simulate(chain, probe, probe.message)
            return Probed(probe, simulation, _tokens(simulation))
        return await _difference(chain, probe, probe.one_way)
    except OutsideError as error:
        return Probed(probe, None, 0, str(error))


async def _difference(chain: Chain, probe: Probe, one_way: bytes) -> Probed:
    """What our wallet holds after the round trip beyond what it holds after the way there alone.

    Fees and rents are the same in both, so the difference is what came back, to the lamport: provided that
    nothing else moved in between, which is why the way there is asked about twice.
    """
    for _ in range(TRIES):
        before = await _simulate(chain, probe, one_way)
        whole = await _simulate(chain, probe, probe.message)
        if whole.error is not None:
            return Probed(probe, whole, 0)
        after = await _simulate(chain, probe, one_way)
        spent, kept = _lamports(before), _lamports(whole)
        if before.error is None and spent == _lamports(after) and spent is not None and kept is not None:
            return Probed(probe, whole, kept - spent)
    return Probed(probe, None, 0, "the wallet or the price moved during the probe")


async def _simulate(chain: Chain, probe: Probe, message: bytes) -> Simulation:
    return await chain.simulate(unsigned(message), accounts=[probe.measured])


def _lamports(simulation: Simulation) -> int | None:
    account = _measured(simulation)
    return None if account is None else account.lamports


def _tokens(simulation: Simulation) -> int:
    account = _measured(simulation)
    return read_token_account(account).amount if account is not None and is_token_account(account) else 0


def _measured(simulation: Simulation) -> Account | None:
    return next(iter(simulation.accounts), None)
