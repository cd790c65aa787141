"""Time cut into stretches to learn on and later ones to be tested on. Must not know what is learnt."""

import msgspec

from chimera.domain.errors import ConfigError


class Split(msgspec.Struct, frozen=True):
    """Unix milliseconds; between the two lies the embargo, in which nobody trades."""

    learn_from_ms: int
    learn_to_ms: int
    test_from_ms: int
    test_to_ms: int


def walk_forward(from_ms: int, to_ms: int, *, folds: int, embargo_ms: int) -> list[Split]:
    """`folds` splits: each learns on all from the start, and is tested on the stretch after it.

    The embargo keeps what was bought while learning from being sold while testing. Raises ConfigError where a
    stretch would be no longer than it.
    """
    if folds < 1:
        raise ConfigError("--folds: at least one")
    length = (to_ms - from_ms) // (folds + 1)
    if length <= embargo_ms:
        raise ConfigError(
            f"--folds {folds}: stretches of {length / 1_000:.0f} s are no longer than the embargo of "
            f"{embargo_ms / 1_000:.0f} s; give more data, fewer folds or a shorter --embargo"
        )
    return [
        Split(
            learn_from_ms=from_ms,
            learn_to_ms=from_ms + number * length,
            test_from_ms=from_ms + number * length + embargo_ms,
            test_to_ms=to_ms if number == folds else from_ms + (number + 1) * length,
        )
        for number in range(1, folds + 1)
    ]
