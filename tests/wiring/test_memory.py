"""What a start made for good is left out of collections, and is freed all the same once nobody holds it."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from chimera.wiring.memory import keep_for_good


class Thing:
    """Something that a weak reference can follow."""


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_is_there_is_not_walked_again_and_freed_when_nobody_holds_it() -> None:
    held = [Thing() for _ in range(1_000)]
    followed = weakref.ref(held[0])
    assert keep_for_good() >= 1_000
    walked = gc.get_objects()
    assert not any(one is held[1] for one in walked)
    del walked
    held.clear()
    assert followed() is None


def test_what_was_garbage_before_is_collected_first() -> None:
    one, other = Thing(), Thing()
    one.other, other.other = other, one  # type: ignore[attr-defined]
    followed = weakref.ref(one)
    del one, other
    keep_for_good()
    assert followed() is None
