"""A slice of `make soak`: a short flood leaves nothing unaccounted for and does not grow."""

import pytest
from tests.crash.soak import soak, well

from chimera.roles.topics import MARKET_CAPACITY


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_flood_does_not_grow_and_a_slow_subscriber_loses_the_oldest_by_number() -> None:
    told = await soak(seconds=20.0, rate=3_000, slice_s=3.0)
    assert well(told), told
    assert told["updates_sent"] > MARKET_CAPACITY
    assert told["slow_subscriber"]["waiting"] == MARKET_CAPACITY
    assert told["slow_subscriber"]["dropped"] > 0
