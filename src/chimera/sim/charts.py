"""Lines and bars as SVG text, without a script or a font of its own. Must not know what they show."""

from collections.abc import Callable, Sequence
from html import escape

WIDTH, HEIGHT = 960, 240
LEFT, RIGHT, TOP, BOTTOM = 72, 12, 12, 28
POINTS_MAX = 1_200  # more than pixels help nobody; extremes of each group of points are kept

Point = tuple[float, float]
Scale = Callable[[float], float]


def line(
    points: Sequence[Point], *, title: str, unit: str, marks: Sequence[tuple[Point, str, str]] = ()
) -> str:
    """A line over time; x is seconds since the start, `marks` are (point, class, words)."""
    if len(points) < 2:
        return _empty(title)
    lows, highs = min(y for _, y in points), max(y for _, y in points)
    x, y = _scale(points[0][0], points[-1][0], LEFT, WIDTH - RIGHT), _scale(lows, highs, HEIGHT - BOTTOM, TOP)
    path = "M" + "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in _thinned(points))
    dots = "".join(
        f'<circle class="{escape(kind)}" cx="{x(a):.1f}" cy="{y(b):.1f}" r="3.5">'
        f"<title>{escape(words)}</title></circle>"
        for (a, b), kind, words in marks
    )
    return _frame(title, f"{_grid(lows, highs, y, unit)}{_times(points[0][0], points[-1][0], x)}"
                         f'<path class="line" d="{path}"/>{dots}')  # fmt: skip


def area(points: Sequence[Point], *, title: str, unit: str) -> str:
    """A filled line from zero, for falls and exposure."""
    if len(points) < 2:
        return _empty(title)
    lows, highs = min(0.0, *(y for _, y in points)), max(0.0, *(y for _, y in points))
    x, y = _scale(points[0][0], points[-1][0], LEFT, WIDTH - RIGHT), _scale(lows, highs, HEIGHT - BOTTOM, TOP)
    shown = _thinned(points)
    path = f"M{x(shown[0][0]):.1f} {y(0):.1f}L" + "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in shown)
    path += f"L{x(shown[-1][0]):.1f} {y(0):.1f}Z"
    return _frame(title, f"{_grid(lows, highs, y, unit)}{_times(points[0][0], points[-1][0], x)}"
                         f'<path class="area" d="{path}"/>')  # fmt: skip


def bars(values: Sequence[tuple[str, float]], *, title: str, unit: str) -> str:
    """One horizontal bar a name, from zero to the left or right."""
    if not values:
        return _empty(title)
    low, high = min(0.0, *(value for _, value in values)), max(0.0, *(value for _, value in values))
    x = _scale(low, high, 200, WIDTH - 110)
    row = 24
    parts = []
    for number, (name, value) in enumerate(values):
        left, right = sorted((x(0), x(value)))
        top = TOP + number * row
        kind = "loss" if value < 0 else "gain"
        parts.append(
            f'<text class="name" x="190" y="{top + 15}">{escape(name)}</text>'
            f'<rect class="{kind}" x="{left:.1f}" y="{top + 3}" width="{max(1.0, right - left):.1f}" height="16"/>'
            f'<text class="value" x="{max(right, x(0)) + 6:.1f}" y="{top + 15}">'
            f"{number_text(value)} {escape(unit)}</text>"
        )
    return _frame(title, "".join(parts), height=TOP + row * len(values) + 8)


def number_text(value: float) -> str:
    """As many digits as a person reads: six significant ones at most."""
    return f"{value:,.0f}" if abs(value) >= 100_000 else f"{value:,.6g}"


def _frame(title: str, body: str, *, height: int = HEIGHT) -> str:
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}">{body}</svg></figure>'
    )


def _empty(title: str) -> str:
    return f"<figure><figcaption>{escape(title)}</figcaption><p>Not enough data.</p></figure>"


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def _grid(low: float, high: float, y: Scale, unit: str) -> str:
    steps = [low + (high - low) * part / 4 for part in range(5)]
    return (
        "".join(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(step):.1f}" y2="{y(step):.1f}"/>'
            f'<text class="axis" x="{LEFT - 6}" y="{y(step) + 4:.1f}">{number_text(step)}</text>'
            for step in dict.fromkeys(steps)
        )
        + f'<text class="unit" x="{LEFT}" y="{HEIGHT - 4}">{escape(unit)}</text>'
    )


def _times(start: float, end: float, x: Scale) -> str:
    return "".join(
        f'<text class="time" x="{x(at):.1f}" y="{HEIGHT - 10}">{_span_text(at - start)}</text>'
        for at in (start + (end - start) * part / 4 for part in range(1, 4))
    )


def _span_text(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3_600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} d"


def _thinned(points: Sequence[Point]) -> list[Point]:
    """The first, the last, and of each group the lowest and the highest."""
    if len(points) <= POINTS_MAX:
        return list(points)
    size = -(-len(points) * 2 // POINTS_MAX)
    kept = [points[0]]
    for start in range(1, len(points) - 1, size):
        group = points[start : min(start + size, len(points) - 1)]
        low, high = min(group, key=lambda p: p[1]), max(group, key=lambda p: p[1])
        kept += sorted({low, high})
    return [*kept, points[-1]]
