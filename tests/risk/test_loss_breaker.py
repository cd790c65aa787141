"""When the loss breaker opens, how it comes back, and what a reset clears."""

from chimera.domain.messages import BreakerMoved, Entry
from chimera.risk.loss_breaker import NAME, BreakerState, LossBreaker, LossLimits

SOL = 10**9
PRICE = 150 * 10**6


def breaker(**limits: int) -> LossBreaker:
    return LossBreaker(LossLimits(**limits))


def obey(subject: LossBreaker, now_ms: int) -> BreakerMoved | None:
    moved = subject.advance(now_ms, PRICE)
    if moved is not None:
        subject.apply(Entry(1, now_ms, "run", moved))
    return moved


def test_five_losses_in_a_row_open_it_and_a_gain_in_between_does_not() -> None:
    subject = breaker()
    for at in range(4):
        subject.see_closed(-1, at)
    subject.see_closed(5, 4)
    for at in range(5, 9):
        subject.see_closed(-1, at)
    assert obey(subject, 9) is None
    subject.see_closed(0, 9)
    assert obey(subject, 10) is None, "a trade of exactly nothing is no loss"
    subject.see_closed(-1, 10)
    moved = obey(subject, 11)
    assert moved is not None
    assert moved.cause == "5 losses in a row, limit 5"
    assert subject.review() is not None


def test_a_loss_of_more_than_the_limit_in_24_hours_opens_it_and_an_older_one_is_forgotten() -> None:
    subject = breaker()
    subject.see_closed(-4 * SOL, 0)
    assert obey(subject, 86_400_001) is None
    subject.see_closed(-4 * SOL, 86_400_002)
    moved = obey(subject, 86_400_003)
    assert moved is not None
    assert moved.cause == "lost 600 USD in 24 hours, limit 500"


def test_a_drawdown_below_the_peak_opens_it() -> None:
    subject = breaker()
    subject.see_equity(10 * SOL)
    subject.see_equity(8_500_000_000)
    assert obey(subject, 1) is None
    subject.see_equity(8_499_999_999)
    moved = obey(subject, 2)
    assert moved is not None
    assert moved.cause.startswith("drawdown 1501 bps")


def opened(at: int) -> LossBreaker:
    subject = breaker(losses_in_row_max=1, cooldown_ms=1_000)
    subject.see_closed(-1, at)
    assert obey(subject, at) is not None
    return subject


def test_after_the_cooldown_a_gain_closes_it() -> None:
    subject = opened(0)
    assert subject.cooldown_remaining_ms(400) == 600
    assert obey(subject, 999) is None
    assert obey(subject, 1_000) is not None
    assert subject.state is BreakerState.HALF_OPEN
    assert subject.review() is None
    subject.see_closed(7, 1_500)
    assert obey(subject, 1_501) is not None
    assert subject.state is BreakerState.CLOSED


def test_after_the_cooldown_a_loss_opens_it_again() -> None:
    subject = opened(0)
    obey(subject, 1_000)
    subject.see_closed(-7, 1_500)
    obey(subject, 1_501)
    assert subject.state is BreakerState.OPEN


def test_a_reset_clears_what_had_tripped_it() -> None:
    subject = opened(0)
    subject.apply(Entry(2, 5, "run", BreakerMoved(NAME, "OPEN", "CLOSED", "looked at it", "admin")))
    assert obey(subject, 6) is None
    assert subject.losses_in_row == 0
