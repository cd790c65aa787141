import csv
import random
import re
from base64 import b64decode
from html.parser import HTMLParser
from io import StringIO

import msgspec
import pytest

from chimera.sim.charts import POINTS_MAX, bars, line
from chimera.sim.evidence import evidence
from chimera.sim.report import comparison, page
from chimera.sim.result import Counts, EquityPoint, Result, RoundTrip

SOL = 1_000_000_000


def trip(number: int, profit: int, symbol: str = "BONK", *, closed: bool = True) -> RoundTrip:
    opened = 1_700_000_000_000 + number * 60_000
    return RoundTrip(
        trade_id=f"t{number}",
        strategy="momentum",
        mint="M" * 43,
        symbol=symbol,
        opened_at_ms=opened,
        closed_at_ms=opened + 30_000 if closed else None,
        spent_lamports=SOL,
        received_lamports=SOL + profit + 30_000,
        fee_lamports=10_000,
        tip_lamports=15_000,
        rent_lamports=5_000,
        impact_lamports=2_000_000,
        profit_lamports=profit,
        entry="volume doubled",
        exit="trailing stop",
        regime="EARLY" if number % 2 else "ESTABLISHED",
    )


def result(
    profits: list[int], *, symbol: str = "BONK", name: str = "one", told: tuple[str, ...] = ()
) -> Result:
    trips = tuple(trip(number, profit, symbol) for number, profit in enumerate(profits))
    equity, points = 20 * SOL, []
    for one in trips:
        points.append(EquityPoint(one.opened_at_ms, equity, SOL))
        equity += one.profit_lamports
        points.append(EquityPoint(one.opened_at_ms + 30_000, equity, 0))
    return Result(
        name=name,
        strategy="momentum",
        data="world 7",
        seed=7,
        from_ms=1_700_000_000_000,
        to_ms=1_700_000_600_000,
        settings={"momentum.size_lamports": 5_000_000},
        journal_hash="ab" * 32,
        start_lamports=20 * SOL,
        end_lamports=equity,
        counts=Counts(events=1_000, emitted=len(trips) * 2, landed=len(trips) * 2),
        refusals={"SLIPPAGE": 3},
        trips=trips,
        equity=tuple(points),
        evidence=evidence(profits, random.Random(1), rounds=50),
        told=told,
    )


class Outside(HTMLParser):
    """Everything by which a page could reach beyond itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [
            f"{tag} {name}"
            for name, value in attrs
            if name in {"src", "href", "onload", "onclick"} and not (value or "").startswith("data:text/csv;")
        ]


def test_the_report_needs_nothing_from_outside_and_runs_nothing() -> None:
    reader = Outside()
    reader.feed(page(result([SOL // 100] * 40)))
    assert not reader.found and "script" not in reader.tags and "svg" in reader.tags


def test_a_symbol_from_a_stranger_stays_text() -> None:
    told = page(result([5, -5], symbol='<script>alert("x")</script>'))
    assert "<script" not in told and "&lt;script&gt;" in told


def test_few_round_trips_are_told_so_in_words_instead_of_figures() -> None:
    told = page(result([1_000_000] * 5))
    assert "Not enough data: 5 closed round trips" in told and "Sharpe" not in told


def test_many_round_trips_come_with_their_intervals() -> None:
    chance = random.Random(2)
    told = page(result([int(chance.gauss(1e6, 5e6)) for _ in range(60)]))
    assert "Deflated Sharpe" in told and "90 % sure" in told


def test_the_cost_bars_start_and_end_where_the_money_did() -> None:
    told = page(result([1_000_000, -500_000]))
    # 2 x (0.002 impact + 0.00001 + 0.000015 + 0.000005) above a profit of 0.0005
    assert "0.00456 SOL" in told and "0.0005 SOL" in told


def test_what_the_run_must_say_about_itself_is_on_the_page() -> None:
    assert "impact not carried: 3 pools" in page(result([1], told=("impact not carried: 3 pools",)))


def test_two_runs_stand_side_by_side() -> None:
    told = comparison([result([1_000_000] * 3, name="first"), result([-1_000_000] * 3, name="second")])
    assert "<th>first</th><th>second</th>" in told
    assert "+0.003" in told and "-0.003" in told


def test_a_result_survives_its_json() -> None:
    one = result([3, -1, 2])
    assert msgspec.json.decode(msgspec.json.encode(one), type=Result) == one


def test_an_empty_run_has_a_report_too() -> None:
    nothing = msgspec.structs.replace(result([]), evidence=evidence([], random.Random(1)))
    assert "Not enough data" in page(nothing)


def test_long_lines_keep_their_extremes() -> None:
    points = [(float(x), 0.0) for x in range(50_000)]
    points[31_234] = (31_234.0, 99.0)
    drawn = line(points, title="t", unit="SOL")
    assert drawn.count("L") < POINTS_MAX * 2 and "99" in drawn
    assert drawn.count(" 14.2L") == 1  # the peak, a hundredth below the axis' 100


@pytest.mark.parametrize("values", [[], [("a", 0.0)], [("a", -1.0), ("b", 2.0)]])
def test_bars_of_anything_are_drawn_or_said_to_be_missing(values: list[tuple[str, float]]) -> None:
    drawn = bars(values, title="t", unit="SOL")
    assert drawn.count("<rect") == len(values) and ("Not enough data" in drawn) == (not values)


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (19.98, 57.04, ["10", "20", "30", "40", "50", "60"]),
        (0.0, 0.3, ["0", "0.1", "0.2", "0.3"]),
        (-8.84, 0.0, ["-10", "-8", "-6", "-4", "-2", "0"]),
        (5.0, 5.0, ["5", "6"]),
        (1e-9, 3e-9, ["1e-09", "1.5e-09", "2e-09", "2.5e-09", "3e-09"]),
    ],
)
def test_axes_have_round_numbers_that_hold_all_values(low: float, high: float, told: list[str]) -> None:
    drawn = line([(0.0, low), (600.0, high)], title="t", unit="SOL")
    assert re.findall(r'class="axis"[^>]*>([^<]*)<', drawn) == told
    assert re.findall(r'class="time"[^>]*>([^<]*)<', drawn) == ["2 min", "4 min", "6 min", "8 min"]


def test_what_lies_under_the_pointer_is_told_without_a_script() -> None:
    drawn = line([(float(x), x / 10) for x in range(50)], title="t", unit="SOL")
    assert "<title>20 s: 2 SOL</title>" in drawn


def test_the_tables_of_a_page_can_be_taken_away_and_hold_no_formula() -> None:
    told = page(result([3, -1, 2], symbol="=HYPERLINK(1)"))
    tables = [b64decode(found).decode() for found in re.findall(r"data:text/csv;base64,([^\"]*)", told)]
    trips, equity = (list(csv.DictReader(StringIO(table))) for table in tables)
    assert [int(row["profit_lamports"]) for row in trips] == [3, -1, 2] and len(equity) == 6
    assert trips[0]["symbol"] == "'=HYPERLINK(1)"


def test_an_address_in_the_place_of_a_symbol_shows_both_ends_and_keeps_the_whole() -> None:
    mint = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
    told = page(result([1, 2], symbol=mint))
    assert f'<span title="{mint}">7xKXtg…gAsU</span>' in told


def test_runs_that_are_compared_share_one_chart() -> None:
    told = comparison([result([1_000_000] * 3, name="first"), result([-1_000_000] * 3, name="<second>")])
    assert told.count("<svg") == 1 and told.count('class="line series-') == 2
    assert '<span class="key series-1">&lt;second&gt;</span>' in told
