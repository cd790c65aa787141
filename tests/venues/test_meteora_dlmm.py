"""Meteora DLMM as a venue: recorded answers of the real program."""

import gzip
import json
from pathlib import Path

import pytest

from chimera.cases import run_instruction_cases, run_quote_cases
from chimera.venues.meteora_dlmm import VENUE

SHARED = Path(__file__).parents[3] / "shared" / "vectors"


def test_every_recorded_quote_is_the_real_programs() -> None:
    path = SHARED / "quotes" / "meteora_dlmm.jsonl.gz"
    if not path.exists():
        pytest.skip("287 cases of ../shared/vectors/quotes/meteora_dlmm.jsonl.gz are not here")
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert len(rows) == 287
    answers = [json.loads(line) for line in run_quote_cases(path, {"meteora_dlmm": VENUE})]
    for row, answer in zip(rows, answers, strict=True):
        assert answer["id"] == row["id"]
        assert answer.get("ok") == row["expect"].get("ok"), (row["id"], row["tag"], answer, row["expect"])
        assert ("error" in answer) is ("error" in row["expect"])


def test_every_recorded_instruction_is_built_byte_for_byte() -> None:
    path = SHARED / "instructions" / "meteora_dlmm.jsonl"
    if not path.exists():
        pytest.skip("15 cases of ../shared/vectors/instructions/meteora_dlmm.jsonl are not here")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    answers = [json.loads(line) for line in run_instruction_cases(path, {"meteora_dlmm": VENUE})]
    assert len(rows) == 15
    for row, answer in zip(rows, answers, strict=True):
        assert answer == {"id": row["id"], **row["expect"]}
