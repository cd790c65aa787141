"""A result as one HTML file that needs nothing else, and several results side by side.

No script, no network, no font: it opens from a mail or a CI artefact. Words from outside are escaped.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import pairwise

import msgspec

from chimera.domain.units import LAMPORTS_PER_SOL, sol_text
from chimera.sim import charts
from chimera.sim.evidence import TRADES_MIN, Evidence, Interval, drawdown
from chimera.sim.result import Result, RoundTrip

TRIPS_SHOWN = 500  # the JSON beside it has them all
NOT_ENOUGH = "not enough data"

STYLE = """
:root{color-scheme:dark light;--bg:#0d1117;--fg:#e6edf3;
--dim:#9aa7b4;--line:#58a6ff;--gain:#3fb950;--loss:#f85149;--rule:#30363d}
@media(prefers-color-scheme:light){:root{--bg:#fff;--fg:#1f2328;
--dim:#59636e;--line:#0969da;--gain:#1a7f37;--loss:#cf222e;--rule:#d1d9e0}}
body{background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif;margin:0 auto;
max-width:62rem;padding:1.5rem;font-variant-numeric:tabular-nums}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p.dim,figcaption,th{color:var(--dim)}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--rule)}
td.n,th.n{text-align:right}.gain{color:var(--gain);fill:var(--gain)}.loss{color:var(--loss);fill:var(--loss)}
.scroll{overflow-x:auto}figure{margin:1rem 0}svg{width:100%;height:auto}
.line{fill:none;stroke:var(--line);stroke-width:1.6}
.area{fill:var(--loss);opacity:.45}.grid{stroke:var(--rule)}text{fill:var(--dim);font-size:11px}.axis,.name{text-anchor:end}
code{overflow-wrap:anywhere}
.time{text-anchor:middle}.unit{font-size:10px}
"""


def page(result: Result) -> str:
    """The whole report."""
    trips = result.closed
    parts = [
        _head(result),
        _figures(result),
        _told(result),
        _money(result),
        "<h2>What it proves</h2>",
        _evidence(result.evidence),
        "<h2>Where the money went</h2>",
        charts.bars(_costs(result.trips), title="All round trips", unit="SOL"),
        "<h2>By token, strategy and regime</h2>",
        _groups(trips, "Token", lambda trip: trip.symbol or trip.mint),
        _groups(trips, "Strategy", lambda trip: trip.strategy),
        _groups(trips, "Regime", lambda trip: trip.regime or "unknown"),
        "<h2>What was refused</h2>",
        _refusals(result),
        "<h2>Round trips</h2>",
        _trips(result.trips),
    ]
    return _document(f"{result.strategy}: {result.name}", "".join(parts))


def comparison(results: Sequence[Result]) -> str:
    """Several runs, one column each."""
    rows: list[tuple[str, Callable[[Result], str]]] = [
        ("Strategy", lambda r: escape(r.strategy)),
        ("Data", lambda r: escape(r.data)),
        ("Set", lambda r: escape(", ".join(f"{k}={v}" for k, v in r.settings.items()) or "defaults")),
        ("Profit, SOL", lambda r: _signed(r.end_lamports - r.start_lamports)),
        ("Round trips", lambda r: str(len(r.closed))),
        ("Won", lambda r: _share(sum(t.profit_lamports > 0 for t in r.closed), len(r.closed))),
        ("Deepest fall, SOL", lambda r: sol_text(_fall(r))),
        ("Sharpe a round trip", lambda r: _interval(r.evidence.sharpe)),
        ("Deflated Sharpe", lambda r: _probability(r.evidence.deflated_sharpe)),
        ("Chance of luck", lambda r: _probability(r.evidence.chance_of_luck)),
        ("Fees, tips, rent, SOL", lambda r: sol_text(sum(_paid(t) for t in r.trips))),
        ("Reverted / landed", lambda r: f"{r.counts.reverted} / {r.counts.landed}"),
        ("Journal", lambda r: f"<code>{escape(r.journal_hash[:16])}</code>"),
    ]
    head = "".join(f"<th>{escape(result.name)}</th>" for result in results)
    body = "".join(
        f"<tr><th>{name}</th>{''.join(f'<td>{tell(result)}</td>' for result in results)}</tr>"
        for name, tell in rows
    )
    table = f'<div class="scroll"><table><tr><th></th>{head}</tr>{body}</table></div>'
    lines = "".join(
        charts.line(_equity(result), title=f"Equity of {result.name}", unit="SOL") for result in results
    )
    return _document("Runs compared", f"<h1>Runs compared</h1>{table}{lines}")


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        'content="width=device-width,initial-scale=1"><meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>\n"
    )


def _head(result: Result) -> str:
    span = f"{_moment(result.from_ms)} to {_moment(result.to_ms)}"
    changed = ", ".join(f"{name}={value}" for name, value in result.settings.items()) or "defaults"
    return (
        f"<h1>{escape(result.strategy)}</h1>"
        f'<p class="dim">{escape(result.data)}, {span}, seed {result.seed}, {escape(changed)}. '
        f"Journal <code>{escape(result.journal_hash)}</code>.</p>"
    )


def _figures(result: Result) -> str:
    profit = result.end_lamports - result.start_lamports
    closed = result.closed
    won = sum(trip.profit_lamports > 0 for trip in closed)
    counts = result.counts
    cells = [
        ("Profit", f"{_signed(profit)} SOL"),
        (
            "Of the capital",
            f"{profit * 100 / result.start_lamports:.3f} %" if result.start_lamports else "unknown",
        ),
        ("Round trips", f"{len(closed)} closed, {len(result.trips) - len(closed)} open"),
        ("Won", _share(won, len(closed))),
        ("Deepest fall", f"{sol_text(_fall(result))} SOL"),
        ("Intents", ", ".join(f"{count} {name}" for name, count in msgspec.structs.asdict(counts).items())),
    ]
    return (
        "<table>" + "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in cells) + "</table>"
    )


def _told(result: Result) -> str:
    return f"<ul>{''.join(f'<li>{escape(word)}</li>' for word in result.told)}</ul>" if result.told else ""


def _money(result: Result) -> str:
    start = result.equity[0].at_ms if result.equity else 0
    points = _equity(result)
    at = dict(points)
    times = sorted(at)
    marks = []
    for trip in result.trips:
        for when, kind, words in (
            (trip.opened_at_ms, "line", f"bought {trip.symbol}: {trip.entry}"),
            (
                trip.closed_at_ms,
                "gain" if trip.profit_lamports > 0 else "loss",
                f"sold {trip.symbol}: {trip.exit}",
            ),
        ):
            if when is not None and times:
                x = (when - start) / 1e3
                marks.append(((x, at[_last(times, x)]), kind, words))
    best = 0
    falls = []
    for point in result.equity:
        best = max(best, point.equity_lamports)
        falls.append(((point.at_ms - start) / 1e3, (point.equity_lamports - best) / LAMPORTS_PER_SOL))
    exposure = [((p.at_ms - start) / 1e3, p.exposure_lamports / LAMPORTS_PER_SOL) for p in result.equity]
    return (
        charts.line(
            points, title="Equity, with every buy and sale", unit="SOL", marks=marks[: 4 * TRIPS_SHOWN]
        )
        + charts.area(falls, title="Below its highest point", unit="SOL")
        + charts.area(exposure, title="In positions", unit="SOL")
    )


def _evidence(found: Evidence) -> str:
    if found.sharpe is None or found.drawdown is None:
        return (
            f"<p>{NOT_ENOUGH.capitalize()}: {found.trades} closed round trips, and below {TRADES_MIN} "
            "no figure that rests on chance means anything.</p>"
        )
    mean = found.profit_mean_lamports
    falls = (found.drawdown.seen, found.drawdown.median, found.drawdown.worst_of_20)
    rows = [
        ("Profit of a round trip, SOL", _interval(mean, LAMPORTS_PER_SOL)),
        ("Won", _interval(found.win_rate)),
        ("Sharpe ratio of a round trip", _interval(found.sharpe)),
        (f"Deflated Sharpe, after {found.trials} tried", _probability(found.deflated_sharpe)),
        ("As good with random signs", _probability(found.chance_of_luck)),
        ("Deepest fall: seen, median order, one order in 20", " / ".join(sol_text(fall) for fall in falls)),
    ]
    return (
        "<table>" + "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows) + "</table>"
    )


def _costs(trips: Sequence[RoundTrip]) -> list[tuple[str, float]]:
    closed = [trip for trip in trips if trip.closed_at_ms is not None]
    before = sum(trip.received_lamports - trip.spent_lamports + trip.impact_lamports for trip in closed)
    return [
        (name, lamports / LAMPORTS_PER_SOL)
        for name, lamports in (
            ("before all costs", before),
            ("venues and own impact", -sum(trip.impact_lamports for trip in closed)),
            ("network fees", -sum(trip.fee_lamports for trip in closed)),
            ("tips", -sum(trip.tip_lamports for trip in closed)),
            ("rent", -sum(trip.rent_lamports for trip in closed)),
            ("profit", sum(trip.profit_lamports for trip in closed)),
        )
    ]


def _groups(trips: Sequence[RoundTrip], name: str, key: Callable[[RoundTrip], str]) -> str:
    groups: defaultdict[str, list[RoundTrip]] = defaultdict(list)
    for trip in trips:
        groups[key(trip)].append(trip)
    rows = "".join(
        f"<tr><td>{escape(group)}</td><td class=n>{len(some)}</td>"
        f"<td class=n>{_share(sum(trip.profit_lamports > 0 for trip in some), len(some))}</td>"
        f"<td class=n>{_signed(sum(trip.profit_lamports for trip in some))}</td></tr>"
        for group, some in sorted(
            groups.items(), key=lambda item: -sum(trip.profit_lamports for trip in item[1])
        )
    )
    return (
        f'<div class="scroll"><table><tr><th>{name}</th><th class=n>Round trips</th><th class=n>Won</th>'
        f"<th class=n>Profit, SOL</th></tr>{rows}</table></div>"
    )


def _refusals(result: Result) -> str:
    if not result.refusals:
        return "<p>Nothing.</p>"
    rows = "".join(
        f"<tr><td><code>{escape(reason)}</code></td><td class=n>{count}</td></tr>"
        for reason, count in sorted(result.refusals.items(), key=lambda item: -item[1])
    )
    return f"<table>{rows}</table>"


def _trips(trips: Sequence[RoundTrip]) -> str:
    rows = "".join(
        f"<tr><td>{_moment(trip.opened_at_ms)}</td><td>{escape(trip.strategy)}</td>"
        f"<td>{escape(trip.symbol or trip.mint[:8])}</td><td class=n>{sol_text(trip.spent_lamports)}</td>"
        f"<td class=n>{_signed(trip.profit_lamports) if trip.closed_at_ms is not None else 'open'}</td>"
        f"<td>{escape(trip.entry)}</td><td>{escape(trip.exit)}</td></tr>"
        for trip in trips[:TRIPS_SHOWN]
    )
    more = f"<p>{len(trips) - TRIPS_SHOWN:,} more stand in the JSON.</p>" if len(trips) > TRIPS_SHOWN else ""
    return (
        '<div class="scroll"><table><tr><th>Opened</th><th>Strategy</th><th>Token</th><th class=n>Spent</th>'
        f"<th class=n>Profit</th><th>Why</th><th>Sold because</th></tr>{rows}</table></div>{more}"
    )


def _equity(result: Result) -> list[charts.Point]:
    start = result.equity[0].at_ms if result.equity else 0
    return [((p.at_ms - start) / 1e3, p.equity_lamports / LAMPORTS_PER_SOL) for p in result.equity]


def _fall(result: Result) -> int:
    values = [point.equity_lamports for point in result.equity]
    return drawdown([after - before for before, after in pairwise(values)])


def _paid(trip: RoundTrip) -> int:
    return trip.fee_lamports + trip.tip_lamports + trip.rent_lamports


def _last(times: Sequence[float], at: float) -> float:
    """The newest of `times` (sorted) that is not after `at`; the first where all are."""
    low, high = 0, len(times)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if times[middle] <= at else (low, middle)
    return times[max(0, low - 1)]


def _signed(lamports: int) -> str:
    kind = "loss" if lamports < 0 else "gain"
    return f'<span class="{kind}">{"+" if lamports > 0 else ""}{sol_text(lamports)}</span>'


def _share(some: int, all_of_them: int) -> str:
    return f"{some * 100 / all_of_them:.0f} %" if all_of_them else "none"


def _interval(found: Interval | None, unit: float = 1.0) -> str:
    if found is None:
        return NOT_ENOUGH
    value, low, high = (charts.number_text(part / unit) for part in (found.value, found.low, found.high))
    return f"{value} ({low} to {high}, {found.confidence:.0%})"


def _probability(found: float | None) -> str:
    return NOT_ENOUGH if found is None else f"{found:.1%}"


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1e3, UTC).strftime("%Y-%m-%d %H:%M:%S")
