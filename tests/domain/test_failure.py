"""Errors fall into few classes, as nodes and programs write them; what may be tried again hangs on the class."""

import pytest

from chimera.domain.failure import Failure, of_error, of_refusal
from chimera.domain.risk import Reason, Refusal
from chimera.plugins import venues

CPMM_SLIPPED = frozenset({6005})


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ("InstructionError(3, Custom(6005))", Failure.SLIPPAGE),
        ('{"InstructionError":[3,{"Custom":6005}]}', Failure.SLIPPAGE),
        ("InstructionError(3, Custom(6000))", Failure.TRANSACTION),
        ("InstructionError(3, Custom(1))", Failure.TRANSACTION),
        ("InsufficientFundsForFee", Failure.FUNDS),
        ('{"InsufficientFundsForRent":{"account_index":1}}', Failure.FUNDS),
        ("BlockhashNotFound", Failure.TIMEOUT),
        ("AccountNotFound", Failure.VALIDATION),
        ("InstructionError(0, ComputationalBudgetExceeded)", Failure.TRANSACTION),
    ],
)
def test_a_transactions_error_has_a_class(error: str, failure: Failure) -> None:
    assert of_error(error, CPMM_SLIPPED) is failure


@pytest.mark.parametrize(
    ("refusal", "failure"),
    [
        (Refusal(Reason.SIMULATION_FAILED, observed="InstructionError(3, Custom(6005))"), Failure.SLIPPAGE),
        (Refusal(Reason.SIMULATION_UNAVAILABLE, observed="timed out"), Failure.CONNECTION),
        (Refusal(Reason.STALE_DATA), Failure.STALE),
        (Refusal(Reason.KILL_SWITCH), Failure.BREAKER),
        (Refusal(Reason.NOT_READY, observed="signer: no session"), Failure.SIGNING),
        (Refusal(Reason.NOT_READY, observed="the process ended before it was signed"), Failure.STALE),
        (Refusal(Reason.TRANSACTION_TOO_LARGE), Failure.VALIDATION),
    ],
)
def test_what_was_given_up_before_signing_has_a_class(refusal: Refusal, failure: Failure) -> None:
    assert of_refusal(refusal, CPMM_SLIPPED) is failure


@pytest.mark.parametrize("failure", [Failure.FUNDS, Failure.VALIDATION, Failure.BREAKER])
def test_what_would_fail_again_is_not_tried_again(failure: Failure) -> None:
    assert not failure.worth_retrying


def test_every_venue_says_how_it_tells_that_the_price_moved() -> None:
    assert {
        name: bool(getattr(venue, "slippage_errors", ())) for name, venue in venues().items()
    } == dict.fromkeys(venues(), True)
