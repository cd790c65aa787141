"""The product's first promise: one command, no key, no network, and a real round trip."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_demo_closes_a_round_trip_and_its_books_equal_the_chain(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "chimera", "demo", "--seed", "7", "--for", "50", "--json", "--port", "0",
         "--data-dir", str(tmp_path)],
        capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.stdout.strip(), done.stderr[-3_000:]
    summary = json.loads(done.stdout.strip().splitlines()[-1])
    assert done.returncode == 0, (summary, done.stderr[-3_000:])
    assert summary["closed"] >= 1
    assert summary["confirmed"] >= 2
    assert summary["ledger_matches_chain"] is True
    assert summary["first_round_trip_s"] < 60
    assert summary["dashboard"].startswith("http://127.0.0.1:")
    verified = subprocess.run(
        [sys.executable, "-m", "chimera", "journal", "verify", "--data-dir", str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert verified.returncode == 0, verified.stderr
