"""Clocks tell unix milliseconds; the stepped one moves only when told to."""

import time

import pytest

from chimera.adapters.clocks import SteppedClock, WallClock
from chimera.ports.runtime import Clock


def test_the_wall_clock_tells_unix_milliseconds() -> None:
    clock: Clock = WallClock()
    assert abs(clock.now_ms() - time.time() * 1000) < 1_000
    assert clock.monotonic_ns() <= clock.monotonic_ns()


def test_a_stepped_clock_moves_only_when_told_to() -> None:
    clock = SteppedClock(100)
    as_port: Clock = clock
    assert as_port.now_ms() == 100
    clock.advance(5)
    assert (clock.now_ms(), clock.monotonic_ns()) == (105, 5_000_000)
    clock.advance_to(90)
    assert clock.now_ms() == 105
    clock.advance_to(200)
    assert clock.now_ms() == 200
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)
