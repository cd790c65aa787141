"""`chimera recordings ...` as people type it: what it prints, and what it says of bad input."""

import json
import sys
from pathlib import Path

import polars as pl
import pytest

from chimera.adapters.recording_folder import segments
from chimera.adapters.recording_seal import seal
from chimera.adapters.recording_writer import RecordingLimits, RecordingWriter
from chimera.cli import main
from chimera.domain.ids import WSOL, Signature, Slot
from chimera.domain.market import MarketEvent, SlotAdvanced, Trade
from chimera.domain.pool import Swap
from chimera.domain.record import Maker
from chimera.domain.recording import Bootstrapped, Observed, RecordingBroken
from chimera.testing.builders import AT_MS, BONK, address

MAKER = Maker(component="market-data", build="t", run_id="r")
LIMITS = RecordingLimits(
    segment_records=5, segment_bytes=1 << 30, segment_ms=1 << 40, keep_bytes=0, keep_days=0
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    messages: list[Observed | MarketEvent] = [Observed(Bootstrapped(Slot(1)), AT_MS)]
    for number in range(12):
        swap = Swap(
            "raydium_cpmm", address("pool"), address("user"), WSOL, BONK, 1_000, 2_000 + number,
            Signature(f"s{number}"), Slot(number), 1,
        )  # fmt: skip
        messages += [
            SlotAdvanced(Slot(number), AT_MS + number * 1_000),
            Trade(swap, AT_MS + number * 1_000),
        ]
    messages.append(Observed(RecordingBroken("a pause", 3), AT_MS + 20_000))
    writer = RecordingWriter(tmp_path / "data" / "recording", maker=MAKER, limits=LIMITS)
    for message in messages:
        if writer.append([writer.encode(message)], at_ms=message.at_ms).full:
            sealed = writer.rotate()
            assert sealed is not None
            seal(sealed)
    writer.close()
    return tmp_path / "data" / "recording"


def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object
) -> tuple[int, str, str]:
    """(exit code, standard output, standard error)."""
    monkeypatch.setattr(sys, "argv", ["chimera", *map(str, words)])
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    said = capsys.readouterr()
    return code, said.out, said.err


def test_list_finds_recordings_below_and_tells_their_span(folder, monkeypatch, capsys) -> None:
    code, out, _ = typed(monkeypatch, capsys, "recordings", "list", folder.parents[1])
    assert code == 0
    assert str(folder) in out
    assert "26 records" in out and "with gaps" in out
    _, out, _ = typed(monkeypatch, capsys, "recordings", "list", folder, "--json")
    assert json.loads(out)["records"] == 26


def test_show_prints_json_lines_of_what_was_asked_for(folder, monkeypatch, capsys) -> None:
    since = AT_MS / 1_000 + 5
    code, out, _ = typed(
        monkeypatch, capsys, "recordings", "show", folder, "--kind", "Trade", "--from", since, "--limit", 2
    )
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line["item"]["swap"]["signature"] for line in lines] == ["s5", "s6"]
    _, out, _ = typed(monkeypatch, capsys, "recordings", "show", folder, "--from", since, "--limit", 1)
    assert json.loads(out)["ts_unix_ms"] == AT_MS + 5_000
    _, out, _ = typed(monkeypatch, capsys, "recordings", "show", folder, "--counts")
    assert dict(reversed(line.split()) for line in out.splitlines()) == {
        "Trade": "12", "SlotAdvanced": "12", "Bootstrapped": "1", "RecordingBroken": "1",
    }  # fmt: skip


def test_verify_tells_gaps_and_fails_for_damage(folder, monkeypatch, capsys) -> None:
    code, out, _ = typed(monkeypatch, capsys, "recordings", "verify", folder)
    assert code == 0
    assert "a pause (3 lost)" in out and "ok: 26 records" in out
    path = segments(folder)[1]
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 3] ^= 255
    path.write_bytes(whole)
    code, _, err = typed(monkeypatch, capsys, "recordings", "verify", folder)
    assert code == 1
    assert path.name in err and "Traceback" not in err


def test_export_writes_json_lines_and_tables(folder, monkeypatch, capsys, tmp_path) -> None:
    for name, table, rows in (("a.jsonl", "trades", 24), ("a.parquet", "trades", 12), ("a.csv", "slots", 12)):
        out = tmp_path / name
        code, said, _ = typed(
            monkeypatch, capsys, "recordings", "export", folder, "--out", out, "--table", table
        )
        assert (code, said) == (0, f"{rows} rows in {out}\n")
    assert pl.read_parquet(tmp_path / "a.parquet")["amount"].to_list() == list(range(2_000, 2_012))
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 13
    assert json.loads((tmp_path / "a.jsonl").read_text().splitlines()[0])["kind"] == "SlotAdvanced"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "nowhere"), "no recording in nowhere"),
        (("list", "nowhere"), "no recording in nowhere or below"),
        (("show", "{folder}", "--from", "yesterday"), "is no time"),
        (("export", "{folder}", "--out", "x.xlsx"), ".jsonl, .parquet or .csv"),
        (("export", "{folder}", "--out", "x.csv", "--table", "fills"), "trades, pools, mints, slots, gaps"),
        (("export", "{folder}", "--out", "no/such/folder/x.csv"), "no/such/folder"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(folder, monkeypatch, capsys, words, said) -> None:
    code, out, err = typed(monkeypatch, capsys, "recordings", *(word.format(folder=folder) for word in words))
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1
