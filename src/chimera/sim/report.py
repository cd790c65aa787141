"""A result as one HTML file that needs nothing else, and several results side by side.

No script, no network, no font: it opens from a mail or a CI artefact. Words from outside are escaped.
"""

import csv
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from io import StringIO
from itertools import pairwise

import msgspec

from chimera.domain.units import LAMPORTS_PER_SOL, sol_text
from chimera.sim import charts
from chimera.sim.evidence import TRADES_MIN, Evidence, Interval, drawdown
from chimera.sim.result import EquityPoint, Result, RoundTrip

TRIPS_SHOWN = 500  # the JSON beside it has them all
NOT_ENOUGH = "not enough data"
SHORT_FROM = 20  # letters: no symbol is that long, every address is longer
FORMULA = ("=", "+", "-", "@")

STYLE = """
:root{color-scheme:dark light;--bg:#0d1117;--fg:#e6edf3;--head:#161b22;
--dim:#9aa7b4;--line:#58a6ff;--gain:#3fb950;--loss:#f85149;--rule:#30363d;
--s1:#d29922;--s2:#bc8cff;--s3:#39c5cf;--s4:#f778ba;--s5:#8b949e}
@media(prefers-color-scheme:light){:root{--bg:#fff;--fg:#1f2328;--head:#f6f8fa;
--dim:#59636e;--line:#0969da;--gain:#1a7f37;--loss:#cf222e;--rule:#d1d9e0;
--s1:#9a6700;--s2:#8250df;--s3:#1b7c83;--s4:#bf3989;--s5:#59636e}}
body{background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif;margin:0 auto;
max-width:66rem;padding:1.5rem;font-variant-numeric:tabular-nums}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p.dim,figcaption,th,td.dim{color:var(--dim)}
table{border-collapse:collapse;width:100%;font-size:.9rem;margin-bottom:1rem}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--rule);vertical-align:top}
tr:hover td{background:var(--head)}td.n,th.n,td.when{white-space:nowrap}
td.n,th.n{text-align:right}.gain{color:var(--gain);fill:var(--gain)}.loss{color:var(--loss);fill:var(--loss)}
.scroll{overflow-x:auto}figure{margin:1.2rem 0}svg{width:100%;height:auto;display:block}
.line{fill:none;stroke:var(--line);stroke-width:1.6}circle.line{fill:var(--bg)}
.area{opacity:.45;fill:var(--loss)}.area.held{fill:var(--line)}.grid{stroke:var(--rule)}
.hover{fill:transparent}.hover:hover{fill:var(--dim);opacity:.18}
.series-1{stroke:var(--s1);color:var(--s1)}.series-2{stroke:var(--s2);color:var(--s2)}
.series-3{stroke:var(--s3);color:var(--s3)}.series-4{stroke:var(--s4);color:var(--s4)}
.series-5{stroke:var(--s5);color:var(--s5)}.key{white-space:nowrap;margin-left:.9rem}.key.series-0{color:var(--line)}
.key::before{content:"\\2014\\00a0"}
text{fill:var(--dim);font-size:12px}.axis,.name{text-anchor:end}
code{overflow-wrap:anywhere}a{color:var(--line)}
.time{text-anchor:middle}.unit{font-size:11px}
@media(max-width:640px){body{padding:.9rem}figure svg{min-width:40rem}text{font-size:14px}
th,td{padding:.3rem .4rem}}
@media print{body{max-width:none}.hover{display:none}}
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
        charts.bars(_costs(result.trips), title="All closed round trips", unit="SOL"),
        "<h2>By token, strategy and regime</h2>",
        _groups(trips, "Token", lambda trip: trip.symbol or trip.mint),
        _groups(trips, "Strategy", lambda trip: trip.strategy),
        _groups(trips, "Regime", lambda trip: trip.regime or "none told"),
        "<h2>What was refused</h2>",
        _refusals(result),
        "<h2>Round trips</h2>",
        _trips(result.trips),
        _downloads(result),
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
        ("As good with random signs", lambda r: _probability(r.evidence.chance_of_luck)),
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
    equity = charts.lines(
        [(result.name, _gained(result)) for result in results], title="Earned since the start", unit="SOL"
    )
    return _document("Runs compared", f"<h1>Runs compared</h1>{equity}{table}")


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
            f"{profit * 100 / result.start_lamports:+.2f} %" if result.start_lamports else "unknown",
        ),
        ("Round trips", f"{len(closed)} closed, {len(result.trips) - len(closed)} open"),
        ("Won", _share(won, len(closed))),
        ("Deepest fall of the equity", f"{sol_text(_fall(result))} SOL"),
        ("Fees, tips and rent", f"{sol_text(sum(_paid(trip) for trip in result.trips))} SOL"),
        ("Market events", f"{counts.events:,}"),
        (
            "Intents",
            f"{counts.emitted:,}: "
            + ", ".join(
                f"{getattr(counts, name):,} {name}"
                for name in ("refused", "landed", "reverted", "expired", "dropped")
            ),
        ),
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
            points,
            title="Equity, with every buy and sale: rings are buys; dots are sales, green at a gain, red at a loss",
            unit="SOL",
            marks=marks[: 4 * TRIPS_SHOWN],
        )
        + charts.area(falls, title="Below its highest point", unit="SOL")
        + charts.area(exposure, title="In positions", unit="SOL", kind="held")
    )


def _evidence(found: Evidence) -> str:
    if found.sharpe is None or found.drawdown is None:
        return (
            f"<p>{NOT_ENOUGH.capitalize()}: {found.trades} closed round trips, and below {TRADES_MIN} "
            "no figure that rests on chance means anything.</p>"
        )
    falls = (found.drawdown.seen, found.drawdown.median, found.drawdown.worst_of_20)
    rows = [
        (
            "Profit of a round trip, SOL",
            _interval(found.profit_mean_lamports, LAMPORTS_PER_SOL),
            "a range that holds zero proves no profit",
        ),
        ("Won", _interval(found.win_rate, 0.01, " %"), ""),
        (
            "Sharpe ratio of a round trip",
            _interval(found.sharpe),
            "mean by deviation; not of a year, since round trips are no days",
        ),
        (
            f"Deflated Sharpe, after {found.trials} tried",
            _probability(found.deflated_sharpe),
            "how likely the ratio is real; below 95 % it may be the luckiest of those tried",
        ),
        (
            "As good with random signs",
            _probability(found.chance_of_luck),
            "how often coins in the place of decisions would have earned as much",
        ),
        (
            "Fall of closed profits: as it was, median order, one order in 20",
            " / ".join(f"{sol_text(fall)}" for fall in falls) + " SOL",
            "the same round trips in other orders; what was open meanwhile is not in it",
        ),
    ]
    body = "".join(
        f'<tr><th>{name}</th><td>{value}</td><td class="dim">{meaning}</td></tr>'
        for name, value, meaning in rows
    )
    return f'<div class="scroll"><table>{body}</table></div>'


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
        f"<tr><td>{_named(group)}</td><td class=n>{len(some)}</td>"
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
        f'<tr><td class="when">{_moment(trip.opened_at_ms)}</td><td class=n>{_held(trip)}</td>'
        f"<td>{escape(trip.strategy)}</td><td>{_named(trip.symbol or trip.mint)}</td>"
        f"<td class=n>{sol_text(trip.spent_lamports)}</td>"
        f"<td class=n>{_signed(trip.profit_lamports) if trip.closed_at_ms is not None else 'open'}</td>"
        f"<td class=n>{_gain(trip)}</td><td>{escape(trip.entry)}</td><td>{escape(trip.exit)}</td></tr>"
        for trip in trips[:TRIPS_SHOWN]
    )
    more = len(trips) - TRIPS_SHOWN
    told = f"<p>{more:,} more are in the download, and in the JSON.</p>" if more > 0 else ""
    return (
        '<div class="scroll"><table><tr><th>Opened, UTC</th><th class=n>Held</th><th>Strategy</th><th>Token</th>'
        "<th class=n>Spent, SOL</th><th class=n>Profit, SOL</th><th class=n>Of it</th><th>Why</th>"
        f"<th>Sold because</th></tr>{rows}</table></div>{told}"
    )


def _downloads(result: Result) -> str:
    """Tables for a spreadsheet, inside the page: it stays one file."""
    trips = _csv(RoundTrip.__struct_fields__, (msgspec.structs.astuple(trip) for trip in result.trips))
    equity = _csv(EquityPoint.__struct_fields__, (msgspec.structs.astuple(point) for point in result.equity))
    links = " · ".join(
        f'<a download="{name}.csv" href="data:text/csv;base64,{b64encode(table).decode()}">{name}.csv</a>'
        for name, table in (("round-trips", trips), ("equity", equity))
    )
    return f"<h2>Downloads</h2><p>{links}</p>"


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    table = StringIO()
    writer = csv.writer(table)
    writer.writerow(head)
    for row in rows:
        # a reason that begins as a formula does would be one in a spreadsheet
        writer.writerow(
            [f"'{cell}" if isinstance(cell, str) and cell[:1] in FORMULA else cell for cell in row]
        )
    return table.getvalue().encode()


def _named(token: str) -> str:
    """A symbol as it is; of an address both ends, and all of it under the pointer."""
    if len(token) < SHORT_FROM:
        return escape(token)
    return f'<span title="{escape(token)}">{escape(token[:6])}…{escape(token[-4:])}</span>'


def _held(trip: RoundTrip) -> str:
    return (
        "" if trip.closed_at_ms is None else charts.span_text((trip.closed_at_ms - trip.opened_at_ms) / 1e3)
    )


def _gain(trip: RoundTrip) -> str:
    if trip.closed_at_ms is None or not trip.spent_lamports:
        return ""
    return f"{trip.profit_lamports * 100 / trip.spent_lamports:+.2f} %"


def _gained(result: Result) -> list[charts.Point]:
    start = result.start_lamports / LAMPORTS_PER_SOL
    return [(at, value - start) for at, value in _equity(result)]


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


def _interval(found: Interval | None, unit: float = 1.0, sign: str = "") -> str:
    """To three digits: more would be chance."""
    if found is None:
        return NOT_ENOUGH
    value, low, high = (f"{part / unit:.3g}" for part in (found.value, found.low, found.high))
    return f"{value}{sign} ({low} to {high}{sign}, {found.confidence * 100:.0f} % sure)"


def _probability(found: float | None) -> str:
    return NOT_ENOUGH if found is None else f"{found * 100:.1f} %"


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1e3, UTC).strftime("%Y-%m-%d %H:%M:%S")
