"""A demo of its own, as a user starts it, and a browser that looks at it."""

import hashlib
import hmac
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from time import monotonic, time
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "src/chimera/control/static/index.html"
UP_WITHIN_S = 90
PATIENCE_MS = 30_000  # a page beside other tests on a small machine; nothing waits that long when all is well
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Demo:
    url: str
    key: str
    folder: Path
    rpc: str
    """Of the embedded chain."""

    @property
    def link(self) -> str:
        """What the demo prints: the address with the key behind #."""
        return f"{self.url}#key={self.key}"

    def get(self, path: str) -> dict:
        request = Request(f"{self.url}api/v1{path}", headers={"Authorization": f"Bearer {self.key}"})
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def change(self, changes: dict[str, Any], reason: str) -> None:
        """Puts settings into force."""
        self.put("/config", {"changes": changes, "reason": reason})

    def put(self, path: str, body: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = Request(f"{self.url}api/v1{path}", json.dumps(body).encode(), headers, method="PUT")
        with urlopen(request, timeout=60) as answer:
            assert answer.status in {200, 202}

    def call(self, method: str, *params: Any) -> Any:
        """What the embedded chain's RPC answers."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        with urlopen(Request(self.rpc, body, {"Content-Type": "application/json"}), timeout=60) as answer:
            told = json.load(answer)
        assert "error" not in told, told
        return told["result"]

    def signal(self, body: bytes) -> int:
        """Sends a rightly signed body to the webhook; returns the status."""
        secret = next(self.folder.glob("**/webhook.secret")).read_text().strip()
        now = str(int(time()))
        seal = hmac.new(secret.encode(), now.encode() + body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Timestamp": now, "X-Signature": seal}
        try:
            with urlopen(Request(f"{self.url}api/v1/webhook", body, headers), timeout=30) as answer:
                return answer.status
        except HTTPError as refused:
            return refused.code


@dataclass
class Watched:
    """A page, and what its browser complained about."""

    page: object
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    if not BUILT.is_file():
        pytest.skip("needs the built dashboard: make setup")
    folder = tmp_path_factory.mktemp("demo")
    command = [
        sys.executable,
        "-m",
        "chimera",
        "demo",
        "--headless",
        "--port",
        "0",
        "--data-dir",
        str(folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield _announced(process, folder)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _announced(process: subprocess.Popen, folder: Path) -> Demo:
    """Reads what the demo prints until it names the dashboard; goes on reading, so that the pipe never fills."""
    lines: Queue[str] = Queue()
    threading.Thread(target=lambda: [lines.put(line) for line in process.stdout], daemon=True).start()
    said, ends = [], monotonic() + UP_WITHIN_S
    while monotonic() < ends:
        try:
            said.append(lines.get(timeout=0.5))
        except Empty:
            if process.poll() is not None:
                break
            continue
        found = re.search(r"(http://127\.0\.0\.1:\d+/)#key=(\S+)", said[-1])
        if found:
            chain = re.search(r"embedded chain: RPC (http://[\d.:]+)", "".join(said))
            return Demo(*found.groups(), folder, chain[1] if chain else "")
    pytest.fail("the demo named no dashboard:\n" + "".join(said[-30:]))


PATIENT = {
    "stop_loss_bps": 9_900,
    "first_target_bps": 10_000_000,
    "trailing_from_bps": 10_000_000,
    "time_exit_s": 3_600,
}


@pytest.fixture
def patient(demo: Demo) -> Iterator[Demo]:
    """The demo while it holds on to what it buys: a person, or a busy machine, has time to act on a position."""
    before = {item["key"]: item["value"] for item in demo.get("/config/settings")["items"]}
    wanted: dict[str, Any] = {"copy_trade.copy_sells": False}
    for style in ("shield", "spear"):
        wanted |= {f"copy_trade.{style}.{name}": value for name, value in PATIENT.items()}
    demo.change(wanted, "time to look, for a test")
    yield demo
    demo.change({key: before[key] for key in wanted}, "the test is over")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[object]:
    playwright = pytest.importorskip("playwright.sync_api")
    playwright.expect.set_options(timeout=PATIENCE_MS)
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def desk(browser) -> Iterator[Watched]:
    yield from _watched(browser, width=1440, height=900)


@pytest.fixture
def phone(browser) -> Iterator[Watched]:
    yield from _watched(browser, width=390, height=844)


def _watched(browser, **size: int) -> Iterator[Watched]:
    context = browser.new_context(viewport=size, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    watched = Watched(context.new_page())
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    watched.page.on(
        "console", lambda said: watched.complaints.append(said.text) if said.type == "error" else None
    )
    yield watched
    context.close()
