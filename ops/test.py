"""Runs the whole suite: the dashboard's unit tests, then pytest; exit code 0 only where nothing failed.

Ends by naming every skipped test with its reason, and with one line that counts both halves.
Arguments go to pytest, which then runs alone.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORKERS = 3
"""One more than the cores that are promised: houses, kills and browsers mostly wait for a chain's next slot."""
CANNOT_RUN = 3
"""What web_test.sh says where there is no Node or the dashboard was not installed."""


class Tally:
    """A pytest plugin that counts outcomes, each test once."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.skipped: list[tuple[str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.counts["failed"] += 1
        elif report.skipped:
            self.counts["skipped"] += 1
            self.skipped.append((report.nodeid, reason(report.longrepr)))
        elif report.when == "call":
            self.counts["passed"] += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.counts["failed"] += 1
        elif report.skipped:
            self.counts["skipped"] += 1
            self.skipped.append((report.nodeid, reason(report.longrepr)))


def reason(longrepr: object) -> str:
    """A skip's reason without its place."""
    return str(longrepr[2]).removeprefix("Skipped: ") if isinstance(longrepr, tuple) else str(longrepr)


def web_tests(tally: Tally) -> None:
    """Runs vitest and adds what it reports; a run without a readable report is one failure."""
    if not (ROOT / "web" / "package.json").exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "vitest.json"
        code = subprocess.run([ROOT / "ops" / "setup" / "web_test.sh", report], check=False).returncode
        if code == CANNOT_RUN:
            tally.counts["skipped"] += 1
            tally.skipped.append(
                ("web: the dashboard's unit tests", "no Node 20.19+ or web/node_modules is missing")
            )
            return
        counts = read_report(report)
    tally.counts += counts
    if code and not counts["failed"]:
        tally.counts["failed"] += 1


def read_report(report: Path) -> Counter[str]:
    """The numbers of vitest itself; a report that is not there or garbled counts as a failure."""
    try:
        numbers = json.loads(report.read_text())
        return Counter(
            passed=int(numbers["numPassedTests"]),
            failed=int(numbers["numFailedTests"]),
            skipped=int(numbers["numPendingTests"]) + int(numbers["numTodoTests"]),
        )
    except (OSError, ValueError, KeyError) as cause:
        print(f"web: vitest left no readable report: {cause!r}", file=sys.stderr)
        return Counter(failed=1)


def main(arguments: list[str]) -> int:
    """The exit code for the shell."""
    tally = Tally()
    if not arguments:
        web_tests(tally)
    # A file that cannot be imported is one failure; the others still have something to say.
    options = ["--rootdir", str(ROOT), "--continue-on-collection-errors"]
    if not arguments:
        options += ["-n", str(WORKERS), "--dist", "loadfile", "--no-loadscope-reorder"]
        options += ["--durations", "15", "--durations-min", "10"]
    code = int(pytest.main([*options, *arguments], plugins=[tally]))
    print()
    for name, why in sorted(tally.skipped):
        print(f"skipped: {name}: {why}")
    counts = tally.counts
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return code or int(counts["failed"] > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
