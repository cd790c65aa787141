"""How much to send through a circle: the amount that leaves most, found with a bounded number of exact quotes.

What comes back grows ever more slowly with what goes in, so the gain has one summit; a golden section walks up to it.
Must not know pools or costs.
"""

from collections.abc import Callable

STEPS = 24  # each leaves 62 % of the range: the whole of it shrinks a hundred thousand times
GOLDEN = (618_034, 1_000_000)

Out = Callable[[int], int | None]
"""What comes back for an amount, exactly; None where a pool refuses it."""


def best_amount(out: Out, low: int, high: int) -> tuple[int, int] | None:
    """(amount, gain) with the largest gain seen between the two bounds, which may be negative.

    None where the circle takes no amount at all. Asks at most STEPS + 4 times.
    """
    seen: dict[int, int | None] = {}

    def gain(amount: int) -> int | None:
        if amount not in seen:
            back = out(amount)
            seen[amount] = None if back is None else back - amount
        return seen[amount]

    bottom, top = low, high
    left, right = _inner(bottom, top)
    gain(low)
    gain(high)
    for _ in range(STEPS):
        if top - bottom < 3:
            break
        one, other = gain(left), gain(right)
        # what is refused is too much, or, where both are, nothing is known but that less may do
        if other is None or (one is not None and one >= other):
            top, right = right, left
            left = min(_inner(bottom, top)[0], right)
        else:
            bottom, left = left, right
            right = max(_inner(bottom, top)[1], left)
    found = [(value, -amount) for amount, value in seen.items() if value is not None]
    if not found:
        return None
    most, amount = max(found)  # of equal gains the smallest amount
    return -amount, most


def _inner(bottom: int, top: int) -> tuple[int, int]:
    """The two points of the golden section, rounded towards each other's ends."""
    part = (top - bottom) * GOLDEN[0] // GOLDEN[1]
    return top - part, bottom + part
