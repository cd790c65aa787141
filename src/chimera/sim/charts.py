"""Lines, areas and bars as SVG text, without a script or a font of its own. Must not know what they show.

Axes have round numbers. What lies under the pointer is told by titles, which browsers show by themselves.
"""

from collections.abc import Callable, Sequence
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 960, 260
LEFT, RIGHT, TOP, BOTTOM = 84, 16, 12, 30
POINTS_MAX = 1_200  # more than pixels help nobody; extremes of each group of points are kept
HOVERS = 96  # columns that tell their value: ten pixels each
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
SPANS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)
COLOURS = 6
"""Classes `series-0` and on; more lines begin again."""

Point = tuple[float, float]
Scale = Callable[[float], float]


def line(
    points: Sequence[Point], *, title: str, unit: str, marks: Sequence[tuple[Point, str, str]] = ()
) -> str:
    """A line over time; x is seconds since the start, `marks` are (point, class, words)."""
    if len(points) < 2:
        return _empty(title)
    x, y, grid = _room([points], unit)
    dots = "".join(
        f'<circle class="{escape(kind)}" cx="{x(a):.1f}" cy="{y(b):.1f}" r="3.5">'
        f"<title>{escape(words)}</title></circle>"
        for (a, b), kind, words in marks
    )
    body = f'{grid}<path class="line" d="{_path(points, x, y)}"/>{_hovers(points, x, unit)}{dots}'
    return _frame(title, body)


def lines(named: Sequence[tuple[str, Sequence[Point]]], *, title: str, unit: str) -> str:
    """Several lines over the same time, each named below the title in its own colour."""
    drawn = [(name, points) for name, points in named if len(points) >= 2]
    if not drawn:
        return _empty(title)
    x, y, grid = _room([points for _, points in drawn], unit)
    paths = "".join(
        f'<path class="line series-{at % COLOURS}" d="{_path(points, x, y)}"><title>{escape(name)}</title></path>'
        for at, (name, points) in enumerate(drawn)
    )
    names = " ".join(
        f'<span class="key series-{at % COLOURS}">{escape(name)}</span>' for at, (name, _) in enumerate(drawn)
    )
    return _frame(title, grid + paths, legend=names)


def area(points: Sequence[Point], *, title: str, unit: str, kind: str = "loss") -> str:
    """A filled line from zero, for falls (`loss`) and exposure (`held`)."""
    if len(points) < 2:
        return _empty(title)
    x, y, grid = _room([[*points, (points[0][0], 0.0)]], unit)
    shown = _thinned(points)
    path = f"M{x(shown[0][0]):.1f} {y(0):.1f}L" + "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in shown)
    path += f"L{x(shown[-1][0]):.1f} {y(0):.1f}Z"
    return _frame(title, f'{grid}<path class="area {kind}" d="{path}"/>{_hovers(points, x, unit)}')


def bars(values: Sequence[tuple[str, float]], *, title: str, unit: str) -> str:
    """One horizontal bar a name, from zero to the left or right."""
    if not values:
        return _empty(title)
    low, high = min(0.0, *(value for _, value in values)), max(0.0, *(value for _, value in values))
    x = _scale(low, high, 200, WIDTH - 150)
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


def span_text(seconds: float) -> str:
    """A length of time in the unit that fits it."""
    if seconds < 120 and seconds != 60:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3_600:.3g} h" if seconds < 172_800 else f"{seconds / 86_400:.3g} d"


def _room(series: Sequence[Sequence[Point]], unit: str) -> tuple[Scale, Scale, str]:
    """(x, y, grid) that hold all points, between round numbers."""
    start = min(points[0][0] for points in series)
    end = max(max(points, key=lambda point: point[0])[0] for points in series)
    ticks = _ticks(min(y for p in series for _, y in p), max(y for p in series for _, y in p))
    x, y = _scale(start, end, LEFT, WIDTH - RIGHT), _scale(ticks[0], ticks[-1], HEIGHT - BOTTOM, TOP)
    across = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
        f'<text class="axis" x="{LEFT - 8}" y="{y(tick) + 4:.1f}">{number_text(tick)}</text>'
        for tick in ticks
    )
    named = f'<text class="unit" x="{LEFT}" y="{HEIGHT - 9}">{escape(unit)}</text>'
    return x, y, f"{across}{named}{_times(start, end, x)}"


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers, four to eight of them, the first not above `low` and the last not below `high`."""
    span = (high - low) or abs(high) or 1.0
    size = 10.0 ** floor(log10(span / 5))
    step = next(size * step for step in STEPS if size * step * 5 >= span)
    first, last = floor(low / step), max(ceil(high / step), floor(low / step) + 1)
    # a sum of steps would show what floats lose: 0.30000000000000004
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def _times(start: float, end: float, x: Scale) -> str:
    span = (end - start) or 1.0
    step = next((step for step in SPANS_S if step * 7 >= span), 86_400 * ceil(span / 86_400 / 6))
    return "".join(
        f'<text class="time" x="{x(start + at):.1f}" y="{HEIGHT - 9}">{span_text(at)}</text>'
        for at in range(step, int(span * 0.97) + 1, step)
    )


def _hovers(points: Sequence[Point], x: Scale, unit: str) -> str:
    """Columns without a colour that tell the value at their place."""
    every = -(-len(points) // HOVERS)
    chosen = points[::every]
    width = (WIDTH - LEFT - RIGHT) / max(len(chosen), 1)
    return "".join(
        f'<rect class="hover" x="{x(a) - width / 2:.1f}" y="{TOP}" width="{width:.1f}" '
        f'height="{HEIGHT - TOP - BOTTOM}"><title>{span_text(a)}: {number_text(b)} {escape(unit)}</title></rect>'
        for a, b in chosen
    )


def _path(points: Sequence[Point], x: Scale, y: Scale) -> str:
    return "M" + "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in _thinned(points))


def _frame(title: str, body: str, *, height: int = HEIGHT, legend: str = "") -> str:
    return (
        f'<figure><figcaption>{escape(title)} {legend}</figcaption><div class="scroll">'
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">{body}</svg></div></figure>'
    )


def _empty(title: str) -> str:
    return f"<figure><figcaption>{escape(title)}</figcaption><p>Not enough data.</p></figure>"


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


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
