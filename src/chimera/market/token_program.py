"""Which token program a mint belongs to, and how it is known: the order in which sources are believed.

The wrong one makes an associated account's address wrong and its creation fail with IncorrectProgramId. Reading
an account is not our business: what nobody has told falls to the oldest program, which most mints use.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from chimera.domain.ids import TOKEN_PROGRAM, Address

VENUE_HINTS: Final = {"pumpfun": TOKEN_PROGRAM, "pump.fun": TOKEN_PROGRAM}
"""What a coin of that venue most likely is, as strategies and feeds spell it. Only a hint: newer coins of the curve
are Token-2022, which their mint or their pool says long before anybody trades them.
"""


class Basis(StrEnum):
    INTENT = "intent"
    CACHE = "cache"
    """The mint's own account, or a pool that trades it."""
    VENUE_HINT = "venue_hint"
    DEFAULT = "default"


class Detected(msgspec.Struct, frozen=True):
    program: Address
    basis: Basis


def detect(
    mint: Address,
    *,
    said: Address | None,
    known: Callable[[Address], Address | None],
    venue: str | None,
) -> Detected:
    """What the intent said, else what is known of the mint, else what its venue suggests, else SPL Token."""
    if said is not None:
        return Detected(said, Basis.INTENT)
    cached = known(mint)
    if cached is not None:
        return Detected(cached, Basis.CACHE)
    hint = VENUE_HINTS.get(venue or "")
    if hint is not None:
        return Detected(hint, Basis.VENUE_HINT)
    return Detected(TOKEN_PROGRAM, Basis.DEFAULT)
